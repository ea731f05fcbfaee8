/* info_data.c: INFO's sections about the data: persistence replication keyspace store. */
#include <inttypes.h>

#include "engine/info.h"
#include "engine/state.h"
#include "store/keyspace.h"

void dbx_info_persistence(dbx_engine *engine, dbx_buf *out) {
    dbx_store_info store;
    dbx_store_get_info(engine->store, &store);
    const char *status = store.last_error[0] == '\0' ? "ok" : "err";
    /* The journal stands for Redis's append-only file, an apply for its background save. */
    dbx_buf_printf(out,
                   "# Persistence\r\n"
                   "loading:0\r\n"
                   "async_loading:0\r\n"
                   "current_cow_peak:0\r\n"
                   "current_cow_size:0\r\n"
                   "current_cow_size_age:0\r\n"
                   "current_fork_perc:0.00\r\n"
                   "current_save_keys_processed:0\r\n"
                   "current_save_keys_total:0\r\n"
                   "rdb_changes_since_last_save:%" PRIu64 "\r\n"
                   "rdb_bgsave_in_progress:%d\r\n"
                   "rdb_last_save_time:%" PRId64 "\r\n"
                   "rdb_last_bgsave_status:%s\r\n"
                   "rdb_last_bgsave_time_sec:%" PRId64 "\r\n"
                   "rdb_current_bgsave_time_sec:-1\r\n"
                   "rdb_saves:%" PRIu64 "\r\n"
                   "rdb_last_cow_size:0\r\n"
                   "rdb_last_load_keys_expired:0\r\n"
                   "rdb_last_load_keys_loaded:%" PRIu64 "\r\n",
                   store.buffer_entries + store.frozen_entries, store.frozen_entries > 0 ? 1 : 0,
                   dbx_engine_saved_s(engine, &store), status,
                   store.applies > 0 ? (int64_t)(store.apply_last_ms / 1000) : (int64_t)-1,
                   store.applies, store.replay_last_effects);
    dbx_buf_printf(out,
                   "aof_enabled:1\r\n"
                   "aof_rewrite_in_progress:0\r\n"
                   "aof_rewrite_scheduled:0\r\n"
                   "aof_last_rewrite_time_sec:-1\r\n"
                   "aof_current_rewrite_time_sec:-1\r\n"
                   "aof_last_bgrewrite_status:ok\r\n"
                   "aof_rewrites:0\r\n"
                   "aof_rewrites_consecutive_failures:0\r\n"
                   "aof_last_write_status:%s\r\n"
                   "aof_last_cow_size:0\r\n"
                   "module_fork_in_progress:0\r\n"
                   "module_fork_last_cow_size:0\r\n"
                   "aof_current_size:%" PRIu64 "\r\n"
                   "aof_base_size:0\r\n"
                   "aof_pending_rewrite:0\r\n"
                   "aof_buffer_length:0\r\n"
                   "aof_pending_bio_fsync:%d\r\n"
                   "aof_delayed_fsync:%" PRIu64 "\r\n",
                   status, store.journal_bytes, store.durable < store.position ? 1 : 0,
                   store.write_stalls);
}

void dbx_info_replication(dbx_engine *engine, dbx_buf *out) {
    dbx_buf_printf(out,
                   "# Replication\r\n"
                   "role:master\r\n"
                   "connected_slaves:0\r\n"
                   "master_failover_state:no-failover\r\n"
                   "master_replid:%s\r\n"
                   "master_replid2:0000000000000000000000000000000000000000\r\n"
                   "master_repl_offset:0\r\n"
                   "second_repl_offset:-1\r\n"
                   "repl_backlog_active:0\r\n"
                   "repl_backlog_size:%" PRId64 "\r\n"
                   "repl_backlog_first_byte_offset:0\r\n"
                   "repl_backlog_histlen:0\r\n",
                   engine->run_id, engine->config.repl_backlog_size);
}

void dbx_info_keyspace(dbx_engine *engine, dbx_buf *out) {
    uint32_t count = dbx_db_count(engine->txn);
    dbx_buf_str(out, "# Keyspace\r\n");
    for (uint32_t db = 0; db < count; db++) {
        uint64_t keys = dbx_db_size(engine->txn, db);
        if (keys == 0) continue;
        dbx_buf_printf(
            out, "db%" PRIu32 ":keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0,subexpiry=0\r\n", db,
            keys, dbx_db_expires(engine->txn, db));
    }
}

static const char *durability_name(dbx_durability durability) {
    switch (durability) {
    case DBX_DURABILITY_NONE:
        return "none";
    case DBX_DURABILITY_ALWAYS:
        return "always";
    default:
        return "everysec";
    }
}

void dbx_info_store(dbx_engine *engine, dbx_buf *out) {
    dbx_store_info s;
    dbx_store_get_info(engine->store, &s);
    dbx_buf_printf(out, "# Store\r\nstore_in_memory:%d\r\nstore_durability:%s\r\n",
                   s.in_memory ? 1 : 0, durability_name(s.durability));
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {{"journal_position", s.position},
                 {"journal_durable_position", s.durable},
                 {"journal_applied_position", s.applied},
                 {"journal_saved_position", s.saved},
                 {"journal_bytes", s.journal_bytes},
                 {"journal_segments", s.journal_segments},
                 {"buffer_entries", s.buffer_entries},
                 {"buffer_bytes", s.buffer_bytes},
                 {"buffer_bytes_max", s.buffer_bytes_max},
                 {"buffer_kept_bytes", s.kept_bytes},
                 {"frozen_entries", s.frozen_entries},
                 {"frozen_bytes", s.frozen_bytes},
                 {"early_commits", s.early_commits},
                 {"early_entries", s.early_entries},
                 {"applies", s.applies},
                 {"apply_last_ms", s.apply_last_ms},
                 {"apply_last_entries", s.apply_last_entries},
                 {"apply_last_bytes", s.apply_last_bytes},
                 {"checkpoints", s.checkpoints},
                 {"replay_last_ms", s.replay_last_ms},
                 {"replay_last_effects", s.replay_last_effects},
                 {"replay_last_entries", s.replay_last_entries},
                 {"written_journal_bytes", s.written_journal_bytes},
                 {"written_checkpoint_bytes", s.written_checkpoint_bytes},
                 {"written_apply_bytes", s.written_apply_bytes},
                 {"written_spool_bytes", s.written_spool_bytes},
                 {"syncs", s.syncs},
                 {"sync_last_us", s.sync_last_us},
                 {"turns", s.turns},
                 {"effects", s.effects},
                 {"written_vacuum_bytes", s.written_vacuum_bytes},
                 {"vacuums", s.vacuums},
                 {"vacuum_due", s.litter},
                 {"vacuum_reclaimed_entries", s.reclaimed},
                 {"vacuum_moved_bytes", s.moved_bytes},
                 {"map_bytes", s.map_bytes},
                 {"file_bytes", s.file_bytes},
                 {"disk_free_bytes", s.disk_free_bytes},
                 {"disk_unused_bytes", s.disk_unused_bytes},
                 {"disk_low", s.disk_low},
                 {"disk_full", s.disk_full},
                 {"ballast_bytes", s.ballast_bytes},
                 {"views", s.views},
                 {"write_stalls", s.write_stalls},
                 {"work_gets", s.work_gets},
                 {"work_seeks", s.work_seeks},
                 {"work_steps", s.work_steps},
                 {"work_writes", s.work_writes},
                 {"work_write_bytes", s.work_write_bytes}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        dbx_buf_printf(out, "%s:%" PRIu64 "\r\n", lines[i].name, lines[i].value);
    }
    dbx_buf_printf(out, "last_error:%s\r\n", s.last_error);
}
