"""dbx.resp against hiredis-py: the same test body for both, unless it says why not."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import hiredis
import pytest

import dbx.resp


@pytest.fixture(params=[hiredis, dbx.resp], ids=["hiredis", "dbx"])
def resp(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def read(resp: ModuleType, data: bytes, **options: Any) -> Any:
    reader = resp.Reader(**options)
    reader.feed(data)
    return reader.gets()


VALUES: list[tuple[bytes, Any]] = [
    (b"+ok\r\n", b"ok"),
    (b"+\r\n", b""),
    (b"$0\r\n\r\n", b""),
    (b"$5\r\nhello\r\n", b"hello"),
    (b"$12\r\n" + b"x" * 12 + b"\r\n", b"x" * 12),
    (b"$2\r\n\r\n\r\n", b"\r\n"),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"_\r\n", None),
    (b":0\r\n", 0),
    (b":-1\r\n", -1),
    (b":9223372036854775807\r\n", 2**63 - 1),
    (b":-9223372036854775808\r\n", -(2**63)),
    (b",1.5\r\n", 1.5),
    (b",-99.99\r\n", -99.99),
    (b",1e300\r\n", 1e300),
    (b",0.1\r\n", 0.1),
    (b",10\r\n", 10.0),
    (b",3.14159265358979323846\r\n", 3.141592653589793),
    (b",inf\r\n", float("inf")),
    (b",-INF\r\n", float("-inf")),
    (b"#t\r\n", True),
    (b"#f\r\n", False),
    (
        b"(3492890328409238509324850943850943825024385\r\n",
        b"3492890328409238509324850943850943825024385",
    ),
    (b"*0\r\n", []),
    (b"~0\r\n", []),
    (b"%0\r\n", {}),
    (b"*2\r\n$5\r\nhello\r\n:5\r\n", [b"hello", 5]),
    (b"*2\r\n*2\r\n$1\r\na\r\n_\r\n$1\r\n!\r\n", [[b"a", None], b"!"]),
    (b"*1\r\n*1\r\n*1\r\n*0\r\n", [[[[]]]]),
    (b"~3\r\n+tangerine\r\n_\r\n,10.5\r\n", [b"tangerine", None, 10.5]),
    (b"%2\r\n+radius\r\n,4.5\r\n:1\r\n:9\r\n", {b"radius": 4.5, 1: 9}),
    (b"%2\r\n+k\r\n:1\r\n+k\r\n:2\r\n", {b"k": 2}),
    (b"%1\r\n+a\r\n%1\r\n+b\r\n*1\r\n:1\r\n", {b"a": {b"b": [1]}}),
    (b">2\r\n+message\r\n*1\r\n:1\r\n", [b"message", [1]]),
]


@pytest.mark.parametrize(("data", "want"), VALUES)
def test_every_type_is_read_as_the_python_value_for_it(
    resp: ModuleType, data: bytes, want: Any
) -> None:
    got = read(resp, data)
    assert got == want
    assert type(got) in (type(want), resp.PushNotification)


@pytest.mark.parametrize(("data", "want"), VALUES)
def test_pieces_of_any_size_give_the_same_value(resp: ModuleType, data: bytes, want: Any) -> None:
    for size in range(1, len(data)):
        reader = resp.Reader(notEnoughData=Ellipsis)
        for at in range(0, len(data) - size, size):
            reader.feed(data[at : at + size])
            assert reader.gets() is Ellipsis
        reader.feed(data[(len(data) - 1) // size * size :])
        assert reader.gets() == want
        assert reader.gets() is Ellipsis
        assert not reader.has_data()


def test_nothing_fed_is_not_enough_data(resp: ModuleType) -> None:
    assert resp.Reader().gets() is False
    marker = object()
    assert resp.Reader(notEnoughData=marker).gets() is marker


def test_replies_come_one_at_a_time(resp: ModuleType) -> None:
    reader = resp.Reader()
    reader.feed(b"+a\r\n:1\r\n+b")
    assert [reader.gets(), reader.gets(), reader.gets()] == [b"a", 1, False]
    reader.feed(b"\r\n")
    assert reader.gets() == b"b"


def test_pushes_have_a_type_of_their_own(resp: ModuleType) -> None:
    got = read(resp, b">1\r\n+x\r\n")
    assert type(got) is resp.PushNotification
    assert isinstance(got, list)


BROKEN = [
    (b"x", 'Protocol error, got "x" as reply type byte'),
    (b"\n", 'Protocol error, got "\\n" as reply type byte'),
    (b'"', 'Protocol error, got "\\"" as reply type byte'),
    (b"\x01", 'Protocol error, got "\\x01" as reply type byte'),
    (b":x\r\n", "Bad integer value"),
    (b":01\r\n", "Bad integer value"),
    (b":9223372036854775808\r\n", "Bad integer value"),
    (b"$x\r\n", "Bad bulk string length"),
    (b"$-2\r\n", "Bulk string length out of range"),
    (b"*x\r\n", "Bad multi-bulk length"),
    (b"*-2\r\n", "Multi-bulk length out of range"),
    (b"*4294967296\r\n", "Multi-bulk length out of range"),
    (b"%9223372036854775807\r\n", "Multi-bulk length out of range"),
    (b",x\r\n", "Bad double value"),
    (b",\r\n", "Bad double value"),
    (b"," + b"1" * 326 + b"\r\n", "Double value is too large"),
    (b"#x\r\n", "Bad bool value"),
    (b"#\r\n", "Bad bool value"),
    (b"_x\r\n", "Bad nil value"),
    (b"(1x\r\n", "Bad bignum value"),
    (b"+a\nb\r\n", "Bad simple string value"),
    (
        b"=3\r\nabc\r\n",
        "Verbatim string 4 bytes of content type are missing or incorrectly encoded.",
    ),
    (
        b"=5\r\nabcde\r\n",
        "Verbatim string 4 bytes of content type are missing or incorrectly encoded.",
    ),
    (b"*1\r\nx", 'Protocol error, got "x" as reply type byte'),
]


@pytest.mark.parametrize(("data", "words"), BROKEN)
def test_broken_bytes_are_a_protocol_error_that_stays(
    resp: ModuleType, data: bytes, words: str
) -> None:
    reader = resp.Reader()
    reader.feed(data)
    for _ in range(2):
        with pytest.raises(resp.ProtocolError) as caught:
            reader.gets()
        assert str(caught.value) == words
        reader.feed(b"+ok\r\n")


def test_nesting_is_bounded(resp: ModuleType) -> None:
    assert read(resp, b"*1\r\n" * 100 + b"*0\r\n") is not False
    with pytest.raises(resp.ProtocolError, match="Max nesting depth exceeded"):
        read(resp, b"*1\r\n" * 2000)


def test_an_announced_count_allocates_nothing() -> None:
    # hiredis asks for 32 GB here.
    reader = dbx.resp.Reader()
    reader.feed(b"*4294967295\r\n" * 100)
    assert reader.gets() is False


def test_protocol_error_class_is_the_callers(resp: ModuleType) -> None:
    class Custom(Exception):
        pass

    for error in (Custom, lambda text: Custom(text)):
        with pytest.raises(Custom, match="reply type byte"):
            read(resp, b"x", protocolError=error)


def test_error_classes_must_be_callable(resp: ModuleType) -> None:
    for name in ("protocolError", "replyError"):
        with pytest.raises(TypeError):
            resp.Reader(**{name: "wrong"})


def test_error_replies_are_values(resp: ModuleType) -> None:
    error = read(resp, b"-ERR no\xd1\r\n")
    assert type(error) is resp.ReplyError
    assert error.args == ("ERR no\ufffd",)
    first, second = read(resp, b"*2\r\n-a\r\n-b\r\n", replyError=ValueError)
    assert (type(first), first.args, second.args) == (ValueError, ("a",), ("b",))
    assert isinstance(resp.ReplyError(), resp.HiredisError)
    assert isinstance(resp.ProtocolError(), resp.HiredisError)


def test_verbatim_strings_lose_their_format() -> None:
    # hiredis does the same, but reads four bytes too far.
    assert read(dbx.resp, b"=8\r\ntxt:text\r\n") == b"text"
    assert read(dbx.resp, b"=4\r\nmkd:\r\n", encoding="utf-8") == ""


def test_bulk_errors_are_error_replies() -> None:
    # hiredis does not know them.
    error = read(dbx.resp, b"!7\r\nERR a\nb\r\n")
    assert type(error) is dbx.resp.ReplyError
    assert error.args == ("ERR a\nb",)


def test_attributes_are_dropped() -> None:
    # hiredis takes them for replies.
    reader = dbx.resp.Reader()
    reader.feed(
        b"|1\r\n+ttl\r\n|1\r\n+x\r\n+y\r\n*1\r\n:1\r\n"
        b"*2\r\n:1\r\n|1\r\n+a\r\n%0\r\n:2\r\n|0\r\n:3\r\n"
    )
    assert [reader.gets(), reader.gets(), reader.gets()] == [[1, 2], 3, False]


def test_what_a_callback_raises_is_raised_when_the_reply_is_complete(resp: ModuleType) -> None:
    def fails(text: str) -> Exception:
        raise ZeroDivisionError(text)

    reader = resp.Reader(replyError=fails)
    reader.feed(b"*2\r\n-a\r\n")
    assert reader.gets() is False
    reader.feed(b":1\r\n+next\r\n")
    with pytest.raises(ZeroDivisionError, match="a"):
        reader.gets()
    assert reader.gets() == b"next"
    with pytest.raises(ZeroDivisionError):
        read(resp, b"x", protocolError=fails)


def test_unhashable_keys_are_a_type_error(resp: ModuleType) -> None:
    with pytest.raises(TypeError):
        read(resp, b"%1\r\n%1\r\n+a\r\n+b\r\n:9\r\n")


def test_the_stream_goes_on_after_an_unhashable_key() -> None:
    # hiredis is broken for good.
    reader = dbx.resp.Reader()
    reader.feed(b"%1\r\n*0\r\n:9\r\n+next\r\n")
    with pytest.raises(TypeError):
        reader.gets()
    assert reader.gets() == b"next"


def test_a_callback_cannot_use_the_reader_it_runs_in() -> None:
    def fails(text: str) -> Exception:
        reader.feed(b"x" * 100000)
        return ValueError(text)

    reader = dbx.resp.Reader(replyError=fails)
    reader.feed(b"-a\r\n+next\r\n")
    with pytest.raises(RuntimeError, match="in use"):
        reader.gets()
    assert reader.gets() == b"next"


def test_encoding_decodes_every_string(resp: ModuleType) -> None:
    data = b"*3\r\n$3\r\n\xe2\x98\x83\r\n+ok\r\n(12\r\n"
    for name in ("utf-8", "UTF8", "U8"):
        assert read(resp, data, encoding=name) == ["\u2603", "ok", "12"]
    assert read(resp, b"+\xe4\r\n", encoding="latin-1") == "\xe4"
    assert read(resp, b"$4\r\n\xff\xfe\x03&\r\n", encoding="utf-16") == "\u2603"


def test_decoding_errors_follow_the_error_handler(resp: ModuleType) -> None:
    reader = resp.Reader(encoding="utf-8")
    reader.feed(b"*2\r\n+\x80\r\n+\x81\r\n+ok\r\n")
    with pytest.raises(UnicodeDecodeError) as caught:
        reader.gets()
    assert caught.value.object == b"\x80"
    assert reader.gets() == "ok"
    assert read(resp, b"+\x80v\r\n", encoding="utf-8", errors="ignore") == "v"
    assert read(resp, b"+\x80v\r\n", encoding="utf-8", errors="surrogateescape") == "\udc80v"


def test_encoding_can_be_changed_and_passed_over(resp: ModuleType) -> None:
    reader = resp.Reader(encoding="utf-8")
    reader.feed(b"+a\r\n" * 4)
    assert [reader.gets(), reader.gets(False), reader.gets(True)] == ["a", b"a", "a"]
    reader.set_encoding(encoding=None, errors=None)
    assert reader.gets() == b"a"
    with pytest.raises(LookupError):
        reader.set_encoding("unknown")
    with pytest.raises(LookupError):
        reader.set_encoding(encoding="utf-8", errors="unknown")
    with pytest.raises(LookupError):
        resp.Reader(encoding="unknown")


def test_sets_are_lists_unless_asked_otherwise() -> None:
    # hiredis-py 2 had the option.
    assert read(dbx.resp, b"~2\r\n:1\r\n:1\r\n") == [1, 1]
    assert read(dbx.resp, b"~2\r\n:1\r\n:1\r\n", convertSetsToLists=False) == {1}


def test_feed_takes_a_part_of_anything_bytes_like(resp: ModuleType) -> None:
    reader = resp.Reader()
    reader.feed("+text\r\n")
    reader.feed(bytearray(b"+array\r\n"))
    reader.feed(memoryview(b"..+view\r\n.."), 2, 7)
    reader.feed(b"..+offset\r\n", 2)
    assert [reader.gets() for _ in range(4)] == [b"text", b"array", b"view", b"offset"]
    for arguments in ((b"+ok\r\n", 6), (b"+ok\r\n", 0, 6), (b"+ok\r\n", -1), (b"+ok\r\n", 2, -3)):
        with pytest.raises(ValueError):
            reader.feed(*arguments)
    with pytest.raises(TypeError):
        reader.feed(1)


def test_maxbuf_is_kept(resp: ModuleType) -> None:
    reader = resp.Reader()
    default = reader.getmaxbuf()
    for size in (0, 10000):
        reader.setmaxbuf(size)
        assert reader.getmaxbuf() == size
    reader.setmaxbuf(None)
    assert reader.getmaxbuf() == default == 16384
    with pytest.raises(ValueError):
        reader.setmaxbuf(-4)


def test_len_counts_what_waits(resp: ModuleType) -> None:
    reader = resp.Reader()
    assert (reader.len(), reader.has_data()) == (0, False)
    reader.feed(b"+ok\r\n")
    assert (reader.len(), reader.has_data()) == (5, True)
    for _ in range(205):
        reader.feed(b"+ok\r\n")
        reader.gets()
    assert reader.len() == 5


def test_reader_can_be_subclassed(resp: ModuleType) -> None:
    class Mine(resp.Reader):  # type: ignore[name-defined,misc]
        pass

    assert read(type("m", (), {"Reader": Mine}), b"+ok\r\n") == b"ok"  # type: ignore[arg-type]


def test_an_abandoned_reader_leaves_nothing(resp: ModuleType) -> None:
    text = b"x" * 1000
    before = sys.getrefcount(None)
    for _ in range(200):
        reader = resp.Reader()
        reader.feed(b"*3\r\n%2\r\n$1000\r\n" + text + b"\r\n*2\r\n_\r\n_\r\n-err\r\n")
        assert reader.gets() is False
        del reader
    gc.collect()
    assert sys.getrefcount(None) - before < 100


def random_value(rand: random.Random, depth: int) -> bytes:
    kind = rand.choice("+-:$*_,#(%~>" if depth < 5 else "+-:$_,#(")
    text = bytes(rand.choices(b"abc \x00\xff\xc3\xa9", k=rand.randrange(20)))
    number = str(rand.randrange(-(10**6), 10**6)).encode()
    if kind in "*~>%":
        count = rand.randrange(4)
        items = [random_value(rand, depth + 1) for _ in range(count)]
        if kind == "%":
            # Every key once: hiredis gives keys that come twice the wrong values.
            items = [b":%d\r\n" % i + item for i, item in enumerate(items)]
        return kind.encode() + str(count).encode() + b"\r\n" + b"".join(items)
    line = {
        "$": str(len(text)).encode() + b"\r\n" + text,
        ":": number,
        "(": number * 5 if number[:1] != b"-" else number,
        ",": repr(rand.uniform(-1e9, 1e9) * 10.0 ** rand.randrange(-30, 30)).encode(),
        "#": rand.choice((b"t", b"f")),
        "_": b"",
    }
    return kind.encode() + line.get(kind, text) + b"\r\n"


def read_all(resp: ModuleType, data: bytes, piece: int) -> list[str]:
    reader = resp.Reader(notEnoughData=Ellipsis)
    got = []
    try:
        for at in range(0, len(data), piece):
            reader.feed(data[at : at + piece])
            while (value := reader.gets()) is not Ellipsis:
                got.append(repr(value))
    except resp.ProtocolError as error:
        got.append(str(error))
    return got


def test_random_values_are_read_alike() -> None:
    rand = random.Random(7)
    for _ in range(3000):
        data = random_value(rand, 0) + random_value(rand, 0)
        piece = rand.randrange(1, len(data) + 1)
        want = read_all(hiredis, data, piece)
        assert read_all(dbx.resp, data, piece) == want, data


def test_random_garbage_is_refused_alike() -> None:
    rand = random.Random(7)
    alphabet = b"+-:$*_,#(~>0123459\r\n\r\n\r\nabtfinx."
    for _ in range(20000):
        data = bytes(rand.choices(alphabet, k=rand.randrange(1, 24)))
        piece = rand.randrange(1, len(data) + 1)
        want = read_all(hiredis, data, piece)
        assert read_all(dbx.resp, data, piece) == want, data


# --- pack_command ---------------------------------------------------------------------------------

COMMANDS: list[tuple[Any, ...]] = [
    (),
    ("PING",),
    (b"SET", "key", b"\x00\xff", 1, -(2**63), 2**70, 1.5, 1e300, float("inf"), -0.0),
    ("ECHO", "\u2603" * 5, memoryview(b"view"), ""),
    ("MSET", *(str(i) for i in range(100))),
    ("SET", "k", b"x" * 100000),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_packed_as_hiredis_does(command: tuple[Any, ...]) -> None:
    assert dbx.resp.pack_command(command) == hiredis.pack_command(command)


def test_what_cannot_be_packed_is_a_type_error(resp: ModuleType) -> None:
    pack: Callable[[Any], bytes] = resp.pack_command
    for item in (None, True, [], {}, object()):
        with pytest.raises(TypeError, match="A tuple item must be"):
            pack(("SET", item))
    for command in (["PING"], "PING", None):
        with pytest.raises(TypeError, match="The argument must be a tuple"):
            pack(command)
    with pytest.raises(UnicodeEncodeError):
        pack(("SET", "\ud800"))
