"""Random commands: strings, keys and connections, good and bad, from small pools so that they
collide.

A command is a tuple of bytes. Pools hold what breaks implementations: empty and binary strings,
sizes around the borders of encodings and chunks, numbers around the borders of their types, and
junk. Relative expiry times are placeholders (TTL_S, TTL_MS): the machine puts in values that are
far apart from all others, so that milliseconds between the two servers never decide a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

Command = tuple[bytes, ...]

TTL_S, TTL_MS = b"@ttl-s", b"@ttl-ms"


class Blob(bytes):
    """Bytes too long to print: reports of failures, and hypothesis itself, would drown in them."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes {bytes(self[:4])!r}..{bytes(self[-4:])!r}>"


def _sized(n: int) -> bytes:
    return Blob((b"0123456789abcdef" * (n // 16 + 1))[:n])


LONG_1, LONG_2 = Blob(b"L" * 10_000 + b"1"), Blob(b"L" * 10_000 + b"2")  # beyond MDBX's key limit

POOLS: dict[str, Sequence[bytes]] = {
    "key": (
        b"a", b"a", b"b", b"b", b"c", b"key:1", b"key:2", b"", b"\x00\r\n\xff", b"h[x]*?",
        *(Blob(b"k" * n) for n in (1007, 1008, 1023, 1024)), LONG_1, LONG_2,
    ),
    "value": (
        b"", b"0", b"1", b"-1", b"10", b"007", b"+1", b" 1", b"1 ", b"-0", b"9999", b"10000",
        b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"3.0", b"1e3",
        b"0.1", b"1.7e308", b"inf", b"nan", b"abc", b"ohmytext", b"mynewtext", b"\x00\x01\r\n\xff",
        *(_sized(n) for n in (43, 44, 45, 1000, 1024, 4096, 65279, 65280, 65281, 65536, 130561)),
    ),
    "int": (
        b"0", b"1", b"-1", b"5", b"1000", b"9223372036854775807", b"-9223372036854775808",
        b"-9223372036854775807", b"9223372036854775808", b"abc", b"", b"1.0", b" 1", b"+1", b"-0",
    ),
    "float": (
        b"0", b"0.1", b"-0.5", b"3.00", b"1e5", b"1e-10", b"5e-324", b"1e300", b"1e400",
        b"123456789",
        b"0.30000000000000004", b"99999999999999999999", b"nan", b"inf", b"-inf", b"abc", b"",
        b" 1",
        b"0x10",
    ),
    "index": (
        b"0", b"1", b"3", b"-1", b"-3", b"43", b"44", b"45", b"-44", b"65279", b"65280", b"65281",
        b"-65281", b"100000", b"9223372036854775807", b"-9223372036854775808",
        b"9223372036854775808", b"abc", b"",
    ),
    "offset": (
        b"0", b"1", b"5", b"44", b"45", b"65279", b"65280", b"65281", b"130560", b"-1",
        b"536870912",
        b"4294967296", b"9223372036854775807", b"9223372036854775808", b"abc", b"",
    ),
    "seconds": (
        TTL_S, TTL_S, TTL_S, b"0", b"-1", b"9223372036854775807", b"9223372036854775",
        b"-9999999999",
        b"-9223372036854775808", b"9223372036854775808", b"abc", b"", b"1.5",
    ),
    "millis": (
        TTL_MS, TTL_MS, TTL_MS, b"0", b"-1", b"9223372036854775807", b"-9223372036854775808",
        b"9223372036854775808", b"abc", b"", b"1.5",
    ),
    "unix": (
        b"33177117420", b"33177117421", b"33000000000", b"1", b"0", b"-1", b"9223372036854775807",
        b"9223372036854776", b"abc", b"",
    ),
    "unixms": (
        b"33177117420000", b"33177117421123", b"33000000000000", b"1", b"0", b"-1",
        b"9223372036854775807", b"9223372036854775808", b"abc", b"",
    ),
    "pattern": (
        b"*", b"*", b"a*", b"k*", b"key:?", b"key:[12]", b"[^a]", b"[a-c]", b"[c-a]", b"\\a",
        b"h\\[x\\]\\*\\?", b"h*", b"", b"[", b"[a", b"\\", b"k**k", b"*1",
        Blob(LONG_1[:-1] + b"*"), b"\x00*", b"?",
        b"*:*", b"**", b"nothing*",
    ),
    "db": (b"0", b"1", b"1", b"2", b"15", b"16", b"-1", b"abc", b"", b"1.0",
    b"99999999999999999999"),
    "count": (b"1", b"10", b"1000", b"0", b"-1", b"abc", b"9223372036854775808"),
    "cursor": (b"0", b"0", b"abc", b"-1", b"", b"18446744073709551615", b"18446744073709551616",
    b"0 "),
    "type": (b"string", b"STRING", b"hash", b"nosuchtype", b""),
    "name": (b"n1", b"n2", b"", b"bad name", b"\xff", b"new\nline"),
    "word": (b"", b"x", b"NX", b"XX", b"GET", b"EX", b"10", b"-1", b"LEN", b"*", b"\xff\x00",
    b"1e999"),
    "expire-flag": (b"NX", b"XX", b"GT", b"LT", b"nx", b"gT", b"QQ"),
}  # fmt: skip

# Options of a command: alternatives, each a sequence of words and pool names.
OPTIONS: dict[str, Sequence[str]] = {
    "set-option": (
        "NX", "XX", "GET", "KEEPTTL", "EX <seconds>", "PX <millis>", "EXAT <unix>", "PXAT <unixms>",
        "EX <seconds>", "nx", "get", "keepttl", "px <millis>", "EX", "PERSIST", "<word>",
    ),
    "getex-option": (
        "EX <seconds>", "PX <millis>", "EXAT <unix>", "PXAT <unixms>", "PERSIST", "persist", "EX",
        "KEEPTTL", "<word>",
    ),
    "lcs-option": ("LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN <index>", "MINMATCHLEN", "<word>"),
    "copy-option": ("DB <db>", "REPLACE", "DB <db>", "replace", "DB", "<word>"),
    "scan-option": ("MATCH <pattern>", "COUNT <count>", "TYPE <type>", "MATCH", "COUNT", "<word>"),
    "flush-option": ("ASYNC", "SYNC", "<word>"),
    "kill-option": (
        "ID 0", "ID 999999999", "ID abc", "TYPE nosuch", "TYPE replica", "ADDR 1.1.1.1:1",
        "LADDR 1.1.1.1:1", "USER nobody", "ID 0 SKIPME yes", "SKIPME maybe", "MAXAGE 999999",
        "MAXAGE x",
        "NOSUCH x",
    ),
}  # fmt: skip

# Templates: words stand for themselves, <x> is one of POOLS or OPTIONS, <x>? none or one, <x>* to
# three, <x>+ one to three. A template that stands twice is twice as likely.
STRINGS = (
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

KEYS = (
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

CONNECTION = (
    "PING", "PING <value>", "ECHO <value>", "SELECT <db>", "SELECT <db>", "SELECT 0", "QUIT",
    "RESET",
    "HELLO", "HELLO 2", "HELLO 3", "HELLO <count>", "HELLO 3 SETNAME <name>",
    "HELLO 3 AUTH <name> <name>",
    "HELLO 3 AUTH default <name>", "HELLO 2 AUTH x", "HELLO 3 <word>", "AUTH <name>",
    "AUTH <name> <name>",
    "AUTH default <name>", "CLIENT ID", "CLIENT INFO", "CLIENT LIST", "CLIENT LIST TYPE normal",
    "CLIENT LIST TYPE <word>", "CLIENT LIST ID <count>", "CLIENT LIST <word>", "CLIENT GETNAME",
    "CLIENT SETNAME <name>", "CLIENT SETINFO LIB-NAME <name>", "CLIENT SETINFO lib-ver <name>",
    "CLIENT SETINFO <word> <name>", "CLIENT KILL <kill-option>",
    "CLIENT KILL <kill-option> <kill-option>",
    "CLIENT KILL 1.1.1.1:1", "CLIENT KILL <word>", "CLIENT NO-EVICT on", "CLIENT NO-EVICT <word>",
    "CLIENT NO-TOUCH on", "CLIENT NO-TOUCH off", "CLIENT NO-TOUCH <word>", "CLIENT REPLY <word>",
    "CLIENT <word>", "CLIENT",
)  # fmt: skip

SERVER = (
    "TIME", "COMMAND GETKEYS GET <key>", "COMMAND GETKEYS MSET <key> <value> <key> <value>",
    "COMMAND GETKEYS <word> <key>", "COMMAND GETKEYS PING", "COMMAND GETKEYS GET", "COMMAND <word>",
    "COMMAND INFO nosuch", "COMMAND DOCS nosuch", "CONFIG GET nosuch", "CONFIG GET maxclients",
    "CONFIG GET proto-max-bulk-len databases", "CONFIG SET nosuch 1",
    "CONFIG SET maxclients <word>",
    "CONFIG SET appendfsync sometimes", "CONFIG SET maxclients", "CONFIG <word>", "CONFIG",
    "CONFIG GET",
    "CONFIG SET hz <int>", "CONFIG SET slowlog-max-len <int>", "CONFIG SET lua-time-limit <count>",
    "CONFIG SET list-compress-depth <count> hz <word>", "CONFIG SET nosuch <int> hz <word>",
    "CONFIG SET HZ <count> hz <count>", "CONFIG SET databases <count>", "CONFIG SET aclfile <word>",
    "CONFIG SET latency-tracking <word>", "CONFIG SET dir <word>", "CONFIG GET MAXCLIENTS",
    "CONFIG HELP", "SAVE", "BGSAVE", "BGSAVE SCHEDULE", "BGSAVE <word>", "LASTSAVE",
    "LASTSAVE <word>", "INFO", "INFO <word>", "INFO keyspace <word>", "LOLWUT",
    "LOLWUT VERSION <count>", "LOLWUT VERSION 5 <index>", "LOLWUT VERSION 6 <count> <count>",
    "LOLWUT VERSION 5 <int> <int> <int>", "LOLWUT VERSION <word>", "LOLWUT <word> <word>",
    "CONFIG RESETSTAT", "SHUTDOWN <word>", "SHUTDOWN ABORT", "SHUTDOWN NOSAVE SAVE",
    "NOSUCH <value>",
    "nosuch <value> <value> <value>", "<word> <word>", "get|set <key>",
)  # fmt: skip

TRANSACTIONS = ("MULTI", "EXEC", "DISCARD")


class Drawer:
    """Draws commands by small integers only: much faster in hypothesis than strategies of
    strategies.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def below(self, n: int) -> int:
        return self.draw(_BELOW[n])

    def one_of(self, choices: Sequence[_T]) -> _T:
        return choices[self.below(len(choices))]

    def template(self, text: str) -> Command:
        """template fills in `SET <key> <value>`."""
        return tuple(arg for word in text.split() for arg in self._word(word))

    def _word(self, word: str) -> Command:
        if not word.startswith("<"):
            return (word.encode(),)
        name, _, repeat = word[1:].partition(">")
        low, high = _REPEATS[repeat]
        return tuple(
            arg for _ in range(low + self.below(high - low + 1)) for arg in self._argument(name)
        )

    def _argument(self, name: str) -> Command:
        if name in OPTIONS:
            return self.template(self.one_of(OPTIONS[name]))
        return (self.one_of(POOLS[name]),)

    def spoiled(self, command: Command) -> Command:
        """The same with one thing wrong: an argument lost, added, replaced, or the name's case."""
        how = self.one_of(("case", "lose", "add", "replace"))
        if how == "lose" and len(command) > 1:
            return command[:-1]
        if how == "add":
            return (*command, self.one_of(POOLS["word"]))
        if how == "replace" and len(command) > 1:
            at = 1 + self.below(len(command) - 1)
            return (*command[:at], self.one_of(POOLS["word"]), *command[at + 1 :])
        return (command[0].swapcase(), *command[1:])


_T = TypeVar("_T")
_REPEATS = {"": (1, 1), "?": (0, 1), "*": (0, 3), "+": (1, 3)}
_BELOW = [st.integers(0, max(n - 1, 0)) for n in range(512)]


def _harmless(command: Command) -> bool:
    """Spoiling must not make a SHUTDOWN that works, silence a connection, or change settings, nor
    ask for the whole command table: test_table.py compares that row by row."""
    name, words = command[0].upper(), [word.upper() for word in command[1:]]
    if name == b"COMMAND":
        return words not in ([], [b"INFO"], [b"DOCS"]) and words[-1:] not in ([b"GET"], [b"X"])
    if name == b"CONFIG" and b"*" in words:
        return False
    if name == b"SHUTDOWN":
        return b"ABORT" in words or words == [b"NOSAVE", b"SAVE"] or b"X" in words
    if name == b"CLIENT" and words[:1] == [b"KILL"]:
        return b"SKIPME" not in words or b"0" in words
    if name == b"CLIENT" and words[:1] == [b"REPLY"]:
        return words[1:] == [b"X"]
    return not (name == b"CONFIG" and words[:1] == [b"SET"] and b"10" in words)


def any_of(*families: Sequence[str]) -> st.SearchStrategy[Command]:
    """any_of draws commands of the families, one in eight with something wrong."""
    templates = [text for family in families for text in family]

    @st.composite
    def one(draw: st.DrawFn) -> Command:
        drawer = Drawer(draw)
        command = drawer.template(drawer.one_of(templates))
        if drawer.below(8) == 7:
            command = drawer.spoiled(command)
        return command if _harmless(command) else (b"PING",)

    return one()


def _told_of(command: Command) -> Command:
    """Redis 8.0 drops the error of an AUTH that fails within EXEC, so that its array is short."""
    words = {word.upper() for word in command}
    return (b"PING",) if b"AUTH" in words else command


queued = any_of(STRINGS, STRINGS, STRINGS, KEYS, KEYS, CONNECTION, SERVER, TRANSACTIONS * 3).map(
    _told_of
)
everything = any_of(STRINGS, STRINGS, KEYS, CONNECTION, SERVER)
data_only = any_of(STRINGS, KEYS)
silent = any_of(("GET <key>", "SET <key> <value>", "PING", "INCR <key>", "GET", "NOSUCH", "RESET"))
