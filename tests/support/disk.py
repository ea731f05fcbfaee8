"""A small file system of a test's own, which it can fill to the last byte."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MB = 1 << 20
FILLED_BY = (MB, 4096, 1)  # bytes a write, ever smaller


class Unavailable(Exception):
    """This machine lets us mount nothing; the text says why."""


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable(f"{argv[0]} is not installed") from error
    if done.returncode != 0:
        raise Unavailable(f"{argv[0]}: {done.stderr.strip()}")


class Disk:
    """A mounted file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def take(self, count: int) -> None:
        """take takes so many bytes, as another program would."""
        with open(self._filler, "ab", buffering=0) as file:
            file.write(bytes(count))

    def fill(self) -> None:
        """fill takes all that is free."""
        with open(self._filler, "ab", buffering=0) as file:
            for size in FILLED_BY:
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def free(self) -> None:
        """free gives back what take and fill took."""
        self._filler.unlink()

    def remount(self, how: str) -> None:
        """remount makes it read-only ("ro") or writable ("rw")."""
        _run("mount", "-o", f"remount,{how}", str(self.path))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """small_disk is ext4 on a file where that can be mounted, tmpfs elsewhere."""
    path, image = folder / "disk", folder / "image"
    path.mkdir()
    with open(image, "wb") as file:
        file.truncate(megabytes * MB)
    try:
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
        _run("mount", "-o", "loop", str(image), str(path))
    except Unavailable:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(path))
    try:
        yield Disk(path)
    finally:
        _run("umount", "-l", str(path))
        image.unlink()
