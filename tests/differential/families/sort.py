"""SORT, of lists, sets and sorted sets, by other keys and with what others hold."""

from __future__ import annotations

from tests.differential.normal import Harmless, Normals, Options, Pools, in_any_order
from tests.differential.words import Command, many
from tests.support.resp import Reply

DATA = True

_KEYS = (b"sort:1", b"sort:2")

POOLS: Pools = {
    "own": _KEYS,
    "element": (
        b"1", b"2", b"3", b"3", b"10", b"-1", b"1.5", b"a", b"b", b"inf", b"", b"1e3", b"0x10",
        b"nan",
    ),
    "weight-key": (b"w_1", b"w_2", b"w_3", b"w_10", b"w_a"),
    "hash-key": (b"h_1", b"h_2", b"h_3", b"h_a"),
    "by": (
        b"w_*", b"w_*", b"h_*->f", b"h_*->g", b"nosort", b"*", b"w_*_x", b"h_*->", b"*->f", b"",
        b"w_1",
    ),
    "get": (b"#", b"#", b"w_*", b"h_*->f", b"h_*->nofield", b"nokey", b"*", b"h_*->", b""),
    "at": (
        b"0", b"0", b"1", b"2", b"-1", b"100", b"9223372036854775807", b"-9223372036854775808",
        b"abc", b"",
    ),
}  # fmt: skip

OPTIONS: Options = {
    "elements": ("<element>+", "3 1 2", "b a c", many("{0}", 10), "2 10 1 3 2"),
    "read-option": (
        "BY <by>", "GET <get>", "GET # GET <get>", "LIMIT <at> <at>", "LIMIT 0 2", "ASC", "DESC",
        "ALPHA", "alpha", "desc", "BY", "GET", "LIMIT 0", "<word>",
    ),
    "option": ("<read-option>", "<read-option>", "<read-option>", "STORE <key>", "STORE"),
}  # fmt: skip

TEMPLATES = (
    "RPUSH <own> <elements>", "RPUSH <key> <elements>", "SADD <own> <elements>",
    "ZADD <own> 1 a 2 b 3 c", "ZADD <own> 5 1 4 2 3 3", "SET <own> <element>",
    "RENAME <key> <own>", "RENAME <own> <key>", "SET <weight-key> <element>",
    "SET <weight-key> <element>", "HSET <hash-key> f <element> g <element>", "SORT <own>",
    "SORT <own> <option>*", "SORT <own> <option>*", "SORT <own> BY <by> <option>*",
    "SORT <own> BY <by> GET <get> GET #", "SORT <own> ALPHA <option>*",
    "SORT <own> LIMIT <at> <at>",
    "SORT <own> ALPHA STORE <key>", "SORT_RO <own> <read-option>*", "SORT_RO <own> ALPHA",
    "SORT_RO <own> BY <by> <read-option>*",
)  # fmt: skip


def _orders(command: Command) -> tuple[bool, bool]:
    """Whether a command sorts at all, and whether by other keys in the order of letters: elements
    whose keys are alike, or are not there, come as the C library's qsort() leaves them."""
    words = [word.upper() for word in command]
    by = [command[i + 1] for i in range(len(words) - 1) if words[i] == b"BY"]
    sorts = all(b"*" in pattern for pattern in by)
    return sorts, bool(by) and sorts and b"ALPHA" in words


def _sorted(command: Command, reply: Reply) -> Reply:
    """What is not sorted comes in any order if it is a set: so many words for each element as there
    are GETs."""
    sorts, loosely = _orders(command)
    if (sorts and not loosely) or reply[0] != "array":
        return reply
    words = [word.upper() for word in command]
    if b"LIMIT" in words:
        return (reply[0], len(reply[1]))
    width = max(words.count(b"GET"), 1)
    return in_any_order(command, (reply[0], tuple(zip(*[iter(reply[1])] * width, strict=False))))


NORMAL: Normals = {"SORT": _sorted, "SORT_RO": _sorted}


def _may_be_sorted(command: Command) -> bool:
    """Redis makes a skiplist of a sorted set that is sorted (known_differences.py): only of keys
    that get no scores of -0."""
    if command[1:2] not in [(key,) for key in _KEYS]:
        return False
    return not _orders(command)[1] or b"STORE" not in {word.upper() for word in command}


HARMLESS: Harmless = {"SORT": _may_be_sorted, "SORT_RO": _may_be_sorted}
