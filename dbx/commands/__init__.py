"""redis-py's methods, one mixin per family; each is one line over `_call`."""

from __future__ import annotations

from dbx.commands.connection import ConnectionCommands
from dbx.commands.geo import GeoCommands
from dbx.commands.hash import HashCommands
from dbx.commands.key import KeyCommands
from dbx.commands.list import ListCommands
from dbx.commands.server import ServerCommands
from dbx.commands.set import SetCommands
from dbx.commands.string import StringCommands
from dbx.commands.zset import SortedSetCommands

__all__ = ["Commands"]


class Commands(
    StringCommands,
    HashCommands,
    ListCommands,
    SetCommands,
    SortedSetCommands,
    GeoCommands,
    KeyCommands,
    ConnectionCommands,
    ServerCommands,
):
    """Every family."""
