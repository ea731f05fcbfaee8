"""Failures are shown without what has no part in them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.differential.machine import reduced, shortest
from tests.differential.steps import Keyspaces, Pipeline, Step, Transaction


def test_what_makes_no_difference_is_left_out() -> None:
    assert reduced(range(100), lambda left: {3, 77} <= set(left)) == [3, 77]
    assert reduced(range(100), lambda left: sum(left) > 98) == [99]
    assert reduced(range(5), lambda left: len(left) == 5) == [0, 1, 2, 3, 4]
    assert reduced([], lambda left: True) == []


def test_steps_commands_and_arguments_are_left_out() -> None:
    set_a, get_a = (b"SET", b"a", b"1"), (b"GET", b"a")

    def fails(steps: Sequence[Step]) -> bool:
        sent = [c for s in steps if isinstance(s, Pipeline | Transaction) for c in s.commands]
        added = {word for command in sent for word in command if command[0] == b"SADD"}
        return b"m7" in added and get_a in sent

    sadd = (b"SADD", *(b"m%d" % i for i in range(50)))
    steps = [
        Keyspaces(),
        Pipeline(0, (set_a, sadd, get_a)),
        Transaction(1, (set_a, get_a), b"EXEC"),
        Pipeline(1, (set_a,)),
    ]
    assert shortest(steps, fails) == [Pipeline(0, ((b"SADD", b"m7"), get_a))]
