"""Commands on the connection itself. In-process every thread has a connection of its own."""

from __future__ import annotations

from typing import Any, Literal

from dbx.commands.base import CommandsBase, Encodable
from dbx.errors import DataError

__all__ = ["ConnectionCommands"]


def _client_type(name: str, allowed: tuple[str, ...], command: str) -> str:
    if str(name).lower() not in allowed:
        raise DataError(f"{command} must be one of {allowed!r}")
    return name


class ConnectionCommands(CommandsBase):
    def auth(self, password: str, username: str | None = None) -> Any:
        return self._call("AUTH", *([] if username is None else [username]), password)

    def client_getname(self) -> Any:
        return self._call("CLIENT GETNAME")

    def client_id(self) -> Any:
        return self._call("CLIENT ID")

    def client_info(self) -> Any:
        return self._call("CLIENT INFO")

    def client_kill(self, address: str) -> Any:
        return self._call("CLIENT KILL", address)

    def client_kill_filter(
        self,
        _id: int | str | None = None,
        _type: str | None = None,
        addr: str | None = None,
        skipme: bool | None = None,
        laddr: str | None = None,
        user: str | None = None,
        maxage: int | None = None,
    ) -> Any:
        args: list[Encodable] = []
        if _type is not None:
            kinds = ("normal", "master", "slave", "replica", "pubsub")
            args += ["TYPE", _client_type(_type, kinds, "CLIENT KILL type")]
        if skipme is not None:
            if not isinstance(skipme, bool):
                raise DataError("CLIENT KILL skipme must be a bool")
            args += ["SKIPME", "YES" if skipme else "NO"]
        filters = {"ID": _id, "ADDR": addr, "LADDR": laddr, "USER": user, "MAXAGE": maxage}
        for word, value in filters.items():
            if value is not None:
                args += [word, value]
        if not args:
            raise DataError(
                "CLIENT KILL <filter> <value> ... ... <filter> <value> must specify"
                " at least one filter"
            )
        return self._call("CLIENT KILL", *args)

    def client_list(self, _type: str | None = None, client_id: list[int] | None = None) -> Any:
        args: list[Encodable] = []
        if _type is not None:
            kinds = ("normal", "master", "replica", "pubsub")
            args += ["TYPE", _client_type(_type, kinds, "CLIENT LIST _type")]
        if client_id is not None and not isinstance(client_id, list):
            raise DataError("client_id must be a list")
        if client_id:
            args += ["ID", *client_id]
        return self._call("CLIENT LIST", *args)

    def client_no_evict(self, mode: str) -> Any:
        return self._call("CLIENT NO-EVICT", mode)

    def client_no_touch(self, mode: str) -> Any:
        return self._call("CLIENT NO-TOUCH", mode)

    def client_reply(self, reply: Literal["ON", "OFF", "SKIP"]) -> Any:
        allowed = ["ON", "OFF", "SKIP"]
        if reply not in allowed:
            raise DataError(f"CLIENT REPLY must be one of {allowed!r}")
        return self._call("CLIENT REPLY", reply)

    def client_setinfo(self, attr: str, value: str) -> Any:
        return self._call("CLIENT SETINFO", attr, value)

    def client_setname(self, name: str) -> Any:
        return self._call("CLIENT SETNAME", name)

    def echo(self, value: Encodable) -> Any:
        return self._call("ECHO", value)

    def ping(self) -> Any:
        return self._call("PING")

    def quit(self) -> Any:
        return self._call("QUIT")

    def reset(self) -> Any:
        return self._call("RESET")

    def select(self, index: int) -> Any:
        return self._call("SELECT", index)
