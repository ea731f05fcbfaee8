"""Starts after kill -9: quick, without repair, and nothing is lost when they are killed, too."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.support import proc
from tests.support.load import repeat
from tests.support.resp import encode
from tests.support.servers import DbxServer, store_info

START_SECONDS_MAX = START_CPU_SECONDS_MAX = 1.0
STARTS_MAX = 10  # of which one has the disk to itself for a second
INCRS = 1_000_000
APPLY_BUFFER_BYTES = 16 << 20
BACKLOG_BUFFER_BYTES = 64 << 20
BACKLOG_INCRS = 200_000
BACKLOG_VALUES = 400
LARGE_BYTES = 3 << 20
STARTS_KILLED = 15
SHUTDOWNS_KILLED = 10
SHUTDOWN_SECONDS = 0.03
APPLY_WAIT_SECONDS_MAX = 120.0
TRANSACTION_KEYS, TRANSACTION_KILLS = 12, 6
TRANSACTION_SECONDS = (1.0, 3.0) if proc.mixed() else (0.1, 0.5)

Start = Callable[..., DbxServer]


def start_within_a_second(server: DbxServer) -> None:
    """Starts a server that was killed, which serves within a second.

    The work of a start, on all processors, is bounded at each; the time at one of several with what
    the kill left, without that in which processors were wanting, because others share the machine.
    """
    killed = server.directory / "killed"
    shutil.copytree(server.data, killed, ignore=shutil.ignore_patterns("socket"))
    seconds: list[float] = []
    while len(seconds) < STARTS_MAX:
        begun, crowded = time.monotonic(), proc.crowded_seconds()
        server.start()
        crowded = proc.crowded_seconds() - crowded
        seconds.append(time.monotonic() - begun - crowded)
        if proc.instrumented():
            return
        assert proc.cpu_seconds(server.pid) <= START_CPU_SECONDS_MAX
        if seconds[-1] <= START_SECONDS_MAX:
            return
        server.kill()
        shutil.rmtree(server.data)
        shutil.copytree(killed, server.data)
    pytest.fail(f"each start took more than {START_SECONDS_MAX} s: {seconds}")


def test_a_million_incrs_of_one_key_replay_within_a_second(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw(timeout=300) as client:
        assert repeat(client, ("INCR", "n"), INCRS) == b"%d" % INCRS
    server.kill()
    start_within_a_second(server)
    with server.raw() as client:
        assert client.value("GET", "n") == b"%d" % INCRS


def test_no_acknowledged_write_is_missing_after_kill_9_during_an_apply(dbx_process: Start) -> None:
    server = dbx_process(settings={"write-buffer-size": str(APPLY_BUFFER_BYTES)})
    sent = acknowledged = 0
    deadline = time.monotonic() + APPLY_WAIT_SECONDS_MAX
    with server.raw() as client, server.raw() as observer:
        while store_info(observer)["frozen_entries"] == 0:
            assert time.monotonic() < deadline, "no apply was ever seen"
            n = 2000
            client.send_bytes(
                b"".join(
                    encode("SET", f"key:{(sent + i) % 50_000}", f"v{sent + i}") for i in range(n)
                )
            )
            sent += n
            for _ in range(n):
                assert client.read() == ("status", b"OK")
                acknowledged += 1
        server.kill()
    start_within_a_second(server)
    with server.raw() as client:
        for i in range(max(0, acknowledged - 50_000), acknowledged, 997):
            assert client.value("GET", f"key:{i % 50_000}") == b"v%d" % i
        assert client.value("DBSIZE") == min(acknowledged, 50_000)


def test_starts_that_are_killed_lose_nothing_of_a_large_backlog(dbx_process: Start) -> None:
    """They are killed anywhere: while they read the log, cut and sync it, or begin a segment."""
    chance = random.Random(1)
    server = dbx_process(settings={"write-buffer-size": str(BACKLOG_BUFFER_BYTES)})
    with server.raw() as client:
        repeat(client, ("INCR", "n"), BACKLOG_INCRS)
        for i in range(BACKLOG_VALUES):
            client.value("SET", f"key:{i}", b"%d" % i * (i % 90_000))
        client.value("SET", "large", b"x" * LARGE_BYTES)
    server.kill()
    begun = time.monotonic()
    server.start()
    start_seconds = time.monotonic() - begun
    for _ in range(STARTS_KILLED):
        server.kill()
        server.spawn()
        time.sleep(chance.uniform(0, start_seconds))
    server.kill()
    start_within_a_second(server)
    with server.raw() as client:
        assert client.value("GET", "n") == b"%d" % BACKLOG_INCRS
        assert client.value("GET", "large") == b"x" * LARGE_BYTES
        assert client.value("DBSIZE") == BACKLOG_VALUES + 2
        for i in range(BACKLOG_VALUES):
            assert client.value("GET", f"key:{i}") == b"%d" % i * (i % 90_000)


def test_a_kill_during_shutdown_loses_nothing(dbx_process: Start) -> None:
    chance = random.Random(1)
    server = dbx_process("--durability", "none", settings={"write-buffer-size": "1048576"})
    for i in range(SHUTDOWNS_KILLED):
        with server.raw() as client:
            repeat(client, ("APPEND", "k", b"v" * 100), 2000)
            client.value("SET", "last", i)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        time.sleep(chance.uniform(0, SHUTDOWN_SECONDS))
        server.kill()
        server.start()
        with server.raw() as client:
            assert client.value("GET", "last") == b"%d" % i
            assert client.value("STRLEN", "k") == 200_000 * (i + 1)


def test_a_second_kill_during_the_first_seconds_of_a_restart_loses_nothing(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw() as client:
        repeat(client, ("INCR", "n"), 10_000)
    for _ in range(5):
        server.kill()
        server.start()
    with server.raw() as client:
        assert client.value("INCR", "n") == 10_001


def _transactions(server: DbxServer, answered: list[int]) -> None:
    """Transactions of several frames of the log, until the server is gone."""
    padding = b"x" * 200_000
    with contextlib.suppress(OSError, EOFError), server.raw() as client:
        while True:
            n = answered[0] + 1
            values = (b"%d %s" % (n, padding) for _ in range(TRANSACTION_KEYS))
            sets = b"".join(encode("SET", f"t{i}", v) for i, v in enumerate(values))
            client.send_bytes(encode("MULTI") + sets + encode("EXEC"))
            for _ in range(TRANSACTION_KEYS + 1):
                client.read()
            assert client.read() == ("array", (("status", b"OK"),) * TRANSACTION_KEYS)
            answered[0] = n


def test_a_transaction_is_whole_or_absent_after_kill_9(dbx_process: Start) -> None:
    server = dbx_process(settings={"write-buffer-size": "1048576"})
    answered = [0]
    for _ in range(TRANSACTION_KILLS):
        before = answered[0]
        load = threading.Thread(target=_transactions, args=(server, answered))
        load.start()
        while answered[0] == before and load.is_alive():
            time.sleep(0.01)
        time.sleep(random.uniform(*TRANSACTION_SECONDS))
        server.kill()
        load.join()
        server.start()
        with server.raw() as client:
            found = {
                client.value("GETRANGE", f"t{i}", 0, 9).split()[0] for i in range(TRANSACTION_KEYS)
            }
        assert found in ({b"%d" % answered[0]}, {b"%d" % (answered[0] + 1)})
        assert answered[0] > before, "the load never got going"
        answered[0] = int(found.pop())
