"""A start on files that cannot be served is refused with one clear line, and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbx
from tests.store.test_errors import refused
from tests.store.test_verify import contents, copy, good
from tests.support import proc
from tests.support.disk import Disk, Unavailable, small_disk
from tests.support.servers import DbxServer, clean_environment

__all__ = ["copy", "good"]

Start = Callable[..., DbxServer]

PAGE = 4096
NOBODY = 65534


def refused_unchanged(data: Path, error: type[dbx.DBXError]) -> str:
    """refused_unchanged has server and Python refuse the directory; returns the server's line."""
    before = contents(data)
    line = refused("--port", "0", "--unixsocket", str(data.parent / "s"), "--data", str(data))
    with pytest.raises(error) as raised:
        dbx.open(data)
    assert str(raised.value) in line
    after = contents(data)
    for owner in (before, after):
        owner.pop("lock", None)  # says who tried last
    assert after == before
    return line


def overwrite(path: Path, at: int, what: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(what)


@pytest.mark.parametrize("size", [1, 100, PAGE, 2 * PAGE, 3 * PAGE, 5 * PAGE])
def test_a_truncated_file(copy: Path, size: int) -> None:
    os.truncate(copy / "data.mdbx", size)
    assert "data.mdbx" in refused_unchanged(copy, dbx.CorruptError)


def test_a_file_that_lacks_its_last_pages(copy: Path) -> None:
    """libmdbx takes it for one that a power failure cut off, and makes it longer to find out."""
    os.truncate(copy / "data.mdbx", 100 * PAGE + 7)
    line = refused("--port", "0", "--unixsocket", str(copy.parent / "s"), "--data", str(copy))
    assert "data.mdbx" in line


def test_a_file_emptied_while_the_journal_goes_on(copy: Path) -> None:
    """An empty file is what a start that was interrupted leaves, unless the journal needs more."""
    os.truncate(copy / "data.mdbx", 0)
    refused_unchanged(copy, dbx.CorruptError)


def test_zeroed_meta_pages(copy: Path) -> None:
    overwrite(copy / "data.mdbx", 0, bytes(3 * PAGE))
    assert "data.mdbx" in refused_unchanged(copy, dbx.CorruptError)


def test_a_file_that_is_something_else(copy: Path) -> None:
    (copy / "data.mdbx").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 400)
    assert "data.mdbx" in refused_unchanged(copy, dbx.CorruptError)


@pytest.mark.skipif(proc.mixed(), reason="the other build makes the file's map another size")
def test_pages_in_the_middle(copy: Path) -> None:
    """Every page but the metas: what is read at the start is among them."""
    path = copy / "data.mdbx"
    overwrite(path, 3 * PAGE, b"\xa5" * (path.stat().st_size - 3 * PAGE))
    assert "data.mdbx" in refused_unchanged(copy, dbx.CorruptError)


@pytest.mark.skipif(proc.mixed(), reason="the other build makes the file's map another size")
@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_spool_that_the_journal_names(copy: Path, how: str) -> None:
    (spool,) = (copy / "spool").glob("*.spool")
    if how == "gone":
        spool.unlink()
    else:
        os.truncate(spool, 1 << 20)
    assert "journal" in refused_unchanged(copy, dbx.CorruptError)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        with small_disk(tmp_path, 64) as found:
            yield found
    except Unavailable as error:
        pytest.skip(f"no file system can be mounted: {error}")


def test_a_file_system_that_is_read_only(disk: Disk) -> None:
    data = disk.path / "data"
    dbx.open(data).close()
    disk.remount("ro")
    before = contents(data)
    line = refused("--port", "0", "--unixsocket", str(disk.path.parent / "s"), "--data", str(data))
    assert "Read-only file system" in line
    assert "the database needs a directory it can write to" in line
    with pytest.raises(dbx.StorageError, match="Read-only file system"):
        dbx.open(data)
    assert contents(data) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_directory_of_somebody_else(tmp_path: Path, mode: int) -> None:
    """In a process that is nobody: root may do anything."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    data = tmp_path / "data"
    dbx.open(data).close()
    data.chmod(mode)
    before = contents(data)
    program = (
        "import os, sys, dbx, dbx._core\n"
        "dbx.open(':memory:').close()\n"  # brings in what nobody may not read
        f"os.setuid({NOBODY})\n"
        "try:\n    dbx.open(sys.argv[1])\n"
        "except dbx.StorageError as error:\n    sys.exit(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data)], capture_output=True, text=True, check=False,
        env=clean_environment(), timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert str(data) in line
    assert "check the owner and the permissions" in line
    assert contents(data) == before
