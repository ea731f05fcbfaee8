"""The steps of a random run. A step is drawn once and can be run any number of times, by itself or
after others: a run that fails is made shorter by leaving steps and commands out (machine.py).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from tests.differential.commands import Drawer, Mix
from tests.differential.compare import batch, parsed
from tests.differential.pair import SESSION_PROTOCOLS, Pair
from tests.differential.words import POOLS, Command
from tests.support.resp import Arg, RawClient, plain
from tests.support.servers import DbxServer

PIPELINED, QUEUED, SILENCED = (1, 20), (2, 10), (0, 4)  # commands of a step
ENDS = (b"EXEC", b"EXEC", b"EXEC", b"exec", b"DISCARD")
MODES = (b"OFF", b"SKIP", b"off", b"ON")
PATTERNS = (None, *POOLS["pattern"])
COUNTS = (1, 3, 1000)
SCAN_STEPS_MAX = 10_000
BRIEF_MS = (1, 5, 20)
BRIEF_OVER_MS = 5  # more than that, for clocks and rounding
FIELDS_GONE_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Step:
    """Something done to both servers, which must then be as equal as before."""

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        return cls()

    @classmethod
    def possible(cls, mix: Mix) -> bool:
        return True

    def run(self, pair: Pair) -> None:
        """run raises an AssertionError that says what differs."""
        raise NotImplementedError


# --- Commands -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Commands(Step):
    session: int
    commands: tuple[Command, ...]

    @staticmethod
    def session_of(draw: Drawer) -> int:
        return draw.below(len(SESSION_PROTOCOLS))


@dataclass(frozen=True)
class Pipeline(Commands):
    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        count = draw.between(*PIPELINED)
        return cls(cls.session_of(draw), tuple(draw.command(mix.everything) for _ in range(count)))

    def run(self, pair: Pair) -> None:
        for sent in _batches(self.commands):
            pair.compare(self.session, sent)


def _batches(drawn: Sequence[Command]) -> list[list[Command]]:
    """Pipelines, broken before what authenticates: Redis 8.0 drops the error of a failed AUTH when
    earlier replies of the pipeline have not been sent yet, which no client could follow. And behind
    QUIT: what a server that hangs up has not read may cost the client the replies before."""
    batches: list[list[Command]] = [[]]
    for command in drawn:
        name = command[0].upper()
        before = batches[-1][-1][0].upper() if batches[-1] else b""
        if before == b"QUIT" or (before and name in (b"AUTH", b"HELLO")):
            batches.append([])
        batches[-1].append(command)
    return batches


@dataclass(frozen=True)
class Transaction(Commands):
    """A command may have ended it before `end`; DISCARD ends it in any case."""

    end: bytes

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        drawn = (_told_of(draw.command(mix.queued)) for _ in range(draw.between(*QUEUED)))
        return cls(cls.session_of(draw), tuple(drawn), draw.one_of(ENDS))

    def run(self, pair: Pair) -> None:
        pair.compare(self.session, [(b"MULTI",), *self.commands, (self.end,), (b"DISCARD",)])


def _told_of(command: Command) -> Command:
    """Redis 8.0 drops the error of an AUTH that fails within EXEC, so that its array is short."""
    return (b"PING",) if b"AUTH" in {word.upper() for word in command} else command


@dataclass(frozen=True)
class Silence(Commands):
    mode: bytes

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        drawn = tuple(draw.command(mix.silent) for _ in range(draw.between(*SILENCED)))
        return cls(cls.session_of(draw), drawn, draw.one_of(MODES))

    def run(self, pair: Pair) -> None:
        sent = [(b"CLIENT", b"REPLY", self.mode), *self.commands, (b"CLIENT", b"REPLY", b"ON")]
        pair.compared += len(sent)
        real, ours = pair.sessions[self.session].exchange(batch(sent))
        assert real == ours, f"{sent}\n  Redis: {parsed(real)}\n  DBX:   {parsed(ours)}"


# --- Time -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeyExpires(Step):
    """Once its time is over by the clock that both read, neither has it."""

    session: int
    key: bytes
    brief: int

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        return cls(Commands.session_of(draw), draw.one_of(mix.keys), draw.one_of(BRIEF_MS))

    def run(self, pair: Pair) -> None:
        if pair.asked(self.session, (b"PEXPIRE", self.key, b"%d" % self.brief)) == ("int", 0):
            return
        time.sleep((self.brief + BRIEF_OVER_MS) / 1000)
        pair.compare(self.session, [(word, self.key) for word in (b"EXISTS", b"TYPE", b"PTTL")])


@dataclass(frozen=True)
class FieldsExpire(Step):
    """Redis counts a field, or a key that has no other, until a cycle of its own comes upon it: the
    comparison waits for that."""

    session: int
    key: bytes
    fields: tuple[bytes, ...]
    brief: int

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        fields = tuple(draw.one_of(POOLS["member"]) for _ in range(draw.between(1, 4)))
        key, brief = draw.one_of(mix.keys), draw.one_of(BRIEF_MS)
        return cls(Commands.session_of(draw), key, fields, brief)

    @classmethod
    def possible(cls, mix: Mix) -> bool:
        return mix.has("hash", "HPEXPIRE")

    def run(self, pair: Pair) -> None:
        words = (b"%d" % self.brief, b"FIELDS", b"%d" % len(self.fields), *self.fields)
        reply = pair.asked(self.session, (b"HPEXPIRE", self.key, *words))
        if reply[0] != "array" or ("int", 1) not in reply[1]:
            return
        time.sleep((self.brief + BRIEF_OVER_MS) / 1000)
        for client in pair.sessions[self.session].clients:
            _await_fields(client, self.key)
        after = [(b"HLEN", self.key), (b"HGETALL", self.key), (b"HMGET", self.key, *self.fields)]
        pair.compare(self.session, after)


def _await_fields(client: RawClient, name: bytes) -> None:
    deadline = time.monotonic() + FIELDS_GONE_SECONDS_MAX
    while time.monotonic() < deadline:
        fields, count = client.call("HKEYS", name), client.call("HLEN", name)
        exists = client.value("EXISTS", name)
        if fields[0] == "error" or (len(fields[1]) == count[1] and (count[1] or not exists)):
            return
        time.sleep(0.005)
    raise AssertionError(f"fields of {name!r} do not expire")


# --- What is not told by single replies -----------------------------------------------------------


@dataclass(frozen=True)
class Scan(Step):
    """All of a complete SCAN."""

    pattern: bytes | None
    count: int

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        return cls(draw.one_of(PATTERNS), draw.one_of(COUNTS))

    def run(self, pair: Pair) -> None:
        real, ours = (_scan(c, self.pattern, self.count) for c in pair.sessions[0].clients)
        assert set(ours) == set(real), f"{self}: {real} or {ours}"


@dataclass(frozen=True)
class ScanOfKey(Step):
    command: str
    width: int  # replies that make an element
    key: bytes
    pattern: bytes | None
    count: int

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        key, pattern, count = draw.one_of(mix.keys), draw.one_of(PATTERNS), draw.one_of(COUNTS)
        return cls(*draw.one_of(mix.scans), key, pattern, count)

    @classmethod
    def possible(cls, mix: Mix) -> bool:
        return bool(mix.scans)

    def run(self, pair: Pair) -> None:
        scans = (_scan(client, self.pattern, self.count, self.command, self.key)
                 for client in pair.sessions[0].clients)  # fmt: skip
        real, ours = (set(zip(*[iter(scan)] * self.width, strict=True)) for scan in scans)
        assert real == ours, f"{self}: {real} or {ours}"


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


@dataclass(frozen=True)
class PopAtRandom(Step):
    """What DBX chose is taken out of Redis's set by name: SREM shrinks a set as SPOP does."""

    key: bytes
    count: int | None

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        return cls(draw.one_of(mix.keys), draw.one_of((None, *COUNTS)))

    @classmethod
    def possible(cls, mix: Mix) -> bool:
        return mix.has("set", "SPOP")

    def run(self, pair: Pair) -> None:
        pair.compare(0, [(b"SMEMBERS", self.key)])
        real, ours = pair.sessions[0].clients
        there = plain(ours.call("SMEMBERS", self.key))
        reply = ours.call("SPOP", self.key, *([] if self.count is None else [self.count]))
        popped = plain(reply) if self.count is not None else [plain(reply)]
        if reply[0] == "error" or popped == [None]:
            return
        assert len(popped) == min(1 if self.count is None else self.count, len(there)), self
        assert len(set(popped)) == len(popped) and set(popped) <= set(there), self
        if popped:
            assert real.value("SREM", self.key, *popped) == len(popped), self


@dataclass(frozen=True)
class ExchangeDumps(Step):
    """Each takes what the other dumped."""

    key: bytes
    into: bytes

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        return cls(draw.one_of(mix.keys), draw.one_of(mix.keys))

    @classmethod
    def possible(cls, mix: Mix) -> bool:
        return mix.has("dump", "RESTORE")

    def run(self, pair: Pair) -> None:
        clients = pair.sessions[0].clients
        dumps = [client.call("DUMP", self.key) for client in clients]
        if dumps[0][0] != "bulk":
            assert dumps[0] == dumps[1], self
            return
        for client, (tag, dump) in zip(clients, reversed(dumps), strict=True):
            assert tag == "bulk", self
            assert client.value("RESTORE", self.into, 0, dump, "REPLACE") == b"OK"


@dataclass(frozen=True)
class RandomKey(Step):
    """A random key exists."""

    def run(self, pair: Pair) -> None:
        _, ours = pair.sessions[0].clients
        name = plain(ours.call("RANDOMKEY"))
        if name is None:
            assert plain(ours.call("DBSIZE")) == 0
        else:
            assert plain(ours.call("EXISTS", name)) == 1


@dataclass(frozen=True)
class Keyspaces(Step):
    def run(self, pair: Pair) -> None:
        pair.compare_keyspaces()


@dataclass(frozen=True)
class Restart(Step):
    """DBX is stopped, or killed with -9, and started again."""

    kill: bool

    @classmethod
    def of(cls, draw: Drawer, mix: Mix) -> Self:
        return cls(bool(draw.below(2)))

    def run(self, pair: Pair) -> None:
        assert isinstance(pair.ours, DbxServer)
        if self.kill:
            pair.ours.kill()
        else:
            pair.ours.stop()
        pair.restart()
        pair.reconnect()
        pair.compare_keyspaces()


# Each as often as it stands here.
KINDS: tuple[type[Step], ...] = (
    *[Pipeline] * 24, *[Transaction] * 8, *[Silence] * 2,
    KeyExpires, FieldsExpire, Scan, ScanOfKey, PopAtRandom, ExchangeDumps, RandomKey, Keyspaces,
)  # fmt: skip


class Program:
    """Draws runs."""

    LENGTH: ClassVar = (5, 60)  # steps

    def __init__(self, draw: Drawer, mix: Mix, more: Sequence[type[Step]] = ()) -> None:
        """`more` are steps that are taken beside the usual ones."""
        self.draw, self.mix = draw, mix
        self.kinds = [kind for kind in (*KINDS, *more) if kind.possible(mix)]

    def steps(self) -> list[Step]:
        count = self.draw.between(*self.LENGTH)
        drawn = (self.draw.one_of(self.kinds).of(self.draw, self.mix) for _ in range(count))
        return [*drawn, Keyspaces()]
