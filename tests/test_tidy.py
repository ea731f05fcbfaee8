"""Style by the numbers: what a newcomer may rely on in every file. See CONTRIBUTING.md."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LINES_MAX = {".c": 800, ".h": 800, ".py": 500, ".pyx": 800, ".pxi": 800, ".pxd": 800}
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
EXPORTED = re.compile(r"^(?!static\b|typedef\b|extern\b|enum\b)[a-z]\w*[\w ]*[ *](\w+)\([^;]*$")


def _tracked() -> list[Path]:
    """Code under version control, and new files that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout", allow_module_level=True)
    paths = (ROOT / name for name in listed.stdout.splitlines())
    return sorted(path for path in paths if path.suffix in LINES_MAX and path.is_file())


TEXTS = {path: path.read_text() for path in _tracked()}


def _texts(*suffixes: str, under: str = "") -> Iterator[tuple[str, Path, str]]:
    """(name to report, path, text) of the files with these suffixes in directory `under`."""
    for path, text in TEXTS.items():
        name = str(path.relative_to(ROOT))
        if path.suffix in suffixes and name.startswith(under):
            yield name, path, text


def test_no_file_is_longer_than_one_can_read() -> None:
    lengths = {name: (len(t.splitlines()), p.suffix) for name, p, t in _texts(*LINES_MAX)}
    assert [name for name, (lines, suffix) in lengths.items() if lines > LINES_MAX[suffix]] == []


def test_lines_fit_and_end_cleanly() -> None:
    wrong = []
    for name, _, text in _texts(*LINES_MAX):
        if text and not text.endswith("\n"):
            wrong.append(f"{name}: no line end at the end")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > COLUMNS_MAX or line != line.rstrip() or "\t" in line:
                wrong.append(f"{name}:{number}: {len(line)} columns, blanks at the end, or a tab")
    assert wrong == []


def test_nothing_is_left_unfinished() -> None:
    own = str(Path(__file__).relative_to(ROOT))
    assert [n for n, _, text in _texts(*LINES_MAX) if n != own and UNFINISHED.search(text)] == []


def test_a_file_says_first_what_it_is_for() -> None:
    wrong = [n for n, p, text in _texts(".c", ".h") if not text.startswith(f"/* {p.name}: ")]
    wrong += [n for n, _, text in _texts(".py") if text.strip() and not text.startswith('"""')]
    assert wrong == []


def test_a_header_has_a_guard_named_after_it() -> None:
    wrong = []
    for name, path, text in _texts(".h"):
        guard = re.search(r"^#ifndef (\w+)\n#define \1$", text, re.MULTILINE)
        if guard is None or not guard[1].endswith(f"{path.stem.upper()}_H"):
            wrong.append(name)
    assert wrong == []


def test_no_c_function_is_longer_than_a_screen() -> None:
    wrong = []
    for name, _, text in _texts(".c"):
        begun = 0
        for number, line in enumerate(text.splitlines(), 1):
            if re.match(r"^\S.*\)\s*\{$", line) and not begun:
                begun = number
            elif line == "}" and begun:
                if number - begun >= FUNCTION_LINES_MAX:
                    wrong.append(f"{name}:{begun}")
                begun = 0
    assert wrong == []


def test_names_that_other_files_can_see_carry_the_prefix() -> None:
    wrong = []
    for name, _, text in _texts(".c", under="csrc"):
        for number, line in enumerate(text.splitlines(), 1):
            found = EXPORTED.match(line)
            if found and not found[1].startswith("dbx_"):
                wrong.append(f"{name}:{number}: {found[1]}")
    assert wrong == []
