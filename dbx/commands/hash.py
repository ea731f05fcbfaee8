"""Commands on hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from dbx.commands.base import (
    CommandsBase,
    Encodable,
    Expiry,
    Moment,
    Pattern,
    at_milliseconds,
    at_seconds,
    expiry,
    flags,
    milliseconds,
    names,
    one_at_most,
    pairs,
    seconds,
)
from dbx.errors import DataError

__all__ = ["HashCommands", "HashDataPersistOptions"]


class HashDataPersistOptions(Enum):
    """When HSETEX sets: if none of the fields exist, or if all do."""

    FNX = "FNX"
    FXX = "FXX"


class HashCommands(CommandsBase):
    def hdel(self, name: Encodable, *keys: Encodable) -> Any:
        return self._call("HDEL", name, *keys)

    def hexists(self, name: Encodable, key: Encodable) -> Any:
        return self._call("HEXISTS", name, key)

    def hget(self, name: Encodable, key: Encodable) -> Any:
        return self._call("HGET", name, key)

    def hgetall(self, name: Encodable) -> Any:
        return self._call("HGETALL", name)

    def hgetdel(self, name: Encodable, *keys: Encodable) -> Any:
        if not keys:
            raise DataError("'hgetdel' should have at least one key provided")
        return self._call("HGETDEL", name, "FIELDS", len(keys), *keys)

    def hgetex(
        self,
        name: Encodable,
        *keys: Encodable,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Any:
        if not keys:
            raise DataError("'hgetex' should have at least one key provided")
        one_at_most(
            "``ex``, ``px``, ``exat``, ``pxat``, and ``persist`` are mutually exclusive.",
            *(option is not None for option in (ex, px, exat, pxat)),
            persist,
        )
        options = [*expiry(ex, px, exat, pxat), *flags(persist=persist)]
        return self._call("HGETEX", name, *options, "FIELDS", len(keys), *keys)

    def hincrby(self, name: Encodable, key: Encodable, amount: int = 1) -> Any:
        return self._call("HINCRBY", name, key, amount)

    def hincrbyfloat(self, name: Encodable, key: Encodable, amount: float = 1.0) -> Any:
        return self._call("HINCRBYFLOAT", name, key, amount)

    def hkeys(self, name: Encodable) -> Any:
        return self._call("HKEYS", name)

    def hlen(self, name: Encodable) -> Any:
        return self._call("HLEN", name)

    def hset(
        self,
        name: Encodable,
        key: Encodable | None = None,
        value: Encodable | None = None,
        mapping: Mapping[Any, Encodable] | None = None,
        items: Sequence[Encodable] | None = None,
    ) -> Any:
        if key is None and not mapping and not items:
            raise DataError("'hset' with no key value pairs")
        return self._call("HSET", name, *_fields(key, value, mapping, items))

    def hsetex(
        self,
        name: Encodable,
        key: Encodable | None = None,
        value: Encodable | None = None,
        mapping: Mapping[Any, Encodable] | None = None,
        items: Sequence[Encodable] | None = None,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        data_persist_option: Enum | None = None,
        keepttl: bool = False,
    ) -> Any:
        if key is None and not mapping and not items:
            raise DataError("'hsetex' with no key value pairs")
        if items and len(items) % 2 != 0:
            raise DataError(
                "'hsetex' with odd number of items. 'items' must contain a list of key/value pairs."
            )
        one_at_most(
            "``ex``, ``px``, ``exat``, ``pxat``, and ``keepttl`` are mutually exclusive.",
            *(option is not None for option in (ex, px, exat, pxat)),
            keepttl,
        )
        options = expiry(ex, px, exat, pxat)
        if data_persist_option:
            options.append(data_persist_option.value)
        options += flags(keepttl=keepttl)
        fields = _fields(key, value, mapping, items)
        return self._call("HSETEX", name, *options, "FIELDS", len(fields) // 2, *fields)

    def hsetnx(self, name: Encodable, key: Encodable, value: Encodable) -> Any:
        return self._call("HSETNX", name, key, value)

    def hmset(self, name: Encodable, mapping: Mapping[Any, Encodable]) -> Any:
        if not mapping:
            raise DataError("'hmset' with 'mapping' of length 0")
        return self._call("HMSET", name, *pairs(mapping))

    def hmget(
        self, name: Encodable, keys: Encodable | Iterable[Encodable], *args: Encodable
    ) -> Any:
        return self._call("HMGET", name, *names(keys, args))

    def hvals(self, name: Encodable) -> Any:
        return self._call("HVALS", name)

    def hstrlen(self, name: Encodable, key: Encodable) -> Any:
        return self._call("HSTRLEN", name, key)

    def hrandfield(self, key: Encodable, count: int | None = None, withvalues: bool = False) -> Any:
        counted = [] if count is None else [count]
        return self.execute_command(
            "HRANDFIELD", key, *counted, *flags(withvalues=withvalues), withvalues=withvalues
        )

    def hscan(
        self,
        name: Encodable,
        cursor: int = 0,
        match: Pattern | None = None,
        count: int | None = None,
        no_values: bool | None = None,
    ) -> Any:
        pieces: list[Encodable] = [name, cursor]
        if match is not None:
            pieces += ["MATCH", match]
        if count is not None:
            pieces += ["COUNT", count]
        if no_values is not None:
            pieces.append("NOVALUES")
        return self.execute_command("HSCAN", *pieces, no_values=no_values)

    # --- When fields expire ---

    def hexpire(
        self,
        name: Encodable,
        seconds: Expiry,
        *fields: Encodable,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        when = _seconds(seconds)
        return self._hash_expire("HEXPIRE", name, when, fields, nx, xx, gt, lt)

    def hpexpire(
        self,
        name: Encodable,
        milliseconds: Expiry,
        *fields: Encodable,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        when = _milliseconds(milliseconds)
        return self._hash_expire("HPEXPIRE", name, when, fields, nx, xx, gt, lt)

    def hexpireat(
        self,
        name: Encodable,
        unix_time_seconds: Moment,
        *fields: Encodable,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        when = at_seconds(unix_time_seconds)
        return self._hash_expire("HEXPIREAT", name, when, fields, nx, xx, gt, lt)

    def hpexpireat(
        self,
        name: Encodable,
        unix_time_milliseconds: Moment,
        *fields: Encodable,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        when = at_milliseconds(unix_time_milliseconds)
        return self._hash_expire("HPEXPIREAT", name, when, fields, nx, xx, gt, lt)

    def _hash_expire(
        self,
        command: str,
        name: Encodable,
        when: int,
        fields: tuple[Encodable, ...],
        nx: bool,
        xx: bool,
        gt: bool,
        lt: bool,
    ) -> Any:
        if sum((nx, xx, gt, lt)) > 1:
            raise ValueError("Only one of 'nx', 'xx', 'gt', 'lt' can be specified.")
        condition = flags(nx=nx, xx=xx, gt=gt, lt=lt)
        return self._call(command, name, when, *condition, "FIELDS", len(fields), *fields)

    def hpersist(self, name: Encodable, *fields: Encodable) -> Any:
        return self._call("HPERSIST", name, "FIELDS", len(fields), *fields)

    def hexpiretime(self, key: Encodable, *fields: Encodable) -> Any:
        return self._call("HEXPIRETIME", key, "FIELDS", len(fields), *fields)

    def hpexpiretime(self, key: Encodable, *fields: Encodable) -> Any:
        return self._call("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)

    def httl(self, key: Encodable, *fields: Encodable) -> Any:
        return self._call("HTTL", key, "FIELDS", len(fields), *fields)

    def hpttl(self, key: Encodable, *fields: Encodable) -> Any:
        return self._call("HPTTL", key, "FIELDS", len(fields), *fields)


# Their names are those of arguments above.
_seconds, _milliseconds = seconds, milliseconds


def _fields(
    key: Encodable | None,
    value: Encodable | None,
    mapping: Mapping[Any, Encodable] | None,
    items: Sequence[Encodable] | None,
) -> list[Any]:
    fields: list[Any] = list(items or ())
    if key is not None:
        fields += [key, value]
    return fields + pairs(mapping or {})
