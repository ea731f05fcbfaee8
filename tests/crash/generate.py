"""Random calls of any command, made from the argument trees of COMMAND DOCS, or from the templates
of the differential tests, which know what makes a call of a type's command succeed.

Values come from the pools of the differential tests, where they must be bad now and then, and from
ranges that make a call succeed, most of the time. Names of keys belong to a group of commands, so
that lists meet lists. Times are so far away that no clock decides anything.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Sequence

from tests.crash.table import FROM_TEMPLATES, Row, Tree
from tests.differential.commands import Drawer
from tests.differential.families import FAMILIES, HARMLESS, Family
from tests.differential.words import POOLS, TTL_MS, TTL_S, Blob, Command

KEYS_PER_GROUP = 40
TTL_SECONDS = (10**6, 10**8)  # days to years, no two alike: see state.TOLERANCE_MS
WAIT_SECONDS = b"0.01"  # of a command that blocks
WAIT_MILLISECONDS = b"10"
LARGE_BYTES = (70_000, 900_000, 2_000_000)  # in chunks; most of a frame; in a file of its own
LARGE_CHANCES = (0.01, 0.0005, 0.001)
LARGE_CHANCES_IN_GROUPS = (0.2, 0.6, 0.1)  # of those groups that are to be large
LARGE_GROUPS = 0.08
KEYLESS_WEIGHT, READ_WEIGHT, WRITE_WEIGHT = 0.3, 1.0, 4.0
GOOD = 0.8  # of values that make sense
OPTIONAL = 0.3  # of options that are used
REPEATS_MAX = 3
TEMPLATES = 0.5  # of calls of a command that has some

# What an argument means that its type does not say: by command and name, or by name.
POOL_OF = {
    "select index": "db", "index1": "db", "index2": "db", "destination-db": "db",
    "start": "index", "end": "index",
}  # fmt: skip


class Generator:
    """Draws calls of `rows` for a client that owns `databases`."""

    def __init__(
        self, rows: Sequence[Row], chance: random.Random, databases: Sequence[int]
    ) -> None:
        self.chance = chance
        self.rows = rows
        self.large_chances = LARGE_CHANCES
        self.weights = [_weight(row) for row in rows]
        self.databases = [b"%d" % database for database in databases]
        self.drawer = Drawer(chance.randrange)
        self.groups = sorted({row.group for row in rows if row.keyed} - {"generic"})

    def row(self) -> Row:
        return self.chance.choices(self.rows, self.weights)[0]

    def call(self, row: Row) -> Command:
        templates = _templates(row.name)
        if templates and (row.name in FROM_TEMPLATES or self.chance.random() < TEMPLATES):
            return self._from_template(row, *self.chance.choice(templates))
        return (*row.words, *self._siblings(row, row.arguments))

    def _from_template(self, row: Row, family: Family, template: str) -> Command:
        """What is left to chance or to the clock is drawn again."""
        harmless = HARMLESS.get(row.name.upper(), bool)
        while not harmless(drawn := self.drawer.template(family, template)):
            pass
        ttl = self.chance.randint(*TTL_SECONDS)
        times = {TTL_S: b"%d" % ttl, TTL_MS: b"%d" % (ttl * 1000)}
        return tuple(times.get(word, word) for word in drawn)

    def group(self, size: int) -> list[tuple[Row, Command]]:
        """group draws calls that are to be one, at times with more than a frame takes."""
        if self.chance.random() < LARGE_GROUPS:
            self.large_chances = LARGE_CHANCES_IN_GROUPS
        rows = [self.row() for _ in range(size)]
        calls = [(row, self.call(row)) for row in rows]
        self.large_chances = LARGE_CHANCES
        return calls

    # --- Trees --------------------------------------------------------------------------------

    def _siblings(self, row: Row, arguments: Sequence[Tree]) -> Command:
        """Arguments in a row. One that is a number of things counts those that come next."""
        words: list[bytes] = []
        count = None
        for argument, following in itertools.zip_longest(arguments, arguments[1:]):
            if _counts(argument, following) and self._used(argument):
                count = self.chance.randint(1, REPEATS_MAX)
                words += (*_token(argument), b"%d" % count)
            else:
                words += self._argument(row, argument, count)
                count = None
        return tuple(words)

    def _used(self, argument: Tree) -> bool:
        return "optional" not in argument.get("flags", ()) or self.chance.random() < OPTIONAL

    def _argument(self, row: Row, argument: Tree, count: int | None) -> Command:
        flags = argument.get("flags", ())
        if count is None and not self._used(argument):
            return ()
        if count is None:
            count = self.chance.randint(1, REPEATS_MAX) if "multiple" in flags else 1
        token = _token(argument)
        if argument["type"] == "pure-token":
            return token * count
        each = token if "multiple_token" in flags else ()
        words = [word for _ in range(count) for word in (*each, *self._value(row, argument))]
        return tuple(words) if each else (*token, *words)

    def _value(self, row: Row, argument: Tree) -> Command:
        if argument["type"] == "block":
            return self._siblings(row, argument["arguments"])
        if argument["type"] == "oneof":
            return self._argument(row, self.chance.choice(argument["arguments"]), 1)
        return (self._word(row, argument),)

    # --- Words --------------------------------------------------------------------------------

    def _word(self, row: Row, argument: Tree) -> bytes:
        name, kind = argument["name"], argument["type"]
        if kind == "key":
            return self.key(row.group)
        if "seconds" in name or name == "timeout":
            return self._time(name, kind, waits="blocking" in row.flags)
        pool = POOL_OF.get(f"{row.name} {name}") or POOL_OF.get(name) or name
        if pool in OWN_WORDS:
            return OWN_WORDS[pool](self)
        if self.chance.random() < GOOD and kind in _GOOD:
            return _GOOD[kind](self)
        return self.chance.choice(POOLS.get(pool) or POOLS[_POOL_OF_TYPE.get(kind, "value")])

    def key(self, group: str) -> bytes:
        if self.chance.random() > GOOD:
            return self.chance.choice(POOLS["key"])
        group = group if group in self.groups else self.chance.choice(self.groups)
        return b"%s:%d" % (group.encode(), self.chance.randrange(KEYS_PER_GROUP))

    def _time(self, name: str, kind: str, waits: bool) -> bytes:
        milli = "milli" in name
        if waits:
            return WAIT_MILLISECONDS if milli else WAIT_SECONDS
        if kind == "unix-time":
            return self.chance.choice(POOLS["unixms" if milli else "unix"])
        drawn = self.chance.choice(POOLS["millis" if milli else "seconds"])
        if self.chance.random() < GOOD or drawn in (TTL_S, TTL_MS):
            return b"%d" % (self.chance.randint(*TTL_SECONDS) * (1000 if milli else 1))
        return drawn

    def _database(self) -> bytes:
        """One of the client's own, or what is none at all: never another client's."""
        if self.chance.random() < GOOD:
            return self.chance.choice(self.databases)
        return self.chance.choice([word for word in POOLS["db"] if not word.isdigit()])

    def _integer(self) -> bytes:
        return b"%d" % self.chance.randint(-2, 50)

    def _double(self) -> bytes:
        return b"%.2f" % self.chance.uniform(-100, 100)

    def _string(self) -> bytes:
        for size, share in zip(LARGE_BYTES, self.large_chances, strict=True):
            if self.chance.random() < share:
                return Blob(self.chance.randbytes(8) * ((size + self.chance.randrange(800)) // 8))
        if self.chance.random() < 0.4:
            return b"%d" % self.chance.randrange(-1000, 10**6)
        return self.chance.randbytes(self.chance.choice((0, 8, 30, 100, 400)))


_GOOD: dict[str, Callable[[Generator], bytes]] = {
    "integer": Generator._integer, "double": Generator._double, "string": Generator._string,
}  # fmt: skip
OWN_WORDS: dict[str, Callable[[Generator], bytes]] = {"db": Generator._database}
_POOL_OF_TYPE = {"integer": "int", "double": "float", "pattern": "pattern"}


@functools.cache
def _templates(name: str) -> tuple[tuple[Family, str], ...]:
    """A row's templates in the families of data. Those of keys and of connections would name
    databases of other clients."""
    words = name.upper().split("|")
    return tuple(
        (family, template)
        for family in FAMILIES.values()
        if family.data
        for template in family.templates
        if template.upper().split()[: len(words)] == words
    )


def _weight(row: Row) -> float:
    if not row.keyed:
        return KEYLESS_WEIGHT
    return WRITE_WEIGHT if row.writes else READ_WEIGHT


def _token(argument: Tree) -> Command:
    return tuple(argument["token"].encode().split()) if "token" in argument else ()


def _counts(argument: Tree, following: Tree | None) -> bool:
    """Whether an argument says how many of the next one there are, as numkeys does."""
    return (
        argument["type"] == "integer" and argument["name"].startswith("num")
        and following is not None and "multiple" in following.get("flags", ())
    )  # fmt: skip
