"""What the files of a directory say after a kill: what the log is made of, and who opened it.

It reads them by itself: what DBX's own readers get wrong must not hide here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

MAGIC = b"DBXJRNL\n"
SEGMENT_HEADER_BYTES, FRAME_HEADER_BYTES = 64, 56


class Segment(NamedTuple):
    start: int  # position
    run: int
    path: Path
    has_frames: bool


def segments(data: Path) -> list[Segment]:
    """segments of the log, oldest first."""
    found = []
    for path in (data / "journal").glob("*.log"):
        with path.open("rb") as file:
            head = file.read(SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES)
        if head.startswith(MAGIC):
            run, start = _numbers(head, 16)
            own = _numbers(head, SEGMENT_HEADER_BYTES + 8) == (run, start)
            found.append(Segment(start, run, path, own))
    return sorted(found)


def _numbers(head: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(head[at : at + 8], "little"), int.from_bytes(
        head[at + 8 : at + 16], "little"
    )


def has_spare(data: Path) -> bool:
    """has_spare is whether the next segment lies ready."""
    files = list((data / "journal").glob("*.log"))
    size = max((path.stat().st_size for path in files), default=0)
    used = {segment.path for segment in segments(data)}
    return any(path not in used and path.stat().st_size == size for path in files)


def last_run(data: Path) -> int:
    """last_run is that of the last start that came to its own segment; 0: there was none."""
    return max((segment.run for segment in segments(data)), default=0)


def owner(data: Path) -> int:
    """owner is the process that locked the directory last; 0: there was none."""
    try:
        words = (data / "lock").read_text().split()
    except FileNotFoundError:
        return 0
    return int(words[1]) if len(words) > 1 else 0
