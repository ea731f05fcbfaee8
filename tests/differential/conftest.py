"""The real server that DBX is compared with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import pytest

from tests.support import servers, trixie
from tests.support.servers import Server

ORACLE = os.environ.get("DBX_ORACLE", "redis8")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Server]:
    """Redis 8.0, or the distribution's Redis where that cannot be had: then said by a warning,
    which is shown at the end, whatever becomes of the tests. DBX_ORACLE names another."""
    try:
        server: Server = getattr(servers, ORACLE)()
    except trixie.Unavailable as why:
        server = servers.redis7()
        warnings.warn(f"comparing with the distribution's Redis: {why}", stacklevel=1)
    server.start()
    with server.raw() as client:
        client.value("CONFIG", "SET", "hz", 500)  # it comes soon upon fields that have expired
    yield server
    server.close()
