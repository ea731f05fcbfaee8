"""redis-py's interface: every method and exception that both have has the same names, parameters,
defaults and ancestors. What the methods do is tested in test_client_api.py."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import redis
import redis.asyncio

import dbx.aio
import dbx.client
import dbx.errors
import dbx.pipeline
from dbx import _core

PAIRS = [
    (dbx.client.DBX, redis.Redis),
    (dbx.pipeline.Pipeline, redis.client.Pipeline),
    (dbx.aio.DBX, redis.asyncio.Redis),
    (dbx.aio.Pipeline, redis.asyncio.client.Pipeline),
]

# Parameters of redis-py that mean nothing here.
OTHER_PARAMETERS = {
    "aclose": {"close_connection_pool"},
    "close": {"close_connection_pool"},
    "pipeline": {"shard_hint"},
    # Not in Redis 8.0:
    "set": {"ifeq", "ifne", "ifdeq", "ifdne"},
    "xadd": {"ref_policy", "idmpauto", "idmp"},
    "xread": {"max_count", "max_size"},
    "xreadgroup": {"claim_min_idle_time", "max_count", "max_size"},
    "xtrim": {"ref_policy"},
}
# Here a default that callers cannot change by accident; it means the same.
OTHER_DEFAULTS = {("client_list", "client_id"): None}
# redis-py raises NotImplementedError.
OURS_ALONE = {"command_docs", "command_info"}
# redis-py's method of that name is not the command, or only raises NotImplementedError; discard()
# of a pipeline belongs to WATCH.
NOT_COMMANDS = {"client", "hello", "multi", "discard", "memory_doctor", "memory_help"}
# What a pipeline has besides commands: WATCH, scripts, and redis-py's own means.
PIPELINES_OTHERS = {
    "UNWATCH_COMMANDS", "annotate_exception", "discard", "immediate_execute_command",
    "load_scripts", "parse_response", "pipeline_execute_command", "raise_first_error", "unwatch",
    "watch",
}  # fmt: skip
PIPELINES_SPECIAL = (
    "__len__", "__bool__", "__await__", "__enter__", "__exit__", "__aenter__", "__aexit__"
)  # fmt: skip


def _cases() -> list[Any]:
    return [
        pytest.param(ours, theirs, name, id=f"{ours.__module__}.{ours.__name__}.{name}")
        for ours, theirs in PAIRS
        for name in sorted(set(dir(ours)) & set(dir(theirs)) - OURS_ALONE)
        if not name.startswith("_") and callable(getattr(ours, name))
    ]


def _parameters(function: Any, name: str) -> list[tuple[str, Any, Any]]:
    """Without **options, which reach only a parser, or a cluster's choice of nodes."""
    return [
        (p.name, p.kind, OTHER_DEFAULTS.get((name, p.name), p.default))
        for p in inspect.signature(function).parameters.values()
        if p.kind != p.VAR_KEYWORD and p.name not in OTHER_PARAMETERS.get(name, ())
    ]


@pytest.mark.parametrize(("ours", "theirs", "name"), _cases())
def test_a_method_has_redis_pys_parameters_and_defaults(ours: Any, theirs: Any, name: str) -> None:
    assert _parameters(getattr(ours, name), name) == _parameters(getattr(theirs, name), name)


@pytest.mark.parametrize(("ours", "theirs", "name"), _cases())
def test_a_method_is_a_coroutine_where_redis_pys_is(ours: Any, theirs: Any, name: str) -> None:
    if name == "shutdown":
        return  # redis-py's asks what came of it; ours returns what can be awaited as well
    kind = inspect.iscoroutinefunction
    assert kind(getattr(ours, name)) == kind(getattr(theirs, name))


@pytest.mark.parametrize(("ours", "theirs"), [PAIRS[1], PAIRS[3]], ids=["Pipeline", "aio.Pipeline"])
def test_a_pipeline_has_what_redis_pys_adds(ours: Any, theirs: Any) -> None:
    public = {name for name in vars(theirs) if not name.startswith("_")}
    added = public | {name for name in PIPELINES_SPECIAL if hasattr(theirs, name)}
    assert {name for name in added - PIPELINES_OTHERS if not hasattr(ours, name)} == set()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_every_command_that_redis_py_has_a_method_for_has_one(ours: Any, theirs: Any) -> None:
    dbx.open().close()  # the table is filled when an engine opens
    rows = [sub for row in _core.command_table() for sub in (row, *row["subcommands"])]
    methods = {row["name"].replace(" ", "_").replace("-", "_").lower() for row in rows}
    missing = {name for name in methods - NOT_COMMANDS if hasattr(theirs, name)}
    assert {name for name in missing if not hasattr(ours, name)} == set()


@pytest.mark.parametrize(
    "name", [n for n in dbx.errors.__all__ if hasattr(redis.exceptions, n) or hasattr(redis, n)]
)
def test_an_exception_has_redis_pys_ancestors(name: str) -> None:
    def ancestors(kind: type[BaseException]) -> list[str]:
        names = [k.__name__.replace("DBXError", "RedisError") for k in kind.__mro__]
        return names[: names.index("RedisError") + 1]

    assert ancestors(getattr(dbx.errors, name)) == ancestors(getattr(redis.exceptions, name))
    assert getattr(dbx, name, None) is not None or not hasattr(redis, name)
