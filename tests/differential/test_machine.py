"""Random commands of all families get the same replies and leave the same keyspace as on a real
Redis, over restarts too.

`make test` runs a fixed selection; DBX_SOAK=n runs many times more, different each time.
DBX_ORACLE=redis7 (or valkey8) compares with that server instead of Redis 8.0. With
DBX_TEST_SUBJECT=redis8 (or valkey8, redis7) that server stands in for DBX: a check of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.differential.machine import SOAK, run, seeded
from tests.differential.steps import Restart
from tests.differential.subject import ENCODING_SETTINGS, NONE, SUBJECT, paired, subject
from tests.support.servers import Server
from tests.support.ways import TINY_SETTINGS

COMMANDS = 30_000 * SOAK or 6_000
RESTARTING_COMMANDS = 5_000 * SOAK or 1_500


@pytest.mark.parametrize("settings", [{}, TINY_SETTINGS], ids=["default", "tiny buffer"])
def test_random_commands_get_the_replies_of_redis(
    oracle: Server, settings: Mapping[str, str], request: pytest.FixtureRequest
) -> None:
    with paired(oracle, subject(settings=settings)) as (pair, mix):
        run(pair, mix, seeded(request.node.name), COMMANDS)


@pytest.mark.skipif(SUBJECT != "dbx", reason="only DBX keeps its keys over a restart here")
@pytest.mark.parametrize("encodings", [NONE, ENCODING_SETTINGS], ids=["default", "small encodings"])
@pytest.mark.parametrize("tiny", [False, True], ids=["default buffer", "tiny buffer"])
def test_random_restarts_and_kills_lose_nothing(
    oracle: Server, tiny: bool, encodings: Mapping[str, int], request: pytest.FixtureRequest
) -> None:
    # At the start: what a start replays is encoded by the settings that hold then.
    given = {name: str(value) for name, value in encodings.items()}
    ours = subject(settings={**(TINY_SETTINGS if tiny else {}), **given})
    with paired(oracle, ours, encodings=encodings) as (pair, mix):
        run(pair, mix, seeded(request.node.name), RESTARTING_COMMANDS, [Restart] * 4)
