"""`dbx verify`: a good database is ok whatever it went through; damage is reported, never met by a
crash; and nothing is changed.

What a page's free space and a value's own bytes hold has no checksum: damage there is not damage of
the structure, and the database serves it.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.servers import DbxServer, clean_environment

Start = Callable[..., DbxServer]

SECONDS_MAX = 60.0
PAGE = 4096
FLIPS = 12
LONG_NAME = b"n" * 1500


def verify(data: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "dbx", "verify", str(data)]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        env=clean_environment(),
    )  # fmt: skip


def contents(data: Path) -> dict[str, str]:
    """contents is the digest of every file but libmdbx's table of readers."""
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.name != "data.mdbx-lck"
    }


def fill(server: DbxServer) -> None:
    """fill writes something of every kind, some of it applied, some in the journal alone."""
    with server.raw(timeout=120) as client:
        for db in (0, 3):
            client.value("SELECT", db)
            for i in range(2000):
                client.send("SET", f"key:{i}", f"value {i}" * (i % 30))
            for i in range(300):
                client.send("SET", f"ttl:{i}", i, "EX", 1000 + i)
            for _ in range(2300):
                assert client.read() == ("status", b"OK")
            client.value("SET", LONG_NAME, "of a long name")
            client.value("SETRANGE", "chunks", 500_000, "end")
            client.value("SET", "spooled", b"s" * (2 << 20))
            client.value("SET", "number", "12")
        client.value("SELECT", 9)
        client.value("MSET", *[f"k{i}" for i in range(2000)])
        server.apply()
        client.value("FLUSHDB")  # to be reclaimed
        client.value("SELECT", 0)
        client.value("DEL", "chunks", "ttl:3")
        client.value("SET", "spooled", b"t" * (3 << 20))
        client.value("PERSIST", "ttl:4")
        client.value("SCAN", 0)


@pytest.mark.parametrize("keep", ["0", "64mb"])
def test_a_database_that_was_killed_is_ok_and_is_not_changed(dbx_process: Start, keep: str) -> None:
    server = dbx_process(settings={"journal-keep-size": keep})
    fill(server)
    server.kill()
    data = Path(server.data)
    for _ in range(2):  # as it was left, and after a start and a clean stop
        before = contents(data)
        done = verify(data)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == "ok"
        assert contents(data) == before
        server.restart()
        server.apply()
        server.stop()
    parts = [line.split()[0] for line in done.stdout.splitlines()]
    assert parts == [
        "pages", "format", "keys", "keys", "types", "expiry", "fields", "chunks", "elements",
        "reclaim", "journal", "spools", "checkpoints", "ok",
    ]  # fmt: skip


def test_an_empty_database_is_ok(dbx_process: Start) -> None:
    server = dbx_process()
    server.stop()
    assert verify(Path(server.data)).stdout.splitlines()[-1] == "ok"


def test_a_directory_in_use_names_its_owner(dbx_process: Start) -> None:
    server = dbx_process()
    done = verify(Path(server.data))
    assert done.returncode == 1
    assert str(server.pid) in done.stderr
    assert "stop it first" in done.stderr


def test_a_directory_without_a_database_is_named(tmp_path: Path) -> None:
    done = verify(tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"dbx: there is no database in {tmp_path}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was killed with an apply, a journal and a spool."""
    folder = tmp_path_factory.mktemp("good")
    server = DbxServer("--durability", "always", data=folder / "data", name="verify")
    server.start()
    try:
        fill(server)
        server.kill()
    finally:
        server.close()
    return folder / "data"


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    shutil.copytree(good, tmp_path / "data", ignore=shutil.ignore_patterns("socket"))
    return tmp_path / "data"


def reported(data: Path) -> None:
    done = verify(data)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("dbx: "), done.stderr
    assert "ok" not in done.stdout.splitlines()


def flip(path: Path, at: int, count: int = 8) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        some = file.read(count)
        file.seek(at)
        file.write(bytes(byte ^ 0xFF for byte in some))


def test_flipped_bytes_in_the_pages_are_reported_or_harm_no_key(
    copy: Path, dbx_process: Start
) -> None:
    random_ = random.Random(5)
    path = copy / "data.mdbx"
    whole = path.read_bytes()
    found = 0
    for _ in range(FLIPS):
        page = random_.randrange(len(whole) // PAGE)
        at = page * PAGE + random_.choice([0, 8, 10, 12, 16, 18, 20, random_.randrange(PAGE - 8)])
        flip(path, at)
        done = verify(copy)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        found += done.returncode
        path.write_bytes(whole)
    assert found > 0
    assert verify(copy).returncode == 0


def test_every_page_header_is_checked(copy: Path) -> None:
    """The number in a page's header must be its own, unless nothing uses the page."""
    path = copy / "data.mdbx"
    whole = path.read_bytes()
    lines = verify(copy).stdout.splitlines()
    used = int(next(line for line in lines if line.startswith("pages")).split()[1])
    with open(path, "r+b") as file:
        for at in range(3 * PAGE, len(whole), PAGE):
            file.seek(at + 12)
            file.write(b"\xff\xff\xff\x7f")
    assert used > 100
    reported(copy)


@pytest.mark.parametrize("what", [b"\0" * PAGE, b"x" * PAGE])
def test_overwritten_pages_are_reported(copy: Path, what: bytes) -> None:
    path = copy / "data.mdbx"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for at in range(3 * PAGE, size, 7 * PAGE):
            file.seek(at)
            file.write(what)
    reported(copy)


@pytest.mark.parametrize("pages", [0, 1, 2, 5, 50])
def test_a_truncated_file_is_reported(copy: Path, pages: int) -> None:
    path = copy / "data.mdbx"
    with open(path, "r+b") as file:
        file.truncate(pages * PAGE + 100 * (pages > 0))
    reported(copy)


def test_damage_of_the_journal_is_reported(copy: Path) -> None:
    logs = sorted((copy / "journal").iterdir())
    whole = {path: path.read_bytes() for path in logs}
    path = max(logs, key=lambda path: len(whole[path].rstrip(b"\0")))
    end = len(whole[path].rstrip(b"\0"))
    random_ = random.Random(6)
    for _ in range(5):
        flip(path, random_.randrange(64, end * 3 // 4))
        reported(copy)
        path.write_bytes(whole[path])


def test_a_missing_journal_is_reported(copy: Path) -> None:
    for path in (copy / "journal").iterdir():
        path.unlink()
    reported(copy)


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_spool_that_the_journal_needs_is_reported(copy: Path, how: str) -> None:
    (spool,) = (copy / "spool").glob("*.spool")
    if how == "gone":
        spool.unlink()
    else:
        with open(spool, "r+b") as file:
            file.truncate(1 << 20)
    done = verify(copy)
    assert done.returncode == 1
    assert spool.name in done.stdout
