"""Pipelines: commands collected and executed in one go."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from dbx import _core
from dbx.commands import Commands
from dbx.errors import DBXError

__all__ = ["Pipeline", "PipelineBase"]

_SHOWN_MAX = 100  # characters of a command in an error's text

Queued = tuple[tuple[Any, ...], dict[str, Any] | None]  # a command, and options for its parser


class PipelineBase(Commands):
    """What both pipelines, this one and asyncio's, have: the queue."""

    def __init__(self, caller: _core.Caller, transaction: bool) -> None:
        self._caller = caller
        self.transaction = transaction
        self.explicit_transaction = False  # by multi()
        self.command_stack: list[Queued] = []

    def _call(self, *args: Any) -> Any:
        self.command_stack.append((args, None))
        return self

    def execute_command(self, *args: Any, **options: Any) -> Any:
        options.pop("keys", None)
        self.command_stack.append((args, options or None))
        return self

    def multi(self) -> None:
        """Makes a transaction of the commands that follow, up to execute()."""
        if self.explicit_transaction:
            raise DBXError("Cannot issue nested calls to MULTI")
        if self.command_stack:
            raise DBXError("Commands without an initial WATCH have already been issued")
        self.explicit_transaction = True

    def __len__(self) -> int:
        return len(self.command_stack)

    def __bool__(self) -> bool:
        return True

    def _take(self) -> tuple[list[Queued], bool]:
        """The queued commands, which are forgotten, and whether they are a transaction."""
        taken = self.command_stack, self.transaction or self.explicit_transaction
        self._forget()
        return taken

    def _forget(self) -> None:
        self.command_stack = []
        self.explicit_transaction = False

    @staticmethod
    def _refusal(refused: _core.Refused, commands: list[Queued]) -> Exception:
        index, error = refused.args
        return _annotated(error, index, commands[index])

    @staticmethod
    def _raise_first(commands: list[Queued], results: list[Any]) -> None:
        for index, result in enumerate(results):
            if isinstance(result, Exception):
                raise _annotated(result, index, commands[index])


class Pipeline(PipelineBase):
    """Made by DBX.pipeline(); each command method queues and returns the pipeline."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Executes the queued commands and returns their results in order.

        The first error is raised after all were executed; without `raise_on_error` errors stand in
        the list. A transaction in which one command does not exist, or has the wrong number of
        arguments, executes none and raises that error in any case.
        """
        commands, together = self._take()
        try:
            results = self._caller.run(commands, together)
        except _core.Refused as refused:
            raise self._refusal(refused, commands) from None
        if raise_on_error:
            self._raise_first(commands, results)
        return results

    def reset(self) -> None:
        """Forgets the queued commands."""
        self._forget()

    close = reset

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reset()


def _annotated(error: Exception, index: int, queued: Queued) -> Exception:
    command = " ".join(_shown(arg) for arg in queued[0])
    if len(command) > _SHOWN_MAX:
        command = command[: _SHOWN_MAX - 3] + "..."
    return type(error)(f"Command # {index + 1} ({command}) of pipeline caused error: {error}")


def _shown(argument: Any) -> str:
    if isinstance(argument, bytes):
        return argument.decode("utf-8", "replace")
    return str(argument)
