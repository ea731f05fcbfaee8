"""A journal replayed into a real Redis, or a fresh DBX, gives the same keyspace key by key.

Half of what is written are commands of the differential tests' families.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.differential.commands import Drawer, taking_part
from tests.differential.compare import keyspace, keyspace_differences
from tests.differential.families import Family
from tests.differential.words import TTL_MS, TTL_S
from tests.support.resp import Arg, RawClient
from tests.support.servers import DbxServer, RedisServer, clean_environment
from tools import redis_coverage

COMMANDS = 4000 * max(int(os.environ.get("DBX_SOAK", "0")), 1)
DATABASES = (0, 1, 2)
BATCH = 50
SECONDS_MAX = 120.0
BRIEF_SECONDS_MAX = 2
KEEP = {"journal-keep-size": str(1 << 30)}

Start = Callable[..., DbxServer]
Command = tuple[Arg, ...]


def workload(chance: random.Random, brief: bool) -> Command:
    """workload is one random write whose effect depends on when and on what it meets. `brief`:
    most keys that expire do so within BRIEF_SECONDS_MAX."""
    key, other = (f"key:{chance.randrange(200)}" for _ in range(2))
    value = chance.randbytes(chance.choice((0, 3, 30, 50, 3000)))
    soon = brief and chance.random() < 0.7
    ttl = chance.randint(1, BRIEF_SECONDS_MAX) if soon else chance.randrange(1000, 10**6)
    ttl_ms = ttl * 1000 - chance.randrange(1000)
    bit, counted = chance.randrange(4000), f"hll:{chance.randrange(20)}"
    elements = [chance.randrange(3000) for _ in range(chance.choice((0, 1, 3, 200)))]
    kind = chance.randrange(36)
    simple: tuple[Command, ...] = (
        ("SET", key, value), ("SET", key, value, "EX", ttl), ("SET", key, value, "KEEPTTL"),
        ("SET", key, value, "NX", "PX", ttl_ms), ("SET", key, value, "XX", "GET"),
        ("SETEX", key, ttl, value), ("GETEX", key, "EX", ttl), ("GETEX", key, "PERSIST"),
        ("GETDEL", key), ("GETSET", key, value), ("MSET", key, value, other, value),
        ("MSETNX", key, value, other, value), ("APPEND", key, value), ("INCR", key),
        ("SETRANGE", key, chance.randrange(200), value), ("INCRBY", key, chance.randrange(-9, 9)),
        ("INCRBYFLOAT", key, "0.1"), ("DEL", key, other), ("EXPIRE", key, ttl),
        ("PEXPIRE", key, ttl_ms, chance.choice(("NX", "XX", "GT", "LT"))), ("EXPIRE", key, -1),
        ("PERSIST", key), ("RENAME", key, other), ("COPY", key, other, "REPLACE"),
        ("COPY", key, other, "DB", chance.choice(DATABASES)), ("MOVE", key,
        chance.choice(DATABASES)), ("PEXPIREAT", key, int(time.time() * 1000) + ttl_ms),
        ("renamenx", key, other), ("SET", key, value, "PXAT", int(time.time() * 1000) + ttl_ms),
        ("SETBIT", key, bit, bit % 2), ("BITOP", chance.choice(("AND", "XOR")), key, key, other),
        ("BITFIELD", key, "OVERFLOW", "FAIL", "INCRBY", "u5", bit, 9, "SET", "i9", "#3", -7),
        ("PFADD", counted, *elements), ("PFCOUNT", counted),
        ("PFMERGE", counted, f"hll:{chance.randrange(20)}"), ("PFDEBUG", "TODENSE", counted),
    )  # fmt: skip
    return simple[kind]


# What the families leave out, because two servers would not choose alike: here one chooses, and its
# choice must be in the journal.
CHOSEN = (
    "SPOP <key>", "SPOP <key> 2", "XADD <key> * <field> <text>", "XADD <key> MAXLEN 5 * f v",
    "XCLAIM <own> g1 c1 0 10-0 10-1", "XAUTOCLAIM <own> g1 c2 0 0",
)  # fmt: skip
FAMILIES_SHARE = 0.5  # of commands
FIELDS_TTL = (10**6, 10**8)  # of what the templates set to expire, in seconds: not before the end


class FamilyWorkload:
    """Random commands of every family that a server has, which tells by its COMMAND LIST."""

    def __init__(self, client: RawClient, chance: random.Random) -> None:
        ours = frozenset(reply[1] for reply in client.value("COMMAND", "LIST"))
        theirs = frozenset(name.encode() for name in redis_coverage.names())
        parts = [family for family in taking_part(theirs, ours).values() if family.data]
        self.families = [_with_chosen(family, ours) for family in parts]
        self.chance = chance
        self.drawer = Drawer(chance.randrange)

    def command(self) -> Command:
        family = self.chance.choice(self.families)
        drawn = self.drawer.template(family, self.chance.choice(family.templates))
        ttl = self.chance.randrange(*FIELDS_TTL)
        times = {TTL_S: b"%d" % ttl, TTL_MS: b"%d" % (ttl * 1000)}
        return tuple(times.get(word, word) for word in drawn)


def _with_chosen(family: Family, names: frozenset[bytes]) -> Family:
    mine = {template.split()[0] for template in family.templates}
    more = tuple(
        t for t in CHOSEN if t.split()[0] in mine and t.split()[0].lower().encode() in names
    )
    return Family(**(vars(family) | {"templates": family.templates + more}))


def rare(chance: random.Random) -> Command:
    """rare are commands that would empty the database if they came as often as the others."""
    a, b = (chance.choice(DATABASES) for _ in range(2))
    return chance.choice(
        (
            ("SWAPDB", a, b),
            ("FLUSHDB",),
            ("SET", "brief", "v", "PX", 1),
            ("SETRANGE", "big", 70_000, "x"),
        )
    )


def run_workload(client: RawClient, seed: int, brief: bool) -> None:
    chance = random.Random(seed)
    families = FamilyWorkload(client, chance)
    for _ in range(COMMANDS // BATCH):
        client.value("SELECT", chance.choice(DATABASES))
        batch = [
            rare(chance)
            if chance.random() < 0.01
            else families.command()
            if chance.random() < FAMILIES_SHARE
            else workload(chance, brief)
            for _ in range(BATCH)
        ]
        client.pipeline(batch)


def run_journal(server: DbxServer, *flags: str) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "dbx", "journal", str(server.data), "--resp", *flags]
    return subprocess.run(
        argv, capture_output=True, timeout=SECONDS_MAX, check=False, env=clean_environment()
    )


def begins(server: DbxServer) -> int:
    """begins is the position of the oldest segment's first frame."""
    starts = []
    for path in (Path(server.data) / "journal").glob("*.log"):
        with contextlib.suppress(FileNotFoundError):
            header = path.read_bytes()[:64]
            if header[:8] == b"DBXJRNL\n":
                starts.append(int.from_bytes(header[24:32], "little"))
    return min(starts, default=0)


def journal(server: DbxServer, *flags: str) -> bytes:
    """journal is what `dbx journal DIR --resp` prints."""
    done = run_journal(server, *flags)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def pipe(stream: bytes, port: int) -> None:
    """pipe feeds RESP to a server as `redis-cli --pipe` does, which counts errors and replies."""
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed")
    done = subprocess.run(
        ["redis-cli", "-p", str(port), "--pipe"],
        input=stream, capture_output=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert b"errors: 0," in done.stdout, (done.stdout + done.stderr).decode()


def assert_same_keys(expected: RawClient, found: RawClient) -> None:
    differences = keyspace_differences(keyspace(expected, DATABASES), keyspace(found, DATABASES))
    assert not differences, "\n".join(differences[:20])


def worked(server: DbxServer, *, brief: bool = False) -> DbxServer:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    with server.raw() as client:
        run_workload(client, seed, brief)
        for db in DATABASES:  # the last ones may be seen now, and will be gone a millisecond later
            client.pipeline([("SELECT", db), ("DEL", "brief")])
    return server


@pytest.mark.parametrize("buffer", ["default", "16384"])
def test_journal_replayed_into_a_real_redis_gives_the_same_keyspace(
    dbx_process: Start, redis8: RedisServer, buffer: str
) -> None:
    tiny = {} if buffer == "default" else {"write-buffer-size": buffer}
    server = worked(dbx_process(settings=KEEP | tiny), brief=True)
    server.stop()
    time.sleep(BRIEF_SECONDS_MAX)
    stream = journal(server)
    server.start()
    with redis8.raw() as real, server.raw() as ours:
        real.value("FLUSHALL")
        pipe(stream, redis8.port)
        assert_same_keys(real, ours)


def test_journal_replayed_into_a_fresh_dbx_gives_the_same_keyspace(dbx_process: Start) -> None:
    server = worked(dbx_process(settings=KEEP), brief=True)
    server.stop()
    time.sleep(BRIEF_SECONDS_MAX)
    stream = journal(server)
    server.start()
    fresh = dbx_process(name="fresh")
    pipe(stream, fresh.port)
    with server.raw() as expected, fresh.raw() as found:
        assert_same_keys(expected, found)


# A hash of which two fields are soon over.
SOON: Command = ("HSETEX", "k", "PX", 300, "FIELDS", 2, "f", 1, "g", 2)

# Each keeps a key, or a field, past the deadline that it had, or gives it one that is soon over.
KEPT: tuple[tuple[Command, ...], ...] = (
    (("SET", "k", "v", "PX", 300), ("PERSIST", "k")),
    (("SET", "k", "v", "PX", 300), ("EXPIRE", "k", 1000)),
    (("SET", "k", "v", "PX", 300), ("SET", "k", "new")),
    (("SET", "k", "v", "PX", 300), ("SET", "k", "new", "KEEPTTL"), ("GETEX", "k", "PERSIST")),
    (("SET", "k", "v", "PX", 300), ("APPEND", "k", "w"), ("RENAME", "k", "l"), ("PERSIST", "l")),
    (("SET", "k", "v", "PX", 300), ("SET", "l", "v", "EX", 1000), ("RENAME", "l", "k")),
    (("SET", "k", "v", "PX", 300), ("COPY", "k", "l"), ("PERSIST", "k")),
    (("SET", "k", "v", "PX", 300), ("COPY", "k", "k", "REPLACE", "db", 1), ("PERSIST", "k")),
    (("SET", "k", "v", "PX", 300), ("MOVE", "k", 1), ("SELECT", 1), ("EXPIRE", "k", 1000)),
    (("SET", "k", "v", "PX", 300), ("SWAPDB", 0, 2), ("SELECT", 2), ("PERSIST", "k")),
    (("SET", "k", "v", "PX", 300), ("SWAPDB", 0, 2), ("SET", "k", "v", "EX", 1000)),
    (("SET", "k", "v", "PX", 300), ("FLUSHDB",), ("SET", "k", "v", "EX", 1000)),
    (("SET", "k", "v", "EX", 1000), ("PEXPIRE", "k", 300), ("SET", "l", "v")),
    (("SET", "k" * 20_000, b"v" * (1 << 20), "PX", 300), ("PERSIST", "k" * 20_000)),
    (("SET", "k" * 20_000, b"v" * (1 << 20), "PX", 300),
     ("COPY", "k" * 20_000, b"l" * (1 << 20)), ("PERSIST", "k" * 20_000)),
    (SOON, ("HPERSIST", "k", "FIELDS", 1, "f")),
    (SOON, ("HEXPIRE", "k", 1000, "FIELDS", 2, "f", "g")),
    (SOON, ("HSET", "k", "f", "new")),
    (SOON, ("HSETEX", "k", "KEEPTTL", "FIELDS", 1, "f", "new"),
     ("HGETEX", "k", "PERSIST", "FIELDS", 1, "f")),
    (SOON, ("RENAME", "k", "l"), ("HPERSIST", "l", "FIELDS", 1, "g")),
    (SOON, ("COPY", "k", "l", "DB", 2), ("HPERSIST", "k", "FIELDS", 2, "f", "g")),
    (SOON, ("DEL", "k"), ("SET", "k", "v")),
    (SOON, ("HDEL", "k", "f", "g", "h"), ("RPUSH", "k", "f")),
    (("HSETEX", "k", "EX", 1000, "FIELDS", 2, "f", 1, "g", 2),
     ("HPEXPIRE", "k", 300, "FIELDS", 1, "f"),
     ("HSETEX", "k", "PX", 300, "FIELDS", 1, "i" * 200_000, 3), ("HSET", "k", "h", 1)),
)  # fmt: skip


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "running"])
@pytest.mark.parametrize("case", range(len(KEPT)))
def test_a_deadline_that_has_passed_since_deletes_nothing_that_was_kept(
    dbx_process: Start, redis8: RedisServer, case: int, stopped: bool
) -> None:
    server = dbx_process(settings=KEEP)
    with server.raw() as client:
        client.pipeline(KEPT[case])
    if stopped:  # what is over by the next start is not in the log
        server.stop()
    time.sleep(0.4)
    stream = journal(server)
    if stopped:
        server.start()
    with redis8.raw() as real, server.raw() as ours:
        real.value("FLUSHALL")
        pipe(stream, redis8.port)
        assert keyspace(ours, DATABASES)
        assert_same_keys(real, ours)


@pytest.mark.parametrize("buffer", ["default", "1048576", "16384"])
def test_a_restart_replays_the_journal_to_the_same_keyspace(
    dbx_process: Start, buffer: str
) -> None:
    """With the smaller buffers the log is replayed in many batches, over what was applied before,
    each looked up ahead of its execution."""
    server = dbx_process(settings={} if buffer == "default" else {"write-buffer-size": buffer})
    for _ in range(3):
        with worked(server).raw() as client:
            before = keyspace(client, DATABASES)
        server.kill()
        server.start()
        with server.raw() as client:
            differences = keyspace_differences(before, keyspace(client, DATABASES))
        assert not differences, "\n".join(differences[:20])


def test_a_replay_does_not_depend_on_how_long_a_hyperloglog_may_be_sparse(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw() as client:
        for name, size, count in (("short", 50, 100), ("usual", 3000, 1000), ("long", 99999, 3000)):
            client.value("CONFIG", "SET", "hll-sparse-max-bytes", size)
            for first in range(0, count, 20):
                client.value("PFADD", name, *range(first, first + 20))
            client.value("PFMERGE", name + ":merged", name)
            client.value("PFCOUNT", name)
        names = [name + more for name in ("short", "usual", "long") for more in ("", ":merged")]
        before = [client.value("GET", name) for name in names]
    assert [value[4] for value in before] == [0, 0, 1, 1, 1, 1]  # dense, sparse
    server.kill()
    server.start()
    with server.raw() as client:
        assert [client.value("GET", name) for name in names] == before


def test_journal_can_be_read_from_a_position_and_while_the_server_runs(dbx_process: Start) -> None:
    server = dbx_process(settings=KEEP)
    with server.raw() as client:
        client.value("SET", "first", "1")
        position = server.store_info()["journal_position"]
        client.value("SET", "second", "2")
    assert b"first" in journal(server)
    later = journal(server, "--from", str(position))
    assert b"second" in later
    assert b"first" not in later


def test_the_file_of_a_large_value_has_a_name_that_none_had_before(dbx_process: Start) -> None:
    """A frame in a kept log may still name the old one."""
    server = dbx_process()
    names = []
    for key in ("big1", "big2"):
        with server.raw() as client:
            client.value("SET", key, key.encode() * 500_000)
            names.append({path.name for path in (Path(server.data) / "spool").iterdir()})
            server.apply()
        server.restart()
    assert all(names)
    assert names[0].isdisjoint(names[1])


def test_what_is_not_kept_any_more_is_one_clear_line_and_a_non_zero_exit(
    dbx_process: Start,
) -> None:
    server = dbx_process(settings={"journal-freeze-size": "1048576"})
    with server.raw() as client:
        client.value("SET", "first", "1")
        position = server.store_info()["journal_position"]
        while begins(server) <= position:
            client.pipeline([("SET", "k", b"v" * 100_000)] * 10)
    done = run_journal(server, "--from", str(position))
    assert done.returncode == 1
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert f"positions {position} to " in lines[0]
    assert "journal-keep-size" in lines[0]


def test_expiry_and_relative_times_are_journalled_as_absolute_effects(dbx_process: Start) -> None:
    server = dbx_process(settings=KEEP)
    with server.raw() as client:
        client.value("SET", "k", "v", "EX", 1000)
        client.value("EXPIRE", "k", 2000)
        client.value("INCRBYFLOAT", "f", "0.5")
        client.value("GETDEL", "f")
    stream = journal(server).upper()
    assert b"PXAT" in stream or b"PEXPIREAT" in stream
    assert b"$6\r\nEXPIRE\r\n" not in stream
    assert b"INCRBYFLOAT" not in stream
    assert b"GETDEL" not in stream


def test_digits_that_incrbyfloat_left_as_text_are_text_after_a_replay(
    dbx_process: Start, redis8: RedisServer
) -> None:
    server = dbx_process(settings=KEEP)
    with server.raw() as client:
        for key, by in (("whole", "3"), ("long", "12345678901234567"), ("part", "0.5")):
            client.value("INCRBYFLOAT", key, by)
        client.value("EXPIRE", "whole", 1000)
        client.value("INCRBYFLOAT", "whole", "-4")
        before = keyspace(client, DATABASES)
    server.kill()
    server.start()
    with server.raw() as client, redis8.raw() as real:
        assert client.value("OBJECT", "ENCODING", "whole") == b"embstr"
        assert not keyspace_differences(before, keyspace(client, DATABASES))
        real.value("FLUSHALL")
        pipe(journal(server), redis8.port)
        assert_same_keys(real, client)
