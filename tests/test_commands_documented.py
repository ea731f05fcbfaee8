"""Every row of the command table is documented, and a test has a client execute it."""

from __future__ import annotations

import ast
import itertools
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


# Of what a client is: the fixtures' names, and what gives one to `with` or an assignment.
CLIENTS = {"r", "client"}
OPENING = {"raw", "client", "open", "pipeline"}
ANY_COMMAND = {"call", "execute_command", "send", "value"}  # methods that are given its name


def _words(nodes: list[ast.expr]) -> list[str]:
    """The strings that a call's arguments begin with."""
    strings = itertools.takewhile(lambda node: isinstance(node, ast.Constant), nodes)
    return [str(node.value) for node in strings]  # type: ignore[attr-defined]


def _is_opening(node: ast.expr | None) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return isinstance(function, ast.Attribute) and function.attr in OPENING


def _clients(function: ast.FunctionDef) -> set[str]:
    """The names that stand for clients in a function."""
    names = {argument.arg for argument in function.args.args} & CLIENTS
    for node in ast.walk(function):
        if isinstance(node, ast.withitem) and _is_opening(node.context_expr):
            bound = node.optional_vars
        elif isinstance(node, ast.Assign) and _is_opening(node.value):
            bound = node.targets[0]
        else:
            continue
        if isinstance(bound, ast.Name):
            names.add(bound.id)
    return names


def _is_client(node: ast.expr, names: set[str]) -> bool:
    """A client, or a pipeline of one with what has been queued. What a command returned is none."""
    if isinstance(node, ast.Name):
        return node.id in names
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "pipeline":
            return _is_client(node.func.value, names)
        node = node.func.value
    return False


def _is_error(call: ast.Call, names: set[str]) -> bool:
    """error(r, ...), of tests.commands.expect."""
    function = isinstance(call.func, ast.Name) and call.func.id == "error"
    return function and bool(call.args) and _is_client(call.args[0], names)


def _said(tree: ast.AST) -> Iterator[str]:
    """The beginnings of commands that clients are made to send."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        names = _clients(function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            if not isinstance(node.func, ast.Attribute):
                if _is_error(node, names):
                    yield " ".join(_words(node.args[1:])).upper()
            elif _is_client(node.func.value, names):
                method = node.func.attr
                first = [] if method in ANY_COMMAND else method.split("_")
                yield " ".join([*first, *_words(node.args)]).upper()


@pytest.fixture(scope="module")
def said() -> set[str]:
    return {
        text for path in TESTS.rglob("test_*.py") for text in _said(ast.parse(path.read_text()))
    }


def test_only_what_a_client_sends_is_a_command() -> None:
    test = """
def test(r):
    found.append("APPEND")
    r.mget("a").append("b")
    r.execute_command("OBJECT FREQ", name)
    error(r, "OBJECT", "FREQ", "k")
    error("TTL", "k")
    r.pipeline().incr("n").copy("a", "b")
    with server.raw() as one:
        one.call("client", "list")
        two.call("echo", "x")
"""
    assert set(_said(ast.parse(test))) == {
        "MGET A", "OBJECT FREQ", "OBJECT FREQ K", "PIPELINE", "INCR N", "COPY A B", "CLIENT LIST"
    }  # fmt: skip


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
