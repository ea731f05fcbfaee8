"""Bytes that are not quite a command get the same answer as from Redis: a reply, or an error and
goodbye.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.differential.compare import exchange
from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer, RedisServer

INLINE_MAX = 64 * 1024

INPUTS = {
    "inline": b"PING\r\n",
    "inline without CR": b"PING\nPING\n",
    "inline with blanks around": b"   PING   \r\n",
    "inline with tabs": b"ECHO\thello\r\n",
    "inline quoted": b"SET k 'x y'\r\nGET k\r\n",
    "inline double quoted escapes": b'SET k "a\\x41\\n\\t\\"\\\\ b"\r\nGET k\r\n',
    "inline single quoted escape": b"ECHO 'it\\'s'\r\n",
    "inline unbalanced quotes": b'GET "unbalanced\r\nPING\r\n',
    "inline text after a quote": b'GET "a"b\r\n',
    "inline empty argument": b'ECHO ""\r\n',
    "empty lines": b"\r\n\r\n\nPING\r\n",
    "blank line": b"    \r\nPING\r\n",
    "no arguments": b"*0\r\nPING\r\n",
    "negative count": b"*-1\r\n*-10\r\nPING\r\n",
    "count is not a number": b"*abc\r\nPING\r\n",
    "count is empty": b"*\r\nPING\r\n",
    "count beyond the limit": b"*2147483648\r\n",
    "count beyond 64 bits": b"*99999999999999999999\r\n",
    "count with a sign": b"*+1\r\n$4\r\nPING\r\n",
    "count with a blank": b"* 1\r\n$4\r\nPING\r\n",
    "count with leading zero": b"*01\r\n$4\r\nPING\r\n",
    "element is not a bulk": b"*1\r\n+PING\r\n",
    "element is a number": b"*2\r\n$3\r\nGET\r\n:1\r\n",
    "nested array": b"*1\r\n*1\r\n$4\r\nPING\r\n",
    "negative bulk length": b"*1\r\n$-1\r\nPING\r\n",
    "bulk length is not a number": b"*1\r\n$x\r\nPING\r\n",
    "bulk length is empty": b"*1\r\n$\r\nPING\r\n",
    "bulk length beyond the limit": b"*2\r\n$3\r\nGET\r\n$536870913\r\n",
    "bulk length beyond 64 bits": b"*1\r\n$99999999999999999999\r\n",
    "bulk without its CRLF": b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    "empty command name": b"*1\r\n$0\r\n\r\n",
    "binary command name": b"*1\r\n$3\r\n\x00\xff\x01\r\n",
    "command name with newline": b"*1\r\n$5\r\nA\r\nBC\r\n",
    "unknown command with many arguments": b"*40\r\n" + b"$10\r\n0123456789\r\n" * 40,
    "very lengthy unknown command": b"*1\r\n$300\r\n" + b"q" * 300 + b"\r\n",
    "unknown command, long argument": b"*2\r\n$3\r\nfoo\r\n$300\r\n" + b"q" * 300 + b"\r\n",
    "inline too long": b"G" * (INLINE_MAX + 100),
    "count line too long": b"*" + b"1" * (INLINE_MAX + 100),
    "bulk length line too long": b"*1\r\n$" + b"1" * (INLINE_MAX + 100),
    "HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP post": b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "pipeline after quit": b"PING\r\nQUIT\r\nPING\r\n",
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("what", INPUTS)
def test_odd_input_is_answered_as_by_redis(
    dbx_server: DbxServer, redis8: RedisServer, what: str, protocol: int
) -> None:
    data = INPUTS[what]
    answers = []
    for server in (redis8, dbx_server):
        with server.raw(protocol) as client:
            # The end of a line, and so of the marker's too, would make a long line a short one.
            answers.append(exchange(client, data, marked="too long" not in what))
    assert answers[1] == answers[0]


# Each is followed by AUTH with the right password, before the marker.
UNAUTHENTICATED = (
    b"*100\r\n",
    b"*10\r\n" + b"$1\r\nx\r\n" * 10,
    b"*11\r\n",
    b"*1\r\n$16385\r\n",
    encode("PING"),
    encode("GET", "k"),
    encode("AUTH", "bad"),
    encode("AUTH", "default", "bad"),
    encode("HELLO", 3),
    encode("HELLO", 3, "AUTH", "default", "bad"),
    encode("NOSUCH"),
    encode("GET"),
    encode("QUIT"),
    encode("RESET"),
    encode("COMMAND"),
    encode("CLIENT", "SETNAME", "x"),
    b"PING\r\n",
)


def test_unauthenticated_input_is_limited_as_by_redis(
    dbx_process: Callable[..., DbxServer], redis8: RedisServer
) -> None:
    ours = dbx_process("--requirepass", "secret")
    with redis8.raw() as admin:
        admin.value("CONFIG", "SET", "requirepass", "secret")
        try:
            for data in UNAUTHENTICATED:
                answers = []
                for server in (redis8, ours):
                    with RawClient(server.port) as client:
                        answers.append(exchange(client, data + encode("AUTH", "secret")))
                assert answers[1] == answers[0], data
        finally:
            admin.value("CONFIG", "SET", "requirepass", "")
