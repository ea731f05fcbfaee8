"""Several processes on one directory: one owns it, the others join it, one of them takes over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbx
import dbx.aio
from dbx import errors
from tests.support.servers import DbxServer, clean_environment, free_port

ROOT = Path(__file__).parents[2]
PROCESSES = 8
HAMMER_SECONDS = 5.0
KILL_SECONDS = (0.05, 0.6)
WAIT_SECONDS_MAX = 60.0

Start = Callable[..., DbxServer]


class Counter:
    """A process that counts in a key of the database, see tests/support/joiner.py."""

    def __init__(self, path: Path, key: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.joiner", str(path), key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=clean_environment(),
        )
        assert self.process.stdout is not None
        how, first = self.process.stdout.readline().split()
        self.joined = how == b"joined"
        self.first = int(first)
        self.lines: list[tuple[bytes, int]] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                said, milliseconds = line.split()
                self.lines.append((said, int(milliseconds)))

    def counted(self) -> int:
        return sum(1 for said, _ in self.lines if said != b"unknown")

    def wait_until_it_counts(self) -> None:
        before, deadline = self.counted(), time.monotonic() + WAIT_SECONDS_MAX
        while self.counted() == before:
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)

    def freeze(self) -> None:
        """Stops every thread, for good."""
        self.process.send_signal(signal.SIGSTOP)
        states = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        while any(stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in states):
            time.sleep(0.01)
            states = Path(f"/proc/{self.process.pid}/task").glob("*/stat")

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._end()
        assert self.process.returncode == 0

    def _end(self) -> None:
        self.process.wait(WAIT_SECONDS_MAX)
        self.reader.join()

    def settle(self, before: int, unknown: int) -> tuple[int, int]:
        """What the key holds at least after all this process was told, and how many more INCRs may
        have been executed, given the same from before. None may have been lost or done twice."""
        assert before <= self.first <= before + unknown
        last, may_be = self.first, 0
        for said, _ in self.lines:
            if said == b"unknown":
                may_be += 1
                continue
            assert last + 1 <= int(said) <= last + 1 + may_be
            last, may_be = int(said), 0
        return last, may_be + 1  # it may have been killed before it could say so


@contextlib.contextmanager
def another_process(path: Path, key: str = "counter") -> Iterator[Counter]:
    counter = Counter(path, key)
    try:
        yield counter
    finally:
        if counter.process.poll() is None:
            counter.kill()


def in_child(work: Callable[[], object]) -> int:
    """Exit status of a forked child that runs `work`: 0 when nothing was raised."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# Beside threads: that is the point.
forks = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# --- Joining -------------------------------------------------------------------------------------


def test_who_opens_a_directory_in_use_joins_its_owner(tmp_path: Path) -> None:
    with another_process(tmp_path / "d") as owner, dbx.open(tmp_path / "d") as db:
        assert not owner.joined
        assert db.joined
        owner.wait_until_it_counts()
        assert int(db.get("counter") or 0) > 0
        db.set("k", "v")
        assert db.execute_command("GET", "k") == b"v"


def test_a_program_may_open_a_directory_twice(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as first, dbx.open(tmp_path / "d") as second:
        assert (first.joined, second.joined) == (False, True)
        first.set("k", "v")
        assert second.get("k") == b"v"


def test_a_servers_directory_is_joined_without_its_password(dbx_process: Start) -> None:
    server = dbx_process("--requirepass", "secret")
    with dbx.open(server.data) as db:
        db.set("k", "v")
    with server.client() as client:
        assert client.get("k") == b"v"


def test_a_second_server_on_a_directory_says_who_owns_it(dbx_process: Start) -> None:
    server = dbx_process()
    done = subprocess.run(
        [sys.executable, "-m", "dbx", "serve", "--port", str(free_port()), "--http-port", "0",
         "--data", str(server.data)],
        capture_output=True, text=True, env=clean_environment(), timeout=WAIT_SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(server.pid) in done.stderr


def test_a_path_may_be_longer_than_a_sockets_address(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["0123456789" * 5] * 4)
    with dbx.open(path), dbx.open(path) as joined:
        assert joined.set("k", "v") is True


def test_what_is_decoded_and_selected_is_a_joined_clients_own(tmp_path: Path) -> None:
    with (
        dbx.open(tmp_path / "d") as owner,
        dbx.open(tmp_path / "d", db=2, decode_responses=True) as joined,
    ):
        joined.set("k", "v")
        assert joined.get("k") == "v"
        assert owner.get("k") is None
        owner.select(2)
        assert owner.get("k") == b"v"


def test_large_values_and_long_pipelines_go_through(tmp_path: Path) -> None:
    value = os.urandom(1 << 20) * 20
    with dbx.open(tmp_path / "d"), dbx.open(tmp_path / "d") as joined:
        joined.set("k", value)
        assert joined.get("k") == value
        with joined.pipeline(transaction=False) as pipe:
            for i in range(20_000):
                pipe.set(f"key:{i}", "v" * 100).get(f"key:{i}")
            assert pipe.execute() == [True, b"v" * 100] * 20_000


def test_a_transaction_of_a_joined_client_is_executed_as_one(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d"), dbx.open(tmp_path / "d") as joined:
        with joined.pipeline() as pipe:
            pipe.set("a", 1).incr("a").get("a")
            assert pipe.execute() == [True, 2, b"2"]
            pipe.set("a", "x").incr("a").get("a")
            results = pipe.execute(raise_on_error=False)
            assert (results[0], str(results[1]), results[2]) == (
                True, "value is not an integer or out of range", b"x",
            )  # fmt: skip
            pipe.set("a", "y").execute_command("NOSUCH")
            with pytest.raises(errors.ResponseError, match="unknown command"):
                pipe.execute()
        assert joined.get("a") == b"x"


def test_threads_of_a_joined_process_have_connections_of_their_own(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d"), dbx.open(tmp_path / "d") as joined:

        def count() -> None:
            for _ in range(500):
                joined.incr("n")

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert joined.get("n") == b"4000"


def test_coroutines_join_as_well(tmp_path: Path) -> None:
    async def work() -> None:
        async with dbx.aio.open(tmp_path / "d") as joined:
            await asyncio.gather(*(joined.incr("n") for _ in range(100)))
            assert await joined.get("n") == b"100"

    with dbx.open(tmp_path / "d"):
        asyncio.run(work())


@pytest.mark.parametrize("way", ["owner", "joined"])
def test_a_call_returns_the_same_whatever_is_said_about_replies(tmp_path: Path, way: str) -> None:
    with dbx.open(tmp_path / "d") as owner, dbx.open(tmp_path / "d") as joined:
        db = owner if way == "owner" else joined
        maxclients = db.execute_command("CONFIG", "GET", "maxclients")
        assert isinstance(maxclients, dict)
        db.execute_command("HELLO", "2")
        assert db.execute_command("CONFIG", "GET", "maxclients") == maxclients
        assert db.execute_command("RESET") == "RESET"
        assert db.execute_command("CONFIG", "GET", "maxclients") == maxclients
        assert db.execute_command("CLIENT", "REPLY", "SKIP") is None
        assert [db.execute_command("ECHO", "x") for _ in range(2)] == [None, b"x"]
        assert db.execute_command("CLIENT", "REPLY", "OFF") is None
        assert db.execute_command("INCR", "n") is None
        for transaction in (False, True):
            with db.pipeline(transaction=transaction) as pipe:
                pipe.execute_command("INCR", "n").execute_command("INCR", "n")
                assert pipe.execute() == [None, None]
        assert db.execute_command("CLIENT", "REPLY", "ON") == b"OK"
        assert db.execute_command("GET", "n") == b"5"


def test_a_joined_client_cannot_shut_a_program_s_database_down(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as owner, dbx.open(tmp_path / "d") as joined:
        with pytest.raises(errors.ResponseError, match="open in a program"):
            joined.shutdown()
        assert owner.set("k", "v") is True


def test_an_owner_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with another_process(tmp_path / "d") as owner:
        (tmp_path / "d" / "socket").unlink()
        with pytest.raises(errors.LockedError, match=str(owner.process.pid)):
            dbx.open(tmp_path / "d")


# --- Handing over --------------------------------------------------------------------------------


def test_when_the_owner_closes_a_joined_process_takes_over(tmp_path: Path) -> None:
    owner = dbx.open(tmp_path / "d")
    with dbx.open(tmp_path / "d") as joined, dbx.open(tmp_path / "d") as other:
        joined.set("k", "v")
        other.get("k")
        owner.close()
        assert joined.get("k") == b"v"
        assert not joined.joined
        other.set("k", "w")
        assert other.joined
        assert joined.get("k") == b"w"


def test_when_the_owner_is_killed_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with another_process(tmp_path / "d") as owner, dbx.open(tmp_path / "d") as joined:
        for i in range(1000):
            joined.set(f"key:{i}", i)
        owner.kill()
        assert [int(joined.get(f"key:{i}") or -1) for i in range(1000)] == list(range(1000))
        assert int(joined.get("counter") or 0) >= owner.counted()
        assert not joined.joined


def test_a_command_under_way_when_the_owner_dies_is_an_error_and_the_next_is_not(
    tmp_path: Path,
) -> None:
    with another_process(tmp_path / "d") as owner, dbx.open(tmp_path / "d") as joined:
        joined.ping()
        owner.freeze()
        timer = threading.Timer(0.3, owner.process.kill)
        timer.start()
        with pytest.raises(errors.ConnectionError, match="unknown"):
            joined.incr("n")
        timer.join()
        assert joined.incr("m") == 1


def test_the_selected_database_stays_selected_with_the_next_owner(tmp_path: Path) -> None:
    owner = dbx.open(tmp_path / "d")
    with dbx.open(tmp_path / "d") as joined:
        joined.select(3)
        joined.set("k", "v")
        owner.close()
        assert joined.get("k") == b"v"
        joined.select(0)
        assert joined.get("k") is None


@pytest.mark.parametrize(
    ("commands", "selected"),
    [
        (("SELECT 3", "MULTI", "SELECT 4", "DISCARD"), 3),
        (("SELECT 3", "MULTI", "SELECT abc", "SELECT 4", "PING", "EXEC"), 4),
        (("SELECT 3", "MULTI", "SELECT 4", "SELECT 99", "EXEC"), 4),
        (("SELECT 3", "MULTI", "SELECT 4", "NOSUCH", "EXEC"), 3),
        (("SELECT 3", "MULTI", "SELECT 4", "RESET"), 0),
    ],
)
def test_what_a_transaction_selects_is_selected_when_it_was_executed(
    tmp_path: Path, commands: tuple[str, ...], selected: int
) -> None:
    owner = dbx.open(tmp_path / "d")
    with dbx.open(tmp_path / "d") as joined:
        with joined.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command.split())
            pipe.execute(raise_on_error=False)
        joined.set("k", "v")
        owner.close()
        assert joined.get("k") == b"v"
        joined.select(selected)
        assert joined.get("k") == b"v"


def test_a_server_takes_over_from_nobody_and_programs_take_over_from_it(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with dbx.open(server.data) as joined:
        joined.set("k", "v")
        server.stop()
        assert joined.get("k") == b"v"
        assert not joined.joined


@forks
def test_a_forked_child_joins_its_parent_and_outlives_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    owner = os.fork()
    if owner == 0:
        db = dbx.open(tmp_path / "d")
        db.set("k", "parent")
        if os.fork() == 0:
            joined = db.joined
            db.set("k", "child")
            os.write(writing, b"joined\n" if joined else b"no\n")
            while db.joined:
                time.sleep(0.01)
                with contextlib.suppress(errors.ConnectionError):  # when the parent is killed
                    db.get("k")
            db.set("k", "orphan")
            os.write(writing, b"no\n" if db.joined else b"owner\n")
            db.close()
            os._exit(0)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(owner, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read() == "joined\nowner\n"
    with dbx.open(tmp_path / "d") as db:
        assert db.get("k") == b"orphan"


@forks
def test_forked_workers_share_what_was_opened_before_they_were_made(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as db, dbx.open(tmp_path / "d") as joined:
        joined.incr("n")

        def child() -> None:
            for _ in range(100):
                db.incr("n")
                joined.incr("n")
            assert db.joined

        assert [in_child(child) for _ in range(4)] == [0] * 4
        assert db.get("n") == b"801"
        assert not db.joined


@forks
def test_what_is_in_memory_stays_with_the_process_that_opened_it() -> None:
    with dbx.open() as db:
        db.set("k", "v")

        def child() -> None:
            with pytest.raises(errors.ForkedError, match="forked"):
                db.get("k")
            db.close()

        assert in_child(child) == 0
        assert db.get("k") == b"v"


def test_processes_that_hammer_one_directory_lose_nothing_when_owners_are_killed(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    print(f"seed {seed}")
    path = tmp_path / "d"
    counters = [Counter(path, f"counter:{i}") for i in range(PROCESSES)]
    known = [(0, 0)] * PROCESSES
    kills, slowest = 0, 0
    until = time.monotonic() + HAMMER_SECONDS
    try:
        while time.monotonic() < until:
            time.sleep(chance.uniform(*KILL_SECONDS))
            owner = int((path / "lock").read_text().split()[1])
            for i, counter in enumerate(counters):
                if counter.process.pid != owner:
                    continue
                counter.kill()
                kills += 1
                known[i] = counter.settle(*known[i])
                slowest = max([slowest, *(took for _, took in counter.lines)])
                counters[i] = Counter(path, f"counter:{i}")
    finally:
        for counter in counters:
            counter.stop()
    with dbx.open(path) as db:
        for i, counter in enumerate(counters):
            slowest = max([slowest, *(took for _, took in counter.lines)])
            least, more = counter.settle(*known[i])
            assert least <= int(db.get(f"counter:{i}") or 0) <= least + more
    print(f"{kills} owners killed; the slowest call took {slowest} ms")
    assert kills > 0
