"""Commands on sorted sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dbx.commands.base import CommandsBase, Encodable, Pattern, flags
from dbx.errors import DataError

__all__ = ["SortedSetCommands"]

Keys = Encodable | Iterable[Encodable]
Weighed = Sequence[Encodable] | Mapping[Any, float]
Cast = type | Callable[..., Any]
Bound = float | str


def _limit(start: int | None, num: int | None, names: str) -> list[Encodable]:
    if (start is None) != (num is None):
        raise DataError(f"{names} must both be specified")
    return [] if start is None or num is None else ["LIMIT", start, num]


class SortedSetCommands(CommandsBase):
    def zadd(
        self,
        name: Encodable,
        mapping: Mapping[Any, Encodable],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        incr: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        if not mapping:
            raise DataError("ZADD requires at least one element/score pair")
        if nx and xx:
            raise DataError("ZADD allows either 'nx' or 'xx', not both")
        if gt and lt:
            raise DataError("ZADD allows either 'gt' or 'lt', not both")
        if incr and len(mapping) != 1:
            raise DataError(
                "ZADD option 'incr' only works when passing a single element/score pair"
            )
        if nx and (gt or lt):
            raise DataError("Only one of 'nx', 'lt', or 'gr' may be defined.")
        options = flags(nx=nx, xx=xx, ch=ch, incr=incr, gt=gt, lt=lt)
        scores = [part for member, score in mapping.items() for part in (score, member)]
        return self._call("ZADD", name, *options, *scores)

    def zcard(self, name: Encodable) -> Any:
        return self._call("ZCARD", name)

    def zcount(self, name: Encodable, min: Bound, max: Bound) -> Any:
        return self._call("ZCOUNT", name, min, max)

    def zdiff(self, keys: Any, withscores: bool = False) -> Any:
        options = flags(withscores=withscores)
        return self.execute_command("ZDIFF", len(keys), *keys, *options, withscores=withscores)

    def zdiffstore(self, dest: Encodable, keys: Any) -> Any:
        return self._call("ZDIFFSTORE", dest, len(keys), *keys)

    def zincrby(self, name: Encodable, amount: float, value: Encodable) -> Any:
        return self._call("ZINCRBY", name, amount, value)

    def zinter(self, keys: Any, aggregate: str | None = None, withscores: bool = False) -> Any:
        return self._zaggregate("ZINTER", None, keys, aggregate, withscores, float)

    def zintercard(self, numkeys: int, keys: list[str], limit: int = 0) -> Any:
        return self._call("ZINTERCARD", numkeys, *keys, "LIMIT", limit)

    def zinterstore(self, dest: Encodable, keys: Weighed, aggregate: str | None = None) -> Any:
        return self._zaggregate("ZINTERSTORE", dest, keys, aggregate)

    def zlexcount(self, name: Encodable, min: Encodable, max: Encodable) -> Any:
        return self._call("ZLEXCOUNT", name, min, max)

    def zmpop(
        self,
        num_keys: int,
        keys: list[str],
        min: bool | None = False,
        max: bool | None = False,
        count: int | None = 1,
    ) -> Any:
        words: list[Any] = [num_keys] + keys  # noqa: RUF005
        if bool(min) == bool(max):
            raise DataError("one of ``min`` and ``max`` must be given")
        options: list[Any] = ["MIN" if min else "MAX"]
        if count != 1:
            options += ["COUNT", count]
        return self._call("ZMPOP", *words, *options)

    def zmscore(self, key: Encodable, members: list[str]) -> Any:
        if not members:
            raise DataError("ZMSCORE members must be a non-empty list")
        return self._call("ZMSCORE", *([key] + members))  # noqa: RUF005

    def zpopmax(self, name: Encodable, count: int | None = None) -> Any:
        return self._call("ZPOPMAX", name, *([] if count is None else [count]))

    def zpopmin(self, name: Encodable, count: int | None = None) -> Any:
        return self._call("ZPOPMIN", name, *([] if count is None else [count]))

    def zrandmember(
        self, key: Encodable, count: int | None = None, withscores: bool = False
    ) -> Any:
        options = [*([] if count is None else [count]), *flags(withscores=withscores)]
        return self.execute_command("ZRANDMEMBER", key, *options, withscores=withscores)

    def zrange(
        self,
        name: Encodable,
        start: Encodable,
        end: Encodable,
        desc: bool = False,
        withscores: bool = False,
        score_cast_func: Cast = float,
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Any:
        if desc and not byscore and not bylex and offset is None and num is None:
            words = [name, start, end, *flags(withscores=withscores)]
            return self._ranged("ZREVRANGE", words, withscores, score_cast_func)
        words = self._zrange_options(desc, byscore, bylex, withscores, offset, num)
        return self._ranged("ZRANGE", [name, start, end, *words], withscores, score_cast_func)

    def zrangebylex(
        self,
        name: Encodable,
        min: Encodable,
        max: Encodable,
        start: int | None = None,
        num: int | None = None,
    ) -> Any:
        limit = _limit(start, num, "``start`` and ``num``")
        return self._call("ZRANGEBYLEX", name, min, max, *limit)

    def zrangebyscore(
        self,
        name: Encodable,
        min: Bound,
        max: Bound,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
        score_cast_func: Cast = float,
    ) -> Any:
        options = [*_limit(start, num, "``start`` and ``num``"), *flags(withscores=withscores)]
        args = [name, min, max, *options]
        return self._ranged("ZRANGEBYSCORE", args, withscores, score_cast_func)

    def zrangestore(
        self,
        dest: Encodable,
        name: Encodable,
        start: Encodable,
        end: Encodable,
        byscore: bool = False,
        bylex: bool = False,
        desc: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Any:
        words = self._zrange_options(desc, byscore, bylex, False, offset, num)
        return self._call("ZRANGESTORE", dest, name, start, end, *words)

    def zrank(
        self,
        name: Encodable,
        value: Encodable,
        withscore: bool = False,
        score_cast_func: Cast = float,
    ) -> Any:
        return self._ranked("ZRANK", name, value, withscore, score_cast_func)

    def zrem(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("ZREM", name, *values)

    def zremrangebylex(self, name: Encodable, min: Encodable, max: Encodable) -> Any:
        return self._call("ZREMRANGEBYLEX", name, min, max)

    def zremrangebyrank(self, name: Encodable, min: int, max: int) -> Any:
        return self._call("ZREMRANGEBYRANK", name, min, max)

    def zremrangebyscore(self, name: Encodable, min: Bound, max: Bound) -> Any:
        return self._call("ZREMRANGEBYSCORE", name, min, max)

    def zrevrange(
        self,
        name: Encodable,
        start: int,
        end: int,
        withscores: bool = False,
        score_cast_func: Cast = float,
    ) -> Any:
        args = [name, start, end, *flags(withscores=withscores)]
        return self._ranged("ZREVRANGE", args, withscores, score_cast_func)

    def zrevrangebylex(
        self,
        name: Encodable,
        max: Encodable,
        min: Encodable,
        start: int | None = None,
        num: int | None = None,
    ) -> Any:
        limit = _limit(start, num, "``start`` and ``num``")
        return self._call("ZREVRANGEBYLEX", name, max, min, *limit)

    def zrevrangebyscore(
        self,
        name: Encodable,
        max: Bound,
        min: Bound,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
        score_cast_func: Cast = float,
    ) -> Any:
        options = [*_limit(start, num, "``start`` and ``num``"), *flags(withscores=withscores)]
        args = [name, max, min, *options]
        return self._ranged("ZREVRANGEBYSCORE", args, withscores, score_cast_func)

    def zrevrank(
        self,
        name: Encodable,
        value: Encodable,
        withscore: bool = False,
        score_cast_func: Cast = float,
    ) -> Any:
        return self._ranked("ZREVRANK", name, value, withscore, score_cast_func)

    def zscan(
        self,
        name: Encodable,
        cursor: int | str = 0,
        match: Pattern | None = None,
        count: int | None = None,
        score_cast_func: Cast = float,
    ) -> Any:
        args: list[Encodable] = [name, cursor]
        if match is not None:
            args += ["MATCH", match]
        if count is not None:
            args += ["COUNT", count]
        return self.execute_command("ZSCAN", *args, score_cast_func=score_cast_func)

    def zscore(self, name: Encodable, value: Encodable) -> Any:
        return self._call("ZSCORE", name, value)

    def zunion(
        self,
        keys: Weighed,
        aggregate: str | None = None,
        withscores: bool = False,
        score_cast_func: Cast = float,
    ) -> Any:
        return self._zaggregate("ZUNION", None, keys, aggregate, withscores, score_cast_func)

    def zunionstore(self, dest: Encodable, keys: Weighed, aggregate: str | None = None) -> Any:
        return self._zaggregate("ZUNIONSTORE", dest, keys, aggregate)

    # --- What several have in common --------------------------------------------------------------

    def _ranged(self, command: str, args: list[Any], withscores: bool, cast: Cast) -> Any:
        if not withscores:
            return self._call(command, *args)
        return self.execute_command(command, *args, withscores=True, score_cast_func=cast)

    def _ranked(
        self, command: str, name: Encodable, value: Encodable, withscore: bool, cast: Cast
    ) -> Any:
        if not withscore:
            return self._call(command, name, value)
        return self.execute_command(
            command, name, value, "WITHSCORE", withscore=True, score_cast_func=cast
        )

    @staticmethod
    def _zrange_options(
        desc: bool,
        byscore: bool,
        bylex: bool,
        withscores: bool,
        offset: int | None,
        num: int | None,
    ) -> list[Encodable]:
        if byscore and bylex:
            raise DataError("``byscore`` and ``bylex`` can not be specified together.")
        limit = _limit(offset, num, "``offset`` and ``num``")
        if bylex and withscores:
            raise DataError("``withscores`` not supported in combination with ``bylex``.")
        words = flags(byscore=byscore, bylex=bylex, rev=desc)
        return [*words, *limit, *flags(withscores=withscores)]

    def _zaggregate(
        self,
        command: str,
        dest: Encodable | None,
        keys: Weighed,
        aggregate: str | None,
        withscores: bool = False,
        cast: Cast = float,
    ) -> Any:
        args: list[Any] = [] if dest is None else [dest]
        args += [len(keys), *keys]
        if isinstance(keys, Mapping) and keys:
            args += ["WEIGHTS", *keys.values()]
        if aggregate:
            if aggregate.upper() not in ("SUM", "MIN", "MAX", "COUNT"):
                raise DataError("aggregate can be sum, min, max or count.")
            args += ["AGGREGATE", aggregate]
        return self._ranged(command, [*args, *flags(withscores=withscores)], withscores, cast)
