"""What reaches the device: each server on an ext4 image of its own, sectors counted by its loop
device. Where images cannot be mounted, what the file system was given is counted instead.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import load
from bench.contenders import DurableRedis, dbx_server, prefill
from bench.report import Report
from tests.support.servers import DbxServer, Server

MB = 1 << 20
SECTOR_BYTES = 512
WRITTEN_SECTORS = 6  # which field of /sys/block/*/stat
SETTLE_SECONDS = 10  # what was written last reaches the device
RATE, KEYS, VALUE_BYTES = 100, 1000, 100
BUFFERS = (8 * MB, 64 * MB, 256 * MB)
SET = ["SET", "key:__rand_int__", "v:__rand_int__"]
STEPS = 20  # in which as many SETs are sent as there are keys


class Device:
    """A file system that counts what is written to it. Without `loop`, a plain directory."""

    def __init__(self, directory: Path, loop: str | None) -> None:
        self.directory = directory
        self.loop = loop

    def written(self, server: Server) -> int:
        """written is in bytes, so far: the device's, or else the server's as the kernel saw it."""
        if self.loop is not None:
            fields = Path(f"/sys/block/{self.loop}/stat").read_text().split()
            return int(fields[WRITTEN_SECTORS]) * SECTOR_BYTES
        for line in Path(f"/proc/{server.pid}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
        raise AssertionError("the kernel does not count")

    def sync(self) -> None:
        subprocess.run(["sync", "-f", str(self.directory)], check=True)


@contextlib.contextmanager
def device(megabytes: int) -> Iterator[Device]:
    """device makes an image, mounts it and removes it again."""
    with tempfile.TemporaryDirectory(prefix="dbx-bench-device-") as scratch:
        image, directory = Path(scratch, "image"), Path(scratch, "mounted")
        directory.mkdir()
        try:
            with open(image, "wb") as file:
                file.truncate(megabytes * MB)
            for command in (
                ["mkfs.ext4", "-q", "-F", str(image)],
                ["mount", "-o", "loop,noatime", str(image), str(directory)],
            ):
                subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"    NOT THE DEVICE: no image can be mounted ({error}); /proc/PID/io, which "
                  "counts more, is read instead")  # fmt: skip
            yield Device(directory, None)
            return
        try:
            source = subprocess.run(
                ["findmnt", "-no", "SOURCE", str(directory)],
                check=True, capture_output=True, text=True,
            ).stdout.strip()  # fmt: skip
            shutil.rmtree(directory / "lost+found")
            yield Device(directory, Path(source).name)
        finally:
            subprocess.run(["umount", str(directory)], check=True)


@contextlib.contextmanager
def _dbx(at: Device, **settings: object) -> Iterator[DbxServer]:
    server = dbx_server(**settings)
    server.data = at.directory / "data"
    with contextlib.closing(server):
        server.start()
        yield server


@contextlib.contextmanager
def _redis(at: Device) -> Iterator[DurableRedis]:
    server = DurableRedis("everysec")
    shutil.rmtree(server.data)
    server.data = at.directory / "data"
    server.data.mkdir()
    with contextlib.closing(server):
        server.start()
        yield server


def device_bytes(report: Report, quick: bool, rounds: int, keys: int = 0) -> None:
    """Bytes that reach the device: few writes for ten minutes, at rest, and at full load."""
    _few(report, 60 if quick else 600, 10 if quick else 60)
    _full(report, keys or (500_000 if quick else 10_000_000))


# --- Few writes -----------------------------------------------------------------------------------


def _few(report: Report, seconds: int, rest: int) -> None:
    """_few is what a small device does all day: both servers at once, then nothing."""
    with contextlib.ExitStack() as stack:
        at = {who: stack.enter_context(device(512)) for who in ("dbx", "redis")}
        dbx = stack.enter_context(_dbx(at["dbx"]))
        servers: dict[str, Server] = {"dbx": dbx, "redis": stack.enter_context(_redis(at["redis"]))}
        _settle(at)
        before = {who: at[who].written(server) for who, server in servers.items()}
        info = dbx.store_info()
        loads = [stack.enter_context(_offered(server, seconds)) for server in servers.values()]
        for process in loads:
            assert process.wait(seconds + 60) == 0
        _apply_all(dbx)  # what is still in the buffer would be written some day
        _settle(at)
        written = {who: at[who].written(server) - before[who] for who, server in servers.items()}
        user = RATE * seconds * VALUE_BYTES
        report.add(
            f"{RATE}/s for {seconds} s, MB",
            {who: f"{n / MB:.1f} ({n / user:.1f} x the values)" for who, n in written.items()},
        )
        report.add("of these", {"dbx": _causes(info, dbx.store_info())})
        report.limit("dbx over redis", written["dbx"] / written["redis"], 1.5, "x")
        _rest(report, at["dbx"], dbx, rest)


@contextlib.contextmanager
def _offered(server: Server, seconds: int) -> Iterator[subprocess.Popen[bytes]]:
    process = load.offer(
        server, seconds=seconds, keys=KEYS, rate=RATE, clients=1, value_bytes=VALUE_BYTES
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _settle(devices: dict[str, Device]) -> None:
    time.sleep(SETTLE_SECONDS)
    for each in devices.values():
        each.sync()
    time.sleep(1)


def _causes(before: dict[str, int], after: dict[str, int]) -> str:
    """_causes is what INFO store says was written why, by the server's own count."""
    grown = {what: after[what] - before[what] for what in after}
    counted = ", ".join(
        f"{what} {grown[f'written_{what}_bytes'] / MB:.1f}"
        for what in ("journal", "checkpoint", "apply")
    )
    return f"{counted} MB; {grown['applies']} applies, {grown['syncs']} syncs"


def _rest(report: Report, at: Device, server: DbxServer, seconds: int) -> None:
    """_rest: a server that is asked nothing writes nothing and syncs nothing."""
    written, syncs = at.written(server), server.store_info()["syncs"]
    time.sleep(seconds)
    report.limit(f"bytes in {seconds} s at rest", at.written(server) - written, 0, "B")
    report.limit(f"syncs in {seconds} s at rest", server.store_info()["syncs"] - syncs, 0, "syncs")


# --- Full load ------------------------------------------------------------------------------------


def _full(report: Report, keys: int) -> None:
    """_full: SETs at random over `keys` keys, by Redis until it has rewritten its log twice, by DBX
    as many with a small, a middling and a large buffer.

    Both are measured over whole cycles: Redis from the end of one rewrite to the end of another,
    DBX from the end of one apply to the end of another, both with the load going on. So each SET
    has its share of a rewrite of the log or the map, no more and no less: what has been logged and
    saved, but not applied, when DBX's measure ends is about what there was when it began. Counting
    stops at the end of a step, so it may be off by a step's SETs of the log at either end.
    """
    # Megabytes, sparse. While free space is less than some of the file, applies are small, to
    # find room: that is another case.
    image = 4096 + keys // 500
    with device(image) as at, _redis(at) as redis:
        theirs, operations = _redis_each(at, redis, keys)
    report.add(f"SET over {keys:,} keys, B each", {"redis": f"{theirs:.0f}"})
    for buffer in BUFFERS:
        with (
            device(image) as at,
            _dbx(at, write_buffer_size=buffer, journal_freeze_size=buffer) as dbx,
        ):
            ours, causes = _dbx_each(at, dbx, keys, operations)
        case = f"the same, buffer of {buffer // MB} MB, B each"
        report.add(case, {"dbx": f"{ours:.0f} ({causes})"})
        if buffer == max(BUFFERS):
            report.limit(f"dbx over redis, {buffer // MB} MB", ours / theirs, 3, "x")


def _redis_each(at: Device, redis: DurableRedis, keys: int) -> tuple[float, int]:
    """_redis_each is the bytes a SET over two rewrites, and how many SETs that took."""
    prefill(redis, keys)
    _rewritten(redis, 1)
    at.sync()
    before, rewrites = at.written(redis), _rewrites(redis)
    operations = _load_until(redis, keys, lambda: _rewrites(redis) >= rewrites + 2)
    at.sync()
    return (at.written(redis) - before) / operations, operations


def _dbx_each(at: Device, dbx: DbxServer, keys: int, least: int) -> tuple[float, str]:
    """_dbx_each is the bytes a SET over whole buffers and at least so many SETs, and their
    causes."""
    prefill(dbx, keys)
    _apply_all(dbx)
    _load_until(dbx, keys, _applied(dbx))
    at.sync()
    before, info = at.written(dbx), dbx.store_info()
    load.redis_benchmark(dbx, SET, least, keys, 50, 16)
    operations = least + _load_until(dbx, keys, _applied(dbx))
    at.sync()
    return (at.written(dbx) - before) / operations, _causes(info, dbx.store_info())


def _load_until(server: Server, keys: int, done: Callable[[], bool]) -> int:
    """_load_until goes on with SETs until it is done, and returns how many there were."""
    operations = 0
    while not done():
        load.redis_benchmark(server, SET, keys // STEPS, keys, 50, 16)
        operations += keys // STEPS
    return operations


def _applied(server: DbxServer) -> Callable[[], bool]:
    """_applied returns what tells whether one more apply has ended since."""
    applies = server.store_info()["applies"]
    return lambda: server.store_info()["applies"] > applies


def _apply_all(server: DbxServer) -> None:
    """_apply_all has everything put into MDBX, whatever is being applied already."""
    while True:
        info = server.store_info()
        if info["frozen_entries"] == 0:
            if info["buffer_entries"] == 0:
                return
            server.apply()
        time.sleep(0.05)


def _persistence(server: Server) -> dict[str, str]:
    with server.raw() as client:
        lines = client.value("INFO", "persistence").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _rewrites(server: Server) -> int:
    """_rewrites is how many rewrites of the log have ended: Redis counts them when they begin."""
    info = _persistence(server)
    return int(info["aof_rewrites"]) - int(info["aof_rewrite_in_progress"])


def _rewritten(server: Server, times: int) -> None:
    """_rewritten asks for a rewrite of the log, so that the next one is due when it has doubled."""
    for _ in range(times):
        with server.raw() as client:
            client.call("BGREWRITEAOF")
        time.sleep(1)
        while _persistence(server)["aof_rewrite_in_progress"] != "0":
            time.sleep(0.2)
