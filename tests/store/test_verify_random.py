"""`dbx verify` is content with whatever random commands on every type have left, at any moment.

Collections are inline and spread; fields and keys expire; groups have entries pending; what was
removed waits for reclaim; a small write buffer has it applied all the time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from tests.store.test_verify import verify
from tests.support.resp import Arg
from tests.support.servers import DbxServer

Start = Callable[..., DbxServer]
Command = list[Arg]

ROUNDS = 3  # each ended by a kill or a stop, a check and a start
COMMANDS = 4000  # in each
KEYS = 6  # of a type
NAMES = 300  # of fields and members
LONG = 90_000  # bytes, in several chunks


class Commands:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.ids = 0

    def name(self) -> bytes:
        """A field or member, now and then one that its entry keeps whole, or in pieces."""
        pad = self.rng.choices((0, 40, 1500, LONG), (60, 30, 2, 0.2))[0]
        return b"%d" % self.rng.randrange(NAMES) + b"n" * pad

    def value(self) -> bytes:
        return b"v" * self.rng.choices((3, 60, 3000, LONG), (60, 30, 2, 0.3))[0]

    def names(self) -> list[bytes]:
        return [self.name() for _ in range(self.rng.choice((1, 1, 3, 40)))]

    def draw(self) -> Command:
        kind = self.rng.choice(("string", "hash", "list", "set", "zset", "stream"))
        key = f"{kind}:{self.rng.randrange(KEYS)}"
        other = f"{kind}:{self.rng.randrange(KEYS)}"
        if self.rng.random() < 0.06:
            return self.rng.choice([
                ["DEL", key], ["UNLINK", key], ["RENAME", key, other], ["PERSIST", key],
                ["COPY", key, other, "REPLACE"], ["PEXPIRE", key, self.rng.randrange(1, 3000)],
                ["EXPIREAT", key, 4_000_000_000], ["EXPIRE", key, 1000],
            ])  # fmt: skip
        choices: list[Command] = getattr(self, f"_{kind}")(key, other)
        return self.rng.choice(choices)

    def _string(self, key: str, other: str) -> list[Command]:
        at = self.rng.randrange(3 * LONG)
        return [
            ["SET", key, self.value()], ["SETRANGE", key, at, self.value()],
            ["APPEND", key, self.value()], ["SETBIT", key, at, 1], ["BITOP", "OR", key, key, other],
            ["SET", key, self.rng.randrange(100), "PX", self.rng.randrange(1, 5000)],
        ]  # fmt: skip

    def _hash(self, key: str, other: str) -> list[Command]:
        names, soon = self.names(), self.rng.randrange(1, 3000)
        pairs = [word for name in names for word in (name, self.value())]
        fields: Command = ["FIELDS", len(names), *names]
        return [
            ["HSET", key, *pairs], ["HSET", key, *pairs], ["HDEL", key, *names],
            ["HPEXPIRE", key, soon, *fields], ["HEXPIREAT", key, 4_000_000_000, *fields],
            ["HPERSIST", key, *fields], ["HGETDEL", key, *fields],
            ["HSETEX", key, "PX", soon, "FIELDS", len(names), *pairs],
        ]  # fmt: skip

    def _list(self, key: str, other: str) -> list[Command]:
        values = [self.value() for _ in range(self.rng.choice((1, 3, 60)))]
        at = self.rng.randrange(-200, 200)
        return [
            ["RPUSH", key, *values], ["LPUSH", key, *values], ["LPOP", key, 5], ["RPOP", key, 5],
            ["LINSERT", key, "BEFORE", values[0], self.value()], ["LREM", key, 2, values[0]],
            ["LMOVE", key, other, "LEFT", "RIGHT"], ["LTRIM", key, 0, 300],
            ["LREM", key, at, values[0]],
        ]  # fmt: skip

    def _set(self, key: str, other: str) -> list[Command]:
        names = self.names()
        return [
            ["SADD", key, *names], ["SADD", key, *names], ["SREM", key, *names], ["SPOP", key, 7],
            ["SADD", key, self.rng.randrange(NAMES)], ["SMOVE", key, other, names[0]],
            ["SUNIONSTORE", key, key, other], ["SDIFFSTORE", key, other, key],
        ]  # fmt: skip

    def _zset(self, key: str, other: str) -> list[Command]:
        names, score = self.names(), self.rng.choice((0, -0.0, 1, self.rng.random(), "-inf"))
        scored = [word for name in names for word in (score, name)]
        return [
            ["ZADD", key, *scored], ["ZADD", key, *scored], ["ZREM", key, *names],
            ["ZINCRBY", key, 1.5, names[0]], ["ZPOPMIN", key, 3], ["ZPOPMAX", key, 3],
            ["ZREMRANGEBYRANK", key, 100, 130], ["ZUNIONSTORE", key, 2, key, other],
            ["GEOADD", key, self.rng.uniform(-180, 180), self.rng.uniform(-80, 80), names[0]],
        ]  # fmt: skip

    def _stream(self, key: str, other: str) -> list[Command]:
        self.ids += 1
        some = f"{self.rng.randrange(1, self.ids + 1)}-0"
        group: Command = ["GROUP", "g", f"consumer{self.rng.randrange(3)}"]
        add: Command = ["XADD", key, f"{self.ids}-0", self.name(), self.value()]
        return [
            add, add, add, ["XDEL", key, some], ["XTRIM", key, "MAXLEN", "~", 200],
            ["XGROUP", "CREATE", key, "g", 0, "MKSTREAM"], ["XACK", key, "g", some],
            ["XREADGROUP", *group, "COUNT", 20, "STREAMS", key, ">"],
            ["XAUTOCLAIM", key, "g", "consumer0", 0, some, "COUNT", 5],
            ["XGROUP", "DELCONSUMER", key, "g", "consumer2"],
        ]  # fmt: skip


def send(server: DbxServer, commands: Commands) -> int:
    """send executes random commands, some in a transaction; how many were no mistakes."""
    done = 0
    with server.raw(timeout=120) as client:
        for _ in range(COMMANDS // 50):
            batch: list[Command] = [commands.draw() for _ in range(50)]
            if commands.rng.random() < 0.2:
                batch = [["MULTI"], *batch, ["EXEC"]]
            done += sum(tag != "error" for tag, _ in client.pipeline(batch))
            if commands.rng.random() < 0.02:
                client.value("FLUSHDB")
    return done


def test_whatever_random_commands_leave_is_ok(dbx_process: Start) -> None:
    seed = int(os.environ.get("DBX_VERIFY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"DBX_VERIFY_SEED={seed}")
    commands = Commands(random.Random(seed))
    server = dbx_process(settings={"write-buffer-size": "1mb"})
    applies = 0
    for i in range(ROUNDS):
        assert send(server, commands) > COMMANDS // 2
        applies += server.store_info()["applies"]
        if i % 2 == 0:
            server.kill()
        else:
            server.apply()
            server.stop()
        done = verify(Path(server.data))
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert done.stdout.splitlines()[-1] == "ok"
        server.restart()
    assert applies > 0
    figures = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[:-1]}
    assert int(figures["elements"]) > 0
    assert int(figures["chunks"]) > 0
