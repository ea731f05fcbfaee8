"""Streams of n entries, {half}-0 among them, and groups: one with all of them pending, one that has
read nothing.

Nothing here returns all entries: a reply of unknown length that is too large to be written at once
is walked twice, first to count it, and the slack has no room for that."""

from __future__ import annotations

from collections.abc import Iterator

from tests.complexity.growth import (
    BATCH,
    CONSTANT,
    LINEAR,
    LOGARITHMIC,
    Command,
    in_turn,
)


def _entries(n: int) -> Iterator[Command]:
    for i in range(1, n + 1):
        yield ("XADD", "k", f"{i}-0", "field", f"value:{i}")


def _groups(n: int) -> Iterator[Command]:
    yield ("XGROUP", "CREATE", "k", "all", "0")
    yield ("XGROUP", "CREATE", "k", "none", "0")
    for _ in range(0, n, BATCH):
        yield ("XREADGROUP", "GROUP", "all", "c", "COUNT", BATCH, "STREAMS", "k", ">")
    yield ("XREADGROUP", "GROUP", "none", "c", "COUNT", 10, "STREAMS", "k", ">")


SETUPS = {"stream": _entries, "groups": in_turn(_entries, _groups)}

ROWS = (
    ("XADD k * field value", "stream", CONSTANT),
    ("XADD k MAXLEN = {n} * field value", "stream", CONSTANT),
    ("XADD k MAXLEN ~ {n} * field value", "stream", CONSTANT),
    ("XADD k MINID ~ 1 * field value", "stream", CONSTANT),
    ("XLEN k", "stream", CONSTANT),
    ("XDEL k {half}-0", "stream", CONSTANT),
    ("XRANGE k - + COUNT 10", "stream", CONSTANT),
    ("XRANGE k {half} + COUNT 10", "stream", LOGARITHMIC),
    ("XREVRANGE k + - COUNT 10", "stream", CONSTANT),
    ("XREVRANGE k {half} - COUNT 10", "stream", LOGARITHMIC),
    ("XREAD COUNT 10 STREAMS k {half}", "stream", LOGARITHMIC),
    ("XREAD STREAMS k $", "stream", CONSTANT),
    ("XTRIM k MAXLEN = {n}", "stream", CONSTANT),
    ("XTRIM k MAXLEN = {half}", "stream", LINEAR, True),
    ("XTRIM k MAXLEN ~ {half} LIMIT 0", "stream", LINEAR, True),
    ("XTRIM k MINID = {half}", "stream", LINEAR, True),
    ("XTRIM k MAXLEN ~ {half} LIMIT 10", "stream", CONSTANT, True),
    ("XSETID k 99999999999999-0", "stream", CONSTANT, True),
    ("XINFO STREAM k", "stream", CONSTANT),
    ("XINFO STREAM k FULL COUNT 10", "stream", CONSTANT),
    *(
        (command, "stream", CONSTANT, True)
        for command in ("DEL k", "RENAME k l", "SET k v", "PEXPIRE k -1")
    ),
    ("XGROUP CREATE k new 0", "groups", CONSTANT, True),
    ("XGROUP CREATECONSUMER k all d", "groups", CONSTANT),
    ("XACK k all {half}-0", "groups", CONSTANT),
    ("XPENDING k all", "groups", CONSTANT),
    ("XPENDING k all - + 10", "groups", CONSTANT),
    ("XPENDING k all {half} + 10", "groups", LOGARITHMIC),
    ("XPENDING k all {half} + 10 c", "groups", LOGARITHMIC),
    ("XPENDING k all - + 10 d", "groups", CONSTANT),
    ("XCLAIM k all d 0 {last}-0", "groups", LOGARITHMIC),
    ("XAUTOCLAIM k all d 0 {half} COUNT 10", "groups", LOGARITHMIC),
    ("XAUTOCLAIM k all d 99999999 {half} COUNT 10", "groups", LOGARITHMIC),
    ("XREADGROUP GROUP all c COUNT 10 STREAMS k {half}", "groups", LOGARITHMIC),
    ("XREADGROUP GROUP all c COUNT 10 STREAMS k >", "groups", LOGARITHMIC),
    ("XREADGROUP GROUP none c COUNT 10 STREAMS k >", "groups", LOGARITHMIC),
    ("XREADGROUP GROUP none c NOACK COUNT 10 STREAMS k >", "groups", LOGARITHMIC),
    ("XDEL k {half}-0", "groups", CONSTANT),
    ("XINFO STREAM k", "groups", CONSTANT),
    ("XINFO STREAM k FULL COUNT 10", "groups", CONSTANT),
    ("XINFO GROUPS k", "groups", CONSTANT),
    ("XINFO CONSUMERS k all", "groups", CONSTANT),
    ("XGROUP SETID k none {half}", "groups", CONSTANT, True),
    ("XGROUP DELCONSUMER k all c", "groups", LINEAR, True),
    ("XGROUP DESTROY k all", "groups", LINEAR, True),
    ("DEL k", "groups", CONSTANT, True),
)
