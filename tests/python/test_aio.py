"""dbx.aio: an event loop goes on while commands take long, whatever makes them long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import dbx.aio
from dbx import _core, errors

MEGABYTE = 1 << 20
LARGE = 64 * MEGABYTE
KEYS = 200_000
SHARE_MAX = 0.6  # of what a command takes, without the loop: 1 where it runs in the loop
ATTEMPTS = 10  # the loop may be kept from running by other processes, too
LONG = 1 << 24  # DBX_CMD_LONG

# Of rows that are not O(1): what they take follows from their arguments, but for these.
BOUNDED = {
    "append", "auth", "client", "command getkeys", "command getkeysandflags", "config",
    "config get", "config set", "del", "exists", "flushdb", "getrange", "lolwut", "mget", "mset",
    "msetnx", "object", "setrange", "substr", "touch", "unlink", "hscan", "lmpop", "lpop",
    "memory", "memory purge", "memory stats",
    "pfdebug", "pfmerge", "rpop", "xautoclaim", "xgroup", "xinfo", "zmpop", "zpopmax", "zpopmin",
}  # fmt: skip


def test_a_command_whose_cost_its_arguments_do_not_bound_is_marked_in_the_table() -> None:
    dbx.open().close()  # the table is filled when an engine opens
    rows = [sub for row in _core.command_table() for sub in (row, *row["subcommands"])]
    for row in rows:
        if (
            not (row["complexity"] or "").startswith(("O(1)", "O(log"))
            and row["name"] not in BOUNDED
        ):
            assert row["flags"] & LONG, f"{row['name']} is {row['complexity']}"


async def _fill(db: dbx.aio.DBX) -> None:
    await db.set("large", b"x" * LARGE)
    await db.set("left", "ab" * 2048)
    await db.set("right", "ba" * 4096)
    for first in range(0, KEYS, 10_000):
        await db.mset({f"key:{i}": i for i in range(first, first + 10_000)})


def _gets(db: dbx.aio.DBX, count: int, key: str) -> Awaitable[Any]:
    pipeline = db.pipeline()
    for _ in range(count):
        pipeline.get(key)
    return pipeline.execute()


NAMES = [f"key:{i}" for i in range(KEYS)]
COMMANDS: dict[str, Callable[[dbx.aio.DBX], Awaitable[Any]]] = {
    "a large reply": lambda db: db.get("large"),
    "a large reply of another command": lambda db: db.getrange("large", 0, -1),
    "large replies of a transaction": lambda db: _gets(db, 2, "large"),
    "many replies": lambda db: _gets(db, KEYS, "key:1"),
    "many keys": lambda db: db.mget(NAMES),
    "all keys": lambda db: db.keys(),
    "a copy": lambda db: db.copy("large", "copied", replace=True),
    "a computation": lambda db: db.lcs("left", "right", len=True),
    "large arguments": lambda db: db.set("written", VALUE),
}
VALUE = b"y" * LARGE


async def _share_without_a_tick(command: Awaitable[Any]) -> float:
    """The largest part of what it took in which nothing else of the loop ran. Processor time of
    this process, of which others cannot take any."""
    gap, ended = 0.0, False

    async def tick() -> None:
        nonlocal gap
        last = time.process_time()
        while not ended:
            await asyncio.sleep(0.0005)
            gap = max(gap, time.process_time() - last)
            last = time.process_time()

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    begun = time.process_time()
    await command
    taken = time.process_time() - begun
    ended = True
    await ticking
    return gap / taken


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "text"])
def test_the_loop_runs_while_a_command_takes_long(decode: bool) -> None:
    async def body() -> None:
        async with dbx.aio.open(decode_responses=decode) as db:
            await _fill(db)
            for name, command in COMMANDS.items():
                shares = []
                for _ in range(ATTEMPTS):
                    shares.append(await _share_without_a_tick(command(db)))
                    if shares[-1] < SHARE_MAX:
                        break
                else:
                    pytest.fail(f"{name}: nothing else ran for {min(shares):.0%} of its time")

    asyncio.run(body())


def test_what_is_finished_in_a_thread_is_the_same(tmp_path: Any) -> None:
    async def body() -> None:
        async with dbx.aio.open(tmp_path / "d", decode_responses=True) as db:
            large = "x" * (3 * MEGABYTE)
            other = "\N{SNOWMAN}" * MEGABYTE
            await db.set("large", large)
            await db.set("other", other)
            assert await db.get("large") == large
            assert await db.get("other") == other
            assert await db.set("large", "small", get=True) == large
            assert await db.getdel("other") == other
            await db.mset({"a": large, "b": other})
            for transaction in (True, False):
                pipeline = db.pipeline(transaction).get("a").incr("n").get("b").get("nothing")
                assert await pipeline.execute() == [large, 2 - transaction, other, None]
            with pytest.raises(errors.ResponseError, match=r"^Command # 2"):
                await db.pipeline().get("a").incr("a").execute()
            await db.execute_command("MULTI")
            await db.get("a")
            await db.select(2)
            assert await db.execute_command("EXEC") == [large, "OK"]
            await db.set("k", "v")
            assert (await db.info("keyspace")).keys() == {"db0", "db2"}

    asyncio.run(body())


def test_a_reply_that_nobody_waits_for_any_more_leaves_the_next_ones_in_order() -> None:
    async def body() -> None:
        async with dbx.aio.open() as db:
            await db.set("large", b"x" * LARGE)
            reading = asyncio.ensure_future(db.get("large"))
            await asyncio.sleep(0)
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            assert await db.incr("n") == 1
            assert await db.strlen("large") == LARGE

    asyncio.run(body())


def test_a_rest_that_is_never_called_keeps_nothing_open() -> None:
    engine = _core.Engine(None, {})
    caller = _core.Caller(engine, {}, per_thread=False)
    caller.call("SET", "large", b"x" * MEGABYTE)
    assert type(caller.begin(("GET", "large"), None)) is _core.Rest
    assert caller.call("STRLEN", "large") == MEGABYTE
    engine.close()  # would wait for it


def test_brief_commands_are_executed_at_once() -> None:
    caller = _core.Caller(_core.Engine(None, {}), {}, per_thread=False)
    assert caller.begin(("SET", "k", "v"), None) == b"OK"
    assert caller.begin(("GET", "k"), None) == b"v"
    assert caller.begin_all([(("INCR", "n"), None)] * 3, True) == [1, 2, 3]
    assert type(caller.begin(("KEYS", "*"), None)) is _core.Rest
    caller.engine.close()
