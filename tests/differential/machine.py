"""Random runs on a pair of servers, one after the other, until so many commands were compared; the
first that fails is made as short as can be, and shown.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.differential.commands import Drawer, Mix
from tests.differential.pair import Pair, PartedError
from tests.differential.steps import Commands, Program, Step
from tests.differential.words import Command

SOAK = int(os.environ.get("DBX_SOAK", "0"))
# Making a failure shorter may take a minute: DBX_SHRINK=0 shows it as it was met.
SHRINK_SECONDS = float(os.environ.get("DBX_SHRINK", "60"))

_T = TypeVar("_T")
Fails = Callable[[Sequence[_T]], bool]


def seeded(name: str) -> random.Random:
    """seeded is chance for a test: always the same, but in long runs, where DBX_SEED, which is
    printed, has the same again."""
    seed = os.environ.get("DBX_SEED", "0")
    if SOAK and "DBX_SEED" not in os.environ:
        seed = str(random.SystemRandom().randrange(2**32))
    print(f"DBX_SEED={seed}")
    return random.Random(f"{seed} {name}")


def run(
    pair: Pair, mix: Mix, chance: random.Random, commands: int, more: Sequence[type[Step]] = ()
) -> None:
    """run compares at least so many commands."""
    program = Program(Drawer(lambda n: int(chance.random() * n)), mix, more)
    while pair.compared < commands:
        steps = program.steps()
        why = failure(pair, steps)
        if why is not None:
            raise AssertionError(_explained(pair, steps, why))


def failure(pair: Pair, steps: Sequence[Step]) -> AssertionError | OSError | None:
    """failure is what goes wrong when the steps are run on empty servers."""
    try:
        pair.begin()
        for step in steps:
            step.run(pair)
    except PartedError:
        pair.parted += 1
    except (AssertionError, OSError) as why:  # of a server that is gone
        return why
    return None


def _explained(pair: Pair, steps: Sequence[Step], why: AssertionError | OSError) -> str:
    found = why
    deadline = time.monotonic() + SHRINK_SECONDS

    def fails(shorter: Sequence[Step]) -> bool:
        nonlocal found
        if time.monotonic() > deadline:
            return False
        again = failure(pair, shorter)
        found = again or found
        return again is not None

    shown = "\n".join(map(repr, shortest(steps, fails)))
    return f"{type(found).__name__}: {found}\nafter\n{shown}"


# --- Making failures shorter ----------------------------------------------------------------------


def shortest(steps: Sequence[Step], fails: Fails[Step]) -> Sequence[Step]:
    """shortest leaves out steps, then commands of each, then arguments, as long as it fails."""
    steps = reduced(steps, fails)
    for at, step in enumerate(steps):
        if isinstance(step, Commands):
            steps = _with_shorter_commands(steps, at, step, fails)
    return reduced(steps, fails)


def _with_shorter_commands(
    steps: Sequence[Step], at: int, step: Commands, fails: Fails[Step]
) -> Sequence[Step]:
    def having(commands: Sequence[Command]) -> list[Step]:
        return [*steps[:at], replace(step, commands=tuple(commands)), *steps[at + 1 :]]

    def still_fails(commands: Sequence[Command]) -> bool:
        return fails(having(commands))

    commands = reduced(step.commands, still_fails)
    for i in range(len(commands)):
        commands = _with_shorter_words(commands, i, still_fails)
    return having(commands)


def _with_shorter_words(
    commands: Sequence[Command], at: int, fails: Fails[Command]
) -> list[Command]:
    def having(words: Sequence[bytes]) -> list[Command]:
        return [*commands[:at], (commands[at][0], *words), *commands[at + 1 :]]

    return having(reduced(commands[at][1:], lambda words: fails(having(words))))


def reduced(items: Sequence[_T], fails: Fails[_T]) -> list[_T]:
    """reduced leaves out ever smaller parts, each that makes no difference."""
    left = list(items)
    for size in _halves(len(left)):
        at = 0
        while at < len(left):
            rest = [*left[:at], *left[at + size :]]
            if fails(rest):
                left = rest
            else:
                at += size
    return left


def _halves(size: int) -> Iterator[int]:
    while size:
        yield size
        size //= 2
