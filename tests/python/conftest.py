"""`client`: redis-py with a real server, then DBX: the same calls are to give the same values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

import dbx
from tests.support.servers import RedisServer


@pytest.fixture(params=["redis-py", "dbx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["bytes", "str"])
def decode(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def client(kind: str, decode: bool, redis8: RedisServer) -> Iterator[Any]:
    if kind == "dbx":
        with dbx.open(":memory:", decode_responses=decode) as db:
            yield db
        return
    with redis.Redis(port=redis8.port, decode_responses=decode) as client:
        client.flushall()
        yield client
        client.config_set("maxclients", 10000)


@pytest.fixture
def t(decode: bool) -> Any:
    """What a text comes back as."""
    return (lambda text: text) if decode else (lambda text: text.encode())


@pytest.fixture
def errors(kind: str) -> Any:
    return dbx.errors if kind == "dbx" else redis.exceptions
