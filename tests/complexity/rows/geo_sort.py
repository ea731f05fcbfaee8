"""Places all over the globe, n in one sorted set, and what SORT makes of n elements."""

from __future__ import annotations

from collections.abc import Iterator

from tests.complexity.growth import CONSTANT, LINEAR, LOGARITHMIC, Command, filled, in_turn


def _places(n: int) -> Iterator[Command]:
    for i in range(n):
        longitude, latitude = i * 137 % 3600 / 10 - 180, i * 61 % 1700 / 10 - 85
        yield ("GEOADD", "k", longitude, latitude, f"member:{i}")


_NEW = " ".join(f"{i} {i} new:{i}" for i in range(20))
_CIRCLE = "k FROMLONLAT 10 10 BYRADIUS 1000 km"

SETUPS = {
    "places": _places,
    "sorted": in_turn(
        filled("RPUSH", "k", element="{i}"), filled("ZADD", "z", element="{i} member:{i}")
    ),
}

ROWS = (
    # One in some dozens becomes a border of ranks, which costs more: twenty at a time.
    (f"GEOADD k {_NEW}", "places", LOGARITHMIC, True),
    ("GEODIST k member:0 member:{half}", "places", CONSTANT),
    ("GEOHASH k member:{half}", "places", CONSTANT),
    ("GEOPOS k member:{half} none", "places", CONSTANT),
    ("GEOSEARCH k FROMMEMBER member:{half} BYRADIUS 1 m", "places", LOGARITHMIC),
    ("GEOSEARCH k FROMMEMBER member:{half} BYBOX 1 1 m", "places", LOGARITHMIC),
    (f"GEOSEARCH {_CIRCLE}", "places", LINEAR),
    (f"GEOSEARCH {_CIRCLE} COUNT 10 ANY", "places", LOGARITHMIC),
    (f"GEOSEARCHSTORE d {_CIRCLE}", "places", LINEAR),
    ("SORT k", "sorted", LINEAR),
    ("SORT k LIMIT 0 10", "sorted", LINEAR),
    ("SORT k BY nosort LIMIT 0 10", "sorted", CONSTANT),
    ("SORT z BY nosort LIMIT 0 10", "sorted", LOGARITHMIC),
    ("SORT k BY weight_* GET #", "sorted", LINEAR),
    ("SORT k STORE d", "sorted", LINEAR),
)
