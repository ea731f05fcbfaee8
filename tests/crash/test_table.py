"""The crash tests execute every command there is, or say why not; and what they execute works."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.crash import table
from tests.crash.calls import Failure
from tests.crash.generate import Generator
from tests.crash.model import Model, Unit
from tests.crash.table import Row

DATABASES = (2, 3)
CALLS = 30_000  # of any command
SUCCEED_MIN = 0.03  # of the calls of a command that writes

ROWS = table.load_table()


@pytest.fixture(scope="module")
def succeeded() -> dict[str, float]:
    """The share of calls that were no error, by command."""
    model = Model({}, DATABASES)
    rows = [row for row in ROWS if not row.left_out]
    generator = Generator(rows, random.Random(1), DATABASES)
    calls: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for _ in range(CALLS):
        row = generator.row()
        (result,) = model.run(Unit((row,), (generator.call(row),)))
        calls[row.name] += 1
        done[row.name] += not isinstance(result, Failure)
    model.close()
    return {name: done[name] / count for name, count in calls.items()}


def test_every_command_is_called_or_left_out_for_a_reason(succeeded: dict[str, float]) -> None:
    for row in ROWS:
        assert bool(row.left_out) != (row.name in succeeded), row


def test_every_command_that_writes_succeeds_at_times(succeeded: dict[str, float]) -> None:
    rare = {
        row.name: succeeded[row.name]
        for row in ROWS
        if row.writes and not row.left_out and succeeded[row.name] < SUCCEED_MIN
    }
    assert not rare


def test_commands_are_also_called_with_what_is_an_error(succeeded: dict[str, float]) -> None:
    assert any(share < 1 for share in succeeded.values())


def test_no_write_is_left_out_but_by_a_rule_or_by_name() -> None:
    """A reader of this test sees what the crash tests do not write: what is for debugging."""
    assert [row.name for row in ROWS if row.writes and row.left_out] == ["pfdebug"]


def test_a_listed_command_exists_and_the_rules_alone_would_decide_otherwise() -> None:
    by_name = {row.name: row for row in ROWS}
    for name in table.LEFT_OUT:
        assert not any(holds(by_name[name]) for _, holds in table.RULES), name
    for name in table.ADMITTED:
        assert any(holds(by_name[name]) for _, holds in table.RULES), name
    for name in table.OF_OWN_DATABASES:
        assert by_name[name].writes and not by_name[name].keyed, name


def test_a_clients_calls_name_no_database_of_another() -> None:
    """What ends in a state that two clients wrote could not be compared with either's model."""
    rows = [row for row in ROWS if not row.left_out and not row.alone]
    generator = Generator(rows, random.Random(2), DATABASES)
    model = Model({}, range(16))
    for _ in range(5000):
        row = generator.row()
        model.run(Unit((row,), (generator.call(row),)))
        if row.name == "select":  # what follows must be in one of its databases
            model.run(Unit((row,), ((b"SELECT", b"2"),)))
    # Its first database, before any SELECT, is the one that a new connection has: 0.
    assert {database for database, _ in model.state()} <= {0, *DATABASES}
    model.close()


def test_a_new_command_takes_part_by_its_arguments_and_flags() -> None:
    arguments = (
        {"name": "numkeys", "type": "integer"},
        {"name": "key", "type": "key", "flags": ["multiple"]},
        {"name": "where", "type": "oneof", "arguments": [
            {"name": "left", "type": "pure-token", "token": "LEFT"},
            {"name": "right", "type": "pure-token", "token": "RIGHT"},
        ]},
        {"name": "data", "type": "block", "flags": ["multiple"], "arguments": [
            {"name": "score", "type": "double"}, {"name": "member", "type": "string"},
        ]},
        {"name": "id", "type": "integer", "token": "ID", "flags": ["multiple", "multiple_token"]},
    )  # fmt: skip
    row = Row(
        "new", frozenset({"write"}), frozenset(), frozenset(), keyed=True, container=False,
        group="list", arguments=arguments,
    )  # fmt: skip
    assert not row.left_out
    generator = Generator([row], random.Random(3), DATABASES)
    for _ in range(100):
        name, count, *words = generator.call(generator.row())
        assert name == b"new"
        where, *rest = words[int(count) :]
        assert where in (b"LEFT", b"RIGHT")
        at = rest.index(b"ID")
        assert at % 2 == 0 and at > 0
        assert rest[at::2] == [b"ID"] * (len(rest[at:]) // 2)
