"""Where Redis 8.0 cannot be had, the end of a test run says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
from tests.conftest import redis8
from tests.differential.conftest import oracle

def test_passes_beside_another_server(oracle):
    pass

def test_is_skipped(redis8):
    pass
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_missing_redis_8_is_told_of_though_nothing_fails(tmp_path: Path, workers: str) -> None:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(program)
    (tmp_path / "test_both.py").write_text(TESTS)
    missing = {"PATH": str(tmp_path / "bin"), "DBX_TRIXIE_ROOT": str(tmp_path / "none")}
    argv = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*argv, f"--rootdir={tmp_path}", "-c", str(ROOT / "pyproject.toml"), "test_both.py"],
        cwd=tmp_path,
        env=os.environ | missing | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "UserWarning: comparing with the distribution's Redis: " in done.stdout
    assert "UserWarning: without a server to compare with, tests are skipped: " in done.stdout
