"""The C core on aarch64 and riscv64: cross-compiled, linked statically, run under qemu-user.

Keeps unportable code out (alignment, char's sign, word sizes, atomics). `make cross-python` does
the same for the whole package, with a Python of that architecture.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.servers import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 60.0
TARGETS = ("aarch64", "riscv64")


def _tool(name: str) -> str:
    """A program of this environment, or of the system."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: make packages-cross")
    return found


class Target:
    def __init__(self, arch: str) -> None:
        self.compiler = _tool(f"{arch}-linux-gnu-gcc")
        # A small address space: qemu keeps a table of it, and the store has to make do with less
        # than it asks for, as on small machines.
        self.emulator = [_tool(f"qemu-{arch}-static"), "-R", "8G"]
        self.arch = arch
        self.build = ROOT / "build" / f"cross-{arch}"

    def compile(self) -> None:
        cmake = _tool("cmake")
        options = {
            "CMAKE_SYSTEM_NAME": "Linux",
            "CMAKE_SYSTEM_PROCESSOR": self.arch,
            "CMAKE_C_COMPILER": self.compiler,
            "CMAKE_EXE_LINKER_FLAGS": "-static",
            "CMAKE_CROSSCOMPILING_EMULATOR": ";".join(self.emulator),
            "CMAKE_BUILD_TYPE": "Release",
            "CMAKE_MAKE_PROGRAM": _tool("ninja"),
            "Python_EXECUTABLE": sys.executable,
            "DBX_LTO": "OFF",
            "DBX_TESTS": "ON",
            "DBX_WERROR": "ON",
            "DBX_ALLOC_FAULTS": "ON",
        }
        defines = [f"-D{name}={value}" for name, value in options.items()]
        _run(cmake, "-S", ROOT, "-B", self.build, "-G", "Ninja", *defines)
        _run(cmake, "--build", self.build, "--parallel", str(os.cpu_count()))


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    target = Target(request.param)
    target.compile()
    return target


class Cli:
    """redis-cli, as anybody would use it."""

    def __init__(self, port: int) -> None:
        self._command = [_tool("redis-cli"), "-p", str(port)]

    def __call__(self, *args: str) -> str:
        done = subprocess.run(
            [*self._command, *args], capture_output=True, text=True, timeout=START_SECONDS_MAX
        )
        return done.stdout.rstrip("\n")


class EmulatedServer:
    """tests/c/serve_main.c of another architecture on a directory."""

    def __init__(self, target: Target, data: Path) -> None:
        self.cli = Cli(port := free_port())
        program = target.build / "bin" / "serve_main"
        self.process = subprocess.Popen([*target.emulator, program, data, str(port)])

    def __enter__(self) -> EmulatedServer:
        deadline = time.monotonic() + START_SECONDS_MAX
        while self.cli("ping") != "PONG":
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail("the server does not answer")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(START_SECONDS_MAX)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def test_the_c_tests_pass(target: Target) -> None:
    _run(_tool("ctest"), "--test-dir", target.build, "--output-on-failure", "--timeout", "600")


def test_redis_cli_reads_what_it_wrote_also_after_kill_and_restart(
    target: Target, tmp_path: Path
) -> None:
    with EmulatedServer(target, tmp_path / "data") as server:
        cli = server.cli
        assert cli("set", "greeting", "hello") == "OK"
        assert cli("append", "greeting", " there") == "11"
        assert cli("incrby", "counter", "9007199254740993") == "9007199254740993"
        assert cli("incrbyfloat", "ratio", "2.5") == "2.5"
        assert cli("set", "short", "x", "px", "1") == "OK"
        assert cli("-3", "mget", "greeting", "counter") == "hello there\n9007199254740993"
        assert cli("get", "short") == ""
        server.kill()
    with EmulatedServer(target, tmp_path / "data") as server:
        assert server.cli("get", "greeting") == "hello there"
        assert server.cli("dbsize") == "3"
        assert sorted(server.cli("--scan").splitlines()) == ["counter", "greeting", "ratio"]
        assert server.stop() == 0
