"""The server, its settings and its command table."""

from __future__ import annotations

from tests.differential.normal import Harmless, Normals, masked
from tests.differential.words import Command
from tests.support.resp import Reply

TEMPLATES = (
    "TIME", "COMMAND GETKEYS GET <key>", "COMMAND GETKEYS MSET <key> <value> <key> <value>",
    "COMMAND GETKEYS <word> <key>", "COMMAND GETKEYS PING", "COMMAND GETKEYS GET", "COMMAND <word>",
    "COMMAND INFO nosuch", "COMMAND DOCS nosuch", "CONFIG GET nosuch", "CONFIG GET maxclients",
    "CONFIG GET proto-max-bulk-len databases", "CONFIG SET nosuch 1",
    "CONFIG SET maxclients <word>",
    "CONFIG SET appendfsync sometimes", "CONFIG SET maxclients", "CONFIG <word>", "CONFIG",
    "CONFIG GET",
    "CONFIG SET hz <int>", "CONFIG SET slowlog-max-len <int>", "CONFIG SET lua-time-limit <count>",
    "CONFIG SET list-compress-depth <count> hz <word>", "CONFIG SET nosuch <int> hz <word>",
    "CONFIG SET HZ <count> hz <count>", "CONFIG SET databases <count>", "CONFIG SET aclfile <word>",
    "CONFIG SET latency-tracking <word>", "CONFIG SET dir <word>", "CONFIG GET MAXCLIENTS",
    "CONFIG HELP", "SAVE", "BGSAVE", "BGSAVE SCHEDULE", "BGSAVE <word>", "LASTSAVE",
    "LASTSAVE <word>", "INFO", "INFO <word>", "INFO keyspace <word>", "LOLWUT",
    "LOLWUT VERSION <count>", "LOLWUT VERSION 5 <index>", "LOLWUT VERSION 6 <count> <count>",
    "LOLWUT VERSION 5 <int> <int> <int>", "LOLWUT VERSION <word>", "LOLWUT <word> <word>",
    "CONFIG RESETSTAT", "SHUTDOWN <word>", "SHUTDOWN ABORT", "SHUTDOWN NOSAVE SAVE",
    "NOSUCH <value>",
    "nosuch <value> <value> <value>", "<word> <word>", "get|set <key>",
)  # fmt: skip


def _pairs(_: Command, reply: Reply) -> Reply:
    """CONFIG GET answers in the order of a hash table."""
    tag, value = reply
    if tag == "array":
        return tag, tuple(sorted(zip(value[::2], value[1::2], strict=True)))
    return (tag, tuple(sorted(value))) if tag == "map" else reply


def _saving(_: Command, reply: Reply) -> Reply:
    """Whether the save before is over is a matter of time."""
    busy = (b"Background", b"ERR Background", b"OK")
    return ("status", "masked") if reply[1].startswith(busy) else reply


def _time(_: Command, reply: Reply) -> Reply:
    return reply if reply[0] == "error" else (reply[0], len(reply[1]))


NORMAL: Normals = {
    "TIME": _time,
    "CONFIG GET": _pairs,
    "LOLWUT": masked,
    "INFO": masked,
    "LASTSAVE": masked,
    "SAVE": _saving,
    "BGSAVE": _saving,
}


def _command(command: Command) -> bool:
    """Not the whole command table: test_table.py compares that row by row."""
    words = _words(command)
    return words not in ([], [b"INFO"], [b"DOCS"]) and words[-1:] not in ([b"GET"], [b"X"])


def _config(command: Command) -> bool:
    words = _words(command)
    if words[:1] == [b"GET"] and b"DIR" in words:  # where each has its data
        return False
    return b"*" not in words and not (words[:1] == [b"SET"] and b"30000" in words)


def _shutdown(command: Command) -> bool:
    """Not one that works."""
    words = _words(command)
    return b"ABORT" in words or words == [b"NOSAVE", b"SAVE"] or b"X" in words


def _words(command: Command) -> list[bytes]:
    return [word.upper() for word in command[1:]]


HARMLESS: Harmless = {"COMMAND": _command, "CONFIG": _config, "SHUTDOWN": _shutdown}
