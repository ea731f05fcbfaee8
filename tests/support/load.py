"""Writers that know what must survive: each keeps a model of its own keys and of what was
acknowledged.

A writer sends its operations in order on one connection, in pipelines. After a crash its keys must
hold the model as it was after some operation between the last acknowledged one and the last one
sent: less is a lost acknowledged write, anything else is a broken order or a half-applied command.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.resp import Arg, RawClient, encode

KEYS_PER_WRITER = 400
PIPELINE_MAX = 32
Model = dict[bytes, bytes]


@dataclass
class Writer:
    """One connection's worth of load. `begin` connects; run() goes on until the server is gone."""

    number: int
    random: random.Random
    model: Model = field(default_factory=dict)  # after the last acknowledged operation
    pending: list[tuple[bytes, ...]] = field(default_factory=list)  # sent, not acknowledged
    acknowledged: int = 0

    def key(self) -> bytes:
        return b"w%d:%d" % (self.number, self.random.randrange(KEYS_PER_WRITER))

    def operation(self) -> tuple[bytes, ...]:
        kind = self.random.random()
        if kind < 0.5:
            size = self.random.choice((8, 8, 8, 60, 300, 70_000 if kind < 0.01 else 40))
            return (b"SET", self.key(), self.random.randbytes(size))
        if kind < 0.65:
            return (b"APPEND", self.key(), b"+" * self.random.randrange(1, 20))
        if kind < 0.8:
            return (b"DEL", self.key())
        if kind < 0.9:
            return (b"MSET", self.key(), b"%d" % self.random.randrange(10**9), self.key(), b"m")
        return (b"SETRANGE", self.key(), b"%d" % self.random.randrange(100), b"range")

    def run(self, connect: Callable[[], RawClient]) -> None:
        try:
            with connect() as client:
                while True:
                    self.pending = [
                        self.operation() for _ in range(self.random.randrange(1, PIPELINE_MAX))
                    ]
                    client.send_bytes(b"".join(encode(*op) for op in self.pending))
                    while self.pending:
                        tag, value = client.read()
                        assert tag != "error", (self.pending[0], value)
                        apply(self.model, self.pending.pop(0))
                        self.acknowledged += 1
        except OSError:
            return

    def settle(self, found: Model) -> None:
        """settle checks what a restarted server holds, and takes it as the new state."""
        candidate = dict(self.model)
        operations = self.pending
        self.pending = []
        self.model = found
        if candidate == found:
            return
        for operation in operations:
            apply(candidate, operation)
            if candidate == found:
                return
        missing = {key for key in candidate if key not in found}
        wrong = {key for key in found if found[key] != candidate.get(key)}
        raise AssertionError(
            f"writer {self.number}: after {self.acknowledged} acknowledged operations and "
            f"{len(operations)} unacknowledged ones, keys {sorted(missing)[:5]} are missing "
            f"and {sorted(wrong)[:5]} are wrong"
        )


def apply(model: Model, operation: tuple[bytes, ...]) -> None:
    """apply does to a model what the server does."""
    name, key, *rest = operation
    if name == b"SET":
        model[key] = rest[0]
    elif name == b"APPEND":
        model[key] = model.get(key, b"") + rest[0]
    elif name == b"DEL":
        model.pop(key, None)
    elif name == b"MSET":
        words = operation[1:]
        model.update(zip(words[::2], words[1::2], strict=True))
    else:
        at, old = int(rest[0]), model.get(key, b"")
        model[key] = old[:at].ljust(at, b"\0") + rest[1] + old[at + len(rest[1]) :]


def read_models(client: RawClient, writers: list[Writer]) -> list[Model]:
    """read_models reads each writer's keys from the server."""
    models = []
    for writer in writers:
        names = [b"w%d:%d" % (writer.number, i) for i in range(KEYS_PER_WRITER)]
        values = client.value("MGET", *names)
        models.append({n: v for n, (_, v) in zip(names, values, strict=True) if v is not None})
    return models


class Load:
    """Several writers in threads, until the server they write to goes away."""

    def __init__(self, writers: list[Writer], connect: Callable[[], RawClient]) -> None:
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guard, args=(writer, connect), daemon=True)
            for writer in writers
        ]
        for thread in self._threads:
            thread.start()

    def _guard(self, writer: Writer, connect: Callable[[], RawClient]) -> None:
        try:
            writer.run(connect)
        except BaseException as failure:
            self._failures.append(failure)

    def join(self) -> None:
        """join waits for the writers to notice that the server is gone."""
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]


def repeat(client: RawClient, command: tuple[Arg, ...], times: int, batch: int = 1000) -> bytes:
    """repeat pipelines one command many times; returns the last reply line."""
    once = encode(*command)
    last = b""
    for at in range(0, times, batch):
        n = min(batch, times - at)
        client.send_bytes(once * n)
        for _ in range(n):
            tag, value = client.read()
            assert tag != "error", value
            last = b"%d" % value if isinstance(value, int) else value
    return last


def fill(client: RawClient, keys: int, *, value_bytes: int = 16, batch: int = 5000) -> None:
    """fill sets key:0 ... with values that change from call to call."""
    for at in range(0, keys, batch):
        n = min(batch, keys - at)
        client.send_bytes(
            b"".join(
                encode(b"SET", b"key:%d" % i, random.randbytes(value_bytes))
                for i in range(at, at + n)
            )
        )
        for _ in range(n):
            tag, value = client.read()
            assert tag == "status", value
