"""protected-mode: without a password a server answers nobody on another machine, whenever the
password went.

Another machine is played by this one's own address in a network: what is sent there stays here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import servers, trixie
from tests.support.resp import RawClient, plain
from tests.support.servers import DbxServer, Program, RedisServer, Server

Start = Callable[..., DbxServer]
NO_ROUTE_NEEDED = ("192.0.2.1", 9)  # asking which of our addresses faces it sends nothing


@pytest.fixture(scope="module")
def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(NO_ROUTE_NEEDED)
        except OSError:
            pytest.skip("this machine has no address but the loopback's")
        address: str = probe.getsockname()[0]
        return address


@pytest.fixture(params=["dbx", "redis8"])
def exposed(request: pytest.FixtureRequest, own_address: str) -> Iterator[Server]:
    """Listens on every address, with the password x."""
    flags = ("--bind", "0.0.0.0", "--requirepass", "x")
    if request.param == "dbx":
        server: Server = DbxServer(*flags)
    else:
        try:
            server = RedisServer("redis8", trixie.command("redis-server"), *flags)
        except trixie.Unavailable as why:
            pytest.skip(str(why))
    server.password = "x"
    server.start()
    yield server
    server.close()


def remote(server: Server, address: str) -> RawClient:
    return RawClient(server.port, host=address)


def assert_denied(client: RawClient) -> None:
    tag, text = client.read()
    assert tag == "error"
    assert text.startswith(b"DENIED ")
    assert b"running in protected mode because protected mode is enabled" in text
    assert client.socket.recv(1) == b""


def rejected(client: RawClient) -> int:
    return servers.numbers(client.value("INFO", "stats"))["rejected_connections"]


def test_other_machines_are_denied_from_when_the_password_goes_until_one_is_set(
    exposed: Server, own_address: str
) -> None:
    with exposed.raw() as admin:
        before = rejected(admin)
        assert admin.call("CONFIG", "SET", "requirepass", "") == ("status", b"OK")
        for _ in range(2):
            with remote(exposed, own_address) as client:
                assert_denied(client)
        assert rejected(admin) == before + 2
        with RawClient(exposed.port) as local:
            assert local.call("PING") == ("status", b"PONG")
        admin.value("CONFIG", "SET", "requirepass", "y")
        with remote(exposed, own_address) as client:
            assert client.call("PING")[1].startswith(b"NOAUTH")
            assert client.call("AUTH", "y") == ("status", b"OK")


def test_protected_mode_is_set_while_it_runs(exposed: Server, own_address: str) -> None:
    with exposed.raw() as admin:
        admin.value("CONFIG", "SET", "requirepass", "", "protected-mode", "no")
        with remote(exposed, own_address) as client:
            assert client.call("PING") == ("status", b"PONG")
        admin.value("CONFIG", "SET", "protected-mode", "yes")
        assert plain(admin.call("CONFIG", "GET", "protected-mode")) == [b"protected-mode", b"yes"]
        with remote(exposed, own_address) as client:
            assert_denied(client)


def test_who_was_there_without_the_password_is_not_let_in_by_its_end(
    dbx_process: Start, own_address: str
) -> None:
    server = dbx_process("--bind", "0.0.0.0", "--requirepass", "x")
    with remote(server, own_address) as stranger, remote(server, own_address) as friend:
        assert stranger.call("PING")[1].startswith(b"NOAUTH")
        assert friend.call("AUTH", "x") == ("status", b"OK")
        assert friend.call("CONFIG", "SET", "requirepass", "") == ("status", b"OK")
        assert stranger.call("PING")[1].startswith(b"NOAUTH")
        assert stranger.call("HELLO", "3")[1].startswith(b"NOAUTH")
        assert friend.call("CONFIG", "SET", "protected-mode", "no") == ("status", b"OK")
        assert stranger.call("PING") == ("status", b"PONG")


def test_a_server_that_has_joined_keeps_its_rule_and_takes_it_along(
    tmp_path: Path, own_address: str
) -> None:
    program = Program(tmp_path / "db")
    server = DbxServer("--bind", "0.0.0.0", "--requirepass", "x", data=tmp_path / "db")
    try:
        server.start()
        with server.raw() as admin:
            for pair in (("requirepass", ""), ("protected-mode", "no")):
                tag, text = admin.call("CONFIG", "SET", *pair)
                assert tag == "error" and b"has joined a program's database" in text
            with remote(server, own_address) as client:
                assert client.call("PING")[1].startswith(b"NOAUTH")
            program.stop()
            assert admin.call("CONFIG", "SET", "requirepass", "") == ("status", b"OK")
            with remote(server, own_address) as client:
                assert_denied(client)
    finally:
        server.close()
        program.__exit__()
