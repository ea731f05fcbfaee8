"""What rows are made of: a command, what it meets, and how its work may grow with that.

Work is what `INFO store` counts: lookups, places found, steps and writes, and bytes written; not
seconds. Rows stand in rows/, a module for a family; a module that is added takes part by itself.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tests.complexity import rows
from tests.complexity.growth import Command, Growth, Setup

SLACK = 2.0  # of what a growth allows: pages, levels and borders between chunks differ
SOME = 30  # elements, of which the average is taken
FLOOR = 24  # so much is nothing
FLOOR_BYTES = 2048  # the same of bytes written: a chunk


class Work(NamedTuple):
    moves: int
    bytes: int


@dataclass(frozen=True)
class Row:
    """A command, words of which may be {n}, {half} or {last}: of n elements numbered from 0 on; or
    {some}: then it is done with SOME of them, and what it takes on average counts, for that depends
    on chance, as where the borders of ranks lie does.

    `spoils`: others cannot use what it leaves. `least_bytes`: to write so many is nothing."""

    command: str
    setup: str
    growth: Growth
    spoils: bool = False
    least_bytes: int = FLOOR_BYTES

    @property
    def name(self) -> str:
        return self.command.split()[0]

    @property
    def by_chance(self) -> bool:
        return "{some}" in self.command

    def words(self, n: int, turn: int = 0) -> Command:
        named = {"n": n, "half": n // 2, "last": n - 1, "some": n * (turn + 1) // (SOME + 1)}
        return tuple(word.format(**named) for word in self.command.split(" "))

    def wrong(self, works: Mapping[int, Work]) -> list[str]:
        """wrong says what grows otherwise, from one size to the next."""
        sizes = sorted(works)
        found = []
        for small, large in itertools.pairwise(sizes):
            before, after = works[small], works[large]
            factor = self.growth.factor(small, large)
            for what, most in (
                ("moves", max(before.moves, FLOOR) * factor * SLACK),
                ("bytes", max(before.bytes, self.least_bytes) * factor * SLACK),
            ):
                if getattr(after, what) > most:
                    found.append(self._told(what, works))
            if self.growth is Growth.LINEAR and after.moves < before.moves * factor / (8 * SLACK):
                found.append(self._told("less than documented, moves", works))
        return found

    def _told(self, what: str, works: Mapping[int, Work]) -> str:
        told = ", ".join(f"{n:,}: {work}" for n, work in sorted(works.items()))
        return f"{self.command}: {self.growth.value}, {what}: {told}"


SETUPS: dict[str, Setup] = {}
ROWS: list[Row] = []
for _found in pkgutil.iter_modules(rows.__path__):
    _module = importlib.import_module(f"{rows.__name__}.{_found.name}")
    SETUPS |= _module.SETUPS
    ROWS += [Row(*each) for each in _module.ROWS]
