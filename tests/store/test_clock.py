"""A machine whose clock is set: times to live run by what really passes, dates by the wall clock,
and an idle server, or program that has opened a directory, hears of the step by itself.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.proc import instrumented
from tests.support.resp import RawClient
from tests.support.servers import DbxServer, clean_environment

pytestmark = pytest.mark.skipif(
    instrumented(), reason="sanitizers ask for the time before the shim knows whom to ask"
)

SOURCE = Path(__file__).with_name("clock_shim.c")
HOUR = 3600
SLACK_MS = 60_000  # a busy machine
NOTICE_SECONDS_MAX = 60.0
IDLE_SECONDS = 0.5
YEARS_56 = 56 * 365 * 24 * HOUR
PROGRAM = f"""
import sys, time, dbx
with dbx.open(sys.argv[1], durability="none") as db:
    db.set("date", "v", exat=int(time.time()) + {HOUR})
    print("ready", flush=True)
    sys.stdin.read()
"""


class Clock:
    """A server's wall clock: this machine's, and some seconds."""

    def __init__(self, directory: Path) -> None:
        self.shim = directory / "clock_shim.so"
        self.offset, self.steps = directory / "offset", directory / "steps"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(self.shim), str(SOURCE),
             "-ldl"], check=True,
        )  # fmt: skip
        os.mkfifo(self.steps)
        self._put(0)

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.shim), "CLOCK_SHIM_OFFSET": str(self.offset),
                "CLOCK_SHIM_STEPS": str(self.steps)}  # fmt: skip

    def _put(self, seconds: float) -> None:
        if not self.offset.exists():
            self.offset.write_bytes(bytes(8))
        with open(self.offset, "r+b") as file:
            file.write(struct.pack("=q", int(seconds * 1e9)))

    def set(self, seconds: float) -> None:
        """set moves the clock; who has asked the kernel is told."""
        self._put(seconds)
        fifo = os.open(self.steps, os.O_RDWR | os.O_NONBLOCK)
        os.write(fifo, bytes(8))
        os.close(fifo)

    def move_unheard(self, seconds: float) -> None:
        """move_unheard is for a server that does not run: it booted with that clock."""
        self._put(seconds)


class ClockedServer(DbxServer):
    clock: Clock

    def environment(self) -> dict[str, str]:
        return super().environment() | self.clock.environment()


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[ClockedServer]:
    server = ClockedServer("--durability", "none")
    server.clock = Clock(tmp_path)
    server.start()
    yield server
    server.close()


def now_s(client: RawClient) -> int:
    return int(client.value("TIME")[0][1])


def set_keys(client: RawClient) -> None:
    in_an_hour = now_s(client) + HOUR
    client.value("SET", "life", "v", "EX", HOUR)
    client.value("SET", "date", "v", "EXAT", in_an_hour)
    client.value("SET", "stays", "v")


def assert_about(found_ms: int, expected_s: float) -> None:
    assert expected_s * 1000 - SLACK_MS <= found_ms <= expected_s * 1000, (found_ms, expected_s)


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + NOTICE_SECONDS_MAX
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def removes_the_date(data: Path | str) -> None:
    """Nobody asks for anything: the log tells."""
    logs = Path(data, "journal")
    wait_for(
        lambda: any(b"DEL\r\n$4\r\ndate\r\n" in path.read_bytes() for path in logs.glob("*.log"))
    )


def test_an_idle_server_removes_what_a_step_forward_ended(clocked: ClockedServer) -> None:
    with clocked.raw() as client:
        set_keys(client)
        time.sleep(IDLE_SECONDS)  # it has nothing left to do by which it would notice
        clocked.clock.set(YEARS_56)
        removes_the_date(clocked.data)
        assert client.value("DBSIZE") == 2
        assert_about(client.value("PTTL", "life"), HOUR)


def test_an_idle_program_removes_what_a_step_forward_ended(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    data = tmp_path / "data"
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=clean_environment() | clock.environment(),
    )  # fmt: skip
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        time.sleep(IDLE_SECONDS)
        clock.set(YEARS_56)
        removes_the_date(data)
        program.stdin.close()
        assert program.wait() == 0


def test_a_step_back_puts_dates_off_and_leaves_times_to_live(clocked: ClockedServer) -> None:
    with clocked.raw() as client:
        set_keys(client)
        clocked.clock.set(-HOUR)
        assert_about(client.value("PTTL", "life"), HOUR)
        assert_about(client.value("PTTL", "date"), 2 * HOUR)
        client.value("PEXPIRE", "life", 1)
        wait_for(lambda: bool(client.value("DBSIZE") == 2))


@pytest.mark.parametrize("applied", [False, True])
def test_times_to_live_survive_a_crash_and_a_boot_in_1970(
    clocked: ClockedServer, applied: bool
) -> None:
    with clocked.raw() as client:
        set_keys(client)
        in_1970 = -now_s(client) + 20
    if applied:
        clocked.apply()
    clocked.kill()
    clocked.clock.move_unheard(in_1970)
    clocked.start()
    with clocked.raw() as client:
        assert now_s(client) < HOUR
        assert_about(client.value("PTTL", "life"), HOUR)
        assert client.value("OBJECT", "IDLETIME", "stays") * 1000 <= SLACK_MS
        clocked.clock.set(HOUR / 2)
        assert_about(client.value("PTTL", "life"), HOUR)
        assert_about(client.value("PTTL", "date"), HOUR / 2)
        assert client.value("OBJECT", "IDLETIME", "stays") * 1000 <= SLACK_MS
    clocked.restart()
    with clocked.raw() as client:
        assert client.value("TTL", "life") > 0
        assert_about(client.value("PTTL", "date"), HOUR / 2)


def test_a_database_begun_in_1970_keeps_times_to_live_across_a_restart(
    clocked: ClockedServer,
) -> None:
    with clocked.raw() as client:
        in_1970 = -now_s(client) + 20
    clocked.stop()
    clocked.data = clocked.directory / "another"
    clocked.clock.move_unheard(in_1970)
    clocked.start()
    with clocked.raw() as client:
        set_keys(client)
        clocked.clock.set(0)
        wait_for(lambda: client.value("EXISTS", "date") == 0)
    clocked.restart()
    with clocked.raw() as client:
        assert_about(client.value("PTTL", "life"), HOUR)
