/* info_stats.c: INFO's sections of counters: threads stats commandstats errorstats latencystats. */
#include <inttypes.h>

#include "base/clock.h"
#include "engine/info.h"
#include "engine/state.h"

/* Counters of parts this server does not have; tools expect the names. */
static const char stats_absent[] = "pubsub_channels:0\r\n"
                                   "pubsub_patterns:0\r\n"
                                   "pubsubshard_channels:0\r\n"
                                   "latest_fork_usec:0\r\n"
                                   "total_forks:0\r\n"
                                   "migrate_cached_sockets:0\r\n"
                                   "slave_expires_tracked_keys:0\r\n"
                                   "active_defrag_hits:0\r\n"
                                   "active_defrag_misses:0\r\n"
                                   "active_defrag_key_hits:0\r\n"
                                   "active_defrag_key_misses:0\r\n"
                                   "total_active_defrag_time:0\r\n"
                                   "current_active_defrag_time:0\r\n"
                                   "tracking_total_keys:0\r\n"
                                   "tracking_total_items:0\r\n"
                                   "tracking_total_prefixes:0\r\n";

/* One thread serves all connections; calls of the process's own threads come by none. */
void dbx_info_threads(dbx_engine *engine, dbx_buf *out) {
    size_t clients = 0;
    for (size_t i = 0; i < engine->sessions.count; i++)
        clients += engine->sessions.at[i]->kill != NULL;
    dbx_buf_printf(out,
                   "# Threads\r\n"
                   "io_thread_0:clients=%zu,reads=%" PRIu64 ",writes=%" PRIu64 "\r\n",
                   clients, engine->stats.reads, engine->stats.writes);
}

static void print_traffic(const dbx_stats *stats, const dbx_rates *rates, dbx_buf *out) {
    dbx_buf_printf(out,
                   "# Stats\r\n"
                   "total_connections_received:%" PRIu64 "\r\n"
                   "total_commands_processed:%" PRIu64 "\r\n"
                   "instantaneous_ops_per_sec:%.0f\r\n"
                   "total_net_input_bytes:%" PRIu64 "\r\n"
                   "total_net_output_bytes:%" PRIu64 "\r\n"
                   "total_net_repl_input_bytes:0\r\n"
                   "total_net_repl_output_bytes:0\r\n"
                   "instantaneous_input_kbps:%.2f\r\n"
                   "instantaneous_output_kbps:%.2f\r\n"
                   "instantaneous_input_repl_kbps:0.00\r\n"
                   "instantaneous_output_repl_kbps:0.00\r\n"
                   "rejected_connections:%" PRIu64 "\r\n"
                   "sync_full:0\r\n"
                   "sync_partial_ok:0\r\n"
                   "sync_partial_err:0\r\n",
                   stats->connections, stats->commands, rates->commands, stats->net_in,
                   stats->net_out, rates->net_in / 1024, rates->net_out / 1024,
                   stats->connections_rejected);
}

void dbx_info_stats(dbx_engine *engine, dbx_buf *out) {
    const dbx_stats *stats = &engine->stats;
    dbx_store_info store;
    dbx_store_get_info(engine->store, &store);
    dbx_rates rates = dbx_stats_rates(stats, dbx_clock_mono_us());
    print_traffic(stats, &rates, out);
    dbx_buf_printf(out,
                   "expired_subkeys:0\r\n"
                   "expired_keys:%" PRIu64 "\r\n"
                   "expired_stale_perc:0.00\r\n"
                   "expired_time_cap_reached_count:0\r\n"
                   "expire_cycle_cpu_milliseconds:0\r\n"
                   "evicted_keys:0\r\n"
                   "evicted_clients:0\r\n"
                   "evicted_scripts:0\r\n"
                   "total_eviction_exceeded_time:0\r\n"
                   "current_eviction_exceeded_time:0\r\n"
                   "keyspace_hits:%" PRIu64 "\r\n"
                   "keyspace_misses:%" PRIu64 "\r\n",
                   store.expired, store.hits, store.misses);
    dbx_buf_str(out, stats_absent);
    dbx_buf_printf(out,
                   "unexpected_error_replies:0\r\n"
                   "total_error_replies:%" PRIu64 "\r\n"
                   "dump_payload_sanitizations:0\r\n"
                   "total_reads_processed:%" PRIu64 "\r\n"
                   "total_writes_processed:%" PRIu64 "\r\n"
                   "io_threaded_reads_processed:0\r\n"
                   "io_threaded_writes_processed:0\r\n"
                   "client_query_buffer_limit_disconnections:%" PRIu64 "\r\n"
                   "client_output_buffer_limit_disconnections:%" PRIu64 "\r\n"
                   "reply_buffer_shrinks:0\r\n"
                   "reply_buffer_expands:0\r\n"
                   "eventloop_cycles:%" PRIu64 "\r\n"
                   "eventloop_duration_sum:%" PRIu64 "\r\n"
                   "eventloop_duration_cmd_sum:%" PRIu64 "\r\n"
                   "instantaneous_eventloop_cycles_per_sec:%.0f\r\n"
                   "instantaneous_eventloop_duration_usec:%.0f\r\n"
                   "acl_access_denied_auth:%" PRIu64 "\r\n"
                   "acl_access_denied_cmd:0\r\n"
                   "acl_access_denied_key:0\r\n"
                   "acl_access_denied_channel:0\r\n",
                   stats->errors, stats->reads, stats->writes, stats->query_limit_kills,
                   stats->output_limit_kills, stats->cycles, stats->cycles_us,
                   stats->cycles_commands_us, rates.cycles, rates.cycle_us, stats->auth_failures);
}

void dbx_info_commandstats(dbx_engine *engine, dbx_buf *out) {
    dbx_buf_str(out, "# Commandstats\r\n");
    for (size_t i = 0; i < engine->stats.slots_cap; i++) {
        const dbx_command_stats *slot = &engine->stats.slots[i];
        if (slot->row == NULL || slot->calls + slot->rejected == 0) continue;
        dbx_buf_printf(out,
                       "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64
                       ",usec_per_call=%.2f,rejected_calls=%" PRIu64 ",failed_calls=%" PRIu64
                       "\r\n",
                       slot->row->name, slot->calls, slot->us,
                       slot->calls == 0 ? 0 : (double)slot->us / (double)slot->calls,
                       slot->rejected, slot->failed);
    }
}

void dbx_info_errorstats(dbx_engine *engine, dbx_buf *out) {
    dbx_buf_str(out, "# Errorstats\r\n");
    for (size_t i = 0; i < engine->stats.error_count; i++) {
        const dbx_error_stats *error = &engine->stats.error[i];
        dbx_buf_printf(out, "errorstat_%s:count=%" PRIu64 "\r\n", error->code, error->count);
    }
}

void dbx_info_latencystats(dbx_engine *engine, dbx_buf *out) {
    dbx_buf_str(out, "# Latencystats\r\n");
    for (size_t i = 0; i < engine->stats.slots_cap; i++) {
        const dbx_command_stats *slot = &engine->stats.slots[i];
        if (slot->row == NULL || slot->times == NULL) continue;
        dbx_buf_printf(out, "latency_percentiles_usec_%s:p50=%.3f,p99=%.3f,p99.9=%.3f\r\n",
                       slot->row->name, dbx_stats_percentile(slot, 50),
                       dbx_stats_percentile(slot, 99), dbx_stats_percentile(slot, 99.9));
    }
}
