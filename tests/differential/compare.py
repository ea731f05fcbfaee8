"""When two replies, or two keyspaces, count as the same.

Everything is compared exactly, type tags and error texts included, except what cannot be equal on
two servers: ids, addresses, clocks, and orders that Redis leaves open. Each such case is a rule
of its family (families/). Deliberate differences are not: they stand in known_differences.py.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from tests.differential.families import NORMAL, TOLERANCE, VALUES
from tests.differential.normal import about_equal
from tests.differential.words import Command
from tests.support.resp import RawClient, Reader, Reply, encode

ENCODED_BATCH = 500
MARKER = b"\x01end of batch\x02"
END = b"$%d\r\n%s\r\n" % (len(MARKER), MARKER)

CONTAINERS = ("CLIENT", "OBJECT", "COMMAND", "CONFIG", "MEMORY", "XGROUP", "XINFO")


def name_of(command: Command) -> str:
    """name_of is the command's name in capitals; with subcommands, both words."""
    words = [word.upper().decode("latin-1") for word in command[:2]]
    return " ".join(words) if words[0] in CONTAINERS else words[0]


def same(command: Command, real: Reply, ours: Reply) -> bool:
    if real == ours:
        return True
    name = name_of(command)
    if name in TOLERANCE and about_equal(real, ours, TOLERANCE[name]):
        return True
    normal = NORMAL.get(name)
    return normal is not None and normal(command, real) == normal(command, ours)


# --- Exchanges ------------------------------------------------------------------------------------


def send(client: RawClient, data: bytes) -> None:
    """send sends bytes, and a marker that tells where the replies to them end. That the server has
    hung up shows in what it answered."""
    with contextlib.suppress(ConnectionError):
        client.send_bytes(data + encode("ECHO", MARKER))


def answered(client: RawClient) -> tuple[bytes, bool]:
    """answered is the replies to what was sent, and whether the server hung up."""
    data = client.read_until(END)
    return data.removesuffix(END), not data.endswith(END)


def parsed(data: bytes) -> list[Reply]:
    """parsed is the replies, up to one that a server which hung up did not finish."""
    reader, replies = Reader(data), []
    with contextlib.suppress(ConnectionError):
        while not reader.done:
            replies.append(reader.read())
    return replies


def exchange(client: RawClient, data: bytes, *, marked: bool = True) -> tuple[list[Reply], bool]:
    """exchange sends bytes, and returns the replies to them and whether the server hung up.

    Without a marker the server is expected to hang up.
    """
    if marked:
        send(client, data)
    else:
        client.send_bytes(data)
    replies, closed = answered(client)
    return parsed(replies), closed


def batch(commands: Sequence[Command]) -> bytes:
    return b"".join(encode(*command) for command in commands)


# --- Whole keyspaces ------------------------------------------------------------------------------


def keyspace(client: RawClient, databases: Sequence[int]) -> dict[tuple[int, bytes], Any]:
    """keyspace returns type, encoding, value and remaining time of every key."""
    found = {}
    for database in databases:
        client.value("SELECT", database)
        names = sorted(reply[1] for reply in client.value("KEYS", "*"))
        for at in range(0, len(names), ENCODED_BATCH):
            part = names[at : at + ENCODED_BATCH]
            for name, about in zip(part, _whole_keys(client, part), strict=True):
                found[database, name] = about
    return found


ABOUT: tuple[Command, ...] = ((b"TYPE",), (b"OBJECT", b"ENCODING"), (b"PTTL",))


def _whole_keys(client: RawClient, names: Sequence[bytes]) -> list[tuple[Any, ...]]:
    about = client.pipeline((*command, name) for name in names for command in ABOUT)
    kinds, encodings, times = (about[i :: len(ABOUT)] for i in range(len(ABOUT)))
    values = _values(client, names, [kind[1] for kind in kinds])
    return list(zip(kinds, encodings, values, times, strict=True))


def _values(client: RawClient, names: Sequence[bytes], kinds: Sequence[bytes]) -> list[Any]:
    """Whole values, or that there is none: a key may have expired since its name was read."""
    known = [(VALUES[kind], name) for kind, name in zip(kinds, names, strict=True)
             if kind != b"none"]  # fmt: skip
    replies = client.pipeline([value.read(name) for value, name in known])
    more = [list(value.then(name, reply)) for (value, name), reply in zip(known, replies,
            strict=True)]  # fmt: skip
    rest = iter(client.pipeline([command for each in more for command in each]))
    found = iter(
        [
            (value.normal((), reply), tuple(value.rest(command, next(rest)) for command in each))
            for (value, _), reply, each in zip(known, replies, more, strict=True)
        ]
    )
    return [next(found) if kind != b"none" else None for kind in kinds]


def keyspace_differences(real: dict[Any, Any], ours: dict[Any, Any]) -> list[str]:
    """keyspace_differences describes each key that is missing, extra or different."""
    found = []
    for key in sorted(real.keys() | ours.keys()):
        there, here = real.get(key), ours.get(key)
        if there is None or here is None:
            found.append(f"{_brief(key)}: {'missing' if here is None else 'should not be there'}")
        elif not _same_key(there, here):
            found.append(f"{_brief(key)}: Redis {_brief(there)}, DBX {_brief(here)}")
    return found


def _same_key(real: tuple[Any, ...], ours: tuple[Any, ...]) -> bool:
    kind = real[0][1]
    tolerance = VALUES[kind].tolerance if kind in VALUES else 0
    encodings = real[1][1], ours[1][1]
    return bool(
        real[0] == ours[0]
        and (real[1] == ours[1] or (kind in VALUES and encodings in VALUES[kind].encodings))
        and about_equal(real[2], ours[2], tolerance)
        and same((b"PTTL",), real[3], ours[3])
    )


def _brief(thing: object) -> str:
    text = repr(thing)
    return text if len(text) < 400 else f"{text[:200]} ... {text[-150:]}"


def describe(command: Command, real: object, ours: object) -> str:
    shown = " ".join(_brief(arg) for arg in command)
    return f"{shown}\n  Redis: {_brief(real)}\n  DBX:   {_brief(ours)}"


def shut(client: RawClient) -> None:
    """shut ends our side at once, so that servers do not collect idle connections."""
    with contextlib.suppress(OSError):
        client.socket.shutdown(socket.SHUT_RDWR)
    client.close()
