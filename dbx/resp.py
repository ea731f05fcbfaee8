"""The RESP codec on its own, with hiredis-py's interface."""

from dbx._core import (
    HiredisError,
    ProtocolError,
    PushNotification,
    Reader,
    ReplyError,
    pack_command,
)

__all__ = [
    "Reader",
    "pack_command",
    "HiredisError",
    "ProtocolError",
    "ReplyError",
    "PushNotification",
]
