"""The same seed does the same on every machine: the same calls, the same states of the disk and the
same verdicts, whatever the environment is like."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.sim.broken import BUILD, make

# Two histories, one of them of many bytes.
CUTS = ("powercut", "--steps", "60", "--states", "30", "--digest")
FAULTS = ("faults", "--steps", "12", "--stride", "40", "--histories", "1")
SECONDS = 300


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    make("powercut", "faults")


def run(
    command: tuple[str, ...],
    *before: str,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    limit: Callable[[], None] | None = None,
) -> str:
    """What the program says, run by `before`."""
    line = [*before, str(BUILD / "bin" / command[0]), *command[1:]]
    env = dict(os.environ if env is None else env)
    env.pop("LD_PRELOAD", None)  # of sanitizers, which do not live with limits
    return subprocess.run(
        line, check=True, stdout=subprocess.PIPE, text=True, timeout=SECONDS,
        env=env, cwd=cwd, preexec_fn=limit,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module", params=[CUTS, FAULTS], ids=lambda command: command[0])
def command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture(scope="module")
def here(command: tuple[str, ...]) -> str:
    return run(command)


def test_addresses_do_not_matter(command: tuple[str, ...], here: str) -> None:
    fixed = (shutil.which("setarch") or "setarch", "-R")
    if not Path(fixed[0]).exists() or subprocess.run([*fixed, "true"]).returncode != 0:
        pytest.skip("the addresses of a program cannot be fixed here")
    assert run(command, *fixed) == here


def test_the_directory_and_the_file_system_do_not_matter(
    command: tuple[str, ...], here: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="a-longer-name-") as directory:
        environment = {**os.environ, "DBX_SIM_DIR": directory}
        assert run(command, env=environment, cwd=directory) == here


def test_the_environment_does_not_matter(command: tuple[str, ...], here: str) -> None:
    variables = {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "FILLED": "x" * 100000}
    memory = {"MALLOC_PERTURB_": "77", "MALLOC_TOP_PAD_": "1000000"}
    assert run(command, env={**variables, **memory}, cwd="/") == here


def narrow() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def test_limits_and_the_number_of_processors_do_not_matter(
    command: tuple[str, ...], here: str
) -> None:
    assert run(command, limit=narrow) == here


@contextmanager
def busy() -> Iterator[None]:
    """Every processor has something else to do as well."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


def test_load_does_not_matter(command: tuple[str, ...], here: str) -> None:
    with busy():
        assert run(command) == here
