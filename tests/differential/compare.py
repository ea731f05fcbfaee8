"""When two replies, or two keyspaces, count as the same.

Everything is compared exactly, type tags and error texts included, except what cannot be equal on
two servers: ids, addresses, clocks, and orders that Redis leaves open. Each such case is a rule
here. Deliberate differences are not: they stand in known_differences.py.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

from tests.differential.commands import Command
from tests.support.resp import RawClient, Reply, encode

TTL_TOLERANCE_MS = 5000
IDLE_TOLERANCE_S = 600
ENCODED_BATCH = 500
MARKER = b"\x01end of batch\x02"

Normal = Callable[[Reply], Reply]


def name_of(command: Command) -> str:
    """name_of is the command's name in capitals; with subcommands, both words."""
    words = [word.upper().decode("latin-1") for word in command[:2]]
    containers = ("CLIENT", "OBJECT", "COMMAND", "CONFIG")
    return " ".join(words) if words[0] in containers else words[0]


def _sorted(reply: Reply) -> Reply:
    return (reply[0], tuple(sorted(reply[1]))) if reply[0] == "array" else reply


def _masked(reply: Reply) -> Reply:
    return reply if reply[0] == "error" or reply[1] is None else (reply[0], "masked")


def _scan(reply: Reply) -> Reply:
    """One step of SCAN may return anything of the keyspace: only its shape is comparable."""
    if reply[0] != "array":
        return reply
    cursor, names = reply[1]
    return ("array", (cursor[0], names[0], tuple(sorted({name[0] for name in names[1]}))[:0]))


def _hello(reply: Reply) -> Reply:
    tag, value = reply
    if tag not in ("map", "array"):
        return reply
    pairs = value if tag == "map" else tuple(zip(value[::2], value[1::2], strict=True))
    own = {b"version", b"id", b"modules"}
    return tag, tuple((k, v[0] if k[1] in own else v) for k, v in pairs)


def _pairs(reply: Reply) -> Reply:
    """CONFIG GET answers in the order of a hash table."""
    tag, value = reply
    if tag == "array":
        return tag, tuple(sorted(zip(value[::2], value[1::2], strict=True)))
    return (tag, tuple(sorted(value))) if tag == "map" else reply


def _saving(reply: Reply) -> Reply:
    """Whether the save before is over is a matter of time."""
    busy = (b"Background", b"ERR Background", b"OK")
    return ("status", "masked") if reply[1].startswith(busy) else reply


_CLIENT_SHOWN = (
    b"name",
    b"db",
    b"resp",
    b"lib-name",
    b"lib-ver",
    b"user",
    b"cmd",
    b"sub",
    b"multi",
)


def _client_info(reply: Reply) -> Reply:
    """Field names in their order, and the values that do not depend on the machine."""
    if reply[0] not in ("bulk", "verbatim"):
        return reply
    fields = [tuple(field.split(b"=", 1)) for field in reply[1].removeprefix(b"txt:").split(b" ")]
    return reply[0], tuple(f if f[0] in _CLIENT_SHOWN else f[0] for f in fields)


def _client_list(reply: Reply) -> Reply:
    """Who else is connected, and by what id, is not comparable: only the form is."""
    return reply if reply[0] not in ("bulk", "verbatim") else (reply[0], reply[1][-1:] in b"\n")


_NORMAL: dict[str, Normal] = {
    "KEYS": _sorted,
    "RANDOMKEY": _masked,
    "SCAN": _scan,
    "TIME": lambda reply: reply if reply[0] == "error" else (reply[0], len(reply[1])),
    "CLIENT ID": _masked,
    "CONFIG GET": _pairs,
    "CLIENT INFO": _client_info,
    "CLIENT LIST": _client_list,
    "HELLO": _hello,
    "LOLWUT": _masked,
    "INFO": _masked,
    "LASTSAVE": _masked,
    "SAVE": _saving,
    "BGSAVE": _saving,
}

_TOLERANCE = {
    "TTL": TTL_TOLERANCE_MS // 1000,
    "PTTL": TTL_TOLERANCE_MS,
    "EXPIRETIME": TTL_TOLERANCE_MS // 1000,
    "PEXPIRETIME": TTL_TOLERANCE_MS,
    "OBJECT IDLETIME": IDLE_TOLERANCE_S,
}


def same(command: Command, real: Reply, ours: Reply) -> bool:
    if real == ours:
        return True
    name = name_of(command)
    if name in _TOLERANCE and real[0] == ours[0] == "int" and min(real[1], ours[1]) >= 0:
        return bool(abs(real[1] - ours[1]) <= _TOLERANCE[name])
    normal = _NORMAL.get(name)
    return normal is not None and normal(real) == normal(ours)


# --- Exchanges ------------------------------------------------------------------------------------


def exchange(client: RawClient, data: bytes, *, marked: bool = True) -> tuple[list[Reply], bool]:
    """exchange sends bytes, and returns the replies to them and whether the server hung up.

    A marker tells where the replies end; without it the server is expected to hang up.
    """
    replies: list[Reply] = []
    try:
        client.send_bytes(data + (encode("ECHO", MARKER) if marked else b""))
        while True:
            reply = client.read()
            if reply == ("bulk", MARKER):
                return replies, False
            replies.append(reply)
    except (ConnectionError, BrokenPipeError):
        return replies, True


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
            replies = client.pipeline(
                command
                for name in part
                for command in (
                    ("TYPE", name),
                    ("OBJECT", "ENCODING", name),
                    ("GET", name),
                    ("PTTL", name),
                )
            )
            for i, name in enumerate(part):
                found[database, name] = tuple(replies[4 * i : 4 * i + 4])
    return found


def keyspace_differences(real: dict[Any, Any], ours: dict[Any, Any]) -> list[str]:
    """keyspace_differences describes each key that is missing, extra or different."""
    found = []
    for key in sorted(real.keys() | ours.keys()):
        there, here = real.get(key), ours.get(key)
        if there is None or here is None:
            found.append(f"{_brief(key)}: {'missing' if here is None else 'should not be there'}")
        elif there[:3] != here[:3] or not same((b"PTTL",), there[3], here[3]):
            found.append(f"{_brief(key)}: Redis {_brief(there)}, DBX {_brief(here)}")
    return found


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
