"""redis-cli and redis-benchmark, of Redis 7.0 and as people use them."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.resp import encode
from tests.support.servers import DbxServer

SECONDS_MAX = 120.0
OUTPUT_BYTES_MAX = 4000


def run(program: str, port: int, *args: str, stdin: bytes = b"") -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [program, "-p", str(port), *args],
        input=stdin, capture_output=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def cli(server: DbxServer, *args: str, stdin: bytes = b"") -> str:
    return run("redis-cli", server.port, *args, stdin=stdin)


@pytest.fixture
def filled(dbx_server: DbxServer) -> DbxServer:
    with dbx_server.raw() as client:
        client.value("FLUSHALL")
        client.pipeline([("SET", f"key:{i}", "x" * (i % 50)) for i in range(1000)])
    return dbx_server


@pytest.mark.parametrize("resp", [(), ("-3",)], ids=["RESP2", "RESP3"])
def test_redis_cli_runs_single_commands(filled: DbxServer, resp: tuple[str, ...]) -> None:
    assert cli(filled, *resp, "SET", "k", "v") == "OK\n"
    assert cli(filled, *resp, "GET", "k") == "v\n"
    assert cli(filled, *resp, "-n", "3", "DBSIZE") == "0\n"
    assert cli(filled, *resp, "INCR", "k").startswith("ERR value is not an integer")
    assert cli(filled, *resp, "-x", "SET", "stdin", stdin=b"from stdin") == "OK\n"
    assert cli(filled, *resp, "--raw", "GET", "stdin") == "from stdin\n"


def test_redis_cli_session_runs_commands_line_by_line(filled: DbxServer) -> None:
    session = b'SET k "a b"\nGET k\nSELECT 2\nGET k\nHELP SET\nNOSUCH\nCLIENT INFO\nQUIT\n'
    shown = cli(filled, "--no-raw", stdin=session)
    assert 'OK\n"a b"\nOK\n(nil)\n' in shown
    assert "ERR unknown command 'NOSUCH'" in shown
    assert "db=2" in shown


def test_redis_cli_pipe_loads_in_bulk(filled: DbxServer) -> None:
    stream = b"".join(encode("SET", f"bulk:{i}", i) for i in range(20_000))
    assert "errors: 0, replies: 20000" in cli(filled, "--pipe", stdin=stream)
    with filled.raw() as client:
        assert client.value("GET", "bulk:19999") == b"19999"


def test_redis_cli_scans_with_a_pattern(filled: DbxServer) -> None:
    shown = cli(filled, "--scan", "--pattern", "key:99*").split()
    assert sorted(shown) == sorted(f"key:{n}" for n in (99, *range(990, 1000)))


def test_redis_cli_finds_big_keys(filled: DbxServer) -> None:
    shown = cli(filled, "--bigkeys")
    assert "Sampled 1000 keys in the keyspace!" in shown
    assert "1000 strings with" in shown


def seconds_of(server: DbxServer, *args: str) -> str:
    """seconds_of lets a tool that never ends run for a little while."""
    argv = ["redis-cli", "-p", str(server.port), *args]
    if shutil.which(argv[0]) is None:
        pytest.skip("redis-cli is not installed")
    ours, theirs = pty.openpty()  # into a pipe it would write nothing before its buffer is full
    try:
        with subprocess.Popen(argv, stdout=theirs, stderr=theirs) as process:
            time.sleep(2.5)
            process.terminate()
        return os.read(ours, OUTPUT_BYTES_MAX).decode().replace("\r", "")
    finally:
        os.close(theirs)
        os.close(ours)


def test_redis_cli_stat_shows_the_server_at_work(filled: DbxServer) -> None:
    shown = seconds_of(filled, "--stat")
    lines = [line for line in shown.splitlines() if line.startswith("1000 ")]
    assert lines, shown


def test_redis_cli_measures_latency(filled: DbxServer) -> None:
    shown = seconds_of(filled, "--latency", "--raw")
    assert float(shown.split()[2]) >= 0.0


def test_redis_cli_authenticates(dbx_process: object, tmp_path: Path) -> None:
    server = dbx_process("--requirepass", "secret")  # type: ignore[operator]
    assert "NOAUTH" in cli(server, "GET", "k")
    assert cli(server, "-a", "secret", "--no-auth-warning", "SET", "k", "v") == "OK\n"
    assert (
        cli(server, "--user", "default", "--pass", "secret", "--no-auth-warning", "GET", "k")
        == "v\n"
    )


@pytest.mark.parametrize("pipeline", ["1", "16"])
def test_redis_benchmark_runs_the_tests_of_strings(filled: DbxServer, pipeline: str) -> None:
    shown = run(
        "redis-benchmark", filled.port, "-t", "ping,set,get,incr,mset", "-n", "2000", "-P",
        pipeline,
        "-c", "20", "--csv",
    )  # fmt: skip
    rows = [line.split(",")[0].strip('"') for line in shown.splitlines()[1:]]
    assert rows == ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"]


def test_redis_benchmark_runs_over_resp3_and_with_random_keys(filled: DbxServer) -> None:
    shown = run(
        "redis-benchmark", filled.port, "-3", "-n", "2000", "-r", "1000", "--csv",
        "SET", "key:__rand_int__", "v:__rand_int__",
    )  # fmt: skip
    assert len(shown.splitlines()) == 2
