"""Lists."""

from __future__ import annotations

from tests.differential.normal import Harmless, Options, Pools, Value, Values
from tests.differential.words import BINARY, NUMKEYS, Command, many, sized

DATA = True

POOLS: Pools = {
    "own": (b"list:1", b"list:1", b"list:2"),
    "at": (
        b"0", b"0", b"1", b"2", b"-1", b"-1", b"-2", b"3", b"5", b"50", b"-50", b"299", b"1000",
        b"-1000", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"abc",
        b"", b"1.5",
    ),
    "element": (
        b"a", b"a", b"b", b"c", b"1", b"2", b"-1", b"", b"007", b"1.0", BINARY,
        b"9223372036854775807", *(sized(n) for n in (17, 64, 1100, 8192, 8200, 66_000)),
    ),
    # What LSET puts in makes no node longer than its bound (known_differences.py).
    "placed": (b"a", b"b", b"1", b"-1", b"", BINARY, *(sized(n) for n in (64, 1100, 8200, 66_000))),
    "side": (b"LEFT", b"RIGHT", b"LEFT", b"RIGHT", b"left", b"UP"),
}  # fmt: skip

OPTIONS: Options = {
    "elements": (
        "<element>+", "<element>+", "<element> <element> <element> <element> <element> <element>",
        many("{0}", 5), many("e{0}", 150), many("element:{0}", 600),
    ),
    "lpos-option": (
        "RANK <at>", "COUNT <many>", "MAXLEN <many>", "rank <at>", "RANK 0", "RANK", "<word>",
    ),
    "where": ("BEFORE", "AFTER", "before", "IN"),
    "keys": NUMKEYS,
    "lmpop-option": ("COUNT <many>", "count 2", "COUNT", "<word>"),
}  # fmt: skip

TEMPLATES = (
    "LPUSH <key> <elements>", "LPUSH <key> <elements>", "RPUSH <key> <elements>",
    "RPUSH <key> <elements>", "RPUSH <key> <elements>", "LPUSHX <key> <elements>",
    "RPUSHX <key> <elements>", "LPOP <key>", "LPOP <key> <many>", "RPOP <key>",
    "RPOP <key> <many>", "LLEN <key>", "LRANGE <key> <at> <at>", "LRANGE <key> <at> <at>",
    "LINDEX <key> <at>", "LINDEX <key> <at>", "LSET <key> <at> <placed>",
    "LSET <key> <at> <placed>", "LTRIM <key> <at> <at>", "LTRIM <key> 0 <at>",
    "LTRIM <key> <at> -1", "LREM <key> <at> <element>", "LREM <key> <at> <element>",
    "LINSERT <key> <where> <element> <element>", "LINSERT <key> <where> <element> <element>",
    "LINSERT <key> <where> <element> <element>", "LPOS <key> <element> <lpos-option>*",
    "LPOS <key> <element> <lpos-option>*", "LMOVE <key> <key> <side> <side>",
    "LMOVE <key> <key> <side> <side>", "RPOPLPUSH <key> <key>", "LMPOP <keys> <side>",
    "LMPOP <keys> <side> <lmpop-option>*",
    # What is right in every word, most of the time.
    "LSET <own> 0 <placed>", "LSET <own> -1 <placed>", "LSET <own> 1 <placed>",
    "LMPOP 2 <key> <own> LEFT", "LMPOP 2 <own> <own> RIGHT COUNT 2",
    "LINSERT <own> BEFORE a <element>", "LREM <own> -2 a", "LPOS <own> a RANK -1 COUNT 0",
)  # fmt: skip


def _place(command: Command) -> bool:
    """Redis takes 32 bits of an index (known_differences.py)."""
    return len(command) < 3 or len(command[2]) < len(str(2**31))


HARMLESS: Harmless = {"LSET": _place}

VALUES: Values = {b"list": Value("LRANGE <key> 0 -1", encodings=((b"quicklist", b"listpack"),))}
