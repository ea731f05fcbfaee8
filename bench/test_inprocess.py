"""pytest-benchmark over the in-process cases: `python -m pytest bench/test_inprocess.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench import cases


@pytest.fixture(scope="module")
def inprocess() -> Iterator[dict[str, cases.Case]]:
    with cases.inprocess() as found:
        yield {case.name: case for case in found}


@pytest.mark.parametrize(
    ("name", "contender"),
    [("get", "dbx"), ("get", "lmdb"), ("set", "dbx"), ("set", "lmdb"),
     ("pipeline of 1000 sets", "dbx"), ("pipeline of 1000 sets", "redis-py")],
)  # fmt: skip
def test_inprocess(
    benchmark: Any, inprocess: dict[str, cases.Case], name: str, contender: str
) -> None:
    benchmark.group = name
    benchmark(inprocess[name].runs[contender])
