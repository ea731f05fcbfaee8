"""Settings: their names, and where the server's come from.

Flags win over DBX_* in the environment, these over dbx.toml, and that over the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dbx.errors import DataError

__all__ = ["ServerConfig", "open_settings", "server_config"]

MEMORY = ":memory:"
CONFIG_FILE = "dbx.toml"
ENVIRONMENT = "DBX_"
PASSWORD_FILE = "requirepass-file"

# What the server itself uses; every other name is the engine's, as CONFIG spells it.
DEFAULTS: dict[str, Any] = {
    "data": "./dbx-data",
    "bind": ["127.0.0.1", "-::1"],  # '-': not an error where there is no IPv6
    "port": 6379,
    "unixsocket": "",
    "unixsocketperm": "700",
    "http-port": 0,
    "tcp-backlog": 511,
    "protected-mode": "yes",
}
_DURABILITY = {"always": "always", "everysec": "everysec", "none": "no"}
_ALIASES = {"write-buffer": "write-buffer-size"}
_SUN_PATH_MAX = 107  # bytes of a Unix socket's path, by the operating system


class ServerConfig(NamedTuple):
    data: str
    bind: list[str]
    port: int
    unixsocket: str
    unixsocketperm: int
    http_port: int
    backlog: int
    settings: dict[str, str]  # for the engine
    origins: dict[str, str]  # CONFIG's name -> where it was set
    source: str  # the configuration file that was read, or ""


def setting(name: str, value: Any) -> tuple[str, str]:
    """One setting in CONFIG's name and spelling."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    name = _plain(name)
    return _durability(name, value) if name == "durability" else (_name(name), str(value))


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _name(plain: str) -> str:
    """CONFIG's name for ours."""
    return _ALIASES.get(plain, plain)


def _durability(label: str, value: Any) -> tuple[str, str]:
    word = _DURABILITY.get(str(value))
    if word is None:
        raise DataError(f"{label} is one of {', '.join(_DURABILITY)}, not {value!r}")
    return "appendfsync", word


def open_settings(given: Mapping[str, Any]) -> dict[str, str]:
    """Settings by CONFIG's names out of keywords, durability among them; None means not given."""
    return dict(setting(name, value) for name, value in given.items() if value is not None)


def server_config(flags: Mapping[str, Any], environ: Mapping[str, str]) -> ServerConfig:
    """The server's configuration. DataError says in one line what is wrong with it."""
    variables = _from_environment(environ)
    path = flags.get("config") or variables.pop("config", None)
    file, source = _from_file(path)
    merged = dict(DEFAULTS)
    origins: dict[str, str] = {}
    _take(merged, origins, file, lambda name: f"{name} in {source}")
    _take(merged, origins, variables, lambda name: ENVIRONMENT + name.upper().replace("-", "_"))
    given = {_plain(name): value for name, value in flags.items() if value is not None}
    given.pop("config", None)
    _take(merged, origins, given, lambda name: f"--{name}")
    _read_password(merged)

    def number(name: str) -> int:
        return _number(origins.get(name, name), merged.pop(name))

    def port(name: str) -> int:
        return _port(origins.get(name, name), number(name))

    config = ServerConfig(
        data=str(merged.pop("data")),
        bind=_addresses(merged.pop("bind")),
        port=port("port"),
        unixsocket=_socket_path(merged.pop("unixsocket")),
        unixsocketperm=_mode(merged.pop("unixsocketperm")),
        http_port=port("http-port"),
        backlog=number("tcp-backlog"),
        settings=open_settings(merged),  # the rest
        origins=origins,
        source=source,
    )
    _refuse_open_door(config)
    return config


def _take(
    merged: dict[str, Any],
    origins: dict[str, str],
    source: Mapping[str, Any],
    label: Callable[[str], str],
) -> None:
    """Puts one source's settings over those of lesser sources, whichever of its names each used."""
    for plain in sorted(source, reverse=True):
        name, value = _name(plain), source[plain]
        if plain == "durability":
            name, value = _durability(label(plain), value)
        if name == PASSWORD_FILE:
            merged.pop("requirepass", None)
        elif name == "requirepass":
            merged.pop(PASSWORD_FILE, None)
        merged[name] = value
        origins[name] = label(plain)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    prefix = len(ENVIRONMENT)
    return {
        _plain(name[prefix:]): value
        for name, value in environ.items()
        if name.startswith(ENVIRONMENT)
    }


def _from_file(path: str | None) -> tuple[dict[str, Any], str]:
    if path is None:
        if not os.path.exists(CONFIG_FILE):
            return {}, ""
        path = CONFIG_FILE
    import tomllib

    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise DataError(f"{path}: {error}") from None
    for name, value in table.items():
        if not isinstance(value, str | int | float | list):
            raise DataError(f"{path}: {name} is not a setting with one value")
    return {_plain(name): value for name, value in table.items()}, path


def _read_password(merged: dict[str, Any]) -> None:
    path = merged.pop(PASSWORD_FILE, None)
    if path is None:
        return
    try:
        with open(path, encoding="utf-8") as file:
            merged["requirepass"] = file.read().rstrip("\r\n")
    except OSError as error:
        raise DataError(f"cannot read the password file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"the password file {path} is not text in UTF-8") from None


def _addresses(value: Any) -> list[str]:
    return [str(address) for address in value] if isinstance(value, list) else str(value).split()


def _number(label: str, value: Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise DataError(f"{label} is a whole number, not {value!r}") from None


def _port(label: str, port: int) -> int:
    if not 0 <= port <= 65535:
        raise DataError(f"{label} is between 0 (off) and 65535, not {port}")
    return port


def _mode(value: Any) -> int:
    try:
        mode = int(str(value), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise DataError(f"unixsocketperm is an octal file mode such as 700, not {value!r}")
    return mode


def _socket_path(value: Any) -> str:
    if not value:
        return ""
    path = os.path.abspath(str(value))
    if len(os.fsencode(path)) > _SUN_PATH_MAX:
        raise DataError(f"a Unix socket's path has at most {_SUN_PATH_MAX} bytes: {path}")
    return path


def is_loopback(address: str) -> bool:
    host = address.removeprefix("-").strip("[]").lower().removeprefix("::ffff:")
    numeric = host.replace(".", "").isdigit()  # else a name such as 127.example.org
    return host in ("localhost", "::1") or (host.startswith("127.") and numeric)


def _refuse_open_door(config: ServerConfig) -> None:
    """Anybody who reaches an open port without a password owns the data, and often the machine."""
    if config.port == 0 or config.settings.get("requirepass"):
        return
    if config.settings.get("protected-mode", "yes") == "no":
        return
    for address in config.bind:
        if not is_loopback(address):
            raise DataError(
                f"refusing to listen on {address} without a password: anybody who can reach it"
                " could read and erase everything. Set one (--requirepass, DBX_REQUIREPASS or"
                " DBX_REQUIREPASS_FILE), bind to 127.0.0.1, or say that you mean it with"
                " --protected-mode no."
            )
