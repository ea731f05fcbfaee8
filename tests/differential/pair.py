"""Two servers in the same state, a real one and DBX: what is sent to both, and compared.

Replies are compared as bytes, and taken apart only where these differ: most do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.differential.compare import (
    answered,
    batch,
    describe,
    keyspace,
    keyspace_differences,
    parsed,
    same,
    send,
    shut,
)
from tests.differential.known_differences import known
from tests.differential.words import TTL_MS, TTL_S, Command
from tests.support.resp import RawClient, Reply, plain
from tests.support.servers import Server

DATABASES = (0, 1, 2, 15)
SESSION_PROTOCOLS = (2, 3)
TTL_FIRST_S, TTL_STEP_S = 5000, 10  # further apart than TTL_TOLERANCE_MS


class PartedError(Exception):
    """A known difference was met, after which the servers may hold different data."""


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

    def exchange(self, data: bytes) -> tuple[bytes, bytes]:
        """exchange sends to both; both must hang up, or neither."""
        for client in self.clients:
            send(client, data)
        (real, real_closed), (ours, ours_closed) = map(answered, self.clients)
        if real_closed or ours_closed:
            self.close()
            self.open()
        assert real_closed == ours_closed, (
            f"{data[:500]!r}\n  closed by Redis: {real_closed}, by DBX: {ours_closed}\n"
            f"  Redis: {parsed(real)[-3:]}\n  DBX:   {parsed(ours)[-3:]}"
        )
        return real, ours


class Pair:
    """The servers, with a session of each protocol and one to look at everything.

    `settings` are those of both, by CONFIG SET: DBX forgets them when it is started again.
    """

    def __init__(self, real: Server, ours: Server, settings: Mapping[str, int]) -> None:
        self.real, self.ours, self.settings = real, ours, settings
        self.sessions: list[Session] = []
        self.serial = 0
        self.compared = 0  # commands, in all
        self.parted = 0  # runs that ended at a known difference

    def begin(self) -> None:
        """begin makes both empty, and connects anew."""
        self.close()
        if not self.ours.running:
            self.restart()
        self.serial = 0
        self.sessions = [Session(self.real, self.ours, p) for p in SESSION_PROTOCOLS]
        self.watching = Session(self.real, self.ours, 2)
        for client in self.watching.clients:
            client.value("FLUSHALL")

    def restart(self) -> None:
        """restart starts DBX, which is down."""
        self.ours.start()
        configure(self.ours, self.settings)

    def reconnect(self) -> None:
        for session in [*self.sessions, self.watching]:
            session.close()
            session.open()

    def close(self) -> None:
        if self.sessions:
            for session in [*self.sessions, self.watching]:
                session.close()
        self.sessions = []

    def timed(self, command: Command) -> Command:
        """timed replaces placeholders of expiry times by values used nowhere else."""
        self.serial += 1
        if TTL_S not in command and TTL_MS not in command:
            return command
        seconds = TTL_FIRST_S + TTL_STEP_S * self.serial
        times = {TTL_S: b"%d" % seconds, TTL_MS: b"%d" % (seconds * 1000)}
        return tuple(times.get(arg, arg) for arg in command)

    def compare(self, which: int, sent: Sequence[Command]) -> bytes:
        """compare returns what DBX answers."""
        sent = [self.timed(command) for command in sent]
        self.compared += len(sent)
        real, ours = self.sessions[which].exchange(batch(sent))
        if real != ours:
            _compare(sent, parsed(real), parsed(ours))
        return ours

    def asked(self, which: int, command: Command) -> Reply:
        """asked is DBX's reply to a command, compared."""
        (reply,) = parsed(self.compare(which, [command]))
        return reply

    def compare_keyspaces(self) -> None:
        real, ours = (keyspace(client, DATABASES) for client in self.watching.clients)
        found = keyspace_differences(real, ours)
        assert not found, "\n".join(found)


def _compare(sent: Sequence[Command], real: Sequence[Reply], ours: Sequence[Reply]) -> None:
    assert len(real) == len(ours), f"{sent}\n  Redis: {real}\n  DBX:   {ours}"
    for command, there, here in _executed(sent, real, ours):
        if same(command, there, here):
            continue
        difference = known(command, there, here)
        if difference is None:
            raise AssertionError(f"{sent}\n{describe(command, there, here)}")
        if difference.parts:
            raise PartedError


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


def configure(server: Server, settings: Mapping[str, int]) -> dict[str, int]:
    """configure sets settings, those that the server has, and returns what they were."""
    before = {}
    with server.raw() as client:
        for name, value in settings.items():
            if found := plain(client.call("CONFIG", "GET", name)):
                before[name] = int(found[1])
                client.value("CONFIG", "SET", name, value)
    return before


def names_of(server: Server) -> frozenset[bytes]:
    """names_of is the names of a server's commands; those of subcommands with a bar."""
    with server.raw() as client:
        return frozenset(plain(client.call("COMMAND", "LIST")))
