"""Commands on places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dbx.commands.base import CommandsBase, Encodable, flags
from dbx.errors import DataError

__all__ = ["GeoCommands"]

UNITS = ("m", "km", "mi", "ft")


class GeoCommands(CommandsBase):
    def geoadd(
        self,
        name: Encodable,
        values: Sequence[Encodable],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
    ) -> Any:
        if nx and xx:
            raise DataError("GEOADD allows either 'nx' or 'xx', not both")
        if len(values) % 3 != 0:
            raise DataError("GEOADD requires places with lon, lat and name values")
        return self._call("GEOADD", name, *flags(nx=nx, xx=xx, ch=ch), *values)

    def geodist(
        self, name: Encodable, place1: Encodable, place2: Encodable, unit: str | None = None
    ) -> Any:
        if unit and unit not in UNITS:
            raise DataError("GEODIST invalid unit")
        return self._call("GEODIST", name, place1, place2, *([unit] if unit else []))

    def geohash(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("GEOHASH", name, *values)

    def geopos(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("GEOPOS", name, *values)

    def georadius(
        self,
        name: Encodable,
        longitude: float,
        latitude: float,
        radius: float,
        unit: str | None = None,
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: str | None = None,
        store: Encodable | None = None,
        store_dist: Encodable | None = None,
        any: bool = False,
    ) -> Any:
        args = [name, longitude, latitude, radius]
        options = _radius_options(unit, withdist, withcoord, withhash, count, sort, any)
        return self._radius("GEORADIUS", args, options, store, store_dist)

    def georadiusbymember(
        self,
        name: Encodable,
        member: Encodable,
        radius: float,
        unit: str | None = None,
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: str | None = None,
        store: Encodable | None = None,
        store_dist: Encodable | None = None,
        any: bool = False,
    ) -> Any:
        args = [name, member, radius]
        options = _radius_options(unit, withdist, withcoord, withhash, count, sort, any)
        return self._radius("GEORADIUSBYMEMBER", args, options, store, store_dist)

    def geosearch(
        self,
        name: Encodable,
        member: Encodable | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: str = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: str | None = None,
        count: int | None = None,
        any: bool = False,
        withcoord: bool = False,
        withdist: bool = False,
        withhash: bool = False,
    ) -> Any:
        where = _where(member, longitude, latitude) + _shape(unit, radius, width, height)
        shown = flags(withdist=withdist, withcoord=withcoord, withhash=withhash)
        words = [*where, *_order(sort), *_count(count, any), *shown]
        return self.execute_command("GEOSEARCH", name, *words, places=shown)

    def geosearchstore(
        self,
        dest: Encodable,
        name: Encodable,
        member: Encodable | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: str = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: str | None = None,
        count: int | None = None,
        any: bool = False,
        storedist: bool = False,
    ) -> Any:
        where = _where(member, longitude, latitude) + _shape(unit, radius, width, height)
        words = [*where, *_order(sort), *_count(count, any), *flags(storedist=storedist)]
        return self._call("GEOSEARCHSTORE", dest, name, *words)

    def _radius(
        self,
        command: str,
        args: list[Any],
        options: list[Any],
        store: Encodable | None,
        store_dist: Encodable | None,
    ) -> Any:
        if store and store_dist:
            raise DataError("GEORADIUS store and store_dist can't be set together")
        if store:
            return self._call(command, *args, *options, "STORE", store)
        if store_dist:
            return self._call(command, *args, *options, "STOREDIST", store_dist)
        return self.execute_command(command, *args, *options, places=options)


def _radius_options(
    unit: str | None,
    withdist: bool,
    withcoord: bool,
    withhash: bool,
    count: int | None,
    sort: str | None,
    any: bool,
) -> list[Any]:
    if unit and unit not in UNITS:
        raise DataError("GEORADIUS invalid unit")
    if any and count is None:
        raise DataError("``any`` can't be provided without ``count``")
    options: list[Any] = [unit or "m"]
    options += flags(withdist=withdist, withcoord=withcoord, withhash=withhash)
    if count is not None:
        options += ["COUNT", count, *flags(any=any)]
    if sort and sort not in ("ASC", "DESC"):
        raise DataError("GEORADIUS invalid sort")
    return options + ([sort] if sort else [])


def _where(
    member: Encodable | None, longitude: float | None, latitude: float | None
) -> list[Encodable]:
    if member is None and (longitude is None or latitude is None):
        raise DataError("GEOSEARCH must have member or longitude and latitude")
    words: list[Encodable] = []
    if member:
        if longitude or latitude:
            raise DataError("GEOSEARCH member and longitude or latitude can't be set together")
        words += ["FROMMEMBER", member]
    if longitude is not None and latitude is not None:
        words += ["FROMLONLAT", longitude, latitude]
    return words


def _shape(
    unit: str, radius: float | None, width: float | None, height: float | None
) -> list[Encodable]:
    if radius is None and (width is None or height is None):
        raise DataError("GEOSEARCH must have radius or width and height")
    if unit is None:
        raise DataError("GEOSEARCH must have unit")
    if unit.lower() not in UNITS:
        raise DataError("GEOSEARCH invalid unit")
    words: list[Encodable] = []
    if radius:
        if width or height:
            raise DataError("GEOSEARCH radius and width or height can't be set together")
        words += ["BYRADIUS", radius, unit]
    if width and height:
        words += ["BYBOX", width, height, unit]
    return words


def _order(sort: str | None) -> list[str]:
    if sort and sort.upper() not in ("ASC", "DESC"):
        raise DataError("GEOSEARCH invalid sort")
    return [sort.upper()] if sort else []


def _count(count: int | None, any: bool) -> list[Encodable]:
    if any and not count:
        raise DataError("GEOSEARCH ``any`` can't be provided without count")
    return ["COUNT", count, *flags(any=any)] if count else []
