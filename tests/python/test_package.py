"""The package as a whole: what importing it says and exports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import dbx

PACKAGE = Path(dbx.__file__).parent


def test_a_package_that_was_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "dbx", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path = {[str(tmp_path)]!r} + sys.path; import dbx",
        ],
        capture_output=True,
        text=True,
    )
    assert "`make build`" in done.stderr.splitlines()[-1]


def test_every_public_name_is_there() -> None:
    for name in dbx.__all__:
        assert getattr(dbx, name) is not None
