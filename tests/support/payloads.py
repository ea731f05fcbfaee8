"""DUMP payloads made by hand: lengths, strings, packed sequences and the footer, as Redis has them
in its various ages, sound or not."""

from __future__ import annotations

import struct

__all__ = [
    "crc64", "intset", "length", "listpack", "payload", "string", "ziplist",
]  # fmt: skip

VERSION = 10
_POLYNOMIAL = 0x95AC9329AC4BC9B5  # Jones's, reflected


def _table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()


def crc64(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def payload(kind: int, *parts: bytes, version: int = VERSION) -> bytes:
    """A whole payload: its checksum is right."""
    whole = bytes([kind]) + b"".join(parts) + struct.pack("<H", version)
    return whole + struct.pack("<Q", crc64(whole))


def length(n: int) -> bytes:
    if n < 1 << 6:
        return bytes([n])
    if n < 1 << 14:
        return struct.pack(">H", 0x4000 | n)
    return b"\x80" + struct.pack(">I", n)


def string(value: bytes) -> bytes:
    return length(len(value)) + value


def _number(value: int) -> bytes:
    """A listpack's number, in 64 bits whatever it is."""
    return b"\xf4" + struct.pack("<q", value)


def listpack(*elements: bytes | int, count: int | None = None, total: int | None = None) -> bytes:
    body = b""
    for element in elements:
        if isinstance(element, int):
            entry = bytes([element]) if 0 <= element < 128 else _number(element)
        elif len(element) < 64:
            entry = bytes([0x80 | len(element)]) + element
        else:
            entry = struct.pack(">H", 0xE000 | len(element)) + element
        back = len(entry)
        body += entry + (bytes([back]) if back < 128 else bytes([back >> 7, 128 | back & 127]))
    whole = 7 + len(body)
    head = struct.pack("<IH", whole if total is None else total,
                       len(elements) if count is None else count)  # fmt: skip
    return head + body + b"\xff"


def ziplist(*elements: bytes | int, count: int | None = None, tail: int | None = None) -> bytes:
    body, before, at = b"", 0, 10
    for element in elements:
        last = 10 + len(body)
        if isinstance(element, int):
            if 0 <= element <= 12:
                entry = bytes([0xF1 + element])
            elif -128 <= element < 128:
                entry = b"\xfe" + struct.pack("<b", element)
            elif -(1 << 15) <= element < 1 << 15:
                entry = b"\xc0" + struct.pack("<h", element)
            elif -(1 << 23) <= element < 1 << 23:
                entry = b"\xf0" + struct.pack("<i", element)[:3]
            elif -(1 << 31) <= element < 1 << 31:
                entry = b"\xd0" + struct.pack("<i", element)
            else:
                entry = b"\xe0" + struct.pack("<q", element)
        elif len(element) < 64:
            entry = bytes([len(element)]) + element
        elif len(element) < 1 << 14:
            entry = struct.pack(">H", 0x4000 | len(element)) + element
        else:
            entry = b"\x80" + struct.pack(">I", len(element)) + element
        entry = (bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)) + entry
        before, at = len(entry), last
        body += entry
    head = struct.pack("<IIH", 11 + len(body), at if tail is None else tail,
                       len(elements) if count is None else count)  # fmt: skip
    return head + body + b"\xff"


def intset(*numbers: int, width: int = 2) -> bytes:
    kind = {2: "h", 4: "i", 8: "q"}[width]
    return struct.pack(f"<II{len(numbers)}{kind}", width, len(numbers), *numbers)
