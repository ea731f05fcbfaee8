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

    def touch(self, *args: Encodable) -> Any:
        return self._call("TOUCH", *args)

    def ttl(self, name: Encodable) -> Any:
        return self._call("TTL", name)

    def type(self, name: Encodable) -> Any:
        return self._call("TYPE", name)

    def unlink(self, *names: Encodable) -> Any:
        return self._call("UNLINK", *names)
