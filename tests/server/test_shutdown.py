"""Stopping: by SIGTERM, SIGINT and SHUTDOWN, cleanly, soon, and with nothing lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import proc
from tests.support.load import fill
from tests.support.resp import RawClient, encode
from tests.support.servers import POLL_SECONDS, STOP_SECONDS_MAX, DbxServer, store_info

MB = 1 << 20
BUFFER_BYTES = 64 * MB
FULL = 0.9  # of the buffer
VALUE_BYTES = 100
STEP_KEYS, KEYS_MAX = 5000, 3_000_000
STOP_CPU_SECONDS_MAX = 0.25  # applying such a buffer takes more
SOON_SECONDS_MAX = 10.0  # generous: the machine may be busy with builds, and its disk too

Start = Callable[..., DbxServer]


def wait_for_exit(server: DbxServer) -> int:
    assert server.process is not None
    return server.process.wait(STOP_SECONDS_MAX)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_cleanly_and_keeps_every_write(
    dbx_process: Start, how: signal.Signals
) -> None:
    server = dbx_process("--durability", "none")
    with server.raw() as client:
        client.pipeline([("SET", f"k{i}", i) for i in range(1000)])
        server.stop(how)
    server.start()
    with server.raw() as client:
        assert client.value("DBSIZE") == 1000


def fill_buffer(server: DbxServer, *, over: bool) -> tuple[int, int]:
    """Sets keys until the buffer is nearly full; `over`: until it is frozen, and being applied.

    Returns how many keys there are, and the position that is applied.
    """
    keys = 0
    with server.raw(timeout=300) as client:
        while keys < KEYS_MAX:
            fill(client, STEP_KEYS, value_bytes=VALUE_BYTES, first=keys)
            keys += STEP_KEYS
            info = store_info(client)
            being_applied = info["frozen_entries"] > 0
            full = not being_applied and info["buffer_bytes"] > FULL * BUFFER_BYTES
            if being_applied if over else full:
                return keys, info["journal_applied_position"]
    pytest.fail("the buffer never filled")


def cpu_seconds_of_stop(server: DbxServer) -> float:
    """Stops the server by SIGTERM, soon; what of the processors it took to end."""
    pid = server.pid
    before = proc.cpu_seconds(pid)
    deadline = time.monotonic() + SOON_SECONDS_MAX
    os.kill(pid, signal.SIGTERM)
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(POLL_SECONDS)
    spent = proc.cpu_seconds(pid) - before
    server.wait()
    return spent


@pytest.mark.skipif(proc.mixed(), reason="so slow that less than a buffer is applied")
@pytest.mark.parametrize("over", [False, True], ids=["full", "during an apply"])
def test_a_stop_leaves_a_full_buffer_to_the_log(dbx_process: Start, over: bool) -> None:
    """Work bounds it, not time, which other programs stretch: nothing is applied to stop.

    That all of the log is synced then, tests/sim/powercut.c sees.
    """
    server = dbx_process(settings={"write-buffer-size": BUFFER_BYTES})
    keys, applied = fill_buffer(server, over=over)

    spent = cpu_seconds_of_stop(server)
    assert proc.instrumented() or spent <= STOP_CPU_SECONDS_MAX
    server.settings["write-buffer-size"] = 4 * BUFFER_BYTES  # so that the start applies nothing
    server.start()
    with server.raw() as client:
        assert store_info(client)["journal_applied_position"] == applied
        assert client.value("DBSIZE") == keys
        for i in range(0, keys, 9973):
            assert client.value("STRLEN", f"key:{i}") == VALUE_BYTES


@pytest.mark.parametrize("words", [[], ["NOSAVE"], ["SAVE"], ["NOW", "FORCE"], ["nosave", "now"]])
def test_shutdown_exits_0_without_a_reply_and_keeps_every_write(
    dbx_process: Start, words: list[str]
) -> None:
    server = dbx_process()
    with server.raw() as client:
        client.value("SET", "k", "v")
        client.send("SHUTDOWN", *words)
        assert client.socket.recv(100) == b""
    assert wait_for_exit(server) == 0
    server.start()
    with server.raw() as client:
        assert client.value("GET", "k") == b"v"


def test_replies_before_a_shutdown_are_sent(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        client.send_bytes(encode("INCR", "n") * 100 + encode("SHUTDOWN"))
        assert [client.read()[1] for _ in range(100)] == list(range(1, 101))
    assert wait_for_exit(server) == 0


def test_shutdown_syntax(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        for words in (["x"], ["SAVE", "NOSAVE"], ["ABORT", "NOW"], ["NOSAVE", "ABORT"]):
            assert client.call("SHUTDOWN", *words) == ("error", b"ERR syntax error")
        assert client.call("SHUTDOWN", "ABORT") == ("error", b"ERR No shutdown in progress.")


def test_client_that_never_reads_does_not_delay_the_stop(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client, server.raw() as other:
        other.value("SET", "big", "x" * 1_000_000)
        client.send_bytes(encode("GET", "big") * 100)
        while b"cmd=get" not in other.value("CLIENT", "LIST"):
            time.sleep(0.01)
        server.stop()


def test_unix_socket_serves_and_is_removed(dbx_process: Start, tmp_path: Path) -> None:
    path = tmp_path / "dbx.sock"
    server = dbx_process("--unixsocket", str(path))
    with RawClient(str(path)) as client:
        assert client.call("PING") == ("status", b"PONG")
        line = client.value("CLIENT", "INFO").decode()
        assert f"addr={path}:0 laddr={path}:0" in line
        assert " flags=U " in line
    assert path.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert not path.exists()


def test_stale_unix_socket_is_replaced_after_a_crash(dbx_process: Start, tmp_path: Path) -> None:
    path = tmp_path / "dbx.sock"
    server = dbx_process("--unixsocket", str(path))
    server.kill()
    assert path.exists()
    server.start()
    with RawClient(str(path)) as client:
        assert client.call("PING") == ("status", b"PONG")
