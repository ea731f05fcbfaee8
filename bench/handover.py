"""How long nobody answers when the owner of a directory ends or is killed, while eight processes
hammer it, programs and servers.

A hand-over begins when the owner is killed, or closes the database; it is over when a call that
began behind the end of the old owner has been answered by the new one. That is measured from
outside, so a little of what comes after is in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import selectors
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import dbx
from bench.hammer import Board
from bench.report import Report
from tests.support.servers import DbxServer, clean_environment, numbers

PROGRAMS, SERVERS = 5, 3
LEAST = 6  # of the processes answer before an owner is ended; another server is none too many
KILLED = 0.7  # of the owners; the others end
PAUSE_SECONDS = (0.05, 0.6)
WAIT_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.001
SAID_BYTES_MAX = 4096
GOAL_MS = 500.0


@dataclasses.dataclass(frozen=True)
class Handover:
    how: str
    first_ms: float  # until one process was answered
    last_ms: float  # until all were that had been before
    start: dict[str, int]  # what INFO store says of the new owner's start

    def __str__(self) -> str:
        said = {name: self.start.get(f"replay_last_{name}", -1) for name in ("ms", "effects")}
        said["entries"] = self.start.get("replay_last_entries", -1)
        return f"{self.how}: {self.first_ms:.0f} to {self.last_ms:.0f} ms, replayed {said}"


class Slot:
    """A program, or a server and its client; the next one when it is gone."""

    def __init__(self, number: int, data: Path, board: Path, server: bool) -> None:
        self.key, self.data, self.board = f"counter:{number}", data, board
        self.server = DbxServer(data=data) if server else None
        self.answered = 0  # by the owner of this number, lately
        self.left_ns, self.said = 0, b""
        self.counter = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        how, where = "program", str(self.data)
        if self.server is not None:
            how, where = "client", str(self.server.port)
        return subprocess.Popen(
            [sys.executable, "-m", "bench.hammer", str(self.board), self.key, how, where],
            stdout=subprocess.PIPE, bufsize=0, env=clean_environment(),
        )  # fmt: skip

    @property
    def output(self) -> IO[bytes]:
        assert self.counter.stdout is not None
        return self.counter.stdout

    @property
    def pid(self) -> int:
        """pid is the process's that may own the directory."""
        if self.server is None:
            return self.counter.pid
        return self.server.pid if self.server.running else 0

    def gone(self) -> bool:
        if self.server is None:
            return self.counter.poll() is not None
        return not self.server.running

    def kill(self) -> None:
        if self.server is None:
            self.counter.kill()
        elif self.server.process is not None:
            self.server.process.kill()

    def begin(self) -> None:
        """begin starts the next one where one is gone. A server finds no place beside another, and
        ends: it comes again."""
        if self.server is not None:
            if not self.server.running:
                self.server.spawn()
        elif self.counter.poll() is not None:
            self.output.close()
            self.said, self.counter = b"", self._spawn()

    def close(self) -> None:
        self.counter.kill()
        self.counter.wait()
        self.output.close()
        if self.server is not None:
            self.server.kill()
            self.server.close()


class Arena:
    """All of them, and who has said what."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.data = directory / "data"
        self.board = Board.make(directory / "board")
        self.owner = 1
        self.board.write(self.owner, 0, 0)
        self.slots = [
            Slot(number, self.data, directory / "board", server=number >= PROGRAMS)
            for number in range(PROGRAMS + SERVERS)
        ]
        self.selector = selectors.DefaultSelector()
        for slot in self.slots:
            self.selector.register(slot.output, selectors.EVENT_READ, slot)
        self.ends: dict[int, int] = {}  # of each slot the first answer by the owner there is

    def close(self) -> None:
        for slot in self.slots:
            slot.close()
        self.selector.close()

    def listen(self, seconds: float) -> None:
        """listen takes what processes say, once."""
        for key, _ in self.selector.select(seconds):
            slot: Slot = key.data
            said = os.read(slot.output.fileno(), SAID_BYTES_MAX)
            if not said:
                self.selector.unregister(slot.output)
            *lines, slot.said = (slot.said + said).split(b"\n")
            for line in lines:
                owner, ended_ns = map(int, line.split())
                if owner == 0:
                    slot.left_ns = ended_ns
                else:
                    slot.answered = owner
                if owner == self.owner:
                    self.ends[id(slot)] = ended_ns

    def listen_until(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """listen_until listens until `done`, and looks at least every so many seconds."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not done():
            assert time.monotonic() < deadline, otherwise
            self.listen(seconds)

    def begin(self, slot: Slot) -> None:
        slot.answered = 0
        with contextlib.suppress(KeyError):
            self.selector.unregister(slot.output)  # before its number is another's
        slot.begin()
        self.selector.register(slot.output, selectors.EVENT_READ, slot)

    def wait(self) -> None:
        """wait is for a random time, and until enough of them hammer."""
        until = time.monotonic() + self.chance.uniform(*PAUSE_SECONDS)

        def ready() -> bool:
            for slot in self.slots:
                if slot.gone():
                    self.begin(slot)
            enough = sum(slot.answered == self.owner for slot in self.slots) >= LEAST
            return enough and self.the_owner() is not None and time.monotonic() >= until

        self.listen_until(ready, 0.02, "too few of them are answered")

    def owner_pid(self) -> int:
        words = (self.data / "lock").read_text().split() if self.data.exists() else []
        return int(words[1]) if len(words) > 1 else 0

    def the_owner(self) -> Slot | None:
        pid = self.owner_pid()
        return next((slot for slot in self.slots if slot.pid == pid), None)

    def hand_over(self) -> Handover:
        """hand_over ends the owner."""
        owner = self.the_owner()
        assert owner is not None
        killed = self.chance.random() < KILLED
        waiters = [s for s in self.slots if s is not owner and s.answered == self.owner]
        pid, begun_ns = owner.pid, self._end(owner, killed)
        self.listen_until(
            lambda: owner.gone() or self.owner_pid() != pid, LOOK_SECONDS, "the owner stays"
        )
        self.owner += 1
        self.ends = {}
        self.board.write(self.owner, time.monotonic_ns(), 0)
        self.listen_until(
            lambda: all(id(slot) in self.ends for slot in waiters), 0.1, "somebody is not answered"
        )
        took = [(self.ends[id(slot)] - begun_ns) / 1e6 for slot in waiters]
        with dbx.open(self.data) as db:
            start = numbers(db.info("store"))
        self.listen_until(owner.gone, LOOK_SECONDS, "the old owner does not end")
        self.begin(owner)
        what = "a program" if owner.server is None else "a server"
        how = f"{what} was killed" if killed else f"{what} ended"
        return Handover(how, min(took), max(took), start)

    def _end(self, owner: Slot, killed: bool) -> int:
        """_end says when: a program says so itself, when it is about to close."""
        begun_ns = time.monotonic_ns()
        if killed:
            owner.kill()
        elif owner.server is not None:
            assert owner.server.process is not None
            owner.server.process.send_signal(signal.SIGTERM)
        else:
            owner.left_ns = 0
            self.board.write(self.owner, begun_ns, owner.pid)
            self.listen_until(lambda: owner.left_ns > 0, 1.0, "the owner does not see it is to end")
            begun_ns = owner.left_ns
        return begun_ns


@contextlib.contextmanager
def arena(seed: int) -> Iterator[Arena]:
    with tempfile.TemporaryDirectory(prefix="dbx-bench-handover-") as scratch:
        made = Arena(Path(scratch), seed)
        try:
            yield made
        finally:
            made.close()


def handover(report: Report, quick: bool, rounds: int) -> None:
    """From an owner's end until the next one answers, while eight processes hammer."""
    seconds = 15 if quick else 60 * rounds
    found: list[Handover] = []
    with arena(random.SystemRandom().randrange(2**32)) as made:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            made.wait()
            found.append(made.hand_over())
    for how in sorted({one.how for one in found}):
        _row(report, how, [one for one in found if one.how == how])
    _row(report, "all", found)
    for one in sorted(found, key=lambda one: -one.first_ms)[:5]:
        print(f"    {one}")
    report.add("load average", {"at the end": f"{os.getloadavg()[0]:.1f}"})
    report.limit("the longest hand-over", max(one.first_ms for one in found), GOAL_MS, "ms")


def _row(report: Report, name: str, found: list[Handover]) -> None:
    shown = {"owners": str(len(found))}
    for what, took in (
        ("answered", [one.first_ms for one in found]),
        ("all answered", [one.last_ms for one in found]),
    ):
        ordered = sorted(took)
        p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        shown[what] = f"p50 {statistics.median(took):.0f} p99 {p99:.0f} max {max(took):.0f} ms"
    report.add(name, shown)
