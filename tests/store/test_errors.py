"""What cannot be served is one clear line on stderr and a non-zero exit, never a traceback or a
hang.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dbx
from tests.support import proc
from tests.support.load import repeat
from tests.support.resp import RawClient
from tests.support.servers import DbxServer, clean_environment, free_port

SECONDS_MAX = 60.0

Start = Callable[..., DbxServer]


def refused(*flags: str) -> str:
    """refused runs `dbx serve` expecting it to fail; returns its one line of explanation."""
    argv = [sys.executable, "-m", "dbx", "serve", "--http-port", "0", *flags]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        env=clean_environment(),
    )  # fmt: skip
    assert done.returncode > 0, f"exit code {done.returncode}: {done.stdout} {done.stderr}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    line: str = lines[0]
    return line


def stopped_with_data(server: DbxServer) -> Path:
    """stopped_with_data fills a database enough that it has an MDBX file and a journal, and stops
    it.
    """
    with server.raw() as client:
        repeat(client, ("INCR", "n"), 1000)
        for i in range(3000):
            client.value("SET", f"key:{i}", "x" * 100)
    server.stop()
    return Path(server.data)


@pytest.mark.skipif(proc.instrumented(), reason="sanitizers need address space of their own")
def test_a_database_of_a_machine_with_more_address_space_is_opened(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as db:
        db.set("k", "v")
    bytes_max = 4 << 30  # less than libmdbx was given when it made the file
    code = "import sys, dbx\nwith dbx.open(sys.argv[1]) as db: print(db.get('k'))"
    done = subprocess.run(
        ["prlimit", f"--as={bytes_max}", sys.executable, "-c", code, str(tmp_path / "d")],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False, env=clean_environment(),
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("b'v'\n", "")


def test_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused("--port", str(port), "--data", str(tmp_path / "d"))
    assert str(port) in line
    assert "in use" in line.lower()


def test_a_locked_directory_names_its_owner(dbx_process: Start) -> None:
    server = dbx_process()
    line = refused("--port", str(free_port()), "--data", str(server.data))
    assert str(server.pid) in line
    assert str(server.data) in line
    with server.raw() as client:  # and the owner did not notice
        assert client.value("PING") == b"PONG"


@pytest.mark.parametrize(
    "flags",
    [
        ("--durability", "sometimes"),
        ("--port", "notaport"),
        ("--port", "70000"),
        ("--databases", "0"),
        ("--config", "/nonexistent/dbx.toml"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, flags: tuple[str, str]) -> None:
    argv = [sys.executable, "-m", "dbx", "serve", "--data", str(tmp_path / "d"), *flags]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        env=clean_environment(),
    )  # fmt: skip
    assert done.returncode > 0
    assert "Traceback" not in done.stderr
    assert flags[0].removeprefix("--") in done.stderr or flags[1] in done.stderr


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_an_open_bind_without_a_password_is_refused_and_explained(
    tmp_path: Path, address: str
) -> None:
    line = refused("--bind", address, "--port", str(free_port()), "--data", str(tmp_path / "d"))
    assert "password" in line.lower() or "requirepass" in line.lower()
    assert not (tmp_path / "d").exists(), "nothing may be made by a start that is refused"


def test_an_open_bind_with_a_password_is_served(dbx_process: Start) -> None:
    server = dbx_process("--bind", "0.0.0.0", "--requirepass", "secret")
    with RawClient(server.port) as client:
        tag, text = client.call("GET", "k")
        assert (tag, text) == ("error", b"NOAUTH Authentication required.")
        assert client.value("AUTH", "secret") == b"OK"
        assert client.call("GET", "k") == ("null-bulk", None)


def test_a_directory_that_cannot_be_made_is_named() -> None:
    line = refused("--port", str(free_port()), "--data", "/proc/dbx-data")  # not even by root
    assert "/proc/dbx-data" in line


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a database")
    line = refused("--port", str(free_port()), "--data", str(path))
    assert str(path) in line


def mdbx_file(data: Path) -> Path:
    """mdbx_file is the database file: the largest that is not a journal segment."""
    files = [p for p in data.iterdir() if p.suffix in (".mdbx", ".dat", ".db") or "mdbx" in p.name]
    files = [p for p in files if "lck" not in p.name]
    assert len(files) == 1, sorted(p.name for p in data.iterdir())
    return files[0]


def journal_files(data: Path) -> list[Path]:
    found = sorted(
        p for p in data.rglob("*") if p.is_file() and "journal" in str(p.relative_to(data))
    )
    assert found, sorted(str(p) for p in data.rglob("*"))
    return found


def test_a_damaged_mdbx_file_is_refused_clearly(dbx_process: Start) -> None:
    data = stopped_with_data(dbx_process(settings={"write-buffer-size": "65536"}))
    damaged = mdbx_file(data)
    with open(damaged, "r+b") as file:
        file.write(os.urandom(4 * 4096))
    line = refused("--port", str(free_port()), "--data", str(data))
    assert str(data) in line


@pytest.mark.skipif(proc.mixed(), reason="so slow that a checkpoint has it")
def test_damage_in_the_middle_of_the_journal_is_refused_clearly(dbx_process: Start) -> None:
    server = dbx_process("--durability", "always")
    data = stopped_with_data(server)
    journal = journal_files(data)[-1]
    content = journal.read_bytes().rstrip(b"\0")
    middle = len(content) // 2
    with open(journal, "r+b") as file:
        file.seek(middle)
        file.write(bytes(byte ^ 0xFF for byte in content[middle : middle + 64]))
    line = refused("--port", str(free_port()), "--data", str(data))
    assert "journal" in line


def test_a_torn_end_of_the_journal_is_cut_off(dbx_process: Start) -> None:
    """Bytes that were never synced may be anything after a power cut; that is no damage."""
    server = dbx_process("--durability", "none")
    with server.raw() as client:
        client.value("SET", "kept", "v")
    server.kill()
    journal = journal_files(Path(server.data))[-1]
    end = len(journal.read_bytes().rstrip(b"\0"))
    with open(journal, "r+b") as file:
        file.seek(end)
        file.write(b"\x17garbage of a torn write" * 20)
    server.start()
    with server.raw() as client:
        assert client.value("GET", "kept") == b"v"
        assert client.value("SET", "after", "w") == b"OK"
    server.restart()
    with server.raw() as client:
        assert client.value("MGET", "kept", "after") == (("bulk", b"v"), ("bulk", b"w"))
