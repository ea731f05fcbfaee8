"""Consumer groups: delivery, what is pending, and who takes it over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import SYNTAX, WRONG_TYPE, error
from tests.commands.test_stream import BAD_ID, add, by_name, ids, plain

pytestmark = pytest.mark.tiny_buffer

LONG = "n" * 1500  # longer than a key of the map keeps whole
HOUR_MS = 3_600_000


def begin(r: Any, entries: int = 5, group: str = "g") -> None:
    add(r, "s", *(f"{i}-0" for i in range(1, entries + 1)))
    assert r.xgroup_create("s", group, "0") is True


def read(r: Any, consumer: str, id: str = ">", group: str = "g", **options: Any) -> Any:
    found = by_name(r.xreadgroup(group, consumer, {"s": id}, **options))
    return found.get(b"s")


def pending(r: Any, *args: Any, **options: Any) -> list[tuple[bytes, bytes, int]]:
    found = r.xpending_range("s", "g", *(args or ("-", "+", 100)), **options)
    return [(e["message_id"], e["consumer"], e["times_delivered"]) for e in found]


def group(r: Any, name: bytes = b"g", key: str = "s") -> dict[str, Any]:
    (found,) = (g for g in r.xinfo_groups(key) if g["name"] == name)
    return dict(found)


# --- XGROUP ---------------------------------------------------------------------------------------


def test_a_group_is_made_once_and_needs_its_stream(r: Any) -> None:
    assert error(r, "XGROUP", "CREATE", "s", "g", "0").startswith(
        "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use"
    )
    assert r.xgroup_create("s", "g", "$", mkstream=True) is True
    assert r.type("s") == b"stream" and r.xlen("s") == 0
    assert error(r, "XGROUP", "CREATE", "s", "g", "0") == (
        "BUSYGROUP Consumer Group name already exists"
    )
    assert error(r, "XGROUP", "CREATE", "s", "h", "x") == BAD_ID
    assert error(r, "XGROUP", "CREATE", "s", "h", "0", "ENTRIESREAD", -2) == (
        "value for ENTRIESREAD must be positive or -1"
    )
    assert error(r, "XGROUP", "CREATE", "s", "h", "0", "x").endswith("Try XGROUP HELP.")
    assert r.xgroup_destroy("s", "g") is True
    assert r.xgroup_destroy("s", "g") is False
    assert r.xinfo_groups("s") == []
    assert r.execute_command("XGROUP", "HELP")[0].startswith(b"XGROUP <subcommand>")


def test_a_missing_group_is_an_error(r: Any) -> None:
    add(r, "s", "1-0")
    none = "NOGROUP No such key 's' or consumer group 'g'"
    named = "NOGROUP No such consumer group 'g' for key name 's'"
    assert error(r, "XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">") == (
        f"{none} in XREADGROUP with GROUP option"
    )
    assert error(r, "XPENDING", "s", "g") == none
    assert error(r, "XCLAIM", "s", "g", "c", 0, "1-0") == none
    assert error(r, "XAUTOCLAIM", "s", "g", "c", 0, "0") == none
    assert error(r, "XGROUP", "SETID", "s", "g", "0") == named
    assert error(r, "XGROUP", "CREATECONSUMER", "s", "g", "c") == named
    assert error(r, "XGROUP", "DELCONSUMER", "s", "g", "c") == named
    assert error(r, "XINFO", "CONSUMERS", "s", "g") == named
    assert r.xack("s", "g", "1-0") == 0 == r.xack("none", "g", "1-0")


def test_another_type_is_refused(r: Any) -> None:
    r.set("k", "x")
    for call in (
        ("XGROUP", "CREATE", "k", "g", "0"), ("XGROUP", "DESTROY", "k", "g"),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">"), ("XACK", "k", "g", "1"),
        ("XPENDING", "k", "g"), ("XCLAIM", "k", "g", "c", 0, "1"), ("XINFO", "GROUPS", "k"),
        ("XAUTOCLAIM", "k", "g", "c", 0, "0"), ("XINFO", "CONSUMERS", "k", "g"),
    ):  # fmt: skip
        assert error(r, *call) == WRONG_TYPE


# --- XREADGROUP and XACK --------------------------------------------------------------------------


def test_each_entry_goes_to_one_consumer_who_has_it_pending(r: Any) -> None:
    begin(r)
    assert ids(read(r, "a", count=2)) == [b"1-0", b"2-0"]
    assert ids(read(r, "b")) == [b"3-0", b"4-0", b"5-0"]
    assert read(r, "a") is None
    assert ids(read(r, "a", "0")) == [b"1-0", b"2-0"]
    assert ids(read(r, "a", "1-0")) == [b"2-0"]
    assert read(r, "c", "0") == []
    assert r.xack("s", "g", "1-0", "1-0", "4-0", "9-9") == 2
    assert pending(r) == [(b"2-0", b"a", 3), (b"3-0", b"b", 1), (b"5-0", b"b", 1)]
    assert r.xpending("s", "g") == {
        "pending": 3,
        "min": b"2-0",
        "max": b"5-0",
        "consumers": [{"name": b"a", "pending": 1}, {"name": b"b", "pending": 2}],
    }
    assert error(r, "XACK", "s", "g", "x") == BAD_ID


def test_what_was_deleted_is_null_in_a_history(r: Any) -> None:
    begin(r, 2)
    read(r, "a")
    r.xdel("s", "1-0")
    assert read(r, "a", "0") == [(b"1-0", {}), (b"2-0", {b"f": b"2-0"})]
    assert pending(r) == [(b"1-0", b"a", 1), (b"2-0", b"a", 2)]


def test_noack_leaves_nothing_pending(r: Any) -> None:
    begin(r)
    assert len(read(r, "a", noack=True)) == 5
    assert r.xpending("s", "g") == {"pending": 0, "min": None, "max": None, "consumers": []}
    assert group(r)["entries-read"] == 5


def test_several_streams_at_once(r: Any) -> None:
    begin(r)
    add(r, "t", "7-0")
    r.xgroup_create("t", "g", "0")
    found = by_name(r.xreadgroup("g", "a", {"s": ">", "t": ">"}, count=2))
    assert {k: ids(v) for k, v in found.items()} == {b"s": [b"1-0", b"2-0"], b"t": [b"7-0"]}
    found = by_name(r.xreadgroup("g", "a", {"s": "0", "t": ">"}))
    assert {k: ids(v) for k, v in found.items()} == {b"s": [b"1-0", b"2-0"]}


def test_xreadgroup_says_what_is_wrong(r: Any) -> None:
    begin(r)
    wrong = ("XREADGROUP", "COUNT", 1, "BLOCK", 1, "NOACK", "STREAMS", "s", ">")
    assert error(r, *wrong) == "Missing GROUP option for XREADGROUP"
    for id in "$+":
        assert error(r, "XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", id).startswith(
            f"The {id} ID is meaningless in the context of XREADGROUP"
        )
    assert error(r, "XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">") == (
        "Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be"
        " specified."
    )
    assert r.xinfo_consumers("s", "g") == []


def test_within_a_transaction_xreadgroup_never_waits(r: Any) -> None:
    begin(r, 1)
    with r.pipeline() as p:
        p.xreadgroup("g", "a", {"s": ">"}, block=0)
        p.xreadgroup("g", "a", {"s": ">"}, block=0)
        first, second = p.execute()
    assert ids(by_name(first)[b"s"]) == [b"1-0"]
    assert by_name(second) == {}


def test_a_group_that_is_set_back_delivers_anew(r: Any) -> None:
    begin(r, 3)
    read(r, "a")
    r.xgroup_setid("s", "g", "1-0")
    assert ids(read(r, "b")) == [b"2-0", b"3-0"]
    assert pending(r) == [(b"1-0", b"a", 1), (b"2-0", b"b", 1), (b"3-0", b"b", 1)]
    assert [c["pending"] for c in r.xinfo_consumers("s", "g")] == [1, 2]


def test_a_delivery_longer_than_memory_should_hold_is_streamed(r: Any) -> None:
    value = b"x" * 100_000
    for i in range(1, 31):
        r.xadd("s", {"f": value}, id=f"{i}-0")
    r.xgroup_create("s", "g", "0")
    expected = [(b"%d-0" % i, {b"f": value}) for i in range(1, 31)]
    assert read(r, "a") == expected
    assert read(r, "a", "0") == expected
    assert r.xclaim("s", "g", "b", 0, [f"{i}-0" for i in range(1, 31)]) == expected
    r.xdel("s", "1-0")
    assert r.xautoclaim("s", "g", "c", 0) == [b"0-0", expected[1:], [b"1-0"]]
    full = plain(r.execute_command("XINFO", "STREAM", "s", "FULL", "COUNT", 0))
    assert len(full[b"entries"]) == 29
    (found,) = full[b"groups"]
    assert len(plain(found)[b"pending"]) == 29


# --- XPENDING -------------------------------------------------------------------------------------


def test_pending_entries_of_an_interval_a_consumer_or_an_age(r: Any) -> None:
    begin(r)
    read(r, "a", count=3)
    read(r, "b")
    assert [e[0] for e in pending(r, "2", "(4-0", 9)] == [b"2-0", b"3-0"]
    assert [e[0] for e in pending(r, "-", "+", 2)] == [b"1-0", b"2-0"]
    assert [e[0] for e in pending(r, "-", "+", 9, consumername="b")] == [b"4-0", b"5-0"]
    assert pending(r, "-", "+", 9, consumername="none") == []
    assert pending(r, "-", "+", 0) == []
    r.xclaim("s", "g", "b", 0, ["4-0"], idle=HOUR_MS)
    assert [e[0] for e in pending(r, "-", "+", 9, idle=HOUR_MS // 2)] == [b"4-0"]
    assert error(r, "XPENDING", "s", "g", "-", "+") == SYNTAX
    assert error(r, "XPENDING", "s", "g", "IDLE", 1, "-", "+") == SYNTAX
    assert error(r, "XPENDING", "s", "g", "x", "+", 1) == BAD_ID


def test_more_pending_than_memory_should_hold(r: Any) -> None:
    with r.pipeline() as p:
        for i in range(1, 9001):
            p.xadd("s", {"a": 1}, id=f"{i}-0")
        p.execute()
    r.xgroup_create("s", "g", "0")
    read(r, "a")
    assert [e[0] for e in pending(r, "-", "+", 10**6)] == [b"%d-0" % i for i in range(1, 9001)]
    assert r.xgroup_destroy("s", "g") is True
    assert r.xgroup_create("s", "g", "0") is True
    assert r.xpending("s", "g")["pending"] == 0


# --- XCLAIM and XAUTOCLAIM ------------------------------------------------------------------------


def test_xclaim_takes_over_and_counts(r: Any) -> None:
    begin(r, 4)
    read(r, "a", count=3)
    assert ids(r.xclaim("s", "g", "b", 0, ["1-0", "4-0", "9-9"])) == [b"1-0"]
    assert r.xclaim("s", "g", "b", 0, ["2-0"], justid=True) == [b"2-0"]
    assert r.xclaim("s", "g", "b", HOUR_MS, ["3-0"]) == []
    assert r.xclaim("s", "g", "b", 0, ["3-0"], retrycount=9, justid=True) == [b"3-0"]
    assert r.xclaim("s", "g", "b", 0, ["4-0"], force=True, justid=True) == [b"4-0"]
    assert pending(r) == [
        (b"1-0", b"b", 2), (b"2-0", b"b", 1), (b"3-0", b"b", 9), (b"4-0", b"b", 1)
    ]  # fmt: skip
    assert [c["pending"] for c in r.xinfo_consumers("s", "g")] == [0, 4]
    r.execute_command("XCLAIM", "s", "g", "b", 0, "1-0", "LASTID", "4-0")
    assert group(r)["last-delivered-id"] == b"4-0"
    r.xdel("s", "2-0")
    assert r.xclaim("s", "g", "a", 0, ["2-0"]) == []
    assert [e[0] for e in pending(r)] == [b"1-0", b"3-0", b"4-0"]


def test_xclaim_says_what_is_wrong(r: Any) -> None:
    begin(r)
    claim = ("XCLAIM", "s", "g", "c")
    assert error(r, *claim, "x", "1") == "Invalid min-idle-time argument for XCLAIM"
    for option in ("IDLE", "TIME", "RETRYCOUNT"):
        wrong = f"Invalid {option} option argument for XCLAIM"
        assert error(r, *claim, 0, "1", option, "x") == wrong
    assert error(r, *claim, 0, "1", "x") == "Unrecognized XCLAIM option 'x'"
    assert error(r, *claim, 0, "1", "LASTID", "x") == BAD_ID
    assert r.xinfo_consumers("s", "g") == []


def test_idle_and_time_date_a_delivery(r: Any) -> None:
    begin(r, 2)
    read(r, "a")
    r.xclaim("s", "g", "a", 0, ["1-0"], idle=HOUR_MS)
    r.xclaim("s", "g", "a", 0, ["2-0"], time=1)
    one, two = r.xpending_range("s", "g", "-", "+", 9)
    assert HOUR_MS <= one["time_since_delivered"] < 2 * HOUR_MS
    assert two["time_since_delivered"] > 10**12
    assert ids(r.xclaim("s", "g", "b", HOUR_MS * 2, ["1-0", "2-0"])) == [b"2-0"]


def test_xautoclaim_goes_through_all_in_steps(r: Any) -> None:
    begin(r)
    read(r, "a")
    r.xdel("s", "2-0")
    following, claimed, deleted = r.xautoclaim("s", "g", "b", 0, count=2)
    assert (following, ids(claimed), deleted) == (b"3-0", [b"1-0"], [b"2-0"])
    claimed = r.xautoclaim("s", "g", "b", 0, following, justid=True)
    assert claimed == [b"3-0", b"4-0", b"5-0"]
    assert r.xautoclaim("s", "g", "c", HOUR_MS)[1] == []
    assert pending(r) == [
        (b"1-0", b"b", 2), (b"3-0", b"b", 1), (b"4-0", b"b", 1), (b"5-0", b"b", 1)
    ]  # fmt: skip
    auto = ("XAUTOCLAIM", "s", "g", "c")
    assert error(r, *auto, 0, "0", "COUNT", 0) == "COUNT must be > 0"
    assert error(r, *auto, "x", "0") == "Invalid min-idle-time argument for XAUTOCLAIM"
    assert error(r, *auto, 0, "x") == BAD_ID
    assert error(r, *auto, 0, "0", "x") == SYNTAX


# --- Consumers, and XINFO -------------------------------------------------------------------------


def test_consumers_come_by_being_named_and_go_with_what_they_have(r: Any) -> None:
    begin(r)
    assert r.xgroup_createconsumer("s", "g", "a") == 1
    assert r.xgroup_createconsumer("s", "g", "a") == 0
    (one,) = r.xinfo_consumers("s", "g")
    assert (one["name"], one["pending"], one["inactive"]) == (b"a", 0, -1)
    read(r, "b", count=2)
    read(r, "a")
    assert [c["name"] for c in r.xinfo_consumers("s", "g")] == [b"a", b"b"]
    assert all(0 <= c["inactive"] < HOUR_MS for c in r.xinfo_consumers("s", "g"))
    assert r.xgroup_delconsumer("s", "g", "a") == 3
    assert r.xgroup_delconsumer("s", "g", "a") == 0
    assert pending(r) == [(b"1-0", b"b", 1), (b"2-0", b"b", 1)]
    assert (group(r)["consumers"], group(r)["pending"]) == (1, 2)


def test_names_of_any_length_and_none(r: Any) -> None:
    add(r, "s", "1-0", "2-0")
    for name in ("", "g", LONG, LONG + "x", "y" * 40_000):
        r.xgroup_create("s", name, "0")
        for consumer in ("", LONG, LONG + "x", "z" * 40_000):
            read(r, consumer, group=name, count=1)
        found = [c["name"].decode() for c in r.xinfo_consumers("s", name)]
        assert sorted(found) == ["", LONG, LONG + "x", "z" * 40_000]
        owners = [e["consumer"] for e in r.xpending_range("s", name, "-", "+", 9)]
        assert owners == [b"", LONG.encode()]
        assert r.xgroup_delconsumer("s", name, LONG) == 1
    assert len(r.xinfo_groups("s")) == 5
    assert r.copy("s", "t")
    r.delete("s")
    r.rename("t", "s")
    assert {len(g["name"]) for g in r.xinfo_groups("s")} == {0, 1, 1500, 1501, 40_000}
    assert r.xgroup_destroy("s", "y" * 40_000) is True
    assert r.xinfo_consumers("s", "")[0]["name"] == b""


def test_lag_is_known_while_no_entry_ahead_was_deleted(r: Any) -> None:
    begin(r, 10)
    assert (group(r)["entries-read"], group(r)["lag"]) == (None, 10)
    read(r, "a", count=4)
    assert (group(r)["entries-read"], group(r)["lag"]) == (4, 6)
    r.xdel("s", "8-0")
    assert (group(r)["entries-read"], group(r)["lag"]) == (4, None)
    read(r, "a")
    assert (group(r)["entries-read"], group(r)["lag"]) == (10, 0)
    r.xgroup_setid("s", "g", "2-0", entries_read=2)
    assert (group(r)["entries-read"], group(r)["lag"]) == (2, None)
    r.xtrim("s", maxlen=1, approximate=False)
    assert group(r)["lag"] == 1


def test_what_a_group_has_read_may_be_any_number(r: Any) -> None:
    r.execute_command("XADD", "s", "1-0", "f", "v")
    r.execute_command("XGROUP", "CREATE", "s", "g", "0", "ENTRIESREAD", 2**63 - 1)
    assert group(r)["entries-read"] == 2**63 - 1
    r.execute_command("RESTORE", "t", 0, r.execute_command("DUMP", "s"))
    assert group(r, key="t")["entries-read"] == 2**63 - 1


def test_xinfo_stream_full_shows_groups_consumers_and_what_they_have(r: Any) -> None:
    begin(r, 3)
    read(r, "a", count=2)
    full = r.xinfo_stream("s", full=True)
    assert list(full["entries"]) == [b"1-0", b"2-0", b"3-0"]
    (found,) = full["groups"]
    assert found["name"] == b"g" and found["last-delivered-id"] == b"2-0"
    assert (found["entries-read"], found["lag"], found["pel-count"]) == (2, 1, 2)
    assert [(e[0], e[1], e[3]) for e in found["pending"]] == [(b"1-0", b"a", 1), (b"2-0", b"a", 1)]
    (consumer,) = found["consumers"]
    of = plain(consumer)
    assert (of[b"name"], of[b"pel-count"]) == (b"a", 2)
    assert of[b"seen-time"] == of[b"active-time"] > 10**12
    assert [(e[0], e[2]) for e in of[b"pending"]] == [(b"1-0", 1), (b"2-0", 1)]


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_what_is_pending(r: Any, seed: int) -> None:
    """Whatever was done, XINFO's counts are those of the entries that XPENDING lists."""
    rand = random.Random(seed)
    begin(r, 40)
    names = ["a", "b", "c"]

    def some() -> list[str]:
        return [f"{rand.randint(1, 41)}-0" for _ in range(rand.randint(1, 4))]

    for _ in range(150):
        who = rand.choice(names)
        match rand.randrange(8):
            case 0 | 1:
                read(r, who, count=rand.randint(1, 5))
            case 2:
                r.xack("s", "g", *some())
            case 3:
                r.xclaim("s", "g", who, 0, some(), force=rand.random() < 0.5)
            case 4:
                r.xautoclaim("s", "g", who, 0, f"{rand.randint(1, 40)}-0", count=rand.randint(1, 5))
            case 5:
                r.xgroup_setid("s", "g", rand.randint(0, 40))
            case 6:
                read(r, who, f"{rand.randint(0, 40)}-0", count=3)
            case 7 if rand.random() < 0.2:
                r.xgroup_delconsumer("s", "g", who)
            case _:
                r.xdel("s", f"{rand.randint(1, 40)}-0")
        listed = pending(r)
        assert group(r)["pending"] == len(listed)
        for consumer in r.xinfo_consumers("s", "g"):
            own = [e for e in listed if e[1] == consumer["name"]]
            assert consumer["pending"] == len(own)
            assert pending(r, "-", "+", 100, consumername=consumer["name"]) == own
