"""The RESP codec on its own, with hiredis-py's interface."""

from dbx._core import Reader, pack_command

__all__ = ["Reader", "pack_command"]
