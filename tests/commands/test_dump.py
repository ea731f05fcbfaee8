"""DUMP and RESTORE: payloads go to Redis and come from it, of every type and age; those that are
damaged are refused and leave everything as it was."""

from __future__ import annotations

import random
import struct
import time
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, error
from tests.support.payloads import intset, length, listpack, payload, string, ziplist
from tests.support.servers import RedisServer

pytestmark = pytest.mark.tiny_buffer

BAD = "Bad data format"
WRONG = "DUMP payload version or checksum are wrong"
BUSY = "BUSYKEY Target key name already exists."
LONG = b"L" * 100_000  # lies in chunks


def is_oracle(request: pytest.FixtureRequest) -> bool:
    return "[redis8-" in request.node.name


def restored(r: Any, dump: bytes, key: str = "k") -> Any:
    assert r.execute_command("RESTORE", key, 0, dump, "REPLACE") in (b"OK", True)
    return value(r, key)


def value(r: Any, key: str | bytes) -> Any:
    """All of a value, alike for every client and version."""
    call = r.execute_command
    kind = call("TYPE", key)
    kind = kind.decode() if isinstance(kind, bytes) else kind
    if kind == "string":
        return call("GET", key)
    if kind == "list":
        return call("LRANGE", key, 0, -1)
    if kind == "set":
        return sorted(call("SMEMBERS", key))
    if kind == "hash":
        return call("HGETALL", key)
    if kind == "zset":
        found = call("ZRANGE", key, 0, -1, "WITHSCORES")
        if found and not isinstance(found[0], list | tuple):
            found = list(zip(found[::2], found[1::2], strict=True))
        return [(member, float(score)) for member, score in found]
    assert kind == "stream", kind
    full = call("XINFO STREAM", key, "FULL", "COUNT", 0, full=True)
    return stream(call("XRANGE", key, "-", "+"), full)


def flat(pairs: Any) -> dict[str, Any]:
    if not isinstance(pairs, dict):
        pairs = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return {k.decode() if isinstance(k, bytes) else k: v for k, v in pairs.items()}


def stream(entries: Any, full: Any) -> Any:
    info = flat(full)
    for name in ("radix-tree-keys", "radix-tree-nodes", "entries"):
        del info[name]
    groups = []
    for group in map(flat, info.pop("groups")):
        consumers = [flat(consumer) for consumer in group.pop("consumers")]
        for consumer in consumers:  # 7.0 has no active-time
            consumer.pop("active-time", None)
            consumer.pop("pel-count", None)
            consumer["pending"] = [list(one) for one in consumer["pending"]]
        group["pending"] = [list(one) for one in group["pending"]]
        group.pop("pel-count", None)
        groups.append((group, consumers))
    return [(entry, dict(fields) if isinstance(fields, dict) else fields)
            for entry, fields in entries], info, groups  # fmt: skip


def fill(r: Any) -> list[str]:
    """Values of every type and encoding; the names of their keys."""
    rand = random.Random(1)
    call = r.execute_command
    texts = {"empty": b"", "short": b"abc", "byte": b"12", "word": b"-3000", "int": b"123456789",
             "wide": b"12345678901234", "not-int": b"007", "packed": b"abcdabcd" * 100,
             "noise": rand.randbytes(200_000), "long-packed": b"hello world " * 30_000}  # fmt: skip
    for name, text in texts.items():
        call("SET", name, text)
    for size in (1, 100, 1500):
        for kind in ("numbers", "texts"):
            items = [str(i * 7919 % 100_003 - 5000) if kind == "numbers" else f"item:{i}"
                     for i in range(size)]  # fmt: skip
            call("RPUSH", f"list:{kind}:{size}", *items)
            call("SADD", f"set:{kind}:{size}", *items)
            scores = [rand.choice(["1.5", "-2", "3e100", "inf", "-inf", "0.1"]) for _ in items]
            call("ZADD", f"zset:{kind}:{size}",
                 *(part for pair in zip(scores, items, strict=True) for part in pair))  # fmt: skip
            call("HSET", f"hash:{kind}:{size}", *(part for i in items for part in (i, i * 2)))
    call("RPUSH", "list:long", "a", LONG, "b", LONG[:70_000])
    call("SADD", "set:long", LONG, "x")
    call("ZADD", "zset:long", 1, LONG, 2, "q")
    call("HSET", "hash:long", LONG, LONG + b"1", "f", "v", "g", LONG)
    fill_stream(r)
    return sorted(name.decode() for name in call("KEYS", "*"))


def fill_stream(r: Any) -> None:
    call = r.execute_command
    for i in range(250):
        extra = ["extra", "y"] if i % 17 == 0 else []
        call("XADD", "stream", f"{i + 1}-{i % 3}", "temp", i, "hum", -i * 100_000, *extra)
    call("XADD", "stream", "1000-1", "long", LONG, "x", "y")
    call("XADD", "stream", "1001-1", "temp", "1", "hum", "2")
    call("XDEL", "stream", "5-1", "7-0")
    call("XGROUP CREATE", "stream", "g1", "0")
    call("XGROUP CREATE", "stream", "g2", "$")
    call("XGROUP CREATECONSUMER", "stream", "g2", "idle")
    for consumer, count in (("c1", 50), ("c2", 20)):
        call("XREADGROUP", "GROUP", "g1", consumer, "COUNT", count, "STREAMS", "stream", ">")
    call("XACK", "stream", "g1", "3-2")
    call("XCLAIM", "stream", "g1", "c2", 0, "10-0")
    call("XADD", "stream:empty", "1-1", "a", "b")
    call("XDEL", "stream:empty", "1-1")
    call("XGROUP CREATE", "stream:empty", "g", "0")


# --- There and back -------------------------------------------------------------------------------


def test_what_is_dumped_is_restored(r: Any) -> None:
    keys = fill(r)
    for key in keys:
        encoding = r.execute_command("OBJECT ENCODING", key)
        assert restored(r, r.execute_command("DUMP", key)) == value(r, key), key
        assert r.execute_command("OBJECT ENCODING", "k") == encoding, key
    assert r.execute_command("DUMP", "nothing") is None


@pytest.mark.parametrize("real", ["redis7", "redis8", "valkey8"])
def test_redis_takes_what_is_dumped_and_the_reverse(
    r: Any, real: str, request: pytest.FixtureRequest
) -> None:
    if is_oracle(request):
        pytest.skip("of DBX and a real server")
    server: RedisServer = request.getfixturevalue(real)
    with server.client() as there:
        for source, target in ((r, there), (there, r)):
            r.flushall()
            there.flushall()
            for key in fill(source):
                dump = source.execute_command("DUMP", key)
                assert restored(target, dump) == value(source, key), key
        there.flushall()


def test_fields_that_expire_are_dumped_for_redis_8(r: Any, redis8: RedisServer) -> None:
    date = int(time.time() * 1000) + 3_600_000

    def dates(client: Any) -> list[int]:
        found = client.execute_command("HPEXPIRETIME", "k", "FIELDS", 4, "a", "b", "c", "gone")
        return [abs(ms - date) < 60_000 if ms > 0 else ms for ms in found]

    with redis8.client() as there:
        for size in (0, 1000):
            for source, target in ((r, there), (there, r), (r, r), (there, there)):
                r.flushall()
                there.flushall()
                source.execute_command("HSET", "h", "a", 1, "b", LONG[: size * 70], "c", 3)
                for i in range(size):
                    source.execute_command("HSET", "h", f"f{i}", i)
                source.execute_command("HPEXPIREAT", "h", date, "FIELDS", 1, "a")
                source.execute_command("HPEXPIRE", "h", 3_600_000, "FIELDS", 1, "b")
                dump = source.execute_command("DUMP", "h")
                assert int.from_bytes(dump[-10:-8], "little") == 12
                assert restored(target, dump) == value(source, "h")
                assert dates(target) == [True, True, -1, -2]
        there.flushall()


def test_fields_whose_time_has_come_are_left_out(r: Any, request: pytest.FixtureRequest) -> None:
    if is_oracle(request):
        pytest.skip("Redis removes them a little later")
    fields = (length(1), string(b"a"), string(b"1"), length(0), string(b"b"), string(b"2"))
    past = struct.pack("<q", 1_000_000_000_000)
    assert restored(r, payload(24, past, length(2), *fields, version=12)) == {b"b": b"2"}
    r.execute_command("SET", "k", "old")
    dump = payload(24, past, length(1), *fields[:3], version=12)
    assert r.execute_command("RESTORE", "k", 0, dump, "REPLACE") in (b"OK", True)
    assert r.execute_command("EXISTS", "k") == 0


def test_payloads_of_every_age_are_taken(r: Any) -> None:
    assert restored(r, payload(0, string(b"abc"), version=6)) == b"abc"
    assert restored(r, payload(0, b"\xc1" + struct.pack("<h", -300))) == b"-300"
    assert restored(r, payload(0, b"\xc3\x05\x0a\x00a\xe0\x00\x00")) == b"a" * 10
    a_list = [b"a", b"1", b"-70000", LONG[:300]]
    packed = (b"a", 1, -70000, LONG[:300])
    assert restored(r, payload(1, length(2), string(b"x"), b"\xc0\x07")) == [b"x", b"7"]
    assert restored(r, payload(10, string(ziplist(*packed)))) == a_list
    nodes = string(ziplist(*packed)) * 2
    assert restored(r, payload(14, length(2), nodes)) == a_list * 2
    nodes = b"\x02" + string(listpack(*packed)) + b"\x01" + string(b"plain")
    assert restored(r, payload(18, length(2), nodes)) == [*a_list, b"plain"]
    assert restored(r, payload(2, length(2), string(b"x"), b"\xc0\x07")) == [b"7", b"x"]
    assert restored(r, payload(11, string(intset(-5, 3, 70)))) == [b"-5", b"3", b"70"]
    assert restored(r, payload(11, string(intset(-5, 1 << 40, width=8)))) == [b"-5", b"%d" % 2**40]
    assert restored(r, payload(20, string(listpack(b"x", 5)))) == [b"5", b"x"]
    scored = [(b"b", -2.5), (b"a", 1.0), (b"c", float("inf"))]
    texts = string(b"a") + b"\x011" + string(b"b") + b"\x04-2.5" + string(b"c") + b"\xfe"
    assert restored(r, payload(3, length(3), texts)) == scored
    doubles = b"".join(string(member) + struct.pack("<d", score) for member, score in scored)
    assert restored(r, payload(5, length(3), doubles)) == scored
    pairs = (b"b", b"-2.5", b"a", 1, b"c", b"inf")
    assert restored(r, payload(12, string(ziplist(*pairs)))) == scored
    assert restored(r, payload(17, string(listpack(*pairs)))) == scored
    fields = {b"f": b"1", b"g": b"x"}
    texts = string(b"f") + b"\xc0\x01" + string(b"g") + string(b"x")
    assert restored(r, payload(4, length(2), texts)) == fields
    assert restored(r, payload(13, string(ziplist(b"f", 1, b"g", b"x")))) == fields
    assert restored(r, payload(16, string(listpack(b"f", 1, b"g", b"x")))) == fields


def a_stream(kind: int, **changes: Any) -> bytes:
    """A stream of two entries and a deleted one, with a group and two consumers."""
    parts: dict[str, Any] = {
        "id": struct.pack(">QQ", 5, 1),
        "elements": [2, 1, 1, b"f", 0,  # alive, deleted, fields: f
                     2, 0, 0, b"x", 4,  # 5-1, the same fields
                     3, 0, 1, b"y", 4,  # 5-2, deleted
                     0, 2, 0, 1, b"g", b"z", 6],  # 7-1, its own fields
        "length": 2, "first": length(5) + length(1), "groups": 1, "last": length(9) + length(0),
        "pending": [(5, 1), (7, 1)], "owned": {b"c1": [(7, 1)], b"c2": [(5, 1)]},
    }  # fmt: skip
    parts |= changes
    out = length(1) + string(parts["id"]) + string(listpack(*parts["elements"]))
    out += length(parts["length"]) + parts["last"]
    if kind != 15:
        out += parts["first"] + length(5) + length(2) + length(3)
    out += length(parts["groups"])
    group = string(b"g") + length(7) + length(1) + (length(2) if kind != 15 else b"")
    group += length(len(parts["pending"]))
    for ms, seq in parts["pending"]:
        group += struct.pack(">QQ", ms, seq) + struct.pack("<q", 1000) + length(3)
    group += length(len(parts["owned"]))
    for name, ids in parts["owned"].items():
        group += string(name) + struct.pack("<q", 2000)
        group += struct.pack("<q", 1500) if kind == 21 else b""
        group += length(len(ids)) + b"".join(struct.pack(">QQ", ms, seq) for ms, seq in ids)
    return payload(kind, out + group * parts["groups"], version=11 if kind == 21 else 10)


@pytest.mark.parametrize("kind", [15, 19, 21])
def test_streams_of_every_age_are_taken(r: Any, kind: int) -> None:
    entries, info, groups = restored(r, a_stream(kind))
    assert [name for name, _ in entries] == [b"5-1", b"7-1"]
    assert info["length"] == 2 and info["last-generated-id"] == b"9-0"
    assert info["entries-added"] == (2 if kind == 15 else 3)
    ((group, consumers),) = groups
    assert group["last-delivered-id"] == b"7-1"
    assert [one[0] for one in group["pending"]] == [b"5-1", b"7-1"]
    assert [consumer["name"] for consumer in consumers] == [b"c1", b"c2"]
    assert [consumer["pending"] for consumer in consumers] == [
        [[b"7-1", 1000, 3]], [[b"5-1", 1000, 3]],
    ]  # fmt: skip
    assert r.execute_command("XADD", "k", "9-1", "f", "v") == b"9-1"


# --- Damage ---------------------------------------------------------------------------------------

HUGE = b"\x81" + b"\x7f" + b"\xff" * 7
UNSOUND = {
    "nothing": payload(0)[1:],  # a zero byte in front changes no checksum
    "no value": payload(0),
    "unknown type": payload(99, string(b"a")),
    "module": payload(7, length(1)),
    "string cut off": payload(0, b"\x3fab"),
    "string of huge length": payload(0, HUGE),
    "packed of huge length": payload(0, b"\xc3\x05", HUGE, b"\x00a\xe0\x00\x00"),
    "packed that gives less": payload(0, b"\xc3\x05\x0b\x00a\xe0\x00\x00"),
    "packed that gives more": payload(0, b"\xc3\x05\x09\x00a\xe0\x00\x00"),
    "packed that reaches back too far": payload(0, b"\xc3\x05\x0a\x00a\xe0\x00\x01"),
    "long packed that gives less": payload(
        0, b"\xc3", length(3001), length(100_000), b"\x00a", b"\xe0\xff\x00" * 999, b"\x00b"
    ),
    "list of nothing": payload(1, length(0)),
    "list of huge count": payload(1, HUGE, string(b"a")),
    "list that ends too soon": payload(1, length(2), string(b"a")),
    "ziplist with a wrong tail": payload(10, string(ziplist(b"a", b"b", tail=10))),
    "ziplist with a wrong count": payload(10, string(ziplist(b"a", b"b", count=3))),
    "ziplist cut off": payload(10, string(ziplist(b"a", b"b")[:-1])),
    "empty ziplist": payload(10, string(ziplist())),
    "node of no kind": payload(18, length(1), length(3), string(listpack(b"a"))),
    "listpack with a wrong total": payload(18, length(1), length(2),
                                           string(listpack(b"a", total=9))),
    "listpack with a wrong count": payload(18, length(1), length(2),
                                           string(listpack(b"a", count=2))),
    "listpack with a wrong back length": payload(
        18, length(1), length(2), string(listpack(b"abc").replace(b"c\x04", b"c\x03"))
    ),
    "listpack with a string that is too long": payload(
        18, length(1), length(2), string(listpack(b"abc").replace(b"\x83", b"\x8f"))
    ),
    "listpack of huge string": payload(
        18, length(1), length(2),
        string(struct.pack("<IH", 13, 1) + b"\xf0\xff\xff\xff\xff" + b"\x05\xff"),
    ),
    "member twice": payload(2, length(2), string(b"a"), string(b"a")),
    "number twice": payload(2, length(2), string(b"7"), b"\xc0\x07"),
    "packed member twice": payload(20, string(listpack(b"a", b"a"))),
    "intset out of order": payload(11, string(intset(3, 2))),
    "intset with a number twice": payload(11, string(intset(3, 3))),
    "intset of no width": payload(11, string(struct.pack("<IIhh", 3, 2, 1, 2))),
    "intset cut off": payload(11, string(intset(1, 2)[:-1])),
    "empty intset": payload(11, string(struct.pack("<II", 2, 0))),
    "score that is no number": payload(5, length(1), string(b"a"), struct.pack("<d", float("nan"))),
    "score text that is no number": payload(3, length(1), string(b"a"), b"\xfd"),
    "packed score that is no number": payload(17, string(listpack(b"a", b"nan"))),
    "packed member without a score": payload(17, string(listpack(b"a", 1, b"b"))),
    "scored member twice": payload(5, length(2), (string(b"a") + struct.pack("<d", 1)) * 2),
    "field twice": payload(4, length(2), (string(b"a") + string(b"1")) * 2),
    "packed field twice": payload(16, string(listpack(b"a", 1, b"a", 2))),
    "field without a value": payload(16, string(listpack(b"a", 1, b"b"))),
    "field with a date too far": payload(
        24, struct.pack("<q", 1 << 47), length(1), b"\x81" + struct.pack(">Q", 1 << 48),
        string(b"f"), string(b"v"), version=12,
    ),
    "packed field with a date that is none": payload(
        25, struct.pack("<q", 0), string(listpack(b"f", b"v", b"x")), version=12
    ),
}  # fmt: skip
WRONG_STREAMS: dict[str, dict[str, Any]] = {
    "id that is too short": {"id": b"\x00" * 15},
    "alive miscounted": {"elements": [1, 0, 0, 0, 0, 0, 0, 1, b"f", b"v", 7]},
    "deleted miscounted": {"elements": [1, 1, 1, b"f", 0, 2, 0, 0, b"x", 4]},
    "master not ended": {"elements": [1, 0, 1, b"f", 1, 2, 0, 0, b"x", 4]},
    "element count of an entry": {"elements": [1, 0, 1, b"f", 0, 2, 0, 0, b"x", 5], "length": 1},
    "entry cut off": {"elements": [1, 0, 1, b"f", 0, 2, 0, 0], "length": 1},
    "huge field count": {"elements": [1, 0, 1 << 60, b"f", 0], "length": 1},
    "ids that do not grow": {"elements": [2, 0, 1, b"f", 0, 2, 0, 0, b"x", 4, 2, 0, 0, b"y", 4]},
    "length miscounted": {"length": 3},
    "group twice": {"groups": 2},
    "pending of nobody": {"owned": {b"c1": [(7, 1)]}},
    "pending of two": {"owned": {b"c1": [(7, 1)], b"c2": [(7, 1), (5, 1)]}},
    "pending unknown": {"owned": {b"c1": [(7, 1), (8, 1)], b"c2": [(5, 1)]}},
    "pending twice": {"pending": [(5, 1), (5, 1)]},
}
# What Redis 8.0 takes nevertheless.
STRICTER = {
    "packed score that is no number", "stream: ids that do not grow", "stream: length miscounted",
}  # fmt: skip
UNSOUND |= {f"stream: {name}": a_stream(19, **parts) for name, parts in WRONG_STREAMS.items()}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_no_value_is_refused_and_changes_nothing(
    r: Any, name: str, request: pytest.FixtureRequest
) -> None:
    if is_oracle(request) and name in STRICTER:
        pytest.skip("Redis takes it")
    r.execute_command("RPUSH", "k", "a", LONG)
    assert error(r, "RESTORE", "k", 0, UNSOUND[name], "REPLACE") == BAD
    assert error(r, "RESTORE", "new", 0, UNSOUND[name]) == BAD
    assert value(r, "k") == [b"a", LONG]
    assert r.execute_command("EXISTS", "new") == 0
    assert r.execute_command("DBSIZE") == 1


def test_no_damaged_byte_gets_past_the_checksum(r: Any) -> None:
    dump = payload(0, string(b"abc"))
    for i in range(len(dump)):
        damaged = dump[:i] + bytes([dump[i] ^ 0x10]) + dump[i + 1 :]
        assert error(r, "RESTORE", "k", 0, damaged) == WRONG
        assert error(r, "RESTORE", "k", 0, dump[:i]) == WRONG
    assert error(r, "RESTORE", "k", 0, payload(0, string(b"abc"), version=13)) == WRONG


@pytest.mark.parametrize("kind", [19, 21])
def test_a_stream_cut_off_anywhere_is_refused(r: Any, kind: int) -> None:
    whole = a_stream(kind)[:-10]
    for end in range(1, len(whole), 3):
        assert error(r, "RESTORE", "k", 0, payload(whole[0], whole[1:end])) == BAD, end
    assert r.execute_command("DBSIZE") == 0


# --- Options --------------------------------------------------------------------------------------


def test_options_and_their_errors_are_redis_s(r: Any) -> None:
    dump = payload(0, string(b"abc"))
    for options, text in (
        (["NO"], SYNTAX), (["IDLETIME"], SYNTAX), (["FREQ"], SYNTAX),
        (["IDLETIME", "x"], NOT_AN_INTEGER), (["FREQ", "x"], NOT_AN_INTEGER),
        (["IDLETIME", -1], "Invalid IDLETIME value, must be >= 0"),
        (["FREQ", 256], "Invalid FREQ value, must be >= 0 and <= 255"),
        (["FREQ", -1], "Invalid FREQ value, must be >= 0 and <= 255"),
        (["IDLETIME", 1, "FREQ", 1], SYNTAX), (["FREQ", 1, "IDLETIME", 1], SYNTAX),
    ):  # fmt: skip
        assert error(r, "RESTORE", "k", 0, dump, *options) == text, options
    assert error(r, "RESTORE", "k", "x", dump) == NOT_AN_INTEGER
    assert error(r, "RESTORE", "k", -1, dump) == "Invalid TTL value, must be >= 0"
    assert error(r, "RESTORE", "k", "x", b"bad") == NOT_AN_INTEGER
    assert r.execute_command("RESTORE", "k", 0, dump, "IDLETIME", 10) in (b"OK", True)
    assert error(r, "RESTORE", "k", "x", b"bad") == BUSY
    assert error(r, "RESTORE", "k", 0, dump, "FREQ", 10) == BUSY
    assert r.execute_command("RESTORE", "k", 0, dump, "freq", 10, "replace") in (b"OK", True)
    assert r.execute_command("PTTL", "k") == -1


def test_a_time_to_live_or_a_date_is_set(r: Any) -> None:
    dump = payload(0, string(b"abc"))
    now = int(time.time() * 1000)
    r.execute_command("RESTORE", "k", 100_000, dump)
    assert 0 < r.execute_command("PTTL", "k") <= 100_000
    r.execute_command("RESTORE", "k", now + 100_000, dump, "ABSTTL", "REPLACE")
    assert r.execute_command("PEXPIRETIME", "k") == now + 100_000
    r.execute_command("RESTORE", "k", 0, dump, "ABSTTL", "REPLACE")
    assert r.execute_command("PTTL", "k") == -1
    r.execute_command("RESTORE", "k", now - 1, dump, "ABSTTL", "REPLACE")
    assert r.execute_command("EXISTS", "k") == 0
    r.execute_command("RESTORE", "k", now - 1, dump, "ABSTTL")
    assert r.execute_command("EXISTS", "k") == 0
