"""Cycles of load, kill -9 at a random moment, start, and comparison with what clients know.

It counts what it struck: without that nobody would notice that kills only hit what is harmless.

The seed decides commands, settings and delays; when a kill strikes within a command is the
machine's. A failure says seed, cycle and what was in flight, and keeps the directory as it was
before the start.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from dbx.commands.replies import PARSERS
from tests.crash import disk
from tests.crash.client import Client, Wrong
from tests.crash.connections import Child, Connection, RespServer, ask
from tests.crash.generate import Generator
from tests.crash.model import Group, Model, Unit
from tests.crash.state import brief, read
from tests.crash.table import load_table
from tests.support.servers import numbers

CLIENTS = 4
DATABASES = 16
LOAD_SECONDS = (0.02, 0.5)
STOP_SECONDS = (0.0, 0.02)  # from SIGTERM to kill -9
ALONE_SECONDS = (0.0, 0.002)  # from sending a command that must be alone to kill -9
LOOKED_SECONDS = (0.0, 0.003)  # from asking for figures to the kill
STARTS_KILLED = 0.3  # of cycles; then again with the same chance
OPENING_MAGNITUDES = (-4.0, -1.3)  # of seconds, from taking the directory to the kill of a start
OPENING_SECONDS_MAX = 30.0
ALONE = 0.1  # of cycles
PROGRESS_SECONDS = 5.0
LOG_TAIL_CHARACTERS = 500

# How the load ends: kill -9, or a stop, cut short by kill -9 or not.
ENDINGS = ("kill", "kill", "kill", "kill", "stop and kill", "stop")
DURABILITIES = ("always", "everysec", "none")
SETTINGS: dict[str, Sequence[int]] = {  # 0: the default
    "write-buffer-size": (16384, 16384, 16384, 262144, 1 << 20, 0),
    "journal-freeze-size": (0, 1 << 16, 1 << 20),
    "journal-keep-size": (0, 0, 4 << 20),
    "checkpoint-after": (0, 1, 1, 200),
    "write-buffer-age": (0, 0, 20),
}


class Harness:
    """`damage` and `between` let tests lie to it: what happens to the directory before a start,
    and what comes between clients and the server."""

    def __init__(
        self, server: RespServer | Child, seed: int, *,
        damage: Callable[[Path], None] = lambda data: None,
        between: Callable[[Connection], Connection] = lambda connection: connection,
        settings: dict[str, Sequence[int]] = SETTINGS,
    ) -> None:  # fmt: skip
        self.server = server
        self.seed = seed
        self.damage = damage
        self.between = between
        self.settings = settings
        table = [row for row in load_table() if not row.left_out]
        self.rows = [row for row in table if not row.alone]
        self.alone = [row for row in table if row.alone]
        self.in_process = isinstance(server, Child)
        self.clients = [self._client(i) for i in range(CLIENTS)]
        self.copy = Path(tempfile.mkdtemp(prefix="dbx-crash-"))
        self.figures: Counter[str] = Counter()
        self.start_seconds = 0.1

    def _client(self, number: int) -> Client:
        databases = (2 * number, 2 * number + 1)
        model = Model(PARSERS if self.in_process else {}, databases)
        return Client(f"client {number}", databases, model)

    def close(self) -> None:
        """close ends the server and the models; without a failure the copy goes, too."""
        self.server.kill()
        self.server.close()
        for client in self.clients:
            client.model.close()
        if not self.figures["failures"]:
            shutil.rmtree(self.copy)

    # --- Cycles -------------------------------------------------------------------------------

    def run(self, cycles: int) -> None:
        begun = shown = time.monotonic()
        self._choose(random.Random(f"{self.seed}"))
        self.server.start()
        for number in range(1, cycles + 1):
            self._guarded(number)
            now = time.monotonic()
            if now - shown > PROGRESS_SECONDS:
                shown = now
                self._say(f"{number} of {cycles} cycles, {self.figures['calls']} calls")
        self._say(f"{cycles} cycles, {cycles / (time.monotonic() - begun):.1f} a second")
        for name, figure in sorted(self.figures.items()):
            self._say(f"  {name:50} {figure:10}")

    def _guarded(self, number: int) -> None:
        try:
            self.cycle(number, random.Random(f"{self.seed}:{number}"))
        except Exception as error:
            self.figures["failures"] += 1
            in_flight = "".join(
                f"\n  {client.name}: {brief(unit)}"
                for client in self.clients for unit in client.pending
            )  # fmt: skip
            raise Wrong(
                f"seed {self.seed}, cycle {number}, {self.server.flags} {self.server.settings}: "
                f"{error}\nIts log ends with:\n{self.server.tail()[-LOG_TAIL_CHARACTERS:]}"
                f"The directory before the start: {self.copy}\nIn flight:{in_flight}"
            ) from error

    def cycle(self, number: int, chance: random.Random) -> None:
        self._load(chance, number)
        self._start(chance)
        self._settle()
        if chance.random() < ALONE:
            self._write_alone(chance)
            self._start(chance)
            self._settle(together=True)

    def _load(self, chance: random.Random, number: int) -> None:
        ending = threading.Event()
        threads = [
            threading.Thread(
                target=client.load,
                args=(self._connect, self.rows, random.Random(f"{self.seed}:{number}:{i}"), ending,
                      self.in_process),
            )
            for i, client in enumerate(self.clients)
        ]  # fmt: skip
        before = sum(client.acknowledged for client in self.clients)
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(*LOAD_SECONDS))
        if not self.server.running:
            raise Wrong(f"the server died:\n{self.server.tail()}")
        ending.set()
        self._end(chance)
        for thread in threads:
            thread.join()
        for client in self.clients:
            if client.trouble is not None:
                raise client.trouble
            self.figures.update(client.figures)
            client.figures.clear()
        self.figures["calls"] += sum(client.acknowledged for client in self.clients) - before

    def _connect(self) -> Connection:
        return self.between(self.server.connect())

    def _end(self, chance: random.Random) -> None:
        how = chance.choice(ENDINGS)
        self.figures[f"ends: {how}"] += 1
        info = self._info()
        self.figures["before the ends: applies"] += info["applies"]
        self.figures["before the ends: segments begun"] += info["journal_segments"]
        self.figures["before the ends: log bytes"] += info["written_journal_bytes"]
        time.sleep(chance.uniform(*LOOKED_SECONDS))
        if how == "stop":
            self.server.stop()
        elif how == "stop and kill":
            assert self.server.process is not None
            self.server.process.send_signal(signal.SIGTERM)
            time.sleep(chance.uniform(*STOP_SECONDS))
            if self.server.process.poll() not in (None, *self.server.exit_codes):
                raise Wrong(f"it did not stop cleanly:\n{self.server.tail()}")
        struck = self.server.running
        self.server.kill()
        self.figures["kills: during an apply"] += struck and info["frozen_entries"] > 0
        self.figures["kills: while a segment was made ready"] += struck and not disk.has_spare(
            Path(self.server.data)
        )

    def _info(self) -> dict[str, int]:
        connection = self.server.connect()
        try:
            (info,) = ask(connection, [(b"INFO", b"store")])
        finally:
            connection.close()
        return numbers(info)

    def _write_alone(self, chance: random.Random) -> None:
        """_write_alone kills during a command of all databases, or after its reply."""
        row = chance.choice(self.alone)
        command = Generator(self.alone, chance, range(DATABASES)).call(row)
        unit = Unit((row,), (command,))
        for client in self.clients:
            client.pending.append(unit)
        connection = self.server.connect()
        connection.send([unit])
        if chance.random() < 0.5:
            time.sleep(chance.uniform(*ALONE_SECONDS))
        else:
            results = connection.receive()
            for client in self.clients:
                client.acknowledge(results)
        self.server.kill()
        connection.close()
        self.figures["ends: in a command alone"] += 1

    # --- Starts -------------------------------------------------------------------------------

    def _choose(self, chance: random.Random) -> None:
        self.server.flags = ["--durability", chance.choice(DURABILITIES)]
        drawn = {name: chance.choice(values) for name, values in self.settings.items()}
        self.server.settings = {name: value for name, value in drawn.items() if value}

    def _start(self, chance: random.Random) -> None:
        """_start may kill starts, too: what they did must not matter."""
        shutil.rmtree(self.copy)
        shutil.copytree(self.server.data, self.copy, ignore=_sockets)
        self.damage(Path(self.server.data))
        self._choose(chance)
        while chance.random() < STARTS_KILLED:
            self._kill_a_start(chance)
        begun = time.monotonic()
        self.server.start()
        self.start_seconds = time.monotonic() - begun
        info = self._info()
        self.figures["starts: effects replayed"] += info["replay_last_effects"]
        self.figures["starts: longest replay, ms"] = max(
            info["replay_last_ms"], self.figures["starts: longest replay, ms"]
        )

    def _kill_a_start(self, chance: random.Random) -> None:
        """_kill_a_start kills at any moment, or while the start has the directory."""
        data = Path(self.server.data)
        run = disk.last_run(data)
        self.server.spawn()
        pid = self.server.pid
        if chance.random() < 0.5:
            time.sleep(self.start_seconds * chance.uniform(0.3, 1.2))
        else:
            deadline = time.monotonic() + OPENING_SECONDS_MAX
            while disk.owner(data) != pid and self.server.running and time.monotonic() < deadline:
                time.sleep(0.0001)
            time.sleep(10 ** chance.uniform(*OPENING_MAGNITUDES))
        self.server.kill()
        if disk.owner(data) != pid:
            self.figures["starts killed: before they had the directory"] += 1
        elif disk.last_run(data) == run:
            self.figures["starts killed: while they opened and replayed"] += 1
        else:
            self.figures["starts killed: after their replay"] += 1

    def _settle(self, together: bool = False) -> None:
        """_settle compares everything. What is in flight happened to all clients' databases or to
        none when it is the same command, `together`."""
        connection = self.server.connect()
        try:
            found = read(lambda commands: ask(connection, commands), range(DATABASES))
        finally:
            connection.close()
        owned = {database for client in self.clients for database in client.databases}
        if strays := [key for key in found if key[0] not in owned]:
            raise Wrong(f"nobody wrote {brief(strays)}")
        parts = [
            {key: entry for key, entry in found.items() if key[0] in client.databases}
            for client in self.clients
        ]
        self.figures["keys compared"] += len(found)
        flying = [list(client.pending) for client in self.clients]
        happened = list(map(Client.settle, self.clients, parts))
        for units, done in zip(flying, happened, strict=True):
            for what, those in (("sent", units), ("found done", units[:done])):
                self.figures[f"in flight: {what}"] += len(those)
                self.figures[f"in flight: {what}, groups"] += sum(map(_is_group, those))
        for client, part, done in zip(self.clients, parts, happened, strict=True):
            client.settle(part, least=max(happened) - done if together else 0)
            client.pending.clear()

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr)

    def calls(self) -> Counter[str]:
        return sum((client.calls for client in self.clients), Counter[str]())


def _is_group(unit: Unit) -> bool:
    return unit.group not in (None, Group.DISCARD)


def _sockets(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(directory, name).is_socket()]
