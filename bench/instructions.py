"""Instructions per command, counted by callgrind: a regression shows however noisy the machine is.

The server of the C tests is built twice, from the working tree and from the commit before, and runs
a fixed load under valgrind. What a start costs is taken out by running two amounts of load and
keeping the difference.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.report import Report
from tests.support.resp import RawClient, encode
from tests.support.servers import free_port

ROOT = Path(__file__).parent.parent
TARGET = "serve_main"
GROWTH_MAX = 1.03
SMALL, LARGE = 2000, 6000
KEYS = 1000
START_SECONDS_MAX = 60.0
DATA = ":memory:"  # valgrind cannot reserve the address space of an MDBX file

# Commands, and how many are sent at once.
WORKLOADS = {
    "SET -P 1": (b"SET", 1),
    "GET -P 1": (b"GET", 1),
    "SET -P 16": (b"SET", 16),
    "GET -P 16": (b"GET", 16),
    "INCR -P 16": (b"INCR", 16),
}


def instructions(report: Report, quick: bool, rounds: int) -> None:
    """Instructions of the working tree against those of the commit before."""
    if shutil.which("valgrind") is None:
        raise SystemExit("instructions: valgrind is not installed")
    with tempfile.TemporaryDirectory(prefix="dbx-bench-") as home:
        before = Path(home) / "before"
        before.mkdir()
        archive = subprocess.run(
            ["git", "archive", "HEAD~1"], cwd=ROOT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x"], cwd=before, input=archive.stdout, check=True)
        programs = {
            "now": _build(ROOT, Path(home) / "build-now"),
            "before": _build(before, Path(home) / "build-before"),
        }
        for name in list(WORKLOADS)[: 2 if quick else None]:
            counts = {who: _per_command(program, name) for who, program in programs.items()}
            report.add(name, {who: f"{count:,.0f} instructions" for who, count in counts.items()})
            ratio = counts["now"] / counts["before"]
            report.limit(f"{name}: now / before", ratio, GROWTH_MAX, "")


def _build(source: Path, build: Path) -> Path:
    """_build compiles the C test server as it would be released, with symbols."""
    configure = ["cmake", "-S", str(source), "-B", str(build), "-DDBX_TESTS=ON",
                 "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]  # fmt: skip
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["cmake", "--build", str(build), "--target", TARGET, "-j", str(os.cpu_count())],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    found = [path for path in build.rglob(TARGET) if path.is_file() and os.access(path, os.X_OK)]
    return found[0]


def _per_command(program: Path, workload: str) -> float:
    small, large = (_count(program, workload, n) for n in (SMALL, LARGE))
    return (large - small) / (LARGE - SMALL)


def _count(program: Path, workload: str, commands: int) -> int:
    """_count runs the server under callgrind with a number of commands; returns instructions."""
    with tempfile.TemporaryDirectory(prefix="dbx-bench-") as home:
        port = free_port()
        out = Path(home) / "callgrind.out"
        argv = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", str(program),
                DATA, str(port)]  # fmt: skip
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                with _connect(port, server) as client:
                    for batch in _batches(workload, commands):
                        client.pipeline(batch)
            finally:
                server.terminate()
            server.wait()
        match = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
        assert match is not None, out.read_text()[:500]
        return int(match[1])


def _batches(workload: str, commands: int) -> Iterator[Sequence[tuple[bytes, ...]]]:
    name, pipeline = WORKLOADS[workload]
    for at in range(0, commands, pipeline):
        keys = [b"key:%012d" % (i * 7919 % KEYS) for i in range(at, at + pipeline)]
        values = [(b"v:%012d" % i,) if name == b"SET" else () for i in range(at, at + pipeline)]
        yield [(name, key, *value) for key, value in zip(keys, values, strict=True)]


def _connect(port: int, server: subprocess.Popen[bytes]) -> RawClient:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            client = RawClient(port, timeout=START_SECONDS_MAX)
            client.send_bytes(encode("PING"))
            client.read()
            return client
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.05)
