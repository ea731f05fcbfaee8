"""A client under load: it sends random calls, compares each reply, and knows what must survive."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence

from tests.crash.calls import Failure
from tests.crash.connections import Connection
from tests.crash.generate import Generator
from tests.crash.model import Group, Model, Unit, answers, same_answer
from tests.crash.state import State, brief, differences
from tests.crash.table import Row

IN_FLIGHT_MAX = 32
GROUPS = 0.2  # of units
DISCARDED = 0.15  # of groups that end with a word
COMMANDS_MAX = 6  # of a group
FRAME_BYTES = 1 << 20  # of the log: what is more takes several
SPOOLED_BYTES = 1 << 20  # a command of more goes into a file of its own
SHOWN = 8  # differences in a report


class Wrong(AssertionError):
    """The database did not do what it must."""


class Client:
    """Owns databases, a model of them, and in `pending` what was sent and not acknowledged."""

    def __init__(self, name: str, databases: Sequence[int], model: Model) -> None:
        self.name = name
        self.databases = databases
        self.model = model
        self.pending: deque[Unit] = deque()
        self.acknowledged = 0
        self.calls: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.figures: Counter[str] = Counter()
        self.trouble: BaseException | None = None

    # --- Load ---------------------------------------------------------------------------------

    def load(
        self, connect: Callable[[], Connection], rows: Sequence[Row], chance: random.Random,
        ending: threading.Event, pipelines: bool,
    ) -> None:  # fmt: skip
        """load goes on until the server is gone, which it may be only when `ending` is set.
        `pipelines`: there is an API that makes several commands one."""
        self.trouble = None
        self.pending.clear()
        self.model.begin()
        try:
            connection = connect()
            try:
                self._load(connection, Generator(rows, chance, self.databases), pipelines)
            finally:
                connection.close()
        except OSError as error:
            if not ending.is_set():
                self.trouble = Wrong(f"{self.name} lost its connection: {error!r}")
        except BaseException as error:
            self.trouble = error

    def _load(self, connection: Connection, generator: Generator, pipelines: bool) -> None:
        chance = generator.chance
        rows = {row.name: row for row in generator.rows}
        select = (b"SELECT", b"%d" % self.databases[0])
        self._send(connection, [Unit((rows["select"],), (select,))])
        while True:
            window = chance.randint(1, IN_FLIGHT_MAX)
            units = [_draw(generator, pipelines) for _ in range(window)]
            self._send(connection, units)
            left = chance.randrange(window)  # so that what comes next meets some in flight
            while len(self.pending) > left:
                self.acknowledge(connection.receive())

    def _send(self, connection: Connection, units: Sequence[Unit]) -> None:
        self.pending += units
        connection.send(units)

    def acknowledge(self, results: Sequence[object]) -> None:
        """acknowledge compares the results of the first pending unit with the model's."""
        unit = self.pending[0]
        expected = answers(unit, self.model.run(unit))
        self.pending.popleft()
        self.acknowledged += 1
        for there, here in zip(expected, answers(unit, results), strict=True):
            row, command, result = here
            if row is not None:
                self.calls[row.name] += 1
                self.failed[row.name] += isinstance(result, Failure)
            if not same_answer(there, here):
                raise Wrong(
                    f"{self.name}: {brief(command)} should answer {brief(there[2])}, not "
                    f"{brief(result)}"
                )
        if unit.group is not None:
            self._count(unit, unit.group, results[-1])

    def _count(self, unit: Unit, group: Group, last: object) -> None:
        refused = group is Group.EXEC and isinstance(last, Failure)
        self.figures[f"groups: {'refused' if refused else group.value}"] += 1
        if not refused and group is not Group.DISCARD:
            self.figures["groups: of several frames"] += _log_bytes(unit) > FRAME_BYTES

    # --- After a start ------------------------------------------------------------------------

    def settle(self, found: State, least: int = 0) -> int:
        """settle finds how many of the pending units happened, and takes them as done: what is
        found must be `least` or more of them, in order, on top of all that was acknowledged."""
        first = wrong = differences(self.model.state(), found)
        happened = 0
        while (wrong or happened < least) and happened < len(self.pending):
            self.model.run(self.pending[happened])
            happened += 1
            wrong = differences(self.model.state(), found)
        if wrong:
            raise Wrong(
                f"{self.name}: {self.acknowledged} acknowledged calls and some of "
                f"{len(self.pending)} in flight do not make what it holds. With none of those:\n"
                + "\n".join(first[:SHOWN])
                + "\nand with all:\n"
                + "\n".join(wrong[:SHOWN])
            )
        for _ in range(happened):
            self.pending.popleft()
        return happened


def _draw(generator: Generator, pipelines: bool) -> Unit:
    chance = generator.chance
    if chance.random() >= GROUPS:
        row = generator.row()
        return Unit((row,), (generator.call(row),))
    rows, commands = zip(*generator.group(chance.randint(2, COMMANDS_MAX)), strict=True)
    if pipelines:  # its parsers do not know QUEUED
        return Unit(rows, commands, Group.PIPELINE)
    return Unit(rows, commands, Group.DISCARD if chance.random() < DISCARDED else Group.EXEC)


def _log_bytes(unit: Unit) -> int:
    """About what it takes in the log, which only names the large commands."""
    sizes = [
        sum(map(len, command))
        for row, command in zip(unit.rows, unit.commands, strict=True) if row.writes
    ]  # fmt: skip
    return sum(size for size in sizes if size < SPOOLED_BYTES)
