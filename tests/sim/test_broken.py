"""The simulations would notice: they fail for builds that break a rule of the store."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.sim.broken import BIN, BUILD, FAULTS, ROOT, WHEN_CALLS_FAIL, build

STATES = 2000  # at most: nearly all are caught within the first fifty
WAYS_TO_FAIL = ([], ["--how", "2", "--stride", "1"])  # some of all; every one that is an I/O error
SECONDS = 300
DIRECTORY = re.compile(r"dbx-sim-\d+")  # which differs from process to process


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The programs of the right build, as `make test-c` makes them."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["make", "test-c"], cwd=ROOT, check=True)
    subprocess.run([BIN / "cmake", "--build", BUILD, "--target", "powercut", "faults"], check=True)


def run(program: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *options], capture_output=True, text=True, timeout=SECONDS, errors="replace"
    )


SELDOM = {"closed segments are not synced"}  # needs more states than there is time for


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in SELDOM])
def test_a_broken_build_is_caught(name: str, tmp_path: Path) -> None:
    program = build(FAULTS[name], "powercut", tmp_path)
    for first in range(1, STATES // 50):
        done = run(program, "--states", "50", "--seed", str(first), "--as-is")
        if done.returncode != 0:
            assert "FAILED with seed" in done.stderr
            return
    pytest.fail(f"{STATES} states held although {name}")


@pytest.mark.parametrize("name", WHEN_CALLS_FAIL)
def test_a_build_that_is_broken_when_calls_fail_is_caught(name: str, tmp_path: Path) -> None:
    program = build(WHEN_CALLS_FAIL[name], "faults", tmp_path)
    for options in WAYS_TO_FAIL:
        done = run(program, *options, "--first")
        if done.returncode != 0:
            assert "FAILED " in done.stderr
            return
    pytest.fail(f"it held although {name}")


def test_a_failure_is_shortened_to_a_history_that_can_be_run_again(tmp_path: Path) -> None:
    program = build(FAULTS["the log is not synced"], "powercut", tmp_path)
    done = run(program, "--states", "20", "--seed", "3")
    assert done.returncode == 1
    shown = done.stderr.partition("A short history that fails:\n")[2]
    assert 0 < shown.count("  step ") < 20
    again = run(program, "--states", "20", "--seed", "3")
    assert DIRECTORY.sub("", again.stderr) == DIRECTORY.sub("", done.stderr)
