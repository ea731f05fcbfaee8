"""What methods send: for the same arguments, right or wrong, the words that redis-py's methods
send, or a DataError where redis-py raises one."""

from __future__ import annotations

import datetime
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis.commands
import redis.exceptions

import dbx.errors
from dbx.commands import Commands
from dbx.resp import pack_command

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # setex, in redis-py's eyes

# Not commands, or of another version of Redis; what else differs on purpose is in _differs().
OTHERS = {"execute_command", "command_docs", "command_info", "reset"}

VALUES = [
    0, 1, -1, 1.5, True, False, None, "", "1", "x", b"x", bytearray(b"x"), memoryview(b"x"),
    ["a", 1], ("a",), {"a": 1}, {}, [], object(), 1 + 2j,
    datetime.timedelta(seconds=1.5), datetime.datetime(2030, 1, 2, 3, 4, 5, 678000),
]  # fmt: skip
GIVEN = {  # to parameters that must be given, while others vary
    "mapping": {"k": "v"}, "time": 10, "time_ms": 10, "when": 10, "offset": 0, "amount": 1,
    "index": 1, "db": 1, "first": 0, "second": 1, "start": 0, "end": -1, "reply": "ON",
}  # fmt: skip


class _Sent:
    """Instead of a connection, which SHUTDOWN ends."""

    words: tuple[Any, ...] = ()

    def execute_command(self, *args: Any, **options: Any) -> None:
        self.words = (*args[0].split(), *args[1:])
        if args[0] == "SHUTDOWN":
            raise redis.exceptions.ConnectionError

    _call = execute_command


class Ours(_Sent, Commands):
    pass


class Theirs(_Sent, redis.commands.CoreCommands):  # type: ignore[misc]
    pass


def _methods() -> list[str]:
    names = set(dir(Commands)) & set(dir(redis.commands.CoreCommands)) - OTHERS
    return sorted(name for name in names if not name.startswith("_"))


def _calls(function: Callable[..., Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Every value for every parameter, and every two options together."""
    parameters = list(inspect.signature(function).parameters.values())
    named = [p for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
    must = {p.name: GIVEN.get(p.name, "x") for p in named if p.default is p.empty}
    yield (), dict(must)
    for p, value in itertools.product(named, VALUES):
        yield (), {**must, p.name: value}
    options = [p.name for p in named if p.default is not p.empty]
    for (one, other), value in itertools.product(itertools.combinations(options, 2), (1, True)):
        yield (), {**must, one: value, other: value}
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        for value in VALUES:
            yield (*must.values(), value, "y"), {}


def _outcome(client: _Sent, name: str, args: Any, keywords: Any) -> Any:
    """What is sent, in whatever order, or how it was refused."""
    try:
        getattr(client, name)(*args, **keywords)
    except (dbx.errors.DataError, redis.exceptions.DataError):
        return "DataError"
    except redis.exceptions.ConnectionError:
        pass
    except (TypeError, AttributeError, ValueError):
        return "another error"
    try:
        return sorted(pack_command((word,)) for word in client.words)
    except TypeError:
        return "DataError"  # of the connection, which encodes


def _differs(name: str, keywords: dict[str, Any]) -> bool:
    """Ours on purpose: None stands for redis-py's [], which nobody can share; a destination that
    is 0 is not left out."""
    if name == "zrangestore" and not keywords.get("dest"):
        return True
    if name == "xpending_range" and not isinstance(keywords.get("count"), int):
        return True  # redis-py then leaves all three out, and pages through nothing
    if name == "memory_usage" and not isinstance(keywords.get("samples", 1), int):
        return True  # redis-py then leaves them out
    return name == "client_list" and "client_id" in keywords and keywords["client_id"] is None


@pytest.mark.parametrize("name", _methods())
def test_a_method_sends_what_redis_pys_sends_or_refuses_what_it_refuses(name: str) -> None:
    for args, keywords in _calls(getattr(Ours(), name)):
        if _differs(name, keywords):
            continue
        got = _outcome(Ours(), name, args, keywords)
        want = _outcome(Theirs(), name, args, keywords)
        assert got == want, f"{name}{args}{keywords}"
