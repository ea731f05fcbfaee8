"""Random commands of the families, good and bad, from small pools so that they collide.

A template is a line of words. A word stands for itself; <x> is one of the family's POOLS or
OPTIONS, <x>? none or one, <x>* up to three, <x>+ one to three. A template that stands twice is
twice as likely.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from tests.differential.families import FAMILIES, HARMLESS, Family
from tests.differential.words import POOLS, Command

DIRECTIONS_OF_SPOILING = ("case", "lose", "add", "replace")
SILENT = ("GET <key>", "SET <key> <value>", "PING", "INCR <key>", "GET", "NOSUCH", "RESET")

_T = TypeVar("_T")
_REPEATS = {"": (1, 1), "?": (0, 1), "*": (0, 3), "+": (1, 3)}
REPLACED_MAX = 512  # of the first so many words one is replaced


class Word(NamedTuple):
    """A word of a template; `name` is that of a pool, or empty."""

    itself: Command
    name: str
    low: int
    high: int


@functools.cache
def words(template: str) -> tuple[Word, ...]:
    return tuple(map(_word, template.split()))


def _word(text: str) -> Word:
    if not text.startswith("<"):
        return Word((text.encode(),), "", 1, 1)
    name, _, repeat = text[1:].partition(">")
    return Word((), name, *_REPEATS[repeat])


class Drawer:
    """Draws commands. All of chance is in `below`, which draws a number below another."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below

    def between(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def one_of(self, choices: Sequence[_T]) -> _T:
        return choices[self.below(len(choices))]

    def template(self, family: Family, text: str) -> Command:
        """template fills in `SET <key> <value>`."""
        return tuple(arg for word in words(text) for arg in self._word(family, word))

    def _word(self, family: Family, word: Word) -> Command:
        if not word.name:
            return word.itself
        count = self.between(word.low, word.high) if word.high > word.low else 1
        return tuple(arg for _ in range(count) for arg in self._argument(family, word.name))

    def _argument(self, family: Family, name: str) -> Command:
        if name in family.options:
            chosen = self.one_of(family.options[name])
            return self.template(family, chosen) if isinstance(chosen, str) else chosen
        return (self.one_of(family.pools[name]),)

    def spoiled(self, command: Command) -> Command:
        """The same with one thing wrong: an argument lost, added, replaced, or the name's case."""
        how = self.one_of(DIRECTIONS_OF_SPOILING)
        if how == "lose" and len(command) > 1:
            return command[:-1]
        if how == "add":
            return (*command, self.one_of(POOLS["word"]))
        if how == "replace" and len(command) > 1:
            at = 1 + self.below(min(len(command), REPLACED_MAX) - 1)
            return (*command[:at], self.one_of(POOLS["word"]), *command[at + 1 :])
        return (command[0].swapcase(), *command[1:])

    def command(self, families: Sequence[Family]) -> Command:
        """command is one of a family, one in eight with something wrong."""
        family = self.one_of(families)
        command = self.template(family, self.one_of(family.templates))
        if self.below(8) == 7:
            command = self.spoiled(command)
        harmless = HARMLESS.get(command[0].upper().decode("latin-1"), bool)
        return command if harmless(command) else (b"PING",)


@dataclass(frozen=True)
class Mix:
    """What a machine draws from."""

    everything: Sequence[Family]  # each as often as it stands there
    queued: Sequence[Family]  # in transactions
    silent: Sequence[Family]
    families: Mapping[str, Family]  # that take part
    keys: Sequence[bytes]  # of the family that is drawn most

    @property
    def scans(self) -> Sequence[tuple[str, int]]:
        return [each for f in self.families.values() for each in f.scans.items()]

    def has(self, family: str, command: str) -> bool:
        """Whether both servers have a command."""
        found = self.families.get(family)
        return found is not None and any(t.split()[0] == command for t in found.templates)


def taking_part(real: frozenset[bytes], ours: frozenset[bytes]) -> dict[str, Family]:
    """taking_part is the families that two servers with commands of these names both have."""
    known = {
        name: family.known(real, ours)
        for name, family in FAMILIES.items()
        if family.ready(real, ours)
    }
    return {name: family for name, family in known.items() if family.templates}


def mix_of(families: Mapping[str, Family], most: str | None = None) -> Mix:
    """mix_of draws from all families alike, or mostly from one: then the others, for a third, hit
    its keys as well."""
    data = [family for family in families.values() if family.data]
    silent = Family(**(vars(families["string"]) | {"templates": SILENT}))
    if most is None:
        basis = [*data, families["string"], families["key"]]
        about = [families["connection"], families["server"]]
    else:
        basis = [*[families[most]] * (2 * len(data) + 4), families["string"], *data]
        keys = Family(**(vars(families["key"]) | {"pools": families[most].pools}))
        basis += [keys] * (len(data) // 2 + 1)
        about = []
    transaction = [families["transaction"]] * max(len(basis) // 8, 1)
    return Mix(
        [*basis, *about],
        [*basis, *about, *transaction],
        [silent],
        families,
        families[most or "string"].pools["key"],
    )
