"""What databases hold, read the same way from anything that executes commands, and compared.

A new type needs one line in READ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.differential.words import Command

READ: dict[bytes, Callable[[bytes], Command]] = {  # the command that returns a type's whole value
    b"string": lambda name: (b"GET", name),
    b"hash": lambda name: (b"HGETALL", name),
    b"list": lambda name: (b"LRANGE", name, b"0", b"-1"),
    b"set": lambda name: (b"SMEMBERS", name),
    b"zset": lambda name: (b"ZRANGE", name, b"0", b"-1", b"WITHSCORES"),
    b"stream": lambda name: (b"XINFO", b"STREAM", name, b"FULL", b"COUNT", b"0"),
}
UNORDERED = {b"set"}  # types whose elements may come in any order
BATCH = 100
ABSOLUTE_FROM_MS = 20 * 10**12  # the year 2603: times from here on were given as such, see POOLS
TOLERANCE_MS = 60_000  # of relative ones: two clocks were read
SHOWN_MAX = 200

Ask = Callable[[Sequence[Command]], list[Any]]  # replies to commands, errors among them


class Entry(NamedTuple):
    """A key. `expiry` is in milliseconds since 1970; -1: none."""

    type: bytes
    encoding: bytes
    expiry: int
    value: Any


State = dict[tuple[int, bytes], Entry]  # by database and name


def read(ask: Ask, databases: Sequence[int]) -> State:
    """read returns all keys of the databases; it leaves one of them selected."""
    state: State = {}
    for database in databases:
        _, names, size = ask([(b"SELECT", b"%d" % database), (b"KEYS", b"*"), (b"DBSIZE",)])
        assert size == len(names), f"database {database} counts {size} keys and has {len(names)}"
        for at in range(0, len(names), BATCH):
            part = names[at : at + BATCH]
            asked = [
                (*command, name)
                for name in part
                for command in ((b"TYPE",), (b"OBJECT", b"ENCODING"), (b"PEXPIRETIME",))
            ]
            about = ask(asked)
            values = ask([_read(kind, name) for kind, name in zip(about[::3], part, strict=True)])
            for i, name in enumerate(part):
                kind, encoding, expiry = about[3 * i : 3 * i + 3]
                value = sorted(values[i]) if kind in UNORDERED else values[i]
                if kind == b"stream":
                    value = _undated(value)
                state[database, name] = Entry(kind, encoding, expiry, value)
    return state


def _read(kind: bytes, name: bytes) -> Command:
    if kind not in READ:
        raise NotImplementedError(f"tests/crash/state.py cannot read a {kind!r}: READ needs a line")
    return READ[kind](name)


# What a stream's information says of the clock, or of how a server keeps it.
_OF_THE_CLOCK = {b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes"}
_A_TIME = 10**12  # milliseconds since 1970: nothing else there is as large


def _undated(value: Any) -> Any:
    """Of XINFO STREAM FULL, in the shape of both protocols: maps as lists of pairs, without what
    tells the time."""
    if isinstance(value, list) and value and value[0] in (b"length", b"name"):
        value = dict(zip(value[::2], value[1::2], strict=True))
    if isinstance(value, dict):
        return [[k, _undated(v)] for k, v in value.items() if k not in _OF_THE_CLOCK]
    if isinstance(value, list | tuple):
        return [_undated(each) for each in value]
    return None if isinstance(value, int) and value > _A_TIME else value


def differences(expected: State, found: State) -> list[str]:
    """differences says which keys are missing, extra or not the same."""
    wrong = []
    for key in sorted(expected.keys() | found.keys()):
        there, here = expected.get(key), found.get(key)
        if there is None or here is None:
            wrong.append(f"{brief(key)} {'is missing' if here is None else 'should not be there'}")
        elif there != here and not _same(there, here):
            wrong.append(f"{brief(key)} should be {brief(there)} and is {brief(here)}")
    return wrong


def _same(there: Entry, here: Entry) -> bool:
    earlier, later = sorted((there.expiry, here.expiry))
    exact = earlier == -1 or later > ABSOLUTE_FROM_MS
    return there._replace(expiry=0) == here._replace(expiry=0) and (
        later - earlier <= (0 if exact else TOLERANCE_MS)
    )


def brief(thing: object) -> str:
    text = repr(thing)
    return text if len(text) < SHOWN_MAX else f"{text[:120]} ... {text[-60:]}"
