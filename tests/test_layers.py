"""Who may use whom: the include rule of csrc/ and the import rule of dbx/. See csrc/README.md."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "dbx"

# layer -> what it may include: a layer, or single headers of it.
INCLUDES: dict[str, set[str]] = {
    "base": set(),
    "codec": {"base"},
    "store": {"base", "codec"},
    "types": {
        "base",
        "store",
        "codec/msgpack.h",
        "codec/msgpack_read.h",
        "codec/msgpack_write.h",
        "codec/lzf.h",
        "codec/packed.h",
        "codec/rdb.h",
    },
    "commands": {
        "base",
        "types",
        "codec/reply.h",
        "codec/rdb.h",
        "store/txn.h",
        "store/keyspace.h",
        "store/format.h",
        "store/store.h",
    },
    "engine": {"base", "codec", "store", "types", "commands"},
    "server": {"base", "codec", "engine"},
    "client": {"base", "codec"},
}

# Python module (longest name wins) -> the dbx modules it may import when it is loaded or run.
LEAVES = {"dbx.errors"}
IMPORTS: dict[str, set[str]] = {
    "dbx": {"dbx._core", "dbx.errors", "dbx.client", "dbx.aio", "dbx.msgpack", "dbx.resp"},
    "dbx.__main__": {"dbx.cli"},
    "dbx.errors": set(),
    "dbx.config": LEAVES,
    "dbx._core": LEAVES,
    "dbx.msgpack": {"dbx._core"},
    "dbx.resp": {"dbx._core"},
    "dbx.commands": {"dbx.commands", *LEAVES},
    "dbx.pipeline": {"dbx._core", "dbx.commands", *LEAVES},
    "dbx.client": {"dbx._core", "dbx.commands", "dbx.config", "dbx.pipeline", *LEAVES},
    "dbx.aio": {"dbx._core", "dbx.client", "dbx.commands", "dbx.pipeline", *LEAVES},
    "dbx.cli": {"dbx"},
}


def _c_files() -> list[Path]:
    return sorted([*CSRC.rglob("*.c"), *CSRC.rglob("*.h")])


def _python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _includes(path: Path) -> list[tuple[str, str]]:
    """(kind, name) of every #include line; kind is '"' or '<'."""
    return re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', path.read_text(), re.MULTILINE)


def test_every_directory_of_csrc_is_a_known_layer() -> None:
    assert {path.name for path in CSRC.iterdir() if path.is_dir()} == INCLUDES.keys()


def test_a_layer_includes_only_what_the_rule_allows() -> None:
    wrong = []
    for path in _c_files():
        layer = path.relative_to(CSRC).parts[0]
        allowed = INCLUDES[layer] | {layer}
        for kind, name in _includes(path):
            if kind == '"' and name not in allowed and name.split("/")[0] not in allowed:
                wrong.append(f"{path.name} includes {name}")
    assert wrong == []


def test_includes_are_written_relative_to_csrc() -> None:
    wrong = [
        f"{path.name} includes {name}"
        for path in _c_files()
        for kind, name in _includes(path)
        if kind == '"' and not (CSRC / name).is_file()
    ]
    assert wrong == []


def test_only_the_store_knows_mdbx_and_nobody_knows_python() -> None:
    for path in _c_files():
        names = {name for kind, name in _includes(path) if kind == "<"}
        assert "Python.h" not in names, path
        assert "mdbx.h" not in names or path.is_relative_to(CSRC / "store"), path


def test_variables_of_other_files_are_declared_in_headers_only() -> None:
    extern = re.compile(r"^extern\b", re.MULTILINE)
    assert [path.name for path in CSRC.rglob("*.c") if extern.search(path.read_text())] == []


def test_c_file_names_are_unique() -> None:
    names = [path.name for path in _c_files()]
    assert sorted(set(names)) == sorted(names)


# --- Python ---------------------------------------------------------------------------------------


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _rule(module: str) -> set[str]:
    while module not in IMPORTS:
        module = module.rpartition(".")[0]
    return IMPORTS[module]


def _within(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def _imported(path: Path) -> set[str]:
    """Names of imported modules; `from dbx import x` counts as dbx.x."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            module = str(node.module)
            found |= {f"dbx.{alias.name}" for alias in node.names} if module == "dbx" else {module}
    return found


def test_a_module_imports_only_what_the_rule_allows() -> None:
    wrong = []
    for path in _python_files():
        module = _module(path)
        for name in _imported(path):
            if name.split(".")[0] == "dbx" and not _within(name, _rule(module)):
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_the_package_needs_nothing_but_the_standard_library() -> None:
    imported = {name.split(".")[0] for path in _python_files() for name in _imported(path)}
    assert imported - sys.stdlib_module_names == {"dbx"}
