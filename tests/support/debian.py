"""Debian roots made by debootstrap and entered by chroot: what tests run in them is not installed
on the machine itself. Both need root and a mirror.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.cache import cache_directory

DEBOOTSTRAP_SECONDS_MAX = 900


class Unavailable(Exception):
    """The root is missing and cannot be made here; the text says why."""


def ensure(root: Path, suite: str, packages: Sequence[str], programs: Sequence[str]) -> Path:
    """ensure makes a root with these packages, unless it is there and has these programs.

    Raises Unavailable.
    """
    if os.geteuid() != 0:
        raise Unavailable(f"using a root of Debian {suite} needs to be root (chroot)")
    if _complete(root, programs):
        return root
    if shutil.which("debootstrap") is None:
        raise Unavailable(f"no Debian {suite} at {root}, and debootstrap is not installed")
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.with_name(root.name + ".lock"), "w") as lock:  # two test runs may start at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(root, programs):
            _make(root, suite, packages)
    return root


def cached(name: str) -> Path:
    """cached is where a root of that name is kept."""
    return cache_directory() / name


def _complete(root: Path, programs: Sequence[str]) -> bool:
    return all((root / "usr/bin" / name).exists() for name in programs)


def _make(root: Path, suite: str, packages: Sequence[str]) -> None:
    part = root.with_name(root.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    argv = ["debootstrap", "--variant=minbase"]
    argv += [f"--include={','.join(packages)}"] if packages else []
    try:
        done = subprocess.run(
            [*argv, suite, str(part)],
            capture_output=True,
            text=True,
            timeout=DEBOOTSTRAP_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Unavailable(f"debootstrap took more than {late.timeout} s") from late
    if done.returncode != 0:
        raise Unavailable(f"debootstrap failed: {done.stdout[-300:]} {done.stderr[-300:]}")
    part.rename(root)
