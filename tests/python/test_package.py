"""The package as a whole: what importing it says and exports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dbx
from dbx import _core

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
