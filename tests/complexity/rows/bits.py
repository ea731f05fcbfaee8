"""Strings of 32 n bytes and a few chunks, as bitmaps and otherwise, and HyperLogLogs of n elements.

Work is counted in chunks, so that all sizes have some."""

from __future__ import annotations

from collections.abc import Iterator

from tests.complexity.growth import CONSTANT, LINEAR, Command, filled

PIECE = 1 << 20
CHUNKS = 128 << 10
CHUNK = 64 << 10  # bytes that are written where one is changed, but for those of this turn
DENSE = 20_000  # elements, from which on a HyperLogLog has all its registers


def _zeros(n: int) -> Iterator[Command]:
    size = 32 * n + CHUNKS
    for at in range(0, size, PIECE):
        yield ("APPEND", "k", b"\0" * min(PIECE, size - at))


def _estimate(n: int) -> Iterator[Command]:
    yield from filled("PFADD", "k", element="element:{i}")(max(n, DENSE))


SETUPS = {"bits": _zeros, "hll": _estimate}

ROWS = (
    ("GETBIT k {half}", "bits", CONSTANT),
    ("BITCOUNT k", "bits", LINEAR),
    ("BITCOUNT k 10 20", "bits", CONSTANT),
    ("BITCOUNT k 5 -5 BIT", "bits", LINEAR),
    ("BITPOS k 0", "bits", CONSTANT),
    ("BITPOS k 1", "bits", LINEAR),
    ("BITPOS k 1 10 20", "bits", CONSTANT),
    ("BITOP NOT d k", "bits", LINEAR),
    ("BITOP XOR d k k nokey", "bits", LINEAR),
    ("BITFIELD_RO k GET u63 {half}", "bits", CONSTANT),
    ("BITFIELD k GET u8 0 SET u8 {half} 255 INCRBY i5 {last} 1", "bits", CONSTANT),
    ("SETBIT k {half} 1", "bits", CONSTANT),
    ("SETRANGE k {half} x", "bits", CONSTANT, False, CHUNK),
    ("GETRANGE k {half} {half}", "bits", CONSTANT),
    ("APPEND k x", "bits", CONSTANT, False, CHUNK),
    ("STRLEN k", "bits", CONSTANT),
    *((command, "bits", CONSTANT, True) for command in ("DEL k", "RENAME k l", "SET k v")),
    ("PFADD k element:{half}", "hll", CONSTANT),
    ("PFADD k new", "hll", CONSTANT),
    ("PFCOUNT k", "hll", CONSTANT, True),
    ("PFCOUNT k nokey", "hll", CONSTANT),
    ("PFMERGE d k", "hll", CONSTANT),
)
