"""A Debian 13 root that holds Redis 8.0 and Valkey 8.1, for tests that compare DBX with them.

Debian 12 carries Redis 7.0; the behaviour DBX follows is 8.0's. The root is made once in a cache
directory: see debian.py. Where that cannot be, the tests that ask for these servers are skipped,
visibly.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import debian
from tests.support.debian import Unavailable

__all__ = ["Unavailable", "command", "ensure", "path"]

SUITE = "trixie"
PROGRAMS = ("redis-server", "valkey-server")  # each the only one of its package


def path() -> Path:
    """path is where the root is, or would be made."""
    if configured := os.environ.get("DBX_TRIXIE_ROOT"):
        return Path(configured)
    return debian.cached(SUITE)


def ensure() -> Path:
    """ensure returns the root, making it when needed; raises Unavailable."""
    return debian.ensure(path(), SUITE, packages=PROGRAMS, programs=PROGRAMS)


def command(program: str) -> list[str]:
    """command is the argv that runs `program` inside the root; raises Unavailable."""
    return ["chroot", str(ensure()), program]
