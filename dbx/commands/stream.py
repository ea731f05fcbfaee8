"""Commands on streams and their consumer groups."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from dbx.commands.base import CommandsBase, Encodable, flags, pairs
from dbx.errors import DataError

__all__ = ["StreamCommands"]


def _natural(command: str, name: str, value: Any, least: int = 1) -> None:
    if not isinstance(value, int) or value < least:
        kind = "positive" if least else "non-negative"
        raise DataError(f"{command} {name} must be a {kind} integer")


def _not_negative(command: str, name: str, value: Any) -> None:
    """As redis-py does: what is no number at all is left to the one who sends it."""
    with contextlib.suppress(TypeError):
        _natural(command, name, int(value), least=0)


def _count(command: str, count: int | None) -> list[Encodable]:
    if count is None:
        return []
    _natural(command, "count", count)
    return ["COUNT", count]


def _block(command: str, block: int | None) -> list[Encodable]:
    if block is None:
        return []
    _natural(command, "block", block, least=0)
    return ["BLOCK", block]


def _streams(command: str, streams: Mapping[Any, Encodable]) -> list[Encodable]:
    if not isinstance(streams, dict) or not streams:
        raise DataError(f"{command} streams must be a non empty dict")
    return ["STREAMS", *streams.keys(), *streams.values()]


def _trim(
    maxlen: int | None, minid: Encodable | None, approximate: bool, limit: int | None
) -> list[Encodable]:
    words: list[Encodable] = []
    if maxlen is not None or minid is not None:
        words.append("MAXLEN" if maxlen is not None else "MINID")
        words += ["~"] * bool(approximate)
        words += [value for value in (maxlen, minid) if value is not None]
    return words if limit is None else [*words, "LIMIT", limit]


def _not_both(maxlen: int | None, minid: Encodable | None) -> None:
    if maxlen is not None and minid is not None:
        raise DataError("Only one of ``maxlen`` or ``minid`` may be specified")


class StreamCommands(CommandsBase):
    # --- Entries ------------------------------------------------------------------------------

    def xadd(
        self,
        name: Encodable,
        fields: Mapping[Any, Encodable],
        id: Encodable = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Encodable | None = None,
        limit: int | None = None,
    ) -> Any:
        _not_both(maxlen, minid)
        if maxlen is not None:
            _natural("XADD", "maxlen", maxlen, least=0)
        if not isinstance(fields, dict) or not fields:
            raise DataError("XADD fields must be a non-empty dict")
        options = [*flags(nomkstream=nomkstream), *_trim(maxlen, minid, approximate, limit)]
        return self._call("XADD", name, *options, id, *pairs(fields))

    def xdel(self, name: Encodable, *ids: Encodable) -> Any:
        return self._call("XDEL", name, *ids)

    def xlen(self, name: Encodable) -> Any:
        return self._call("XLEN", name)

    def xrange(
        self,
        name: Encodable,
        min: Encodable = "-",
        max: Encodable = "+",
        count: int | None = None,
    ) -> Any:
        return self._call("XRANGE", name, min, max, *map(str, _count("XRANGE", count)))

    def xrevrange(
        self,
        name: Encodable,
        max: Encodable = "+",
        min: Encodable = "-",
        count: int | None = None,
    ) -> Any:
        return self._call("XREVRANGE", name, max, min, *map(str, _count("XREVRANGE", count)))

    def xread(
        self,
        streams: dict[Any, Encodable],
        count: int | None = None,
        block: int | None = None,
    ) -> Any:
        options = [*_block("XREAD", block), *_count("XREAD", count)]
        return self._call("XREAD", *options, *_streams("XREAD", streams))

    def xtrim(
        self,
        name: Encodable,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Encodable | None = None,
        limit: int | None = None,
    ) -> Any:
        _not_both(maxlen, minid)
        if maxlen is None and minid is None:
            raise DataError("One of ``maxlen`` or ``minid`` must be specified")
        return self._call("XTRIM", name, *_trim(maxlen, minid, approximate, limit))

    # --- Groups -------------------------------------------------------------------------------

    def xgroup_create(
        self,
        name: Encodable,
        groupname: Encodable,
        id: Encodable = "$",
        mkstream: bool = False,
        entries_read: int | None = None,
    ) -> Any:
        options: list[Encodable] = [*flags(mkstream=mkstream)]
        if entries_read is not None:
            options += ["ENTRIESREAD", entries_read]
        return self._call("XGROUP CREATE", name, groupname, id, *options)

    def xgroup_createconsumer(
        self, name: Encodable, groupname: Encodable, consumername: Encodable
    ) -> Any:
        return self._call("XGROUP CREATECONSUMER", name, groupname, consumername)

    def xgroup_delconsumer(
        self, name: Encodable, groupname: Encodable, consumername: Encodable
    ) -> Any:
        return self._call("XGROUP DELCONSUMER", name, groupname, consumername)

    def xgroup_destroy(self, name: Encodable, groupname: Encodable) -> Any:
        return self._call("XGROUP DESTROY", name, groupname)

    def xgroup_setid(
        self,
        name: Encodable,
        groupname: Encodable,
        id: Encodable,
        entries_read: int | None = None,
    ) -> Any:
        options = [] if entries_read is None else ["ENTRIESREAD", entries_read]
        return self._call("XGROUP SETID", name, groupname, id, *options)

    def xreadgroup(
        self,
        groupname: Encodable,
        consumername: Encodable,
        streams: dict[Any, Encodable],
        count: int | None = None,
        block: int | None = None,
        noack: bool = False,
    ) -> Any:
        command = "XREADGROUP"
        options = [*_count(command, count), *_block(command, block), *flags(noack=noack)]
        wanted = _streams(command, streams)
        return self._call(command, "GROUP", groupname, consumername, *options, *wanted)

    # --- What is pending ----------------------------------------------------------------------

    def xack(self, name: Encodable, groupname: Encodable, *ids: Encodable) -> Any:
        return self._call("XACK", name, groupname, *ids)

    def xpending(self, name: Encodable, groupname: Encodable) -> Any:
        return self._call("XPENDING", name, groupname)

    def xpending_range(
        self,
        name: Encodable,
        groupname: Encodable,
        min: Encodable,
        max: Encodable,
        count: int,
        consumername: Encodable | None = None,
        idle: int | None = None,
    ) -> Any:
        if {min, max, count} == {None}:
            if idle is not None or consumername is not None:
                raise DataError(
                    "if XPENDING is provided with idle time or consumername, it must be provided"
                    " with min, max and count parameters"
                )
            return self.xpending(name, groupname)
        if min is None or max is None or count is None:
            raise DataError(
                "XPENDING must be provided with min, max and count parameters, or none of them."
            )
        words: list[Encodable] = [name, groupname]
        if idle is not None:
            _natural("XPENDING", "idle", idle, least=0)
            words += ["IDLE", idle]
        _not_negative("XPENDING", "count", count)
        words += [min, max, count]
        if consumername:
            words.append(consumername)
        return self._call("XPENDING", *words)

    def xclaim(
        self,
        name: Encodable,
        groupname: Encodable,
        consumername: Encodable,
        min_idle_time: int,
        message_ids: Sequence[Encodable],
        idle: int | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: bool = False,
    ) -> Any:
        _natural("XCLAIM", "min_idle_time", min_idle_time, least=0)
        if not isinstance(message_ids, list | tuple) or not message_ids:
            raise DataError(
                "XCLAIM message_ids must be a non empty list or tuple of message IDs to claim"
            )
        words: list[Encodable] = [name, groupname, consumername, min_idle_time, *message_ids]
        for word, value in (("IDLE", idle), ("TIME", time), ("RETRYCOUNT", retrycount)):
            if value is not None:
                if not isinstance(value, int):
                    raise DataError(f"XCLAIM {word.lower()} must be an integer")
                words += [word, value]
        words += flags(force=force, justid=justid)
        return self._call("XCLAIM", *words)

    def xautoclaim(
        self,
        name: Encodable,
        groupname: Encodable,
        consumername: Encodable,
        min_idle_time: int,
        start_id: Encodable = "0-0",
        count: int | None = None,
        justid: bool = False,
    ) -> Any:
        _not_negative("XAUTOCLAIM", "min_idle_time", min_idle_time)
        words: list[Encodable] = [name, groupname, consumername, min_idle_time, start_id]
        if count is not None:
            _natural("XAUTOCLAIM", "count", count, least=0)
            words += ["COUNT", count]
        words += flags(justid=justid)
        return self.execute_command("XAUTOCLAIM", *words, parse_justid=justid)

    # --- What there is ------------------------------------------------------------------------

    def xinfo_consumers(self, name: Encodable, groupname: Encodable) -> Any:
        return self._call("XINFO CONSUMERS", name, groupname)

    def xinfo_groups(self, name: Encodable) -> Any:
        return self._call("XINFO GROUPS", name)

    def xinfo_stream(self, name: Encodable, full: bool = False) -> Any:
        if not full:
            return self._call("XINFO STREAM", name)
        return self._call("XINFO STREAM", name, "FULL")
