"""The state machine: random steps on a pair of servers, each step's replies compared at once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.differential.commands import Mix
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
from tests.differential.words import POOLS, TTL_MS, TTL_S, Command
from tests.support.resp import Arg, RawClient, Reply, plain
from tests.support.servers import DbxServer, Server

DATABASES = (0, 1, 2, 15)
DRAWN = (4, 12)  # commands of a step
QUEUED = (2, 10)
SESSION_PROTOCOLS = (2, 3)
TTL_FIRST_S, TTL_STEP_S = 5000, 10  # further apart than TTL_TOLERANCE_MS
SCAN_STEPS_MAX = 10_000
BRIEF_MS = (1, 5, 20)
FIELDS_GONE_SECONDS_MAX = 10.0
BRIEF_OVER_MS = 5  # more than that, for clocks and rounding


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
    mix: ClassVar[Mix]
    settings: ClassVar[Mapping[str, int]] = {}  # of both, by CONFIG SET
    sent: ClassVar[int] = 0  # commands, by all runs of a test

    @initialize()
    def begin(self) -> None:
        self.serial = 0
        for server in (self.real, self.ours):
            with server.raw() as client:
                client.value("FLUSHALL")
        self.sessions = [Session(self.real, self.ours, p) for p in SESSION_PROTOCOLS]

    @property
    def keys(self) -> Sequence[bytes]:
        """Of the families that take part, with those that are a family's own."""
        return self.mix.keys

    @property
    def scans(self) -> Sequence[tuple[str, int]]:
        return [each for f in self.mix.families.values() for each in f.scans.items()]

    def teardown(self) -> None:
        if hasattr(self, "sessions"):
            self.keyspaces_are_equal()
            for session in self.sessions:
                session.close()

    def timed(self, command: Command) -> Command:
        """timed replaces placeholders of expiry times by values used nowhere else."""
        self.serial += 1
        seconds = TTL_FIRST_S + TTL_STEP_S * self.serial
        times = {TTL_S: b"%d" % seconds, TTL_MS: b"%d" % (seconds * 1000)}
        return tuple(times.get(arg, arg) for arg in command)

    def drawn(
        self, data: st.DataObject, commands: st.SearchStrategy[Command], least: int, most: int
    ) -> list[Command]:
        drawn = data.draw(st.lists(commands, min_size=least, max_size=most))
        type(self).sent += len(drawn)
        return [self.timed(command) for command in drawn]

    def compare(self, which: int, sent: Sequence[Command]) -> list[Reply]:
        """compare returns what DBX answers."""
        note(f"on session {which}: {sent}")
        real, ours = self.sessions[which].exchange(batch(sent))
        assert len(real) == len(ours), f"{sent}\n  Redis: {real}\n  DBX:   {ours}"
        for command, there, here in _executed(sent, real, ours):
            if not same(command, there, here) and not known(command, there, here):
                raise AssertionError(f"{sent}\n{describe(command, there, here)}")
        return ours

    def replies_are_equal(self, which: int, data: st.DataObject) -> None:
        for sent in _batches(self.drawn(data, self.mix.everything, *DRAWN)):
            self.compare(which, sent)

    def silenced_replies_are_equal(self, which: int, data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from((b"OFF", b"SKIP", b"off", b"ON")))
        drawn = self.drawn(data, self.mix.silent, 0, 4)
        sent = [(b"CLIENT", b"REPLY", mode), *drawn, (b"CLIENT", b"REPLY", b"ON")]
        note(f"on session {which}: {sent}")
        real, ours = self.sessions[which].exchange(batch(sent))
        assert real == ours, f"{sent}\n  Redis: {real}\n  DBX:   {ours}"

    def transactions_are_equal(self, which: int, data: st.DataObject) -> None:
        """A drawn command may have ended it before `end`; DISCARD ends it in any case."""
        end = data.draw(st.sampled_from((b"EXEC", b"EXEC", b"EXEC", b"exec", b"DISCARD")))
        drawn = self.drawn(data, self.mix.queued, *QUEUED)
        self.compare(which, [(b"MULTI",), *drawn, (end,), (b"DISCARD",)])

    def commands_are_equal(self, which: int, how: int, data: st.DataObject) -> None:
        if how == 0:
            self.silenced_replies_are_equal(which, data)
        elif how < 4:
            self.transactions_are_equal(which, data)
        else:
            self.replies_are_equal(which, data)

    # A rule several times over: hypothesis leaves out many rules of an example, and takes of the
    # others each as often. Commands are what this is about.
    as_a_rule = rule(
        which=st.integers(0, len(SESSION_PROTOCOLS) - 1), how=st.integers(0, 11), data=st.data()
    )
    commands_1 = as_a_rule(commands_are_equal)
    commands_2 = as_a_rule(commands_are_equal)
    commands_3 = as_a_rule(commands_are_equal)
    commands_4 = as_a_rule(commands_are_equal)
    commands_5 = as_a_rule(commands_are_equal)

    @rule(key=st.data(), which=st.integers(0, 1), brief=st.sampled_from(BRIEF_MS))
    def a_key_expires(self, key: st.DataObject, which: int, brief: int) -> None:
        """Once its time is over by the clock that both read, neither has it."""
        name = key.draw(st.sampled_from(self.keys))
        if self.compare(which, [(b"PEXPIRE", name, b"%d" % brief)]) == [("int", 0)]:
            return
        time.sleep((brief + BRIEF_OVER_MS) / 1000)
        self.compare(which, [(b"EXISTS", name), (b"TYPE", name), (b"PTTL", name)])

    @rule(data=st.data(), which=st.integers(0, 1), brief=st.sampled_from(BRIEF_MS))
    def fields_expire(self, data: st.DataObject, which: int, brief: int) -> None:
        """Redis counts a field, or a key that has no other, until a cycle of its own comes upon
        it: the comparison waits for that."""
        if not self.mix.has("hash", "HPEXPIRE"):
            return
        name = data.draw(st.sampled_from(self.keys))
        fields = data.draw(st.lists(st.sampled_from(POOLS["member"]), min_size=1, max_size=4))
        words = (b"%d" % brief, b"FIELDS", b"%d" % len(fields), *fields)
        (reply,) = self.compare(which, [(b"HPEXPIRE", name, *words)])
        if reply[0] != "array" or ("int", 1) not in reply[1]:
            return
        time.sleep((brief + BRIEF_OVER_MS) / 1000)
        for client in self.sessions[which].clients:
            _await_fields(client, name)
        self.compare(which, [(b"HLEN", name), (b"HGETALL", name), (b"HMGET", name, *fields)])

    @rule(
        pattern=st.sampled_from((None, *POOLS["pattern"])),
        count=st.sampled_from((1, 3, 1000)),
    )
    def complete_scans_are_equal(self, pattern: bytes | None, count: int) -> None:
        real, ours = (_scan(c, pattern, count) for c in self.sessions[0].clients)
        assert set(ours) == set(real), f"SCAN MATCH {pattern!r} COUNT {count}: {real} or {ours}"

    @rule(data=st.data(), count=st.sampled_from((1, 3, 1000)))
    def complete_scans_of_a_key_are_equal(self, data: st.DataObject, count: int) -> None:
        if not self.scans:
            return
        command, width = data.draw(st.sampled_from(self.scans))
        name = data.draw(st.sampled_from(self.keys))
        pattern = data.draw(st.sampled_from((None, *POOLS["pattern"])))
        real, ours = (
            set(zip(*[iter(_scan(c, pattern, count, command, name))] * width, strict=True))
            for c in self.sessions[0].clients
        )
        assert real == ours, f"{command} {name!r} MATCH {pattern!r}: {real} or {ours}"

    @rule(data=st.data(), count=st.sampled_from((None, 1, 3, 1000)))
    def what_is_popped_at_random_was_there(self, data: st.DataObject, count: int | None) -> None:
        """What DBX chose is taken out of Redis's set by name: SREM shrinks a set as SPOP does."""
        if not self.mix.has("set", "SPOP"):
            return
        name = data.draw(st.sampled_from(self.keys))
        self.compare(0, [(b"SMEMBERS", name)])
        real, ours = self.sessions[0].clients
        there = plain(ours.call("SMEMBERS", name))
        reply = ours.call("SPOP", name, *([] if count is None else [count]))
        popped = plain(reply) if count is not None else [plain(reply)]
        if reply[0] == "error" or popped == [None]:
            return
        assert len(popped) == min(1 if count is None else count, len(there))
        assert len(set(popped)) == len(popped) and set(popped) <= set(there)
        if popped:
            assert real.value("SREM", name, *popped) == len(popped)

    @rule(data=st.data())
    def dumps_are_exchanged(self, data: st.DataObject) -> None:
        """Each takes what the other dumped."""
        if not self.mix.has("dump", "RESTORE"):
            return
        name, into = (data.draw(st.sampled_from(self.keys)) for _ in range(2))
        clients = self.sessions[0].clients
        dumps = [client.call("DUMP", name) for client in clients]
        if dumps[0][0] != "bulk":
            assert dumps[0] == dumps[1]
            return
        for client, (tag, dump) in zip(clients, reversed(dumps), strict=True):
            assert tag == "bulk"
            assert client.value("RESTORE", into, 0, dump, "REPLACE") == b"OK"

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
        configure(self.ours, self.settings)
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


def _scan(client: RawClient, pattern: bytes | None, count: int, *begins: Arg) -> list[bytes]:
    """All that SCAN, or its like for a key, returns until it is done; nothing for an error."""
    cursor, names = b"0", []
    match = [] if pattern is None else [b"MATCH", pattern]
    for _ in range(SCAN_STEPS_MAX):
        reply = client.call(*(begins or ("SCAN",)), cursor, *match, "COUNT", count)
        if begins and reply[0] == "error":
            return []
        cursor, part = plain(reply)
        names += part
        if cursor == b"0":
            return names
    raise AssertionError("SCAN does not end")


def _await_fields(client: RawClient, name: bytes) -> None:
    deadline = time.monotonic() + FIELDS_GONE_SECONDS_MAX
    while time.monotonic() < deadline:
        fields, count = client.call("HKEYS", name), client.call("HLEN", name)
        exists = client.value("EXISTS", name)
        if fields[0] == "error" or (len(fields[1]) == count[1] and (count[1] or not exists)):
            return
        time.sleep(0.005)
    raise AssertionError(f"fields of {name!r} do not expire")


def configure(server: Server, settings: Mapping[str, int]) -> dict[str, int]:
    """configure sets settings, and returns what they were."""
    with server.raw() as client:
        before = {name: int(plain(client.call("CONFIG", "GET", name))[1]) for name in settings}
        for name, value in settings.items():
            client.value("CONFIG", "SET", name, value)
    return before


def names_of(server: Server) -> frozenset[bytes]:
    """names_of is the names of a server's commands; those of subcommands with a bar."""
    with server.raw() as client:
        return frozenset(plain(client.call("COMMAND", "LIST")))


def seed() -> int:
    """seed is a fresh one for long runs, printed so that a failure can be had again."""
    chosen = random.SystemRandom().randrange(2**32)
    print(f"differential seed: {chosen}")
    return chosen
