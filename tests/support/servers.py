"""Servers as processes: real Redis and Valkey, and DBX through `python -m dbx serve`.

A server owns its port, directory and log. start() returns when it answers; a server that does not
come up, or does not stop as it should, fails the test with the end of its log.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis

from tests.support import proc, trixie
from tests.support.resp import RawClient

START_SECONDS_MAX = 60.0  # generous: sanitizer builds on a busy machine start slowly
STOP_SECONDS_MAX = 30.0
POLL_SECONDS = 0.005
LOG_TAIL_BYTES = 4000
APPLIES_MAX = 20  # until nothing is left that expired during the last


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """clean_environment is ours without DBX_*: every such name would be a setting to DBX."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DBX_")}


class ServerError(AssertionError):
    """A server did not start, died, or did not stop cleanly."""


class Server:
    """One server process that can be started, stopped, killed and started again."""

    exit_codes: tuple[int, ...] = (0,)  # of a clean stop
    data: Path | str  # where it keeps its data

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=f"dbx-{name}-"))
        self.log = self.directory / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.password: str | None = None

    def argv(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return clean_environment()

    # --- Life ---------------------------------------------------------------------------------

    def spawn(self) -> None:
        """spawn begins to start the server, and waits for nothing."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.argv(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self.environment(),
            )  # fmt: skip

    def start(self) -> Server:
        self.spawn()
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if (code := self.process.poll()) is not None:
                self.process = None
                raise ServerError(f"{self.name} exited with {code}:\n{self.tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.name} does not answer:\n{self.tail()}")
            time.sleep(POLL_SECONDS)
        return self

    def _answers(self) -> bool:
        try:
            with RawClient(self.port, timeout=START_SECONDS_MAX) as client:
                tag, value = client.call("PING")
        except OSError:
            return False
        return not (tag == "error" and value.startswith(b"LOADING"))

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """stop asks the server to end and insists on a clean exit."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.wait()

    def wait(self) -> None:
        """wait is for a server that has been told to end, and insists on a clean exit."""
        assert self.process is not None
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"{self.name} did not stop:\n{self.tail()}") from None
        self.process = None
        if code not in self.exit_codes:
            raise ServerError(f"{self.name} stopped with exit code {code}:\n{self.tail()}")

    def kill(self) -> None:
        """kill is kill -9: no clean-up, as when the out-of-memory killer strikes."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """close stops the server and removes what it wrote."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def tail(self) -> str:
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    # --- Talking to it ------------------------------------------------------------------------

    def raw(self, protocol: int = 2, timeout: float = 30.0) -> RawClient:
        return RawClient(self.port, protocol=protocol, password=self.password, timeout=timeout)

    def client(self, protocol: int = 3, **options: Any) -> redis.Redis:
        return redis.Redis(port=self.port, protocol=protocol, password=self.password, **options)

    def memory(self) -> proc.Memory:
        return proc.memory(self.pid)


class Program:
    """A program of somebody's that has a database open: `dbx serve` on it joins this process."""

    CODE = (
        "import sys, dbx\n"
        "with dbx.open(sys.argv[1]) as db:\n"
        "    print('joined' if db.joined else 'open', flush=True)\n"
        "    for line in sys.stdin: print(db.execute_command(*line.split()), flush=True)\n"
    )

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.joined = self.stdout.readline() == b"joined\n"

    @property
    def pid(self) -> int:
        return self.process.pid

    def execute(self, command: str) -> str:
        """Has it execute a command; what Python prints of the reply."""
        self.stdin.write(command.encode() + b"\n")
        self.stdin.flush()
        return self.stdout.readline().decode().strip()

    def stop(self) -> None:
        """It closes the database and ends."""
        self.stdin.close()
        code = self.process.wait(STOP_SECONDS_MAX)
        self.stdout.close()
        if code != 0:
            raise ServerError(f"the program ended with exit code {code}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self.stdin.close()
        self.stdout.close()


class RedisServer(Server):
    """A real Redis or Valkey that keeps nothing unless asked."""

    def __init__(self, name: str, program: Sequence[str], *settings: str) -> None:
        super().__init__(name)
        self.data = self.directory
        self.program = list(program)
        self.settings = settings

    def argv(self) -> Sequence[str]:
        # Inside a chroot the working directory is /, hence --dir; what a test has saved there is
        # not for another server. RESTORE looks at payloads as closely as DBX does.
        return [*self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", "/tmp", "--dbfilename", f"{self.port}.rdb",
                "--sanitize-dump-payload", "yes", *self.settings]  # fmt: skip


class DbxServer(Server):
    """`python -m dbx serve` on a directory of its own.

    DBX_TEST_SERVER names a server to run instead: tests/c/serve_main, built with sanitizers.
    """

    def __init__(
        self,
        *flags: str,
        data: Path | str | None = None,
        settings: Mapping[str, object] | None = None,
        name: str = "dbx",
    ) -> None:
        """`settings` are configuration names with their values, handed over as DBX_* variables."""
        super().__init__(name)
        self.data = data if data is not None else self.directory / "data"
        self.flags = list(flags)
        self.settings = dict(settings or {})
        if "--requirepass" in flags:
            self.password = flags[flags.index("--requirepass") + 1]

    def argv(self) -> Sequence[str]:
        if program := os.environ.get("DBX_TEST_SERVER"):
            return [program, str(self.data), str(self.port), *self._c_settings()]
        return [sys.executable, "-m", "dbx", "serve", "--http-port", "0", "--port", str(self.port),
                "--data", str(self.data), *self.flags]  # fmt: skip

    def _c_settings(self) -> list[str]:
        """Flags and settings as serve_main takes them: NAME=VALUE, by CONFIG's names."""
        pairs = dict(zip(self.flags[::2], self.flags[1::2], strict=True)) | self.settings
        names = {name.removeprefix("--"): str(value) for name, value in pairs.items()}
        if durability := names.pop("durability", None):
            names["appendfsync"] = {"none": "no"}.get(durability, durability)
        return [f"{name}={value}" for name, value in names.items()]

    def environment(self) -> dict[str, str]:
        env = super().environment()
        for setting, value in self.settings.items():
            env["DBX_" + setting.upper().replace("-", "_")] = str(value)
        return env

    def apply(self) -> None:
        """apply has everything put into MDBX, and what expires meanwhile."""
        with self.raw() as client:
            for _ in range(APPLIES_MAX):
                client.value("SAVE")
                info = store_info(client)
                if not info["buffer_entries"] and not info["frozen_entries"]:
                    return
        raise AssertionError(info)

    def store_info(self) -> dict[str, int]:
        with self.raw() as client:
            return store_info(client)


def store_info(client: RawClient) -> dict[str, int]:
    """store_info returns the numbers of INFO store by name."""
    return numbers(client.value("INFO", "store"))


def numbers(info: bytes | Mapping[str, Any]) -> dict[str, int]:
    """numbers returns what INFO says in whole numbers, from its text or from the API's reply."""
    if isinstance(info, bytes):
        lines = (line.partition(":") for line in info.decode().splitlines())
        info = {name: int(value) for name, _, value in lines if value.lstrip("-").isdigit()}
    return {name: value for name, value in info.items() if isinstance(value, int)}


def redis7() -> RedisServer:
    """redis7 is the distribution's own server: 7.0 on Debian 12."""
    program = shutil.which("redis-server")
    if program is None:
        raise trixie.Unavailable("redis-server is not installed")
    return RedisServer("redis7", [program])


def redis8() -> RedisServer:
    return RedisServer("redis8", trixie.command("redis-server"))


def valkey8() -> RedisServer:
    return RedisServer("valkey8", trixie.command("valkey-server"))
