"""Commands on HyperLogLogs."""

from __future__ import annotations

from typing import Any

from dbx.commands.base import CommandsBase, Encodable

__all__ = ["HllCommands"]


class HllCommands(CommandsBase):
    def pfadd(self, name: Encodable, *values: Encodable) -> Any:
        return self._call("PFADD", name, *values)

    def pfcount(self, *sources: Encodable) -> Any:
        return self._call("PFCOUNT", *sources)

    def pfmerge(self, dest: Encodable, *sources: Encodable) -> Any:
        return self._call("PFMERGE", dest, *sources)
