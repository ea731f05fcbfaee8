"""Commands on the database server as a whole."""

from __future__ import annotations

from typing import Any

from dbx.commands.base import CommandsBase, Encodable, Pattern, flags
from dbx.errors import DataError

__all__ = ["ServerCommands"]


class ServerCommands(CommandsBase):
    def bgsave(self, schedule: bool = True) -> Any:
        return self._call("BGSAVE", *flags(schedule=schedule))

    def command(self) -> Any:
        return self._call("COMMAND")

    def command_count(self) -> Any:
        return self._call("COMMAND COUNT")

    def command_docs(self, *args: str) -> Any:
        return self._call("COMMAND DOCS", *args)

    def command_getkeys(self, *args: Encodable) -> Any:
        return self._call("COMMAND GETKEYS", *args)

    def command_getkeysandflags(self, *args: Encodable) -> Any:
        return self._call("COMMAND GETKEYSANDFLAGS", *args)

    def command_info(self, *args: str) -> Any:
        return self._call("COMMAND INFO", *args)

    def command_list(
        self,
        module: str | None = None,
        category: str | None = None,
        pattern: str | None = None,
    ) -> Any:
        args = []
        for word, value in (("MODULE", module), ("ACLCAT", category), ("PATTERN", pattern)):
            if value is not None:
                args += [word, value]
        return self._call("COMMAND LIST", *(["FILTERBY", *args] if args else []))

    def config_get(self, pattern: Pattern = "*", *args: Pattern) -> Any:
        return self._call("CONFIG GET", pattern, *args)

    def config_resetstat(self) -> Any:
        return self._call("CONFIG RESETSTAT")

    def config_rewrite(self) -> Any:
        return self._call("CONFIG REWRITE")

    def config_set(self, name: str, value: Encodable, *args: Encodable) -> Any:
        return self._call("CONFIG SET", name, value, *args)

    def dbsize(self) -> Any:
        return self._call("DBSIZE")

    def flushall(self, asynchronous: bool = False) -> Any:
        return self._call("FLUSHALL", *(["ASYNC"] if asynchronous else []))

    def flushdb(self, asynchronous: bool = False) -> Any:
        return self._call("FLUSHDB", *(["ASYNC"] if asynchronous else []))

    def info(self, section: str | None = None, *args: str) -> Any:
        return self._call("INFO", *([] if section is None else [section, *args]))

    def lastsave(self) -> Any:
        return self._call("LASTSAVE")

    def lolwut(self, *version_numbers: int | str) -> Any:
        return self._call("LOLWUT", *(["VERSION"] if version_numbers else []), *version_numbers)

    def memory_malloc_stats(self) -> Any:
        return self._call("MEMORY MALLOC-STATS")

    def memory_purge(self) -> Any:
        return self._call("MEMORY PURGE")

    def memory_stats(self) -> Any:
        return self._call("MEMORY STATS")

    def memory_usage(self, key: Encodable, samples: int | None = None) -> Any:
        return self._call("MEMORY USAGE", key, *([] if samples is None else ["SAMPLES", samples]))

    def save(self) -> Any:
        return self._call("SAVE")

    def shutdown(
        self,
        save: bool = False,
        nosave: bool = False,
        now: bool = False,
        force: bool = False,
        abort: bool = False,
    ) -> Any:
        if save and nosave:
            raise DataError("SHUTDOWN save and nosave cannot both be set")
        return self._call(
            "SHUTDOWN", *flags(save=save, nosave=nosave, now=now, force=force, abort=abort)
        )

    def swapdb(self, first: int, second: int) -> Any:
        return self._call("SWAPDB", first, second)

    def time(self) -> Any:
        return self._call("TIME")
