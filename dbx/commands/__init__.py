"""redis-py's methods, one mixin per family; each is one line over `_call`."""

from __future__ import annotations

from dbx.commands.connection import ConnectionCommands
from dbx.commands.hash import HashCommands
from dbx.commands.key import KeyCommands
from dbx.commands.list import ListCommands
from dbx.commands.server import ServerCommands
from dbx.commands.set import SetCommands
from dbx.commands.string import StringCommands

__all__ = ["Commands"]


class Commands(
    StringCommands,
    HashCommands,
    ListCommands,
    SetCommands,
    KeyCommands,
    ConnectionCommands,
    ServerCommands,
):
    """Every family."""
