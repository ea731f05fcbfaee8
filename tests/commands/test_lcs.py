"""LCS: the longest common subsequence, its positions, and its limits."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, arity_error, error

TEXT = ("ohmytext", "mynewtext")


def lcs_length(a: bytes, b: bytes) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b):
            up = row[j + 1]
            row[j + 1] = diagonal + 1 if x == y else max(up, row[j])
            diagonal = up
    return row[-1]


def is_subsequence(part: bytes, whole: bytes) -> bool:
    rest = iter(whole)
    return all(byte in rest for byte in part)


@pytest.fixture
def pair(r: Any) -> Any:
    r.mset({"a": TEXT[0], "b": TEXT[1]})
    return r


def index(r: Any, *options: Any) -> tuple[list[Any], int]:
    """index returns matches and length of LCS a b IDX, which is a map or a flat list."""
    reply = r.execute_command("LCS", "a", "b", "IDX", *options)
    if isinstance(reply, dict):
        items = {k.decode() if isinstance(k, bytes) else k: v for k, v in reply.items()}
    else:
        items = {reply[i].decode(): reply[i + 1] for i in range(0, len(reply), 2)}
    assert list(items) == ["matches", "len"]
    return items["matches"], items["len"]


def test_lcs_returns_the_subsequence(pair: Any) -> None:
    assert pair.execute_command("LCS", "a", "b") == b"mytext"
    assert pair.execute_command("LCS", "b", "a") == b"mytext"


def test_lcs_len_returns_its_length(pair: Any) -> None:
    assert pair.execute_command("LCS", "a", "b", "LEN") == 6
    assert pair.execute_command("LCS", "a", "b", "LEN", "WITHMATCHLEN", "MINMATCHLEN", 3) == 6


def test_lcs_idx_returns_runs_from_the_end(pair: Any) -> None:
    assert index(pair) == ([[[4, 7], [5, 8]], [[2, 3], [0, 1]]], 6)


def test_lcs_idx_can_leave_out_short_runs_and_tell_lengths(pair: Any) -> None:
    assert index(pair, "MINMATCHLEN", 4) == ([[[4, 7], [5, 8]]], 6)
    assert index(pair, "MINMATCHLEN", 9) == ([], 6)
    assert index(pair, "MINMATCHLEN", -1) == ([[[4, 7], [5, 8]], [[2, 3], [0, 1]]], 6)
    assert index(pair, "withmatchlen") == ([[[4, 7], [5, 8], 4], [[2, 3], [0, 1], 2]], 6)


def test_lcs_of_a_missing_key_is_that_of_the_empty_string(r: Any) -> None:
    r.set("a", "abc")
    assert r.execute_command("LCS", "a", "none") == b""
    assert r.execute_command("LCS", "none", "a", "LEN") == 0
    assert index(r) == ([], 0)


def test_lcs_of_equal_strings_is_the_string(r: Any) -> None:
    r.mset({"a": "same", "b": "same"})
    assert r.execute_command("LCS", "a", "b") == b"same"
    assert r.execute_command("LCS", "a", "a") == b"same"
    assert index(r) == ([[[0, 3], [0, 3]]], 4)


def test_lcs_agrees_with_a_model(r: Any) -> None:
    rng = random.Random(5)
    for _ in range(30):
        a, b = (bytes(rng.choices(b"abc", k=rng.randrange(60))) for _ in range(2))
        r.mset({"a": a, "b": b})
        text = r.execute_command("LCS", "a", "b")
        assert len(text) == lcs_length(a, b) == r.execute_command("LCS", "a", "b", "LEN")
        assert is_subsequence(text, a) and is_subsequence(text, b)
        matches, length = index(r, "WITHMATCHLEN")
        assert length == len(text) == sum(run[2] for run in matches)
        for (a_from, a_to), (b_from, b_to), n in matches:
            assert a[a_from : a_to + 1] == b[b_from : b_to + 1]
            assert a_to - a_from + 1 == n == b_to - b_from + 1


def test_lcs_of_ties_is_decided_as_redis_does_it(r: Any) -> None:
    r.mset({"a": "abcab", "b": "bacba"})
    assert r.execute_command("LCS", "a", "b") == b"bab"
    assert r.execute_command("LCS", "b", "a") == b"aba"
    assert index(r) == ([[[4, 4], [3, 3]], [[3, 3], [1, 1]], [[1, 1], [0, 0]]], 3)


def test_lcs_of_long_strings_reads_them_in_pieces(r: Any) -> None:
    r.mset({"a": b"x" * 100_000 + b"needle" + b"y" * 100_000, "b": b"--needle--"})
    assert r.execute_command("LCS", "a", "b") == b"needle"
    assert r.execute_command("LCS", "b", "a") == b"needle"


def test_lcs_refuses_what_would_take_too_much_memory(r: Any) -> None:
    r.setrange("a", 20_000, "x")
    assert error(r, "LCS", "a", "a") == (
        "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
    )


def test_lcs_errors(pair: Any) -> None:
    both = "If you want both the length and indexes, please just use IDX."
    assert error(pair, "LCS", "a", "b", "LEN", "IDX") == both
    assert error(pair, "LCS", "a", "b", "FOO") == SYNTAX
    assert error(pair, "LCS", "a", "b", "MINMATCHLEN") == SYNTAX
    assert error(pair, "LCS", "a", "b", "MINMATCHLEN", "x") == NOT_AN_INTEGER
    assert error(pair, "LCS", "a") == arity_error("lcs")
