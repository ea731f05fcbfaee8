"""The C core on aarch64 and riscv64: cross-compiled, linked statically, run under qemu-user.

Keeps unportable code out: alignment, char's sign, word sizes, atomics.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cross.target import TARGETS, EmulatedServer, Target, run, tool
from tests.support.servers import free_port

# The simulations' machine is the same whatever they run on. Of what else takes a minute here (`make
# cross` runs it) nothing is about the machine that shorter tests do not go through.
SIMULATIONS = "powercut|faults"
SLOW = "test_engine_faults|test_server_faults|test_server_relay|test_store_opens|test_upgrade"
SLOW += "|test_t_list|test_vacuum|test_verify_tables"
LEFT_OUT = f"^({SIMULATIONS if 'DBX_CROSS_ALL' in os.environ else SIMULATIONS + '|' + SLOW})$"


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    target = Target(request.param)
    target.compile()
    return target


def serve(target: Target, data: Path) -> EmulatedServer:
    """tests/c/serve_main.c on a directory."""
    port = free_port()
    return EmulatedServer(target, port, [target.build / "bin" / "serve_main", data, port])


def test_the_c_tests_pass(target: Target) -> None:
    ctest = [tool("ctest"), "--test-dir", target.build, "--parallel", os.cpu_count()]
    run(*ctest, "--output-on-failure", "--timeout", "600", "--exclude-regex", LEFT_OUT)


def test_redis_cli_reads_what_it_wrote_also_after_kill_and_restart(
    target: Target, tmp_path: Path
) -> None:
    with serve(target, tmp_path / "data") as server:
        cli = server.cli
        assert cli("set", "greeting", "hello") == "OK"
        assert cli("append", "greeting", " there") == "11"
        assert cli("incrby", "counter", "9007199254740993") == "9007199254740993"
        assert cli("incrbyfloat", "ratio", "2.5") == "2.5"
        assert cli("set", "short", "x", "px", "1") == "OK"
        assert cli("-3", "mget", "greeting", "counter") == "hello there\n9007199254740993"
        assert cli("get", "short") == ""
        server.kill()
    with serve(target, tmp_path / "data") as server:
        assert server.cli("get", "greeting") == "hello there"
        assert server.cli("dbsize") == "3"
        assert sorted(server.cli("--scan").splitlines()) == ["counter", "greeting", "ratio"]
        assert server.stop() == 0
