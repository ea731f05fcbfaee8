"""What the kernel says about a process, its memory and CPU time, from /proc; and freezing one."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

KB = 1024
SAMPLE_SECONDS = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """Bytes. RssAnon is what a process really costs; file pages belong to the page cache."""

    rss: int
    rss_anon: int
    rss_file: int


def instrumented() -> bool:
    """Whether sanitizers run along, which make memory and CPU time mean nothing."""
    return "asan" in os.environ.get("LD_PRELOAD", "") or mixed()


def mixed() -> bool:
    """Whether servers are not the build of this process: much slower, with maps of another size."""
    return "DBX_TEST_SERVER" in os.environ


def memory(pid: int) -> Memory:
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "RssFile"):
            fields[name] = int(value.split()[0]) * KB
    return Memory(fields["VmRSS"], fields["RssAnon"], fields["RssFile"])


def cpu_seconds(pid: int) -> float:
    """cpu_seconds is user and system time of all threads so far."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def crowded_seconds() -> float:
    """crowded_seconds is for how long, so far, somebody on this machine has waited for a processor;
    0 where the kernel does not count it (CONFIG_PSI).
    """
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """frozen stops every thread of a process while its block runs."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    while any(s.read_text().rpartition(")")[2].split()[0] != "T" for s in tasks.glob("*/stat")):
        time.sleep(SAMPLE_SECONDS)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it was killed
            os.kill(pid, signal.SIGCONT)


class AnonWatch:
    """Samples RssAnon of a process while its block runs; `grew` is the most it rose, in bytes."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.before = memory(pid).rss_anon
        self.highest = self.before
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def grew(self) -> int:
        return self.highest - self.before

    def sample(self) -> None:
        self.highest = max(self.highest, memory(self.pid).rss_anon)

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            try:
                self.sample()
            except (FileNotFoundError, KeyError):  # the process is gone
                return

    def __enter__(self) -> AnonWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stop.set()
        self._thread.join()
