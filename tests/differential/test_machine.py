"""Random command sequences give the same replies and the same keyspace as on a real Redis.

`make test` runs a fixed selection; DBX_SOAK=n runs n times as many, different each time. With
DBX_TEST_SUBJECT=redis8 (or valkey8, redis7) that server stands in for DBX: a check of the tests.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from tests.differential.machine import Machine, RestartingMachine
from tests.support import servers, trixie
from tests.support.servers import DbxServer, Server
from tests.support.ways import TINY_SETTINGS

SOAK = int(os.environ.get("DBX_SOAK", "0"))
SUBJECT = os.environ.get("DBX_TEST_SUBJECT", "dbx")
EXAMPLES, RESTARTING_EXAMPLES, STEPS = 100, 10, 40


def settings(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples * max(SOAK, 1),
        stateful_step_count=STEPS,
        derandomize=not SOAK,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def oracle() -> Iterator[Server]:
    """Redis 8.0, or the distribution's Redis where that cannot be had: then said by a warning,
    which is shown at the end, whatever becomes of the tests."""
    try:
        server = servers.redis8()
    except trixie.Unavailable as why:
        server = servers.redis7()
        warnings.warn(f"comparing with the distribution's Redis: {why}", stacklevel=1)
    server.start()
    yield server
    server.close()


def subject(**options: object) -> Server:
    if SUBJECT == "dbx":
        return DbxServer(**options)  # type: ignore[arg-type]
    server: Server = getattr(servers, SUBJECT)()
    return server


def run(machine: type[Machine], oracle: Server, ours: Server, examples: int) -> None:
    ours.start()
    try:
        pair = type(machine.__name__, (machine,), {"real": oracle, "ours": ours})
        run_state_machine_as_test(pair, settings=settings(examples))
    except BaseException:
        print(ours.tail())
        raise
    finally:
        ours.close()


def test_random_commands_get_the_replies_of_redis(oracle: Server) -> None:
    run(Machine, oracle, subject(), EXAMPLES)


def test_random_commands_get_the_replies_of_redis_with_a_tiny_buffer(oracle: Server) -> None:
    run(Machine, oracle, subject(settings=TINY_SETTINGS, name="dbx-tiny"), EXAMPLES)


@pytest.mark.skipif(SUBJECT != "dbx", reason="only DBX keeps its keys over a restart here")
@pytest.mark.parametrize("tiny", [False, True], ids=["default buffer", "tiny buffer"])
def test_random_restarts_and_kills_lose_nothing(oracle: Server, tiny: bool) -> None:
    ours = subject(settings=TINY_SETTINGS if tiny else {})
    run(RestartingMachine, oracle, ours, RESTARTING_EXAMPLES)
