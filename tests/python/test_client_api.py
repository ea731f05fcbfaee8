"""redis-py's methods: the same calls on redis-py with a real server and on DBX, the same values."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any

import pytest
import redis
import redis.asyncio

import dbx
import dbx.aio
from tests.support.servers import RedisServer

# --- Strings -----------------------------------------------------------------------------------


def test_set_answers_true_or_none_and_get_the_old_value(client: Any, t: Any) -> None:
    assert client.set("k", "v") is True
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", xx=True) is True
    assert client.set("k", "x", get=True) == t("w")
    assert client.set("new", "x", get=True) is None
    assert client.get("k") == t("x")
    assert client.get("absent") is None


def test_set_takes_expiries_as_numbers_and_as_times(client: Any) -> None:
    client.set("k", 1, ex=100)
    assert 99 <= client.ttl("k") <= 100
    client.set("k", 1, px=datetime.timedelta(seconds=50))
    assert 49 <= client.ttl("k") <= 50
    assert client.set("k", 2, keepttl=True) is True
    assert 0 < client.pttl("k") <= 50000
    when = datetime.datetime.now() + datetime.timedelta(hours=1)
    client.set("k", 1, exat=when)
    assert client.expiretime("k") == int(when.timestamp())
    assert client.pexpiretime("k") == int(when.timestamp()) * 1000


def test_times_that_are_neither_whole_nor_durations_are_refused(client: Any, errors: Any) -> None:
    for options in ({"ex": 1.5}, {"px": 1.5}, {"px": "1"}, {"ex": "1.5"}):
        with pytest.raises(errors.DataError):
            client.set("k", "v", **options)
        with pytest.raises(errors.DataError):
            client.getex("k", **options)


def test_shutdown_cannot_save_and_not_save(client: Any, errors: Any) -> None:
    with pytest.raises(errors.DataError):
        client.shutdown(save=True, nosave=True)


def test_set_refuses_options_that_exclude_each_other(client: Any, errors: Any) -> None:
    with pytest.raises(errors.DataError):
        client.set("k", "v", ex=1, px=1)
    with pytest.raises(errors.DataError):
        client.getex("k", ex=1, persist=True)


class Raw(bytes):
    """What libraries call signed or encrypted bytes, for instance."""


def test_values_of_every_kind_are_sent_as_redis_py_sends_them(client: Any, t: Any) -> None:
    for value, text in [
        (1, "1"),
        (-(2**70), str(-(2**70))),
        (2.5, "2.5"),
        (1e30, "1e+30"),
        ("ü", "ü"),
        (b"raw", "raw"),
        (bytearray(b"ba"), "ba"),
        (memoryview(b"mv"), "mv"),
        (Raw(b"sub"), "sub"),
    ]:
        client.set("k", value)
        assert client.get("k") == t(text)


def test_values_that_cannot_be_sent_raise_data_error(client: Any, errors: Any) -> None:
    for value in (None, True, [], {}, object()):
        with pytest.raises(errors.DataError):
            client.set("k", value)


def test_counters(client: Any) -> None:
    assert client.incr("n") == 1
    assert client.incrby("n", 10) == 11
    assert client.decr("n") == 10
    assert client.decrby("n", 3) == 7
    assert client.incrbyfloat("n", 0.5) == 7.5
    assert isinstance(client.incrbyfloat("n", 0.5), float)


def test_several_at_once(client: Any, t: Any) -> None:
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "b", "c") == [t("1"), t("2"), None]
    assert client.mget(["a", "c"], "b") == [t("1"), None, t("2")]
    assert client.mget([]) == []
    assert client.msetnx({"b": 3, "d": 4}) is False
    assert client.msetnx({"e": 3}) is True


def test_parts_of_strings(client: Any, t: Any) -> None:
    assert client.append("k", "hello") == 5
    assert client.setrange("k", 6, "you") == 9
    assert client.getrange("k", 0, 4) == t("hello")
    assert client.substr("k", 6) == t("you")
    assert client.strlen("k") == 9
    assert client.getset("k", "x") == t("hello\0you")
    assert client.getdel("k") == t("x")
    assert client.getdel("k") is None


def test_older_setters(client: Any, t: Any) -> None:
    assert client.setnx("k", "v") is True
    assert client.setnx("k", "w") is False
    assert client.execute_command("SETEX", "k", 100, "v") is True
    assert client.psetex("k", datetime.timedelta(seconds=9), "v") is True
    assert 8000 < client.pttl("k") <= 9000
    assert client.getex("k", persist=True) == t("v")
    assert client.ttl("k") == -1


def test_lcs(client: Any, t: Any) -> None:
    client.mset({"a": "ohmytext", "b": "mynewtext"})
    assert client.lcs("a", "b") == t("mytext")
    assert client.lcs("a", "b", len=True) == 6
    assert client.lcs("a", "b", idx=True, minmatchlen=4, withmatchlen=True) == [
        t("matches"),
        [[[4, 7], [5, 8], 4]],
        t("len"),
        6,
    ]


# --- Keys --------------------------------------------------------------------------------------


def test_existence_and_removal(client: Any) -> None:
    client.mset({"a": 1, "b": 2, "c": 3})
    assert client.exists("a", "b", "x") == 2
    assert client.touch("a", "x") == 1
    assert client.delete("a", "x") == 1
    assert client.unlink("b", "c") == 2
    assert client.dbsize() == 0


def test_keys_as_a_mapping(client: Any, t: Any) -> None:
    client["k"] = "v"
    assert client["k"] == t("v")
    assert client.exists("k")
    del client["k"]
    with pytest.raises(KeyError):
        client["k"]


def test_expiry(client: Any) -> None:
    client.set("k", 1)
    assert client.expire("k", 100) is True
    assert client.expire("k", 50, gt=True) is False
    assert client.expire("k", datetime.timedelta(seconds=50), lt=True) is True
    assert client.expire("absent", 1) is False
    assert client.pexpire("k", 5000, xx=True) is True
    assert 0 < client.pttl("k") <= 5000
    assert client.persist("k") is True
    assert client.persist("k") is False
    assert client.expireat("k", 1) is True
    assert client.exists("k") == 0
    assert client.ttl("k") == -2
    assert client.pexpireat("k", datetime.datetime.now()) is False


def test_renaming_copying_moving(client: Any, t: Any, errors: Any) -> None:
    client.mset({"a": 1, "b": 2})
    assert client.rename("a", "c") is True
    assert client.renamenx("c", "b") is False
    assert client.copy("b", "d") is True
    assert client.copy("b", "d") is False
    assert client.copy("c", "d", replace=True) is True
    assert client.move("d", 1) is True
    assert client.move("d", 1) is False
    assert client.type("b") == t("string")
    assert client.type("d") == t("none")
    assert client.object("encoding", "b") == t("int")
    assert client.object("refcount", "absent") is None
    with pytest.raises(errors.ResponseError, match="no such key"):
        client.rename("absent", "x")


def test_dumps_are_bytes_whatever_is_decoded(client: Any, t: Any, errors: Any) -> None:
    client.set("k", "12")
    dump = client.dump("k")
    assert isinstance(dump, bytes) and dump[:3] == b"\x00\xc0\x0c"
    assert client.dump("absent") is None
    assert client.restore("k2", 0, dump) == t("OK")
    assert client.get("k2") == t("12")
    with pytest.raises(errors.ResponseError):
        client.restore("k2", 0, dump)
    assert client.restore("k2", 50_000, dump, replace=True, idletime=5) == t("OK")
    assert 0 < client.pttl("k2") <= 50_000
    date = int(time.time() * 1000) + 100_000
    client.restore("k2", date, dump, replace=True, absttl=True, frequency=7)
    assert client.pexpiretime("k2") == date


def test_dumps_are_bytes_in_pipelines_too() -> None:
    """Those of redis-py decode them, or fail."""
    with dbx.open(":memory:", decode_responses=True) as db, db.pipeline() as pipe:
        pipe.set("k", "12")
        pipe.dump("k")
        pipe.get("k")
        _, dump, text = pipe.execute()
        assert isinstance(dump, bytes) and text == "12"


def test_memory(client: Any) -> None:
    client.set("k", "v" * 1000)
    assert client.memory_usage("k") > 1000
    assert client.memory_usage("k", samples=0) > 1000
    assert client.memory_usage("absent") is None
    assert client.memory_purge() is True
    stats = client.memory_stats()
    assert stats["keys.count"] == client.dbsize()
    assert isinstance(stats["dataset.percentage"], float)


def test_iteration(client: Any, t: Any) -> None:
    client.mset({f"k{i}": i for i in range(100)})
    cursor, some = client.scan(count=10)
    assert isinstance(cursor, int)
    assert isinstance(some, list)
    assert set(client.scan_iter(match="k1*", count=7)) == set(client.keys("k1*"))
    assert len(client.keys()) == 100
    assert set(client.scan_iter(_type="string")) == {t(f"k{i}") for i in range(100)}
    assert list(client.scan_iter(_type="list")) == []
    assert client.randomkey() in set(client.keys())
    client.flushall()
    assert client.randomkey() is None


# --- Connection and server ---------------------------------------------------------------------


def test_connection(client: Any, t: Any) -> None:
    assert client.ping() is True
    assert client.echo("hi") == t("hi")
    assert client.client_getname() is None
    assert client.client_setname("me") is True
    assert client.client_getname() == "me"
    assert isinstance(client.client_id(), int)
    assert client.client_info()["name"] == "me"
    assert isinstance(client.client_info()["id"], int)
    assert "me" in [entry["name"] for entry in client.client_list()]
    assert client.client_list(_type="pubsub") == []
    assert client.client_kill_filter(_id=123456789) == 0
    assert client.client_no_evict("ON") == t("OK")
    assert client.client_setinfo("LIB-NAME", "x") is True
    assert client.select(2) is True
    assert client.set("k", 1) is True
    assert client.select(0) is True
    assert client.exists("k") == 0


def test_server(client: Any, t: Any) -> None:
    assert client.config_get("maxclients") == {"maxclients": "10000"}
    assert client.config_set("maxclients", 500) is True
    assert client.config_get("maxclients", "databases") == {"maxclients": "500", "databases": "16"}
    assert client.config_resetstat() is True
    assert client.info("server")["redis_mode"] == "standalone"
    assert isinstance(client.info()["uptime_in_seconds"], int)
    client.set("k", 1, ex=100)
    keyspace = client.info("keyspace")["db0"]
    assert (keyspace["keys"], keyspace["expires"]) == (1, 1)
    seconds, micros = client.time()
    assert abs(seconds - datetime.datetime.now().timestamp()) < 5
    assert 0 <= micros < 1000000
    assert client.swapdb(0, 1) is True
    assert client.flushdb() is True
    assert client.flushall(asynchronous=True) is True
    assert client.command_count() > 10
    assert client.command()["get"]["arity"] == 2
    assert client.command()["get"]["first_key_pos"] == 1
    assert client.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]
    flagged = client.command_getkeysandflags("SET", "a", "b")
    assert flagged == [[t("a"), [t("OW"), t("update")]]]
    assert t("get") in client.command_list(pattern="g*")


def test_saving(client: Any) -> None:
    assert client.save() is True
    assert abs(client.lastsave() - datetime.datetime.now()) < datetime.timedelta(minutes=1)
    assert client.bgsave() is True
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        time.sleep(0.01)  # a real Redis forks, and refuses another one meanwhile


def test_execute_command_splits_two_word_names_and_ignores_case(client: Any, t: Any) -> None:
    assert client.execute_command("CONFIG GET", "databases") == {"databases": "16"}
    assert client.execute_command("set", "k", "v") is True
    assert client.execute_command("GET", "k") == t("v")
    assert client.execute_command("OBJECT ENCODING", "k") == t("embstr")


# --- Errors ------------------------------------------------------------------------------------


def test_errors_have_redis_pys_classes_and_texts(client: Any, errors: Any) -> None:
    with pytest.raises(errors.ResponseError) as error:
        client.execute_command("GET")
    assert str(error.value) == "wrong number of arguments for 'get' command"
    with pytest.raises(errors.ResponseError, match=r"^unknown command"):
        client.execute_command("NOSUCH", "a")
    client.set("k", "text")
    with pytest.raises(errors.ResponseError, match="not an integer"):
        client.incr("k")
    with pytest.raises(errors.AuthenticationError):
        client.execute_command("AUTH", "pw")
    assert issubclass(errors.ResponseError, errors.RedisError)


# --- Pipelines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("transaction", [True, False])
def test_a_pipeline_gives_results_in_order(client: Any, t: Any, transaction: bool) -> None:
    with client.pipeline(transaction=transaction) as pipe:
        pipe.set("a", 1).incr("a").get("a")
        pipe.set("a", 5, get=True).scan()
        assert len(pipe) == 5
        assert pipe.execute() == [True, 2, t("2"), t("2"), (0, [t("a")])]
        assert pipe.execute() == []


@pytest.mark.parametrize("transaction", [True, False])
def test_a_pipeline_executes_everything_and_raises_the_first_error(
    client: Any, t: Any, errors: Any, transaction: bool
) -> None:
    client.set("text", "x")
    pipe = client.pipeline(transaction=transaction)
    pipe.set("a", 1).incr("text").set("b", 2)
    with pytest.raises(errors.ResponseError, match=r"^Command # 2 \(INCRBY text 1\) of pipeline"):
        pipe.execute()
    assert client.mget("a", "b") == [t("1"), t("2")]
    results = pipe.set("a", 3).incr("text").execute(raise_on_error=False)
    assert results[0] is True
    assert isinstance(results[1], errors.ResponseError)


@pytest.mark.parametrize("raise_on_error", [True, False])
@pytest.mark.parametrize(
    "impossible", [("NOPE", "x"), ("GET",), ("GET", "a", "b"), ("CONFIG", "NOPE"), ("CLIENT ID", 1)]
)
def test_a_transaction_with_an_impossible_command_executes_nothing_and_raises_its_error(
    client: Any, errors: Any, impossible: tuple[Any, ...], raise_on_error: bool
) -> None:
    pipe = client.pipeline(transaction=True)
    pipe.set("a", 1).execute_command(*impossible)
    pipe.execute_command("APPEND").set("b", 2)
    shown = " ".join(str(word) for word in impossible)
    with pytest.raises(errors.ResponseError, match=rf"^Command # 2 \({shown}\) of pipeline"):
        pipe.execute(raise_on_error)
    assert client.exists("a", "b") == 0
    assert len(pipe) == 0
    assert pipe.set("a", 1).execute() == [True]


def test_a_pipeline_without_a_transaction_executes_what_it_can(client: Any, errors: Any) -> None:
    pipe = client.pipeline(transaction=False)
    results = pipe.set("a", 1).execute_command("GET").set("b", 2).execute(raise_on_error=False)
    assert (results[0], results[2]) == (True, True)
    assert isinstance(results[1], errors.ResponseError)
    assert client.exists("a", "b") == 2


def test_an_empty_mget_does_no_harm_to_a_transaction(client: Any, t: Any) -> None:
    assert client.pipeline().set("a", 1).mget([]).get("a").execute() == [True, [], t("1")]


def test_multi_makes_a_transaction_of_what_follows_it(client: Any, errors: Any) -> None:
    pipe = client.pipeline(transaction=False)
    pipe.multi()
    with pytest.raises(errors.RedisError, match="nested"):
        pipe.multi()
    pipe.set("a", 1).execute_command("GET")
    with pytest.raises(errors.RedisError, match="already been issued"):
        client.pipeline().set("a", 1).multi()
    with pytest.raises(errors.ResponseError):
        pipe.execute()
    assert client.exists("a") == 0
    pipe.set("a", 1).execute_command("GET").execute(raise_on_error=False)
    assert client.exists("a") == 1  # the transaction had ended
    pipe.multi()
    pipe.close()
    pipe.multi()
    assert pipe.incr("a").execute() == [2]


@pytest.mark.parametrize("kind", ["redis-py", "dbx"])
def test_commands_of_an_asyncio_pipeline_may_be_awaited(kind: str, redis8: RedisServer) -> None:
    async def body() -> None:
        made = redis.asyncio.Redis(port=redis8.port) if kind == "redis-py" else dbx.aio.open()
        async with made as db:
            await db.delete("n")
            async with db.pipeline() as pipe:
                assert await pipe.incr("n") is pipe
                assert await (await pipe.incr("n")).incr("n").execute() == [1, 2, 3]
            await pipe.incr("n")
            await pipe.reset()
            assert len(pipe) == 0
            assert await (await pipe).execute() == []
            pipe.multi()
            await pipe.incr("n")
            await pipe.aclose()
            assert await db.get("n") == b"3"

    asyncio.run(body())
