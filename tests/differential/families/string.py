"""Strings."""

from __future__ import annotations

from tests.differential.normal import Options, Value, Values

DATA = True

OPTIONS: Options = {
    "set-option": (
        "NX", "XX", "GET", "KEEPTTL", "EX <seconds>", "PX <millis>", "EXAT <unix>", "PXAT <unixms>",
        "EX <seconds>", "nx", "get", "keepttl", "px <millis>", "EX", "PERSIST", "<word>",
    ),
    "getex-option": (
        "EX <seconds>", "PX <millis>", "EXAT <unix>", "PXAT <unixms>", "PERSIST", "persist", "EX",
        "KEEPTTL", "<word>",
    ),
    "lcs-option": ("LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN <index>", "MINMATCHLEN", "<word>"),
}  # fmt: skip

TEMPLATES = (
    "GET <key>", "GET <key>", "SET <key> <value>", "SET <key> <value>",
    "SET <key> <value> <set-option>*",
    "SET <key> <value> <set-option>*", "SETEX <key> <seconds> <value>",
    "PSETEX <key> <millis> <value>",
    "SETNX <key> <value>", "GETSET <key> <value>", "GETDEL <key>", "GETEX <key> <getex-option>*",
    "MGET <key>+", "MSET <key> <value>", "MSET <key> <value> <key> <value>",
    "MSET <key> <value> <key>",
    "MSETNX <key> <value>", "MSETNX <key> <value> <key> <value>", "APPEND <key> <value>",
    "APPEND <key> <value>", "STRLEN <key>", "SUBSTR <key> <index> <index>",
    "GETRANGE <key> <index> <index>", "GETRANGE <key> <index> <index>",
    "SETRANGE <key> <offset> <value>",
    "SETRANGE <key> <offset> <value>", "INCR <key>", "INCRBY <key> <int>", "DECR <key>",
    "DECRBY <key> <int>", "INCRBYFLOAT <key> <float>", "LCS <key> <key> <lcs-option>*",
)  # fmt: skip

VALUES: Values = {b"string": Value("GET <key>")}
