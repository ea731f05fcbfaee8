"""`dbx serve` on aarch64 and riscv64: the package under a Python of these, under qemu-user.

The Python is Debian's, its packages fetched by debootstrap into the cache and unpacked; nothing of
theirs is installed or run but the interpreter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cross.target import ROOT, TARGETS, EmulatedServer, Target, run, tool
from tests.support.cache import cache_directory
from tests.support.servers import clean_environment, free_port

SUITE = "trixie"
PYTHON = "python3.13"
DEBIAN_ARCH = {"aarch64": "arm64", "riscv64": "riscv64"}
NEEDED = ("libatomic1", "libc6_", "libexpat1", "libffi8", "libpython3", "libssl3")
NEEDED += ("python3", "zlib1g")
LAYERS = ("client", "server", "engine", "commands", "types", "store", "codec", "base", "mdbx")
LIMITS = {"DBX_WRITE_BUFFER_SIZE": "16mb"}


def _python_root(arch: str) -> Path:
    """A directory with Python for `arch`, made when it is not in the cache."""
    root = cache_directory() / f"{PYTHON}-{arch}"
    if root.exists():
        return root
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("making a Python of another architecture needs root and debootstrap")
    part, packages = (root.with_name(f"{root.name}.{what}") for what in ("part", "debs"))
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(packages, ignore_errors=True)
    run(
        "debootstrap", "--download-only", "--variant=minbase",
        f"--arch={DEBIAN_ARCH[arch]}", f"--include={PYTHON}-minimal,lib{PYTHON}-dev,libatomic1",
        SUITE, packages,
    )  # fmt: skip
    for package in sorted((packages / "var/cache/apt/archives").glob("*.deb")):
        if package.name.startswith(NEEDED):
            run("dpkg-deb", "-x", package, part)
    shutil.rmtree(packages)
    (part / "lib").symlink_to(
        "usr/lib"
    )  # as Debian has it; the programs look for their loader there
    part.rename(root)
    return root


def _build_package(target: Target, root: Path, package: Path) -> None:
    """The package with an extension module for the Python in `root`."""
    triplet = f"{target.arch}-linux-gnu"
    core_c = package.with_name("_core.c")
    ignored = shutil.ignore_patterns("*.pyx", "*.pxi", "*.so", "__pycache__")
    shutil.copytree(ROOT / "dbx", package, ignore=ignored)
    cython = [sys.executable, "-m", "cython", "-3", "--module-name", "dbx._core"]
    run(*cython, ROOT / "dbx/_core.pyx", "-o", core_c)
    run(
        target.compiler, "-shared", "-fPIC", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-w",
        f"-I{ROOT / 'csrc'}", f"-I{root}/usr/include/{PYTHON}", f"-I{root}/usr/include",
        core_c, "-o", package / f"_core.cpython-313-{triplet}.so",
        *(target.build / f"libdbx_{layer}.a" for layer in LAYERS), "-lm", "-latomic",
        "-static-libgcc",
    )  # fmt: skip


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    tool("dpkg-deb")
    target = Target(request.param)
    target.compile()
    return target


def test_dbx_serve_starts_answers_and_stops(target: Target, tmp_path: Path) -> None:
    root = _python_root(target.arch)
    _build_package(target, root, tmp_path / "lib" / "dbx")
    port = free_port()
    python = ["-L", root, root / "usr/bin" / PYTHON, "-P"]  # not the sources beside us
    command = [*python, "-m", "dbx", "serve", "--data", tmp_path / "data", "--port", port]
    home = {"PYTHONHOME": f"{root}/usr", "PYTHONPATH": str(tmp_path / "lib")}
    env = clean_environment() | home | LIMITS
    with EmulatedServer(target, port, command, env) as server:
        assert server.cli("set", "k", "v", "ex", "100") == "OK"
        assert server.cli("get", "k") == "v"
        assert "redis_version:8.0" in server.cli("info", "server")
        assert server.stop() == 0
    version = subprocess.run(
        [*target.emulator, *map(str, [*python, "-m", "dbx", "--version"])],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert version.stdout.startswith("dbx ")
