"""Commands on keys, whatever they hold."""

from __future__ import annotations

from typing import Any

from dbx.commands.base import (
    CommandsBase,
    Encodable,
    Expiry,
    Moment,
    Pattern,
    at_milliseconds,
    at_seconds,
    flags,
    milliseconds,
    seconds,
)
from dbx.errors import DataError

__all__ = ["KeyCommands"]


class KeyCommands(CommandsBase):
    def copy(
        self,
        source: Encodable,
        destination: Encodable,
        destination_db: int | str | None = None,
        replace: bool = False,
    ) -> Any:
        database = [] if destination_db is None else ["DB", destination_db]
        return self._call("COPY", source, destination, *database, *flags(replace=replace))

    def delete(self, *names: Encodable) -> Any:
        return self._call("DEL", *names)

    def dump(self, name: Encodable) -> Any:
        return self.execute_command("DUMP", name, NEVER_DECODE=[])

    def exists(self, *names: Encodable) -> Any:
        return self._call("EXISTS", *names)

    def expire(
        self,
        name: Encodable,
        time: Expiry,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        return self._call("EXPIRE", name, seconds(time), *flags(nx=nx, xx=xx, gt=gt, lt=lt))

    def expireat(
        self,
        name: Encodable,
        when: Moment,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        return self._call("EXPIREAT", name, at_seconds(when), *flags(nx=nx, xx=xx, gt=gt, lt=lt))

    def expiretime(self, key: Encodable) -> Any:
        return self._call("EXPIRETIME", key)

    def keys(self, pattern: Pattern = "*") -> Any:
        return self._call("KEYS", pattern)

    def move(self, name: Encodable, db: int) -> Any:
        return self._call("MOVE", name, db)

    def object(self, infotype: str, key: Encodable) -> Any:
        return self._call("OBJECT", infotype, key)

    def persist(self, name: Encodable) -> Any:
        return self._call("PERSIST", name)

    def pexpire(
        self,
        name: Encodable,
        time: Expiry,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        return self._call("PEXPIRE", name, milliseconds(time), *flags(nx=nx, xx=xx, gt=gt, lt=lt))

    def pexpireat(
        self,
        name: Encodable,
        when: Moment,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        words = flags(nx=nx, xx=xx, gt=gt, lt=lt)
        return self._call("PEXPIREAT", name, at_milliseconds(when), *words)

    def pexpiretime(self, key: Encodable) -> Any:
        return self._call("PEXPIRETIME", key)

    def pttl(self, name: Encodable) -> Any:
        return self._call("PTTL", name)

    def randomkey(self) -> Any:
        return self._call("RANDOMKEY")

    def rename(self, src: Encodable, dst: Encodable) -> Any:
        return self._call("RENAME", src, dst)

    def renamenx(self, src: Encodable, dst: Encodable) -> Any:
        return self._call("RENAMENX", src, dst)

    def restore(
        self,
        name: Encodable,
        ttl: float,
        value: Encodable,
        replace: bool = False,
        absttl: bool = False,
        idletime: int | None = None,
        frequency: int | None = None,
    ) -> Any:
        args: list[Encodable] = [name, ttl, value, *flags(replace=replace, absttl=absttl)]
        for word, number in (("IDLETIME", idletime), ("FREQ", frequency)):
            if number is None:
                continue
            try:
                args += [word, int(number)]
            except ValueError:
                raise DataError(f"RESTORE {word.lower()} must be an integer") from None
        return self._call("RESTORE", *args)

    def scan(
        self,
        cursor: int | str = 0,
        match: Pattern | None = None,
        count: int | None = None,
        _type: str | None = None,
    ) -> Any:
        args: list[Encodable] = [cursor]
        if match is not None:
            args += ["MATCH", match]
        if count is not None:
            args += ["COUNT", count]
        if _type is not None:
            args += ["TYPE", _type]
        return self._call("SCAN", *args)

    def sort(
        self,
        name: Encodable,
        start: int | None = None,
        num: int | None = None,
        by: Pattern | None = None,
        get: Pattern | list[Pattern] | None = None,
        desc: bool = False,
        alpha: bool = False,
        store: Encodable | None = None,
        groups: bool | None = False,
    ) -> Any:
        if (start is None) != (num is None):
            raise DataError("``start`` and ``num`` must both be specified")
        gets: list[Any] = []
        if get is not None:
            gets = [get] if isinstance(get, bytes | str) else list(get)
        args: list[Any] = [name]
        if by is not None:
            args += ["BY", by]
        if start is not None:
            args += ["LIMIT", start, num]
        for pattern in gets:
            args += ["GET", pattern]
        args += flags(desc=desc, alpha=alpha)
        if store is not None:
            args += ["STORE", store]
        if not groups:
            return self._call("SORT", *args)
        if isinstance(get, bytes | str) or len(gets) < 2:
            raise DataError(
                'when using "groups" the "get" argument must be specified and contain at least '
                "two keys"
            )
        return self.execute_command("SORT", *args, groups=len(gets))

    def sort_ro(
        self,
        key: Encodable,
        start: int | None = None,
        num: int | None = None,
        by: Pattern | None = None,
        get: Pattern | list[Pattern] | None = None,
        desc: bool = False,
        alpha: bool = False,
    ) -> Any:
        return self.sort(key, start, num, by, get, desc, alpha)

    def touch(self, *args: Encodable) -> Any:
        return self._call("TOUCH", *args)

    def ttl(self, name: Encodable) -> Any:
        return self._call("TTL", name)

    def type(self, name: Encodable) -> Any:
        return self._call("TYPE", name)

    def unlink(self, *names: Encodable) -> Any:
        return self._call("UNLINK", *names)
