"""ioredis and node-redis, installed from npm into the cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.cache import cache_directory
from tests.support.servers import DbxServer

SOURCE = Path(__file__).with_name("node")
SECONDS_MAX = 300.0


@pytest.fixture(scope="module")
def modules() -> Path:
    """A directory with the programs and the packages they need."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    home = cache_directory() / "node"
    shutil.copytree(SOURCE, home, dirs_exist_ok=True)
    wanted = (SOURCE / "package.json").read_text()
    installed = home / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent"],
            cwd=home, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.skip(f"npm cannot install the clients: {done.stderr[-300:]}")
        installed.write_text(wanted)
    return home


@pytest.mark.parametrize("program", ["ioredis.mjs", "node-redis.mjs"])
def test_node_client_does_its_jobs(dbx_server: DbxServer, modules: Path, program: str) -> None:
    done = subprocess.run(
        ["node", program, str(dbx_server.port)],
        cwd=modules, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("ok")
