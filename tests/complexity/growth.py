"""Words of the rows: growth, and setups that fill a database."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import Enum

from tests.support.resp import Arg

Command = tuple[Arg, ...]
# Of n: what is sent first, which makes what the rows are about have n elements.
Setup = Callable[[int], Iterator[Command]]
BATCH = 100  # elements in one command


class Growth(Enum):
    """How work may grow with n."""

    CONSTANT = "O(1)"
    LOGARITHMIC = "O(log N)"
    LINEAR = "O(N)"

    def factor(self, small: int, large: int) -> float:
        if self is Growth.CONSTANT:
            return 1.0
        if self is Growth.LOGARITHMIC:
            return math.log2(large) / math.log2(small)
        return large / small


CONSTANT, LOGARITHMIC, LINEAR = Growth


def filled(*words: str, element: str, start: int = 0) -> Setup:
    """filled sends the words with elements made of {i}: `filled("RPUSH", "k", element="e{i}")`."""

    def commands(n: int) -> Iterator[Command]:
        for at in range(start, n, BATCH):
            numbers = range(at, min(at + BATCH, n))
            yield (*words, *(part.format(i=i) for i in numbers for part in element.split()))

    return commands


def in_turn(*setups: Setup) -> Setup:
    """in_turn does one after the other."""

    def commands(n: int) -> Iterator[Command]:
        for setup in setups:
            yield from setup(n)

    return commands
