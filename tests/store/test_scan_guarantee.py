"""SCAN returns every key that is there from start to end, whatever happens to others."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.support.resp import RawClient
from tests.support.servers import DbxServer
from tests.support.ways import TINY_SETTINGS

STABLE = 3000
PASSING = 2000
CHURN_PER_STEP = 40
STEPS_MAX = 5000

Start = Callable[..., DbxServer]


def churn(client: RawClient, chance: random.Random) -> None:
    """churn adds and removes keys all over the range, and rewrites stable ones."""
    commands: list[tuple[str, ...]] = []
    for _ in range(CHURN_PER_STEP):
        come, go = (f"key:{chance.randrange(PASSING) * 47:05}:passing" for _ in range(2))
        commands.append(("SET", come, "x" * chance.randrange(50)))
        commands.append(("DEL", go))
    commands.append(("SET", f"key:{chance.randrange(STABLE) * 33:05}", "rewritten"))
    for tag, value in client.pipeline(commands):
        assert tag != "error", value


def stable_keys() -> set[bytes]:
    return {b"key:%05d" % (i * 33) for i in range(STABLE)}


def fill(client: RawClient) -> None:
    for tag, value in client.pipeline([("SET", name, "stable") for name in stable_keys()]):
        assert tag != "error", value


def scan(client: RawClient, between: Callable[[int], RawClient], *options: str) -> list[bytes]:
    """scan iterates to the end; `between` changes anything, and gives the client to go on with."""
    cursor, names = b"0", []
    for step in range(STEPS_MAX):
        (_, cursor), (_, part) = client.value("SCAN", cursor, *options)
        assert int(cursor) < 2**53
        names += [name for _, name in part]
        if cursor == b"0":
            return names
        client = between(step)
    raise AssertionError("SCAN does not end")


@pytest.mark.parametrize(
    "options", [(), ("COUNT", "1000"), ("MATCH", "key:*"), ("MATCH", "*[02468]")]
)
def test_scan_misses_no_key_while_others_come_and_go_across_applies(
    dbx_process: Start, options: tuple[str, ...]
) -> None:
    server = dbx_process(settings=TINY_SETTINGS)
    chance = random.Random(1)
    with server.raw() as client:
        fill(client)

        def between(_: int) -> RawClient:
            churn(client, chance)
            return client

        found = scan(client, between, *options)
        expected = stable_keys()
        if "*[02468]" in options:
            expected = {name for name in expected if name[-1] in b"02468"}
        assert expected <= set(found)
        assert server.store_info()["applies"] >= 1


@pytest.mark.parametrize("kill", [False, True], ids=["stop", "kill -9"])
def test_scan_misses_no_key_when_the_server_restarts_in_between(
    dbx_process: Start, kill: bool
) -> None:
    server = dbx_process(settings=TINY_SETTINGS)
    chance = random.Random(2)
    client = server.raw()
    fill(client)
    restarts = 0

    def between(step: int) -> RawClient:
        nonlocal client, restarts
        churn(client, chance)
        if step % 40 == 20 and restarts < 3:
            restarts += 1
            client.close()
            if kill:
                server.kill()
            else:
                server.stop()
            server.start()
            client = server.raw()
        return client

    assert stable_keys() <= set(scan(client, between, "COUNT", "50"))
    assert restarts > 0
    client.close()


def test_scan_of_an_unchanged_keyspace_returns_each_key_once(dbx_process: Start) -> None:
    server = dbx_process(settings=TINY_SETTINGS)
    with server.raw() as client:
        fill(client)
        found = scan(client, lambda _: client, "COUNT", "7")
        assert sorted(found) == sorted(stable_keys())


def test_an_unknown_cursor_starts_over_and_misses_nothing(dbx_process: Start) -> None:
    with dbx_process().raw() as client:
        fill(client)
        (_, cursor), (_, first) = client.value("SCAN", "9007199254740990")
        names = {name for _, name in first}
        while cursor != b"0":
            (_, cursor), (_, part) = client.value("SCAN", cursor)
            names |= {name for _, name in part}
        assert names == stable_keys()
