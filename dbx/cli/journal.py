"""dbx journal: the journal of a data directory as plain RESP, on standard output."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from dbx import _core
from dbx.errors import StorageError

__all__ = ["run"]


def run(flags: Mapping[str, Any]) -> int:
    directory = flags["directory"]
    if not os.path.isdir(os.path.join(directory, "journal")):
        raise StorageError(f"there is no database in {directory}")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough, such as `head`
    sys.stdout.flush()
    _core.journal_print(os.fsencode(directory), flags["position"], sys.stdout.fileno())
    return 0
