"""The suite of the data types: a command of each over 100k keys and on one big key, in short runs
and in runs long enough for applies; then what an element takes on disk and in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial

from bench import load
from bench.contenders import pair
from bench.report import Report
from bench.suites import in_background, report_background
from tests.support.servers import DbxServer, Server, numbers

CLIENTS, PIPELINE = 50, 16
GOAL = 0.7
ROUNDS = 3
COMMANDS = {"short": 400_000, "applies": 2_000_000}
ELEMENTS = 4_000_000  # of one big key, and of what is weighed
DISTINCT = 10**9  # of what fills draw: hardly anything twice
FILL = 50  # elements a command
WRITES = 25_000  # SETs a second beside reads,
WRITES_SECONDS = 600  # at most so long,
APPLY_SECONDS = 0.5  # and how often they are applied: in so short a run they would not be
BIG = "big"

RAND = "__rand_int__"
SPACES = {"100k keys": (f"many:{RAND}", 100_000), "one key": (BIG, ELEMENTS)}


@dataclasses.dataclass(frozen=True)
class Work:
    """A command as redis-benchmark runs it, behind its name and key. Before each round of what
    takes elements as many are added by `fill` and a third more; before the first of what reads them
    keys get half more than it reads."""

    command: str
    fill: tuple[str, ...] = ()  # what adds FILL elements: the name, and the words of one
    reads: int = 0  # elements; 0 of what writes
    weight: int = 1  # so many times fewer commands

    def words(self, key: str) -> list[str]:
        name, *words = self.command.split()
        return [name, key, *words]


_PUSH, _SADD, _ZADD = ("RPUSH", f"v:{RAND}"), ("SADD", f"m:{RAND}"), ("ZADD", RAND, f"m:{RAND}")
_HSET, _XADD = ("HSET", f"f:{RAND}", f"v:{RAND}"), ("XADD", "*", "f", f"v:{RAND}")
WORKS = {
    "LPUSH": Work(f"LPUSH v:{RAND}"),
    "RPUSH": Work(f"RPUSH v:{RAND}"),
    "LPOP": Work("LPOP", _PUSH),
    "RPOP": Work("RPOP", _PUSH),
    "SADD": Work(f"SADD m:{RAND}"),
    "SPOP": Work("SPOP", _SADD),
    "HSET": Work(f"HSET f:{RAND} v:{RAND}"),
    "ZADD": Work(f"ZADD {RAND} m:{RAND}"),
    "ZPOPMIN": Work("ZPOPMIN", _ZADD),
    "XADD": Work(f"XADD * f v:{RAND}"),
    "LRANGE_100": Work("LRANGE 0 99", _PUSH, reads=100, weight=5),
    "LRANGE_600": Work("LRANGE 0 599", _PUSH, reads=600, weight=20),
}


def types(report: Report, quick: bool, rounds: int) -> None:
    """A command of every data type over 100k keys and on one big key, short and with applies."""
    for space, (key, keys) in SPACES.items():
        for name, work in WORKS.items():
            with pair() as servers:
                for server in servers.values():
                    _prepare(server, work, key, keys)
                for length, commands in COMMANDS.items():
                    commands //= work.weight * (10 if quick else 1)
                    before = in_background(servers)
                    report.compare(
                        f"{name}, {space}, {length}",
                        {
                            who: partial(_round, server, work, key, keys, commands, length)
                            for who, server in servers.items()
                        },
                        min(rounds, ROUNDS),
                        GOAL,
                    )
                    if length != "short":
                        report_background(report, f"{name}, {space}", servers, before)


def _run(server: Server, words: list[str], commands: int, keys: int) -> load.Sample:
    return load.redis_benchmark(server, words, commands, keys, CLIENTS, PIPELINE)


def _add(
    server: Server, fill: tuple[str, ...], key: str, keys: int, elements: int, at_once: int = FILL
) -> None:
    """Adds elements, `at_once` a command; of a stream a command adds one."""
    name, *words = fill
    if name == "XADD":
        at_once = 1
    _run(server, [name, key, *words * at_once], max(CLIENTS, elements // at_once), keys)


def _prepare(server: Server, work: Work, key: str, keys: int) -> None:
    if work.reads:
        count = 1 if key == BIG else keys
        _add(server, work.fill, key, keys, count * work.reads * 3 // 2)
    elif key == BIG:
        _add(server, work.fill or tuple(work.command.split()), key, DISTINCT, ELEMENTS)


def _round(
    server: Server, work: Work, key: str, keys: int, commands: int, length: str
) -> load.Sample:
    if work.fill and not work.reads:
        _add(server, work.fill, key, DISTINCT if key == BIG else keys, commands * 4 // 3)
    with _writes(server) if work.reads and length != "short" else contextlib.nullcontext():
        return _run(server, work.words(key), commands, keys)


@contextlib.contextmanager
def _writes(server: Server) -> Iterator[None]:
    process: subprocess.Popen[bytes] = load.offer(
        server, seconds=WRITES_SECONDS, keys=ELEMENTS, rate=WRITES, clients=CLIENTS,
        pipeline=PIPELINE,
    )  # fmt: skip
    over = threading.Event()
    applier = threading.Thread(target=_apply, args=(server, over))
    applier.start()
    try:
        yield
    finally:
        over.set()
        applier.join()
        process.kill()
        process.communicate()


def _apply(server: Server, over: threading.Event) -> None:
    """Has DBX apply its buffer, and Redis rewrite its file, again and again."""
    words = ["BGSAVE"] if isinstance(server, DbxServer) else ["BGREWRITEAOF"]
    with server.raw() as client:
        while not over.wait(APPLY_SECONDS):
            client.call(*words)  # which is an error while one is going on


# --- What an element takes -----------------------------------------------------------------------

_FILLS: dict[str, tuple[str, ...]] = {
    "list": _PUSH, "set": _SADD, "sorted set": _ZADD, "hash": _HSET, "stream": _XADD,
}  # fmt: skip
SPREADS = {"one key": 1, "of 20 an inline key": 20, "of 1,000 a key": 1000}


def weights(report: Report, quick: bool, _: int) -> None:
    """Bytes an element takes: in DBX's file, and in Redis's memory."""
    elements = ELEMENTS // (20 if quick else 4)
    for kind, fill in _FILLS.items():
        for spread, per_key in SPREADS.items():
            key = BIG if per_key == 1 else f"key:{RAND}"
            with pair() as servers:
                taken = {
                    who: _weighed(server, fill, key, elements, per_key)
                    for who, server in servers.items()
                }
            shown = {
                "dbx": f"{taken['dbx']:.0f} bytes on disk",
                "redis": f"{taken['redis']:.0f} bytes in memory",
            }
            report.add(f"an element of a {kind}, {spread}", shown)


def _weighed(server: Server, fill: tuple[str, ...], key: str, elements: int, per_key: int) -> float:
    weigh: Callable[[Server], int] = _file if isinstance(server, DbxServer) else _memory
    before = weigh(server)
    keys = DISTINCT if key == BIG else elements // per_key
    _add(server, fill, key, keys, elements, min(FILL, per_key) if key != BIG else FILL)
    return (weigh(server) - before) / elements


def _file(server: Server) -> int:
    assert isinstance(server, DbxServer)
    with server.raw() as client:
        client.value("SAVE")
    info = server.store_info()
    return int(info["file_bytes"] - info["disk_unused_bytes"])


def _memory(server: Server) -> int:
    with server.raw() as client:
        return int(numbers(client.value("INFO", "memory"))["used_memory"])
