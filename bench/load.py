"""Load from outside: redis-benchmark, and our own generator compiled on the fly."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support import proc
from tests.support.servers import Server

SOURCE = Path(__file__).with_name("openloop.c")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement of one server."""

    rate: float  # operations a second
    cpu_per_million: float  # the server's CPU seconds, all threads, for a million operations
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float


def median(samples: list[Sample]) -> Sample:
    columns = zip(*(dataclasses.astuple(sample) for sample in samples), strict=True)
    return Sample(*(statistics.median(column) for column in columns))


def redis_benchmark(
    server: Server, command: list[str], operations: int, keys: int, clients: int, pipeline: int
) -> Sample:
    cpu = proc.cpu_seconds(server.pid)
    done = subprocess.run(
        ["redis-benchmark", "-p", str(server.port), "-n", str(operations), "-r", str(keys),
         "-c", str(clients), "-P", str(pipeline), "--csv", *command],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    cpu = proc.cpu_seconds(server.pid) - cpu
    row = list(csv.DictReader(done.stdout.splitlines()))[-1]
    milli = {name: float(row[f"{name}_latency_ms"]) * 1e3 for name in ("p50", "p99", "max")}
    return Sample(
        rate=float(row["rps"]),
        cpu_per_million=cpu / operations * 1e6,
        p50_us=milli["p50"],
        p99_us=milli["p99"],
        p999_us=float("nan"),
        max_us=milli["max"],
    )


@contextlib.contextmanager
def background(
    server: Server, command: list[str], keys: int, clients: int, pipeline: int
) -> Iterator[None]:
    """background keeps a server busy while the body runs, or for as long as it lives."""
    with subprocess.Popen(
        ["redis-benchmark", "-p", str(server.port), "-n", str(10**9), "-r", str(keys),
         "-c", str(clients), "-P", str(pipeline), "--csv", *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            yield
        finally:
            process.kill()


@functools.cache
def _generator() -> Path:
    program = Path(tempfile.mkdtemp(prefix="dbx-bench-")) / "openloop"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE)], check=True)
    return program


def _generate(arguments: tuple[float, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([str(_generator()), *map(str, arguments)], stdout=subprocess.PIPE)


def offer(
    server: Server, *, seconds: float, keys: int, rate: float, clients: int, value_bytes: int = 14,
    pipeline: int = 1,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """offer is openloop's SETs at a fixed rate in the background; `offered` waits for their
    end."""
    return _generate((server.port, clients, rate, pipeline, seconds, keys, 100, value_bytes))


def offered(process: subprocess.Popen[bytes], rate: float) -> None:
    """offered raises when what was offered was not all taken, or not at that rate."""
    result = json.loads(process.communicate()[0])
    if result["errors"] or result["unanswered"] or result["rate"] < 0.98 * rate:
        raise AssertionError(f"{rate}/s were offered: {result}")


def openloop(
    server: Server,
    *,
    seconds: float,
    keys: int,
    set_percent: int,
    rate: float = 0,
    clients: int = 50,
    pipeline: int = 1,
    value_bytes: int = 14,
) -> Sample:
    """openloop offers `rate` operations a second; 0: as many as a closed loop of clients gets."""
    cpu = proc.cpu_seconds(server.pid)
    arguments = (server.port, clients, rate, pipeline, seconds, keys, set_percent, value_bytes)
    result = json.loads(_generate(arguments).communicate()[0])
    if result["errors"] or result["unanswered"]:
        raise AssertionError(f"{server.name}: {result}")
    cpu = proc.cpu_seconds(server.pid) - cpu
    return Sample(
        rate=result["rate"],
        cpu_per_million=cpu / result["operations"] * 1e6,
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        p999_us=result["p999_us"],
        max_us=result["max_us"],
    )
