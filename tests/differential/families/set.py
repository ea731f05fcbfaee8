"""Sets. What SPOP takes at random is a step of the machine: here it takes all, or nothing."""

from __future__ import annotations

from tests.differential.normal import (
    Harmless,
    Normals,
    Options,
    Pools,
    Value,
    Values,
    in_any_order,
    one_scan_step,
    shape,
)
from tests.differential.words import NUMKEYS, Command, many

DATA = True

_ALL = b"10000000"
_NONE = (b"0", b"-1", b"abc", b"")

POOLS: Pools = {"own": (b"set:1", b"set:1", b"set:2")}

OPTIONS: Options = {
    "members": (
        "<member>+", "<member>+", "<member> <member> <member> <member> <member> <member>",
        "1 2 3 4", many("{0}", 5), many("{0}", 130), many("{0}", 600), many("m{0}", 5),
        many("m{0}", 130), many("member:{0}", 600),
    ),
    "keys": NUMKEYS,
    "card-option": ("LIMIT <many>", "limit 1", "LIMIT", "<word>"),
    "scan-option": ("MATCH <pattern>", "COUNT <count>", "MATCH", "COUNT", "<word>"),
    "all-or-none": ((_ALL,), *((word,) for word in _NONE)),
}  # fmt: skip

TEMPLATES = (
    "SADD <key> <members>", "SADD <key> <members>", "SADD <key> <members>", "SADD <key> <members>",
    "SREM <key> <members>", "SREM <key> <member>+", "SMEMBERS <key>", "SISMEMBER <key> <member>",
    "SMISMEMBER <key> <member>+", "SCARD <key>", "SPOP <key> <all-or-none>", "SRANDMEMBER <key>",
    "SRANDMEMBER <key> <few>", "SMOVE <key> <key> <member>", "SMOVE <key> <key> <member>",
    "SINTER <key>+", "SUNION <key>+", "SDIFF <key>+", "SINTERSTORE <key> <key>+",
    "SUNIONSTORE <key> <key>+", "SDIFFSTORE <key> <key>+", "SINTERCARD <keys>",
    "SINTERCARD <keys> <card-option>*", "SSCAN <key> <cursor> <scan-option>*",
    # What is right in every word, most of the time.
    "SINTERCARD 2 <own> <key>", "SINTERCARD 2 <own> <own> LIMIT 2", "SINTERSTORE <own> <own> <key>",
    "SUNIONSTORE <key> <own> <own>",
)  # fmt: skip

NORMAL: Normals = {
    "SMEMBERS": in_any_order,
    "SINTER": in_any_order,
    "SUNION": in_any_order,
    "SDIFF": in_any_order,
    "SPOP": in_any_order,
    "SRANDMEMBER": shape,
    "SSCAN": one_scan_step,
}


def _pops_no_part(command: Command) -> bool:
    return len(command) > 2 and command[2] in (_ALL, *_NONE)


HARMLESS: Harmless = {"SPOP": _pops_no_part}

VALUES: Values = {b"set": Value("SMEMBERS <key>", in_any_order)}

SCANS = {"SSCAN": 1}
