"""What DBX has of each command of Redis 8.0, for docs/commands/coverage.md.

redis8_commands.txt is what COMMAND LIST of Redis 8.0 says, once; whether DBX has a command is read
from its table. What it lacks, and what it has but does otherwise, stands here with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

NAMES = Path(__file__).with_name("redis8_commands.txt")


class Reason(NamedTuple):
    """Patterns of names, and why DBX lacks what they match."""

    patterns: str
    why: str


LACKING = (
    Reason("blmove blmpop blpop brpop brpoplpush bzmpop bzpopm* wait", "coming with blocking"),
    Reason("watch unwatch", "coming with the rest of transactions"),
    Reason("client|unblock client|pause client|unpause", "coming with blocking"),
    Reason("client|caching client|getredir client|tracking*", "coming with pub/sub: invalidations"),
    Reason("*subscribe publish spublish pubsub*", "coming with pub/sub"),
    Reason("eval* fcall* function* script*", "coming with scripting"),
    Reason("acl*", "coming with ACL: there is one user, see `requirepass`"),
    Reason("slowlog* latency* monitor", "coming with the tools that watch a server"),
    Reason("role", "coming with the tools that watch a server"),
    Reason(
        "failover psync replconf replicaof slaveof sync waitaof",
        "no: there is no replication, one server holds everything",
    ),
    Reason(
        "asking cluster* readonly readwrite restore-asking migrate",
        "no: there is no cluster, one server holds everything",
    ),
    Reason("module* v*", "no: there are no modules (vector sets are one)"),
    Reason("bgrewriteaof", "no: the journal needs no rewriting, what is applied is dropped"),
    Reason("debug pfdebug pfselftest", "no: they look into Redis itself"),
)

DIFFERENT = {
    "auth": "within EXEC an error is an element; Redis drops it",
    "bgsave": "applies the write buffer to the file: there are no snapshots",
    "client|help": "names the subcommands that DBX has",
    "client|reply": "within EXEC a silenced element is null; Redis leaves it out",
    "command|help": "in other words",
    "config|set": "some settings are fixed, see docs/settings.md",
    "dbsize": "never counts a key whose time has passed",
    "dump": "never compressed; of a hash with fields that expire for Redis 7.4 and later; a "
    "consumer's active-time is not in it",
    "info": "fields of Redis's memory allocator and snapshots are left out, see docs/info.md",
    "lolwut": "draws other pictures",
    "memory|doctor": "looks for no problems",
    "memory|help": "in other words",
    "memory|malloc-stats": "what the C library tells, which is not jemalloc",
    "memory|stats": "fields of Redis's memory allocator are left out; the data set is what the "
    "write buffers hold",
    "memory|usage": "what a key takes in the database file, not in memory",
    "object|freq": "always an error: nothing is evicted",
    "object|help": "in other words",
    "object|idletime": "counts from the last write: a read writes nothing",
    "restore": "always checks payloads as with sanitize-dump-payload; IDLETIME and FREQ are "
    "checked, and not kept; a time to live that no date has room for is an error",
    "save": "applies the write buffer to the file: there are no snapshots",
}


class Row(NamedTuple):
    name: str
    state: str  # supported, different, not yet, no
    why: str


def names() -> list[str]:
    return sorted(NAMES.read_text().split(), key=str.lower)


def rows(ours: Set[str]) -> Iterator[Row]:
    """rows are all of Redis 8.0's commands; LookupError: one is neither there nor explained."""
    for name in names():
        if name in ours:
            why = DIFFERENT.get(name, "")
            yield Row(name, "different" if why else "supported", why)
        else:
            why = _lacking(name).why
            no = why.startswith("no: ")
            yield Row(name, "no" if no else "not yet", why.removeprefix("no: "))


def unused(ours: Set[str]) -> list[str]:
    """unused are reasons that explain nothing any more."""
    lacking = {name for name in names() if name not in ours}
    used = {_lacking(name) for name in lacking}
    differ = [name for name in DIFFERENT if name not in ours]
    return [reason.patterns for reason in LACKING if reason not in used] + differ


def _lacking(name: str) -> Reason:
    """The last of those whose patterns match: the first is of whole families."""
    for reason in reversed(LACKING):
        if any(fnmatchcase(name.lower(), pattern) for pattern in reason.patterns.split()):
            return reason
    raise LookupError(f"{name} is neither in the command table nor in tools/redis_coverage.py")
