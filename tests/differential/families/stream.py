"""Streams and consumer groups. Ids are given: those that a server makes of its clock differ."""

from __future__ import annotations

from tests.differential.normal import Harmless, Normals, Options, Pools, Value, Values
from tests.differential.words import Command, sized
from tests.support.resp import Reply

DATA = True

POOLS: Pools = {
    "own": (b"stream:1", b"stream:1", b"stream:2"),
    "new-id": (  # of an entry to be added
        b"1-1", b"1-2", b"2-*", b"3-*", b"5-0", b"5-*", b"7", b"9-9", b"10-*", b"10-*", b"20-1",
        b"20-*", b"30-*", b"100-*", b"0-1", b"0-0", b"0-*", b"18446744073709551615-*",
        b"18446744073709551614-18446744073709551615", b"18446744073709551616-1", b"1-1-1", b"abc",
        b"", b"-", b"+", b"-1-1",
    ),
    "id": (
        b"0", b"0-0", b"1-1", b"1-2", b"2-0", b"3-0", b"5-0", b"7-0", b"7", b"9-9", b"10-0",
        b"10-1", b"20-1", b"100-0", b"18446744073709551615-18446744073709551615", b"abc", b"",
        b"1-", b"-1",
    ),
    "from": (b"-", b"-", b"0", b"1-1", b"(1-1", b"5", b"(5-0", b"10-0", b"+", b"abc", b"(", b"(-",
             b"(18446744073709551615-18446744073709551615"),
    "to": (b"+", b"+", b"5", b"(5-0", b"10", b"(10-0", b"20-1", b"100", b"-", b"0", b"abc", b"(+",
           b"(0-0"),
    "field": (b"f", b"g", b"name", b"", b"\x00\xff"),
    "text": (b"v", b"1", b"-7", b"", b"\x00\r\n", sized(100), sized(5000), sized(66_000)),
    "group": (b"g1", b"g1", b"g1", b"g2", b"", b"nogroup"),
    "consumer": (b"c1", b"c1", b"c2", b"c3", b"", b"\xff"),
    "idle": (b"0", b"0", b"0", b"1000000000", b"-1", b"abc", b"9223372036854775808"),
    "entries": (b"0", b"1", b"2", b"3", b"5", b"100", b"-1", b"abc", b"9223372036854775807"),
}  # fmt: skip

OPTIONS: Options = {
    "justid": ("JUSTID",),
    "pair": ("<field> <text>",),
    "trim": (
        "MAXLEN <entries>", "MAXLEN = <entries>", "MINID <id>", "MINID = <id>", "maxlen 3",
        "MAXLEN ~ 1000", "MAXLEN ~ 1000 LIMIT 10", "MAXLEN 5 LIMIT 10", "MAXLEN", "MINID 5-0",
        "MAXLEN ~ 1000 LIMIT -1", "MAXLEN 3 MINID 1", "MINID ~ 0 LIMIT abc", "<word>",
    ),
    "add-option": ("NOMKSTREAM", "nomkstream", "<trim>", "<trim>"),
    "count": ("COUNT 1", "COUNT 2", "COUNT 100", "COUNT <entries>", "count 1", "COUNT", "<word>"),
    "streams": (
        "STREAMS <key> <id>", "STREAMS <key> 0", "STREAMS <key> <key> <id> <id>", "STREAMS <key> $",
        "STREAMS <key> +", "streams <key> 0-0", "STREAMS <key> <key> <id>", "STREAMS <key>",
        "STREAMS", "<word>",
    ),
    "group-streams": (
        "STREAMS <key> >", "STREAMS <key> >", "STREAMS <key> >", "STREAMS <key> 0",
        "STREAMS <key> <id>", "STREAMS <key> <key> > >", "STREAMS <key> <key> > 0",
        "STREAMS <key> $", "STREAMS <key> <key> >",
    ),
    "read-option": ("COUNT 1", "COUNT 2", "NOACK", "noack", "COUNT <entries>", "<word>"),
    "group-id": ("<id>", "$", "0", "0-0", "-", "+"),
    "create-option": (
        "MKSTREAM", "MKSTREAM", "mkstream", "ENTRIESREAD <entries>", "ENTRIESREAD -2",
        "ENTRIESREAD", "<word>",
    ),
    "setid-option": (
        "ENTRIESADDED <entries> MAXDELETEDID <id>", "ENTRIESADDED 100 MAXDELETEDID 0-0",
        "ENTRIESADDED 1000", "MAXDELETEDID 1-1", "ENTRIESADDED -5 MAXDELETEDID 0-0", "<word>",
    ),
    "pending-range": (
        "<from> <to> <entries>", "- + 10", "- + 10 <consumer>", "IDLE <idle> - + 10",
        "IDLE <idle> <from> <to> <entries> <consumer>", "- +", "idle 0 - + 10", "<word>",
    ),
    "claim-option": (
        "JUSTID", "justid", "FORCE", "RETRYCOUNT <entries>", "RETRYCOUNT 5", "LASTID <id>",
        "IDLE 1000", "TIME 1700000000000", "IDLE <idle>", "TIME abc", "<word>",
    ),
    "autoclaim-option": ("COUNT 1", "COUNT <entries>", "JUSTID", "justid", "COUNT", "<word>"),
    "full": ("FULL", "full", "FULL COUNT 1", "FULL COUNT <entries>", "FULL COUNT", "<word>"),
}  # fmt: skip

TEMPLATES = (
    "XADD <key> <new-id> <pair>+", "XADD <key> <new-id> <pair>+", "XADD <key> <new-id> <pair>+",
    "XADD <key> 10-* <pair>", "XADD <key> 30-* <pair>", "XADD <key> 100-* <pair>",
    "XADD <key> <add-option>* <new-id> <pair>+", "XADD <key> <add-option> 10-* <pair>",
    "XADD <key> <new-id> <field>", "XLEN <key>", "XRANGE <key> <from> <to> <count>?",
    "XRANGE <key> <from> <to> <count>?", "XREVRANGE <key> <to> <from> <count>?",
    "XDEL <key> <id>+", "XDEL <key> <id>+", "XTRIM <key> <trim>", "XTRIM <key> <trim>",
    "XREAD <streams>", "XREAD <count> <streams>", "XSETID <key> <id> <setid-option>?",
    "XSETID <key> <id> <setid-option>?", "XGROUP CREATE <key> <group> <group-id> <create-option>*",
    "XGROUP CREATE <key> <group> 0 <create-option>?", "XGROUP CREATE <key> <group> $ MKSTREAM",
    "XGROUP DESTROY <key> <group>", "XGROUP SETID <key> <group> <group-id>",
    "XGROUP SETID <key> <group> <group-id> ENTRIESREAD <entries>",
    "XGROUP CREATECONSUMER <key> <group> <consumer>", "XGROUP DELCONSUMER <key> <group> <consumer>",
    "XGROUP <word>", "XREADGROUP GROUP <group> <consumer> <group-streams>",
    "XREADGROUP GROUP <group> <consumer> <group-streams>",
    "XREADGROUP GROUP <group> <consumer> <read-option>* <group-streams>",
    "XREADGROUP GROUP <group> <consumer> COUNT 2 STREAMS <key> >", "XREADGROUP GROUP <group>",
    "XACK <key> <group> <id>+", "XACK <key> <group> <id>+", "XPENDING <key> <group>",
    "XPENDING <key> <group> <pending-range>", "XPENDING <key> <group> <pending-range>",
    "XCLAIM <key> <group> <consumer> <idle> <id>+ <claim-option>*",
    "XCLAIM <key> <group> <consumer> 0 <id>+ <claim-option>?",
    "XAUTOCLAIM <key> <group> <consumer> <idle> <id> <autoclaim-option>*",
    "XAUTOCLAIM <key> <group> <consumer> 0 0 <autoclaim-option>?", "XINFO STREAM <key>",
    "XINFO STREAM <key> <full>", "XINFO GROUPS <key>", "XINFO CONSUMERS <key> <group>",
    "XINFO <word>",
    # What is right in every word, most of the time.
    "XGROUP CREATE <own> g1 0 MKSTREAM", "XGROUP CREATE <own> <group> 0 MKSTREAM",
    "XADD <own> 10-* <pair>+", "XADD <own> 100-* <pair>+", "XADD <own> 20-* <pair>",
    "XREADGROUP GROUP g1 c1 STREAMS <own> >",
    "XREADGROUP GROUP g1 <consumer> COUNT 2 STREAMS <own> >",
    "XREADGROUP GROUP g1 <consumer> COUNT 2 STREAMS <own> >",
    "XREADGROUP GROUP g1 <consumer> STREAMS <own> 0",
    "XREADGROUP GROUP g1 c2 NOACK COUNT 1 STREAMS <own> >", "XPENDING <own> g1",
    "XPENDING <own> g1 - + 10 <consumer>?", "XPENDING <own> g1 <pending-range>",
    "XCLAIM <own> g1 <consumer> 0 <id> <id> 10-0 10-1",
    "XCLAIM <own> g1 <consumer> 0 10-0 10-1 <claim-option>",
    "XCLAIM <own> g1 <consumer> 0 <id> FORCE <justid>?",
    "XAUTOCLAIM <own> g1 <consumer> 0 - COUNT 2", "XAUTOCLAIM <own> g1 <consumer> 0 10 <justid>?",
    "XACK <own> g1 10-0 10-1 <id>", "XINFO STREAM <own> FULL", "XINFO STREAM <own>",
    "XINFO GROUPS <own>", "XINFO CONSUMERS <own> g1", "XGROUP SETID <own> g1 <group-id>",
    "XGROUP DELCONSUMER <own> g1 <consumer>", "XGROUP CREATECONSUMER <own> g1 <consumer>",
    "XSETID <own> 100-100 ENTRIESADDED 1000 MAXDELETEDID 5-5", "XSETID <own> 200-0",
    "XDEL <own> 10-0 10-1", "XTRIM <own> MAXLEN 10", "XREAD COUNT 3 STREAMS <own> 0",
)  # fmt: skip

# What INFO says of the clock, or of how a server keeps a stream.
_OWN = frozenset({
    b"idle", b"inactive", b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes",
})  # fmt: skip


def _info(_: Command, reply: Reply) -> Reply:
    """Pairs in RESP2 are flat arrays: what follows a name of _OWN is masked, wherever it is."""
    tag, value = reply
    if not isinstance(value, tuple):
        return reply
    if tag == "map":
        return tag, tuple((k, _own(k, v)) for k, v in value)
    before = (None, *value) if tag == "array" else (None,) * len(value)
    return tag, tuple(_own(b, each) for b, each in zip(before, value, strict=False))


def _own(name: Reply | None, value: Reply) -> Reply:
    if name is not None and name[1] in _OWN:
        return (value[0], "masked")
    return _info((), value)


def _full(_: Command, reply: Reply) -> Reply:
    """The lists of pending entries tell when each was delivered, too: its id and count stay."""
    return _undated(_info(_, reply))


def _undated(reply: Reply) -> Reply:
    tag, value = reply
    if not isinstance(value, tuple):
        return reply
    if tag == "map":
        return tag, tuple((k, _undated(v)) for k, v in value)
    if value and value[-1][0] == "int" and value[0][0] == "bulk" and len(value) in (3, 4):
        return tag, tuple((e[0], "masked") if i == len(value) - 2 else e
                          for i, e in enumerate(value))  # fmt: skip
    return tag, tuple(map(_undated, value))


def _pending(command: Command, reply: Reply) -> Reply:
    return _undated(reply) if len(command) > 3 else reply


NORMAL: Normals = {
    "XINFO STREAM": _full,
    "XINFO CONSUMERS": _info,
    "XINFO GROUPS": _info,
    "XPENDING": _pending,
}


def _without_clock(command: Command) -> bool:
    return b"*" not in command


def _without_waiting(command: Command) -> bool:
    return b"BLOCK" not in {word.upper() for word in command}


HARMLESS: Harmless = {
    "XADD": _without_clock, "XREAD": _without_waiting, "XREADGROUP": _without_waiting,
}  # fmt: skip

VALUES: Values = {b"stream": Value("XINFO STREAM <key> FULL COUNT 0", _full)}
