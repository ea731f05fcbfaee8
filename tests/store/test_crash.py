"""kill -9 at any moment loses no acknowledged write, and the next start is quick and needs no
repair.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

from tests.support import proc
from tests.support.load import Load, Writer, read_models, repeat
from tests.support.resp import encode
from tests.support.servers import DbxServer, store_info

SOAK = int(os.environ.get("DBX_SOAK", "0"))
KILLS = 6 * max(SOAK, 1)
WRITERS = 4
LOAD_SECONDS = (0.1, 0.8)
START_CPU_SECONDS_MAX = 1.0
REPLAY_MS_MAX = 10_000  # generous: the machine may be busy with builds
INCRS = 1_000_000
APPLY_BUFFER_BYTES = 16 << 20
APPLY_WAIT_SECONDS_MAX = 120.0

Start = Callable[..., DbxServer]


def replayed_in_time(server: DbxServer) -> None:
    """The start's own work is what counts: a busy machine stretches the time, not the work."""
    assert proc.instrumented() or proc.cpu_seconds(server.pid) <= START_CPU_SECONDS_MAX
    info = server.store_info()
    assert info["replay_last_ms"] <= REPLAY_MS_MAX, info


@pytest.mark.parametrize("buffer", ["default", "16384", "1048576"])
def test_no_acknowledged_write_is_missing_after_kill_9_under_load(
    dbx_process: Start, buffer: str
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    settings = {} if buffer == "default" else {"write-buffer-size": buffer}
    server = dbx_process("--durability", "everysec", settings=settings)
    writers = [Writer(i, random.Random(seed + i)) for i in range(WRITERS)]
    for _ in range(KILLS):
        before = sum(writer.acknowledged for writer in writers)
        load = Load(writers, server.raw)
        time.sleep(chance.uniform(*LOAD_SECONDS))
        server.kill()
        load.join()
        assert sum(writer.acknowledged for writer in writers) > before, "the load never got going"
        server.start()
        replayed_in_time(server)
        with server.raw() as client:
            for writer, found in zip(writers, read_models(client, writers), strict=True):
                writer.settle(found)


def test_a_million_incrs_of_one_key_replay_within_a_second(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw(timeout=300) as client:
        assert repeat(client, ("INCR", "n"), INCRS) == b"%d" % INCRS
    server.kill()
    server.start()
    replayed_in_time(server)
    with server.raw() as client:
        assert client.value("GET", "n") == b"%d" % INCRS


def test_no_acknowledged_write_is_missing_after_kill_9_during_an_apply(dbx_process: Start) -> None:
    server = dbx_process(settings={"write-buffer-size": str(APPLY_BUFFER_BYTES)})
    sent = acknowledged = 0
    deadline = time.monotonic() + APPLY_WAIT_SECONDS_MAX
    with server.raw() as client, server.raw() as observer:
        while store_info(observer)["frozen_entries"] == 0:
            assert time.monotonic() < deadline, "no apply was ever seen"
            n = 2000
            client.send_bytes(
                b"".join(
                    encode("SET", f"key:{(sent + i) % 50_000}", f"v{sent + i}") for i in range(n)
                )
            )
            sent += n
            for _ in range(n):
                assert client.read() == ("status", b"OK")
                acknowledged += 1
        server.kill()
    server.start()
    replayed_in_time(server)
    with server.raw() as client:
        for i in range(max(0, acknowledged - 50_000), acknowledged, 997):
            assert client.value("GET", f"key:{i % 50_000}") == b"v%d" % i
        assert client.value("DBSIZE") == min(acknowledged, 50_000)


def test_a_second_kill_during_the_first_seconds_of_a_restart_loses_nothing(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw() as client:
        repeat(client, ("INCR", "n"), 10_000)
    for _ in range(5):
        server.kill()
        server.start()
    with server.raw() as client:
        assert client.value("INCR", "n") == 10_001
