"""Fixtures for every test: `r`, one client for each way into DBX, and servers to compare with.

A behaviour test takes `r` and so runs embedded, in memory, over RESP2 and over RESP3. A module that
says `pytestmark = pytest.mark.tiny_buffer` runs all of it once more with a write buffer so small
that every test meets every merge of active buffer, frozen buffer and MDBX. `--ways` narrows the
choice; `--oracle` adds real Redis 8.0 as one more way, which checks the tests themselves.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import servers, trixie
from tests.support.servers import DbxServer, RedisServer, Server
from tests.support.ways import TINY_SETTINGS, WAYS, Way

ORACLE_WAYS = ("redis8-resp2", "redis8-resp3")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dbx")
    group.addoption("--ways", help=f"comma-separated ways in for `r`: {', '.join(WAYS)}")
    group.addoption("--oracle", action="store_true", help="run `r` against Redis 8.0 as well")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tiny_buffer: run `r` with a tiny write buffer as well")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "r" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("--ways")
    ways = [name for name, way in WAYS.items() if not way.tiny]
    if chosen:
        ways = chosen.split(",")
    elif metafunc.definition.get_closest_marker("tiny_buffer"):
        ways = list(WAYS)
    if metafunc.config.getoption("--oracle"):
        ways += ORACLE_WAYS
    metafunc.parametrize("r", ways, indirect=True)


# Of several workers none should be left alone with one of these at the end.
LONG = ("tests/cross/", "tests/sim/", "tests/crash/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((i for i, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG))

    items.sort(key=rank)


# --- Failures show the logs of the servers that were running --------------------------------------

_running: list[Server] = []


@contextlib.contextmanager
def _serving(server: Server) -> Iterator[Any]:
    _running.append(server)
    try:
        yield server.start()
    finally:
        _running.remove(server)
        server.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for server in _running:
            if isinstance(server, DbxServer):
                report.sections.append((f"log of {server.name}", server.tail()))


# --- Servers --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _real(make: Callable[[], RedisServer]) -> Iterator[RedisServer]:
    try:
        server = make()
    except trixie.Unavailable as why:
        warnings.warn(f"without a server to compare with, tests are skipped: {why}", stacklevel=1)
        pytest.skip(str(why))
    with _serving(server):
        yield server


@pytest.fixture(scope="session")
def redis7() -> Iterator[RedisServer]:
    """The distribution's own Redis (7.0 on Debian 12), shared and empty at first."""
    with _real(servers.redis7) as server:
        yield server


@pytest.fixture(scope="session")
def redis8() -> Iterator[RedisServer]:
    """Redis 8.0, the behaviour DBX follows; shared."""
    with _real(servers.redis8) as server:
        yield server


@pytest.fixture(scope="session")
def valkey8() -> Iterator[RedisServer]:
    """Valkey 8.1; shared."""
    with _real(servers.valkey8) as server:
        yield server


@pytest.fixture(scope="session")
def dbx_server() -> Iterator[DbxServer]:
    """One DBX server with default settings, shared: leave its settings as they were."""
    with _serving(DbxServer()) as server:
        yield server


@pytest.fixture(scope="session")
def dbx_server_relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbxServer]:
    """One DBX server that has joined a program, shared."""
    path = tmp_path_factory.mktemp("relayed") / "data"
    with servers.Program(path), _serving(DbxServer(data=path, name="dbx-relayed")) as server:
        yield server


@pytest.fixture(scope="session")
def dbx_server_tiny() -> Iterator[DbxServer]:
    """One DBX server with a tiny write buffer, shared."""
    with _serving(DbxServer(settings=TINY_SETTINGS, name="dbx-tiny")) as server:
        yield server


@pytest.fixture
def dbx_process() -> Iterator[Callable[..., DbxServer]]:
    """Starts DBX servers of the test's own, which it may stop, kill -9 and start again.

    `dbx_process("--durability", "always", settings={"maxclients": 100})` returns a running
    DbxServer.
    """
    with contextlib.ExitStack() as stack:

        def start(*flags: str, **options: Any) -> DbxServer:
            server: DbxServer = stack.enter_context(_serving(DbxServer(*flags, **options)))
            return server

        yield start


# --- One client for each way in -------------------------------------------------------------------


@pytest.fixture
def r(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A client with redis-py's interface on an empty database: see the module's first lines."""
    name = request.param
    if name in ORACLE_WAYS:
        way = Way(server="redis8", protocol=int(name[-1]))
    else:
        way = WAYS[name]
    server = request.getfixturevalue(way.server) if way.server else None
    with way.client(tmp_path, server) as client:
        yield client
