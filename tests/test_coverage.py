"""docs/commands/coverage.md tells of every command of Redis 8.0; test_docs.py keeps it current."""

from __future__ import annotations

import pytest

from dbx._core import Engine, command_table
from tests.support.resp import plain
from tests.support.servers import RedisServer
from tools import redis_coverage


@pytest.fixture(scope="module")
def ours() -> set[str]:
    Engine(None, {}).close()  # the table is filled when an engine opens
    return {
        str(row["name"]).replace(" ", "|")
        for top in command_table()
        for row in (top, *top["subcommands"])
    }


def test_the_list_of_names_is_that_of_redis_8(redis8: RedisServer) -> None:
    with redis8.raw() as client:
        names = {name.decode() for name in plain(client.call("COMMAND", "LIST"))}
    assert set(redis_coverage.names()) == names


def test_every_command_is_supported_or_has_a_reason(ours: set[str]) -> None:
    rows = {row.name: row for row in redis_coverage.rows(ours)}
    assert rows.keys() == set(redis_coverage.names())
    assert all(row.why for row in rows.values() if row.state != "supported")
    assert rows["get"].state == "supported"
    assert rows["dbsize"].state == "different"
    assert rows["cluster|slots"].state == "no"


def test_a_command_that_nobody_explains_is_told_of(ours: set[str]) -> None:
    with pytest.raises(LookupError, match="get is neither"):
        list(redis_coverage.rows(ours - {"get"}))


def test_no_reason_is_left_over(ours: set[str]) -> None:
    assert redis_coverage.unused(ours) == []
