"""The crash tests would notice: they fail when something is lost, is there in part, or is extra."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.crash import disk
from tests.crash.calls import Failure
from tests.crash.client import Client, Wrong
from tests.crash.connections import Connection, RespServer, ask
from tests.crash.harness import SETTINGS, Harness
from tests.crash.model import Group, Model, Results, Unit
from tests.crash.state import read
from tests.crash.table import load_table

SEED = 1
CYCLES = 3
PAUSE_SECONDS = 0.005
LAG = 40  # units that the lying proxy holds back
DEFAULTS = dict.fromkeys(SETTINGS, (0,))

Damage = Callable[[Path], None]


@pytest.fixture
def run() -> Iterator[Callable[..., None]]:
    """run(damage=..., between=...) is a few cycles of a harness that is lied to. All that they
    write is in the log alone."""
    made = []

    def start(**lies: Any) -> None:
        harness = Harness(RespServer(), SEED, settings=DEFAULTS, **lies)
        harness.rows = [row for row in harness.rows if row.name not in ("save", "bgsave")]
        made.append(harness)
        harness.run(CYCLES)

    yield start
    for harness in made:
        harness.figures["failures"] = 0  # the copies are of no interest
        harness.close()


class Lying:
    """A proxy that answers by itself, rightly, and passes on what it acknowledged later."""

    def __init__(self, behind: Connection) -> None:
        self._behind = behind
        self._asked: deque[Unit] = deque()
        self._held: deque[Unit] = deque()
        self._model = Model({}, ())

    def send(self, units: Sequence[Unit]) -> None:
        self._asked += units

    def receive(self) -> Results:
        unit = self._asked.popleft()
        self._held.append(unit)
        if len(self._held) > LAG:
            self._behind.send([self._held.popleft()])
            self._behind.receive()
        return self._model.run(unit)

    def close(self) -> None:
        self._behind.close()
        self._model.close()


class Tearing:
    """A proxy that drops the second half of one group, and has all that comes then wait for the
    end. The first half is executed: as a whole, so that it would be a group's like any other."""

    def __init__(self, behind: Connection) -> None:
        self._behind = behind
        self._torn = False
        self._whole = 0  # units to be answered before the torn one

    def send(self, units: Sequence[Unit]) -> None:
        for at, unit in enumerate(units):
            if self._torn:
                return
            if unit.group is Group.EXEC and any(row.writes for row in unit.rows):
                self._torn = True
                half = len(unit.commands) // 2
                passed = unit._replace(rows=unit.rows[:half], commands=unit.commands[:half])
                self._behind.send([*units[:at], passed])
                self._whole += at
        if not self._torn:
            self._behind.send(units)
            self._whole += len(units)

    def receive(self) -> Results:
        if self._whole == 0:
            self._behind.receive()
            while True:  # to the end, which is an error
                ask(self._behind, [(b"PING",)])
                time.sleep(PAUSE_SECONDS)
        self._whole -= 1
        return self._behind.receive()

    def close(self) -> None:
        self._behind.close()


def last_segment(data: Path) -> Path:
    """last_segment is the last that has a frame."""
    return [segment.path for segment in disk.segments(data) if segment.has_frames][-1]


def remove_last_segment(data: Path) -> None:
    last_segment(data).unlink()


def flip_a_byte(data: Path) -> None:
    """In the effects of the last segment's first frame."""
    path = last_segment(data)
    content = bytearray(path.read_bytes())
    content[disk.SEGMENT_HEADER_BYTES + disk.FRAME_HEADER_BYTES + 10] ^= 1
    path.write_bytes(content)


def test_writes_acknowledged_before_the_server_had_them_are_reported(
    run: Callable[..., None],
) -> None:
    with pytest.raises(Wrong, match="do not make what it holds"):
        run(between=Lying)


def test_half_of_a_group_is_reported(run: Callable[..., None]) -> None:
    with pytest.raises(Wrong, match="do not make what it holds"):
        run(between=Tearing)


def test_a_segment_of_the_log_that_is_gone_is_reported(run: Callable[..., None]) -> None:
    with pytest.raises(Wrong, match="do not make what it holds"):
        run(damage=remove_last_segment)


def test_a_changed_byte_of_the_log_is_reported(run: Callable[..., None]) -> None:
    with pytest.raises(Wrong, match=r"do not make what it holds|exited with 1"):
        run(damage=flip_a_byte)


def test_a_report_says_seed_cycle_and_what_was_in_flight_and_keeps_the_directory(
    run: Callable[..., None],
) -> None:
    with pytest.raises(Wrong) as failure:
        run(damage=remove_last_segment)
    text = str(failure.value)
    assert f"seed {SEED}, cycle 1" in text
    assert "In flight:\n  client " in text
    (line,) = [line for line in text.splitlines() if line.startswith("The directory")]
    assert last_segment(Path(line.rpartition(" ")[2]))


# --- What a client may find -------------------------------------------------------------------

ROW = next(row for row in load_table() if row.name == "set")  # it is of no interest which
ACKNOWLEDGED = ("SET a 1", "SET b 2 PXAT 33177117420000", "SET c 3 EX 2000000")
IN_FLIGHT = ("MSET a 5 d 6", "INCRBYFLOAT e 7", "MULTI; SET f 8; DEL a; EXEC")


@pytest.fixture
def model() -> Iterator[Callable[..., Model]]:
    """model("SET a 1", ...) has executed that."""
    made = []

    def start(*texts: str) -> Model:
        made.append(Model({}, (0, 1)))
        for text in texts:
            made[-1].run(unit(text))
        return made[-1]

    yield start
    for each in made:
        each.close()


def unit(text: str) -> Unit:
    """ "MULTI; GET a; EXEC" is a group."""
    commands = tuple(tuple(command.split()) for command in text.encode().split(b";"))
    if len(commands) == 1:
        return Unit((ROW,), commands)
    first, *queued, (last,) = commands
    assert first == (b"MULTI",)
    return Unit((ROW,) * len(queued), tuple(queued), Group(last.decode()))


@pytest.mark.parametrize("happened", range(len(IN_FLIGHT) + 1))
def test_a_client_may_find_any_part_of_what_was_in_flight_in_its_order(
    model: Callable[..., Model], happened: int
) -> None:
    client = Client("client", (0, 1), model(*ACKNOWLEDGED))
    client.pending += map(unit, IN_FLIGHT)
    found = model(*ACKNOWLEDGED, *IN_FLIGHT[:happened])
    assert client.settle(found.state()) == happened
    assert client.model.state().keys() == found.state().keys()


@pytest.mark.parametrize(
    "found",
    [
        ACKNOWLEDGED[:2],  # an acknowledged write is missing
        (*ACKNOWLEDGED, "SET a 5"),  # half a command
        (*ACKNOWLEDGED, IN_FLIGHT[1]),  # the second without the first
        (*ACKNOWLEDGED, *IN_FLIGHT[:2], "SET f 8"),  # half a group
        (*ACKNOWLEDGED, *IN_FLIGHT[:2], "DEL a"),
        (*ACKNOWLEDGED, "SET g 8"),  # nobody's
        (*ACKNOWLEDGED, "SELECT 1", "SET a 1"),  # in another database
        (*ACKNOWLEDGED, "SET b 2 PXAT 33177117420001"),  # an absolute time is exact
        (*ACKNOWLEDGED, "PERSIST b"),
        (*ACKNOWLEDGED, "SET c 3 EX 3000000"),
        (*ACKNOWLEDGED, *IN_FLIGHT, "SET e 7"),  # another encoding
    ],
)
def test_a_client_may_find_nothing_else(
    model: Callable[..., Model], found: tuple[str, ...]
) -> None:
    client = Client("client", (0, 1), model(*ACKNOWLEDGED))
    client.pending += map(unit, IN_FLIGHT)
    with pytest.raises(Wrong):
        client.settle(model(*found).state())


@pytest.mark.parametrize(
    ("group", "replies", "right"),
    [
        ("MULTI; SET a 5; GET a; EXEC", [b"OK", b"QUEUED", b"QUEUED", [b"OK", b"5"]], True),
        ("MULTI; SET a 5; GET a; EXEC", [b"OK", b"QUEUED", b"QUEUED", [b"OK", b"1"]], False),
        ("MULTI; SET a 5; GET a; EXEC", [b"OK", b"QUEUED", b"OK", [b"OK", b"5"]], False),
        ("MULTI; SET a 5; GET a; EXEC", [b"OK", b"QUEUED", b"QUEUED", Failure("no")], False),
        ("MULTI; SET a 5; DISCARD", [b"OK", b"QUEUED", b"OK"], True),
        ("MULTI; SET a 5; DISCARD", [b"OK", b"QUEUED", [b"OK"]], False),
    ],
)
def test_each_reply_within_a_group_is_compared(
    model: Callable[..., Model], group: str, replies: Results, right: bool
) -> None:
    client = Client("client", (0, 1), model(*ACKNOWLEDGED))
    client.pending.append(unit(group))
    with contextlib.nullcontext() if right else pytest.raises(Wrong):
        client.acknowledge(replies)


def test_a_command_of_all_databases_must_have_happened_when_it_did_to_another_client(
    model: Callable[..., Model],
) -> None:
    client = Client("client", (0, 1), model(*ACKNOWLEDGED))
    client.pending.append(unit("FLUSHALL"))
    found = model(*ACKNOWLEDGED).state()
    assert client.settle(found) == 0
    with pytest.raises(Wrong):
        client.settle(found, least=1)


def test_a_type_that_cannot_be_read_is_a_clear_error() -> None:
    def ask(commands: Sequence[tuple[bytes, ...]]) -> list[Any]:
        if commands[0][0] == b"SELECT":
            return [b"OK", [b"k"], 1]
        return [b"hyperlog", b"raw", -1]

    with pytest.raises(NotImplementedError, match="READ needs a line"):
        read(ask, (0,))
