"""The documents are right: examples work as pasted, generated pages are current, links resolve."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.servers import DbxServer, clean_environment

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(p for d in ("docs", "csrc", "bench", "tests") for p in ROOT.glob(f"{d}/**/*.md")),
    ]
)


NOT_RUN = r"<!-- not run by the tests: (?P<why>[^\n]+) -->"
SHELL_SECONDS_MAX = 60.0


def _blocks(path: Path, language: str) -> list[str]:
    """The blocks of a language that are to be run: all but those under a line that says why not."""
    block = rf"^(?:{NOT_RUN}\n)?```{language}\n(?P<code>.*?)^```$"
    found = re.finditer(block, path.read_text(), re.MULTILINE | re.DOTALL)
    return [match["code"] for match in found if match["why"] is None]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _numbered(language: str) -> list[tuple[Path, int]]:
    return [(p, i) for p in DOCUMENTS for i in range(len(_blocks(p, language)))]


@pytest.mark.parametrize(
    ("path", "number"), _numbered("python"), ids=lambda v: v.name if isinstance(v, Path) else str(v)
)
def test_python_examples_run(path: Path, number: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _blocks(path, "python")[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def shell(tmp_path: Path, dbx_process: Callable[..., DbxServer]) -> dict[str, str]:
    """The environment of a newcomer's shell: a home of its own, this dbx, a server that runs.

    The server's port is any that is free, so redis-cli is told; it fails when a reply is an error.
    """
    server = dbx_process()
    redis_cli = shutil.which("redis-cli")
    if redis_cli is None:
        pytest.skip("redis-cli is not installed")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "redis-cli").write_text(f'#!/bin/sh\nexec {redis_cli} -e -p {server.port} "$@"\n')
    (programs / "redis-cli").chmod(0o755)
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**clean_environment(), "HOME": str(tmp_path), "PATH": os.pathsep.join(path)}


@pytest.mark.parametrize(
    ("path", "number"), _numbered("sh"), ids=lambda v: v.name if isinstance(v, Path) else str(v)
)
def test_shell_examples_run(path: Path, number: int, tmp_path: Path, shell: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-eu", "-c", _blocks(path, "sh")[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=shell,
        timeout=SHELL_SECONDS_MAX,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_a_mark_that_a_block_is_not_run_stands_right_above_it() -> None:
    for path in DOCUMENTS:
        text = path.read_text()
        marked = re.findall(rf"^{NOT_RUN}\n```(?:sh|python)$", text, re.MULTILINE)
        assert len(marked) == len(re.findall(r"^ *<!-- not run", text, re.MULTILINE)), path.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), target


def test_make_targets_named_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in DOCUMENTS:
        for words in re.findall(r"`make ([a-z -]+)`", path.read_text()):
            assert set(words.split()) <= targets, f"{path.name}: make {words}"


def test_every_make_target_that_explains_itself_is_in_the_contributors_table() -> None:
    explained = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    listed = set(re.findall(r"`make ([a-z-]+)", contributing))
    assert set(explained) - listed == {"help", "clean"} - listed


def test_every_fuzz_target_and_bench_suite_is_described() -> None:
    from bench.__main__ import SUITES

    fuzz = (ROOT / "tests" / "fuzz" / "README.md").read_text()
    for target in ROOT.glob("tests/fuzz/fuzz_*.c"):
        assert f"| `{target.stem}` |" in fuzz, target.stem
    suites = (ROOT / "bench" / "README.md").read_text()
    for name in SUITES:
        assert f"| {name} |" in suites, name


def test_options_named_in_the_readme_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbx", "serve", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    for option in set(re.findall(r"`(--[a-z-]+)", (ROOT / "README.md").read_text())):
        assert option in done.stdout, option


def test_every_setting_is_documented() -> None:
    import dbx

    documented = set(re.findall(r"`([a-z][a-z-]+)`", (ROOT / "docs" / "settings.md").read_text()))
    with dbx.open() as db:
        for name in db.config_get("*"):
            assert name in documented or "ziplist" in name, name


def test_settings_have_the_documented_defaults() -> None:
    import dbx

    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| `?([^|`]*)`? ?\|", page, re.MULTILINE)
    sizes = {"512mb": 512 << 20, "1gb": 1 << 30}
    with dbx.open() as db:
        actual = db.config_get("*")
    actual |= {"data": "./dbx-data", "durability": actual["appendfsync"], "unixsocketperm": "700"}
    actual["write-buffer"] = actual["write-buffer-size"]
    # 0 leaves these to the store, and CONFIG GET shows what that comes to.
    for name in ("write-buffer", "write-buffer-age", "checkpoint-after"):
        assert int(actual[name]) > 0
        actual[name] = "0"
    for name, default in rows:
        expected = str(sizes.get(default.strip(), default.strip()))
        assert actual[name] == expected or expected.endswith(" ..."), name


def test_the_changelog_knows_the_version() -> None:
    import dbx

    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[{re.escape(dbx.__version__)}\]", changelog, re.MULTILINE)


def test_the_command_reference_is_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "gen_docs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
