"""A RESP client that hides nothing: replies keep the exact type they had on the wire.

redis-py turns `+OK` into True and folds null bulks, null arrays and RESP3 nulls into None; a
comparison with Redis must see the difference. Replies are (tag, value) tuples, so they compare,
hash and print as they are. It shares no code with DBX's own codec: a bug there must not hide here.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Sequence
from typing import Any

Arg = bytes | str | int
Reply = tuple[str, Any]

RECV_BYTES = 1 << 16
_SIMPLE = {b"+": "status", b"-": "error", b"(": "bignum", b",": "double"}
_BULKS = {b"$": "bulk", b"=": "verbatim", b"!": "blob-error"}
_AGGREGATES = {b"*": "array", b"%": "map", b"~": "set", b">": "push", b"|": "attribute"}


def encode(*args: Arg) -> bytes:
    """encode returns a command as clients send it: an array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        data = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Reader:
    """Replies, read from bytes that are there; `_fill` may get more of them."""

    def __init__(self, data: bytes = b"") -> None:
        self._buffer = bytearray(data)
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at == len(self._buffer)

    def _fill(self) -> None:
        raise ConnectionError("the replies end in the middle of one")

    def _line(self) -> bytes:
        seen = 0
        while (end := self._buffer.find(b"\r\n", self._at + seen)) < 0:
            seen = max(len(self._buffer) - self._at - 1, 0)
            self._fill()
        line = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return line

    def _exactly(self, n: int) -> bytes:
        while len(self._buffer) - self._at < n + 2:
            self._fill()
        data = bytes(self._buffer[self._at : self._at + n])
        if self._buffer[self._at + n : self._at + n + 2] != b"\r\n":
            raise AssertionError(f"a bulk of {n} bytes is not followed by CRLF")
        self._at += n + 2
        return data

    def read(self) -> Reply:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in _SIMPLE:
            return _SIMPLE[kind], rest
        if kind == b":":
            return "int", int(rest)
        if kind == b"_":
            return "null", None
        if kind == b"#":
            return "bool", {b"t": True, b"f": False}[rest]
        if kind in _BULKS:
            n = int(rest)
            return ("null-bulk", None) if n == -1 else (_BULKS[kind], self._exactly(n))
        if kind in _AGGREGATES:
            return self._aggregate(_AGGREGATES[kind], int(rest))
        raise AssertionError(f"not a RESP reply: {line[:80]!r}")

    def _aggregate(self, tag: str, n: int) -> Reply:
        if n == -1:
            return "null-array", None
        if tag in ("map", "attribute"):
            return tag, tuple((self.read(), self.read()) for _ in range(n))
        return tag, tuple(self.read() for _ in range(n))


class RawClient(Reader):
    """One connection. Commands and replies are separate calls, so pipelines are plain loops."""

    def __init__(
        self,
        address: int | str,
        *,
        protocol: int = 2,
        password: str | None = None,
        timeout: float = 30.0,
        host: str = "127.0.0.1",
    ) -> None:
        """`address` is a port of the host, or the path of a Unix socket."""
        super().__init__()
        if isinstance(address, int):
            self.socket = socket.create_connection((host, address), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        if password is not None:
            self._must("AUTH", password)
        if protocol == 3:
            self._must("HELLO", "3")

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def _must(self, *args: Arg) -> None:
        reply = self.call(*args)
        if reply[0] == "error":
            raise ConnectionError(reply[1].decode())

    def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        self.socket.sendall(data)

    def send_while_reading(self, data: bytes) -> None:
        """send_while_reading takes replies in while it sends: DBX reads no further from a client
        that fetches nothing."""
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select(
                [self.socket], [self.socket], [], self.socket.gettimeout()
            )
            if not readable and not writable:
                raise TimeoutError("the server neither reads nor answers")
            if readable:
                self._fill()
            if writable:
                view = view[self.socket.send(view[:RECV_BYTES]) :]

    def send(self, *args: Arg) -> None:
        self.send_bytes(encode(*args))

    def call(self, *args: Arg) -> Reply:
        self.send(*args)
        return self.read()

    def pipeline(self, commands: Iterable[Sequence[Arg]]) -> list[Reply]:
        """pipeline sends all commands in one write, then reads one reply for each."""
        encoded = [encode(*command) for command in commands]
        self.send_bytes(b"".join(encoded))
        return [self.read() for _ in encoded]

    def value(self, *args: Arg) -> Any:
        """value is call() for callers that want the value and for whom an error is a failure."""
        tag, value = self.call(*args)
        if tag == "error":
            raise AssertionError(f"{args!r}: {value.decode()}")
        return value

    def read_until(self, ending: bytes) -> bytes:
        """read_until returns what comes up to and with `ending`, or all until the server hangs up:
        for who needs no replies, only their bytes."""
        while not self._buffer.endswith(ending, self._at):
            try:
                self._fill()
            except ConnectionError:
                break
        data = bytes(self._buffer[self._at :])
        self._buffer.clear()
        self._at = 0
        return data

    def _fill(self) -> None:
        data = self.socket.recv(RECV_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data


def plain(reply: Reply) -> Any:
    """plain drops the tags: bytes, ints, None, lists and dicts, for tests about values."""
    tag, value = reply
    if tag == "map":
        return {plain(key): plain(item) for key, item in value}
    if tag in ("array", "set", "push"):
        return [plain(item) for item in value]
    return value
