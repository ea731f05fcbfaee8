"""Commands on sets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbx.commands.base import CommandsBase, Encodable, Pattern, names

__all__ = ["SetCommands"]

Keys = Encodable | Iterable[Encodable]


class SetCommands(CommandsBase):
    def sadd(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("SADD", name, *values)

    def scard(self, name: Encodable) -> Any:
        return self._call("SCARD", name)

    def sdiff(self, keys: Keys, *args: Encodable) -> Any:
        return self._call("SDIFF", *names(keys, args))

    def sdiffstore(self, dest: Encodable, keys: Keys, *args: Encodable) -> Any:
        return self._call("SDIFFSTORE", dest, *names(keys, args))

    def sinter(self, keys: Keys, *args: Encodable) -> Any:
        return self._call("SINTER", *names(keys, args))

    def sintercard(self, numkeys: int, keys: Iterable[Encodable], limit: int = 0) -> Any:
        return self._call("SINTERCARD", numkeys, *keys, "LIMIT", limit)

    def sinterstore(self, dest: Encodable, keys: Keys, *args: Encodable) -> Any:
        return self._call("SINTERSTORE", dest, *names(keys, args))

    def sismember(self, name: Encodable, value: Encodable) -> Any:
        return self._call("SISMEMBER", name, value)

    def smembers(self, name: Encodable) -> Any:
        return self._call("SMEMBERS", name)

    def smismember(self, name: Encodable, values: Keys, *args: Encodable) -> Any:
        return self._call("SMISMEMBER", name, *names(values, args))

    def smove(self, src: Encodable, dst: Encodable, value: Encodable) -> Any:
        return self._call("SMOVE", src, dst, value)

    def spop(self, name: Encodable, count: int | None = None) -> Any:
        return self._call("SPOP", name, *([] if count is None else [count]))

    def srandmember(self, name: Encodable, number: int | None = None) -> Any:
        return self._call("SRANDMEMBER", name, *([] if number is None else [number]))

    def srem(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("SREM", name, *values)

    def sscan(
        self,
        name: Encodable,
        cursor: int | str = 0,
        match: Pattern | None = None,
        count: int | None = None,
    ) -> Any:
        args: list[Encodable] = [name, cursor]
        if match is not None:
            args += ["MATCH", match]
        if count is not None:
            args += ["COUNT", count]
        return self._call("SSCAN", *args)

    def sunion(self, keys: Keys, *args: Encodable) -> Any:
        return self._call("SUNION", *names(keys, args))

    def sunionstore(self, dest: Encodable, keys: Keys, *args: Encodable) -> Any:
        return self._call("SUNIONSTORE", dest, *names(keys, args))
