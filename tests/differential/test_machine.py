"""Random command sequences give the same replies and the same keyspace as on a real Redis.

`make test` runs a fixed selection; DBX_SOAK=n runs n times as many, different each time.
DBX_ORACLE=redis7 (or valkey8) compares with that server instead of Redis 8.0. With
DBX_TEST_SUBJECT=redis8 (or valkey8, redis7) that server stands in for DBX: a check of the tests.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.differential.commands import mix_of, taking_part
from tests.differential.families import FAMILIES
from tests.differential.machine import Machine, RestartingMachine, configure, names_of
from tests.support import servers, trixie
from tests.support.servers import DbxServer, Server
from tests.support.ways import TINY_SETTINGS

SOAK = int(os.environ.get("DBX_SOAK", "0"))
SUBJECT = os.environ.get("DBX_TEST_SUBJECT", "dbx")
ORACLE = os.environ.get("DBX_ORACLE", "redis8")
# Shrinking a failure may take minutes: DBX_SHRINK=0 shows it as it was met.
SHRINK = os.environ.get("DBX_SHRINK", "1") != "0"
PHASES = (Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,)
EXAMPLES, FAMILY_EXAMPLES, RESTARTING_EXAMPLES, STEPS = 60, 40, 5, 40
FAMILY_SOAK = 8  # so that 10 times as many are 200,000 commands of each family, in its three ways

# So small that collections change their encoding all the time.
ENCODING_SETTINGS = {
    "hash-max-listpack-entries": 4, "hash-max-listpack-value": 16, "list-max-listpack-size": 4,
    "set-max-intset-entries": 4, "set-max-listpack-entries": 4, "set-max-listpack-value": 16,
    "zset-max-listpack-entries": 4, "zset-max-listpack-value": 16, "hll-sparse-max-bytes": 100,
}  # fmt: skip


def settings(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples * max(SOAK, 1),
        stateful_step_count=STEPS,
        derandomize=not SOAK,
        deadline=None,
        database=None,
        phases=PHASES,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


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
    yield server
    server.close()


def subject(**options: object) -> Server:
    if SUBJECT == "dbx":
        return DbxServer(**options)  # type: ignore[arg-type]
    server: Server = getattr(servers, SUBJECT)()
    return server


def run(
    machine: type[Machine], oracle: Server, ours: Server, examples: int, *,
    most: str | None = None, encodings: Mapping[str, int] = MappingProxyType({}),
) -> None:  # fmt: skip
    before: Mapping[str, int] = {}
    ours.start()
    try:
        families = taking_part(names_of(oracle), names_of(ours))
        if most is not None and most not in families:
            pytest.skip(f"not both servers have the family {most}")
        before = configure(oracle, encodings)
        configure(ours, encodings)
        mix = mix_of(families, most)
        pair: type[Machine] = type(
            machine.__name__, (machine,),
            {"real": oracle, "ours": ours, "mix": mix, "settings": encodings},
        )  # fmt: skip
        run_state_machine_as_test(pair, settings=settings(examples))
        print(f"{pair.sent} random commands")
    except BaseException:
        print(ours.tail())
        raise
    finally:
        configure(oracle, before)
        ours.close()


def test_random_commands_get_the_replies_of_redis(oracle: Server) -> None:
    run(Machine, oracle, subject(), EXAMPLES)


def test_random_commands_get_the_replies_of_redis_with_a_tiny_buffer(oracle: Server) -> None:
    run(Machine, oracle, subject(settings=TINY_SETTINGS, name="dbx-tiny"), EXAMPLES)


@pytest.mark.parametrize("way", ["default", "tiny buffer", "small encodings"])
@pytest.mark.parametrize("family", [family.name for family in FAMILIES.values() if family.data])
def test_commands_of_a_family_get_the_replies_of_redis(
    oracle: Server, family: str, way: str
) -> None:
    ours = subject(settings=TINY_SETTINGS if way == "tiny buffer" else {})
    encodings = ENCODING_SETTINGS if way == "small encodings" else {}
    examples = FAMILY_EXAMPLES * (FAMILY_SOAK if SOAK else 1)
    run(Machine, oracle, ours, examples, most=family, encodings=encodings)


@pytest.mark.skipif(SUBJECT != "dbx", reason="only DBX keeps its keys over a restart here")
@pytest.mark.parametrize("encodings", [{}, ENCODING_SETTINGS], ids=["default", "small encodings"])
@pytest.mark.parametrize("tiny", [False, True], ids=["default buffer", "tiny buffer"])
def test_random_restarts_and_kills_lose_nothing(
    oracle: Server, tiny: bool, encodings: Mapping[str, int]
) -> None:
    # At the start: what a start replays is encoded by the settings that hold then.
    given = {name: str(value) for name, value in encodings.items()}
    ours = subject(settings={**(TINY_SETTINGS if tiny else {}), **given})
    run(RestartingMachine, oracle, ours, RESTARTING_EXAMPLES, encodings=encodings)
