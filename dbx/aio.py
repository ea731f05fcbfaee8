"""The in-process client for asyncio: the same methods as coroutines.

A brief command runs inline: it takes microseconds, less than handing it to a thread would. The
core says which are not (_core.Caller.begin): those that go through data, are many or large, and
what is left of a reply after one hold of the engine's lock. Those wait in a thread, and so does the
journal's sync (durability `always`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from types import TracebackType
from typing import Any

from dbx import _core
from dbx.client import MEMORY, Path, open_engine
from dbx.commands import Commands
from dbx.commands.base import Encodable, Pattern
from dbx.commands.replies import PARSERS
from dbx.commands.zset import Cast
from dbx.pipeline import PipelineBase

__all__ = ["DBX", "Pipeline", "open"]


class _Turnstile:
    """Runs calls of one caller, one at a time: inline when brief, in a thread when long."""

    def __init__(self, caller: _core.Caller) -> None:
        self.caller = caller
        self._busy: asyncio.Future[Any] | None = None

    async def _in_thread(self, rest: _core.Rest) -> Any:
        """Nobody else may use the caller meanwhile, and a cancelled wait must not let them."""
        running = asyncio.get_running_loop().run_in_executor(None, rest)
        self._busy = running
        return await asyncio.shield(running)

    async def enter(self, begin: Any, *args: Any) -> Any:
        while self._busy is not None and not self._busy.done():
            await asyncio.wait([self._busy])
        result = begin(*args)
        if type(result) is _core.Rest:
            result = await self._in_thread(result)
        if self.caller.unsettled:
            settle = self.caller.take_unsettled()
            await asyncio.get_running_loop().run_in_executor(None, settle)
        return result


class DBX(Commands):
    """A database, open in this process; one for each event loop."""

    def __init__(self, engine: _core.Engine, caller: _core.Caller) -> None:
        self._engine = engine
        self._turnstile = _Turnstile(caller)

    async def _call(self, *args: Any) -> Any:
        return await self._turnstile.enter(self._turnstile.caller.begin, args, None)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        options.pop("keys", None)
        return await self._turnstile.enter(self._turnstile.caller.begin, args, options or None)

    def pipeline(self, transaction: bool = True) -> Pipeline:
        return Pipeline(self._turnstile, transaction)

    async def scan_iter(
        self,
        match: Pattern | None = None,
        count: int | None = None,
        _type: str | None = None,
    ) -> AsyncIterator[Any]:
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = await self.scan(cursor, match=match, count=count, _type=_type)
            for key in found:
                yield key

    async def hscan_iter(
        self,
        name: Encodable,
        match: Pattern | None = None,
        count: int | None = None,
        no_values: bool | None = None,
    ) -> AsyncIterator[Any]:
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = await self.hscan(name, cursor, match, count, no_values)  # type: ignore[arg-type]
            for item in found if no_values else found.items():
                yield item

    async def sscan_iter(
        self, name: Encodable, match: Pattern | None = None, count: int | None = None
    ) -> AsyncIterator[Any]:
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = await self.sscan(name, cursor, match=match, count=count)
            for member in found:
                yield member

    async def zscan_iter(
        self,
        name: Encodable,
        match: Pattern | None = None,
        count: int | None = None,
        score_cast_func: Cast = float,
    ) -> AsyncIterator[Any]:
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = await self.zscan(name, cursor, match, count, score_cast_func)
            for pair in found:
                yield pair

    @property
    def closed(self) -> bool:
        return self._engine.closed

    @property
    def joined(self) -> bool:
        return self._engine.joined

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._engine.close)

    close = aclose

    async def __aenter__(self) -> DBX:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class Pipeline(PipelineBase):
    """Made by DBX.pipeline(). Commands are queued at once; awaiting one, as awaiting the pipeline,
    gives the pipeline."""

    def __init__(self, turnstile: _Turnstile, transaction: bool) -> None:
        super().__init__(turnstile.caller, transaction)
        self._turnstile = turnstile

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands, together = self._take()
        results: list[Any]
        try:
            results = await self._turnstile.enter(self._caller.begin_all, commands, together)
        except _core.Refused as refused:
            raise self._refusal(refused, commands) from None
        if raise_on_error:
            self._raise_first(commands, results)
        return results

    async def reset(self) -> None:
        """Forgets the queued commands."""
        self._forget()

    aclose = reset

    async def _itself(self) -> Pipeline:
        return self

    def __await__(self) -> Generator[Any, Any, Pipeline]:
        return self._itself().__await__()

    async def __aenter__(self) -> Pipeline:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget()


class _Opening:
    """What open() returns: `await` it, or enter it with `async with`."""

    def __init__(self, path: Path, caller: dict[str, Any], settings: dict[str, Any]) -> None:
        self._path = path
        self._caller = caller
        self._settings = settings
        self._db: DBX | None = None

    async def _open(self) -> DBX:
        loop = asyncio.get_running_loop()
        engine = await loop.run_in_executor(None, open_engine, self._path, self._settings)
        caller = _core.Caller(engine, PARSERS, per_thread=False, settle=False, **self._caller)
        self._db = DBX(engine, caller)
        return self._db

    def __await__(self) -> Any:
        return self._open().__await__()

    async def __aenter__(self) -> DBX:
        return await self._open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._db is not None:
            await self._db.aclose()


def open(
    path: Path = MEMORY,
    *,
    db: int = 0,
    decode_responses: bool = False,
    encoding: str = "utf-8",
    encoding_errors: str = "strict",
    **settings: Any,
) -> _Opening:
    """As dbx.open: `db = await dbx.aio.open(path)`, or `async with dbx.aio.open(path) as db`."""
    caller = {
        "encoding": encoding,
        "encoding_errors": encoding_errors,
        "decode": decode_responses,
        "db": db,
    }
    return _Opening(path, caller, settings)
