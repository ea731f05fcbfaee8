"""Pipelines: commands collected and executed in one go."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from dbx import _core
from dbx.commands import Commands

__all__ = ["Pipeline", "PipelineBase"]

_SHOWN_MAX = 100  # characters of a command in an error's text


class PipelineBase(Commands):
    """What both pipelines, this one and asyncio's, have: the queue."""

    def __init__(self, caller: _core.Caller, transaction: bool) -> None:
        self._caller = caller
        self.transaction = transaction
        self.command_stack: list[tuple[tuple[Any, ...], dict[str, Any] | None]] = []

    def _call(self, *args: Any) -> Any:
        self.command_stack.append((args, None))
        return self

    def execute_command(self, *args: Any, **options: Any) -> Any:
        options.pop("keys", None)
        self.command_stack.append((args, options or None))
        return self

    def reset(self) -> None:
        """Forgets the queued commands."""
        self.command_stack = []

    def __len__(self) -> int:
        return len(self.command_stack)

    def __bool__(self) -> bool:
        return True

    def _take(self) -> list[tuple[tuple[Any, ...], dict[str, Any] | None]]:
        commands = self.command_stack
        self.reset()
        return commands

    @staticmethod
    def _raise_first(
        commands: list[tuple[tuple[Any, ...], dict[str, Any] | None]], results: list[Any]
    ) -> None:
        for number, (result, (args, _)) in enumerate(zip(results, commands, strict=True), 1):
            if isinstance(result, Exception):
                command = " ".join(_shown(arg) for arg in args)
                if len(command) > _SHOWN_MAX:
                    command = command[: _SHOWN_MAX - 3] + "..."
                message = f"Command # {number} ({command}) of pipeline caused error: {result}"
                raise type(result)(message)


class Pipeline(PipelineBase):
    """Made by DBX.pipeline(); each command method queues and returns the pipeline."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Executes the queued commands and returns their results in order.

        The first error is raised after all were executed; without `raise_on_error` errors stand in
        the list.
        """
        commands = self._take()
        results = self._caller.run(commands, self.transaction)
        if raise_on_error:
            self._raise_first(commands, results)
        return results

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reset()


def _shown(argument: Any) -> str:
    if isinstance(argument, bytes):
        return argument.decode("utf-8", "replace")
    return str(argument)
