"""What a newer DBX has written is refused with one clear line wherever it is opened, and stays
as it is: taken for damage or for nothing, it would be lost.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dbx
from tests.support import proc
from tests.support.servers import DbxServer, clean_environment, free_port

SECONDS_MAX = 60.0
MAGIC = b"DBXJRNL\n"
HEADER_BYTES, VERSION_AT, CRC_AT = 64, 8, 60
PAGE_BYTES = (4096).to_bytes(4, "little")


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def newer_journal(data: Path) -> None:
    """newer_journal makes the log's last segment one of the next version, whole and intact."""
    path, start = None, -1
    for file in (data / "journal").glob("*.log"):
        head = file.read_bytes()[:HEADER_BYTES]
        if head.startswith(MAGIC) and int.from_bytes(head[24:32], "little") > start:
            path, start = file, int.from_bytes(head[24:32], "little")
    assert path is not None
    with path.open("r+b") as out:
        head = bytearray(out.read(HEADER_BYTES))
        assert crc32c(head[:CRC_AT]) == int.from_bytes(head[CRC_AT:], "little")
        head[VERSION_AT] += 1
        head[CRC_AT:] = crc32c(head[:CRC_AT]).to_bytes(4, "little")
        out.seek(0)
        out.write(head)


def newer_map(data: Path) -> None:
    """newer_map raises the version in the map's format record, in whatever pages hold it."""
    content = (data / "data.mdbx").read_bytes()
    spoiled, at = bytearray(content), 0
    while (at := content.find(b"Mf", at + 1)) > 0:
        if content[at + 3 : at + 10] == b"\0\0\0" + PAGE_BYTES:
            spoiled[at + 2] += 1
    assert spoiled != content
    (data / "data.mdbx").write_bytes(spoiled)


def run(*argv: str) -> str:
    """run expects `dbx` to fail, and returns its one line of explanation."""
    done = subprocess.run(
        [sys.executable, "-m", "dbx", *argv], capture_output=True, timeout=SECONDS_MAX,
        check=False, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode > 0, done
    lines: list[str] = done.stderr.decode().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def contents(data: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("data.mdbx", "journal", "checkpoint", "spool")
        for path in sorted([data / part, *(data / part).glob("*")])
        if path.is_file() and (name := str(path.relative_to(data)))
    }


def written(server: DbxServer) -> Path:
    """written has something in data.mdbx and something in the journal alone."""
    with server.raw() as client:
        client.value("SET", "applied", "1")
        server.apply()
        client.value("SET", "logged", "2")
    server.kill()
    return Path(server.data)


@pytest.mark.skipif(proc.mixed(), reason="the other build makes the file's map another size")
@pytest.mark.parametrize("newer", [newer_map, newer_journal])
def test_what_a_newer_dbx_wrote_is_refused_and_left_as_it_is(
    dbx_process: Callable[..., DbxServer], newer: Callable[[Path], None]
) -> None:
    data = written(dbx_process())
    newer(data)
    before = contents(data)
    ways = [
        ("serve", "--data", str(data), "--port", str(free_port()), "--http-port", "0"),
        ("verify", str(data)),
    ]
    if newer is newer_journal:
        ways.append(("journal", str(data), "--resp"))
    for argv in ways:
        line = run(*argv)
        assert "was written by a newer DBX" in line, argv
        assert "upgrade dbx-edge" in line, argv
    with pytest.raises(dbx.VersionError, match="written by a newer DBX"):
        dbx.open(data)
    assert contents(data) == before
