"""redis-py's methods for places: the same calls on redis-py with a real server and on DBX, alone,
in a pipeline and with asyncio, return the same values."""

from __future__ import annotations

import pytest

from tests.support import sameness
from tests.support.servers import RedisServer

HERE = {"longitude": 15.0, "latitude": 37.0}

CALLS: tuple[sameness.Call, ...] = (
    lambda c: c.geoadd("g", (13.361389, 38.115556, "Palermo")),
    lambda c: c.geoadd("g", (15.087269, 37.502669, "Catania", 14.25, 40.85, "Napoli"), ch=True),
    lambda c: c.geoadd("g", (1.0, 1.0, "none"), xx=True),
    lambda c: c.geoadd("g", (1.0, 1.0, "Palermo"), nx=True),
    lambda c: c.geodist("g", "Palermo", "Catania"),
    lambda c: c.geodist("g", "Palermo", "Catania", "km"),
    lambda c: c.geodist("g", "Palermo", "none"),
    lambda c: c.geohash("g", "Palermo", "none"),
    lambda c: c.geopos("g", "Palermo", "none"),
    lambda c: c.geosearch("g", radius=200, unit="km", sort="ASC", **HERE),
    lambda c: c.geosearch("g", member="Catania", width=400, height=400, unit="km", sort="DESC"),
    lambda c: c.geosearch(
        "g", radius=200, unit="km", sort="ASC", withdist=True, withcoord=True, withhash=True, **HERE
    ),
    lambda c: c.geosearch("g", radius=200, unit="km", sort="ASC", withdist=True, count=1, **HERE),
    lambda c: c.geosearch("g", radius=200, unit="km", count=1, any=True, **HERE),
    lambda c: c.geosearch("none", radius=200, unit="km", **HERE),
    lambda c: c.geosearchstore("d", "g", radius=200, unit="km", **HERE),
    lambda c: c.geosearchstore("e", "g", radius=200, unit="km", storedist=True, **HERE),
    lambda c: c.zrange("e", 0, -1),
    lambda c: c.georadius("g", 15, 37, 200, unit="km", sort="ASC", withdist=True),
    lambda c: c.georadius("g", 15, 37, 200, unit="km", store="s"),
    lambda c: c.georadius("g", 15, 37, 200, unit="km", store_dist="s"),
    lambda c: c.georadiusbymember("g", "Catania", 200, unit="km", sort="ASC", withcoord=True),
    lambda c: c.georadiusbymember("g", "Catania", 200, unit="km", sort="ASC", count=1),
)


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    answered = sameness.check(CALLS, redis8, decode)
    assert {type(value) for value in answered} >= {int, float, list, type(None)}
