"""Commands on lists."""

from __future__ import annotations

from typing import Any

from dbx.commands.base import CommandsBase, Encodable

__all__ = ["ListCommands"]


class ListCommands(CommandsBase):
    def lindex(self, name: Encodable, index: int) -> Any:
        return self._call("LINDEX", name, index)

    def linsert(self, name: Encodable, where: str, refvalue: Encodable, value: Encodable) -> Any:
        return self._call("LINSERT", name, where, refvalue, value)

    def llen(self, name: Encodable) -> Any:
        return self._call("LLEN", name)

    def lmove(
        self,
        first_list: Encodable,
        second_list: Encodable,
        src: str = "LEFT",
        dest: str = "RIGHT",
    ) -> Any:
        return self._call("LMOVE", first_list, second_list, src, dest)

    def lmpop(
        self,
        num_keys: int,
        *args: Encodable,
        direction: str,
        count: int | None = 1,
    ) -> Any:
        wanted = [] if count == 1 else ["COUNT", count]
        return self._call("LMPOP", num_keys, *args, direction, *wanted)

    def lpop(self, name: Encodable, count: int | None = None) -> Any:
        return self._call("LPOP", name) if count is None else self._call("LPOP", name, count)

    def lpos(
        self,
        name: Encodable,
        value: Encodable,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
    ) -> Any:
        options: list[Encodable] = []
        for word, given in (("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen)):
            if given is not None:
                options += [word, given]
        return self._call("LPOS", name, value, *options)

    def lpush(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("LPUSH", name, *values)

    def lpushx(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("LPUSHX", name, *values)

    def lrange(self, name: Encodable, start: int, end: int) -> Any:
        return self._call("LRANGE", name, start, end)

    def lrem(self, name: Encodable, count: int, value: Encodable) -> Any:
        return self._call("LREM", name, count, value)

    def lset(self, name: Encodable, index: int, value: Encodable) -> Any:
        return self._call("LSET", name, index, value)

    def ltrim(self, name: Encodable, start: int, end: int) -> Any:
        return self._call("LTRIM", name, start, end)

    def rpop(self, name: Encodable, count: int | None = None) -> Any:
        return self._call("RPOP", name) if count is None else self._call("RPOP", name, count)

    def rpoplpush(self, src: Encodable, dst: Encodable) -> Any:
        return self._call("RPOPLPUSH", src, dst)

    def rpush(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("RPUSH", name, *values)

    def rpushx(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("RPUSHX", name, *values)
