"""When the program that `dbx serve` has joined ends or is killed: who was waiting goes on where it
was, who had something under way loses its connection, and nothing acknowledged is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbx
from tests.server.test_joined import address_of
from tests.support import proc
from tests.support.resp import RawClient, Reply, encode
from tests.support.servers import DbxServer, Program

SECONDS_MAX = 60.0
CLIENTS = 4
LOAD_SECONDS = (0.2, 0.6)  # before an owner is killed
OWNERS = 3

Start = Callable[..., DbxServer]
End = Callable[[Program], None]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(tmp_path / "d") as program:
        yield program


@pytest.fixture
def server(program: Program, dbx_process: Start) -> DbxServer:
    return dbx_process(data=program.path)


@pytest.fixture(params=["ends", "killed"])
def end(request: pytest.FixtureRequest) -> End:
    return Program.stop if request.param == "ends" else Program.kill


def assert_closed(client: RawClient) -> None:
    with pytest.raises(ConnectionError):
        client.read()


@contextlib.contextmanager
def somebody_has_the_lock(server: DbxServer, program: Program) -> Iterator[None]:
    """The owner is gone, and who has its place says nothing."""
    with open(Path(program.path) / "lock", "rb") as lock:
        with proc.frozen(server.pid):
            program.kill()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- Going on ------------------------------------------------------------------------------------


def test_the_server_takes_over_and_others_join_it(
    program: Program, server: DbxServer, end: End
) -> None:
    with server.raw() as client, dbx.open(program.path) as joined:
        client.value("SET", "k", "v")
        end(program)
        assert client.call("GET", "k") == ("bulk", b"v")
        assert client.call("CONFIG", "GET", "port")[1][1] == ("bulk", b"%d" % server.port)
        assert client.value("INFO", "server").count(b"listener") == 2
        assert client.call("CONFIG", "SET", "timeout", "0") == ("status", b"OK")
        assert joined.get("k") == b"v"
        assert joined.joined
        with server.raw() as other:
            assert other.call("GET", "k") == ("bulk", b"v")


def test_a_client_goes_on_as_it_was(program: Program, dbx_process: Start, end: End) -> None:
    server = dbx_process("--requirepass", "secret", data=program.path)
    with server.raw() as client, server.raw() as silent, RawClient(server.port) as nobody:
        client.value("HELLO", "3", "SETNAME", "me")
        client.value("SELECT", 3)
        client.value("CLIENT", "SETINFO", "LIB-NAME", "lib")
        client.value("CLIENT", "NO-TOUCH", "ON")
        client.value("SET", "k", "three")
        silent.send("CLIENT", "REPLY", "OFF")
        silent.send("SET", "quiet", "1")
        nobody.call("PING")
        address = address_of(client)
        time.sleep(0.2)  # what says nothing has been executed
        end(program)
        assert client.call("GET", "k") == ("bulk", b"three")
        shown = client.value("CLIENT", "INFO").decode()
        for word in (f"addr={address}", "name=me", "db=3", "resp=3", "lib-name=lib", "flags=T"):
            assert f" {word} " in shown
        silent.send("INCR", "quiet")
        silent.send("CLIENT", "REPLY", "ON")
        assert silent.read() == ("status", b"OK")
        assert silent.call("GET", "quiet") == ("bulk", b"2")
        assert nobody.call("GET", "k")[1].startswith(b"NOAUTH")


def test_a_database_that_the_next_owner_does_not_have_ends_the_connection(
    program: Program, dbx_process: Start, end: End
) -> None:
    server = dbx_process("--databases", "4", data=program.path)
    with server.raw() as client, server.raw() as other:
        client.value("SELECT", 4)
        other.value("SELECT", 3)
        end(program)
        assert_closed(client)
        assert other.call("DBSIZE") == ("int", 0)


def test_another_program_may_take_over(program: Program, server: DbxServer, end: End) -> None:
    with (
        Program(program.path) as next_one,
        server.raw() as client,
        RawClient(server.port, protocol=3) as other,
    ):
        assert next_one.joined
        client.value("SELECT", 5)
        client.value("SET", "k", "v")
        other.value("SET", "k", "other")
        with proc.frozen(server.pid):
            end(program)
            assert next_one.execute("GET k") == "b'other'"
        assert client.call("GET", "k") == ("bulk", b"v")
        assert other.call("GET", "k") == ("bulk", b"other")
        with server.raw() as new:
            assert new.call("GET", "k") == ("bulk", b"other")
        assert next_one.execute("DBSIZE") == "1"
        end(next_one)
        assert client.call("GET", "k") == ("bulk", b"v")


def test_servers_join_the_one_that_took_over(
    program: Program, dbx_process: Start, end: End
) -> None:
    servers = [dbx_process(data=program.path) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.raw()) for server in servers]
        for i, client in enumerate(clients):
            client.value("SELECT", i)
            client.value("SET", "k", i)
        end(program)
        for i, client in enumerate(clients):
            assert client.call("GET", "k") == ("bulk", b"%d" % i)
        owners = {(Path(program.path) / "lock").read_text().split()[1]}
        assert owners <= {str(server.pid) for server in servers}
        first = next(i for i, server in enumerate(servers) if {str(server.pid)} == owners)
        servers[first].kill()
        for i, client in enumerate(clients):
            if i == first:
                assert_closed(client)
            else:
                assert client.call("GET", "k") == ("bulk", b"%d" % i)


def test_new_clients_wait_for_the_next_owner(program: Program, server: DbxServer) -> None:
    with somebody_has_the_lock(server, program), server.raw() as new:
        new.send("SET", "k", "v")
        new.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            new.read()
        new.socket.settimeout(SECONDS_MAX)
    assert server.raw().call("DBSIZE")[0] == "int"


def test_who_waited_is_answered_when_there_is_an_owner_again(
    program: Program, server: DbxServer
) -> None:
    with server.raw() as client:
        client.value("SELECT", 2)
        with somebody_has_the_lock(server, program):
            new = server.raw()
            new.send("SET", "k", "new")
            client.send("SET", "k", "old")
            time.sleep(0.1)
        assert new.read() == client.read() == ("status", b"OK")
        assert (new.value("GET", "k"), client.value("GET", "k")) == (b"new", b"old")
        new.close()


def test_a_server_that_waits_for_an_owner_can_be_stopped(
    program: Program, server: DbxServer
) -> None:
    with server.raw() as client, somebody_has_the_lock(server, program):
        client.send("PING")
        server.stop()
        assert_closed(client)


def test_a_client_that_reads_late_has_its_reply_and_goes_on(
    program: Program, server: DbxServer, end: End
) -> None:
    with server.raw() as other:
        other.value("SET", "k", "x" * 200_000)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    slow.connect(("127.0.0.1", server.port))
    with slow:
        slow.sendall(encode("SELECT", 0) + encode("GET", "k"))
        time.sleep(0.3)
        end(program)
        time.sleep(0.3)
        received = b""
        expected = b"+OK\r\n$200000\r\n" + b"x" * 200_000 + b"\r\n"
        while len(received) < len(expected):
            received += slow.recv(1 << 16)
        slow.sendall(encode("STRLEN", "k"))
        assert (received, slow.recv(100)) == (expected, b":200000\r\n")


# --- Under way -----------------------------------------------------------------------------------


def test_who_is_in_a_transaction_loses_it_and_the_connection(
    program: Program, server: DbxServer, end: End
) -> None:
    with server.raw() as client, server.raw() as other:
        client.value("MULTI")
        client.value("SET", "k", "v")
        other.call("PING")
        end(program)
        assert_closed(client)
        assert other.call("EXISTS", "k") == ("int", 0)


@pytest.mark.parametrize("part", [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nFLUSHALL\r\n", b"FLUSH"])
def test_half_a_command_is_not_taken_for_the_next_owner_s(
    program: Program, server: DbxServer, end: End, part: bytes
) -> None:
    with server.raw() as client, server.raw() as other:
        other.value("SET", "kept", "v")
        client.send_bytes(part)
        time.sleep(0.2)
        end(program)
        assert_closed(client)
        assert other.call("DBSIZE") == ("int", 1)


def test_a_large_command_that_is_on_its_way_ends_the_connection(
    program: Program, server: DbxServer, end: End
) -> None:
    with server.raw() as client, server.raw() as other:
        other.value("CONFIG", "SET", "appendfsync", "always")
        client.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n" + b"FLUSHALL\r\n" * 500_000)
        time.sleep(0.2)
        end(program)
        assert_closed(client)
        assert other.call("DBSIZE") == ("int", 0)


def test_a_command_under_way_ends_its_connection_alone(program: Program, server: DbxServer) -> None:
    with server.raw() as client, server.raw() as other:
        client.value("SET", "n", 0)
        other.call("PING")
        with proc.frozen(program.pid):
            client.send("INCR", "n")
            time.sleep(0.2)
            program.kill()
            assert_closed(client)
        assert other.call("GET", "n") == ("bulk", b"0")


class Load:
    """A client that counts in a key of its own, and comes again when it is disconnected."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.last, self.unknown = 0, 0  # acknowledged; under way when the connection was lost
        self.counted, self.lost, self.wrong = 0, 0, ""
        self.slowest = 0.0
        self.stop = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        answered = time.monotonic()
        while not self.stop:
            with contextlib.suppress(OSError), RawClient(self.port, protocol=3) as client:
                while not self.stop:
                    self.unknown += 1
                    reply = client.call("INCR", self.key)
                    now = time.monotonic()
                    self.slowest = max(self.slowest, now - answered)
                    answered = now
                    self._check(reply)
            self.lost += not self.stop
            time.sleep(0.005)  # the server may be down

    def _check(self, reply: Reply) -> None:
        tag, value = reply
        if tag != "int" or not self.last < value <= self.last + self.unknown:
            self.wrong += f"{reply} after {self.last} and {self.unknown} of which nothing is known;"
        self.last, self.unknown = value, 0
        self.counted += 1

    def wait_for(self, count: int) -> None:
        wanted, deadline = self.counted + count, time.monotonic() + SECONDS_MAX
        while self.counted < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_under_load_nothing_acknowledged_is_lost_or_done_twice(
    program: Program, server: DbxServer, end: End
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    loads = [Load(server.port, f"n:{i}") for i in range(CLIENTS)]
    others = [Program(program.path) for _ in range(OWNERS - 1)]
    ended = 0
    try:
        for owner in (program, *others):
            time.sleep(chance.uniform(*LOAD_SECONDS))
            with proc.frozen(server.pid) if owner is not others[-1] else contextlib.nullcontext():
                end(owner)
                if owner is not others[-1]:  # the next one takes over
                    others[0 if owner is program else 1].execute("PING")
            ended += 1
            for load in loads:
                load.wait_for(10)
    finally:
        for load in loads:
            load.stop = True
        for load in loads:
            load.thread.join()
        for other in others:
            other.__exit__()
    with server.raw() as client:
        for load in loads:
            assert load.wrong == ""
            assert load.last <= int(client.value("GET", load.key)) <= load.last + load.unknown
    slowest = max(load.slowest for load in loads)
    counted = sum(load.counted for load in loads)
    lost = sum(load.lost for load in loads)
    print(f"seed {seed}: {ended} owners gone, {counted} INCRs, {lost} connections lost,"
          f" no client without an answer for more than {slowest * 1000:.0f} ms")  # fmt: skip
    assert ended == OWNERS
