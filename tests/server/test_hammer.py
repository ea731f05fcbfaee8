"""Eight processes on one directory, programs and servers, whose owners are killed or ended at
random: nothing that was acknowledged is lost, and no command is executed twice.

DBX_HAMMER_SECONDS says for how long, DBX_HAMMER_SEED which seed is drawn from.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import dbx
from tests.python.test_joining import Counter
from tests.server.test_handover import Load
from tests.support.servers import DbxServer, ServerError

SECONDS = float(os.environ.get("DBX_HAMMER_SECONDS", "10"))
SEED = int(os.environ.get("DBX_HAMMER_SEED", random.SystemRandom().randrange(2**32)))
PROGRAMS, SERVERS = 5, 3
PAUSE_SECONDS = (0.05, 0.6)
WAIT_SECONDS_MAX = 60.0


class ProgramSlot:
    """A program that counts, and the next one when it is gone."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self.known, self.slowest, self.counted = (0, 0), 0, 0
        self.counter = Counter(path, key)

    @property
    def pid(self) -> int:
        return self.counter.process.pid

    def end(self, chance: random.Random) -> None:
        if chance.random() < 0.3:
            self.counter.stop()
        else:
            if chance.random() < 0.3:
                self.counter.freeze()
                time.sleep(chance.uniform(0, 0.1))
            self.counter.kill()
        self.settle()

    def settle(self) -> None:
        self.known = self.counter.settle(*self.known)
        self.counted += self.counter.counted()
        self.slowest = max([self.slowest, *(took for _, took in self.counter.lines)])

    def begin(self) -> None:
        self.counter = Counter(self.path, self.key)

    def check(self, value: int) -> None:
        least, more = self.known
        assert least <= value <= least + more, self.key


class ServerSlot:
    """A server with a client that counts. One that finds a server in its place comes again."""

    def __init__(self, path: Path, key: str) -> None:
        self.key = key
        self.server = DbxServer(data=path)
        self.begin()
        self.load = Load(self.server.port, key)

    @property
    def pid(self) -> int:
        return self.server.pid if self.server.running else 0

    def end(self, chance: random.Random) -> None:
        if chance.random() < 0.3:
            self._stop()
        else:
            self.server.kill()

    def begin(self) -> None:
        if not self.server.running:
            self._stop()
            self.server.spawn()

    def _stop(self) -> None:
        try:
            self.server.stop()
        except ServerError:  # it has not come up: another server has the database
            assert "is served already" in self.server.tail(), self.server.tail()

    def close(self) -> None:
        self.load.stop = True
        self.load.thread.join(WAIT_SECONDS_MAX)
        assert not self.load.thread.is_alive(), f"a client of {self.key} waits for ever"
        self.server.kill()
        self.server.close()

    def check(self, value: int) -> None:
        assert self.load.wrong == ""
        assert self.load.last <= value <= self.load.last + self.load.unknown, self.key


def owner_of(path: Path) -> int:
    words = (path / "lock").read_text().split()
    return int(words[1]) if len(words) > 1 else 0


def test_nothing_is_lost_and_nothing_done_twice_whoever_owns_the_directory(tmp_path: Path) -> None:
    chance, path = random.Random(SEED), tmp_path / "d"
    print(f"seed {SEED}")
    programs = [ProgramSlot(path, f"program:{i}") for i in range(PROGRAMS)]
    servers = [ServerSlot(path, f"server:{i}") for i in range(SERVERS)]
    slots: list[ProgramSlot | ServerSlot] = [*programs, *servers]
    ended: dict[type, int] = {ProgramSlot: 0, ServerSlot: 0}
    until = time.monotonic() + SECONDS
    try:
        while time.monotonic() < until:
            time.sleep(chance.uniform(*PAUSE_SECONDS))
            owner = owner_of(path)
            for slot in slots:
                if slot.pid != owner and chance.random() > 0.02:
                    continue
                if slot.pid == owner:
                    ended[type(slot)] += 1
                slot.end(chance)
                slot.begin()
            for server in servers:
                server.begin()
    finally:
        for program in programs:
            program.counter.kill()
        for server in servers:
            server.close()
    for program in programs:
        program.settle()
    with dbx.open(path) as db:
        for slot in slots:
            slot.check(int(db.get(slot.key) or 0))
    print(
        f"owners gone: {ended[ProgramSlot]} programs and {ended[ServerSlot]} servers;"
        f" programs counted {sum(p.counted for p in programs)},"
        f" clients of servers {sum(s.load.counted for s in servers)};"
        f" the slowest call of a program took {max(p.slowest for p in programs)} ms"
    )
    assert all(ended.values())
    assert all(p.counted for p in programs) and all(s.load.counted for s in servers)
