"""HyperLogLog: its bytes are a string, which is compared as such."""

from __future__ import annotations

from tests.differential.normal import Options, Pools
from tests.differential.words import many, sized

DATA = True

POOLS: Pools = {
    "no-registers": (b"HYLL\x01" + bytes(11),),
    "element": (b"a", b"b", b"c", b"1", b"2", b"", b"\x00\xff", sized(64), sized(5000)),
    "hll": (  # what is one, and what only seems to be
        b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
        b"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
        b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x43\xfd\x7f\xff",
        b"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80" + b"\x41\x10\x04" * 4096,
        b"HYLX", b"HYLL", b"",
    ),
}  # fmt: skip

OPTIONS: Options = {
    "elements": (
        "<element>*", "<element>+", many("{0}", 20), many("e{0}", 200), many("x{0}", 2000),
    ),
}  # fmt: skip

TEMPLATES = (
    "PFADD <key> <elements>", "PFADD <key> <elements>", "PFADD <key> <elements>",
    "PFADD <key> <elements>", "PFADD <key> <elements>", "PFCOUNT <key>", "PFCOUNT <key>",
    "PFCOUNT <key>+", "PFMERGE <key> <key>*", "PFMERGE <key> <key>+", "PFMERGE <key>",
    "SET <key> <hll>", "GETRANGE <key> 0 20", "APPEND <key> <element>", "STRLEN <key>",
    # One without registers, to which nothing is appended: of a run of two bytes that is cut off at
    # the end of a value Redis reads, and writes, what is behind.
    "SET hll:none <no-registers>", "PFADD hll:none <elements>", "PFCOUNT hll:none",
    "PFMERGE <key> hll:none", "PFMERGE hll:none <key>",
)  # fmt: skip
