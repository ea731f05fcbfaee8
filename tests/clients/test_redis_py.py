"""redis-py 8 (RESP3 by default) and redis-py 5, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest
import redis

from tests.support.cache import cache_directory
from tests.support.servers import DbxServer

JOBS = Path(__file__).with_name("redis_py_jobs.py")
OLD = "redis>=5,<6"
SECONDS_MAX = 300.0


def run(python: Path | str, port: int, protocol: int) -> None:
    argv = [str(python), str(JOBS), str(port), str(protocol)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("ok")


@pytest.fixture(scope="module")
def old_python() -> Path:
    """The Python of a virtual environment with redis-py 5."""
    home = cache_directory() / "redis-py-5"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        argv = [str(python), "-m", "pip", "install", "-q", OLD]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"redis-py 5 cannot be installed: {done.stderr[-300:]}")
        (home / "complete").touch()
    return python


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_8_does_its_jobs(dbx_server: DbxServer, protocol: int) -> None:
    assert redis.__version__.startswith("8.")
    run(sys.executable, dbx_server.port, protocol)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_5_does_its_jobs(dbx_server: DbxServer, old_python: Path, protocol: int) -> None:
    run(old_python, dbx_server.port, protocol)


def test_redis_py_8_connects_with_resp3_by_default(dbx_server: DbxServer) -> None:
    with redis.Redis(port=dbx_server.port) as r:
        assert int(r.client_info()["resp"]) == 3


def test_redis_py_connects_over_a_unix_socket(dbx_process: object, tmp_path: Path) -> None:
    path = tmp_path / "s"
    dbx_process("--unixsocket", str(path))  # type: ignore[operator]
    with redis.Redis(unix_socket_path=str(path)) as r:
        assert r.set("k", "v") is True
        assert r.client_info()["addr"].startswith(str(path))
