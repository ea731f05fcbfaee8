"""The suites inside one process, by alternating rounds of the cases in cases.py."""

from __future__ import annotations

import math
import resource
import time
from functools import partial

from bench import cases, packing
from bench.load import Sample
from bench.report import Report

ROUND_SECONDS = 0.5


def inprocess(report: Report, quick: bool, rounds: int) -> None:
    """dbx.open() against lmdb and redis-py."""
    with cases.inprocess() as found:
        _run(report, found, quick, rounds)


def joined(report: Report, quick: bool, rounds: int) -> None:
    """A process that joined `dbx serve` against redis-py over a Unix socket."""
    with cases.joined() as found:
        _run(report, found, quick, rounds)


def codec(report: Report, quick: bool, rounds: int) -> None:
    """dbx.resp against hiredis."""
    _run(report, cases.codec(), quick, rounds)


def msgpack(report: Report, quick: bool, rounds: int) -> None:
    """dbx.msgpack against msgpack, and beside ormsgpack and msgspec."""
    _run(report, packing.cases(), quick, rounds)


def _run(report: Report, found: list[cases.Case], quick: bool, rounds: int) -> None:
    seconds = ROUND_SECONDS / (5 if quick else 1)
    for case in found:
        contenders = {
            who: partial(_timed, run, case.operations, seconds) for who, run in case.runs.items()
        }
        report.compare(case.name, contenders, max(rounds, 5), case.goal or 0.0)


def _timed(run: cases.Run, operations: int, seconds: float) -> Sample:
    """_timed calls `run` for about `seconds`, looking at the clock every so often."""
    run()
    begin, cpu = time.perf_counter(), _cpu()
    run()
    batch = max(1, int(seconds / 10 / max(time.perf_counter() - begin, 1e-7)))
    calls = 0
    begin, cpu = time.perf_counter(), _cpu()
    while time.perf_counter() - begin < seconds:
        for _ in range(batch):
            run()
        calls += batch
    spent = time.perf_counter() - begin
    done = calls * operations
    none = math.nan
    return Sample(done / spent, (_cpu() - cpu) / done * 1e6, none, none, none, none)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
