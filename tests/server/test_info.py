"""INFO: the sections and fields that tools read, and numbers that are true."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.differential.known_differences import (
    INFO_FIELDS_MISSING,
    INFO_FIELDS_OWN,
    INFO_SECTIONS_MISSING,
)
from tests.support import trixie
from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer, RedisServer

Start = Callable[..., DbxServer]

# What redis_exporter, RedisInsight and client libraries look for.
READ_BY_TOOLS = {
    "server": "redis_version redis_mode os arch_bits process_id run_id tcp_port "
    "uptime_in_seconds uptime_in_days dbx_version",
    "clients": "connected_clients blocked_clients maxclients client_recent_max_input_buffer",
    "memory": "used_memory used_memory_human used_memory_rss used_memory_peak used_memory_lua "
    "maxmemory maxmemory_policy mem_fragmentation_ratio total_system_memory "
    "used_memory_dataset_perc number_of_cached_scripts mem_clients_normal",
    "persistence": "loading rdb_changes_since_last_save rdb_last_save_time rdb_last_bgsave_status "
    "rdb_bgsave_in_progress aof_enabled aof_last_write_status "
    "aof_last_bgrewrite_status aof_current_size",
    "stats": "total_connections_received total_commands_processed instantaneous_ops_per_sec "
    "total_net_input_bytes total_net_output_bytes instantaneous_input_kbps "
    "rejected_connections expired_keys evicted_keys keyspace_hits keyspace_misses "
    "pubsub_channels latest_fork_usec total_error_replies",
    "replication": "role connected_slaves master_replid master_repl_offset repl_backlog_size",
    "cpu": "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children",
    "cluster": "cluster_enabled",
    "store": "journal_position journal_durable_position journal_applied_position journal_bytes "
    "journal_saved_position checkpoints replay_last_entries written_checkpoint_bytes "
    "journal_segments buffer_entries buffer_bytes buffer_bytes_max buffer_kept_bytes "
    "frozen_entries frozen_bytes "
    "applies apply_last_ms apply_last_entries apply_last_bytes replay_last_ms "
    "replay_last_effects written_journal_bytes written_apply_bytes written_spool_bytes syncs "
    "sync_last_us turns effects map_bytes file_bytes views write_stalls work_gets "
    "work_seeks work_steps work_writes work_write_bytes last_error",
}


@pytest.fixture
def client(dbx_process: Start) -> Iterator[RawClient]:
    with dbx_process().raw() as connection:
        yield connection


def text(client: RawClient, *sections: str) -> str:
    data: bytes = client.value("INFO", *sections)
    return data.decode()


def fields(client: RawClient, *sections: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text(client, *sections).splitlines() if ":" in line)


def headings(client: RawClient, *sections: str) -> list[str]:
    return [line[2:] for line in text(client, *sections).splitlines() if line.startswith("# ")]


def expected(real: list[str]) -> list[str]:
    """The sections Redis names, as DBX has them."""
    return [name for name in real if name not in INFO_SECTIONS_MISSING] + ["Store"]


@pytest.mark.parametrize("sections", [(), ("default",), ("ALL",), ("everything",)])
def test_sections_are_those_of_redis(
    client: RawClient, redis8: RedisServer, sections: tuple[str, ...]
) -> None:
    with redis8.raw() as real:
        assert headings(client, *sections) == expected(headings(real, *sections))


def test_sections_are_chosen_as_in_redis(client: RawClient, redis8: RedisServer) -> None:
    with redis8.raw() as real:
        for sections in (["keyspace", "Server", "keyspace"], ["threads"], ["nosuch"]):
            assert headings(client, *sections) == headings(real, *sections)
        both = ("commandstats", "default")
        assert headings(client, *both) == expected(headings(real, *both))
    assert text(client, "nosuch") == ""


# Their lines are the commands called, the errors made, the addresses listened on.
LINES_VARY = {"Commandstats", "Errorstats", "Latencystats"}


def field_names(client: RawClient) -> dict[str, list[str]]:
    """Of INFO everything: the names in each section, in their order."""
    sections: dict[str, list[str]] = {}
    for line in text(client, "everything").splitlines():
        if line.startswith("# "):
            sections[line[2:]] = fields_here = []
        elif ":" in line:
            fields_here.append(line.split(":")[0])
    return sections


@pytest.fixture(scope="module")
def real_names() -> Iterator[dict[str, list[str]]]:
    """With its append-only file, as DBX has its journal, and a key."""
    try:
        server = RedisServer("redis8", trixie.command("redis-server"))
    except trixie.Unavailable as why:
        pytest.skip(str(why))
    server.start()
    with server.raw() as real:
        real.value("CONFIG", "SET", "appendonly", "yes")
        real.value("SET", "k", "v")
        yield field_names(real)
    server.close()


def test_every_section_has_the_fields_of_redis(
    client: RawClient, real_names: dict[str, list[str]]
) -> None:
    client.value("SET", "k", "v")
    ours, own = field_names(client), INFO_FIELDS_OWN
    for section, names in real_names.items():
        if section in LINES_VARY or section in INFO_SECTIONS_MISSING:
            continue
        wanted = [name for name in names if name not in INFO_FIELDS_MISSING]
        assert [name for name in ours[section] if name not in own] == wanted


def test_what_info_is_listed_not_to_have_is_in_redis_and_not_here(
    client: RawClient, real_names: dict[str, list[str]]
) -> None:
    ours = field_names(client)
    there = {name for names in real_names.values() for name in names}
    here = {name for names in ours.values() for name in names}
    assert set(INFO_SECTIONS_MISSING) <= real_names.keys() - ours.keys()
    assert set(INFO_FIELDS_MISSING) <= there - here
    assert set(INFO_FIELDS_OWN) <= here - there


def test_lines_end_with_crlf_and_sections_are_apart(client: RawClient) -> None:
    whole = text(client, "everything")
    assert whole.replace("\r\n", "").count("\n") == 0
    assert "\r\n\r\n# Clients\r\n" in whole


@pytest.mark.parametrize("section", READ_BY_TOOLS)
def test_fields_that_tools_read_are_there(client: RawClient, section: str) -> None:
    assert set(READ_BY_TOOLS[section].split()) <= set(fields(client, section))


def test_versions_and_policy(client: RawClient) -> None:
    found = fields(client)
    assert found["redis_version"].startswith("8.0.")
    assert found["maxmemory_policy"] == "noeviction"
    assert found["loading"] == "0"
    assert found["role"] == "master"


def test_keyspace_counts_keys_and_expiries_of_each_database(client: RawClient) -> None:
    client.value("MSET", "a", "1", "b", "2")
    client.value("EXPIRE", "a", "100")
    client.value("SELECT", "5")
    client.value("SET", "c", "3")
    assert fields(client, "keyspace") == {
        "db0": "keys=2,expires=1,avg_ttl=0,subexpiry=0",
        "db5": "keys=1,expires=0,avg_ttl=0,subexpiry=0",
    }


def test_commandstats_count_calls_rejections_and_failures(client: RawClient) -> None:
    client.value("SET", "k", "x")
    for command in (["GET", "k"], ["GET", "k"], ["GET"], ["INCR", "k"], ["CONFIG", "GET", "x"]):
        client.call(*command)
    found = fields(client, "commandstats")
    assert found["cmdstat_get"].startswith("calls=2,usec=")
    assert found["cmdstat_get"].endswith(",rejected_calls=1,failed_calls=0")
    assert found["cmdstat_incr"].endswith(",rejected_calls=0,failed_calls=1")
    assert found["cmdstat_config|get"].startswith("calls=1,")
    assert "cmdstat_strlen" not in found
    assert "latency_percentiles_usec_get" in fields(client, "latencystats")


def test_errorstats_count_by_code(client: RawClient) -> None:
    client.call("NOSUCH")
    client.call("GET")
    client.call("HELLO", "9")
    found = fields(client, "errorstats")
    assert found == {"errorstat_ERR": "count=2", "errorstat_NOPROTO": "count=1"}
    assert fields(client, "stats")["total_error_replies"] == "3"


def test_hits_and_misses_and_bytes_are_counted(client: RawClient) -> None:
    before = fields(client, "stats")
    client.value("SET", "k", "v")
    client.value("MGET", "k", "k", "none")
    client.send_bytes(encode("ECHO", "x" * 5000))
    client.read()
    after = fields(client, "stats")

    def grown(name: str) -> int:
        return int(after[name]) - int(before[name])

    assert (grown("keyspace_hits"), grown("keyspace_misses")) == (2, 1)
    assert grown("total_net_input_bytes") >= 5000
    assert grown("total_net_output_bytes") >= 5000
    assert grown("total_commands_processed") == 4


def test_resetstat_starts_the_counters_again(client: RawClient) -> None:
    client.call("NOSUCH")
    client.value("GET", "k")
    client.value("CONFIG", "RESETSTAT")
    found = fields(client, "everything")
    assert "errorstat_ERR" not in found
    assert "cmdstat_get" not in found
    assert found["keyspace_misses"] == "0"
    assert found["total_error_replies"] == "0"


def test_connected_clients_follow_connections(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        for _ in range(3):
            with server.raw() as other:
                other.value("PING")
                assert fields(client, "clients")["connected_clients"] == "2"
            while fields(client, "clients")["connected_clients"] != "1":
                pass
        assert int(fields(client, "stats")["total_connections_received"]) >= 4


def test_threads_tell_of_the_one_that_serves(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client, server.raw() as other:
        other.value("PING")
        found = fields(client, "threads")
        assert found.keys() == {"io_thread_0"}
        shown = dict(pair.split("=") for pair in found["io_thread_0"].split(","))
        assert shown["clients"] == "2"
        before = int(shown["reads"])
        for _ in range(10):
            client.value("PING")
        shown = dict(
            pair.split("=") for pair in fields(client, "threads")["io_thread_0"].split(",")
        )
        assert int(shown["reads"]) >= before + 10
        assert int(shown["writes"]) >= 10


def test_the_event_loop_s_times_are_measured(client: RawClient) -> None:
    before = fields(client, "stats")
    client.value("MSET", *(str(i) for i in range(200_000)))
    for _ in range(20):
        client.value("PING")
    after = fields(client, "stats")

    def grown(name: str) -> int:
        return int(after[name]) - int(before[name])

    assert grown("eventloop_cycles") >= 20
    assert grown("eventloop_duration_sum") > grown("eventloop_duration_cmd_sum") > 1000
    assert int(after["instantaneous_eventloop_cycles_per_sec"]) > 0
    assert int(after["instantaneous_eventloop_duration_usec"]) > 0
    client.value("CONFIG", "RESETSTAT")
    assert int(fields(client, "stats")["eventloop_duration_cmd_sum"]) < 1000


def test_clients_memory_is_counted(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        alone = int(fields(client, "memory")["mem_clients_normal"])
        with server.raw() as other:
            other.value("PING")
            assert int(fields(client, "memory")["mem_clients_normal"]) > alone > 0
