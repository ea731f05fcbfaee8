"""The model of what a client must find: an engine in memory that executes what the client sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from dbx import DBX, _core
from dbx.config import open_settings
from tests.crash.calls import Failure, execute
from tests.crash.state import TOLERANCE_MS, State, read
from tests.crash.table import Row
from tests.differential.words import Command
from tests.support.resp import Reply

FAR_AWAY = 10**5  # seconds or milliseconds: no other number that says when, or for how long
WITH_TIMES = {"keyinfo", "xinfo|stream"}  # their replies say when something happened


class Group(Enum):
    """How commands are made one: by the API, or by MULTI and the word that ends it."""

    PIPELINE = "pipeline"
    EXEC = "EXEC"
    DISCARD = "DISCARD"


class Unit(NamedTuple):
    """What is there as a whole or not at all: a command, or several in one transaction."""

    rows: tuple[Row, ...]
    commands: tuple[Command, ...]
    group: Group | None = None

    @property
    def together(self) -> bool:
        """Whether the API is told that the commands are one; otherwise what is sent says so."""
        return self.group is Group.PIPELINE

    @property
    def sent(self) -> tuple[Command, ...]:
        if self.group in (None, Group.PIPELINE):
            return self.commands
        return ((b"MULTI",), *self.commands, (self.group.value.encode(),))

    def __repr__(self) -> str:
        text = "; ".join(" ".join(repr(word) for word in command) for command in self.commands)
        return f"{self.group.value} [{text}]" if self.group else text


Results = list[Any]  # one for each command that was sent for a unit


class Model:
    """`parsers` are those of the API that the replies to be compared come from."""

    def __init__(self, parsers: dict[str, Callable[..., Any]], databases: Sequence[int]) -> None:
        self._engine = _core.Engine(None, open_settings({}))
        self._parsers = parsers
        self.databases = databases
        self._reader = self._session({})
        self.begin()

    def _session(self, parsers: dict[str, Callable[..., Any]]) -> DBX:
        return DBX(self._engine, _core.Caller(self._engine, parsers, per_thread=False))

    def begin(self) -> None:
        """begin is a new connection."""
        self._client = self._session(self._parsers)

    def run(self, unit: Unit) -> Results:
        return execute(self._client, unit.sent, unit.together)

    def state(self) -> State:
        return read(lambda commands: execute(self._reader, commands, False), self.databases)

    def close(self) -> None:
        self._engine.close()


def from_wire(reply: Reply) -> Any:
    """from_wire is a RESP3 reply as the API without parsers returns it, made comparable."""
    tag, value = reply
    if tag in ("error", "blob-error"):
        return Failure(value.decode(errors="replace"))
    if tag == "map":
        return {from_wire(key): from_wire(each) for key, each in value}
    if tag == "set":
        return sorted(map(from_wire, value), key=repr)
    if tag in ("array", "push"):
        return [from_wire(each) for each in value]
    if tag == "double":
        return float(value)
    return value[4:] if tag == "verbatim" else value


Answer = tuple[Row | None, Command, Any]


def answers(unit: Unit, results: Results) -> list[Answer]:
    """answers are the results with what they answer; no row: QUEUED or the like, always the same.
    EXEC's are the commands' own."""
    if unit.sent == unit.commands:
        return list(zip(unit.rows, unit.commands, results, strict=True))
    found: list[Answer] = [(None, *each) for each in zip(unit.sent, results, strict=True)]
    if unit.group is Group.EXEC and isinstance(results[-1], list):
        found[-1:] = zip(unit.rows, unit.commands, results[-1], strict=True)
    return found


def same_answer(expected: Answer, found: Answer) -> bool:
    row, _, there = expected
    return bool(there == found[2]) if row is None else same_result(row, there, found[2])


def same_result(row: Row, expected: Any, found: Any) -> bool:
    """same_result compares two replies as exactly as the command's tips allow."""
    if expected == found or "admin" in row.flags:  # whether an apply goes on already is timing
        return True
    if "nondeterministic_output" in row.tips:
        return isinstance(expected, Failure) == isinstance(found, Failure)
    if _in_any_order(row) and isinstance(found, list):
        return sorted(expected, key=repr) == sorted(found, key=repr)
    if row.name.endswith(("ttl", "expiretime")) or row.name in WITH_TIMES:
        return _about_same(expected, found)
    return False


def _in_any_order(row: Row) -> bool:
    """SORT's row, like Redis's, does not say that BY nosort leaves a set's members as they lie."""
    return "nondeterministic_output_order" in row.tips or row.name in {"sort", "sort_ro"}


def _about_same(expected: Any, found: Any) -> bool:
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return all(map(_about_same, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        return all(_about_same(expected[name], found[name]) for name in expected)
    if isinstance(expected, int) and isinstance(found, int) and min(expected, found) > FAR_AWAY:
        return abs(expected - found) <= TOLERANCE_MS
    return bool(expected == found)
