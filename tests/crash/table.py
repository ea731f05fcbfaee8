"""Which commands of the table take part in the crash tests, and how.

A row is what COMMAND INFO and COMMAND DOCS say of a command. A new command takes part by itself:
flags, tips and categories decide, and the short lists here say what they cannot, each with why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dbx import _core
from dbx.config import open_settings

Tree = dict[str, Any]  # an argument of COMMAND DOCS, its words as text


@dataclass(frozen=True)
class Row:
    """One command, or one subcommand of a container."""

    name: str
    flags: frozenset[str]
    categories: frozenset[str]
    tips: frozenset[str]
    keyed: bool
    container: bool
    group: str
    arguments: tuple[Tree, ...] = field(repr=False)

    @property
    def words(self) -> tuple[bytes, ...]:
        return tuple(self.name.encode().split(b"|"))

    @property
    def writes(self) -> bool:
        return "write" in self.flags

    @property
    def left_out(self) -> str:
        """left_out is why the command takes no part; empty: it does."""
        if self.name in ADMITTED or self.name in FROM_TEMPLATES:
            return ""
        if self.name in LEFT_OUT:
            return LEFT_OUT[self.name]
        return next((why for why, holds in RULES if holds(self)), "")

    @property
    def alone(self) -> bool:
        """Whether it writes beyond a client's own databases: then nothing else may be in flight."""
        return self.writes and not self.keyed and self.name not in OF_OWN_DATABASES


RULES: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("it only has subcommands", lambda row: row.container),
    ("it is about the server", lambda row: "admin" in row.flags),
    ("it is about connections", lambda row: "@connection" in row.categories),
    ("it is about messages, which nobody keeps", lambda row: "pubsub" in row.flags),
    (
        "nobody can say beforehand what it will write",
        lambda row: row.writes and "nondeterministic_output" in row.tips,
    ),
)
LEFT_OUT = {
    "lcs": "its time is the product of two lengths: seconds for the large values of these tests",
    "lolwut": "its picture is another one every time, which its tips do not say",
    "memory|usage": "keys of the map hold ids, which are not the same twice",
    "multi": "client.py puts it around groups of calls",
    "exec": "see multi",
    "discard": "see multi",
}
ADMITTED = {  # although a rule says otherwise
    "select": "about connections, but it says which of its databases a client writes to",
    "save": "about the server, but it starts an apply",
    "bgsave": "about the server, but it starts an apply",
}
# Drawn from templates alone, which leave nothing to chance or to the clock: SPOP takes all members,
# XADD is given ids, and what is claimed has been idle for no time or for ever.
FROM_TEMPLATES = frozenset({"spop", "xadd", "xtrim", "xclaim", "xautoclaim", "xreadgroup"})
OF_OWN_DATABASES = {"flushdb", "swapdb"}  # no keys, but clients have databases of their own


def load_table() -> list[Row]:
    """load_table returns every row, in the order of names."""
    engine = _core.Engine(None, open_settings({}))
    try:
        caller = _core.Caller(engine, {})
        info = _text(caller.call("COMMAND"))
        docs = _text(caller.call("COMMAND", "DOCS"))
    finally:
        engine.close()
    rows = [row for each in info for row in _rows(each, docs[each[0]])]
    return sorted(rows, key=lambda row: row.name)


def _rows(info: list[Any], docs: dict[str, Any]) -> Iterator[Row]:
    name, _, flags, _, _, _, categories, tips, specs, subcommands = info
    yield Row(
        name, frozenset(flags), frozenset(categories), frozenset(tips), keyed=bool(specs),
        container=bool(subcommands) and not flags, group=docs["group"],
        arguments=tuple(docs.get("arguments", ())),
    )  # fmt: skip
    for each in subcommands:
        yield from _rows(each, docs["subcommands"][each[0]])


def _text(reply: Any) -> Any:
    """The same reply with text for bytes."""
    if isinstance(reply, bytes):
        return reply.decode()
    if isinstance(reply, list | set):
        return [_text(each) for each in reply]
    if isinstance(reply, dict):
        return {_text(key): _text(value) for key, value in reply.items()}
    return reply
