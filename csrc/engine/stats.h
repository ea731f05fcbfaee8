/* stats.h: what the engine counts: per command, per error, and rates over the last seconds.
 *
 * Guarded by the engine lock; transports add their bytes and connections under it. Rates need no
 * timer: samples are taken when there is work, and a reader divides by the time that really passed.
 */
#ifndef DBX_ENGINE_STATS_H
#define DBX_ENGINE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "commands/command.h"

enum {
    DBX_STATS_ERRORS_MAX = 128,  /* distinct error codes counted; more are not */
    DBX_STATS_CODE_MAX = 32,     /* bytes of an error code, its NUL included */
    DBX_STATS_SAMPLES = 16,      /* samples kept for rates */
    DBX_STATS_SAMPLE_US = 100000 /* and their distance */
};

/* Times in a log-linear histogram: 16 buckets an octave, so a percentile is right within 6 %. */
typedef struct dbx_histogram dbx_histogram;

typedef struct dbx_command_stats {
    const dbx_command *row;
    const dbx_command *parent; /* of a subcommand, or NULL */
    uint64_t calls, us, rejected, failed;
    dbx_histogram *times; /* owned; NULL before the first call or without memory */
} dbx_command_stats;

typedef struct dbx_error_stats {
    char code[DBX_STATS_CODE_MAX];
    uint64_t count;
} dbx_error_stats;

typedef struct dbx_stats_point {
    int64_t at_us;
    uint64_t commands, net_in, net_out, cycles, cycles_us;
} dbx_stats_point;

typedef struct dbx_stats {
    /* filled by transports */
    uint64_t connections, connections_rejected, net_in, net_out, reads, writes;
    uint64_t query_limit_kills, output_limit_kills;
    /* how often a loop woke, how long it then worked, and how long of that on commands */
    uint64_t cycles, cycles_us, cycles_commands_us;
    /* filled by the engine */
    uint64_t commands, errors, auth_failures;
    int64_t peak_bytes;
    dbx_error_stats error[DBX_STATS_ERRORS_MAX];
    size_t error_count;
    dbx_stats_point samples[DBX_STATS_SAMPLES]; /* a ring; `sampled` counts how many were taken */
    uint64_t sampled;
    dbx_command_stats *slots; /* owned; by row address, open addressing */
    size_t slots_cap;         /* a power of two */
    unsigned slots_shift;
} dbx_stats;

/* dbx_stats_init makes room for every row of the command table, which must be complete. */
int dbx_stats_init(dbx_stats *stats);
void dbx_stats_free(dbx_stats *stats);
/* dbx_stats_reset is CONFIG RESETSTAT. */
void dbx_stats_reset(dbx_stats *stats);

/* dbx_stats_of finds the counters of a row of the table (or of a subcommand). */
static inline dbx_command_stats *dbx_stats_of(const dbx_stats *stats, const dbx_command *row) {
    size_t mask = stats->slots_cap - 1;
    size_t at = (size_t)(((uint64_t)(uintptr_t)row * 0x9E3779B97F4A7C15u) >> stats->slots_shift);
    while (stats->slots[at].row != row)
        at = (at + 1) & mask;
    return &stats->slots[at];
}

/* dbx_stats_called counts one execution. `timed`: keep the time's distribution too. */
void dbx_stats_called(dbx_command_stats *slot, uint64_t us, bool timed);
/* dbx_stats_error counts an error reply by its first word. `text` begins with the code. */
void dbx_stats_error(dbx_stats *stats, dbx_slice text);

/* dbx_stats_sample keeps the counters of now when the last sample is old enough. */
void dbx_stats_sample(dbx_stats *stats, int64_t now_us);
typedef struct dbx_rates {
    double commands, net_in, net_out, cycles; /* per second */
    double cycle_us;                          /* of one, on average; 0: there was none */
} dbx_rates;
dbx_rates dbx_stats_rates(const dbx_stats *stats, int64_t now_us);

/* dbx_stats_percentile is the time in microseconds that `percent` of the calls did not exceed. */
double dbx_stats_percentile(const dbx_command_stats *slot, double percent);

#endif
