"""Every row of the command table is documented, and executed by a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbx._core import Engine, command_table

TESTS = Path(__file__).parent

# Redis gives no complexity for these either: COMMAND DOCS would differ.
WITHOUT_COMPLEXITY = {"lolwut"}


def _rows() -> Iterator[dict[str, Any]]:
    """What can be called: commands, and the subcommands of containers."""
    Engine(None, {}).close()  # the table is filled when an engine opens
    for row in command_table():
        yield from row["subcommands"]
        if row["syntax"] is not None or not row["subcommands"]:
            yield row


ROWS = list(_rows())


def _constants(nodes: list[ast.expr]) -> str:
    """The first strings in a row among a call's or sequence's elements, as one text."""
    words: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append(node.value)
        elif words:
            break
    return " ".join(words)


@pytest.fixture(scope="module")
def said() -> set[str]:
    """All that tests may say to a database: strings, strings in a row, and names of methods."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Call):
                found.add(_constants(node.args))
                if isinstance(node.func, ast.Attribute):  # r.object("idletime", key)
                    found.add(f"{node.func.attr.replace('_', ' ')} {_constants(node.args)}")
            elif isinstance(node, ast.List | ast.Tuple):
                found.add(_constants(node.elts))
            elif isinstance(node, ast.Attribute):
                found.add(node.attr.replace("_", " "))
    return {" ".join(text.upper().split()) for text in found}


def _name(row: dict[str, Any]) -> str:
    return str(row["name"])


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_command_has_all_that_its_documentation_needs(row: dict[str, Any]) -> None:
    for field in ("summary", "since", "group"):
        assert row[field], f"{row['name']} has no {field}"
    assert row["syntax"] is not None
    assert row["complexity"] or row["name"] in WITHOUT_COMPLEXITY


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_test_executes_the_command(row: dict[str, Any], said: set[str]) -> None:
    name = row["name"].upper()
    spellings = {name, name.replace("-", " ")}  # client_no_evict is a method
    assert any(
        text == spelling or text.startswith(f"{spelling} ")
        for text in said
        for spelling in spellings
    ), f"no test uses {row['name']}"
