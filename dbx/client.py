"""The in-process client: redis-py's interface over an engine in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from dbx import _core
from dbx.commands import Commands
from dbx.commands.base import Encodable, Pattern
from dbx.commands.replies import PARSERS
from dbx.commands.zset import Cast
from dbx.config import open_settings
from dbx.errors import DataError
from dbx.pipeline import Pipeline

__all__ = ["DBX", "open"]

Path = str | os.PathLike[str]

MEMORY = ":memory:"


class DBX(Commands):
    """A database, open in this process. Threads may share it: each has a connection of its own.

    What the methods take and return is what redis-py 8 says of them.
    """

    def __init__(self, engine: _core.Engine, caller: _core.Caller) -> None:
        self._engine = engine
        self._caller = caller
        self._call = caller.call  # type: ignore[method-assign]  # no frame of ours between

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Executes any command: execute_command("CONFIG GET", "maxclients")."""
        options.pop("keys", None)
        return self._caller.call_with(args, options) if options else self._call(*args)

    def pipeline(self, transaction: bool = True) -> Pipeline:
        """Commands to be executed together; with `transaction` nothing comes between them."""
        return Pipeline(self._caller, transaction)

    def scan_iter(
        self,
        match: Pattern | None = None,
        count: int | None = None,
        _type: str | None = None,
    ) -> Iterator[Any]:
        """Every key, as SCAN gives them: those present all along are met once at least."""
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = self.scan(cursor, match=match, count=count, _type=_type)
            yield from found

    def hscan_iter(
        self,
        name: Encodable,
        match: Pattern | None = None,
        count: int | None = None,
        no_values: bool | None = None,
    ) -> Iterator[Any]:
        """Every field with its value, or without, as HSCAN gives them."""
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = self.hscan(name, cursor, match, count, no_values)  # type: ignore[arg-type]
            yield from found if no_values else found.items()

    def sscan_iter(
        self, name: Encodable, match: Pattern | None = None, count: int | None = None
    ) -> Iterator[Any]:
        """Every member of a set, as SSCAN gives them."""
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = self.sscan(name, cursor, match=match, count=count)
            yield from found

    def zscan_iter(
        self,
        name: Encodable,
        match: Pattern | None = None,
        count: int | None = None,
        score_cast_func: Cast = float,
    ) -> Iterator[Any]:
        """Every member of a sorted set with its score, as ZSCAN gives them."""
        cursor: int | str = "0"
        while cursor != 0:
            cursor, found = self.zscan(name, cursor, match, count, score_cast_func)
            yield from found

    def __getitem__(self, name: Encodable) -> Any:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: Encodable, value: Encodable) -> None:
        self.set(name, value)

    def __delitem__(self, name: Encodable) -> None:
        self.delete(name)

    def __contains__(self, name: Encodable) -> bool:
        return bool(self.exists(name))

    @property
    def closed(self) -> bool:
        return self._engine.closed

    @property
    def joined(self) -> bool:
        """Whether another process owns the database; it can change from call to call."""
        return self._engine.joined

    def close(self) -> None:
        """Syncs and closes the database; a second call does nothing."""
        self._engine.close()

    def __enter__(self) -> DBX:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_engine(path: Path, settings: dict[str, Any]) -> _core.Engine:
    if isinstance(path, str) and "://" in path:
        raise DataError(f"a path or {MEMORY!r}, not a URL: {path}")
    where = None if path == MEMORY else os.fsencode(path)
    return _core.Engine(where, open_settings(settings))


def open(
    path: Path = MEMORY,
    *,
    db: int = 0,
    decode_responses: bool = False,
    encoding: str = "utf-8",
    encoding_errors: str = "strict",
    **settings: Any,
) -> DBX:
    """Opens the database in directory `path` (made when missing), or one in memory: ":memory:".

    `settings` are CONFIG's names with underscores: durability="always", databases=4,
    write_buffer="64mb". When another process has the directory open, this one joins it: commands
    go through the directory's socket, with the owner's settings, and when the owner ends one of
    those who have joined takes over. A call that was under way then raises ConnectionError: whether
    it was executed is unknown. An owner that does not answer raises LockedError, which names it.
    """
    engine = open_engine(path, settings)
    caller = _core.Caller(engine, PARSERS, encoding, encoding_errors, decode_responses, db)
    return DBX(engine, caller)
