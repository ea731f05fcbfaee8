"""What only an engine in this process has: threads, forks, owners, large values, asyncio."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import dbx
import dbx.aio
from dbx import errors

MEGABYTE = 1 << 20


def test_data_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as db:
        db.set("k", "v")
    with dbx.open(str(tmp_path / "d")) as db:
        assert db.get("k") == b"v"


def test_memory_keeps_nothing() -> None:
    with dbx.open() as db:
        db.set("k", "v")
    with dbx.open() as db:
        assert db.get("k") is None


def test_a_closed_database_says_so() -> None:
    db = dbx.open()
    assert not db.closed
    db.close()
    db.close()
    assert db.closed
    with pytest.raises(errors.ConnectionError, match="closed"):
        db.get("k")


def test_a_url_is_refused_rather_than_taken_for_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.DataError, match="redis://"):
        dbx.open("redis://127.0.0.1:6379/0")
    assert list(tmp_path.iterdir()) == []


def test_shutdown_closes_the_database(tmp_path: Path) -> None:
    db = dbx.open(tmp_path / "d")
    db.set("k", "v")
    assert db.shutdown() is None
    assert db.closed
    with dbx.open(tmp_path / "d") as db:
        assert db.get("k") == b"v"
        with pytest.raises(errors.ConnectionError):
            db.pipeline().set("k", "w").shutdown().execute()
        assert db.closed


def test_settings_are_configs_names_and_wrong_ones_are_refused() -> None:
    with dbx.open(durability="always", databases=3, maxclients=7) as db:
        assert db.config_get("appendfsync") == {"appendfsync": "always"}
        assert db.config_get("databases", "maxclients") == {"databases": "3", "maxclients": "7"}
    for wrong in ({"durability": "often"}, {"no_such_setting": 1}, {"databases": "many"}):
        with pytest.raises(errors.DataError):
            dbx.open(**wrong)  # type: ignore[arg-type]


def test_db_selects_the_database_for_every_thread() -> None:
    with dbx.open(db=5) as db:
        db.set("k", "v")
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(db.get("k")))
        thread.start()
        thread.join()
        assert found == [b"v"]
        assert db.info("keyspace").keys() == {"db5"}


def test_what_a_thread_selects_is_its_own() -> None:
    with dbx.open() as db:
        db.select(1)
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(db.client_info()["db"]))
        thread.start()
        thread.join()
        assert seen == [0]
        assert db.client_info()["db"] == 1


def test_a_threads_session_ends_with_it() -> None:
    with dbx.open() as db:
        for _ in range(20):
            thread = threading.Thread(target=db.ping)
            thread.start()
            thread.join()
        gc.collect()
        assert len(db.client_list()) <= 2


def test_threads_share_a_database() -> None:
    count, rounds = 8, 2000
    with dbx.open() as db:

        def work(number: int) -> None:
            for i in range(rounds):
                db.incr("shared")
                db.set(f"own:{number}", i)
                assert db.get(f"own:{number}") == str(i).encode()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert db.get("shared") == str(count * rounds).encode()


def test_nothing_comes_between_the_commands_of_a_transaction() -> None:
    with dbx.open() as db:
        stop = threading.Event()

        def disturb() -> None:
            while not stop.is_set():
                db.incr("n")

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            for _ in range(200):
                first, second = db.pipeline().get("n").get("n").execute()
                assert first == second
        finally:
            stop.set()
            thread.join()


def test_closing_waits_for_the_calls_of_other_threads(tmp_path: Path) -> None:
    db = dbx.open(tmp_path / "d")
    started = threading.Event()

    def work() -> None:
        with pytest.raises(errors.ConnectionError):
            while True:
                db.set("k", "v")
                started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    db.close()
    thread.join()


_THREADS_END = """
import sys, threading, dbx

def call(db):
    try:
        db.incr("n")
    except dbx.errors.ConnectionError:
        pass

def start_threads(db):
    while not db.closed:
        thread = threading.Thread(target=call, args=(db,))
        thread.start()
        thread.join()

for _ in range(15):
    db = dbx.open(sys.argv[1])
    threads = [threading.Thread(target=start_threads, args=(db,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    db.incr("n")
    db.close()
    for thread in threads:
        thread.join()
"""


def test_threads_may_end_while_the_database_is_closed(tmp_path: Path) -> None:
    """A process of its own: what this is about would end ours."""
    argv = [sys.executable, "-c", _THREADS_END, str(tmp_path / "d")]
    assert subprocess.run(argv, check=False).returncode == 0


def test_a_finalizer_may_call_while_a_reply_is_read() -> None:
    with dbx.open() as db:
        db.mset({f"k{i}": i for i in range(1000)})
        expected = sorted(f"k{i}".encode() for i in range(1000))

        class Caller:
            def __del__(self) -> None:
                db.get("k1")

        for _ in range(50):
            cycle: list[Any] = [Caller()]
            cycle.append(cycle)
            del cycle
            assert sorted(db.keys()) == expected
        gc.collect()  # none is left for after the database is closed


# --- Paths ---------------------------------------------------------------------------------------


def test_a_file_in_place_of_the_directory_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("not a database")
    with pytest.raises(errors.DBXError):
        dbx.open(tmp_path / "d")


# --- Expiry, large values ----------------------------------------------------------------------


def test_expired_keys_are_removed_without_a_call() -> None:
    with dbx.open() as db:
        db.set("late", 1, ex=1000)
        db.set("soon", 1, px=20)
        deadline = time.monotonic() + 10
        while db.dbsize() != 1:
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.mark.parametrize("path", [":memory:", "d"])
def test_a_name_may_be_as_large_as_a_value(tmp_path: Path, path: str) -> None:
    name = b"k" * (2 * MEGABYTE)
    with dbx.open(tmp_path / path if path == "d" else path) as db:
        assert db.execute_command("STRLEN", name) == 0
        with db.pipeline(transaction=False) as pipe:
            for command in (("MULTI",), ("STRLEN", name), ("SELECT", "1"), ("EXEC",)):
                pipe.execute_command(*command)
            assert pipe.execute()[-1] == [0, b"OK"]


@pytest.mark.parametrize("size", [MEGABYTE + 1, 20 * MEGABYTE])
def test_large_values_come_back_whole(tmp_path: Path, size: int) -> None:
    value = os.urandom(1024) * (size // 1024 + 1)
    with dbx.open(tmp_path / "d") as db:
        assert db.set("k", memoryview(value)) is True
        assert db.get("k") == value
        assert db.pipeline().set("l", value).get("l").strlen("k").execute() == [
            True,
            value,
            len(value),
        ]
    with dbx.open(tmp_path / "d") as db:
        assert db.get("k") == value


def test_durability_always_returns_when_the_journal_is_synced(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d", durability="always") as db:
        for i in range(20):
            db.set("k", i)
            store = db.info("store")
            assert store["journal_durable_position"] >= store["journal_position"]


# --- asyncio -----------------------------------------------------------------------------------


def test_aio_has_the_same_methods(tmp_path: Path) -> None:
    async def body() -> None:
        async with dbx.aio.open(tmp_path / "d", decode_responses=True) as db:
            assert await db.set("k", "v") is True
            assert await db.get("k") == "v"
            assert await db.execute_command("CONFIG GET", "databases") == {"databases": "16"}
            assert await db.pipeline().incr("n").incr("n").execute() == [1, 2]
            with pytest.raises(errors.ResponseError, match=r"^Command # 2"):
                await db.pipeline().incr("n").execute_command("NOPE").execute()
            assert await db.get("n") == "2"
            assert sorted([key async for key in db.scan_iter()]) == ["k", "n"]
            with pytest.raises(errors.ResponseError):
                await db.incr("k")

    asyncio.run(body())


@pytest.mark.parametrize("durability", ["everysec", "always"])
def test_aio_runs_many_coroutines_at_once(tmp_path: Path, durability: str) -> None:
    async def body() -> None:
        async with dbx.aio.open(tmp_path / "d", durability=durability) as db:
            value = b"x" * (2 * MEGABYTE)
            await asyncio.gather(
                db.set("large", value), *(db.incr("n") for _ in range(50)), db.get("large")
            )
            assert await db.get("n") == b"50"
            assert await db.get("large") == value

    asyncio.run(body())


def test_aio_keeps_what_is_selected(tmp_path: Path) -> None:
    async def body() -> None:
        db = await dbx.aio.open(tmp_path / "d", durability="always")
        await db.select(3)
        await db.set("k", b"x" * (2 * MEGABYTE))
        assert (await db.info("keyspace")).keys() == {"db3"}
        await db.aclose()

    asyncio.run(body())
