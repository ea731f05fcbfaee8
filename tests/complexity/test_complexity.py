"""The work that a command does grows with the size of what it meets as its documentation says.

`make test` compares 1,000 and 100,000 elements; `make complexity` goes on to 10,000,000.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.complexity.growth import BATCH, CONSTANT, LINEAR
from tests.complexity.table import ROWS, SETUPS, SOME, Row, Work
from tests.support.resp import RawClient, plain
from tests.support.servers import DbxServer, store_info

SIZES = [int(n) for n in os.environ.get("DBX_COMPLEXITY_SIZES", "1000,100000").split(",")]
REPEATS = 3  # the most counts: done again, a removal finds nothing
TIMEOUT = 600.0


class Filled:
    """A server on a copy of a directory."""

    def __init__(self, base: Path, n: int) -> None:
        self.n = n
        self.server = DbxServer(name=f"dbx-{base.name}")
        command = ["cp", "-r", "--sparse=always", str(base), str(self.server.data)]
        subprocess.run(command, check=True)
        self.server.start()

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


class Setups:
    """A directory of each size, filled and applied, and a server on a copy of it for the rows that
    spoil nothing; of the setup that was asked for last: ten million elements take a gigabyte."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.setup = ""
        self.bases: dict[int, Path] = {}
        self.shared: dict[int, Filled] = {}

    def work(self, row: Row, n: int) -> Work:
        if row.setup != self.setup:
            self.clear()
            self.setup = row.setup
        if n not in self.bases:
            self.bases[n] = self.root / f"{row.setup} of {n}"
            self._fill(self.bases[n], n)
        if row.spoils:
            own = Filled(self.bases[n], n)
            try:
                return own.work(row, 1)
            finally:
                own.close()
        if n not in self.shared:
            self.shared[n] = Filled(self.bases[n], n)
        return self.shared[n].work(row, REPEATS)

    def _fill(self, base: Path, n: int) -> None:
        server = DbxServer(data=base, name=f"dbx-{base.name}")
        try:
            server.start()
            with server.raw(timeout=TIMEOUT) as client:
                commands = SETUPS[self.setup](n)
                while batch := list(itertools.islice(commands, BATCH)):
                    assert all(tag != "error" for tag, _ in client.pipeline(batch))
                client.value("SAVE")
        finally:
            server.close()

    def clear(self) -> None:
        for server in self.shared.values():
            server.close()
        for base in self.bases.values():
            shutil.rmtree(base)
        self.shared, self.bases = {}, {}


@pytest.fixture(scope="module")
def setups(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setups]:
    setups = Setups(tmp_path_factory.mktemp("filled"))
    yield setups
    setups.clear()


@pytest.fixture(scope="module")
def commands(dbx_server: DbxServer) -> set[str]:
    with dbx_server.raw() as client:
        return {name.decode() for name in plain(client.call("COMMAND", "LIST"))}


BY_SETUP = sorted(ROWS, key=lambda row: row.setup)


@pytest.mark.parametrize("row", BY_SETUP, ids=lambda row: f"{row.setup}: {row.command}")
def test_work_grows_as_documented(setups: Setups, commands: set[str], row: Row) -> None:
    first = next(iter(SETUPS[row.setup](1)))
    needed = {row.name.lower(), str(first[0]).lower()}
    if missing := needed - commands:
        pytest.skip(f"not yet: {', '.join(sorted(missing))}")
    works = {n: setups.work(row, n) for n in SIZES}
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
