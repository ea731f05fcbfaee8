"""What the families of commands stand on: one call, whatever is behind it, and argument helpers.

`_call` and `execute_command` are given by the client: DBX returns the reply, the asyncio client an
awaitable of it, a pipeline itself. Hence the replies' type Any throughout; what each one is,
redis-py's documentation says. `_call` is the quick way without options.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dbx.errors import DataError

__all__ = ["CommandsBase", "Encodable", "Expiry", "Moment", "Pattern"]

Encodable = bytes | bytearray | memoryview | str | int | float
Expiry = int | datetime.timedelta
Moment = int | datetime.datetime
Pattern = bytes | str


class CommandsBase:
    if TYPE_CHECKING:

        def _call(self, name: str, /, *args: Any) -> Any: ...

        def execute_command(self, *args: Any, **options: Any) -> Any: ...


def seconds(time: Expiry) -> int:
    return int(time.total_seconds()) if isinstance(time, datetime.timedelta) else time


def milliseconds(time: Expiry) -> int:
    return int(time.total_seconds() * 1000) if isinstance(time, datetime.timedelta) else time


def at_seconds(when: Moment) -> int:
    return int(when.timestamp()) if isinstance(when, datetime.datetime) else when


def at_milliseconds(when: Moment) -> int:
    return int(when.timestamp() * 1000) if isinstance(when, datetime.datetime) else when


def flags(**given: bool) -> list[str]:
    """The words of those options that are set."""
    return [word.upper() for word, wanted in given.items() if wanted]


def expiry(
    ex: Expiry | None,
    px: Expiry | None,
    exat: Moment | None,
    pxat: Moment | None,
) -> list[Encodable]:
    """The expiry option of SET and GETEX; the caller has seen to it that at most one is given."""
    if ex is not None:
        if isinstance(ex, str) and ex.isdigit():
            ex = int(ex)
        if not isinstance(ex, Expiry):
            raise DataError("ex must be datetime.timedelta or int")
        return ["EX", seconds(ex)]
    if px is not None:
        if not isinstance(px, Expiry):
            raise DataError("px must be datetime.timedelta or int")
        return ["PX", milliseconds(px)]
    if exat is not None:
        return ["EXAT", at_seconds(exat)]
    if pxat is not None:
        return ["PXAT", at_milliseconds(pxat)]
    return []


def one_at_most(message: str, *given: bool) -> None:
    if sum(map(bool, given)) > 1:
        raise DataError(message)


def names(keys: Encodable | Iterable[Encodable], more: tuple[Encodable, ...]) -> list[Encodable]:
    """Keys given as one, as several, or as one iterable of them."""
    if isinstance(keys, bytes | bytearray | memoryview | str) or not isinstance(keys, Iterable):
        return [keys, *more]
    return [*keys, *more]


def pairs(mapping: Mapping[Any, Encodable]) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]
