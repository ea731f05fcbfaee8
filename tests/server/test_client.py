"""CLIENT and the commands that shape a connection, over sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.resp import RawClient, encode, plain
from tests.support.servers import DbxServer

# CLIENT LIST's fields in Redis 8.0, in order.
FIELDS = """
id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem multi-mem
rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver io-thread
"""


@pytest.fixture
def client(dbx_server: DbxServer) -> Iterator[RawClient]:
    with dbx_server.raw() as connection:
        yield connection


def fields(line: bytes) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.decode().split())


def gone(client: RawClient) -> bool:
    try:
        return client.socket.recv(1) == b""
    except ConnectionResetError:
        return True


def test_client_info_has_redis_fields_in_order(client: RawClient) -> None:
    line = client.value("CLIENT", "INFO")
    assert line.endswith(b"\n")
    assert list(fields(line)) == FIELDS.split()
    found = fields(line)
    assert found["id"] == str(client.value("CLIENT", "ID"))
    host, port = client.socket.getsockname()
    assert found["addr"] == f"{host}:{port}"
    assert found["cmd"] == "client|info"
    assert found["user"] == "default"
    assert found["flags"] == "N"


def test_client_list_and_info_are_verbatim_text_in_resp3(dbx_server: DbxServer) -> None:
    with dbx_server.raw(protocol=3) as client:
        for command in (["CLIENT", "LIST"], ["CLIENT", "INFO"], ["INFO"], ["LOLWUT"]):
            tag, value = client.call(*command)
            assert tag == "verbatim"
            assert value.startswith(b"txt:")


def test_client_list_shows_a_transaction(client: RawClient, dbx_server: DbxServer) -> None:
    mine = client.value("CLIENT", "ID")
    client.pipeline([("MULTI",), ("SET", "k", "v" * 1000), ("CLIENT", "INFO")])
    with dbx_server.raw() as other:
        found = fields(other.value("CLIENT", "LIST", "ID", mine))
    assert (found["flags"], found["multi"], found["cmd"]) == ("x", "2", "client|info")
    assert int(found["multi-mem"]) > 1000
    assert int(found["tot-mem"]) > int(found["multi-mem"])
    inside = fields(client.value("EXEC")[1][1])
    assert (inside["flags"], inside["multi"], inside["cmd"]) == ("x", "2", "exec")
    found = fields(client.value("CLIENT", "INFO"))
    assert (found["flags"], found["multi"], found["multi-mem"]) == ("N", "-1", "0")


def test_client_reply_within_exec_leaves_its_array_whole(client: RawClient) -> None:
    client.pipeline([("MULTI",), ("CLIENT", "REPLY", "OFF"), ("PING",)])
    assert client.call("EXEC") == ("array", (("null-bulk", None), ("null-bulk", None)))
    client.send_bytes(encode("PING") + encode("CLIENT", "REPLY", "ON"))
    assert client.read() == ("status", b"OK")
    client.pipeline([("MULTI",), ("CLIENT", "REPLY", "SKIP"), ("PING",)])
    assert client.call("EXEC") == ("array", (("null-bulk", None), ("status", b"PONG")))
    client.send_bytes(encode("PING") + encode("ECHO", "next"))
    assert client.read() == ("bulk", b"next")


def test_client_list_filters(client: RawClient, dbx_server: DbxServer) -> None:
    with dbx_server.raw() as other:
        mine, theirs = client.value("CLIENT", "ID"), other.value("CLIENT", "ID")
        everybody = client.value("CLIENT", "LIST")
        assert {f"id={mine}", f"id={theirs}"} <= set(everybody.decode().split())
        lines = client.value("CLIENT", "LIST", "ID", theirs, 999999, mine).splitlines()
        assert [fields(line)["id"] for line in lines] == [str(theirs), str(mine)]
        assert client.value("CLIENT", "LIST", "TYPE", "pubsub") == b""
        assert f"id={mine} ".encode() in client.value("CLIENT", "LIST", "TYPE", "normal")


def test_names_and_library_are_kept_and_cleared(client: RawClient) -> None:
    assert client.call("CLIENT", "GETNAME") == ("null-bulk", None)
    client.value("CLIENT", "SETNAME", "worker")
    client.value("CLIENT", "SETINFO", "lib-name", "some(lib)")
    client.value("CLIENT", "SETINFO", "LIB-VER", "1.2")
    found = fields(client.value("CLIENT", "INFO"))
    assert (found["name"], found["lib-name"], found["lib-ver"]) == ("worker", "some(lib)", "1.2")
    client.value("CLIENT", "SETNAME", "")
    client.value("CLIENT", "SETINFO", "LIB-VER", "")
    found = fields(client.value("CLIENT", "INFO"))
    assert (found["name"], found["lib-ver"]) == ("", "")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["SETNAME", "a b"], "Client names cannot contain spaces, newlines or special characters."),
        (
            ["SETINFO", "lib-ver", "a b"],
            "lib-ver cannot contain spaces, newlines or special characters.",
        ),
        (["SETINFO", "x", "y"], "Unrecognized option 'x'"),
        (["KILL", "1.2.3.4:5"], "No such client"),
        (["KILL", "ID", "0"], "client-id should be greater than 0"),
        (["KILL", "TYPE", "x"], "Unknown client type 'x'"),
        (["KILL", "USER", "x"], "No such user 'x'"),
        (["KILL", "MAXAGE", "x"], "maxage is not an integer or out of range"),
        (["KILL", "MAXAGE", "-1"], "maxage should be greater than 0"),
        (["KILL", "SKIPME", "x"], "syntax error"),
        (["KILL", "ID", "1", "2"], "syntax error"),
        (["LIST", "TYPE", "x"], "Unknown client type 'x'"),
        (["LIST", "ID", "x"], "Invalid client ID"),
        (["LIST", "x"], "syntax error"),
        (["REPLY", "x"], "syntax error"),
        (["NO-EVICT", "x"], "syntax error"),
        (
            ["MAINT_NOTIFICATIONS", "ON"],
            "unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.",
        ),
    ],
)
def test_client_errors_are_redis_words(client: RawClient, command: list[str], error: str) -> None:
    assert client.call("CLIENT", *command) == ("error", f"ERR {error}".encode())


def test_kill_by_id_and_address_closes_the_connection(
    client: RawClient, dbx_server: DbxServer
) -> None:
    with dbx_server.raw() as by_id, dbx_server.raw() as by_address:
        assert client.value("CLIENT", "KILL", "ID", by_id.value("CLIENT", "ID")) == 1
        host, port = by_address.socket.getsockname()
        assert client.call("CLIENT", "KILL", f"{host}:{port}") == ("status", b"OK")
        assert gone(by_id)
        assert gone(by_address)


def test_kill_of_oneself_replies_first(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        assert (
            client.value("CLIENT", "KILL", "ID", client.value("CLIENT", "ID"), "SKIPME", "NO") == 1
        )
        assert gone(client)


def test_reply_off_and_skip_say_nothing(client: RawClient) -> None:
    commands = [
        ("CLIENT", "REPLY", "OFF"),
        ("PING",),
        ("NOSUCH",),
        ("CLIENT", "REPLY", "SKIP"),
        ("CLIENT", "REPLY", "ON"),
        ("CLIENT", "REPLY", "SKIP"),
        ("ECHO", "skipped"),
        ("ECHO", "said"),
    ]
    client.send_bytes(b"".join(encode(*command) for command in commands))
    assert client.read() == ("status", b"OK")
    assert client.read() == ("bulk", b"said")


def test_hello_switches_the_protocol_of_its_own_reply(client: RawClient) -> None:
    tag, _ = reply = client.call("HELLO", "3", "SETNAME", "n")
    assert tag == "map"
    hello = plain(reply)
    assert list(hello) == [b"server", b"version", b"proto", b"id", b"mode", b"role", b"modules"]
    assert hello[b"server"] == b"redis"
    assert hello[b"version"].startswith(b"8.0.")
    assert hello[b"proto"] == 3
    assert client.call("CLIENT", "GETNAME") == ("bulk", b"n")
    assert client.call("GET", "no such key") == ("null", None)
    tag, items = client.call("HELLO", "2")
    assert (tag, len(items)) == ("array", 14)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["1"], "NOPROTO unsupported protocol version"),
        (["4"], "NOPROTO unsupported protocol version"),
        (["x"], "ERR Protocol version is not an integer or out of range"),
        (["3", "foo"], "ERR Syntax error in HELLO option 'foo'"),
        (["3", "AUTH", "a"], "ERR Syntax error in HELLO option 'AUTH'"),
        (
            ["3", "SETNAME", "a b"],
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
    ],
)
def test_hello_errors_change_nothing(client: RawClient, words: list[str], error: str) -> None:
    assert client.call("HELLO", *words) == ("error", error.encode())
    assert client.call("GET", "no such key") == ("null-bulk", None)


def test_select_is_the_connections_own_and_reset_undoes_all(
    client: RawClient, dbx_server: DbxServer
) -> None:
    client.value("SELECT", "3")
    client.value("CLIENT", "SETNAME", "n")
    client.value("SET", "in three", "x")
    with dbx_server.raw() as other:
        assert other.value("EXISTS", "in three") == 0
    assert client.value("DEL", "in three") == 1
    client.call("HELLO", "3")
    assert client.call("RESET") == ("status", b"RESET")
    found = fields(client.value("CLIENT", "INFO"))
    assert (found["db"], found["name"], found["resp"]) == ("0", "", "2")


@pytest.mark.parametrize(
    ("index", "error"),
    [
        ("16", "DB index is out of range"),
        ("-1", "DB index is out of range"),
        ("x", "value is not an integer or out of range"),
        ("2147483648", "value is out of range, value must between -2147483648 and 2147483647"),
    ],
)
def test_select_errors_are_redis_words(client: RawClient, index: str, error: str) -> None:
    assert client.call("SELECT", index) == ("error", f"ERR {error}".encode())


def test_quit_answers_and_closes_and_the_rest_is_not_run(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        client.send_bytes(b"QUIT\r\nSET after-quit 1\r\n")
        assert client.read() == ("status", b"OK")
        assert gone(client)
    with dbx_server.raw() as client:
        assert client.value("EXISTS", "after-quit") == 0


def test_age_and_idle_are_seconds(client: RawClient, dbx_server: DbxServer) -> None:
    with dbx_server.raw() as idle:
        number = idle.value("CLIENT", "ID")
        time.sleep(1.1)
        found = fields(client.value("CLIENT", "LIST", "ID", number))
        assert int(found["age"]) >= 1
        assert int(found["idle"]) >= 1
    assert fields(client.value("CLIENT", "INFO"))["idle"] == "0"


def test_unknown_commands_and_arity_are_redis_words(client: RawClient) -> None:
    assert client.call("foo", "a\r\nb", "c") == (
        "error",
        b"ERR unknown command 'foo', with args beginning with: 'a  b' 'c' ",
    )
    long = "y" * 200
    assert client.call("x" * 200, long, "z")[1] == (
        b"ERR unknown command '"
        + b"x" * 128
        + b"', with args beginning with: '"
        + b"y" * 128
        + b"' "
    )
    assert client.call("CLIENT", "GETNAME", "x")[1] == (
        b"ERR wrong number of arguments for 'client|getname' command"
    )


def test_client_help_lists_the_subcommands(client: RawClient) -> None:
    lines = plain(client.call("CLIENT", "HELP"))
    assert lines[0].startswith(b"CLIENT <subcommand>")
    assert b"HELP" in lines


def test_client_no_touch_takes_on_and_off(client: RawClient) -> None:
    assert client.value("CLIENT", "NO-TOUCH", "ON") == b"OK"
    assert client.value("CLIENT", "NO-TOUCH", "OFF") == b"OK"
    assert client.call("CLIENT", "NO-TOUCH", "PERHAPS") == ("error", b"ERR syntax error")
