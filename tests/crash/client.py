"""A client under load: it sends random calls, compares each reply, and knows what must survive."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence

from tests.crash.calls import Failure
from tests.crash.connections import Connection, ask
from tests.crash.generate import Generator
from tests.crash.model import Model, Unit, same_result
from tests.crash.state import State, brief, differences
from tests.crash.table import Row

IN_FLIGHT_MAX = 32
TOGETHER_MAX = 6  # commands of a transaction
SHOWN = 8  # differences in a report
SLOW = re.compile(rb"client_output_buffer_limit_disconnections:[1-9]")


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
        self.slow = 0  # times that the server ended a reply
        self.trouble: BaseException | None = None

    # --- Load ---------------------------------------------------------------------------------

    def load(
        self, connect: Callable[[], Connection], rows: Sequence[Row], chance: random.Random,
        ending: threading.Event, transactions: bool,
    ) -> None:  # fmt: skip
        """load goes on until the server is gone, which it may be only when `ending` is set."""
        self.trouble = None
        self.pending.clear()
        self.model.begin()
        try:
            connection = connect()
            try:
                self._load(connection, Generator(rows, chance, self.databases), transactions)
            finally:
                connection.close()
        except OSError as error:
            if not ending.is_set() and not self._was_slow(connect):
                self.trouble = Wrong(f"{self.name} lost its connection: {error!r}")
        except BaseException as error:
            self.trouble = error

    def _was_slow(self, connect: Callable[[], Connection]) -> bool:
        """Whether the server ended replies that were fetched too slowly: with a tiny write buffer
        it may, of a large one, when the client does not get the processor. Not what is tested."""
        try:
            connection = connect()
            (info,) = ask(connection, [(b"INFO", b"stats")])
            connection.close()
        except OSError:
            return False
        slow = isinstance(info, bytes) and SLOW.search(info) is not None
        self.slow += slow
        return slow

    def _load(self, connection: Connection, generator: Generator, transactions: bool) -> None:
        chance = generator.chance
        rows = {row.name: row for row in generator.rows}
        select = (b"SELECT", b"%d" % self.databases[0])
        self._send(connection, [Unit((rows["select"],), (select,))])
        while True:
            window = chance.randint(1, IN_FLIGHT_MAX)
            units = [self._draw(generator, transactions) for _ in range(window)]
            self._send(connection, units)
            left = chance.randrange(window)  # so that what comes next meets some in flight
            while len(self.pending) > left:
                self.acknowledge(connection.receive())

    @staticmethod
    def _draw(generator: Generator, transactions: bool) -> Unit:
        together = transactions and generator.chance.random() < 0.2
        size = generator.chance.randint(2, TOGETHER_MAX) if together else 1
        rows = tuple(generator.row() for _ in range(size))
        return Unit(rows, tuple(generator.call(row) for row in rows), together)

    def _send(self, connection: Connection, units: Sequence[Unit]) -> None:
        self.pending += units
        connection.send(units)

    def acknowledge(self, results: Sequence[object]) -> None:
        """acknowledge compares the results of the first pending unit with the model's."""
        unit = self.pending[0]
        expected = self.model.run(unit)
        self.pending.popleft()
        self.acknowledged += 1
        for row, command, there, here in zip(
            unit.rows, unit.commands, expected, results, strict=True
        ):
            self.calls[row.name] += 1
            self.failed[row.name] += isinstance(here, Failure)
            if not same_result(row, there, here):
                raise Wrong(
                    f"{self.name}: {brief(command)} should answer {brief(there)}, not {brief(here)}"
                )

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
