"""Bits of strings."""

from __future__ import annotations

from tests.differential.normal import Options, Pools

DATA = True

POOLS: Pools = {
    "bit": (b"0", b"1", b"1", b"2", b"-1", b"abc", b""),
    "place": (  # far ones make values of a megabyte, or are refused
        b"0", b"1", b"7", b"8", b"9", b"15", b"63", b"64", b"100", b"352", b"360", b"1000",
        b"522239", b"522240", b"8000000", b"-1", b"4294967296", b"9223372036854775807",
        b"9223372036854775808", b"abc", b"", b"#1",
    ),
    "at": (
        b"0", b"0", b"1", b"-1", b"-1", b"2", b"7", b"8", b"15", b"-8", b"100", b"-100", b"1000",
        b"65280", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"abc",
        b"",
    ),
    "width": (
        b"u1", b"u8", b"u8", b"i8", b"i5", b"u16", b"i16", b"u31", b"i32", b"u63", b"i64", b"u64",
        b"i65", b"u0", b"i0", b"U8", b"x8", b"u", b"",
    ),
    "field-at": (
        b"0", b"#0", b"#1", b"#10", b"3", b"7", b"8", b"100", b"522237", b"#522", b"-1", b"#-1",
        b"4294967296", b"#9223372036854775807", b"abc", b"#", b"",
    ),
    "number": (
        b"0", b"1", b"-1", b"15", b"127", b"128", b"255", b"256", b"-128", b"-129", b"65535",
        b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"abc", b"",
    ),
    "bits": (b"\x00", b"\xff", b"\xff\xf0\x00", b"\x00\x00\x01", b"foobar", b"", b"\xff" * 50),
}  # fmt: skip

OPTIONS: Options = {
    "range": (
        "<at> <at>", "<at> <at> BYTE", "<at> <at> BIT", "<at> <at> bit", "<at>", "0 -1 <word>",
    ),
    "operation": ("AND", "OR", "XOR", "and", "NAND"),
    "step": (
        "GET <width> <field-at>", "SET <width> <field-at> <number>",
        "INCRBY <width> <field-at> <number>", "OVERFLOW WRAP", "OVERFLOW SAT", "OVERFLOW FAIL",
        "INCRBY <width> <field-at> <number>", "get <width> <field-at>", "OVERFLOW QQ", "SET u8 0",
        "<word>",
    ),
    "read": ("GET <width> <field-at>", "GET u8 0", "get i8 #1", "SET u8 0 1", "OVERFLOW SAT"),
}  # fmt: skip

TEMPLATES = (
    "SET <key> <bits>", "SET <key> <bits>", "SETBIT <key> <place> <bit>",
    "SETBIT <key> <place> <bit>", "SETBIT <key> <place> <bit>", "GETBIT <key> <place>",
    "GETBIT <key> <place>", "BITCOUNT <key>", "BITCOUNT <key> <range>", "BITCOUNT <key> <range>",
    "BITPOS <key> <bit>", "BITPOS <key> <bit> <at>", "BITPOS <key> <bit> <range>",
    "BITPOS <key> <bit> <range>", "BITOP <operation> <key> <key>+",
    "BITOP <operation> <key> <key>+",
    "BITOP NOT <key> <key>", "BITOP NOT <key> <key> <key>", "BITFIELD <key> <step>+",
    "BITFIELD <key> <step>+", "BITFIELD <key> <step> <step> <step>", "BITFIELD <key>",
    "BITFIELD_RO <key> <read>+", "BITFIELD_RO <key>",
)  # fmt: skip
