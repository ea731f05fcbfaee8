/* stats.c: counters, rates and time distributions; see stats.h. */
#include "engine/stats.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "commands/table.h"

enum {
    SUB_BITS = 4,
    SUB = 1 << SUB_BITS, /* buckets an octave */
    OCTAVES = 36,        /* up to 2^40 us */
    BUCKETS = (OCTAVES + 1) * SUB,
    RATE_WINDOW_US = 1000000 /* rates look back at least this far when they can */
};

struct dbx_histogram {
    uint32_t count[BUCKETS];
};

/* --- One slot a command ----------------------------------------------------------------------- */

static void add_slot(dbx_stats *stats, const dbx_command *row, const dbx_command *parent) {
    size_t mask = stats->slots_cap - 1;
    size_t at = (size_t)(((uint64_t)(uintptr_t)row * 0x9E3779B97F4A7C15u) >> stats->slots_shift);
    while (stats->slots[at].row != NULL)
        at = (at + 1) & mask;
    stats->slots[at].row = row;
    stats->slots[at].parent = parent;
}

static size_t count_rows(void) {
    size_t rows = 0;
    const dbx_command *row;
    for (size_t i = 0; (row = dbx_table_at(i)) != NULL; i++) {
        rows++;
        for (const dbx_command *sub = row->subcommands; sub != NULL && sub->name != NULL; sub++)
            rows++;
    }
    return rows;
}

int dbx_stats_init(dbx_stats *stats) {
    const dbx_command *row;
    size_t rows = count_rows();
    memset(stats, 0, sizeof *stats);
    stats->slots_cap = 16;
    stats->slots_shift = 64 - 4;
    while (stats->slots_cap < 4 * rows) {
        stats->slots_cap *= 2;
        stats->slots_shift--;
    }
    stats->slots = dbx_alloc_zero(stats->slots_cap, sizeof *stats->slots);
    if (stats->slots == NULL) return DBX_ENOMEM;
    for (size_t i = 0; (row = dbx_table_at(i)) != NULL; i++) {
        add_slot(stats, row, NULL);
        for (const dbx_command *sub = row->subcommands; sub != NULL && sub->name != NULL; sub++) {
            add_slot(stats, sub, row);
        }
    }
    return DBX_OK;
}

static void forget_times(dbx_stats *stats) {
    for (size_t i = 0; i < stats->slots_cap; i++) {
        dbx_alloc_free(stats->slots[i].times);
        stats->slots[i].times = NULL;
    }
}

void dbx_stats_free(dbx_stats *stats) {
    if (stats->slots != NULL) forget_times(stats);
    dbx_alloc_free(stats->slots);
    memset(stats, 0, sizeof *stats);
}

void dbx_stats_reset(dbx_stats *stats) {
    dbx_stats kept = *stats;
    forget_times(stats);
    memset(stats, 0, sizeof *stats);
    stats->slots = kept.slots;
    stats->slots_cap = kept.slots_cap;
    stats->slots_shift = kept.slots_shift;
    for (size_t i = 0; i < stats->slots_cap; i++) {
        dbx_command_stats *slot = &stats->slots[i];
        *slot = (dbx_command_stats){.row = slot->row, .parent = slot->parent};
    }
}

/* --- Times ---------------------------------------------------------------------------------------
 */

static unsigned bucket_of(uint64_t us) {
    if (us < SUB) return (unsigned)us;
    unsigned octave = 63u - (unsigned)__builtin_clzll(us) - SUB_BITS + 1;
    if (octave > OCTAVES) return BUCKETS - 1;
    return octave * SUB + (unsigned)((us >> (octave - 1)) & (SUB - 1));
}

/* The highest time that falls into a bucket. */
static uint64_t bucket_top(unsigned bucket) {
    unsigned octave = bucket / SUB;
    uint64_t sub = bucket % SUB;
    return octave == 0 ? sub : ((sub + SUB + 1) << (octave - 1)) - 1;
}

void dbx_stats_called(dbx_command_stats *slot, uint64_t us, bool timed) {
    slot->calls++;
    slot->us += us;
    if (!timed) return;
    if (slot->times == NULL) slot->times = dbx_alloc_zero(1, sizeof *slot->times);
    if (slot->times == NULL) return;
    uint32_t *count = &slot->times->count[bucket_of(us)];
    if (*count < UINT32_MAX) (*count)++;
}

double dbx_stats_percentile(const dbx_command_stats *slot, double percent) {
    uint64_t total = 0, seen = 0;
    if (slot->times == NULL) return 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        total += slot->times->count[i];
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += slot->times->count[i];
        if ((double)seen >= (double)total * percent / 100) return (double)bucket_top(i);
    }
    return 0;
}

/* --- Errors
 * ---------------------------------------------------------------------------------------- */

void dbx_stats_error(dbx_stats *stats, dbx_slice text) {
    size_t len = 0;
    stats->errors++;
    while (len < text.len && text.ptr[len] > ' ')
        len++;
    if (len == 0 || len >= DBX_STATS_CODE_MAX) return;
    for (size_t i = 0; i < stats->error_count; i++) {
        dbx_error_stats *error = &stats->error[i];
        if (memcmp(error->code, text.ptr, len) == 0 && error->code[len] == '\0') {
            error->count++;
            return;
        }
    }
    if (stats->error_count == DBX_STATS_ERRORS_MAX) return;
    dbx_error_stats *error = &stats->error[stats->error_count++];
    memcpy(error->code, text.ptr, len);
    error->code[len] = '\0';
    error->count = 1;
}

/* --- Rates
 * ------------------------------------------------------------------------------------------- */

void dbx_stats_sample(dbx_stats *stats, int64_t now_us) {
    if (stats->sampled > 0) {
        const dbx_stats_point *last = &stats->samples[(stats->sampled - 1) % DBX_STATS_SAMPLES];
        if (now_us - last->at_us < DBX_STATS_SAMPLE_US) return;
    }
    stats->samples[stats->sampled++ % DBX_STATS_SAMPLES] = (dbx_stats_point){
        now_us, stats->commands, stats->net_in, stats->net_out, stats->cycles, stats->cycles_us};
}

dbx_rates dbx_stats_rates(const dbx_stats *stats, int64_t now_us) {
    uint64_t kept = stats->sampled < DBX_STATS_SAMPLES ? stats->sampled : DBX_STATS_SAMPLES;
    const dbx_stats_point *from = NULL;
    for (uint64_t i = 1; i <= kept; i++) { /* the newest one that is old enough, else the oldest */
        from = &stats->samples[(stats->sampled - i) % DBX_STATS_SAMPLES];
        if (now_us - from->at_us >= RATE_WINDOW_US) break;
    }
    if (from == NULL || now_us <= from->at_us) return (dbx_rates){0};
    double seconds = (double)(now_us - from->at_us) / 1e6;
    uint64_t cycles = stats->cycles - from->cycles;
    double cycles_us = (double)(stats->cycles_us - from->cycles_us);
    return (dbx_rates){.commands = (double)(stats->commands - from->commands) / seconds,
                       .net_in = (double)(stats->net_in - from->net_in) / seconds,
                       .net_out = (double)(stats->net_out - from->net_out) / seconds,
                       .cycles = (double)cycles / seconds,
                       .cycle_us = cycles == 0 ? 0 : cycles_us / (double)cycles};
}
