"""A target machine: its compiler, its emulator, its build of the C core, emulated servers."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 60.0
TARGETS = ("aarch64", "riscv64")


def tool(name: str) -> str:
    """A program of this environment, or of the system."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: make packages-cross")
    return found


class Target:
    def __init__(self, arch: str) -> None:
        self.compiler = tool(f"{arch}-linux-gnu-gcc")
        # qemu keeps a table of the address space, and walks it when some is taken or given back: it
        # has little of it, and a database asks for little (DBX_MAP_MB).
        self.emulator = [tool(f"qemu-{arch}-static"), "-R", "8G"]
        self.arch = arch
        self.build = ROOT / "build" / f"cross-{arch}"

    def compile(self) -> None:
        cmake = tool("cmake")
        options = {
            "CMAKE_SYSTEM_NAME": "Linux",
            "CMAKE_SYSTEM_PROCESSOR": self.arch,
            "CMAKE_C_COMPILER": self.compiler,
            "CMAKE_EXE_LINKER_FLAGS": "-static",
            "CMAKE_CROSSCOMPILING_EMULATOR": ";".join(self.emulator),
            "CMAKE_BUILD_TYPE": "Release",
            "CMAKE_MAKE_PROGRAM": tool("ninja"),
            "Python_EXECUTABLE": sys.executable,
            "DBX_LTO": "OFF",
            "DBX_TESTS": "ON",
            "DBX_WERROR": "ON",
            "DBX_ALLOC_FAULTS": "ON",
            "DBX_MAP_MB": "256",
        }
        defines = [f"-D{name}={value}" for name, value in options.items()]
        self.build.mkdir(parents=True, exist_ok=True)
        with open(self.build / "lock", "w") as lock:  # other tests may want it at the same time
            fcntl.flock(lock, fcntl.LOCK_EX)
            run(cmake, "-S", ROOT, "-B", self.build, "-G", "Ninja", *defines)
            run(cmake, "--build", self.build, "--parallel", str(os.cpu_count()))


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"


class Cli:
    """redis-cli, as anybody would use it."""

    def __init__(self, port: int) -> None:
        self._command = [tool("redis-cli"), "-p", str(port)]

    def __call__(self, *args: str) -> str:
        done = subprocess.run(
            [*self._command, *args], capture_output=True, text=True, timeout=START_SECONDS_MAX
        )
        return done.stdout.rstrip("\n")


class EmulatedServer:
    """A server of another architecture, started by `command`, that will listen on `port`."""

    def __init__(
        self,
        target: Target,
        port: int,
        command: Sequence[object],
        env: dict[str, str] | None = None,
    ) -> None:
        self.cli = Cli(port)
        argv = [*target.emulator, *(str(part) for part in command)]
        self.process = subprocess.Popen(argv, env=env)

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
