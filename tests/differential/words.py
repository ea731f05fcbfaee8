"""Words of random commands: the pools that every family draws from.

A command is a tuple of bytes. Pools hold what breaks implementations: empty and binary strings,
sizes around the borders of encodings and chunks, numbers around the borders of their types, and
junk. Relative expiry times are placeholders (TTL_S, TTL_MS): the machine puts in values that are
far apart from all others, so that milliseconds between the two servers never decide a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

Command = tuple[bytes, ...]

TTL_S, TTL_MS = b"@ttl-s", b"@ttl-ms"


class Blob(bytes):
    """Bytes too long to print: reports of failures would drown in them."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes {bytes(self[:4])!r}..{bytes(self[-4:])!r}>"


def sized(n: int) -> bytes:
    return Blob((b"0123456789abcdef" * (n // 16 + 1))[:n])


def many(text: str, count: int) -> Command:
    """many fills in a text with numbers from 0 on: words of a command that makes a key large."""
    return tuple(word.encode() for i in range(count) for word in text.format(i).split())


LONG_1, LONG_2 = Blob(b"L" * 10_000 + b"1"), Blob(b"L" * 10_000 + b"2")  # beyond MDBX's key limit

# The only one that has a byte of 0 in it: in the order of letters Redis looks no further.
BINARY = b"\xff\x00\r\n"

POOLS: dict[str, Sequence[bytes]] = {
    "key": (
        b"a", b"a", b"b", b"b", b"c", b"key:1", b"key:2", b"", b"\x00\r\n\xff", b"h[x]*?",
        *(Blob(b"k" * n) for n in (1007, 1008, 1023, 1024)), LONG_1, LONG_2,
    ),
    "value": (
        b"", b"0", b"1", b"-1", b"10", b"007", b"+1", b" 1", b"1 ", b"-0", b"9999", b"10000",
        b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"3.0", b"1e3",
        b"0.1", b"1.7e308", b"inf", b"nan", b"abc", b"ohmytext", b"mynewtext", BINARY,
        *(sized(n) for n in (43, 44, 45, 1000, 1024, 4096, 65279, 65280, 65281, 65536, 130561)),
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
    # 30000, and no less, may come to stand where milliseconds do.
    "word": (b"", b"x", b"NX", b"XX", b"GET", b"EX", b"30000", b"-1", b"LEN", b"*", BINARY,
    b"1e999"),
    "expire-flag": (b"NX", b"XX", b"GT", b"LT", b"nx", b"gT", b"QQ"),
    # Elements of collections: members, fields.
    "member": (
        b"a", b"a", b"b", b"b", b"c", b"d", b"1", b"2", b"3", b"-1", b"", b"007", b"3.5",
        b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808",
        BINARY, b"A", b"ab", *(sized(n) for n in (16, 17, 64, 65, 1100)),
        Blob(b"z" * 66_000),  # not alike for 991 bytes (known_differences.py)
    ),
    "score": (
        b"0", b"-0", b"1", b"1", b"2", b"-1", b"1.5", b"2.50", b"inf", b"-inf", b"+inf", b"1e308",
        b"5e-324", b"0.1", b"1e17", b"-1e400", b"9007199254740993", b"3.0000000000000004",
        b"Infinity", b"0x10", b"nan", b"abc", b"", b" 1",
    ),
    "many": (  # counts that ask for too much, or for nothing
        b"1", b"1", b"2", b"3", b"0", b"100", b"9223372036854775807", b"-1",
        b"-9223372036854775808", b"9223372036854775808", b"abc", b"",
    ),
    "few": (  # of random ones, which come again and again when the count is negative
        b"1", b"2", b"3", b"10", b"0", b"-1", b"-3", b"-100", b"100000", b"-9223372036854775808",
        b"9223372036854775808", b"abc", b"",
    ),
}  # fmt: skip

# A number of keys, and the keys, right and wrong.
NUMKEYS = (
    "1 <key>", "2 <key> <key>", "2 <key> <key>", "3 <key> <key> <key>", "2 <key>", "1 <key> <key>",
    "0", "0 <key>", "-1 <key>", "abc <key>", "9223372036854775807 <key>",
)  # fmt: skip
