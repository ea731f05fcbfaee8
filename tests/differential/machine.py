"""The state machine: random steps on a pair of servers, each step's replies compared at once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.differential import commands
from tests.differential.commands import Command
from tests.differential.compare import (
    batch,
    describe,
    exchange,
    keyspace,
    keyspace_differences,
    same,
    shut,
)
from tests.differential.known_differences import known
from tests.support.resp import RawClient, Reply, plain
from tests.support.servers import DbxServer, Server

DATABASES = (0, 1, 2, 15)
SESSION_PROTOCOLS = (2, 3)
TTL_FIRST_S, TTL_STEP_S = 5000, 10  # further apart than TTL_TOLERANCE_MS
SCAN_STEPS_MAX = 10_000


class Session:
    """A connection to each of the two servers, in the same state."""

    def __init__(self, real: Server, ours: Server, protocol: int) -> None:
        self.servers = (real, ours)
        self.protocol = protocol
        self.clients: list[RawClient] = []
        self.open()

    def open(self) -> None:
        self.clients = [server.raw(self.protocol) for server in self.servers]

    def close(self) -> None:
        for client in self.clients:
            shut(client)

    def exchange(self, data: bytes) -> tuple[list[Reply], list[Reply]]:
        """exchange sends to both; both must hang up, or neither."""
        (real, real_closed), (ours, ours_closed) = (exchange(c, data) for c in self.clients)
        if real_closed or ours_closed:
            self.close()
            self.open()
        assert real_closed == ours_closed, (
            f"{data[:500]!r}\n  closed by Redis: {real_closed}, by DBX: {ours_closed}\n"
            f"  Redis: {real[-3:]}\n  DBX:   {ours[-3:]}"
        )
        return real, ours


class Machine(RuleBasedStateMachine):
    """Steps for any pair of servers; subclasses name the pair and may add steps."""

    real: ClassVar[Server]
    ours: ClassVar[Server]

    @initialize()
    def begin(self) -> None:
        self.serial = 0
        for server in (self.real, self.ours):
            with server.raw() as client:
                client.value("FLUSHALL")
        self.sessions = [Session(self.real, self.ours, p) for p in SESSION_PROTOCOLS]

    def teardown(self) -> None:
        if hasattr(self, "sessions"):
            self.keyspaces_are_equal()
            for session in self.sessions:
                session.close()

    def timed(self, command: Command) -> Command:
        """timed replaces placeholders of expiry times by values used nowhere else."""
        self.serial += 1
        seconds = TTL_FIRST_S + TTL_STEP_S * self.serial
        times = {commands.TTL_S: b"%d" % seconds, commands.TTL_MS: b"%d" % (seconds * 1000)}
        return tuple(times.get(arg, arg) for arg in command)

    @rule(
        which=st.integers(0, len(SESSION_PROTOCOLS) - 1),
        drawn=st.lists(commands.everything, min_size=1, max_size=6),
    )
    def replies_are_equal(self, which: int, drawn: Sequence[Command]) -> None:
        for sent in _batches([self.timed(command) for command in drawn]):
            note(f"on session {which}: {sent}")
            real, ours = self.sessions[which].exchange(batch(sent))
            assert len(real) == len(ours), f"{sent}\n  Redis: {real}\n  DBX:   {ours}"
            for command, there, here in zip(sent, real, ours, strict=False):
                if not same(command, there, here) and not known(command, there, here):
                    raise AssertionError(describe(command, there, here))

    @rule(
        which=st.integers(0, len(SESSION_PROTOCOLS) - 1),
        mode=st.sampled_from((b"OFF", b"SKIP", b"off", b"ON")),
        drawn=st.lists(commands.silent, max_size=4),
    )
    def silenced_replies_are_equal(self, which: int, mode: bytes, drawn: Sequence[Command]) -> None:
        sent = [(b"CLIENT", b"REPLY", mode), *drawn, (b"CLIENT", b"REPLY", b"ON")]
        note(f"on session {which}: {sent}")
        real, ours = self.sessions[which].exchange(batch(sent))
        assert real == ours, f"{sent}\n  Redis: {real}\n  DBX:   {ours}"

    @rule(
        which=st.integers(0, len(SESSION_PROTOCOLS) - 1),
        drawn=st.lists(commands.queued, max_size=8),
        end=st.sampled_from((b"EXEC", b"EXEC", b"EXEC", b"exec", b"DISCARD")),
    )
    def transactions_are_equal(self, which: int, drawn: Sequence[Command], end: bytes) -> None:
        """A drawn command may have ended it before `end`; DISCARD ends it in any case."""
        sent = [(b"MULTI",), *map(self.timed, drawn), (end,), (b"DISCARD",)]
        note(f"on session {which}: {sent}")
        real, ours = self.sessions[which].exchange(batch(sent))
        assert len(real) == len(ours), f"{sent}\n  Redis: {real}\n  DBX:   {ours}"
        for command, there, here in _executed(sent, real, ours):
            if not same(command, there, here) and not known(command, there, here):
                raise AssertionError(f"{sent}\n{describe(command, there, here)}")

    @rule(
        pattern=st.sampled_from((None, *commands.POOLS["pattern"])),
        count=st.sampled_from((1, 3, 1000)),
    )
    def complete_scans_are_equal(self, pattern: bytes | None, count: int) -> None:
        real, ours = (_scan(c, pattern, count) for c in self.sessions[0].clients)
        assert set(ours) == set(real), f"SCAN MATCH {pattern!r} COUNT {count}: {real} or {ours}"

    @rule()
    def a_random_key_exists(self) -> None:
        _, ours = self.sessions[0].clients
        name = plain(ours.call("RANDOMKEY"))
        if name is None:
            assert plain(ours.call("DBSIZE")) == 0
        else:
            assert plain(ours.call("EXISTS", name)) == 1

    @rule()
    def keyspaces_are_equal(self) -> None:
        with self.real.raw() as real, self.ours.raw() as ours:
            found = keyspace_differences(keyspace(real, DATABASES), keyspace(ours, DATABASES))
        assert not found, "\n".join(found)


class RestartingMachine(Machine):
    """The same with DBX stopped, or killed with -9, and started again now and then."""

    @precondition(lambda self: self.serial > 0)
    @rule(kill=st.booleans())
    def nothing_is_lost_by_a_restart(self, kill: bool) -> None:
        assert isinstance(self.ours, DbxServer)
        if kill:
            self.ours.kill()
        else:
            self.ours.stop()
        self.ours.start()
        for session in self.sessions:
            session.close()
            session.open()
        self.keyspaces_are_equal()


def _batches(drawn: Sequence[Command]) -> list[list[Command]]:
    """Pipelines, broken before what authenticates: Redis 8.0 drops the error of a failed AUTH when
    earlier replies of the pipeline have not been sent yet, which no client could follow."""
    batches: list[list[Command]] = [[]]
    for command in drawn:
        if command[0].upper() in (b"AUTH", b"HELLO") and batches[-1]:
            batches.append([])
        batches[-1].append(command)
    return batches


def _executed(
    sent: Sequence[Command], real: Sequence[Reply], ours: Sequence[Reply]
) -> Iterator[tuple[Command, Reply, Reply]]:
    """Each command with its replies; in the place of an EXEC that ran, what it ran."""
    queue: list[Command] = []
    for command, there, here in zip(sent, real, ours, strict=False):
        if there == ("status", b"QUEUED"):
            queue.append(command)
        name = command[0].upper()
        if name == b"EXEC" and there[0] == here[0] == "array":
            assert len(there[1]) == len(here[1]) == len(queue), describe(command, there, here)
            yield from zip(queue, there[1], here[1], strict=True)
        else:
            yield command, there, here
        if name == b"MULTI" and there[0] == "status":
            queue.clear()


def _scan(client: RawClient, pattern: bytes | None, count: int) -> list[bytes]:
    cursor, names = b"0", []
    match = [] if pattern is None else [b"MATCH", pattern]
    for _ in range(SCAN_STEPS_MAX):
        cursor, part = plain(client.call("SCAN", cursor, *match, "COUNT", count))
        names += part
        if cursor == b"0":
            return names
    raise AssertionError("SCAN does not end")


def seed() -> int:
    """seed is a fresh one for long runs, printed so that a failure can be had again."""
    chosen = random.SystemRandom().randrange(2**32)
    print(f"differential seed: {chosen}")
    return chosen
