"""SORT, of lists, sets and sorted sets, by other keys and with what others hold."""

from __future__ import annotations

from tests.differential.normal import Normals, Options, Pools, in_any_order, shape
from tests.differential.words import Command, many
from tests.support.resp import Reply

DATA = True

POOLS: Pools = {
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
    "RPUSH <key> <elements>", "RPUSH <key> <elements>", "SADD <key> <elements>",
    "ZADD <key> 1 a 2 b 3 c", "ZADD <key> 5 1 4 2 3 3", "SET <weight-key> <element>",
    "SET <weight-key> <element>", "HSET <hash-key> f <element> g <element>", "SORT <key>",
    "SORT <key> <option>*", "SORT <key> <option>*", "SORT <key> BY <by> <option>*",
    "SORT <key> BY <by> GET <get> GET #", "SORT <key> ALPHA <option>*",
    "SORT <key> LIMIT <at> <at>",
    "SORT <key> ALPHA STORE <key>", "SORT_RO <key> <read-option>*", "SORT_RO <key> ALPHA",
    "SORT_RO <key> BY <by> <read-option>*",
)  # fmt: skip


def _sorted(command: Command, reply: Reply) -> Reply:
    """A set that is not sorted comes in any order."""
    words = [word.upper() for word in command]
    by = [command[i + 1] for i in range(len(words) - 1) if words[i] == b"BY"]
    if not by or b"*" in by[-1]:
        return reply
    plain = b"LIMIT" not in words and words.count(b"GET") < 2
    return in_any_order(command, reply) if plain else shape(command, reply)


NORMAL: Normals = {"SORT": _sorted, "SORT_RO": _sorted}
