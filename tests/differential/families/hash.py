"""Hashes, and fields that expire."""

from __future__ import annotations

from collections.abc import Sequence

from tests.differential.normal import (
    TTL_TOLERANCE_MS,
    Normals,
    Options,
    Pools,
    Value,
    Values,
    in_any_order,
    one_scan_step,
    pairs_in_any_order,
    shape,
)
from tests.differential.words import TTL_MS, TTL_S, Command, many
from tests.support.resp import Reply

DATA = True

_EXPIRY = (
    "EX <seconds>", "PX <millis>", "EXAT <unix>", "PXAT <unixms>", "ex <seconds>", "EX", "QQ",
)  # fmt: skip

POOLS: Pools = {
    "own": (b"hash:1", b"hash:1", b"hash:2"),
    "in-s": (TTL_S, TTL_S, b"0"),
    "in-ms": (TTL_MS, TTL_MS, b"0"),
    "at-ms": (b"33177117420000", b"33177117421123", b"1"),
}

OPTIONS: Options = {
    "flag": ("NX", "XX", "GT", "LT"),
    "these": ("FIELDS 1 <member>", "FIELDS 2 <member> <member>", "FIELDS 1 f0", "FIELDS 2 f0 f1"),
    "pair": ("<member> <value>",),
    "pairs": (
        "<pair>+", "<pair>+", "<pair> <pair> <pair> <pair> <pair> <pair>", "<pair> <member>",
        many("f{0} v{0}", 3), many("f{0} v{0}", 130), many("f{0} {0}", 600),
    ),
    "fields": (
        "FIELDS 1 <member>", "FIELDS 1 <member>", "FIELDS 2 <member> <member>",
        "FIELDS 3 <member> <member> <member>", "fields 1 <member>", "FIELDS 2 <member>",
        "FIELDS 1 <member> <member>", "FIELDS 0", "FIELDS 0 <member>", "FIELDS -1 <member>",
        "FIELDS abc <member>", "FIELDS", "FIELDS 9223372036854775807 <member>", "<member>",
    ),
    "field-pairs": (
        "FIELDS 1 <pair>", "FIELDS 1 <pair>", "FIELDS 2 <pair> <pair>", "fields 1 <pair>",
        "FIELDS 2 <pair>", "FIELDS 1 <member>", "FIELDS 0", "FIELDS -1 <pair>", "FIELDS abc <pair>",
        "FIELDS 1 <pair> <pair>", "<pair>",
    ),
    "getex-option": (*_EXPIRY, "PERSIST", "persist", "KEEPTTL"),
    "setex-option": (*_EXPIRY, "FNX", "FXX", "fxx", "KEEPTTL", "NX"),
    "rand-option": ("WITHVALUES", "withvalues", "<word>"),
    "hscan-option": (
        "MATCH <pattern>", "COUNT <count>", "NOVALUES", "novalues", "MATCH", "COUNT", "<word>",
    ),
}  # fmt: skip

TEMPLATES = (
    "HSET <key> <pairs>", "HSET <key> <pairs>", "HSET <key> <pairs>", "HSET <key> <member> <int>",
    "HMSET <key> <pairs>", "HSETNX <key> <member> <value>", "HGET <key> <member>",
    "HMGET <key> <member>+", "HGETALL <key>", "HKEYS <key>", "HVALS <key>", "HLEN <key>",
    "HSTRLEN <key> <member>", "HEXISTS <key> <member>", "HDEL <key> <member>+",
    "HDEL <key> <member>+", "HINCRBY <key> <member> <int>", "HINCRBY <key> <member> <int>",
    "HINCRBYFLOAT <key> <member> <float>", "HINCRBYFLOAT <key> <member> <float>",
    "HRANDFIELD <key>", "HRANDFIELD <key> <few>", "HRANDFIELD <key> <few> <rand-option>",
    "HSCAN <key> <cursor> <hscan-option>*",
    "HEXPIRE <key> <seconds> <expire-flag>? <fields>",
    "HEXPIRE <key> <seconds> <expire-flag>? <fields>",
    "HPEXPIRE <key> <millis> <expire-flag>? <fields>",
    "HPEXPIRE <key> <millis> <expire-flag>* <fields>",
    "HEXPIREAT <key> <unix> <expire-flag>? <fields>",
    "HPEXPIREAT <key> <unixms> <expire-flag>? <fields>",
    "HTTL <key> <fields>", "HPTTL <key> <fields>", "HEXPIRETIME <key> <fields>",
    "HPEXPIRETIME <key> <fields>", "HPERSIST <key> <fields>", "HPERSIST <key> <fields>",
    "HGETEX <key> <fields>", "HGETEX <key> <getex-option> <fields>",
    "HGETEX <key> <getex-option>* <fields>", "HSETEX <key> <field-pairs>",
    "HSETEX <key> <setex-option> <field-pairs>", "HSETEX <key> <setex-option>* <field-pairs>",
    "HGETDEL <key> <fields>", "HGETDEL <key> <fields>",
    # What is right in every word, most of the time.
    "HSET <own> <pairs>", "HSET <own> f0 <value> f1 <int>", "HEXPIRE <own> <in-s> <flag>? <these>",
    "HPEXPIRE <own> <in-ms> <flag>? <these>", "HPEXPIRE <own> <in-ms> <these>",
    "HPEXPIREAT <own> <at-ms> <flag>? <these>", "HEXPIREAT <own> 33177117420 <these>",
    "HGETEX <own> PX <in-ms> <these>", "HGETEX <own> PERSIST <these>",
    "HSETEX <own> PX <in-ms> FIELDS 1 <pair>", "HSETEX <own> KEEPTTL FIELDS 2 <pair> <pair>",
    "HSETEX <own> FNX FIELDS 1 <pair>", "HSETEX <own> FXX EX <in-s> FIELDS 1 f0 v",
    "HTTL <own> <these>", "HPERSIST <own> <these>", "HINCRBY <own> f1 <int>",
)  # fmt: skip

NORMAL: Normals = {
    "HGETALL": pairs_in_any_order,
    "HKEYS": in_any_order,
    "HVALS": in_any_order,
    "HRANDFIELD": shape,
    "HSCAN": one_scan_step,
}

TOLERANCE = {
    "HTTL": TTL_TOLERANCE_MS // 1000,
    "HPTTL": TTL_TOLERANCE_MS,
    "HEXPIRETIME": TTL_TOLERANCE_MS // 1000,
    "HPEXPIRETIME": TTL_TOLERANCE_MS,
}

FIELDS_AT_ONCE = 100


def _deadlines(key: bytes, reply: Reply) -> Sequence[Command]:
    """When each field expires, in the order of names."""
    tag, value = reply
    if tag not in ("array", "map"):
        return ()
    names = sorted(n[1] for n in (value[::2] if tag == "array" else [k for k, _ in value]))
    parts = [names[at : at + FIELDS_AT_ONCE] for at in range(0, len(names), FIELDS_AT_ONCE)]
    return [(b"HPEXPIRETIME", key, b"FIELDS", b"%d" % len(part), *part) for part in parts]


def _any_deadline(_: Command, reply: Reply) -> Reply:
    """A server that does not know of them has none."""
    if reply[0] == "error" or all(each == ("int", -1) for each in reply[1]):
        return ("none", None)
    return reply


VALUES: Values = {
    b"hash": Value(
        "HGETALL <key>", pairs_in_any_order, _deadlines, _any_deadline, TTL_TOLERANCE_MS,
        encodings=((b"listpack", b"listpackex"),),
    )
}  # fmt: skip

SCANS = {"HSCAN": 2}
