"""The work that a command does grows with the size of what it meets as its documentation says.

`make test` compares 1,000 and 100,000 elements; `make complexity` goes on to 10,000,000.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.complexity.growth import BATCH, CONSTANT, LINEAR
from tests.complexity.table import ROWS, SETUPS, SOME, Row, Work
from tests.support.resp import RawClient, plain
from tests.support.servers import DbxServer, store_info

SIZES = [int(n) for n in os.environ.get("DBX_COMPLEXITY_SIZES", "1000,100000").split(",")]
REPEATS = 3  # the most counts: done again, a removal finds nothing
TIMEOUT = 600.0


class Filled:
    """A server with a setup of some size, applied: shared by the rows that spoil nothing."""

    def __init__(self, setup: str, n: int) -> None:
        self.n = n
        self.server = DbxServer(name=f"dbx-{setup}")
        self.server.start()
        with self.server.raw(timeout=TIMEOUT) as client:
            commands = SETUPS[setup](n)
            while batch := list(itertools.islice(commands, BATCH)):
                assert all(tag != "error" for tag, _ in client.pipeline(batch))
            client.value("SAVE")

    def work(self, row: Row, repeats: int) -> Work:
        works = []
        with self.server.raw(timeout=TIMEOUT) as client:
            for turn in range(SOME if row.by_chance else repeats):
                before = _counted(client)
                reply = client.call(*row.words(self.n, turn))
                assert reply[0] != "error", f"{row.command}: {reply}"
                after = _counted(client)
                works.append(Work(after.moves - before.moves, after.bytes - before.bytes))
        if row.by_chance:
            return Work(*(sum(counts) // len(works) for counts in zip(*works, strict=True)))
        return max(works)

    def close(self) -> None:
        self.server.close()


def _counted(client: RawClient) -> Work:
    info = store_info(client)
    moves = sum(info[f"work_{what}"] for what in ("gets", "seeks", "steps", "writes"))
    return Work(moves, info["work_write_bytes"])


@pytest.fixture(scope="module")
def shared() -> Iterator[dict[tuple[str, int], Filled]]:
    filled: dict[tuple[str, int], Filled] = {}
    yield filled
    for each in filled.values():
        each.close()


@pytest.fixture(scope="module")
def commands(dbx_server: DbxServer) -> set[str]:
    with dbx_server.raw() as client:
        return {name.decode() for name in plain(client.call("COMMAND", "LIST"))}


def _work(shared: dict[tuple[str, int], Filled], row: Row, n: int) -> Work:
    if row.spoils:
        own = Filled(row.setup, n)
        try:
            return own.work(row, 1)
        finally:
            own.close()
    if (row.setup, n) not in shared:
        shared[row.setup, n] = Filled(row.setup, n)
    return shared[row.setup, n].work(row, REPEATS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.setup}: {row.command}")
def test_work_grows_as_documented(
    shared: dict[tuple[str, int], Filled], commands: set[str], row: Row
) -> None:
    first = next(iter(SETUPS[row.setup](1)))
    needed = {row.name.lower(), str(first[0]).lower()}
    if missing := needed - commands:
        pytest.skip(f"not yet: {', '.join(sorted(missing))}")
    works = {n: _work(shared, row, n) for n in SIZES}
    print(row.growth.value, works)
    assert row.wrong(works) == []


def test_growth_that_is_more_or_less_than_documented_is_told_of() -> None:
    linear = {1000: Work(1000, 0), 100_000: Work(100_000, 0)}
    flat = {1000: Work(10, 100), 100_000: Work(12, 200)}
    rewriting = {1000: Work(5, 10_000), 100_000: Work(5, 1_000_000)}
    assert Row("X", "keys", CONSTANT).wrong(linear)
    assert Row("X", "keys", CONSTANT).wrong(rewriting)
    assert Row("X", "keys", LINEAR).wrong(flat)
    assert not Row("X", "keys", LINEAR).wrong(linear)
    assert not Row("X", "keys", CONSTANT).wrong(flat)
