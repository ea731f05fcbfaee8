"""proto-max-bulk-len bounds what APPEND, SETRANGE and LCS may make, as set at that moment, and in
Redis's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.resp import Arg, RawClient, Reply
from tests.support.servers import DbxServer, RedisServer

MB = 1 << 20
TOO_LONG = ("error", b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")

Both = Callable[..., Reply]


@pytest.fixture
def both(redis8: RedisServer, dbx_process: Callable[..., DbxServer]) -> Iterator[Both]:
    """Sends a command to Redis and to DBX and returns the reply that they agree on."""
    with redis8.raw() as real, dbx_process().raw() as ours:

        def call(*args: Arg) -> Reply:
            expected = real.call(*args)
            assert ours.call(*args) == expected, args[:3]
            return expected

        call("FLUSHALL")
        try:
            yield call
        finally:
            reset(real)


def reset(client: RawClient) -> None:
    client.call("CONFIG", "SET", "proto-max-bulk-len", "512mb")
    client.call("FLUSHALL")


def limit(both: Both, size: str) -> None:
    assert both("CONFIG", "SET", "proto-max-bulk-len", size) == ("status", b"OK")


def test_append_and_setrange_end_at_a_lowered_limit(both: Both) -> None:
    limit(both, "1mb")
    assert both("SETRANGE", "k", MB, "x") == TOO_LONG
    assert both("SETRANGE", "k", MB - 1, "xy") == TOO_LONG
    assert both("EXISTS", "k") == ("int", 0)
    assert both("SETRANGE", "k", MB - 1, "x") == ("int", MB)
    assert both("APPEND", "k", "x") == TOO_LONG
    assert both("APPEND", "k", "") == ("int", MB)
    assert both("SETRANGE", "k", 2 * MB, "") == ("int", MB)
    assert both("SETRANGE", "k", 0, "xyz") == ("int", MB)
    assert both("SETRANGE", "k", 2**63 - 1, "x") == TOO_LONG


def test_strings_that_are_longer_already_stay_and_can_be_changed_within(both: Both) -> None:
    both("SETRANGE", "k", 2 * MB, "x")
    limit(both, "1mb")
    assert both("STRLEN", "k") == ("int", 2 * MB + 1)
    assert both("APPEND", "k", "x") == TOO_LONG
    assert both("APPEND", "k", "") == TOO_LONG
    assert both("SETRANGE", "k", 3, "abc") == ("int", 2 * MB + 1)
    assert both("GETRANGE", "k", 2, 6) == ("bulk", b"\0abc\0")


def test_the_limit_can_be_raised_beyond_512_mb(both: Both) -> None:
    assert both("SETRANGE", "k", 512 * MB, "x") == TOO_LONG
    limit(both, "600mb")
    assert both("SETRANGE", "k", 512 * MB, "x") == ("int", 512 * MB + 1)
    assert both("APPEND", "k", "yz") == ("int", 512 * MB + 3)
    assert both("GETRANGE", "k", 512 * MB - 1, -1) == ("bulk", b"\0xyz")


def test_lcs_counts_its_table_against_the_limit(both: Both) -> None:
    both("MSET", "a", "x" * 600, "b", "x" * 600)
    assert both("LCS", "a", "b", "LEN") == ("int", 600)
    limit(both, "1mb")
    both("MSET", "c", "x" * 511, "d", "x" * 510, "e", "x" * 512)
    assert both("LCS", "c", "d", "LEN") == ("int", 510)
    assert both("LCS", "c", "c", "LEN") == ("int", 511)
    assert both("LCS", "c", "e", "LEN")[0] == "error"
    assert both("LCS", "a", "b", "LEN")[0] == "error"
