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


_LENGTHS = {b"LIMIT": 3, b"GET": 2, b"BY": 2, b"STORE": 2}


def _options(command: Command) -> dict[bytes, list[Command]]:
    """The options of a command that is well formed, each with its words as often as it is there."""
    found: dict[bytes, list[Command]] = {}
    at = 2
    while at < len(command):
        name = command[at].upper()
        length = _LENGTHS.get(name, 1)
        found.setdefault(name, []).append(command[at + 1 : at + length])
        at += length
    return found


def _orders(command: Command) -> tuple[bool, bool]:
    """Whether a command sorts at all, and whether by other keys in the order of letters: elements
    whose keys are alike, or are not there, come as the C library's qsort() leaves them."""
    options = _options(command)
    by = options.get(b"BY", [])
    sorts = all(b"*" in word for words in by for word in words)
    return sorts, bool(by) and sorts and b"ALPHA" in options


def _alike(options: dict[bytes, list[Command]], reply: Reply) -> bool:
    """Whether elements may be alike to strcoll(), which ends at a byte of 0, and yet differ."""
    shown = (b"#",) in options.get(b"GET", [(b"#",)])
    return b"ALPHA" in options and (
        not shown or any(b"\0" in (word or b"") for _, word in reply[1])
    )


def _sorted(command: Command, reply: Reply) -> Reply:
    """What is not sorted comes in any order if it is a set: so many words for each element as there
    are GETs."""
    sorts, loosely = _orders(command)
    options = _options(command)
    if reply[0] != "array" or (sorts and not loosely and not _alike(options, reply)):
        return reply
    if b"LIMIT" in options:
        return (reply[0], len(reply[1]))
    width = max(len(options.get(b"GET", [])), 1)
    return in_any_order(command, (reply[0], tuple(zip(*[iter(reply[1])] * width, strict=False))))


NORMAL: Normals = {"SORT": _sorted, "SORT_RO": _sorted}


def _may_be_sorted(command: Command) -> bool:
    """Redis makes a skiplist of a sorted set that is sorted (known_differences.py): only of keys
    that get no scores of -0."""
    if command[1:2] not in [(key,) for key in _KEYS]:
        return False
    return not _orders(command)[1] or b"STORE" not in {word.upper() for word in command}


HARMLESS: Harmless = {"SORT": _may_be_sorted, "SORT_RO": _may_be_sorted}
