"""Commands on strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dbx.commands.base import (
    CommandsBase,
    Encodable,
    Expiry,
    Moment,
    expiry,
    flags,
    milliseconds,
    names,
    one_at_most,
    pairs,
    seconds,
)

__all__ = ["StringCommands"]


class StringCommands(CommandsBase):
    def append(self, key: Encodable, value: Encodable) -> Any:
        return self._call("APPEND", key, value)

    def decr(self, name: Encodable, amount: int = 1) -> Any:
        return self._call("DECRBY", name, amount)

    decrby = decr

    def get(self, name: Encodable) -> Any:
        return self._call("GET", name)

    def getdel(self, name: Encodable) -> Any:
        return self._call("GETDEL", name)

    def getex(
        self,
        name: Encodable,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Any:
        one_at_most(
            "``ex``, ``px``, ``exat``, ``pxat``, and ``persist`` are mutually exclusive.",
            *(option is not None for option in (ex, px, exat, pxat)),
            persist,
        )
        return self._call("GETEX", name, *expiry(ex, px, exat, pxat), *flags(persist=persist))

    def getrange(self, key: Encodable, start: int, end: int) -> Any:
        return self._call("GETRANGE", key, start, end)

    def getset(self, name: Encodable, value: Encodable) -> Any:
        return self._call("GETSET", name, value)

    def incr(self, name: Encodable, amount: int = 1) -> Any:
        return self._call("INCRBY", name, amount)

    incrby = incr

    def incrbyfloat(self, name: Encodable, amount: float = 1.0) -> Any:
        return self._call("INCRBYFLOAT", name, amount)

    def lcs(
        self,
        key1: Encodable,
        key2: Encodable,
        len: bool | None = False,
        idx: bool | None = False,
        minmatchlen: int | None = 0,
        withmatchlen: bool | None = False,
    ) -> Any:
        args: list[Encodable] = [key1, key2, *flags(len=bool(len), idx=bool(idx))]
        if minmatchlen is not None and minmatchlen != 0:
            args += ["MINMATCHLEN", minmatchlen]
        return self._call("LCS", *args, *flags(withmatchlen=bool(withmatchlen)))

    def mget(self, keys: Encodable | Iterable[Encodable], *args: Encodable) -> Any:
        wanted = names(keys, args)
        if not wanted:
            return self.execute_command("MGET", empty=[])
        return self._call("MGET", *wanted)

    def mset(self, mapping: Mapping[Any, Encodable]) -> Any:
        return self._call("MSET", *pairs(mapping))

    def msetnx(self, mapping: Mapping[Any, Encodable]) -> Any:
        return self._call("MSETNX", *pairs(mapping))

    def psetex(self, name: Encodable, time_ms: Expiry, value: Encodable) -> Any:
        return self._call("PSETEX", name, milliseconds(time_ms), value)

    def set(
        self,
        name: Encodable,
        value: Encodable,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        get: bool = False,
        exat: Moment | None = None,
        pxat: Moment | None = None,
    ) -> Any:
        if (
            ex is None
            and px is None
            and exat is None
            and pxat is None
            and not (nx or xx or keepttl or get)
        ):
            return self._call("SET", name, value)
        one_at_most(
            "``ex``, ``px``, ``exat``, ``pxat``, and ``keepttl`` are mutually exclusive.",
            *(option is not None for option in (ex, px, exat, pxat)),
            keepttl,
        )
        one_at_most("``nx`` and ``xx`` are mutually exclusive.", nx, xx)
        options = [
            *expiry(ex, px, exat, pxat),
            *flags(keepttl=keepttl, nx=nx, xx=xx, get=get),
        ]
        if get:
            return self.execute_command("SET", name, value, *options, get=True)
        return self._call("SET", name, value, *options)

    def setex(self, name: Encodable, time: Expiry, value: Encodable) -> Any:
        return self._call("SETEX", name, seconds(time), value)

    def setnx(self, name: Encodable, value: Encodable) -> Any:
        return self._call("SETNX", name, value)

    def setrange(self, name: Encodable, offset: int, value: Encodable) -> Any:
        return self._call("SETRANGE", name, offset, value)

    def strlen(self, name: Encodable) -> Any:
        return self._call("STRLEN", name)

    def substr(self, name: Encodable, start: int, end: int = -1) -> Any:
        return self._call("SUBSTR", name, start, end)
