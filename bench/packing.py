"""MessagePack: packing and unpacking objects of several shapes, beside msgpack's C extension, and
ormsgpack and msgspec, which give up parts of its interface for speed.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.cases import Case, Run

GOAL = 1.0


def _person(number: int, draw: random.Random) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"user {number}",
        "email": f"user{number}@example.com",
        "active": number % 2 == 0,
        "score": draw.random() * 100,
        "tags": ["alpha", "beta", "gamma"],
        "address": {"street": "Main Street 1", "zip": 12345, "position": [52.5, 13.4]},
        "manager": None,
    }


def shapes() -> dict[str, Any]:
    draw = random.Random(1)
    return {
        "a small dict": {"id": 12345, "name": "alpha", "ok": True, "value": 1.5},
        "1,000 ints": [draw.getrandbits(draw.randrange(1, 60)) - 100 for _ in range(1000)],
        "100,000 ints": list(range(100_000)),
        "100 nested dicts": [_person(number, draw) for number in range(100)],
        "a dict of 5,000": {f"key:{number:06}": number for number in range(5000)},
        "1,000 short strings": [f"value {number}" for number in range(1000)],
        "20 strings of 10 KB": ["x" * 10_000 for _ in range(20)],
        "20 of 10 KB, not ASCII": ["\u00fc" * 5_000 for _ in range(20)],
        "1,000 floats": [draw.random() for _ in range(1000)],
        "100 bytes objects": [draw.randbytes(100) for _ in range(100)],
    }


def _times() -> list[datetime.datetime]:
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return [begin + datetime.timedelta(hours=n, microseconds=n) for n in range(1000)]


def cases() -> list[Case]:
    """Contenders beyond the second are there to say how far they are."""
    import msgpack
    import msgspec
    import ormsgpack

    from dbx import msgpack as ours

    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
    packers = {"dbx": ours.packb, "msgpack": msgpack.packb, "ormsgpack": ormsgpack.packb,
               "msgspec": encode}  # fmt: skip
    unpackers = {"dbx": ours.unpackb, "msgpack": msgpack.unpackb, "ormsgpack": ormsgpack.unpackb,
                 "msgspec": decode}  # fmt: skip
    found = []
    for name, value in shapes().items():
        packed = msgpack.packb(value)
        found.append(_case(f"pack {name}", packers, value))
        found.append(_case(f"unpack {name}", unpackers, packed))
    return found + _of_times(ours, msgpack, ormsgpack, encode, decode)


def _case(name: str, calls: dict[str, Callable[[Any], object]], value: Any) -> Case:
    return Case(name, {who: partial(call, value) for who, call in calls.items()}, 1, GOAL)


def _of_times(ours: Any, theirs: Any, ormsgpack: Any, encode: Any, decode: Any) -> list[Case]:
    """All to and from datetimes, with what each needs for it."""
    times = _times()
    packed = theirs.packb(times, datetime=True)
    both: dict[str, Any] = {"dbx": ours, "msgpack": theirs}
    pack: dict[str, Run] = {
        who: partial(module.packb, times, datetime=True) for who, module in both.items()
    }
    as_ext = ormsgpack.OPT_DATETIME_AS_TIMESTAMP_EXT
    pack["ormsgpack"] = partial(ormsgpack.packb, times, option=as_ext)
    pack["msgspec"] = partial(encode, times)
    unpack: dict[str, Run] = {
        who: partial(module.unpackb, packed, timestamp=3) for who, module in both.items()
    }
    unpack["ormsgpack"] = partial(ormsgpack.unpackb, packed, option=as_ext)
    unpack["msgspec"] = partial(decode, packed)
    stamps: dict[str, Run] = {who: partial(m.unpackb, packed) for who, m in both.items()}
    return [
        Case("pack 1,000 datetimes", pack, 1, GOAL),
        Case("unpack 1,000 datetimes", unpack, 1, GOAL),
        Case("unpack 1,000 Timestamps", stamps, 1, GOAL),
    ]
