"""MEMORY: what a key takes in the database file, and the server in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, error
from tests.commands.test_dump import fill

pytestmark = pytest.mark.tiny_buffer


def test_memory_usage_follows_what_a_key_holds(r: Any) -> None:
    assert r.execute_command("MEMORY USAGE", "k") is None
    for key in fill(r):
        some = r.execute_command("MEMORY USAGE", key, "SAMPLES", 50)
        all_of_it = r.execute_command("MEMORY USAGE", key, "SAMPLES", 0)
        assert 0 < some < 4 * all_of_it and all_of_it < 6 * some, key
        assert r.execute_command("MEMORY USAGE", key) > 0
    assert r.execute_command("MEMORY USAGE", "noise") > 200_000
    assert r.execute_command("MEMORY USAGE", "list:long") > 170_000
    assert r.execute_command("MEMORY USAGE", "set:numbers:1500") > 1500 * 4
    for arguments, text in (
        (["SAMPLES"], SYNTAX), (["SAMPLES", -1], SYNTAX), (["SAMPLES", "x"], NOT_AN_INTEGER),
        (["NO", 1], SYNTAX),
    ):  # fmt: skip
        assert error(r, "MEMORY USAGE", "k", *arguments) == text


def test_memory_stats_add_up(r: Any) -> None:
    r.execute_command("MSET", "a", 1, "b", 2)
    stats = r.execute_command("MEMORY STATS")
    stats = {name.decode() if isinstance(name, bytes) else name: v for name, v in stats.items()}
    assert stats["keys.count"] == 2
    assert 0 < stats["total.allocated"] <= stats["peak.allocated"]
    assert stats["dataset.bytes"] + stats["overhead.total"] == stats["total.allocated"]
    assert 0 <= float(stats["dataset.percentage"]) <= 100


def test_what_else_there_is_replies(r: Any) -> None:
    assert r.execute_command("MEMORY PURGE") in (b"OK", True)
    assert r.execute_command("MEMORY DOCTOR")
    assert r.execute_command("MEMORY MALLOC-STATS")
    assert b"USAGE <key> [SAMPLES <count>]" in r.execute_command("MEMORY HELP")
    assert "unknown subcommand" in error(r, "MEMORY", "NO")
