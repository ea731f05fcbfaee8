"""The durability modes: chosen on the command line, changed by CONFIG SET appendfsync, seen in
INFO.
"""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Callable

import pytest

from tests.support.load import repeat
from tests.support.resp import RawClient
from tests.support.servers import DbxServer, store_info

MODES = {"always": b"always", "everysec": b"everysec", "none": b"no"}
SYNC_WAIT_SECONDS_MAX = 20.0

Start = Callable[..., DbxServer]


def appendfsync(client: RawClient) -> bytes:
    name, value = client.value("CONFIG", "GET", "appendfsync")
    assert name == ("bulk", b"appendfsync")
    value_bytes: bytes = value[1]
    return value_bytes


@pytest.mark.parametrize(("flag", "shown"), MODES.items())
def test_durability_flag_is_what_config_get_appendfsync_shows(
    dbx_process: Start, flag: str, shown: bytes
) -> None:
    with dbx_process("--durability", flag).raw() as client:
        assert appendfsync(client) == shown


def test_everysec_is_the_default(dbx_process: Start) -> None:
    with dbx_process().raw() as client:
        assert appendfsync(client) == b"everysec"


def test_always_syncs_before_each_reply(dbx_process: Start) -> None:
    with dbx_process("--durability", "always").raw() as client:
        for i in range(20):
            before = store_info(client)
            client.value("SET", "k", i)
            after = store_info(client)
            assert after["syncs"] > before["syncs"]
            assert after["journal_durable_position"] >= before["journal_position"] + 1


def test_config_set_appendfsync_takes_effect_at_once(dbx_process: Start) -> None:
    with dbx_process("--durability", "none").raw() as client:
        client.value("SET", "k", "before")
        idle = store_info(client)["syncs"]
        assert client.value("CONFIG", "SET", "appendfsync", "always") == b"OK"
        for i in range(5):
            client.value("SET", "k", i)
        info = store_info(client)
        assert info["syncs"] >= idle + 5
        assert info["journal_durable_position"] == info["journal_position"]
        assert client.value("CONFIG", "SET", "appendfsync", "no") == b"OK"
        before = store_info(client)["syncs"]
        repeat(client, ("INCR", "n"), 1000)
        assert store_info(client)["syncs"] == before


def test_everysec_makes_writes_durable_by_itself(dbx_process: Start) -> None:
    with dbx_process().raw() as client:
        client.value("SET", "k", "v")
        position = store_info(client)["journal_position"]
        deadline = time.monotonic() + SYNC_WAIT_SECONDS_MAX
        while store_info(client)["journal_durable_position"] < position:
            assert time.monotonic() < deadline, store_info(client)
            time.sleep(0.05)


def test_config_set_refuses_an_unknown_mode_in_redis_words(dbx_process: Start) -> None:
    with dbx_process().raw() as client:
        tag, text = client.call("CONFIG", "SET", "appendfsync", "sometimes")
        assert tag == "error"
        assert text.startswith(
            b"ERR CONFIG SET failed (possibly related to argument 'appendfsync')"
        )
        assert appendfsync(client) == b"everysec"


@pytest.mark.parametrize("flag", MODES)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_saves_everything_in_every_mode(
    dbx_process: Start, flag: str, how: signal.Signals
) -> None:
    server = dbx_process("--durability", flag)
    with server.raw() as client:
        repeat(client, ("INCR", "n"), 5000)
        client.value("SET", "ttl", "v", "PX", 1_000_000)
    server.stop(how)
    server.start()
    with server.raw() as client:
        assert client.value("GET", "n") == b"5000"
        assert 900_000 < client.value("PTTL", "ttl") <= 1_000_000


def test_shutdown_command_stops_cleanly_and_saves(dbx_process: Start) -> None:
    server = dbx_process("--durability", "none")
    with server.raw() as client:
        client.value("SET", "k", "v")
        with pytest.raises(ConnectionError):
            client.call("SHUTDOWN")
    server.wait()
    server.start()
    with server.raw() as client:
        assert client.value("GET", "k") == b"v"


@pytest.mark.parametrize("flag", ["always", "everysec"])
def test_what_was_acknowledged_survives_kill_9(dbx_process: Start, flag: str) -> None:
    server = dbx_process("--durability", flag)
    with server.raw() as client:
        for i in range(200):
            client.value("SET", f"k{i}", i)
    server.kill()
    server.start()
    with server.raw() as client:
        assert client.value("DBSIZE") == 200
        assert client.value("GET", "k199") == b"199"


def test_lastsave_is_the_time_of_the_save_and_not_of_the_question(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        client.value("SET", "k", "v")
        client.value("BGSAVE")
        begun = time.time()
        time.sleep(3)
        saved = int(client.value("LASTSAVE"))
    assert saved <= begun + 1 or server.store_info()["apply_last_ms"] > 1000


def test_bgsave_applies_the_buffer_and_lastsave_tells_when(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        assert client.value("SET", "k", "v") == b"OK"
        before = int(client.value("LASTSAVE"))
        assert client.value("BGSAVE") == b"Background saving started"
        deadline = time.monotonic() + 30
        while server.store_info()["applies"] == 0:
            assert time.monotonic() < deadline, "nothing was applied"
            time.sleep(0.05)
        assert int(client.value("LASTSAVE")) >= before
        assert client.value("GET", "k") == b"v"


def test_others_are_served_while_a_save_is_waited_for(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client, server.raw() as other, server.raw() as third:
        for at in range(0, 100_000, 1000):
            pairs = ((f"key:{at + i}", "v" * 50) for i in range(1000))
            client.value("MSET", *(word for pair in pairs for word in pair))
        client.send("SAVE")
        client.send("LASTSAVE")
        served = 0
        while not select.select([client.socket], [], [], 0)[0]:
            assert other.value("SET", "meanwhile", served) == b"OK"
            served += 1
        assert third.call("SAVE") == ("status", b"OK")
        assert client.read() == ("status", b"OK")
        assert client.read()[1] >= time.time() - 60
        assert served > 10
        assert server.store_info()["buffer_entries"] == 0
