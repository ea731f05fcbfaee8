"""redis-py's methods, one mixin per family; each is one line over `_call`."""

from __future__ import annotations

from dbx.commands.connection import ConnectionCommands
from dbx.commands.key import KeyCommands
from dbx.commands.own import OwnCommands
from dbx.commands.server import ServerCommands
from dbx.commands.string import StringCommands

__all__ = ["Commands"]


class Commands(StringCommands, KeyCommands, ConnectionCommands, ServerCommands, OwnCommands):
    """Every family."""
