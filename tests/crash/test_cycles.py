"""Any commands, kill -9 at any moment, starts killed as well: nothing acknowledged is lost, nothing
is there in part, and nothing else is there.

    make crash COUNT=1000 SEED=7

It ends with figures of what the kills struck: by `INFO store` as of milliseconds before, and by
what the directory holds afterwards.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.crash.connections import Child, RespServer
from tests.crash.harness import Harness

CYCLES = int(os.environ.get("DBX_CRASH_COUNT", "30"))
SEED = os.environ.get("DBX_CRASH_SEED")
SHARES = {RespServer: 0.7, Child: 0.3}
MANY = 300  # cycles, of which some strike wherever they can:
STRUCK = (
    "kills: during an apply", "kills: while a segment was made ready",
    "starts killed: before they had the directory", "starts killed: while they opened and replayed",
    "starts killed: after their replay", "groups: of several frames", "in flight: sent, groups",
)  # fmt: skip


@pytest.mark.parametrize("kind", SHARES, ids=["server", "in-process"])
def test_nothing_acknowledged_is_lost_and_nothing_happens_in_part(
    kind: type[RespServer] | type[Child],
) -> None:
    if kind is Child and "DBX_TEST_SERVER" in os.environ:
        pytest.skip("the server under test is another one")
    seed = int(SEED) if SEED else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    harness = Harness(kind(), seed)
    try:
        harness.run(round(CYCLES * SHARES[kind]))
    finally:
        harness.close()
    assert harness.figures["calls"] > 0
    if CYCLES >= MANY:
        assert [name for name in STRUCK if harness.figures[name] == 0] == []
