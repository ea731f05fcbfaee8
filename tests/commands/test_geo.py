"""Places: adding them, asking about them, searching."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_A_FLOAT, SYNTAX, WRONG_TYPE, error
from tests.commands.test_zset import INLINE, everything, setting

pytestmark = pytest.mark.tiny_buffer

PALERMO, CATANIA, ROME = b"Palermo", b"Catania", b"Rome"
UNITS = "unsupported unit provided. please use M, KM, FT, MI"


@pytest.fixture
def sicily(r: Any) -> Any:
    places = (13.361389, 38.115556, PALERMO, 15.087269, 37.502669, CATANIA)
    r.execute_command("GEOADD", "places", *places)
    r.execute_command("GEOADD", "places", 12.496366, 41.902782, ROME)
    return r


def points(reply: Any) -> list[tuple[float, float] | None]:
    return [None if point is None else (float(point[0]), float(point[1])) for point in reply]


def test_places_are_members_whose_scores_are_geohashes(sicily: Any) -> None:
    r = sicily
    assert everything(r, "places") == [
        (PALERMO, 3479099956230698), (CATANIA, 3479447370796909), (ROME, 3480343273965236),
    ]  # fmt: skip
    assert r.execute_command("GEOADD", "places", "NX", 1, 1, PALERMO, 2, 2, "new") == 1
    assert r.execute_command("GEOADD", "places", "XX", "CH", 2, 3, "new", 1, 1, "other") == 1
    assert r.execute_command("ZCARD", "places") == 4


def test_places_that_are_none_are_refused(r: Any) -> None:
    pair = "invalid longitude,latitude pair"
    assert error(r, "GEOADD", "p", 181, 0, "x") == f"{pair} 181.000000,0.000000"
    assert error(r, "GEOADD", "p", 1, 1, "a", 0, -86, "x") == f"{pair} 0.000000,-86.000000"
    assert error(r, "GEOADD", "p", "x", 0, "x") == NOT_A_FLOAT
    assert error(r, "GEOADD", "p", 1, 2, "a", 3) == SYNTAX
    assert error(r, "GEOADD", "p", "NX", "XX", 1, 2, "a") == SYNTAX
    assert r.execute_command("EXISTS", "p") == 0


def test_what_is_known_of_places(sicily: Any) -> None:
    r = sicily
    hashes = r.execute_command("GEOHASH", "places", PALERMO, "none", CATANIA)
    assert [h if h is None else bytes(h, "ascii") if isinstance(h, str) else h for h in hashes] == [
        b"sqc8b49rny0", None, b"sqdtr74hyu0",
    ]  # fmt: skip
    assert points(r.execute_command("GEOPOS", "places", PALERMO, "none")) == [
        (13.361389338970184, 38.1155563954963), None,
    ]  # fmt: skip
    assert r.execute_command("GEOPOS", "none", "x") == [None]
    assert r.execute_command("GEOPOS", "places") == []
    assert float(r.execute_command("GEODIST", "places", PALERMO, CATANIA)) == 166274.1516
    for unit, distance in (("km", 166.2742), ("mi", 103.3182), ("FT", 545518.8700)):
        assert float(r.execute_command("GEODIST", "places", PALERMO, CATANIA, unit)) == distance
    assert r.execute_command("GEODIST", "places", PALERMO, "none") is None
    assert r.execute_command("GEODIST", "none", PALERMO, CATANIA) is None
    assert error(r, "GEODIST", "places", PALERMO, CATANIA, "x") == UNITS
    assert error(r, "GEODIST", "places", PALERMO, CATANIA, "m", "x") == SYNTAX


def test_searches(sicily: Any) -> None:
    r = sicily
    here = ("FROMLONLAT", 15, 37)
    for call, expected in (
        ((*here, "BYRADIUS", 200, "km", "ASC"), [CATANIA, PALERMO]),
        ((*here, "BYRADIUS", 200, "km", "DESC"), [PALERMO, CATANIA]),
        ((*here, "BYRADIUS", 100, "km"), [CATANIA]),
        ((*here, "BYBOX", 400, 400, "km", "ASC"), [CATANIA, PALERMO]),
        ((*here, "BYBOX", 50, 50, "km"), []),
        (("FROMMEMBER", ROME, "BYRADIUS", 1, "m"), [ROME]),
        (("FROMMEMBER", ROME, "BYRADIUS", 1000, "km", "ASC", "COUNT", 2), [ROME, PALERMO]),
        (("BYRADIUS", 1000, "km", "FROMMEMBER", ROME, "COUNT", 1, "ANY"), None),
    ):
        found = r.execute_command("GEOSEARCH", "places", *call)
        assert len(found) == 1 if expected is None else found == expected
    (place, distance, score, point), *more = r.execute_command(
        "GEOSEARCH", "places", *here, "BYRADIUS", 200, "km", "ASC", "WITHCOORD", "WITHDIST",
        "WITHHASH",
    )  # fmt: skip
    assert (place, float(distance), score) == (CATANIA, 56.4413, 3479447370796909)
    assert points([point]) == [(15.087267458438873, 37.50266842333162)]
    assert len(more) == 1
    assert r.execute_command("GEOSEARCH", "none", *here, "BYRADIUS", 1, "km") == []


def test_searches_are_stored(sicily: Any) -> None:
    r = sicily
    search = ("FROMLONLAT", 15, 37, "BYRADIUS", 200, "km")
    assert r.execute_command("GEOSEARCHSTORE", "found", "places", *search) == 2
    assert everything(r, "found") == everything(r, "places")[:2]
    assert r.execute_command("GEOSEARCHSTORE", "found", "places", *search, "STOREDIST") == 2
    near, far = everything(r, "found")
    assert near[0] == CATANIA and round(near[1], 4) == 56.4413
    assert far[0] == PALERMO and round(far[1], 4) == 190.4424
    assert r.execute_command("GEOSEARCHSTORE", "found", "none", *search) == 0
    assert r.execute_command("EXISTS", "found") == 0
    circle = (15, 37, 200, "km")
    assert r.execute_command("GEORADIUS", "places", *circle, "STORE", "found") == 2
    assert r.execute_command("ZCARD", "found") == 2
    around = ("places", ROME, 1, "km", "STOREDIST", "found")
    assert r.execute_command("GEORADIUSBYMEMBER", *around) == 1
    assert everything(r, "found") == [(ROME, 0)]


def test_the_older_searches(sicily: Any) -> None:
    r = sicily
    for name in ("GEORADIUS", "GEORADIUS_RO"):
        found = r.execute_command(name, "places", 15, 37, 200, "km", "WITHDIST", "ASC")
        assert [(place, float(d)) for place, d in found] == [
            (CATANIA, 56.4413),
            (PALERMO, 190.4424),
        ]
    for name in ("GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO"):
        assert r.execute_command(name, "places", PALERMO, 200, "km", "DESC") == [CATANIA, PALERMO]
        wanted = "could not decode requested zset member"
        assert error(r, name, "places", "none", 200, "km") == wanted
        assert r.execute_command(name, "none", "none", 200, "km") == []
    assert error(r, "GEORADIUS_RO", "places", 15, 37, 200, "km", "STORE", "x") == SYNTAX
    assert error(r, "GEORADIUSBYMEMBER_RO", "places", ROME, 1, "km", "STORE", "x") == SYNTAX


def test_searches_that_do_not_fit_together_are_refused(sicily: Any) -> None:
    r = sicily
    for call, expected in (
        (("FROMLONLAT", 1, 1, "BYRADIUS", "x", "km"), "need numeric radius"),
        (("FROMLONLAT", 1, 1, "BYRADIUS", -1, "km"), "radius cannot be negative"),
        (("FROMLONLAT", 1, 1, "BYRADIUS", 1, "x"), UNITS),
        (("FROMLONLAT", 1, 1, "BYBOX", "x", 1, "km"), "need numeric width"),
        (("FROMLONLAT", 1, 1, "BYBOX", 1, "x", "km"), "need numeric height"),
        (("FROMLONLAT", 1, 1, "BYBOX", 1, -1, "km"), "height or width cannot be negative"),
        (("BYBOX", 1, 1, "km", "BYRADIUS", 1, "km"),
         "exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH"),
        (("FROMLONLAT", 1, 1, "ASC", "DESC", "WITHDIST"),
         "exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH"),
        (("FROMLONLAT", 1, 1, "BYRADIUS", 1, "km", "COUNT", 0), "COUNT must be > 0"),
        (("FROMLONLAT", 1, 1, "BYRADIUS", 1, "km", "ANY"),
         "the ANY argument requires COUNT argument"),
        (("FROMMEMBER", "x", "BYRADIUS", 1, "km"), "could not decode requested zset member"),
    ):  # fmt: skip
        assert error(r, "GEOSEARCH", "places", *call) == expected
    stored = "STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD"
    call = ("GEORADIUS", "places", 1, 1, 1, "km", "WITHDIST", "STORE", "x")
    assert error(r, *call) == f"{stored} options"


def test_another_type_is_refused(r: Any) -> None:
    r.set("s", "x")
    for call in (
        ("GEOADD", "s", 1, 1, "a"), ("GEODIST", "s", "a", "b"), ("GEOHASH", "s", "a"),
        ("GEOPOS", "s", "a"), ("GEOSEARCH", "s", "FROMLONLAT", 1, 1, "BYRADIUS", 1, "m"),
        ("GEOSEARCHSTORE", "d", "s", "FROMLONLAT", 1, 1, "BYRADIUS", 1, "m"),
        ("GEORADIUS", "s", 1, 1, 1, "m"), ("GEORADIUSBYMEMBER", "s", "a", 1, "m"),
    ):  # fmt: skip
        assert error(r, *call) == WRONG_TYPE


@pytest.mark.parametrize("inline", [0, 1024])
def test_a_search_finds_what_a_walk_over_all_places_finds(r: Any, inline: int) -> None:
    rand = random.Random(3)
    with setting(r, INLINE, inline):
        for i in range(200):
            place = (rand.uniform(-180, 180), rand.uniform(-85, 85), f"p{i}")
            r.execute_command("GEOADD", "g", *place)
        for _ in range(15):
            center, radius = f"p{rand.randrange(200)}", rand.choice((10, 500, 2000, 9000))
            search = ("FROMMEMBER", center, "BYRADIUS", radius, "km")
            found = set(r.execute_command("GEOSEARCH", "g", *search))
            near = {
                b"p%d" % i
                for i in range(200)
                if float(r.execute_command("GEODIST", "g", center, f"p{i}", "km")) <= radius
            }
            assert found == near
