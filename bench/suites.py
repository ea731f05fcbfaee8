"""The suites that compare servers: throughput, sustained load, syncing each write, latency,
footprint.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import load
from bench.contenders import DurableRedis, dbx_server, pair, prefill
from bench.report import Report
from tests.support import proc
from tests.support.servers import DbxServer, Server, numbers

CLIENTS = 50
SUSTAINED_ROUNDS = 1  # each lasts a minute and meets many applies
MB = 1 << 20

SET = ["SET", "key:__rand_int__", "v:__rand_int__"]
COMMANDS = {
    "SET": (SET, 1),
    "GET": (["GET", "key:__rand_int__"], 1),
    "INCR": (["INCR", "counter:__rand_int__"], 1),
    "MSET 10": (["MSET", *["key:__rand_int__", "v:__rand_int__"] * 10], 8),
}
RESP_GOALS = {1: 0.95, 16: 0.8}


def resp(report: Report, quick: bool, rounds: int) -> None:
    """SET, GET, INCR and MSET over 100k keys, without and with pipelining."""
    keys = 100_000
    with pair() as servers:
        for server in servers.values():
            prefill(server, keys)
        for pipeline, goal in RESP_GOALS.items():
            for name, (command, weight) in COMMANDS.items():
                operations = (100_000 if pipeline == 1 else 1_000_000) // weight
                operations //= 4 if quick else 1
                report.compare(
                    f"{name} -P {pipeline}",
                    {
                        who: partial(
                            load.redis_benchmark,
                            server,
                            command,
                            operations,
                            keys,
                            CLIENTS,
                            pipeline,
                        )
                        for who, server in servers.items()
                    },
                    rounds,
                    goal,
                )


def sustained(report: Report, quick: bool, rounds: int) -> None:
    """A minute of GETs, of GETs beside SETs, of both, of SETs over 5M keys; then latency at half
    of the SET rate, again a minute each: long enough for what either does in the background,
    applies or rewrites."""
    keys, seconds = (500_000, 10) if quick else (5_000_000, 60)
    with pair() as servers:
        for server in servers.values():
            prefill(server, keys)
        for name, set_percent, writes, goal in (
            ("GET", 0, 0, 0.7), ("GET beside SETs", 0, 25_000, 0.7), ("half", 50, 0, 0.5),
            ("SET", 100, 0, 0.5),
        ):  # fmt: skip
            before = in_background(servers)
            middle = report.compare(
                f"{name} -P 16, {keys:,} keys, {seconds} s",
                {
                    who: partial(_sustain, server, seconds, keys, set_percent, writes)
                    for who, server in servers.items()
                },
                min(rounds, SUSTAINED_ROUNDS),
                goal,
            )
            report_background(report, name, servers, before)
        rate = min(sample.rate for sample in middle.values()) / 2
        before = in_background(servers)
        _latency(
            report, f"SET -P 16 at {rate:,.0f}/s", servers, rate, 16, keys, seconds, 100, rounds
        )
        report_background(report, "them", servers, before)


def _sustain(server: Server, seconds: int, keys: int, set_percent: int, writes: int) -> load.Sample:
    """As many commands as a closed loop of clients gets, beside `writes` SETs a second of others,
    which are not counted."""
    measure = partial(
        load.openloop, server, seconds=seconds, keys=keys, set_percent=set_percent,
        clients=CLIENTS, pipeline=16,
    )  # fmt: skip
    if writes == 0:
        return measure()
    others = load.offer(
        server, seconds=seconds, keys=keys, rate=writes, clients=CLIENTS, pipeline=16
    )
    try:
        return measure()
    finally:
        load.offered(others, writes)


def in_background(servers: dict[str, Server]) -> dict[str, int]:
    """Applies to data.mdbx, rewrites of the append-only file."""
    ours, theirs = servers["dbx"], servers["redis"]
    assert isinstance(ours, DbxServer)
    with theirs.raw() as client:
        rewrites = numbers(client.value("INFO", "persistence"))["aof_rewrites"]
    return {"dbx": ours.store_info()["applies"], "redis": rewrites}


def report_background(
    report: Report, name: str, servers: dict[str, Server], before: dict[str, int]
) -> None:
    now = in_background(servers)
    report.add(
        f"applies, rewrites during {name}", {who: now[who] - count for who, count in before.items()}
    )


def _latency(
    report: Report, case: str, servers: dict[str, Server], rate: float, pipeline: int, keys: int,
    seconds: float, set_percent: int, rounds: int,
) -> None:  # fmt: skip
    """_latency offers the same fixed rate to both, in alternating rounds of `seconds`; the goal is
    on p99.9, as Redis's over ours."""
    samples: dict[str, list[load.Sample]] = {who: [] for who in servers}
    for turn in range(rounds):
        for who in list(servers)[:: 1 if turn % 2 == 0 else -1]:
            samples[who].append(
                load.openloop(
                    servers[who], seconds=seconds, keys=keys, set_percent=set_percent, rate=rate,
                    clients=CLIENTS, pipeline=pipeline,
                )
            )  # fmt: skip
    middle = {who: load.median(taken) for who, taken in samples.items()}
    shown = {
        who: f"p50 {s.p50_us:.0f} p99 {s.p99_us:.0f} p99.9 {s.p999_us:.0f} max {s.max_us:.0f} us"
        for who, s in middle.items()
    }
    ratios = [
        theirs.p999_us / ours.p999_us
        for ours, theirs in zip(samples["dbx"], samples["redis"], strict=True)
    ]
    report.add(case, shown, ratio=statistics.median(ratios), goal=1 / 1.5, ratios=ratios)


def latency(report: Report, quick: bool, rounds: int) -> None:
    """Latency from the intended send time, at half of the smaller measured peak."""
    keys, seconds = 100_000, 5 if quick else 20
    with pair() as servers:
        for server in servers.values():
            prefill(server, keys)
        for name, set_percent in (("GET", 0), ("SET", 100), ("half GET, half SET", 50)):
            peak = min(
                load.openloop(
                    server, seconds=3, keys=keys, set_percent=set_percent, clients=CLIENTS
                ).rate
                for server in servers.values()
            )
            case = f"{name} at {peak / 2:,.0f}/s"
            turns = 1 if quick else rounds
            _latency(report, case, servers, peak / 2, 1, keys, seconds, set_percent, turns)


def always(report: Report, quick: bool, rounds: int) -> None:
    """SET with every write synced before its reply."""
    with pair("always") as servers:
        for clients in (1, CLIENTS):
            operations = (2000 if clients == 1 else 20_000) // (4 if quick else 1)
            report.compare(
                f"SET, always, {clients} clients",
                {
                    who: partial(load.redis_benchmark, server, SET, operations, 100_000, clients, 1)
                    for who, server in servers.items()
                },
                rounds,
                1.0,
            )


def restart(report: Report, quick: bool, rounds: int) -> None:
    """From kill -9 in the middle of SETs at random over 5M keys to the first reply."""
    keys = 500_000 if quick else 5_000_000
    ready: dict[str, list[float]] = {"dbx": [], "redis": []}
    with pair() as servers:
        for server in servers.values():
            prefill(server, keys)
        for turn in range(rounds):
            for who, server in servers.items():
                if who == "redis" and turn > 0:
                    continue  # it only grows: its whole log is replayed
                seconds = 5 + turn / rounds * 3  # somewhere between two applies, or in one
                ready[who].append(_killed_and_started(server, keys, seconds))
    shown = {who: " ".join(f"{ms:.0f}" for ms in times) + " ms" for who, times in ready.items()}
    report.add(f"killed over {keys:,} keys", shown)
    report.limit("ready after kill -9", max(ready["dbx"]), 1000, "ms")


def _killed_and_started(server: Server, keys: int, seconds: float) -> float:
    with load.background(server, SET, keys, CLIENTS, 16):
        time.sleep(seconds)
        server.kill()
    begin = time.monotonic()
    server.start()
    return (time.monotonic() - begin) * 1e3


def footprint(report: Report, quick: bool, rounds: int) -> None:
    """Time until ready, memory empty and during applies over 10M keys, bytes on disk."""
    makers: dict[str, Callable[[], Server]] = {
        "dbx": dbx_server,
        "redis": lambda: DurableRedis("everysec"),
    }
    ready, rss = {}, {}
    for who, make in makers.items():
        times = []
        for _ in range(rounds):
            server = make()
            begin = time.monotonic()
            server.start()
            times.append((time.monotonic() - begin) * 1e3)
            rss[who] = server.memory().rss / MB
            server.close()
        ready[who] = statistics.median(times)
    report.add("ready, ms", {who: f"{ms:.0f}" for who, ms in ready.items()})
    report.add("RSS when empty, MB", {who: f"{mb:.1f}" for who, mb in rss.items()})
    report.limit("ready", ready["dbx"], 300, "ms")
    report.limit("RSS when empty", rss["dbx"], 25, "MB")
    _filled(report, 1_000_000 if quick else 10_000_000, makers)


def _filled(report: Report, keys: int, makers: dict[str, Callable[[], Server]]) -> None:
    for who, make in makers.items():
        server = make().start()
        try:
            prefill(server, keys)
            with proc.AnonWatch(server.pid) as watch:
                prefill(server, keys, value_bytes=16)  # other values: a second pass of applies
            values = {"RssAnon MB": f"{watch.highest / MB:.0f}"}
            values["disk MB"] = f"{_bytes_below(server.data) / MB:.0f}"
            report.add(f"{keys:,} keys, {who}", values)
            if isinstance(server, DbxServer):
                info = server.store_info()
                report.add("applies", {"dbx": info["applies"]})
                bound = 48 + 2 * info["buffer_bytes_max"] / MB
                report.limit("RssAnon during applies", watch.highest / MB, bound, "MB")
        finally:
            server.close()


def _bytes_below(directory: str | Path) -> int:
    """_bytes_below counts allocated bytes: preallocated and sparse files as the disk sees them."""
    return sum(path.stat().st_blocks * 512 for path in Path(directory).rglob("*") if path.is_file())
