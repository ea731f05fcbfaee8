"""The servers that are compared, set up the way their users run them: durable, once a second or
always.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support import trixie
from tests.support.resp import RawClient
from tests.support.servers import DbxServer, RedisServer, Server

PREFILL_BATCH = 10_000


class DurableRedis(RedisServer):
    """redis-server with an append-only file and no snapshots, in a directory of its own."""

    def __init__(self, appendfsync: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise trixie.Unavailable("redis-server is not installed")
        super().__init__("redis", [program])
        self.data = Path(tempfile.mkdtemp(prefix="dbx-bench-redis-"))
        self.appendfsync = appendfsync

    def argv(self) -> Sequence[str]:
        return [*self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "yes", "--appendfsync", self.appendfsync,
                "--unixsocket", str(self.data / "socket"),
                "--dir", str(self.data)]  # fmt: skip

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.data, ignore_errors=True)


def dbx_server(durability: str = "everysec", **settings: object) -> DbxServer:
    named = {name.replace("_", "-"): value for name, value in settings.items()}
    return DbxServer("--durability", durability, settings=named)


@contextlib.contextmanager
def pair(durability: str = "everysec") -> Iterator[dict[str, Server]]:
    """pair starts DBX and redis-server with the same promise."""
    servers: dict[str, Server] = {"dbx": dbx_server(durability), "redis": DurableRedis(durability)}
    with contextlib.ExitStack() as stack:
        for server in servers.values():
            stack.callback(server.close)
            server.start()
        yield servers


def prefill(server: Server, keys: int, value_bytes: int = 14) -> None:
    """prefill sets every key that redis-benchmark -r and openloop will use."""
    value = b"v:%0*d" % (value_bytes - 2, 0)
    head = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n"
    tail = b"$%d\r\n%s\r\n" % (len(value), value)
    with RawClient(server.port, timeout=300) as client:
        for at in range(0, keys, PREFILL_BATCH):
            n = min(PREFILL_BATCH, keys - at)
            client.send_bytes(b"".join(head % i + tail for i in range(at, at + n)))
            left = n * len(b"+OK\r\n")
            while left > 0:
                got = client.socket.recv(1 << 16)
                if not got or got.strip(b"+OK\r\n"):
                    raise AssertionError(f"prefill: {got[:200]!r}")
                left -= len(got)
