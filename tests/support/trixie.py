"""A Debian 13 root that holds Redis 8.0 and Valkey 8.1, for tests that compare DBX with them.

Debian 12 carries Redis 7.0; the behaviour DBX follows is 8.0's. The root is made once by
debootstrap in a cache directory and entered with chroot, so nothing is installed on the machine
itself. Both need root and a mirror: without them the tests that ask for these servers are skipped,
visibly.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.support.cache import cache_directory

SUITE = "trixie"
PACKAGES = "redis-server,valkey-server"
DEBOOTSTRAP_SECONDS_MAX = 900


class Unavailable(Exception):
    """The root is missing and cannot be made here; the text says why."""


def path() -> Path:
    """path is where the root is, or would be made."""
    if configured := os.environ.get("DBX_TRIXIE_ROOT"):
        return Path(configured)
    return cache_directory() / SUITE


def ensure() -> Path:
    """ensure returns the root, making it when needed; raises Unavailable."""
    root = path()
    if os.geteuid() != 0:
        raise Unavailable("running Redis 8.0 from a Debian 13 root needs to be root (chroot)")
    if _complete(root):
        return root
    if shutil.which("debootstrap") is None:
        raise Unavailable(f"no Debian 13 root at {root}, and debootstrap is not installed")
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.parent / f"{SUITE}.lock", "w") as lock:  # two test runs may start at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(root):
            _make(root)
    return root


def command(program: str) -> list[str]:
    """command is the argv that runs `program` inside the root; raises Unavailable."""
    return ["chroot", str(ensure()), program]


def _complete(root: Path) -> bool:
    return all((root / "usr/bin" / name).exists() for name in ("redis-server", "valkey-server"))


def _make(root: Path) -> None:
    part = root.with_name(root.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    argv = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(part)]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=DEBOOTSTRAP_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Unavailable(f"debootstrap took more than {late.timeout} s") from late
    if done.returncode != 0:
        raise Unavailable(f"debootstrap failed: {done.stdout[-300:]} {done.stderr[-300:]}")
    part.rename(root)
