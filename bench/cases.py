"""What is timed inside one process: each case is a function for every contender."""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

KEYS = 100_000
PIPELINE = 1000

Run = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """`runs` by contender, ours first; each call does `operations`. `goal`: ours over the other."""

    name: str
    runs: dict[str, Run]
    operations: int
    goal: float | None


def _keys() -> list[str]:
    names = [f"key:{i:012}" for i in range(KEYS)]
    random.Random(1).shuffle(names)
    return names


@contextlib.contextmanager
def inprocess() -> Iterator[list[Case]]:
    """The in-process API against lmdb and against redis-py with redis-server."""
    import lmdb
    import redis

    import dbx
    from bench.contenders import DurableRedis

    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dbx-bench-")))
        server = DurableRedis("everysec")
        stack.callback(server.close)
        server.start()
        db = stack.enter_context(dbx.open(str(home / "dbx")))
        environment = lmdb.open(str(home / "lmdb"), map_size=1 << 30, sync=False)
        stack.callback(environment.close)
        remote = stack.enter_context(redis.Redis(port=server.port))
        names = _keys()
        encoded = [name.encode() for name in names]
        with environment.begin(write=True) as txn:
            for key in encoded:
                txn.put(key, b"v:%012d" % 0)
        for at in range(0, KEYS, PIPELINE):
            with db.pipeline(transaction=False) as pipe:
                for name in names[at : at + PIPELINE]:
                    pipe.set(name, "v:000000000000")
                pipe.execute()
        numbers = itertools.count(1)
        turn = itertools.cycle(range(KEYS))

        def dbx_get() -> object:
            return db.get(names[next(turn)])

        def lmdb_get() -> object:
            with environment.begin() as txn:
                return txn.get(encoded[next(turn)])

        def dbx_set() -> object:
            return db.set(names[next(turn)], b"v:%012d" % next(numbers))

        def lmdb_put() -> object:
            with environment.begin(write=True) as txn:
                return txn.put(encoded[next(turn)], b"v:%012d" % next(numbers))

        def pipeline(client: dbx.DBX | redis.Redis) -> object:
            with client.pipeline(transaction=False) as pipe:
                for _ in range(PIPELINE):
                    pipe.set(names[next(turn)], b"v:%012d" % next(numbers))
                return pipe.execute()

        yield [
            Case("get", {"dbx": dbx_get, "lmdb": lmdb_get}, 1, 0.7),
            Case("set", {"dbx": dbx_set, "lmdb": lmdb_put}, 1, 1.5),
            Case(
                f"pipeline of {PIPELINE} sets",
                {"dbx": partial(pipeline, db), "redis-py": partial(pipeline, remote)},
                PIPELINE,
                5.0,
            ),
        ]


@contextlib.contextmanager
def joined() -> Iterator[list[Case]]:
    """A process that joined `dbx serve` against redis-py with redis-server over a Unix socket."""
    import redis

    import dbx
    from bench.contenders import pair

    with pair() as servers, contextlib.ExitStack() as stack:
        ours, real = servers["dbx"], servers["redis"]
        clients: dict[str, dbx.DBX | redis.Redis] = {
            "dbx": stack.enter_context(dbx.open(ours.data)),
            "redis-py": stack.enter_context(redis.Redis(unix_socket_path=f"{real.data}/socket")),
        }
        names = _keys()
        numbers = itertools.count(1)
        turn = itertools.cycle(range(KEYS))

        def get(client: dbx.DBX | redis.Redis) -> object:
            return client.get(names[next(turn)])

        def put(client: dbx.DBX | redis.Redis) -> object:
            return client.set(names[next(turn)], b"v:%012d" % next(numbers))

        def pipeline(client: dbx.DBX | redis.Redis) -> object:
            with client.pipeline(transaction=False) as pipe:
                for _ in range(PIPELINE):
                    pipe.set(names[next(turn)], b"v:%012d" % next(numbers))
                return pipe.execute()

        works: dict[str, tuple[Callable[..., object], int]] = {
            "get": (get, 1),
            "set": (put, 1),
            f"pipeline of {PIPELINE} sets": (pipeline, PIPELINE),
        }
        yield [
            Case(f"joined, {name}", {w: partial(work, c) for w, c in clients.items()}, count, 0.8)
            for name, (work, count) in works.items()
        ]


def codec() -> list[Case]:
    """dbx.resp against hiredis."""
    import hiredis

    from dbx import resp

    small = b"+OK\r\n:12345\r\n$14\r\nv:000000000001\r\n" * 1000
    nested = b"*10\r\n" + b"*2\r\n$5\r\nfield\r\n:1\r\n" * 10
    maps = b"%5\r\n" + b"".join(b"$2\r\nf%d\r\n,1.5\r\n" % i for i in range(5))
    large = b"$1000000\r\n" + b"x" * 1_000_000 + b"\r\n"
    streams = {
        "3000 small replies": (small, 3000),
        "300 arrays of arrays": (nested * 300, 300),
        "300 maps": (maps * 300, 300),
        "a reply of 1 MB": (large, 1),
    }
    command = ("SET", "key:000000000001", b"v:000000000001", "EX", 100)

    def read(reader: type, stream: bytes, replies: int) -> object:
        parser = reader()
        parser.feed(stream)
        for _ in range(replies):
            parser.gets()
        return parser

    cases = [
        Case(
            f"read {name}",
            {
                "dbx": partial(read, resp.Reader, data, n),
                "hiredis": partial(read, hiredis.Reader, data, n),
            },
            n,
            None,
        )
        for name, (data, n) in streams.items()
    ]
    packs: dict[str, Run] = {
        "dbx": lambda: resp.pack_command(command),
        "hiredis": lambda: hiredis.pack_command(command),
    }
    return [*cases, Case("pack a command", packs, 1, None)]
