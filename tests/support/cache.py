"""Where tests keep what is slow to make: other clients and servers. Safe to delete."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """cache_directory is made when missing; DBX_TEST_CACHE or XDG_CACHE_HOME move it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(os.environ.get("DBX_TEST_CACHE") or Path(base) / "dbx-tests")
    path.mkdir(parents=True, exist_ok=True)
    return path
