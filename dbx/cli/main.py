"""The command `dbx`: reads the command line and hands over to a sub-command.

Exit codes: 0 done, 1 it could not be done (a port in use, a locked directory), 2 it was asked
wrongly. Everything that goes wrong is one line on stderr.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any, NoReturn

__all__ = ["main"]


_POSITION_MAX = (1 << 64) - 1


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message} (see {self.prog} --help)\n")
        sys.exit(2)


def _version() -> str:
    from dbx._core import __version__

    return f"dbx {__version__}"


def _parser() -> _Parser:
    parser = _Parser(
        prog="dbx",
        description="A small Redis-compatible database on an embedded, durable store.",
        epilog="dbx COMMAND --help tells more about one command.",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_serve(commands)
    _add_journal(commands)
    _add_verify(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[_Parser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve a database to Redis clients",
        description="Serves the database in a directory to Redis clients, by TCP or a Unix socket.",
        epilog="Every option can also be set in the environment (--write-buffer: DBX_WRITE_BUFFER;"
        " DBX_REQUIREPASS_FILE names a file with the password) or in dbx.toml"
        " (write-buffer = \"64mb\"), where every name that CONFIG GET * shows is known too."
        " Flags win over the environment, the environment over the file.",
    )  # fmt: skip
    add = serve.add_argument
    add("--data", metavar="PATH", help="directory of the database, made when missing;"
        " ':memory:' keeps nothing (./dbx-data)")  # fmt: skip
    add("--bind", metavar="ADDR", nargs="+", action="extend",
        help="addresses to listen on (127.0.0.1 and ::1)")  # fmt: skip
    add("--port", type=int, metavar="N", help="TCP port; 0: none (6379)")
    add("--unixsocket", metavar="PATH", help="also listen on this Unix socket")
    add("--unixsocketperm", metavar="MODE", help="its file mode (700)")
    add("--http-port", type=int, metavar="N",
        help="port for HTTP; HTTP is not part of this version yet (0: none)")  # fmt: skip
    add("--durability", metavar="MODE", choices=("always", "everysec", "none"),
        help="what a reply promises: always: the write survives power loss; everysec: it survives"
        " the process being killed, and power loss costs a second at most; none: a clean stop saves"
        " everything (everysec)")  # fmt: skip
    add("--config", metavar="FILE", help="settings file (./dbx.toml where there is one)")
    add("--requirepass", metavar="PW", help="password that clients must give (none); better in"
        " DBX_REQUIREPASS_FILE, where other users of the machine cannot see it")  # fmt: skip
    add("--protected-mode", metavar="yes|no", choices=("yes", "no"),
        help="no: allow an open address without a password (yes)")  # fmt: skip
    add("--databases", type=int, metavar="N", help="how many numbered databases there are (16)")
    add("--write-buffer", metavar="SIZE", help="memory for writes on their way to the database"
        " file, such as 64mb (follows the machine)")  # fmt: skip
    add("--loglevel", choices=("debug", "verbose", "notice", "warning", "nothing"),
        help="what is logged to stderr (notice)")  # fmt: skip


def _add_journal(commands: argparse._SubParsersAction[_Parser]) -> None:
    journal = commands.add_parser(
        "journal",
        help="print a database's journal",
        description="Prints what has been written to the database, as Redis commands that give the"
        " same data wherever they are replayed within a day (Redis 7 or later):"
        " dbx journal DIR --resp | redis-cli --pipe",
    )  # fmt: skip
    journal.add_argument("directory", metavar="DIR", help="the database's directory")
    journal.add_argument("--resp", action="store_true", required=True, help="print plain RESP")
    journal.add_argument("--from", dest="position", type=_position, default=0, metavar="POS",
        help="begin after this journal position (the oldest kept)")  # fmt: skip


def _add_verify(commands: argparse._SubParsersAction[_Parser]) -> None:
    verify = commands.add_parser(
        "verify",
        help="check a database for damage",
        description="Checks the database in a directory without changing it: the pages of its"
        " file, keys, counts, expiry, long values and the journal. Prints a line for each and ok,"
        " or what is wrong, and exits with 0 or 1. The directory must not be in use.",
    )  # fmt: skip
    verify.add_argument("directory", metavar="DIR", help="the database's directory")


def _position(text: str) -> int:
    if not text.isdigit() or int(text) > _POSITION_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a journal position")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback for who changes their mind
    parser = _parser()
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        asked = "dbx" if options.command is None else f"dbx {options.command}"
        sys.stderr.write(f"{asked}: unknown argument {unknown[0]!r} (see {asked} --help)\n")
        return 2
    if options.version:
        print(_version())
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    from importlib import import_module

    given = vars(options)
    given.pop("version")
    command = import_module(f"dbx.cli.{given.pop('command')}")
    return _run(command.run, given)


def _run(run: object, given: dict[str, object]) -> int:
    from dbx.errors import DataError, DBXError

    try:
        return run(given)  # type: ignore[operator, no-any-return]
    except DataError as error:
        sys.stderr.write(f"dbx: {error}\n")
        return 2
    except (DBXError, OSError, MemoryError) as error:
        sys.stderr.write(f"dbx: {error or type(error).__name__}\n")
        return 1
