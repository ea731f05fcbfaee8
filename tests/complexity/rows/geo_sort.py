"""Places in a grid, n in one sorted set, and what SORT makes of n elements."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tests.complexity.growth import CONSTANT, LINEAR, LOGARITHMIC, Command, filled, in_turn

STEP = 0.004  # degrees: 400 m


def _places(n: int) -> Iterator[Command]:
    """As dense whatever n is, in a square around 0, 0: what searches go through depends on that."""
    side = math.isqrt(n) + 1
    for i in range(n):
        row, column = divmod(i, side)
        longitude, latitude = (column - side / 2) * STEP, (row - side / 2) * STEP
        yield ("GEOADD", "k", longitude, latitude, f"member:{i}")


_NEW = " ".join(f"{i} {i} new:{i}" for i in range(20))
_CIRCLE = "k FROMLONLAT 0 0 BYRADIUS 1000 km"
_TOWN = "k FROMLONLAT 0 0 BYRADIUS 2 km"

SETUPS = {
    "places": _places,
    # Long enough that a thousand do not lie in the key's record.
    "sorted": in_turn(
        filled("RPUSH", "k", element="{i:09}"), filled("ZADD", "z", element="{i} member:{i}")
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
    (f"GEOSEARCH {_TOWN}", "places", LOGARITHMIC),
    (f"GEOSEARCHSTORE d {_CIRCLE}", "places", LINEAR),
    ("SORT k", "sorted", LINEAR),
    ("SORT k LIMIT 0 10", "sorted", LINEAR),
    ("SORT k BY nosort LIMIT 0 10", "sorted", CONSTANT),
    ("SORT z BY nosort LIMIT 0 10", "sorted", LOGARITHMIC),
    ("SORT k BY weight_* GET #", "sorted", LINEAR),
    ("SORT k STORE d", "sorted", LINEAR),
)
