"""Strings and keys: n keys named key:0 on."""

from __future__ import annotations

from tests.complexity.growth import CONSTANT, LINEAR, filled

SETUPS = {
    "keys": filled("MSET", element="key:{i} value:{i}"),
    "removed": filled("MSET", element="key:{i} value:{i}"),
}

ROWS = (
    ("GET key:{half}", "keys", CONSTANT),
    ("SET key:{half} new", "keys", CONSTANT),
    ("SET key:new new", "keys", CONSTANT),
    ("APPEND key:{half} more", "keys", CONSTANT),
    ("INCR counter", "keys", CONSTANT),
    ("MGET key:0 key:{half} key:{last} nokey", "keys", CONSTANT),
    ("EXISTS key:{half} nokey", "keys", CONSTANT),
    ("TYPE key:{half}", "keys", CONSTANT),
    ("EXPIRE key:{half} 1000", "keys", CONSTANT),
    ("PERSIST key:{half}", "keys", CONSTANT),
    ("DEL key:1 key:{last}", "keys", CONSTANT),
    ("UNLINK key:2", "keys", CONSTANT),
    ("RENAME key:3 renamed", "keys", CONSTANT, True),
    ("COPY key:{half} copy REPLACE", "keys", CONSTANT),
    ("DBSIZE", "keys", CONSTANT),
    ("RANDOMKEY", "keys", CONSTANT),
    ("SCAN 0 COUNT 10", "keys", CONSTANT),
    ("SCAN 0 COUNT 10 MATCH nothing*", "keys", CONSTANT),
    ("KEYS nothing*", "keys", CONSTANT),
    ("KEYS *nothing", "keys", LINEAR),
    ("SWAPDB 0 1", "removed", CONSTANT, True),
    ("FLUSHDB", "removed", CONSTANT, True),
    ("FLUSHALL ASYNC", "removed", CONSTANT, True),
)
