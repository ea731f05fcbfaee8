"""DBX's own: KEYINFO, VACUUM and AUTOVACUUM. Redis has none of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.expect import SYNTAX, arity_error, error

pytestmark = pytest.mark.tiny_buffer


def fields(reply: Any) -> dict[str, Any] | None:
    """A map as any client gives it: RESP2 has pairs in a row."""
    if isinstance(reply, list):
        reply = dict(zip(reply[::2], reply[1::2], strict=True))
    if not isinstance(reply, dict):
        return None

    def text(value: Any) -> Any:
        return value.decode() if isinstance(value, bytes) else value

    return {text(name): text(value) for name, value in reply.items()}


def call(r: Any, *words: Any) -> Any:
    return fields(r.execute_command(*words))


@pytest.fixture
def settings(r: Any) -> Iterator[Any]:
    """Servers are shared: what a test sets is set back."""
    yield r
    r.execute_command("AUTOVACUUM", "ON")
    r.execute_command("AUTOVACUUM", "INTERVAL", 60_000)


# --- KEYINFO --------------------------------------------------------------------------------------


def test_keyinfo_of_no_key_is_null(r: Any) -> None:
    assert r.execute_command("KEYINFO", "none") is None
    r.set("gone", "v", px=1)
    time.sleep(0.01)
    assert r.execute_command("KEYINFO", "gone") is None


def test_keyinfo_tells_of_a_string(r: Any) -> None:
    begun = int(time.time() * 1000) - 1000
    r.set("k", "value", px=100_000)
    info = call(r, "KEYINFO", "k")
    assert info is not None
    assert list(info) == ["type", "ttl", "created_at", "updated_at", "size", "encoding"]
    assert (info["type"], info["size"], info["encoding"]) == ("string", 5, "embstr")
    assert 0 < info["ttl"] <= 100_000
    assert begun <= info["created_at"] == info["updated_at"] <= time.time() * 1000 + 1000
    assert type(info["created_at"]) is int
    r.persist("k")
    lasting = call(r, "KEYINFO", "k")
    assert lasting is not None and lasting["ttl"] == -1


def test_keyinfo_tells_when_a_key_was_created_and_when_it_last_changed(r: Any) -> None:
    r.set("k", 1)
    first = call(r, "KEYINFO", "k")
    time.sleep(0.02)
    r.incr("k")
    second = call(r, "KEYINFO", "k")
    assert first is not None and second is not None
    assert second["created_at"] == first["created_at"]
    assert second["updated_at"] >= first["updated_at"] + 20
    assert second["encoding"] == "int"


def test_keyinfo_of_a_long_string_has_its_bytes(r: Any) -> None:
    r.set("k", b"x" * 200_000)
    info = call(r, "KEYINFO", "k")
    assert info is not None and (info["size"], info["encoding"]) == (200_000, "raw")


def test_keyinfo_wants_one_key(r: Any) -> None:
    assert error(r, "KEYINFO") == arity_error("keyinfo")
    assert error(r, "KEYINFO", "a", "b") == arity_error("keyinfo")


# --- VACUUM ---------------------------------------------------------------------------------------

FREED = [
    "expired_keys", "reclaimed_entries", "freed_bytes", "file_bytes_before", "file_bytes",
    "unused_bytes",
]  # fmt: skip


def test_a_vacuum_says_what_it_has_freed(settings: Any) -> None:
    r = settings
    r.execute_command("AUTOVACUUM", "OFF")
    call(r, "VACUUM")
    r.mset({f"k{i}": i for i in range(1000)})
    r.set("long", b"x" * 300_000)
    r.delete("long")
    r.flushall()
    freed = call(r, "VACUUM")
    assert freed is not None and list(freed) == FREED
    assert freed["reclaimed_entries"] >= 1000
    assert freed["file_bytes"] <= freed["file_bytes_before"] + (16 << 20)
    again = call(r, "VACUUM")
    assert again is not None
    assert (again["reclaimed_entries"], again["freed_bytes"]) == (0, 0)
    assert r.dbsize() == 0


def test_a_vacuum_removes_what_has_expired_and_nothing_else(r: Any) -> None:
    r.mset({f"stays{i}": i for i in range(100)})
    pipe = r.pipeline()
    for i in range(500):
        pipe.set(f"goes{i}", i, px=1)
    pipe.execute()
    time.sleep(0.005)
    freed = call(r, "VACUUM")
    assert freed is not None and 0 <= freed["expired_keys"] <= 500
    assert r.dbsize() == 100
    assert r.mget("stays0", "goes0", "stays99") == [b"0", None, b"99"]


def test_the_file_gets_shorter_by_what_was_flushed(r: Any) -> None:
    value = b"x" * 60_000
    for i in range(400):
        r.set(f"k{i}", value)
    for i in range(0, 400, 40):  # spread over the file
        r.rename(f"k{i}", f"kept{i}")
    for i in range(400):
        r.delete(f"k{i}")
    freed = call(r, "VACUUM")
    assert freed is not None
    if freed["file_bytes"] != 0:  # in memory there is none
        assert freed["file_bytes"] <= 16 << 20
    assert r.dbsize() == 10
    assert all(r.get(f"kept{i}") == value for i in range(0, 400, 40))


def test_a_vacuum_is_no_part_of_a_transaction(r: Any) -> None:
    pipe = r.pipeline()
    pipe.set("k", "v").execute_command("VACUUM")
    with pytest.raises(Exception, match="Command not allowed inside a transaction"):
        pipe.execute()
    assert r.get("k") in (None, b"v")


def test_a_pipeline_waits_for_its_vacuum(r: Any) -> None:
    pipe = r.pipeline(transaction=False)
    pipe.set("k", "v").execute_command("VACUUM").get("k")
    stored, freed, value = pipe.execute()
    assert stored and fields(freed) is not None and value == b"v"


def test_vacuum_has_no_arguments(r: Any) -> None:
    assert error(r, "VACUUM", "x") == arity_error("vacuum")


# --- AUTOVACUUM -----------------------------------------------------------------------------------


def test_autovacuum_is_on_every_minute(r: Any) -> None:
    assert call(r, "AUTOVACUUM") == {"enabled": True, "interval_ms": 60_000}


def test_autovacuum_is_switched_and_timed(settings: Any) -> None:
    r = settings
    for words, expected in (
        (("off",), {"enabled": False, "interval_ms": 60_000}),
        (("interval", 1000), {"enabled": False, "interval_ms": 1000}),
        (("ON",), {"enabled": True, "interval_ms": 1000}),
    ):
        assert r.execute_command("AUTOVACUUM", *words) in (True, b"OK", "OK")
        assert call(r, "AUTOVACUUM") == expected
    assert r.config_get("autovacuum*") == {"autovacuum": "yes", "autovacuum-interval": "1000"}
    r.config_set("autovacuum", "no")
    assert call(r, "AUTOVACUUM") == {"enabled": False, "interval_ms": 1000}


def test_autovacuum_refuses_what_is_no_setting(r: Any) -> None:
    range_error = "the interval is 1000 to 2147483647 milliseconds"
    assert error(r, "AUTOVACUUM", "INTERVAL", 999) == range_error
    assert error(r, "AUTOVACUUM", "INTERVAL", 2**31) == range_error
    assert error(r, "AUTOVACUUM", "INTERVAL", "x") == "value is not an integer or out of range"
    for words in (("INTERVAL",), ("SOMETIMES",), ("ON", "OFF"), ("INTERVAL", 1000, 1000)):
        assert error(r, "AUTOVACUUM", *words) == SYNTAX
    assert call(r, "AUTOVACUUM") == {"enabled": True, "interval_ms": 60_000}


def test_without_autovacuum_nothing_is_reclaimed_until_it_is_asked_for(settings: Any) -> None:
    r = settings
    call(r, "VACUUM")
    r.execute_command("AUTOVACUUM", "OFF")
    before = r.info("store")["vacuum_reclaimed_entries"]
    r.mset({f"k{i}": i for i in range(500)})
    r.flushall()
    r.save()
    time.sleep(0.05)
    info = r.info("store")
    assert (info["vacuum_reclaimed_entries"], info["vacuum_due"]) == (before, 1)
    r.execute_command("AUTOVACUUM", "ON")
    r.execute_command("AUTOVACUUM", "INTERVAL", 1000)
    deadline = time.monotonic() + 20
    while r.info("store")["vacuum_due"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert r.info("store")["vacuum_reclaimed_entries"] >= before + 500
