"""A full disk: writes end with one clear error, reads and deletes go on, nothing is lost, and
service resumes by itself when there is room again.

Where one command fails, a limit on the size of the server's files stands in for a full disk; the
others fill a small file system of their own.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.disk import Disk, Unavailable, small_disk
from tests.support.resp import RawClient
from tests.support.servers import DbxServer

MB = 1 << 20
DISK_MB = 64
OTHERS_MB = 16
BATCH = 100
DEADLINE_SECONDS = 60.0
FULL = (
    b"MISCONF Errors writing to the AOF file: No space left on device. Reads and deletes go on; "
    b"free space on the disk, or delete keys."
)
LIMIT_BYTES = 24 * MB
PART = bytes(range(256)) * 4096

Start = Callable[..., DbxServer]


@contextmanager
def files_limited(server: DbxServer, limit: int = LIMIT_BYTES) -> Iterator[None]:
    """files_limited lets no file of the running server grow beyond `limit`."""
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


def send_bulk(client: RawClient, total: int) -> None:
    client.send_bytes(b"$%d\r\n" % total)
    for _ in range(total // len(PART)):
        client.send_bytes(PART)
    client.send_bytes(b"\r\n")


def send_set(client: RawClient, key: bytes, total: int) -> None:
    client.send_bytes(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n" % (len(key), key))
    send_bulk(client, total)


def spools(server: DbxServer) -> list[str]:
    return sorted(path.name for path in (Path(server.data) / "spool").iterdir())


def is_disk_error(reply: tuple[str, bytes]) -> bool:
    return reply[0] == "error" and b"cannot reserve space for a large value" in reply[1]


def test_a_value_that_does_not_fit_the_disk_is_one_error_and_leaves_nothing(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw(timeout=120) as client:
        assert client.value("SET", "small", "v") == b"OK"
        with files_limited(server):
            send_set(client, b"huge", 2 * LIMIT_BYTES)
            assert is_disk_error(client.read())
            assert spools(server) == []
            assert client.value("PING") == b"PONG"  # the next reply is the next command's
            assert client.value("GET", "small") == b"v"
            assert client.value("SET", "small", "w") == b"OK"
            assert client.value("EXISTS", "huge") == 0
        send_set(client, b"huge", 2 * LIMIT_BYTES)
        assert client.read() == ("status", b"OK")
    server.restart()
    with server.raw(timeout=120) as client:
        assert client.value("STRLEN", "huge") == 2 * LIMIT_BYTES
        assert client.value("GET", "small") == b"w"


def test_all_arguments_of_a_refused_command_are_skipped_and_the_pipeline_goes_on(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw(timeout=120) as client, files_limited(server):
        client.send("SET", "before", "1")
        client.send_bytes(b"*7\r\n$4\r\nMSET\r\n$1\r\na\r\n")
        send_bulk(client, 2 * LIMIT_BYTES)
        client.send_bytes(b"$1\r\nb\r\n")
        send_bulk(client, 2 * MB)
        client.send_bytes(b"$5\r\n*1\r\n$\r\n$0\r\n\r\n")
        client.send("SET", "after", "2")
        client.send("MGET", "before", "a", "b", "after")
        assert client.read() == ("status", b"OK")
        assert is_disk_error(client.read())
        assert client.read() == ("status", b"OK")
        found = [value for _, value in client.read()[1]]
        assert found == [b"1", None, None, b"2"]
        assert spools(server) == []


def test_what_a_command_makes_itself_is_refused_on_a_full_disk_and_leaves_nothing(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw(timeout=120) as client:
        send_set(client, b"long", 3 * MB)
        assert client.read() == ("status", b"OK")
        before = spools(server)
        with files_limited(server, 3 * MB):
            assert client.call("COPY", "long", "copy") == ("error", FULL)
        assert spools(server) == before
        assert client.value("EXISTS", "copy") == 0
        assert client.value("COPY", "long", "copy") == 1
        assert client.value("STRLEN", "copy") == 3 * MB


# --- A disk of one's own --------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        with small_disk(tmp_path, DISK_MB) as found:
            yield found
    except Unavailable as error:
        pytest.skip(f"no file system can be mounted: {error}")


class Keys:
    """What has been acknowledged: every reply of the server is compared with it."""

    def __init__(self, server: DbxServer) -> None:
        self.server = server
        self.random = random.Random(4)
        self.there: dict[bytes, bytes] = {}
        self.made = 0

    def write(self, client: RawClient) -> int:
        """write sends some SETs at once, and returns how many were refused."""
        batch = {}
        for _ in range(BATCH):
            self.made += 1
            key = b"key:%d" % self.made
            batch[key] = b"%d:" % self.made * self.random.randrange(10, 400)
            client.send("SET", key, batch[key])
        refused = 0
        for key, value in batch.items():
            tag, text = client.read()
            if tag == "error":
                assert text == FULL
                refused += 1
            else:
                self.there[key] = value
        return refused

    def fill(self, client: RawClient) -> None:
        while self.write(client) == 0:
            pass

    def delete(self, client: RawClient, count: int) -> None:
        keys = self.random.sample(sorted(self.there), count)
        for at in range(0, count, BATCH):
            some = keys[at : at + BATCH]
            for key in some:
                client.send("DEL", key)
            for key in some:
                assert client.read() == ("int", 1)
                del self.there[key]

    def check(self, client: RawClient) -> None:
        assert client.value("DBSIZE") == len(self.there)
        keys = list(self.there)
        for at in range(0, len(keys), BATCH):
            some = keys[at : at + BATCH]
            expected = tuple(("bulk", self.there[key]) for key in some)
            assert client.value("MGET", *some) == expected

    def resume(self, client: RawClient) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.write(client) > 0:
            assert time.monotonic() < deadline, self.server.tail()
            time.sleep(0.05)


@pytest.mark.parametrize("others", [False, True], ids=["by-itself", "by-others"])
def test_a_disk_is_filled_emptied_and_filled_again_through_kills(
    disk: Disk, dbx_process: Start, others: bool
) -> None:
    server = dbx_process(data=disk.path / "data")
    keys = Keys(server)
    for _ in range(3):
        with server.raw(timeout=120) as client:
            keys.fill(client)
            assert server.store_info()["disk_full"] == 1
            if others:
                disk.fill()
            assert client.call("SET", "refused", "v") == ("error", FULL)
            keys.delete(client, 300)
        server.kill()
        server.start()
        with server.raw(timeout=120) as client:
            keys.check(client)
            keys.delete(client, len(keys.there) * 2 // 3)
            if others:
                disk.free()
            keys.resume(client)  # by deletes alone, when nobody else took the room
            info = server.store_info()
            assert info["disk_full"] == 0
            assert info["ballast_bytes"] > 0
            keys.check(client)


def test_a_flush_on_a_full_disk_makes_room(disk: Disk, dbx_process: Start) -> None:
    server = dbx_process(data=disk.path / "data")
    keys = Keys(server)
    with server.raw(timeout=120) as client:
        keys.fill(client)
        assert client.value("FLUSHALL") == b"OK"
        keys.there.clear()
        keys.resume(client)
        keys.check(client)


def test_keys_expire_on_a_full_disk_and_expire_is_accepted(disk: Disk, dbx_process: Start) -> None:
    server = dbx_process(data=disk.path / "data")
    keys = Keys(server)
    with server.raw(timeout=120) as client:
        keys.fill(client)
        disk.fill()
        gone = sorted(keys.there)[:1000]
        for key in gone:
            client.send("PEXPIRE", key, "50")
            del keys.there[key]
        for _ in gone:
            assert client.read() == ("int", 1)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while client.value("DBSIZE") > len(keys.there):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        keys.check(client)


def test_pfcount_counts_on_a_full_disk_without_keeping_the_count(
    disk: Disk, dbx_process: Start
) -> None:
    server = dbx_process(data=disk.path / "data")
    keys = Keys(server)
    with server.raw(timeout=120) as client:
        client.value("PFADD", "k", "a", "b")
        keys.fill(client)
        for _ in range(2):
            assert client.value("PFCOUNT", "k") == 2
            assert client.value("GETRANGE", "k", 8, 15) == bytes(7) + b"\x80"  # not counted
        keys.delete(client, len(keys.there) * 2 // 3)
        keys.resume(client)
        assert client.value("PFCOUNT", "k") == 2
        assert client.value("GETRANGE", "k", 8, 15) == b"\x02" + bytes(7)


def test_a_start_without_a_byte_serves_reads_and_resumes(disk: Disk, dbx_process: Start) -> None:
    """Even the ballast's place is taken: then not even deletes find room before some is made."""
    disk.take(OTHERS_MB * MB)  # or giving it back would leave the disk as full as it made itself
    server = dbx_process(data=disk.path / "data")
    keys = Keys(server)
    with server.raw(timeout=120) as client:
        keys.fill(client)
    server.kill()
    (disk.path / "data" / "ballast").unlink()
    for name in ("data.mdbx-lck", "lock"):
        assert (disk.path / "data" / name).exists()
    disk.fill()
    server.start()
    with server.raw(timeout=120) as client:
        keys.check(client)
        tag, text = client.call("SET", "k", "v")
        assert tag == "error"
        assert text.startswith(b"MISCONF ")
        disk.free()
        keys.resume(client)
        keys.delete(client, 100)
        keys.check(client)


def test_a_large_value_that_cannot_be_applied_is_refused_before_it_is_logged(
    disk: Disk, dbx_process: Start
) -> None:
    server = dbx_process(data=disk.path / "data")
    with server.raw(timeout=120) as client:
        send_set(client, b"large", 24 * MB)  # there is room for it once, but not twice
        assert client.read() == ("error", FULL)
        send_set(client, b"large", 8 * MB)
        assert client.read() == ("status", b"OK")
        server.apply()
    server.restart()
    with server.raw(timeout=120) as client:
        assert client.value("STRLEN", "large") == 8 * MB


def test_low_space_is_told_of_in_the_log_and_in_info(disk: Disk, dbx_process: Start) -> None:
    server = dbx_process(data=disk.path / "data", settings={"disk-warning-size": "16mb"})
    with server.raw(timeout=120) as client:
        assert server.store_info()["disk_low"] == 0
        client.value("CONFIG", "SET", "disk-warning-size", "1gb")
        info = server.store_info()
        assert (info["disk_low"], info["disk_full"]) == (1, 0)
        assert "make room" in server.tail()
        assert 0 < info["disk_free_bytes"] < DISK_MB * MB
