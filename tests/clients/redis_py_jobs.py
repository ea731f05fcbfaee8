"""What users of redis-py do, as one program for every version of it: `python redis_py_jobs.py PORT
PROTOCOL`.

Run in a process of its own, because two versions of redis-py do not fit in one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import redis
import redis.asyncio

PASSWORD = "secret"


def strings(r: Any) -> None:
    assert r.set("k", "v") is True
    assert r.get("k") == b"v"
    assert r.set("k", "w", nx=True) is None
    assert r.set("k", "w", get=True) == b"v"
    assert r.getset("k", "x") == b"w"
    assert r.append("k", "yz") == 3
    assert r.strlen("k") == 3
    assert r.getrange("k", 0, 1) == b"xy"
    assert r.setrange("k", 1, "Q") == 3
    assert r.incr("n") == 1
    assert r.incrby("n", 5) == 6
    assert r.decr("n", 2) == 4
    assert r.incrbyfloat("f", 0.5) == 0.5
    assert r.mset({"a": 1, "b": 2}) is True
    assert r.mget("a", "nosuch", "b") == [b"1", None, b"2"]
    assert r.getdel("a") == b"1"
    assert r.set(b"\x00\xff", b"\r\n\x00") is True
    assert r.get(b"\x00\xff") == b"\r\n\x00"
    assert r.lcs("k", "k", len=True) == 3


def keys(r: Any) -> None:
    r.flushdb()
    r.mset({f"key:{i}": i for i in range(100)})
    assert r.dbsize() == 100
    assert r.exists("key:1", "key:2", "nosuch") == 2
    assert r.type("key:1") in (b"string", "string")
    assert r.rename("key:1", "renamed") is True
    assert r.copy("renamed", "copied") == 1
    assert r.delete("renamed", "copied") == 2
    assert r.unlink("key:2") == 1
    assert len(r.keys("key:*")) == 98
    assert {int(name.split(b":")[1]) for name in r.scan_iter("key:*", count=7)} == {
        0,
        *range(3, 100),
    }
    assert r.randomkey().startswith(b"key:")
    assert r.object("encoding", "key:3") in (b"int", "int")


def expiry(r: Any) -> None:
    assert r.set("t", "v", px=30) is True
    assert 0 < r.pttl("t") <= 30
    time.sleep(0.06)
    assert r.get("t") is None
    r.set("t", "v", ex=100)
    assert 98 <= r.ttl("t") <= 100
    assert r.expire("t", 200, gt=True)
    assert not r.expire("t", 50, gt=True)
    assert r.persist("t")
    assert r.ttl("t") == -1
    assert r.expireat("t", int(time.time()) + 100)
    assert r.expiretime("t") > time.time()


def pipelines(r: Any) -> None:
    with r.pipeline(transaction=False) as p:
        for i in range(1000):
            p.set(f"p:{i}", i)
        assert p.execute() == [True] * 1000
    with r.pipeline(transaction=False) as p:
        p.get("p:7").incr("p:7").execute_command("NOSUCH").get("p:7")
        got = p.execute(raise_on_error=False)
    assert got[:2] == [b"7", 8]
    assert isinstance(got[2], redis.ResponseError)
    assert got[3] == b"8"


def transactions(r: Any) -> None:
    with r.pipeline(transaction=True) as p:
        assert p.set("t:a", 1).incr("t:a").get("t:a").execute() == [True, 2, b"2"]
        p.set("t:a", "x").incr("t:a").set("t:b", 1)
        got = p.execute(raise_on_error=False)
        assert got[0] is True
        assert isinstance(got[1], redis.ResponseError)
        assert got[2] is True
        p.set("t:a", "never").execute_command("NOSUCH")
        try:
            p.execute()
        except redis.ResponseError as error:
            assert "unknown command" in str(error)
        else:
            raise AssertionError("a transaction with an unknown command was executed")
    assert r.mget("t:a", "t:b") == [b"x", b"1"]


def connections(r: Any, port: int, protocol: int) -> None:
    assert r.ping() is True
    assert r.echo("hello") == b"hello"
    assert isinstance(r.client_id(), int)
    assert r.client_setname("jobs") is True
    assert "jobs" in {client["name"] for client in r.client_list()}
    info = r.client_info()
    assert int(info["resp"]) == protocol
    assert info["lib-name"].startswith("redis-py")
    assert r.info()["redis_version"].startswith("8.0")
    assert int(r.info("server")["tcp_port"]) == port
    assert r.config_get("maxclients")["maxclients"].isdigit()
    assert isinstance(r.time(), tuple)
    assert r.command_count() > 50
    try:
        r.execute_command("NOSUCH", "x")
    except redis.ResponseError as error:
        assert str(error).startswith("unknown command 'NOSUCH'")
    with redis.Redis(port=port, protocol=protocol, db=3, client_name="in-db-3") as other:
        other.flushdb()
        other.set("only", "here")
        assert other.dbsize() == 1
        assert r.exists("only") == 0
        assert r.swapdb(3, 4)
        assert other.dbsize() == 0


def authentication(r: Any, port: int, protocol: int) -> None:
    r.config_set("requirepass", PASSWORD)
    try:
        for password in (None, "wrong"):
            with redis.Redis(port=port, protocol=protocol, password=password) as other:
                try:
                    other.get("k")
                except (redis.AuthenticationError, redis.ResponseError):
                    continue
                raise AssertionError(f"let in with password {password!r}")
        url = f"redis://:{PASSWORD}@localhost:{port}/1?protocol={protocol}"
        with redis.Redis.from_url(url, decode_responses=True) as other:
            assert other.set("k", "v")
            assert other.get("k") == "v"
    finally:
        r.config_set("requirepass", "")


async def asynchronous(port: int, protocol: int) -> None:
    async with redis.asyncio.Redis(port=port, protocol=protocol) as r:
        await r.flushdb()
        assert await r.set("k", "v", ex=100) is True
        assert await r.get("k") == b"v"
        await asyncio.gather(*(r.incr("n") for _ in range(50)))
        assert await r.get("n") == b"50"
        async with r.pipeline(transaction=False) as p:
            assert await p.set("a", 1).get("a").execute() == [True, b"1"]
        async with r.pipeline(transaction=True) as p:
            assert await p.set("a", 1).incr("a").execute() == [True, 2]
        assert {name async for name in r.scan_iter()} == {b"k", b"n", b"a"}


def main(port: int, protocol: int) -> None:
    with redis.Redis(port=port, protocol=protocol) as r:
        r.flushall()
        strings(r)
        keys(r)
        expiry(r)
        pipelines(r)
        transactions(r)
        connections(r, port, protocol)
        authentication(r, port, protocol)
    asyncio.run(asynchronous(port, protocol))
    print(f"redis-py {redis.__version__} over RESP{protocol}: ok")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
