"""Writes docs/commands from the command table: a page for each group, and one that says what DBX
has of Redis 8.0. --check only says if they are current.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import redis_coverage

from dbx._core import Engine, command_table

DIRECTORY = Path(__file__).parents[1] / "docs" / "commands"
NOTE = "<!-- Written by `make docs` from the command table (csrc); do not edit. -->"


def _rows(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every row that can be called: commands, and the subcommands of containers."""
    rows = []
    for row in table:
        rows += row["subcommands"] or [row]
        if row["subcommands"] and row["syntax"]:
            rows.append(row)
    return sorted(rows, key=lambda row: str(row["name"]))


def _readable(syntax: str) -> str:
    """A row's syntax (csrc/commands/syntax.h) without what only machines read."""
    text = re.sub(r"[@!]\d[\d.]*", "", syntax)
    text = re.sub(r"[\w-]+=([\w:]+)", r"\1", text)
    text = re.sub(
        r"([a-z-]+)(:(string|integer|double|key|pattern|unix-time))?(#\d)?(?![\w:])", r"\1", text
    )
    for name, block in re.findall(r"<([\w-]+): ([^<>|]*)>", text):
        text = text.replace(f"<{name}: {block}>", block).replace(f"[{name} ...]", f"[{block} ...]")
    return re.sub(r"([<\[])[a-z-]+: ", r"\1", text)


def _section(row: dict[str, Any]) -> str:
    usage = f"{row['name'].upper()} {_readable(row['syntax'] or '')}".rstrip()
    lines = [f"## {row['name'].upper()}", "", f"    {usage}", "", f"{row['summary'].rstrip('.')}."]
    if row["deprecated_since"]:
        lines += ["", f"Deprecated since {row['deprecated_since']}: use {row['replaced_by']}."]
    complexity = f" Complexity: {row['complexity']}" if row["complexity"] else ""
    lines += ["", f"Since {row['since']}.{complexity}"]
    return "\n".join(lines)


def _coverage(table: list[dict[str, Any]]) -> str:
    """Every command of Redis 8.0: supported, different, not yet or never."""
    ours = {
        str(row["name"]).replace(" ", "|") for top in table for row in (top, *top["subcommands"])
    }
    rows = list(redis_coverage.rows(ours))
    states = ("supported", "different", "not yet", "no")
    counts = ", ".join(f"{sum(row.state == s for row in rows)} {s}" for s in states)
    lines = [
        "| {} | {} | {} |".format(row.name.upper().replace("|", " "), row.state, row.why)
        for row in rows
    ]
    body = "\n".join(lines)
    head = f"Of {len(rows)} commands and subcommands: {counts}."
    table_head = "| command | | |\n|---|---|---|"
    return f"{NOTE}\n\n# What DBX has of Redis 8.0\n\n{head}\n\n{table_head}\n{body}\n"


def _pages() -> dict[str, str]:
    Engine(None, {}).close()  # the table is filled when an engine opens
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(command_table()):
        groups.setdefault(row["group"], []).append(row)
    pages = {}
    for group, rows in groups.items():
        body = "\n\n".join(_section(row) for row in rows)
        pages[f"{group}.md"] = f"{NOTE}\n\n# Commands: {group}\n\n{body}\n"
    index = "\n".join(
        f"- [{group}]({group}.md): {', '.join(row['name'].upper() for row in rows)}"
        for group, rows in sorted(groups.items())
    )
    coverage = "[What DBX has of each command of Redis 8.0](coverage.md)"
    pages["README.md"] = f"{NOTE}\n\n# Commands\n\n{coverage}\n\n{index}\n"
    pages["coverage.md"] = _coverage(command_table())
    return pages


def main(check: bool) -> int:
    pages = _pages()
    present = {path.name: path.read_text() for path in DIRECTORY.glob("*.md")}
    if check:
        stale = sorted(n for n in pages.keys() | present.keys() if pages.get(n) != present.get(n))
        print(f"Run `make docs`: not current: {', '.join(stale)}" if stale else "current")
        return 1 if stale else 0
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name in present.keys() - pages.keys():
        (DIRECTORY / name).unlink()
    for name, text in pages.items():
        (DIRECTORY / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
