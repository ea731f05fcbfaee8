"""dbx verify: checks the database in a directory, without changing it.

The check runs in a process of its own: whatever damage does to it, there is an answer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from dbx import _core
from dbx.errors import DBXError, LockedError, StorageError

__all__ = ["run"]

_WRONG = 1


def run(flags: Mapping[str, Any]) -> int:
    directory = flags["directory"]
    if not os.path.isfile(os.path.join(directory, "data.mdbx")):
        raise StorageError(f"there is no database in {directory}")
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _check(directory)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        raise StorageError(
            f"{directory} is damaged so much that it cannot be read ({name}): restore it from a"
            " backup"
        )
    return os.waitstatus_to_exitcode(status)


def _check(directory: str) -> None:
    """In the child: never returns."""
    code = _WRONG
    progress = sys.stderr.fileno() if sys.stderr.isatty() else -1
    try:
        _core.verify(os.fsencode(directory), sys.stdout.fileno(), progress)
        print("ok", flush=True)
        code = 0
    except LockedError as error:
        sys.stderr.write(f"dbx: {error}; stop it first\n")
    except (DBXError, OSError, MemoryError) as error:
        sys.stderr.write(f"dbx: {error or type(error).__name__}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)
