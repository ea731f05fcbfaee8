/* cmd_memory.c: MEMORY: what keys and the server take.
 *
 * The data are not in memory: MEMORY USAGE says what a key takes in the database file, and the
 * data set of MEMORY STATS is what the write buffers hold.
 */
#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "commands/help.h"
#include "commands/lookup.h"
#include "engine/info.h"
#include "engine/state.h"
#include "store/keyspace.h"
#include "types/footprint.h"

enum { SAMPLES = 5, MALLOC_STATS_MAX = 512 };

/* --- MEMORY USAGE ----------------------------------------------------------------------------- */

static bool parse_samples(dbx_args *args, int64_t *samples, dbx_reply *out) {
    while (dbx_args_left(args) > 1 && dbx_args_word(args, "SAMPLES")) {
        *samples = dbx_args_i64(args);
        if (*samples < 0) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    }
    return dbx_args_end(args, out);
}

static int cmd_memory_usage(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int64_t samples = SAMPLES;
    uint64_t bytes;
    dbx_slice name = dbx_args_next(args);
    if (!parse_samples(args, &samples, out)) return DBX_OK;
    int rc;
    if (!dbx_lookup_any(ctx, name, &k, out, &rc)) return rc;
    rc = dbx_footprint(ctx->txn, &k, (uint64_t)samples, &bytes);
    if (rc == DBX_OK) out->ops->integer(out, (int64_t)bytes);
    return rc;
}

/* --- The server ------------------------------------------------------------------------------- */

static void add(dbx_reply *out, const char *name, uint64_t value) {
    dbx_reply_str(out, name);
    out->ops->integer(out, (int64_t)value);
}

static void add_real(dbx_reply *out, const char *name, double value) {
    dbx_reply_str(out, name);
    out->ops->real(out, value);
}

static double percent(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : (double)part * 100 / (double)whole;
}

static uint64_t keys_of_all(dbx_ctx *ctx) {
    uint64_t keys = 0;
    for (uint32_t db = 0; db < dbx_db_count(ctx->txn); db++)
        keys += dbx_db_size(ctx->txn, db);
    return keys;
}

static int cmd_memory_stats(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_engine *engine = ctx->engine;
    dbx_info_memory_use use;
    dbx_store_info store;
    (void)args;
    dbx_info_measure_memory(&use);
    dbx_store_get_info(engine->store, &store);
    if ((int64_t)use.used > engine->stats.peak_bytes) engine->stats.peak_bytes = (int64_t)use.used;
    uint64_t dataset = store.buffer_bytes + store.frozen_bytes, keys = keys_of_all(ctx);
    if (dataset > use.used) dataset = use.used;
    out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
    add(out, "peak.allocated", (uint64_t)engine->stats.peak_bytes);
    add(out, "total.allocated", use.used);
    add(out, "startup.allocated", 0);
    add(out, "clients.normal", dbx_info_clients_bytes(engine));
    add(out, "overhead.total", use.used - dataset);
    add(out, "keys.count", keys);
    add(out, "keys.bytes-per-key", keys == 0 ? 0 : dataset / keys);
    add(out, "dataset.bytes", dataset);
    add_real(out, "dataset.percentage", percent(dataset, use.used));
    add_real(out, "peak.percentage", percent(use.used, (uint64_t)engine->stats.peak_bytes));
    add(out, "allocator.allocated", use.used);
    add(out, "allocator.active", use.used);
    add(out, "allocator.resident", use.rss);
    add_real(out, "fragmentation", percent(use.rss, use.used) / 100);
    add(out, "fragmentation.bytes", use.rss - use.used);
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_memory_doctor(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    (void)args;
    static const char text[] =
        "The data set lies in a file, and memory is bounded by settings (write-buffer-size, "
        "client-output-buffer-limit): nothing is looked for here. MEMORY STATS has the numbers.\n";
    out->ops->verbatim(out, "txt", dbx_slice_str(text));
    return DBX_OK;
}

static int cmd_memory_malloc_stats(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    char text[MALLOC_STATS_MAX];
    (void)ctx;
    (void)args;
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 heap = mallinfo2();
    (void)snprintf(text, sizeof text,
                   "heap from the system: %zu\nmapped by itself: %zu in %zu pieces\nin use: %zu\n"
                   "free: %zu in %zu pieces\nto be given back from the top: %zu\n",
                   heap.arena, heap.hblkhd, heap.hblks, heap.uordblks, heap.fordblks, heap.ordblks,
                   heap.keepcost);
#else
    (void)snprintf(text, sizeof text, "This C library does not tell what it has allocated.\n");
#endif
    out->ops->verbatim(out, "txt", dbx_slice_str(text));
    return DBX_OK;
}

static int cmd_memory_purge(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    (void)args;
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
    dbx_reply_ok(out);
    return DBX_OK;
}

static int cmd_memory_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    static const char *const lines[] = {
        "DOCTOR",
        "    Return a text: problems are not looked for.",
        "MALLOC-STATS",
        "    Return what the C library tells about its heap.",
        "PURGE",
        "    Give free memory back to the system.",
        "STATS",
        "    Return what the server uses memory for.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return about how many bytes <key> takes in the database file. <count> entries",
        "    of a collection stand for the others (default: 5, 0 means all are counted).",
        NULL};
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static const dbx_command subcommands[] = {
    {.name = "memory|doctor",
     .group = "server",
     .syntax = "",
     .summary = "Returns a text about memory; problems are not looked for.",
     .since = "4.0.0",
     .complexity = "O(1)",
     .tips = DBX_LIST("nondeterministic_output", "request_policy:all_shards",
                      "response_policy:special"),
     .arity = 2,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_memory_doctor},
    {.name = "memory|help",
     .group = "server",
     .syntax = "",
     .summary = "Describes the subcommands.",
     .since = "4.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_memory_help},
    {.name = "memory|malloc-stats",
     .group = "server",
     .syntax = "",
     .summary = "Returns what the C library tells about its heap.",
     .since = "4.0.0",
     .complexity = "O(1)",
     .tips = DBX_LIST("nondeterministic_output", "request_policy:all_shards",
                      "response_policy:special"),
     .arity = 2,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_memory_malloc_stats},
    {.name = "memory|purge",
     .group = "server",
     .syntax = "",
     .summary = "Gives free memory back to the system.",
     .since = "4.0.0",
     .complexity = "O(N) for N pieces of free memory",
     .tips = DBX_LIST("request_policy:all_shards", "response_policy:all_succeeded"),
     .arity = 2,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_memory_purge},
    {.name = "memory|stats",
     .group = "server",
     .syntax = "",
     .summary = "Returns what the server uses memory for.",
     .since = "4.0.0",
     .complexity = "O(N) for N clients",
     .tips = DBX_LIST("nondeterministic_output", "request_policy:all_shards",
                      "response_policy:special"),
     .arity = 2,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_memory_stats},
    {.name = "memory|usage",
     .group = "server",
     .syntax = "key [SAMPLES count]",
     .summary = "Returns about how many bytes a key takes in the database file.",
     .since = "4.0.0",
     .complexity = "O(N) for N samples (0: elements), consumer groups and 64 KB of long values",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_memory_usage},
    {.name = NULL},
};

const dbx_command dbx_cmd_memory[] = {
    {.name = "memory",
     .group = "server",
     .syntax = "",
     .summary = "A container for commands on what takes memory, or room in the database file.",
     .since = "4.0.0",
     .complexity = "Depends on subcommand.",
     .arity = -2,
     .effect = DBX_EFFECT_NONE,
     .subcommands = subcommands},
    {.name = NULL},
};
