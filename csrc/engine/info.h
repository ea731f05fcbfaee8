/* info.h: INFO's sections, each a function that appends its lines. */
#ifndef DBX_ENGINE_INFO_H
#define DBX_ENGINE_INFO_H

#include "base/buf.h"
#include "base/slice.h"
#include "engine/engine.h"

typedef void dbx_info_fn(dbx_engine *engine, dbx_buf *out);

/* dbx_info_print appends the sections named by `names` (none: the default ones; "all", "default"
 * and "everything" are names too), in their fixed order. Within a turn. */
void dbx_info_print(dbx_engine *engine, const dbx_slice *names, size_t count, dbx_buf *out);

/* The sections; info_process.c, info_data.c and info_stats.c. */
dbx_info_fn dbx_info_server, dbx_info_clients, dbx_info_memory, dbx_info_cpu;
dbx_info_fn dbx_info_persistence, dbx_info_replication, dbx_info_keyspace, dbx_info_store;
dbx_info_fn dbx_info_threads, dbx_info_stats, dbx_info_commandstats, dbx_info_errorstats,
    dbx_info_latencystats;

/* dbx_info_human appends an amount of memory as Redis prints it for people: "1.50M". */
void dbx_info_human(dbx_buf *out, uint64_t bytes);

/* What the process uses of memory. */
typedef struct dbx_info_memory_use {
    uint64_t used, rss, system; /* allocated, resident, the machine's */
} dbx_info_memory_use;
void dbx_info_measure_memory(dbx_info_memory_use *out);
/* dbx_info_clients_bytes is what clients take: sessions and buffers. */
size_t dbx_info_clients_bytes(const dbx_engine *engine);

#endif
