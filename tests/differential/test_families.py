"""Random commands, most of one family, get the same replies and leave the same keyspace as on a
real Redis: by default, with a tiny write buffer, and with collections that change their encoding
all the time. test_machine.py says what can be chosen.
"""

from __future__ import annotations

import pytest

from tests.differential.families import FAMILIES
from tests.differential.machine import SOAK, run, seeded
from tests.differential.subject import ENCODING_SETTINGS, NONE, paired, subject
from tests.support.servers import Server
from tests.support.ways import TINY_SETTINGS

COMMANDS = 7_000 * SOAK or 1_000  # of a family in each of the three ways; 10 make 200,000 in all
WAYS = ("default", "tiny buffer", "small encodings")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", [family.name for family in FAMILIES.values() if family.data])
def test_commands_of_a_family_get_the_replies_of_redis(
    oracle: Server, family: str, way: str, request: pytest.FixtureRequest
) -> None:
    ours = subject(settings=TINY_SETTINGS if way == "tiny buffer" else {})
    encodings = ENCODING_SETTINGS if way == "small encodings" else NONE
    with paired(oracle, ours, most=family, encodings=encodings) as (pair, mix):
        run(pair, mix, seeded(request.node.name), COMMANDS)
