/* info_process.c: INFO's sections about the process and its clients: server clients memory cpu. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/clock.h"
#include "engine/info.h"
#include "engine/state.h"

/* --- Server
 * ---------------------------------------------------------------------------------------- */

/* Each line of engine->listeners as Redis numbers them. */
static void print_listeners(const dbx_engine *engine, dbx_buf *out) {
    const char *line = engine->listeners;
    for (int i = 0; line != NULL && *line != '\0'; i++) {
        size_t len = strcspn(line, "\n");
        dbx_buf_printf(out, "listener%d:%.*s\r\n", i, (int)len, line);
        line += len + 1;
    }
}

static void print_executable(dbx_buf *out) {
    char path[1024];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    dbx_buf_printf(out, "executable:%.*s\r\n", n > 0 ? (int)n : 0, path);
}

void dbx_info_server(dbx_engine *engine, dbx_buf *out) {
    struct utsname os = {0};
    int64_t up_s = (dbx_clock_mono_us() - engine->started_us) / 1000000,
            now_us = dbx_clock_wall_us();
    (void)uname(&os);
    dbx_buf_printf(out,
                   "# Server\r\n"
                   "redis_version:" DBX_REDIS_VERSION "\r\n"
                   "dbx_version:" DBX_VERSION "\r\n"
                   "redis_git_sha1:00000000\r\n"
                   "redis_git_dirty:0\r\n"
                   "redis_build_id:0\r\n"
                   "redis_mode:standalone\r\n"
                   "os:%s %s %s\r\n"
                   "arch_bits:%zu\r\n"
                   "monotonic_clock:POSIX clock_gettime\r\n"
                   "multiplexing_api:epoll\r\n"
                   "atomicvar_api:c11-builtin\r\n",
                   os.sysname, os.release, os.machine, sizeof(void *) * 8);
#if defined(__GNUC__) && !defined(__clang__)
    dbx_buf_printf(out, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
    dbx_buf_str(out, "gcc_version:0.0.0\r\n");
#endif
    dbx_buf_printf(out,
                   "process_id:%ld\r\n"
                   "process_supervised:no\r\n"
                   "run_id:%s\r\n"
                   "tcp_port:%" PRId64 "\r\n"
                   "server_time_usec:%" PRId64 "\r\n"
                   "uptime_in_seconds:%" PRId64 "\r\n"
                   "uptime_in_days:%" PRId64 "\r\n"
                   "hz:%" PRId64 "\r\n"
                   "configured_hz:%" PRId64 "\r\n"
                   "lru_clock:%" PRId64 "\r\n",
                   (long)getpid(), engine->run_id, engine->config.port, now_us, up_s, up_s / 86400,
                   engine->config.hz, engine->config.hz, (now_us / 1000000) & 0xFFFFFF);
    print_executable(out);
    dbx_buf_str(out, "config_file:\r\nio_threads_active:0\r\n");
    print_listeners(engine, out);
}

/* --- Clients
 * --------------------------------------------------------------------------------------- */

void dbx_info_clients(dbx_engine *engine, dbx_buf *out) {
    size_t input = 0, output = 0;
    for (size_t i = 0; i < engine->sessions.count; i++) {
        const dbx_session *session = engine->sessions.at[i];
        dbx_session_buffers b = {0};
        if (session->measure != NULL) session->measure(session->transport, &b);
        if (b.input > input) input = b.input;
        if (b.output > output) output = b.output;
    }
    dbx_buf_printf(out,
                   "# Clients\r\n"
                   "connected_clients:%zu\r\n"
                   "cluster_connections:0\r\n"
                   "maxclients:%" PRId64 "\r\n"
                   "client_recent_max_input_buffer:%zu\r\n"
                   "client_recent_max_output_buffer:%zu\r\n"
                   "blocked_clients:0\r\n"
                   "tracking_clients:0\r\n"
                   "pubsub_clients:0\r\n"
                   "watching_clients:0\r\n"
                   "clients_in_timeout_table:0\r\n"
                   "total_watched_keys:0\r\n"
                   "total_blocking_keys:0\r\n"
                   "total_blocking_keys_on_nokey:0\r\n",
                   engine->sessions.count, engine->config.maxclients, input, output);
}

/* --- Memory
 * ---------------------------------------------------------------------------------------- */

static uint64_t resident_bytes(void) {
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%lu %lu", &size, &resident) != 2) resident = 0;
    (void)fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void dbx_info_measure_memory(dbx_info_memory_use *out) {
    out->rss = resident_bytes();
    out->system = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    out->used = 0;
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 heap = mallinfo2();
    out->used = (uint64_t)heap.uordblks + heap.hblkhd;
#endif
    /* Another C library, or another allocator in its place, does not tell what it has allocated. */
    if (out->used == 0) out->used = out->rss;
}

static void print_amount(dbx_buf *out, const char *name, uint64_t bytes) {
    dbx_buf_printf(out, "%s:%" PRIu64 "\r\n%s_human:", name, bytes, name);
    dbx_info_human(out, bytes);
    dbx_buf_str(out, "\r\n");
}

/* Zeros: what belongs to parts this server does not have, or has no measure of. */
static const char memory_absent[] = "used_memory_lua:0\r\n"
                                    "used_memory_vm_eval:0\r\n"
                                    "used_memory_lua_human:0B\r\n"
                                    "used_memory_scripts_eval:0\r\n"
                                    "number_of_cached_scripts:0\r\n"
                                    "number_of_functions:0\r\n"
                                    "number_of_libraries:0\r\n"
                                    "used_memory_vm_functions:0\r\n"
                                    "used_memory_vm_total:0\r\n"
                                    "used_memory_vm_total_human:0B\r\n"
                                    "used_memory_functions:0\r\n"
                                    "used_memory_scripts:0\r\n"
                                    "used_memory_scripts_human:0B\r\n";

static const char memory_tail[] = "mem_not_counted_for_evict:0\r\n"
                                  "mem_replication_backlog:0\r\n"
                                  "mem_total_replication_buffers:0\r\n"
                                  "mem_replica_full_sync_buffer:0\r\n"
                                  "mem_clients_slaves:0\r\n";

static const char memory_end[] = "mem_cluster_links:0\r\n"
                                 "mem_aof_buffer:0\r\n"
                                 "mem_allocator:libc\r\n"
                                 "mem_overhead_db_hashtable_rehashing:0\r\n"
                                 "active_defrag_running:0\r\n"
                                 "lazyfree_pending_objects:0\r\n"
                                 "lazyfreed_objects:0\r\n";

size_t dbx_info_clients_bytes(const dbx_engine *engine) {
    size_t bytes = 0;
    for (size_t i = 0; i < engine->sessions.count; i++) {
        const dbx_session *session = engine->sessions.at[i];
        dbx_session_buffers b = {0};
        if (session->measure != NULL) session->measure(session->transport, &b);
        bytes += sizeof *session + b.input + b.input_free + b.output_room;
    }
    return bytes;
}

void dbx_info_memory(dbx_engine *engine, dbx_buf *out) {
    dbx_info_memory_use use;
    dbx_store_info store;
    dbx_info_measure_memory(&use);
    dbx_store_get_info(engine->store, &store);
    if ((int64_t)use.used > engine->stats.peak_bytes) engine->stats.peak_bytes = (int64_t)use.used;
    uint64_t dataset = store.buffer_bytes + store.frozen_bytes;
    if (dataset > use.used) dataset = use.used;
    double peak = (double)engine->stats.peak_bytes, used = (double)use.used;
    dbx_buf_str(out, "# Memory\r\n");
    print_amount(out, "used_memory", use.used);
    print_amount(out, "used_memory_rss", use.rss);
    print_amount(out, "used_memory_peak", (uint64_t)engine->stats.peak_bytes);
    dbx_buf_printf(out,
                   "used_memory_peak_perc:%.2f%%\r\n"
                   "used_memory_overhead:%" PRIu64 "\r\n"
                   "used_memory_startup:0\r\n"
                   "used_memory_dataset:%" PRIu64 "\r\n"
                   "used_memory_dataset_perc:%.2f%%\r\n"
                   "allocator_allocated:%" PRIu64 "\r\n"
                   "allocator_active:%" PRIu64 "\r\n"
                   "allocator_resident:%" PRIu64 "\r\n"
                   "allocator_muzzy:0\r\n",
                   peak > 0 ? used * 100 / peak : 0, use.used - dataset, dataset,
                   used > 0 ? (double)dataset * 100 / used : 0, use.used, use.used, use.rss);
    print_amount(out, "total_system_memory", use.system);
    dbx_buf_str(out, memory_absent);
    print_amount(out, "maxmemory", (uint64_t)engine->config.maxmemory);
    double ratio = used > 0 ? (double)use.rss / used : 0;
    dbx_buf_printf(out,
                   "maxmemory_policy:noeviction\r\n"
                   "allocator_frag_ratio:1.00\r\n"
                   "allocator_frag_bytes:0\r\n"
                   "allocator_rss_ratio:%.2f\r\n"
                   "allocator_rss_bytes:%" PRId64 "\r\n"
                   "rss_overhead_ratio:1.00\r\n"
                   "rss_overhead_bytes:0\r\n"
                   "mem_fragmentation_ratio:%.2f\r\n"
                   "mem_fragmentation_bytes:%" PRId64 "\r\n",
                   ratio, (int64_t)use.rss - (int64_t)use.used, ratio,
                   (int64_t)use.rss - (int64_t)use.used);
    dbx_buf_str(out, memory_tail);
    dbx_buf_printf(out, "mem_clients_normal:%zu\r\n", dbx_info_clients_bytes(engine));
    dbx_buf_str(out, memory_end);
}

/* --- CPU
 * ------------------------------------------------------------------------------------------- */

static void print_cpu(dbx_buf *out, const char *suffix, int who) {
    struct rusage use = {0};
    (void)getrusage(who, &use);
    dbx_buf_printf(out, "used_cpu_sys%s:%ld.%06ld\r\nused_cpu_user%s:%ld.%06ld\r\n", suffix,
                   (long)use.ru_stime.tv_sec, (long)use.ru_stime.tv_usec, suffix,
                   (long)use.ru_utime.tv_sec, (long)use.ru_utime.tv_usec);
}

void dbx_info_cpu(dbx_engine *engine, dbx_buf *out) {
    (void)engine;
    dbx_buf_str(out, "# CPU\r\n");
    print_cpu(out, "", RUSAGE_SELF);
    print_cpu(out, "_children", RUSAGE_CHILDREN);
#ifdef RUSAGE_THREAD
    print_cpu(out, "_main_thread", RUSAGE_THREAD);
#endif
}
