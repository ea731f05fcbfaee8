"""The package as a whole: what importing it says and exports."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dbx
from dbx import _core
from tests.support.servers import clean_environment

ROOT = Path(__file__).parents[2]
PACKAGE = Path(dbx.__file__).parent


def run(path: list[Path]) -> subprocess.CompletedProcess[str]:
    """Imports dbx with nothing but the standard library and `path` to be found."""
    code = f"import sys; sys.path[:0] = {[str(p) for p in path]!r}; import dbx; print(dbx.__file__)"
    return subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A checkout: the package's Python files, without the core."""
    home = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(PACKAGE, home / "dbx", ignore=ignored)
    return home


def test_a_package_that_was_not_built_says_how_to_build_it(sources: Path) -> None:
    assert "`make build`" in run([sources]).stderr.splitlines()[-1]


def test_an_installed_package_works_in_the_directory_of_its_checkout(
    sources: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "installed"
    shutil.copytree(sources / "dbx", installed / "dbx")
    shutil.copy(_core.__file__, installed / "dbx")
    done = run([sources, installed])
    assert done.stdout.strip() == str(sources / "dbx" / "__init__.py"), done.stderr


def test_every_public_name_is_there() -> None:
    for name in dbx.__all__:
        assert getattr(dbx, name) is not None


def test_the_server_starts_without_modules_that_take_long_to_load() -> None:
    code = "import sys, dbx.cli.main, dbx.cli.serve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & {"asyncio", "dataclasses", "datetime", "dbx.client", "inspect"} == set()


def test_what_is_installed_does_what_is_asked_of_every_wheel(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", ROOT / "tests" / "support" / "smoke.py"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_python_that_is_claimed_is_tested_and_has_wheels() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["project"]["classifiers"]))
    wheels = project["tool"]["cibuildwheel"]["build"].split()
    assert wheels == [f"cp{version.replace('.', '')}-*" for version in named]
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    if workflow.exists():  # a source distribution has none
        tested = re.search(r"matrix: \{python: \[(.*)\]\}", workflow.read_text())
        assert tested is not None and re.findall(r"3\.\d+", tested[1]) == named
