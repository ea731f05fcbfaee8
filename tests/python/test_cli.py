"""The command line: options, their sources and precedence, errors, exit codes, signals."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import dbx
from dbx.config import ServerConfig, server_config
from dbx.errors import DataError
from tests.support.servers import DbxServer, clean_environment, free_port

SECONDS_MAX = 60


def run(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dbx", *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**clean_environment(), **env},
        timeout=SECONDS_MAX,
    )


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dbx.toml and no ./dbx-data of the developer's comes into play."""
    monkeypatch.chdir(tmp_path)


# --- Asking ------------------------------------------------------------------------------------


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"dbx {dbx.__version__}\n")


def test_help_names_every_option_of_serve() -> None:
    done = run("serve", "--help")
    assert done.returncode == 0
    names = "data bind port unixsocket unixsocketperm http-port config durability requirepass"
    for option in f"{names} databases write-buffer loglevel".split():
        assert f"--{option}" in done.stdout


@pytest.mark.parametrize(
    ("args", "asked"),
    [
        (["nonsense"], "dbx"),
        (["--nonsense"], "dbx"),
        (["serve", "--nonsense"], "dbx serve"),
        (["serve", "--por", "7000"], "dbx serve"),
        (["serve", "--port", "x"], "dbx serve"),
        (["journal", "d"], "dbx journal"),
        (["journal", "d", "--resp", "--from", "-1"], "dbx journal"),
        (["journal", "d", "--resp", "--from", str(2**64)], "dbx journal"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(args: list[str], asked: str) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert f"(see {asked} --help)" in one_line(done.stderr)


def test_without_a_command_the_help_is_shown() -> None:
    done = run()
    assert done.returncode == 2
    assert "serve" in done.stdout


# --- Settings ----------------------------------------------------------------------------------


def settings(flags: dict[str, Any] | None = None, **environ: str) -> ServerConfig:
    return server_config(flags or {}, environ)


def test_defaults_are_loopback_and_redis_port() -> None:
    config = settings()
    assert config.data == "./dbx-data"
    assert config.bind == ["127.0.0.1", "-::1"]
    assert (config.port, config.http_port, config.unixsocket) == (6379, 0, "")
    assert config.settings == {"protected-mode": "yes"}


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "dbx.toml").write_text('port = 1\ndatabases = 2\nwrite_buffer = "3mb"\n')
    config = settings({"port": 10}, DBX_DATABASES="20", DBX_PORT="5")
    assert config.port == 10
    assert config.settings["databases"] == "20"
    assert config.settings["write-buffer-size"] == "3mb"
    assert config.source == "dbx.toml"


def test_a_greater_source_wins_whichever_name_it_uses(tmp_path: Path) -> None:
    (tmp_path / "dbx.toml").write_text(
        'durability = "none"\nappendfsync = "no"\nwrite-buffer = "1mb"\nrequirepass = "file"\n'
    )
    (tmp_path / "secret").write_text("environment\n")
    config = settings(
        {"durability": "always", "write_buffer": "3mb"},
        DBX_WRITE_BUFFER_SIZE="2mb",
        DBX_REQUIREPASS_FILE="secret",
    )
    assert config.settings["appendfsync"] == "always"
    assert config.settings["write-buffer-size"] == "3mb"
    assert config.settings["requirepass"] == "environment"
    assert (
        settings({"requirepass": "flag"}, DBX_REQUIREPASS_FILE="secret").settings["requirepass"]
        == "flag"
    )


def test_the_file_can_be_named_by_flag_and_by_environment(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("port = 1\n")
    assert settings({"config": "a.toml"}).port == 1
    assert settings(DBX_CONFIG="a.toml").port == 1


def test_durability_has_redis_words_for_the_engine() -> None:
    for ours, redis_word in (("always", "always"), ("everysec", "everysec"), ("none", "no")):
        assert settings({"durability": ours}).settings["appendfsync"] == redis_word


def test_the_password_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pa ss\n")
    assert settings(DBX_REQUIREPASS_FILE="secret").settings["requirepass"] == "pa ss"


@pytest.mark.parametrize(
    "environ",
    [
        {"DBX_PORT": "70000"},
        {"DBX_PORT": "many"},
        {"DBX_DURABILITY": "often"},
        {"DBX_UNIXSOCKETPERM": "999"},
        {"DBX_UNIXSOCKET": "/" + "x" * 107},
        {"DBX_REQUIREPASS_FILE": "absent"},
        {"DBX_REQUIREPASS_FILE": "latin1"},
        {"DBX_CONFIG": "absent.toml"},
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_opened(environ: dict[str, str]) -> None:
    Path("latin1").write_bytes(b"\xff")
    with pytest.raises(DataError) as error:
        settings(**environ)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [b"port = ", b"port = {a = 1}", b'requirepass = "\xff"'])
def test_a_broken_file_names_itself(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "dbx.toml").write_bytes(text)
    with pytest.raises(DataError, match=r"^dbx\.toml: "):
        settings()


@pytest.mark.parametrize("value", ["true", "6379.5", '"x"', "[1]"])
def test_a_port_in_the_file_is_a_whole_number(tmp_path: Path, value: str) -> None:
    (tmp_path / "dbx.toml").write_text(f"port = {value}\n")
    with pytest.raises(DataError, match=r"^port in dbx\.toml is a whole number"):
        settings()


@pytest.mark.parametrize(
    ("args", "env", "file", "culprit"),
    [
        (["--port", "70000"], {}, "", "--port"),
        ([], {"DBX_HTTP_PORT": "x"}, "", "DBX_HTTP_PORT"),
        ([], {"DBX_DURABILITY": "no"}, "", "DBX_DURABILITY"),
        (["--databases", "0"], {"DBX_DATABASES": "4"}, "", "(--databases)"),
        ([], {"DBX_WRITE_BUFFER": "1zb"}, "", "(DBX_WRITE_BUFFER)"),
        ([], {"DBX_SERVICE_HOST": "10.0.0.1"}, "", "(DBX_SERVICE_HOST)"),
        ([], {}, "nonsense = 1", "(nonsense in dbx.toml)"),
    ],
)
def test_a_wrong_setting_says_where_it_was_set(
    tmp_path: Path, args: list[str], env: dict[str, str], file: str, culprit: str
) -> None:
    (tmp_path / "dbx.toml").write_text(file)
    done = run("serve", "--data", ":memory:", *args, **env)
    assert done.returncode == 2
    assert culprit in one_line(done.stderr)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "-10.0.0.1", "127.a.b"])
def test_an_open_address_without_a_password_is_refused_with_the_ways_out(address: str) -> None:
    with pytest.raises(DataError, match=r"--requirepass.*--protected-mode no"):
        settings({"bind": [address]})
    assert settings({"bind": [address], "requirepass": "x"}).bind == [address]
    assert settings({"bind": [address], "protected-mode": "no"}).bind == [address]
    assert settings({"bind": [address], "port": 0}).bind == [address]


@pytest.mark.parametrize("address", ["127.0.0.1", "-::1", "localhost", "127.0.0.53"])
def test_loopback_needs_no_password(address: str) -> None:
    assert settings({"bind": [address]}).bind == [address]


# --- Serving -----------------------------------------------------------------------------------


def test_an_unknown_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = run("serve", "--data", ":memory:", DBX_NO_SUCH_THING="1")
    assert done.returncode == 2
    assert "no-such-thing" in one_line(done.stderr)


def test_nothing_to_listen_on_is_refused() -> None:
    done = run("serve", "--port", "0")
    assert done.returncode == 2
    assert "--unixsocket" in one_line(done.stderr)


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port), "--data", str(tmp_path / "d"))
    assert done.returncode == 1
    assert str(port) in one_line(done.stderr)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DbxServer]:
    server = DbxServer("--unixsocket", str(tmp_path / "s"), data=tmp_path / "d")
    server.start()
    yield server
    server.close()


def test_a_directory_that_is_served_already_names_its_server(
    server: DbxServer, tmp_path: Path
) -> None:
    done = run("serve", "--port", str(free_port()), "--data", str(server.data))
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert str(server.pid) in line
    assert f"{server.data} is served already" in line


def test_a_ready_server_says_where_it_listens_one_line_each(
    server: DbxServer, tmp_path: Path
) -> None:
    ready = [line for line in server.tail().splitlines() if "Ready for Redis clients" in line]
    assert any(f"127.0.0.1 port {server.port}" in line for line in ready)
    assert any(str(tmp_path / "s") in line for line in ready)


def test_the_unix_socket_serves_its_owner_only(server: DbxServer, tmp_path: Path) -> None:
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    with redis.Redis(unix_socket_path=str(tmp_path / "s")) as client:
        assert client.ping() is True


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_cleanly(server: DbxServer, how: signal.Signals) -> None:
    with server.client() as client:
        client.set("k", "v")
    server.stop(how)
    assert "Traceback" not in server.tail()
    with dbx.open(server.data) as db:
        assert db.get("k") == b"v"


def test_http_is_said_to_be_missing_not_pretended(tmp_path: Path) -> None:
    server = DbxServer("--http-port", "8080")
    server.start()
    try:
        assert "HTTP is not part of this version yet" in server.tail()
    finally:
        server.close()


def test_the_requirepass_flag_protects_the_server(tmp_path: Path) -> None:
    server = DbxServer("--requirepass", "secret")
    server.password = "secret"
    server.start()
    try:
        with redis.Redis(port=server.port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    finally:
        server.close()


# --- Journal -----------------------------------------------------------------------------------


def test_the_journal_is_printed_as_commands_that_any_redis_takes(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as db:
        db.set("k", "v")
        db.incr("n")
    journal = [sys.executable, "-m", "dbx", "journal", str(tmp_path / "d"), "--resp"]
    reader = dbx.resp.Reader()
    reader.feed(subprocess.run(journal, capture_output=True, check=True).stdout)
    commands = list(iter(reader.gets, False))
    assert [b"SET", b"k", b"v"] in commands
    assert len(commands) >= 2


def test_the_journal_of_nothing_is_an_error(tmp_path: Path) -> None:
    done = run("journal", str(tmp_path / "absent"), "--resp")
    assert done.returncode == 1
    assert "absent" in one_line(done.stderr)


def test_a_reader_of_the_journal_may_stop_early(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "d") as db:
        for number in range(1000):
            db.set(f"key:{number}", "v" * 1000)
    journal = [sys.executable, "-m", "dbx", "journal", str(tmp_path / "d"), "--resp"]
    with subprocess.Popen(journal, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as printing:
        assert printing.stdout is not None and printing.stderr is not None
        assert printing.stdout.read(1) == b"*"
        printing.stdout.close()
        assert printing.stderr.read() == b""
    assert printing.returncode == -signal.SIGPIPE
