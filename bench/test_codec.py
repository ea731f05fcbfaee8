"""pytest-benchmark over the codec cases: `python -m pytest bench/test_codec.py`."""

from __future__ import annotations

from typing import Any

import pytest

from bench import cases, packing

CASES = {case.name: case for case in cases.codec()}
PACKING = {case.name: case for case in packing.cases()}


@pytest.mark.parametrize("contender", ["dbx", "hiredis"])
@pytest.mark.parametrize("name", CASES)
def test_codec(benchmark: Any, name: str, contender: str) -> None:
    benchmark.group = name
    benchmark(CASES[name].runs[contender])


@pytest.mark.parametrize("contender", ["dbx", "msgpack"])
@pytest.mark.parametrize("name", PACKING)
def test_packing(benchmark: Any, name: str, contender: str) -> None:
    benchmark.group = name
    benchmark(PACKING[name].runs[contender])
