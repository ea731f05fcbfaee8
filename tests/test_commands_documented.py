"""Every row of the command table is documented, and executed by a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbx._core import Engine, command_table

TESTS = Path(__file__).parent


def _flat(table: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in table:
        yield row
        yield from row["subcommands"]


def _table() -> list[dict[str, Any]]:
    Engine(None, {}).close()  # the table is filled when an engine opens
    return list(_flat(command_table()))


ROWS = _table()


def _test_sources() -> str:
    """The behaviour tests' text, quotes and commas made blanks, so that words meet."""
    texts = [path.read_text() for path in (TESTS / "commands").glob("test_*.py")]
    return re.sub(r"[\"',()\[\]]+", " ", "\n".join(texts)).upper()


@pytest.fixture(scope="module")
def sources() -> str:
    return re.sub(r"[ \t]+", " ", _test_sources())


def _name(row: dict[str, Any]) -> str:
    return str(row["name"])


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_command_has_all_that_its_documentation_needs(row: dict[str, Any]) -> None:
    for field in ("summary", "since", "complexity", "group"):
        assert row[field], f"{row['name']} has no {field}"
    assert row["syntax"] is not None or row["subcommands"]


def _required(syntax: str) -> int:
    """How many arguments a syntax asks for: words outside of [optional] parts, one of <a | b>."""
    text = syntax
    while "[" in text:
        text = re.sub(r"\[[^\[\]]*\]", " ", text)
    while "<" in text:
        text = re.sub(r"<([^<>|]*)[^<>]*>", r" \1 ", text)
    return len(re.sub(r"\|\s*\S+", " ", text).split())


@pytest.mark.parametrize("row", [row for row in ROWS if not row["subcommands"]], ids=_name)
def test_a_commands_arity_is_that_of_its_syntax(row: dict[str, Any]) -> None:
    syntax = row["syntax"] or ""
    count = len(row["name"].split()) + _required(syntax)
    assert abs(row["arity"]) == count, f"{row['name']} {syntax}"
    assert (row["arity"] < 0) == bool(re.search(r"[\[]|\.\.\.", syntax)), f"{row['name']} {syntax}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_test_executes_the_command(row: dict[str, Any], sources: str) -> None:
    words = re.escape(row["name"].upper()).replace(r"\ ", r"\s+")
    method = row["name"].replace(" ", "_").replace("-", "_").upper()
    used = re.search(rf"(?<![\w-]){words}(?![\w-])|\.{method}\b", sources)
    assert used, f"no test uses {row['name']}"
