"""Connections."""

from __future__ import annotations

from tests.differential.normal import Harmless, Normals, Options, masked
from tests.differential.words import Command
from tests.support.resp import Reply

OPTIONS: Options = {
    "kill-option": (
        "ID 0", "ID 999999999", "ID abc", "TYPE nosuch", "TYPE replica", "ADDR 1.1.1.1:1",
        "LADDR 1.1.1.1:1", "USER nobody", "ID 0 SKIPME yes", "SKIPME maybe", "MAXAGE 999999",
        "MAXAGE x",
        "NOSUCH x",
    ),
}  # fmt: skip

TEMPLATES = (
    "PING", "PING <value>", "ECHO <value>", "SELECT <db>", "SELECT <db>", "SELECT 0", "QUIT",
    "RESET",
    "HELLO", "HELLO 2", "HELLO 3", "HELLO <count>", "HELLO 3 SETNAME <name>",
    "HELLO 3 AUTH <name> <name>",
    "HELLO 3 AUTH default <name>", "HELLO 2 AUTH x", "HELLO 3 <word>", "AUTH <name>",
    "AUTH <name> <name>",
    "AUTH default <name>", "CLIENT ID", "CLIENT INFO", "CLIENT LIST", "CLIENT LIST TYPE normal",
    "CLIENT LIST TYPE <word>", "CLIENT LIST ID <count>", "CLIENT LIST <word>", "CLIENT GETNAME",
    "CLIENT SETNAME <name>", "CLIENT SETINFO LIB-NAME <name>", "CLIENT SETINFO lib-ver <name>",
    "CLIENT SETINFO <word> <name>", "CLIENT KILL <kill-option>",
    "CLIENT KILL <kill-option> <kill-option>",
    "CLIENT KILL 1.1.1.1:1", "CLIENT KILL <word>", "CLIENT NO-EVICT on", "CLIENT NO-EVICT <word>",
    "CLIENT NO-TOUCH on", "CLIENT NO-TOUCH off", "CLIENT NO-TOUCH <word>", "CLIENT REPLY <word>",
    "CLIENT <word>", "CLIENT",
)  # fmt: skip


def _hello(_: Command, reply: Reply) -> Reply:
    tag, value = reply
    if tag not in ("map", "array"):
        return reply
    pairs = value if tag == "map" else tuple(zip(value[::2], value[1::2], strict=True))
    own = {b"version", b"id", b"modules"}
    return tag, tuple((k, v[0] if k[1] in own else v) for k, v in pairs)


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


def _client_info(_: Command, reply: Reply) -> Reply:
    """Field names in their order, and the values that do not depend on the machine."""
    if reply[0] not in ("bulk", "verbatim"):
        return reply
    fields = [tuple(field.split(b"=", 1)) for field in reply[1].removeprefix(b"txt:").split(b" ")]
    return reply[0], tuple(f if f[0] in _CLIENT_SHOWN else f[0] for f in fields)


def _client_list(command: Command, reply: Reply) -> Reply:
    """Who else is connected, and by what id, is not comparable: only the form is."""
    if reply[0] in ("bulk", "verbatim") and b"ID" in (word.upper() for word in command[2:]):
        return masked(command, reply)
    return reply if reply[0] not in ("bulk", "verbatim") else (reply[0], reply[1][-1:] in b"\n")


NORMAL: Normals = {
    "CLIENT ID": masked,
    "CLIENT INFO": _client_info,
    "CLIENT LIST": _client_list,
    "HELLO": _hello,
}


def _client(command: Command) -> bool:
    """Not what ends other connections, or silences this one."""
    words = [word.upper() for word in command[1:]]
    if words[:1] == [b"KILL"]:
        return b"SKIPME" not in words or b"0" in words
    return words[:1] != [b"REPLY"] or words[1:] == [b"X"]


HARMLESS: Harmless = {"CLIENT": _client}
