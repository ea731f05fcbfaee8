"""dbx serve: opens the database and its listeners, says so, and serves until it is told to stop."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dbx import _core
from dbx.config import MEMORY, ServerConfig, server_config
from dbx.errors import DataError

__all__ = ["run"]


def run(flags: Mapping[str, Any]) -> int:
    config = server_config(flags, os.environ)
    if config.port == 0 and not config.unixsocket:
        raise DataError("nothing to listen on: --port is 0 and there is no --unixsocket")
    server = _open(config)
    try:
        server.listen(
            [os.fsencode(address) for address in config.bind],
            config.port,
            os.fsencode(config.unixsocket) if config.unixsocket else None,
            config.unixsocketperm,
            config.backlog,
        )
        _announce(config, server.joined)
        server.run()
    finally:
        server.close()
    _core.log("notice", "Stopped.")
    return 0


def _open(config: ServerConfig) -> _core.Server:
    path = None if config.data == MEMORY else os.fsencode(config.data)
    try:
        return _core.Server(path, config.settings)
    except DataError as error:
        where = [o for name, o in config.origins.items() if f"setting '{name}'" in str(error)]
        raise DataError(f"{error} ({where[0]})" if where else str(error)) from None


def _announce(config: ServerConfig, joined: bool) -> None:
    """What is served: the listeners have said where, each by itself."""
    where = "memory" if config.data == MEMORY else os.path.abspath(config.data)
    _core.log("notice", f"DBX {_core.__version__} on {where}, process {os.getpid()}")
    if config.source:
        _core.log("notice", f"Settings from {config.source}")
    if joined and "appendfsync" in config.origins:
        _core.log(
            "warning",
            f"{config.origins['appendfsync']} does not hold yet: what a reply promises is up to"
            " the process that has the database open",
        )
    if config.http_port:
        _core.log(
            "warning",
            f"HTTP is not part of this version yet: nothing listens on port {config.http_port}",
        )
