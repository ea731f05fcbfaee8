"""Families of commands, a module each. A module that is added here takes part by itself.

A module may say:

TEMPLATES  what is drawn (commands.py says how they are written)
POOLS, OPTIONS  words of its own, beside those of words.py
DATA       True: it has a machine test of its own, in which most commands are of the family
NORMAL, TOLERANCE  by command: what of a reply must be equal; how far integers may be apart
VALUES     by type: how a whole value is read
HARMLESS   by command: whether a drawn one may be sent; what is random, or ends things, may not
SCANS      commands that scan one key, with how many replies make an element

A template takes part when both servers know its command, or neither. So a family can be here before
DBX has it; it is `ready` when most of its templates take part.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from tests.differential.normal import Harmless, Normal, Normals, Options, Pools, Value, Values
from tests.differential.words import POOLS, Command

NAMES = frozenset({
    "TEMPLATES", "POOLS", "OPTIONS", "DATA", "NORMAL", "TOLERANCE", "VALUES", "HARMLESS", "SCANS",
})  # fmt: skip
OWN_KEYS_SHARE = 3  # of its data, a family puts about half into keys of its own


@dataclass(frozen=True)
class Family:
    name: str
    data: bool
    templates: tuple[str, ...]
    pools: Pools
    options: Options
    normal: Normals
    tolerance: Mapping[str, int]
    values: Values
    harmless: Harmless
    scans: Mapping[str, int]

    def known(self, real: frozenset[bytes], ours: frozenset[bytes]) -> Family:
        """known is the family with the templates that take part between two servers."""
        kept = tuple(t for t in self.templates if _named(t, real) == _named(t, ours))
        return Family(**(vars(self) | {"templates": kept}))

    def ready(self, real: frozenset[bytes], ours: frozenset[bytes]) -> bool:
        return 2 * len(self.known(real, ours).templates) > len(self.templates)


@functools.cache
def _containers(names: frozenset[bytes]) -> frozenset[bytes]:
    return frozenset(name.partition(b"|")[0] for name in names if b"|" in name)


def _named(template: str, names: frozenset[bytes]) -> bool:
    """Whether a server knows a template's command; of a container, that with its subcommand."""
    first, *rest = template.lower().encode().split()
    if rest and first in _containers(names) and rest[0][:1] != b"<":
        return first + b"|" + rest[0] in names
    return first in names


def _family(module: ModuleType) -> Family:
    name = module.__name__.rpartition(".")[2]
    said = {key: value for key, value in vars(module).items() if key in NAMES}
    data = bool(said.get("DATA", False))
    pools = dict(POOLS)
    if data:
        own = tuple(f"{name}:{i}".encode() for i in (1, 2))
        pools["key"] = (*pools["key"], *own * OWN_KEYS_SHARE)
    return Family(
        name, data, tuple(said["TEMPLATES"]), pools | dict(said.get("POOLS", {})),
        said.get("OPTIONS", {}), said.get("NORMAL", {}), said.get("TOLERANCE", {}),
        said.get("VALUES", {}), said.get("HARMLESS", {}), said.get("SCANS", {}),
    )  # fmt: skip


FAMILIES = {
    found.name: _family(importlib.import_module(f"{__name__}.{found.name}"))
    for found in pkgutil.iter_modules(__path__)
}
NORMAL: dict[str, Normal] = {
    command: normal for family in FAMILIES.values() for command, normal in family.normal.items()
}
TOLERANCE: dict[str, int] = {
    command: by for family in FAMILIES.values() for command, by in family.tolerance.items()
}
VALUES: dict[bytes, Value] = {
    kind: value for family in FAMILIES.values() for kind, value in family.values.items()
}
HARMLESS: dict[str, Callable[[Command], bool]] = {
    command: rule for family in FAMILIES.values() for command, rule in family.harmless.items()
}
