"""dbx journal: the journal of a data directory as plain RESP, on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from dbx import _core

__all__ = ["run"]


def run(flags: Mapping[str, Any]) -> int:
    sys.stdout.flush()
    _core.journal_print(os.fsencode(flags["directory"]), flags["position"], sys.stdout.fileno())
    return 0
