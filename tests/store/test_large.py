"""Keys of 10 KB work like any other, and a huge value is never in the server's memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.proc import AnonWatch, instrumented
from tests.support.resp import RECV_BYTES, RawClient
from tests.support.servers import DbxServer, clean_environment

MB = 1 << 20
SECONDS_MAX = 60.0
HUGE_MB = 64 if instrumented() else 512  # sanitizers take a minute for the longest there may be
BUFFER_BYTES = 16 * MB
GROWTH_MAX = 16 * MB
PART = bytes(range(256)) * 256  # 64 KB in which every position can be told from the next

Start = Callable[..., DbxServer]


def parts(total: int, shift: int) -> Iterator[bytes]:
    """parts are `total` bytes of a pattern that differs by `shift`."""
    turned = PART[shift:] + PART[:shift]
    for _ in range(total // len(turned)):
        yield turned


def send_set(client: RawClient, key: str, total: int, shift: int) -> None:
    """send_set sends SET in pieces, so that the test does not hold the value either."""
    client.send_bytes(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n" % (len(key), key.encode(), total))
    for part in parts(total, shift):
        client.send_bytes(part)
    client.send_bytes(b"\r\n")
    assert client.read() == ("status", b"OK")


def check_get(client: RawClient, key: str, total: int, shift: int) -> None:
    """check_get reads the value of send_set() as it comes in, comparing as it goes."""
    client.send("GET", key)
    stream = client.socket.makefile("rb", buffering=RECV_BYTES)
    assert stream.readline() == b"$%d\r\n" % total
    for part in parts(total, shift):
        assert stream.read(len(part)) == part
    assert stream.read(2) == b"\r\n"


def test_writing_and_reading_a_huge_value_needs_little_memory(dbx_process: Start) -> None:
    server = dbx_process(settings={"write-buffer-size": str(BUFFER_BYTES)})
    total = HUGE_MB * MB
    with server.raw(timeout=300) as client:
        client.value("SET", "small", "v")
        with AnonWatch(server.pid) as watch:
            send_set(client, "huge", total, shift=1)
            check_get(client, "huge", total, shift=1)
            send_set(client, "huge", total, shift=2)  # overwriting it is no harder
            check_get(client, "huge", total, shift=2)
        assert instrumented() or watch.grew <= BUFFER_BYTES + GROWTH_MAX, (
            f"{watch.grew / MB:.1f} MB"
        )
        assert client.value("STRLEN", "huge") == total
        expected = (PART[2:] + PART[:2])[65270:65291]  # where two chunks meet
        assert client.value("GETRANGE", "huge", 65270, 65290) == expected


def test_dumping_and_restoring_a_huge_value_needs_little_memory(
    dbx_process: Start, tmp_path: Path
) -> None:
    server = dbx_process(settings={"write-buffer-size": str(BUFFER_BYTES)})
    total = HUGE_MB * MB - MB  # the payload is no longer than an argument may be
    dump = tmp_path / "dump"
    with server.raw(timeout=300) as client, AnonWatch(server.pid) as watch:
        send_set(client, "huge", total, shift=1)
        client.send("DUMP", "huge")
        stream = client.socket.makefile("rb", buffering=RECV_BYTES)
        left = int(stream.readline()[1:])
        with dump.open("wb") as file:
            while left > 0:
                left -= file.write(stream.read(min(left, MB)))
        assert stream.read(2) == b"\r\n"
        size = dump.stat().st_size
        client.send_bytes(b"*4\r\n$7\r\nRESTORE\r\n$5\r\nagain\r\n$1\r\n0\r\n$%d\r\n" % size)
        with dump.open("rb") as file:
            while part := file.read(MB):
                client.send_bytes(part)
        client.send_bytes(b"\r\n")
        assert client.read() == ("status", b"OK")
        check_get(client, "again", total, shift=1)
    assert instrumented() or watch.grew <= BUFFER_BYTES + GROWTH_MAX, f"{watch.grew / MB:.1f} MB"


@pytest.mark.parametrize("kill", [False, True], ids=["stop", "kill -9"])
def test_a_huge_value_survives_a_restart(dbx_process: Start, kill: bool) -> None:
    server = dbx_process()
    with server.raw(timeout=300) as client:
        send_set(client, "huge", 64 * MB, shift=3)
    if kill:
        server.kill()
    else:
        server.stop()
    server.start()
    with server.raw(timeout=300) as client:
        check_get(client, "huge", 64 * MB, shift=3)
        assert client.value("DEL", "huge") == 1


def test_changing_a_huge_value_in_place_costs_its_chunks_only(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw(timeout=300) as client:
        send_set(client, "huge", 64 * MB, shift=0)
        written = server.store_info()["written_journal_bytes"]
        with AnonWatch(server.pid) as watch:
            for at in range(0, 64 * MB, 4 * MB):
                assert client.value("SETRANGE", "huge", at, "changed") == 64 * MB
            assert client.value("APPEND", "huge", "tail") == 64 * MB + 4
        assert instrumented() or watch.grew <= GROWTH_MAX
        assert client.value("GETRANGE", "huge", 4 * MB, 4 * MB + 6) == b"changed"
        assert client.value("GETRANGE", "huge", -4, -1) == b"tail"
        assert server.store_info()["written_journal_bytes"] - written < 1 * MB


def test_values_beyond_the_limit_are_refused_in_redis_words(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        client.value("FLUSHALL")
        reply = client.call("SETRANGE", "k", 512 * MB, "x")
        assert reply[0] == "error"
        assert b"exceeds maximum allowed size" in reply[1]
        assert client.value("EXISTS", "k") == 0


def test_keys_of_10_kb_that_differ_in_the_last_byte_are_different_keys(
    dbx_process: Start,
) -> None:
    server = dbx_process(settings={"write-buffer-size": "16384"})
    names = [b"K" * 10_000 + b"%03d" % i for i in range(50)]
    with server.raw() as client:
        for i, name in enumerate(names):
            client.value("SET", name, i)
        for i, name in enumerate(names):
            assert client.value("GET", name) == b"%d" % i
        assert client.value("DBSIZE") == len(names)
        assert sorted(name for _, name in client.value("KEYS", "*")) == names
        assert client.value("RENAME", names[0], names[1]) == b"OK"
        assert client.value("DEL", *names) == len(names) - 1
    server.restart()
    with server.raw() as client:
        assert client.value("DBSIZE") == 0


def journal(server: DbxServer) -> bytes:
    argv = [sys.executable, "-m", "dbx", "journal", str(server.data), "--resp"]
    done = subprocess.run(argv, capture_output=True, check=False, env=clean_environment())
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_kept_log_gives_large_values_after_restarts_and_lets_them_go_in_the_end(
    dbx_process: Start,
) -> None:
    server = dbx_process(
        settings={"journal-keep-size": str(4 * MB), "journal-freeze-size": str(2 * MB)}
    )
    value = b"".join(parts(3 * MB, 7))
    with server.raw() as client:
        assert client.value("SET", "old", value) == b"OK"
        client.pipeline([("SET", "pad", PART)] * 50)  # enough to have it applied
    for _ in range(2):
        server.kill()
        server.start()
        assert value in journal(server)
    spools = Path(server.data) / "spool"
    with server.raw() as client:
        deadline = time.monotonic() + SECONDS_MAX
        while list(spools.iterdir()):
            assert time.monotonic() < deadline, list(spools.iterdir())
            client.pipeline([("SET", "pad", PART)] * 50)
        assert client.value("GET", "old") == value
    assert value not in journal(server)


def test_a_copy_of_a_long_value_survives_kill_9(dbx_process: Start) -> None:
    server = dbx_process("--durability", "everysec")
    value = b"".join(parts(4 * len(PART), 3))
    with server.raw() as client:
        assert client.value("SET", "long", value) == b"OK"
        assert client.value("COPY", "long", "copy") == 1
    server.kill()
    server.start()
    with server.raw() as client:
        assert client.value("GET", "copy") == value
    server.kill()
    server.start()
    with server.raw() as client:
        assert client.value("GET", "long") == client.value("GET", "copy") == value
