"""Commands that DBX has and Redis has not."""

from __future__ import annotations

from typing import Any

from dbx.commands.base import CommandsBase, Encodable
from dbx.errors import DataError

__all__ = ["OwnCommands"]


class OwnCommands(CommandsBase):
    def autovacuum(self, enabled: bool | None = None, interval_ms: int | None = None) -> Any:
        """Sets what is given; without arguments, what is set: enabled and interval_ms."""
        if enabled is not None and interval_ms is not None:
            raise DataError("AUTOVACUUM sets enabled or interval_ms, one at a time")
        if enabled is not None:
            return self._call("AUTOVACUUM", "ON" if enabled else "OFF")
        if interval_ms is not None:
            return self._call("AUTOVACUUM", "INTERVAL", interval_ms)
        return self._call("AUTOVACUUM")

    def keyinfo(self, name: Encodable) -> Any:
        """type, ttl (milliseconds, or -1), created_at and updated_at (Unix time in milliseconds),
        size and encoding of a key; None: there is none."""
        return self._call("KEYINFO", name)

    def vacuum(self) -> Any:
        """Gives back what nothing needs any more, and says what that was."""
        return self._call("VACUUM")
