"""DUMP, which differs byte by byte, and RESTORE, of payloads that are made here: sound ones in the
plainest encoding of each type, and damaged ones. The machine has each server take what the other
dumped.
"""

from __future__ import annotations

import struct

from tests.differential.normal import Normals, Options, Pools, masked
from tests.differential.words import BINARY, Blob

DATA = True

_VERSION = 10  # of RDB files, as Redis 7.0 writes them
_POLYNOMIAL = 0x95AC9329AC4BC9B5  # Jones's, reflected


def _crc64(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


def payload(body: bytes, version: int = _VERSION) -> bytes:
    """payload is a DUMP: type and value as in an RDB file, version, checksum."""
    whole = body + struct.pack("<H", version)
    return Blob(whole + struct.pack("<Q", _crc64(whole)))


def _text(value: bytes) -> bytes:
    assert len(value) < 64
    return bytes([len(value)]) + value


def _counted(kind: int, *parts: bytes, count: int | None = None) -> bytes:
    return bytes([kind, len(parts) if count is None else count]) + b"".join(parts)


_PAIR = (_text(b"f"), _text(b"v"))
_SOUND = (
    payload(b"\x00" + _text(b"abc")),
    payload(b"\x00" + _text(b"")),
    payload(b"\x00\xc0\x0a"),  # 10 as one byte
    payload(b"\x00\xc2\x40\xe2\x01\x00"),  # 123456 as four
    payload(b"\x00\xc3\x05\x0a\x00a\xe0\x00\x00"),  # compressed: ten of the same letter
    payload(_counted(1, _text(b"a"), _text(b"b"), _text(b"a"))),
    payload(_counted(2, _text(b"a"), _text(b"b"))),
    payload(_counted(2, _text(b"1"), _text(b"2"))),
    payload(_counted(3, _text(b"a"), _text(b"1.5"))),
    payload(_counted(5, _text(b"a"), struct.pack("<d", 1.5), _text(b"b"), struct.pack("<d", -2.0),
                     count=2)),
    payload(_counted(4, *_PAIR, count=1)),
    payload(_counted(4, *_PAIR, _text(b"g"), _text(b"7"), count=2)),
    payload(b"\x0b" + _text(struct.pack("<IIhhh", 2, 3, 1, 2, 3))),  # integers, sorted
)  # fmt: skip
_UNSOUND = (
    payload(b"\x00" + _text(b"abc"), version=9999),
    _SOUND[0][:-1] + b"\x00",
    _SOUND[0][:-1],
    payload(b"\x00\x3fab"),
    payload(b"\x63" + _text(b"abc")),
    payload(_counted(2, _text(b"a"), _text(b"a"))),
    payload(_counted(4, *_PAIR, *_PAIR, count=2)),
    payload(_counted(1)),
    payload(b""),
    b"",
    b"abc",
)

POOLS: Pools = {
    "payload": (*_SOUND, *_SOUND, *_UNSOUND),
    "member": (b"a", b"b", b"1", b"2", b"", BINARY),
}

OPTIONS: Options = {
    # Redis adds what is too far off up to a time in the past, and deletes the key.
    "ttl": ("0", "0", "0", "@ttl-ms", "-1", "abc", "9223372036854775808"),
    # Each number may come to stand where the time to live does: none is brief.
    "restore-option": (
        "REPLACE", "REPLACE", "replace", "ABSTTL", "IDLETIME 9000000", "IDLETIME -1", "FREQ 0",
        "FREQ 8000000", "FREQ", "IDLETIME abc", "<word>",
    ),
}  # fmt: skip

TEMPLATES = (
    "DUMP <key>", "DUMP <key>", "RESTORE <key> <ttl> <payload>", "RESTORE <key> <ttl> <payload>",
    "RESTORE <key> 0 <payload> REPLACE", "RESTORE <key> 0 <payload> REPLACE",
    "RESTORE <key> 0 <payload> REPLACE", "RESTORE <key> <ttl> <payload> <restore-option>*",
    "RESTORE <key> <ttl> <payload> REPLACE <restore-option>*",
    "RESTORE <key> <unixms> <payload> ABSTTL REPLACE", "RESTORE <key> 1.5 <payload>",
    "APPEND <key> <member>", "SADD <key> <member>+", "RPUSH <key> <member>+",
    "HSET <key> <member> <member>", "ZADD <key> 1 <member>", "PFADD <key> <member>+",
)  # fmt: skip

NORMAL: Normals = {"DUMP": masked}
