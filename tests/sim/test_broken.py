"""The simulations would notice: they fail for builds that break a rule of the store.

`make broken` tries them all, `make test` each fourth: a build of its own for each takes minutes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sim.broken import FAULTS, LOSSES, WHEN_CALLS_FAIL, Fault, build, make

SECONDS = 600
DIRECTORY = re.compile(r"dbx-sim-\w+")  # which differs from process to process
EACH = 1 if "DBX_BROKEN_ALL" in os.environ else 4
POWER_CUTS = dict(list({**FAULTS, **LOSSES}.items())[::EACH])
CALLS_FAIL = dict(list(WHEN_CALLS_FAIL.items())[::EACH])

Result = subprocess.CompletedProcess[str]


def run(program: Path, *options: str) -> Result:
    return subprocess.run(
        [program, *options], capture_output=True, text=True, timeout=SECONDS, errors="replace"
    )


def cut_power(fault: Fault, to: Path) -> Result:
    program = build(fault, "powercut", to)
    options = ("--states", str(fault.states), "--seed", str(fault.seed))
    return run(program, *options, "--as-is", "--first")


def make_calls_fail(fault: Fault, to: Path) -> Result:
    return run(build(fault, "faults", to), "--how", fault.how, "--stride", "1", "--first")


@pytest.fixture(scope="module")
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Result]]]:
    """What each build that a selected test is about does: all of them while the first test waits,
    for each keeps one processor busy."""
    make("powercut", "faults")
    selected = {item.name for item in request.session.items if item.path == Path(__file__)}
    found: dict[str, Future[Result]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for do, faults in ((cut_power, POWER_CUTS), (make_calls_fail, CALLS_FAIL)):
            for name, fault in faults.items():
                if any(test.endswith(f"[{name}]") for test in selected):
                    found[name] = pool.submit(do, fault, tmp_path_factory.mktemp("broken"))
        yield found
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", POWER_CUTS)
def test_a_broken_build_is_caught(name: str, results: dict[str, Future[Result]]) -> None:
    done = results[name].result()
    assert done.returncode == 1, f"{POWER_CUTS[name].states} states held although {name}"
    assert "FAILED with seed" in done.stderr


@pytest.mark.parametrize("name", CALLS_FAIL)
def test_a_build_that_is_broken_when_calls_fail_is_caught(
    name: str, results: dict[str, Future[Result]]
) -> None:
    done = results[name].result()
    assert done.returncode == 1, f"it held although {name}"
    assert "FAILED " in done.stderr


def test_a_failure_is_shortened_to_a_history_that_can_be_run_again(tmp_path: Path) -> None:
    make("powercut")
    program = build(FAULTS["the log is not synced"], "powercut", tmp_path)
    with ThreadPoolExecutor(2) as pool:
        done, again = pool.map(lambda _: run(program, "--states", "5", "--seed", "10"), range(2))
    assert done.returncode == 1
    shown = done.stderr.partition("A short history that fails:\n")[2]
    assert 0 < shown.count("  step ") < 20
    assert DIRECTORY.sub("", again.stderr) == DIRECTORY.sub("", done.stderr)
