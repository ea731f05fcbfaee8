"""What an installed dbx must do, with nothing but the standard library: the test of every wheel.

    python -P tests/support/smoke.py

Opens a database in-process and again from its files, then serves it by the command `dbx` and speaks
RESP to it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

READY_SECONDS_MAX = 120.0  # an emulated machine takes its time
POLL_SECONDS = 0.05


def in_process(path: str) -> None:
    import dbx

    with dbx.open(path) as db:
        assert db.set("greeting", "hello", ex=60)
        with db.pipeline() as pipe:
            for number in range(1000):
                pipe.set(f"reading:{number}", number)
            assert pipe.execute() == [True] * 1000
        assert db.execute_command("STRLEN", "reading:999") == 3
    with dbx.open(path) as db:
        assert db.get("greeting") == b"hello"
        assert 0 < db.ttl("greeting") <= 60
        assert db.dbsize() == 1001


def served(path: str) -> None:
    program = shutil.which("dbx", path=sysconfig.get_path("scripts"))
    assert program is not None, "the command dbx was not installed"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = subprocess.Popen([program, "serve", "--data", path, "--port", str(port)])
    try:
        with connected(server, port) as client, client.makefile("rb") as replies:
            client.sendall(b"GET greeting\r\nINCR boots\r\nHELLO 3\r\nGET nosuch\r\nSHUTDOWN\r\n")
            said = replies.read()
        assert said.startswith(b"$5\r\nhello\r\n:1\r\n%") and said.endswith(b"_\r\n"), said
        assert server.wait(READY_SECONDS_MAX) == 0
    finally:
        server.kill()


def connected(server: subprocess.Popen[bytes], port: int) -> socket.socket:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), READY_SECONDS_MAX)
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, "it does not serve"
            time.sleep(POLL_SECONDS)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "data")
        in_process(path)
        served(path)
    print(f"dbx works with Python {sys.version.split()[0]} on {os.uname().machine}")


if __name__ == "__main__":
    main()
