"""What families say about replies and values: when two of them, unlike, are the same.

A normaliser takes a command and a reply to it, and returns what of the reply must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.differential.words import Command
from tests.support.resp import Reply

TTL_TOLERANCE_MS = 5000
IDLE_TOLERANCE_S = 600

Normal = Callable[[Command, Reply], Reply]
Normals = Mapping[str, Normal]
Harmless = Mapping[str, Callable[[Command], bool]]
Pools = Mapping[str, Sequence[bytes]]
# Alternatives, each a template (see commands.py) or the words themselves.
Options = Mapping[str, Sequence[str | Command]]


def as_it_is(_: Command, reply: Reply) -> Reply:
    return reply


def masked(_: Command, reply: Reply) -> Reply:
    return reply if reply[0] == "error" or reply[1] is None else (reply[0], "masked")


def in_any_order(_: Command, reply: Reply) -> Reply:
    return (reply[0], tuple(sorted(reply[1], key=repr))) if _is_many(reply) else reply


def pairs_in_any_order(_: Command, reply: Reply) -> Reply:
    """Fields with their values: a flat array in RESP2, a map in RESP3."""
    if reply[0] == "array":
        items = zip(reply[1][::2], reply[1][1::2], strict=True)
        return ("array", tuple(sorted(items, key=repr)))
    return ("map", tuple(sorted(reply[1], key=repr))) if reply[0] == "map" else reply


def shape(_: Command, reply: Reply) -> Reply:
    """Random elements: how many, and of what form."""
    if not _is_many(reply):
        return masked(_, reply)
    return (reply[0], tuple(shape(_, each) for each in reply[1]))


def one_scan_step(_: Command, reply: Reply) -> Reply:
    """One step of SCAN and its like may return any part: only its shape is comparable."""
    if reply[0] != "array":
        return reply
    cursor, names = reply[1]
    return ("array", (cursor[0], names[0]))


def _is_many(reply: Reply) -> bool:
    return reply[0] in ("array", "set", "map", "push") and isinstance(reply[1], tuple)


def about_equal(real: object, ours: object, tolerance: int) -> bool:
    """about_equal is equality, but for integers that tell of clocks: none of them negative."""
    if real == ours:
        return True
    if isinstance(real, tuple) and isinstance(ours, tuple):
        return len(real) == len(ours) and all(
            about_equal(there, here, tolerance) for there, here in zip(real, ours, strict=True)
        )
    if isinstance(real, int) and isinstance(ours, int):
        return min(real, ours) >= 0 and abs(real - ours) <= tolerance
    return False


@dataclass(frozen=True)
class Value:
    """How a type's whole value is read. `then` makes more commands of the reply, if that is not
    enough; `rest` normalises their replies; integers may be apart by `tolerance`; of `encodings`
    Redis may have the first and DBX the second (known_differences.py says why)."""

    command: str  # <key> stands for the key
    normal: Normal = as_it_is
    then: Callable[[bytes, Reply], Sequence[Command]] = lambda _, __: ()
    rest: Normal = as_it_is
    tolerance: int = 0
    encodings: tuple[tuple[bytes, bytes], ...] = ()

    def read(self, key: bytes) -> Command:
        return tuple(key if word == "<key>" else word.encode() for word in self.command.split())


Values = Mapping[bytes, Value]
