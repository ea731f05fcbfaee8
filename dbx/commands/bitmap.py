"""Commands on the bits of strings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbx.commands.base import CommandsBase, Encodable
from dbx.errors import DataError

__all__ = ["BitFieldOperation", "BitmapCommands"]

Offset = int | str


class BitFieldOperation:
    """Collects the operations of one BITFIELD; made by bitfield()."""

    def __init__(
        self,
        client: CommandsBase,
        key: Encodable,
        default_overflow: str | None = None,
    ) -> None:
        self.client = client
        self.key = key
        self._default_overflow = default_overflow
        self.reset()

    def reset(self) -> None:
        """Forgets the operations."""
        self.operations: list[tuple[Any, ...]] = []
        self._last_overflow = "WRAP"
        self.overflow(self._default_overflow or self._last_overflow)

    def overflow(self, overflow: str) -> BitFieldOperation:
        """WRAP, SAT or FAIL: what happens when later operations overflow."""
        overflow = overflow.upper()
        if overflow != self._last_overflow:
            self._last_overflow = overflow
            self.operations.append(("OVERFLOW", overflow))
        return self

    def incrby(
        self,
        fmt: str,
        offset: Offset,
        increment: int,
        overflow: str | None = None,
    ) -> BitFieldOperation:
        if overflow is not None:
            self.overflow(overflow)
        self.operations.append(("INCRBY", fmt, offset, increment))
        return self

    def get(self, fmt: str, offset: Offset) -> BitFieldOperation:
        self.operations.append(("GET", fmt, offset))
        return self

    def set(self, fmt: str, offset: Offset, value: int) -> BitFieldOperation:
        self.operations.append(("SET", fmt, offset, value))
        return self

    @property
    def command(self) -> list[Any]:
        return ["BITFIELD", self.key, *(word for words in self.operations for word in words)]

    def execute(self) -> Any:
        """Executes the operations in one command, or queues it; forgets them."""
        command = self.command
        self.reset()
        return self.client.execute_command(*command)


class BitmapCommands(CommandsBase):
    def bitcount(
        self,
        key: Encodable,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
    ) -> Any:
        if (start is None) != (end is None):
            raise DataError("Both start and end must be specified")
        return self._call("BITCOUNT", key, *_given(start, end, mode))

    def bitfield(self, key: Encodable, default_overflow: str | None = None) -> BitFieldOperation:
        """Begins a BITFIELD: `bitfield("k").set("u8", 0, 1).get("u8", "#1").execute()`."""
        return BitFieldOperation(self, key, default_overflow=default_overflow)

    def bitfield_ro(
        self,
        key: Encodable,
        encoding: str,
        offset: Offset,
        items: Iterable[tuple[str, Offset]] | None = None,
    ) -> Any:
        words: list[Encodable] = ["GET", encoding, offset]
        for other, at in items or ():
            words += ["GET", other, at]
        return self._call("BITFIELD_RO", key, *words)

    def bitop(self, operation: str, dest: Encodable, *keys: Encodable) -> Any:
        return self._call("BITOP", operation, dest, *keys)

    def bitpos(
        self,
        key: Encodable,
        bit: int,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
    ) -> Any:
        if bit not in (0, 1):
            raise DataError("bit must be 0 or 1")
        if start is None and end is not None:
            raise DataError("start argument is not set, when end is specified")
        return self._call("BITPOS", key, bit, *_given(start, end, mode))

    def getbit(self, name: Encodable, offset: int) -> Any:
        return self._call("GETBIT", name, offset)

    def setbit(self, name: Encodable, offset: int, value: int) -> Any:
        return self._call("SETBIT", name, offset, 1 if value else 0)


def _given(*arguments: Encodable | None) -> list[Encodable]:
    return [argument for argument in arguments if argument is not None]
