"""Every difference from Redis 8.0 that is meant, each with its reason. Nothing else may differ.

A row names the command (both words where it has subcommands; "*": any), and recognises the pair of
replies. A row that no longer matches anything should go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.differential.compare import name_of
from tests.differential.words import Command
from tests.support.resp import Reply

IDLE_TOLD_S = 9_000_000  # by templates of RESTORE


@dataclass(frozen=True)
class Difference:
    command: str
    reason: str
    matches: Callable[[Command, Reply, Reply], bool]
    parts: bool = False  # the servers may hold different data afterwards


def _both_arrays(_: Command, real: Reply, ours: Reply) -> bool:
    return real[0] == ours[0] == "array"


def _counts_expired(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[0] == ours[0] == "int" and real[1] > ours[1])


def _idle_for_longer(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[0] == ours[0] == "int" and real[1] < ours[1])


def _told_by_restore(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[0] == ours[0] == "int" and real[1] >= IDLE_TOLD_S and ours[1] < IDLE_TOLD_S)


def _in_a_transaction(_: Command, real: Reply, ours: Reply) -> bool:
    return (real, ours) == (("int", 2), ("int", 1))


def _of_its_own(_: Command, real: Reply, ours: Reply) -> bool:
    return (real, ours) == (("int", 1), ("int", 2**31 - 1))


def _packed_sooner(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[1] == b"quicklist" and ours[1] == b"listpack")


def _sorted_once(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[1] == b"skiplist" and ours[1] == b"listpack")


def _falsely_no_number(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real == ("error", _NO_NUMBER) and ours[0] != "error")


def _uses_a_part(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[0] == "int" and ours[0] == "error" and ours[1].startswith(b"INVALIDOBJ"))


def _persisted(_: Command, real: Reply, ours: Reply) -> bool:
    return bool(real[1] == b"listpack" and ours[1] == b"listpackex")


_NO_NUMBER = b"ERR One or more scores can't be converted into double"

KNOWN: tuple[Difference, ...] = (
    Difference(
        "DBSIZE",
        "Redis counts a key whose time has passed until it comes upon it; DBX never does",
        _counts_expired,
    ),
    Difference(
        "OBJECT IDLETIME",
        "Redis counts from the last read as well; DBX writes nothing, not even memory, for a read",
        _idle_for_longer,
    ),
    Difference(
        "OBJECT IDLETIME",
        "RESTORE takes IDLETIME and FREQ, but DBX does not keep how a key was used",
        _told_by_restore,
    ),
    Difference(
        "OBJECT REFCOUNT",
        "a value that a transaction has set belongs to its queue, too, in Redis while it goes on",
        _in_a_transaction,
    ),
    Difference(
        "OBJECT REFCOUNT",
        "COPY makes a small number one of the copy's own in Redis; in DBX all of them are shared",
        _of_its_own,
    ),
    Difference(
        "OBJECT ENCODING",
        "a list that has shrunk is a listpack again when all of it fits in half of the limit; Redis"
        " waits until it is in one node of its quicklist. LINSERT and LSET that change nothing make"
        " a quicklist of a listpack in Redis alone",
        _packed_sooner,
    ),
    Difference(
        "OBJECT ENCODING",
        "SORT of a sorted set, which only reads it, makes it a skiplist in Redis",
        _sorted_once,
    ),
    Difference(
        "OBJECT ENCODING",
        "DBX dumps a hash of which no field expires in the form that Redis 7.0 takes, though one"
        " could have: what Redis restores of it is a listpack",
        _persisted,
    ),
    *(
        Difference(
            name,
            "a string that is longer than any HyperLogLog, and so damaged, is refused when it is"
            " not in one piece; Redis adds to the part that is one, and knows its last count",
            _uses_a_part,
            parts=True,
        )
        for name in ("PFADD", "PFCOUNT")
    ),
    *(
        Difference(
            name,
            "Redis takes numbers for bad that are good when a command before it found one out of"
            " range: it looks at errno without having cleared it",
            _falsely_no_number,
            parts=True,
        )
        for name in ("SORT", "SORT_RO")
    ),
    Difference("OBJECT HELP", "help texts are in DBX's own words", _both_arrays),
    Difference("XGROUP HELP", "help texts are in DBX's own words", _both_arrays),
    Difference("XINFO HELP", "help texts are in DBX's own words", _both_arrays),
)

# Not compared, because no client can follow what Redis does:
# - CLIENT REPLY within EXEC: Redis leaves silenced elements out of the array it has announced; in
#   DBX they are null. So are they, in place of the whole reply, when CLIENT REPLY OFF came before.
# - AUTH within EXEC: Redis drops the error of one that fails; in DBX it is an element.
# - A transaction beyond client-query-buffer-limit: Redis ends the connection; DBX answers with an
#   error, and EXEC with EXECABORT.
# - Whether a SAVE or BGSAVE is refused because of the BGSAVE before it is a matter of time; where
#   nothing was written since, DBX's is over at once.
# - BLOCK, where there is nothing to read: DBX cannot wait yet, and says so by an error.
# - MAXLEN and MINID with "~": Redis trims whole nodes, which end after stream-node-max-entries
#   entries or at stream-node-max-bytes; DBX trims entries by so many as the first of these says, so
#   that it may leave more of them when they are large. Neither ever leaves less than was asked for.
# - radix-tree-keys and radix-tree-nodes of XINFO STREAM: how many entries there are, each a key of
#   the map, and 0.
# - Groups and consumers whose names begin alike for 991 bytes come in another order; so do members
#   of a sorted set with the same score.
# - Ranges by member (BYLEX) of a sorted set with different scores, which Redis leaves open.
# - SORT BY ... ALPHA leaves elements whose keys are alike, or not there, in the order in which they
#   were; Redis in that which the C library's qsort() makes of it.
#   Without BY that is so of elements that are alike up to a byte of 0, where strcoll() ends.
# - A sorted set that SORT has made a skiplist in Redis keeps scores of -0 from then on.
# - LSET can make a node of a quicklist in Redis longer than its bound where list-max-listpack-size
#   is a number of elements: a list in one node is a listpack again, in DBX only below 8 kB.
# - A HyperLogLog that ends in the first byte of a run of two: Redis reads, and writes, what is
#   behind its end; in DBX it is damaged.
# - LSET with an index of more than 32 bits: Redis takes the lower 32 of them, and replaces an
#   element; DBX says that it is out of range.
# - LOLWUT draws other pictures, of the same size; INFO has other values. What INFO has not stands
#   below.

# Commands and subcommands that Redis 8.0 does not have.
OWN_COMMANDS: frozenset[bytes] = frozenset({b"autovacuum", b"keyinfo", b"vacuum"})

# Settings to which CONFIG SET answers otherwise, or that have other values. test_settings.py sets
# all that both have to many values.
SETTINGS = {
    "activedefrag": "refused as in Redis where its allocator cannot, with DBX's own reason",
    "appendonly": "always yes: the journal cannot be switched off",
    "bind": "set at the start only: listeners stay as they are while the server runs",
    "maxmemory": "0 only: the data set lives on disk, not in memory",
    "maxmemory-policy": "noeviction only: nothing is evicted",
    "notify-keyspace-events": "empty only: there is no pub/sub",
    "port": "set at the start only, as bind; what is no port is refused in Redis's words",
    "save": "empty only: there are no snapshots to schedule",
}

# Settings that Redis does not have. (Those of Redis that DBX does not have are unknown to it.)
OWN_SETTINGS = {
    "autovacuum": "of the store",
    "autovacuum-interval": "of the store",
    "checkpoint-after": "of the store",
    "collection-inline-size": "of the store",
    "disk-warning-size": "of the store",
    "journal-freeze-size": "of the store",
    "journal-keep-size": "of the store",
    "write-buffer-age": "of the store",
    "write-buffer-size": "of the store",
}

# Containers whose HELP is in other words.
HELP_TEXTS = {
    "CLIENT": "it has the subcommands that DBX has",
    "COMMAND": "help texts are in DBX's own words",
    "OBJECT": "help texts are in DBX's own words",
}

# INFO: what Redis has and DBX leaves out, and what DBX adds (with the section Store).
INFO_SECTIONS_MISSING = {
    "Keysizes": "how many strings are how long is not counted: counts would have to be kept"
    " durably with every write, and counting them means reading all keys",
}
INFO_FIELDS_MISSING = {
    "module": "there are no modules; Redis's line is of its own vector sets",
    "db0_distrib_strings_sizes": "see Keysizes",
}
INFO_FIELDS_OWN = {
    "dbx_version": "redis_version says whose behaviour it is",
    "listener1": "it listens on the IPv6 loopback address by default, as Redis does unless told"
    " otherwise, and this Redis is",
}

# Fields of COMMAND DOCS in DBX's own words; of the history, only the versions count.
OWN_WORDS = frozenset({b"summary", b"complexity"})

# (command, field) of COMMAND INFO or COMMAND DOCS that differ, with the reason.
TABLE_FIELDS: dict[tuple[bytes, str], str] = {}


def known(command: Command, real: Reply, ours: Reply) -> Difference | None:
    name = name_of(command)
    found = (d for d in KNOWN if d.command in (name, "*") and d.matches(command, real, ours))
    return next(found, None)
