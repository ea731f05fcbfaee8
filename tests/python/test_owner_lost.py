"""What a joined program is told when something goes wrong between it and the owner: never another
command's reply, and never half a transaction.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbx
from dbx import errors
from tests.support import proc
from tests.support.servers import Program, clean_environment

WAIT_SECONDS_MAX = 60.0
SCARCE = """
import resource, sys, dbx
from dbx import errors
with dbx.open(sys.argv[1]) as db:
    db.get("k")
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (48 << 20), -1))
    for key in ("big", "k", "big", "k"):
        try:
            print(db.get(key).decode())
        except errors.DBXError as error:
            print(type(error).__name__)
"""

Lose = Callable[[Program], None]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(tmp_path / "d") as program:
        yield program


@pytest.fixture(params=["ends", "killed", "disconnects"])
def lose(request: pytest.FixtureRequest) -> Lose:
    def disconnect(program: Program) -> None:
        clients = program.execute("CLIENT LIST").count("id=")
        program.execute("CLIENT KILL MAXAGE 1")
        until = time.monotonic() + WAIT_SECONDS_MAX
        while program.execute("CLIENT LIST").count("id=") == clients:
            assert time.monotonic() < until
            time.sleep(0.01)

    return {"ends": Program.stop, "killed": Program.kill, "disconnects": disconnect}[request.param]


@pytest.mark.skipif(proc.instrumented(), reason="sanitizers need more room for addresses")
def test_a_reply_that_no_memory_was_left_for_is_not_taken_for_the_next(program: Program) -> None:
    with dbx.open(program.path) as db:
        db.set("big", b"x" * (100 << 20))
        db.set("k", "v")
    done = subprocess.run(
        [sys.executable, "-c", SCARCE, str(program.path)],
        capture_output=True, text=True, env=clean_environment(), timeout=WAIT_SECONDS_MAX,
    )  # fmt: skip
    assert done.stdout.split() == ["OutOfMemoryError", "v", "OutOfMemoryError", "v"], done.stderr


def test_a_transaction_that_was_begun_with_another_owner_is_an_error(
    program: Program, lose: Lose
) -> None:
    with dbx.open(program.path) as db:
        db.execute_command("MULTI")
        db.execute_command("SET", "a", 1)
        time.sleep(1.1)  # for MAXAGE
        lose(program)
        with pytest.raises(errors.ConnectionError, match="transaction is lost"):
            db.execute_command("SET", "b", 1)
        assert db.exists("a", "b") == 0
        assert db.set("b", 2) is True


def test_a_transaction_is_lost_once(program: Program) -> None:
    with dbx.open(program.path) as db:
        db.execute_command("MULTI")
        with proc.frozen(program.pid):
            timer = threading.Timer(0.2, program.kill)
            timer.start()
            with pytest.raises(errors.ConnectionError, match="unknown"):
                db.execute_command("SET", "a", 1)
            timer.join()
        assert db.set("b", 2) is True
        assert db.execute_command("MULTI") == b"OK"
        db.execute_command("QUIT")
        assert db.set("b", 3) is True


def test_who_is_closed_while_an_owner_is_looked_for_has_nothing_open(program: Program) -> None:
    raised = []

    def call(db: dbx.DBX) -> None:
        try:
            db.get("k")
        except errors.DBXError as error:
            raised.append(error)

    with open(Path(program.path) / "lock", "rb") as lock, dbx.open(program.path) as db:
        db.get("k")
        program.kill()
        fcntl.flock(lock, fcntl.LOCK_EX)
        caller = threading.Thread(target=call, args=[db])
        caller.start()
        time.sleep(0.2)
        db.close()
        fcntl.flock(lock, fcntl.LOCK_UN)
        caller.join(WAIT_SECONDS_MAX)
        assert [type(error) for error in raised] == [errors.ConnectionError]
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
