"""`dbx serve` on a database that a program has open: it joins the program and passes its clients
on, by its own rules.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

import dbx
from tests.support import proc
from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer, Program, clean_environment, free_port

SECONDS_MAX = 60.0
MB = 1 << 20
# What a piece on its way may take in the server, twice, and what its allocator keeps.
FORWARD_BYTES_MAX = 8 * MB

Start = Callable[..., DbxServer]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(tmp_path / "d") as program:
        yield program


@pytest.fixture
def server(program: Program, dbx_process: Start) -> DbxServer:
    return dbx_process(data=program.path)


def serve(path: Path | str) -> subprocess.CompletedProcess[str]:
    """A server that is not expected to come up."""
    return subprocess.run(
        [sys.executable, "-m", "dbx", "serve", "--port", str(free_port()), "--data", str(path)],
        capture_output=True, text=True, env=clean_environment(), timeout=SECONDS_MAX,
    )  # fmt: skip


def address_of(client: RawClient) -> str:
    host, port = client.socket.getsockname()
    return f"{host}:{port}"


def wait_for_end(client: RawClient) -> None:
    with contextlib.suppress(ConnectionError):
        client.read()
        raise AssertionError("the connection goes on")


# --- The same API --------------------------------------------------------------------------------


def test_clients_of_the_server_and_of_the_program_see_the_same_data(
    program: Program, server: DbxServer
) -> None:
    with server.client() as client, dbx.open(program.path) as joined:
        assert client.set("k", b"\x00\xff\r\n") is True
        assert joined.get("k") == b"\x00\xff\r\n"
        assert program.execute("SET k v") == "True"
        assert client.get("k") == b"v"
        assert joined.joined


def test_redis_cli_works(server: DbxServer) -> None:
    program = shutil.which("redis-cli")
    if program is None:
        pytest.skip("redis-cli is not installed")
    done = subprocess.run(
        [program, "-p", str(server.port), "--no-raw", "-3"],
        input=b"SET k v\nSELECT 2\nGET k\nSELECT 0\nGET k\nCONFIG GET port\nQUIT\n",
        capture_output=True, timeout=SECONDS_MAX, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(b'OK\nOK\n(nil)\nOK\n"v"\n')
    assert b'1# "port" => "%d"' % server.port in done.stdout


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_pipeline_of_100_000_commands_goes_through(server: DbxServer, protocol: int) -> None:
    with server.client(protocol=protocol) as client:
        pipe = client.pipeline(transaction=False)
        for i in range(50_000):
            pipe.set(f"key:{i}", i).get(f"key:{i}")
        assert pipe.execute() == [x for i in range(50_000) for x in (True, b"%d" % i)]
        assert client.dbsize() == 50_000


@pytest.mark.parametrize("protocol", [2, 3])
def test_values_of_many_megabytes_go_through_both_ways(server: DbxServer, protocol: int) -> None:
    value = os.urandom(MB) * 17
    with server.client(protocol=protocol) as client:
        assert client.set("k", value) is True
        assert client.get("k") == value
        assert client.mset({"a": value, "b": b"small"}) is True
        assert client.mget("a", "b", "none") == [value, b"small", None]


def test_transactions_and_databases_are_a_client_s_own(server: DbxServer) -> None:
    with server.client(db=3) as one, server.client() as other:
        with one.pipeline() as pipe:
            pipe.set("a", 1).incr("a")
            assert other.dbsize() == 0
            assert pipe.execute() == [True, 2]
        assert (one.get("a"), other.get("a")) == (b"2", None)
    with server.raw() as client:
        assert client.call("MULTI") == ("status", b"OK")
        assert client.call("NOSUCH")[0] == "error"
        assert client.call("EXEC")[1].startswith(b"EXECABORT")


def test_a_client_that_sends_no_more_is_still_answered(server: DbxServer) -> None:
    with server.raw() as client:
        client.send_bytes(encode("SET", "k", "v") + encode("GET", "k") * 1000)
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.read() for _ in range(1001)][1:] == [("bulk", b"v")] * 1000
        wait_for_end(client)


def test_a_client_has_its_own_address_and_only_itself_to_lose(server: DbxServer) -> None:
    with server.raw() as client, server.raw() as other, server.raw(protocol=3) as third:
        address = address_of(client)
        shown = client.value("CLIENT", "INFO").decode()
        assert f" addr={address} laddr=127.0.0.1:{server.port} " in shown
        assert other.call("CLIENT", "KILL", "ADDR", address) == ("int", 1)
        wait_for_end(client)
        assert other.call("QUIT") == ("status", b"OK")
        wait_for_end(other)
        assert third.call("GET", "k") == ("null", None)


def test_a_client_that_was_told_more_than_it_has_read_can_be_killed(server: DbxServer) -> None:
    with server.raw() as client, server.raw() as other:
        other.value("SET", "k", "x" * MB)
        client.send_bytes(encode("GET", "k") * 100)
        time.sleep(0.2)
        address = address_of(client)
        assert other.call("CLIENT", "KILL", "ADDR", address) == ("int", 1)
        with pytest.raises(ConnectionError):
            for _ in range(100):
                client.read()


def test_the_server_s_own_connection_may_be_killed(server: DbxServer) -> None:
    with server.raw() as client:
        (line,) = (x for x in client.value("CLIENT", "LIST").split(b"\n") if b"=dbx-serve " in x)
        number = line.split()[0].removeprefix(b"id=")
        client.value("SELECT", 4)
        client.value("SET", "k", "v")
        assert client.call("CLIENT", "KILL", "ID", number) == ("int", 1)
        deadline = time.monotonic() + SECONDS_MAX
        while b"=dbx-serve " not in client.value("CLIENT", "LIST"):
            assert time.monotonic() < deadline
        assert client.call("GET", "k") == ("bulk", b"v")
        with server.raw() as other:
            assert other.call("PING") == ("status", b"PONG")
        address = address_of(client)
        with server.raw() as other:
            assert other.call("CLIENT", "KILL", "ADDR", address) == ("int", 1)
        wait_for_end(client)


# --- Its own rules -------------------------------------------------------------------------------


def test_the_server_s_password_holds_although_the_program_has_none(
    program: Program, dbx_process: Start
) -> None:
    server = dbx_process("--requirepass", "secret", data=program.path)
    with RawClient(server.port) as client:
        for command in (("GET", "k"), ("SET", "k", "v"), ("SHUTDOWN",), ("CONFIG", "GET", "*")):
            assert client.call(*command)[1].startswith(b"NOAUTH"), command
        assert client.call("HELLO", "3")[1].startswith(b"NOAUTH")
        assert client.call("AUTH", "wrong")[1].startswith(b"WRONGPASS")
        assert client.call("AUTH", "secret") == ("status", b"OK")
        assert client.call("SET", "k", "v") == ("status", b"OK")
        assert client.call("RESET") == ("status", b"RESET")
        assert client.call("GET", "k")[1].startswith(b"NOAUTH")
    with dbx.open(program.path) as joined:
        assert joined.get("k") == b"v"


def test_before_the_password_commands_are_short(program: Program, dbx_process: Start) -> None:
    server = dbx_process("--requirepass", "secret", data=program.path)
    with RawClient(server.port) as client:
        client.send_bytes(b"*2\r\n$4\r\nECHO\r\n$20000\r\n")
        assert client.read() == ("error", b"ERR Protocol error: unauthenticated bulk length")
        wait_for_end(client)


def test_two_servers_hold_their_clients_each_to_its_own_rules(
    program: Program, dbx_process: Start
) -> None:
    locked = dbx_process("--requirepass", "one", data=program.path)
    limited = dbx_process(data=program.path, settings={"proto-max-bulk-len": 2 * MB})
    with locked.client() as one, limited.client() as two, RawClient(locked.port) as nobody:
        one.set("k", "v")
        assert two.get("k") == b"v"
        assert nobody.call("GET", "k")[1].startswith(b"NOAUTH")
        assert one.set("long", b"x" * 3 * MB) is True
        assert two.setrange("long", 2 * MB - 1, "x") == 3 * MB
        with pytest.raises(redis.ResponseError, match="string exceeds maximum allowed size"):
            two.setrange("long", 2 * MB, "x")
    with limited.raw() as client:
        client.send_bytes(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (3 * MB))
        assert client.read() == ("error", b"ERR Protocol error: invalid bulk length")


def admitted(server: DbxServer) -> RawClient:
    """admitted is a client that is taken: one that was just closed may still count."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        client = server.raw()
        with contextlib.suppress(OSError):
            if client.call("PING") == ("status", b"PONG"):
                return client
        client.close()
        assert time.monotonic() < deadline


def test_maxclients_is_the_server_s(program: Program, dbx_process: Start) -> None:
    server = dbx_process(data=program.path, settings={"maxclients": 2})
    with dbx.open(program.path), dbx.open(program.path), admitted(server) as one:
        with admitted(server), server.raw() as three:
            assert three.read() == ("error", b"ERR max number of clients reached")
            wait_for_end(three)
        admitted(server).close()
        assert one.call("PING") == ("status", b"PONG")


def test_the_program_s_room_for_clients_is_told_to_who_does_not_fit(
    program: Program, server: DbxServer
) -> None:
    program.execute("CONFIG SET maxclients 3")  # the server's own connection, and two clients
    with server.raw() as one, server.raw() as two:
        assert one.call("PING") == two.call("PING") == ("status", b"PONG")
        with server.raw() as three:
            assert three.read() == ("error", b"ERR max number of clients reached")
            wait_for_end(three)


def test_timeout_is_the_server_s(program: Program, dbx_process: Start) -> None:
    server = dbx_process(data=program.path, settings={"timeout": 1})
    with server.raw() as idle, dbx.open(program.path) as joined:
        assert idle.call("PING") == ("status", b"PONG")
        wait_for_end(idle)
        assert joined.ping() is True
        assert program.execute("PING") == "True"
        assert "=dbx-serve " in str(joined.execute_command("CLIENT", "LIST"))


def test_settings_of_connections_are_the_server_s_and_cannot_be_changed(
    program: Program, dbx_process: Start
) -> None:
    server = dbx_process("--requirepass", "secret", data=program.path)
    with server.client() as client:
        shown = client.config_get("*")
        assert (shown["requirepass"], shown["port"]) == ("secret", str(server.port))
        assert shown["dir"] == str(program.path)
        for name, value in {"requirepass": "", "maxclients": "5", "timeout": "7"}.items():
            with pytest.raises(redis.ResponseError, match=f"'{name}'.*has joined"):
                client.config_set(name, value)
        assert client.config_set("appendfsync", "always") is True
    assert program.execute("CONFIG GET appendfsync") == "{b'appendfsync': b'always'}"
    assert program.execute("CONFIG GET requirepass") == "{b'requirepass': b''}"


@pytest.mark.skipif("DBX_TEST_SERVER" in os.environ, reason="the command line says it")
def test_a_durability_that_does_not_hold_is_told(program: Program, dbx_process: Start) -> None:
    server = dbx_process("--durability", "always", data=program.path)
    with server.client() as client:
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert server.tail().count("# --durability does not hold yet") == 1
        program.kill()
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
    assert "does not hold" not in dbx_process(data=program.path.parent / "e").tail()


def test_clients_cannot_say_what_servers_say(program: Program, server: DbxServer) -> None:
    with server.raw() as client:
        for words in (("RELAY",), ("RELAY", "SERVER", "timeout", "1"),
                      ("RELAY", "CLIENT", "1", "a", "b", "")):  # fmt: skip
            assert client.call(*words)[1].startswith(b"ERR unknown command 'RELAY'")
        assert client.call("COMMAND", "INFO", "RELAY", "RELAY|CLIENT")[1] == (
            ("null-bulk", None), ("null-bulk", None),
        )  # fmt: skip
        names = [name for _, name in client.value("COMMAND", "LIST")]
        assert not any(name.startswith(b"relay") for name in names)
        assert client.value("COMMAND", "COUNT") == len(client.value("COMMAND"))


def test_who_was_passed_on_is_not_trusted_any_more(program: Program) -> None:
    socket_path = str(Path(program.path) / "socket")
    with RawClient(socket_path) as control, RawClient(socket_path) as link:
        number = control.value("RELAY", "SERVER", "requirepass", "secret").split()[0]
        link.send_bytes(encode("RELAY", "CLIENT", number, "1.2.3.4:5", "6.7.8.9:10", ""))
        link.send_bytes(encode("GET", "k") + encode("RELAY", "SERVER", "requirepass", ""))
        link.send_bytes(encode("RELAY", "CLIENT", number, "a", "b", "auth=yes"))
        received = b""
        while received.count(b"\r\n") < 3:
            received += link.socket.recv(4096)
        assert received.count(b"-NOAUTH Authentication required.") == 1
        assert received.count(b"-ERR unknown command 'RELAY'") == 2
        assert b"addr=1.2.3.4:5 laddr=6.7.8.9:10 " in control.value("CLIENT", "LIST")


@pytest.mark.parametrize("state", ["db=99", "db=-1", "resp=4", "name", "nonsense=1", "db=1 db"])
def test_who_cannot_be_taken_over_as_it_was_is_closed(program: Program, state: str) -> None:
    socket_path = str(Path(program.path) / "socket")
    with RawClient(socket_path) as control, RawClient(socket_path) as link:
        number = control.value("RELAY", "SERVER", "timeout", "0").split()[0]
        link.send_bytes(encode("RELAY", "CLIENT", number, "a", "b", state) + encode("SET", "k", 1))
        assert link.read() == ("error", b"ERR this connection's state cannot be carried over")
        wait_for_end(link)
        assert control.call("GET", "k") == ("null-bulk", None)


def test_a_client_of_nobody_s_is_closed(program: Program) -> None:
    socket_path = str(Path(program.path) / "socket")
    with RawClient(socket_path) as control, RawClient(socket_path) as link:
        number = control.value("CLIENT", "ID")  # which is none of a server's
        link.send_bytes(encode("RELAY", "CLIENT", number, "a", "b", "") + encode("SET", "k", "v"))
        wait_for_end(link)
        assert control.call("GET", "k") == ("null-bulk", None)


# --- Memory --------------------------------------------------------------------------------------


@pytest.mark.skipif(proc.instrumented(), reason="sanitizers take memory of their own")
def test_a_client_that_does_not_read_takes_no_memory(program: Program, server: DbxServer) -> None:
    with server.raw() as client, server.raw() as other:
        other.value("SET", "k", "x" * MB)
        client.call("PING")
        with proc.AnonWatch(server.pid) as memory, proc.AnonWatch(program.pid) as its_memory:
            sender = threading.Thread(target=client.send_bytes, args=[encode("GET", "k") * 300])
            sender.start()
            time.sleep(1)
            assert other.call("PING") == ("status", b"PONG")
        sender.join()
        assert memory.grew < FORWARD_BYTES_MAX
        assert its_memory.grew < 2 * FORWARD_BYTES_MAX
        assert [client.read() for _ in range(300)] == [("bulk", b"x" * MB)] * 300


@pytest.mark.skipif(proc.instrumented(), reason="sanitizers take memory of their own")
def test_a_program_that_does_not_read_makes_the_server_s_clients_wait(
    program: Program, server: DbxServer
) -> None:
    with server.raw() as client:
        client.call("PING")
        with proc.frozen(program.pid), proc.AnonWatch(server.pid) as memory:
            data = encode("SET", "k", "x" * MB) * 100
            sender = threading.Thread(target=client.send_bytes, args=[data])
            sender.start()
            time.sleep(1)
            assert sender.is_alive()
        assert [client.read() for _ in range(100)] == [("status", b"OK")] * 100
        sender.join()
        assert memory.grew < FORWARD_BYTES_MAX


# --- Beginning and end ---------------------------------------------------------------------------


def test_a_server_that_stops_leaves_the_program_alone(program: Program, server: DbxServer) -> None:
    with server.client() as client:
        client.set("k", "v")
        server.stop()
    assert program.execute("GET k") == "b'v'"
    assert os.path.exists(Path(program.path) / "socket")


def test_shutdown_stops_the_server_and_not_the_program(
    program: Program, server: DbxServer, dbx_process: Start
) -> None:
    other = dbx_process(data=program.path)
    with server.raw() as client, other.raw() as stays:
        client.send("SHUTDOWN", "NOSAVE")
        wait_for_end(client)
        server.wait()
        assert stays.call("PING") == ("status", b"PONG")
    assert program.execute("SET k v") == "True"


def test_a_database_that_a_server_has_is_not_served_twice(dbx_process: Start) -> None:
    server = dbx_process()
    done = serve(server.data)
    assert done.returncode == 1
    assert done.stderr == (
        f"dbx: {server.data} is served already, by process {server.pid}: use that server, or stop"
        " it first\n"
    )


@contextlib.contextmanager
def owner_of_another_version(path: Path) -> Iterator[None]:
    """It has the lock, and knows nothing of servers that join."""
    path.mkdir()
    with open(path / "lock", "w+b") as lock, socket.socket(socket.AF_UNIX) as listener:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listener.bind(str(path / "socket"))
        listener.listen()
        lock.write(b"pid 4711\nsocket %s\n" % os.fsencode(path / "socket"))
        lock.flush()

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(1 << 16)
                client.sendall(b"-ERR unknown command 'RELAY'\r\n")
                client.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


def test_an_owner_that_cannot_be_joined_is_named(tmp_path: Path) -> None:
    with owner_of_another_version(tmp_path / "d"):
        done = serve(tmp_path / "d")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "4711" in done.stderr
    assert "unknown command" in done.stderr


def test_a_wrong_setting_is_told_as_ever(program: Program) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbx", "serve", "--data", str(program.path), "--databases", "0"],
        capture_output=True, text=True, env=clean_environment(), timeout=SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 2
    assert "setting 'databases'" in done.stderr
    assert done.stderr.endswith("(--databases)\n")
