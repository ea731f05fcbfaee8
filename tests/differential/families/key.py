"""Keys of any type, and databases."""

from __future__ import annotations

from tests.differential.normal import (
    IDLE_TOLERANCE_S,
    TTL_TOLERANCE_MS,
    Normals,
    Options,
    in_any_order,
    masked,
    one_scan_step,
)

OPTIONS: Options = {
    "copy-option": ("DB <db>", "REPLACE", "DB <db>", "replace", "DB", "<word>"),
    "scan-option": ("MATCH <pattern>", "COUNT <count>", "TYPE <type>", "MATCH", "COUNT", "<word>"),
    "flush-option": ("ASYNC", "SYNC", "<word>"),
}  # fmt: skip

TEMPLATES = (
    "DEL <key>+", "UNLINK <key>+", "EXISTS <key>+", "TYPE <key>", "TTL <key>", "PTTL <key>",
    "EXPIRE <key> <seconds> <expire-flag>*", "PEXPIRE <key> <millis> <expire-flag>*",
    "EXPIREAT <key> <unix> <expire-flag>*", "PEXPIREAT <key> <unixms> <expire-flag>*",
    "EXPIRETIME <key>", "PEXPIRETIME <key>", "PERSIST <key>", "RENAME <key> <key>",
    "RENAMENX <key> <key>", "COPY <key> <key> <copy-option>*", "MOVE <key> <db>", "TOUCH <key>+",
    "KEYS <pattern>", "SCAN <cursor> <scan-option>*", "DBSIZE", "FLUSHDB <flush-option>?",
    "FLUSHALL",
    "SWAPDB <db> <db>", "OBJECT ENCODING <key>", "OBJECT REFCOUNT <key>", "OBJECT IDLETIME <key>",
    "OBJECT FREQ <key>", "OBJECT HELP", "OBJECT <word>", "OBJECT", "RANDOMKEY",
)  # fmt: skip

NORMAL: Normals = {
    "KEYS": in_any_order,
    "RANDOMKEY": masked,
    "SCAN": one_scan_step,
    "MEMORY USAGE": masked,
}

TOLERANCE = {
    "TTL": TTL_TOLERANCE_MS // 1000,
    "PTTL": TTL_TOLERANCE_MS,
    "EXPIRETIME": TTL_TOLERANCE_MS // 1000,
    "PEXPIRETIME": TTL_TOLERANCE_MS,
    "OBJECT IDLETIME": IDLE_TOLERANCE_S,
}
