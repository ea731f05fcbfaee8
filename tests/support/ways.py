"""The ways into DBX that behaviour tests run through: in-process, over RESP, joined to another
process, or over RESP to a server that has joined one; the first two with a tiny buffer as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.servers import DbxServer, Server

# So small that a handful of writes freezes the buffer: every read merges all three places.
TINY_SETTINGS = {"write-buffer-size": "16384"}


@dataclass(frozen=True)
class Way:
    """How a client reaches the engine. `server` names the fixture; empty: in-process."""

    server: str = ""
    protocol: int = 3
    joined: bool = False  # through the socket in the server's directory
    in_memory: bool = False
    tiny: bool = False

    @contextlib.contextmanager
    def client(self, directory: Path, server: Server | None) -> Iterator[Any]:
        if server is not None and not self.joined:
            with server.client(protocol=self.protocol) as client:
                client.flushall()
                yield client
            return
        import dbx  # late: tests against real servers run without a built extension

        if isinstance(server, DbxServer):
            with dbx.open(server.data) as joined:
                joined.flushall()
                yield joined
            return
        path = ":memory:" if self.in_memory else str(directory / "data")
        settings = TINY_SETTINGS if self.tiny else {}
        keywords: dict[str, Any] = {k.replace("-", "_"): value for k, value in settings.items()}
        with dbx.open(path, **keywords) as db:
            yield db


WAYS = {
    "embedded": Way(),
    "memory": Way(in_memory=True),
    "resp2": Way(server="dbx_server", protocol=2),
    "resp3": Way(server="dbx_server", protocol=3),
    "joined": Way(server="dbx_server", joined=True),
    "relayed2": Way(server="dbx_server_relayed", protocol=2),
    "relayed3": Way(server="dbx_server_relayed", protocol=3),
    "embedded-tiny": Way(tiny=True),
    "memory-tiny": Way(in_memory=True, tiny=True),
    "resp2-tiny": Way(server="dbx_server_tiny", protocol=2, tiny=True),
    "resp3-tiny": Way(server="dbx_server_tiny", protocol=3, tiny=True),
}
