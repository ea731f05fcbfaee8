"""What behaviour tests expect of a call besides a value: an error's text."""

from __future__ import annotations

from typing import Any

NOT_AN_INTEGER = "value is not an integer or out of range"
NOT_A_FLOAT = "value is not a valid float"
SYNTAX = "syntax error"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
TOO_LONG = "string exceeds maximum allowed size (proto-max-bulk-len)"


def error(r: Any, *args: Any) -> str:
    """error executes a command that must fail and returns what it fails with, without "ERR ".

    The classes are redis-py's or DBX's own, which have the same names.
    """
    try:
        result = r.execute_command(*args)
    except Exception as failure:
        names = {base.__name__ for base in type(failure).__mro__}
        if "ResponseError" not in names:
            raise
        return str(failure).removeprefix("ERR ")
    raise AssertionError(f"{args!r} did not fail but returned {result!r}")


def arity_error(name: str) -> str:
    return f"wrong number of arguments for '{name}' command"
