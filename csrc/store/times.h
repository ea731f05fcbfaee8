/* times.h: the store's two clocks, and when a key expires on one of them (invariant 22).
 *
 * Database time never runs back and goes on by what really passes, whatever is done to the
 * machine's clock: expiry that was given as a time to live lies on it, and the times in records.
 * Wall time is what the machine's clock says: expiry that was given as a date lies on it.
 */
#ifndef DBX_STORE_TIMES_H
#define DBX_STORE_TIMES_H

#include <stdbool.h>
#include <stdint.h>

enum { DBX_NO_EXPIRY = -1 };

/* A clock that says less than this (2020) was never set: a board without a battery boots in 1970.
 */
#define DBX_WALL_SET_MS INT64_C(1577836800000)

/* Both clocks at one moment: one reading for all of a turn. */
typedef struct dbx_times {
    int64_t now_ms;  /* database time, above 0 */
    int64_t wall_ms; /* since 1970, not below 0 */
} dbx_times;

typedef struct dbx_expiry {
    int64_t ms;    /* or DBX_NO_EXPIRY */
    bool relative; /* in database time; otherwise in wall time */
} dbx_expiry;

/* dbx_times_date_ms is the best there is to say when that was. */
static inline int64_t dbx_times_date_ms(dbx_times times) {
    return times.wall_ms >= DBX_WALL_SET_MS ? times.wall_ms : times.now_ms;
}

static inline dbx_expiry dbx_expiry_never(void) {
    return (dbx_expiry){.ms = DBX_NO_EXPIRY};
}

static inline bool dbx_expiry_set(dbx_expiry expiry) {
    return expiry.ms != DBX_NO_EXPIRY;
}

static inline bool dbx_expiry_same(dbx_expiry a, dbx_expiry b) {
    return a.ms == b.ms && a.relative == b.relative;
}

/* dbx_expiry_left_ms is how far off an expiry is, on its own clock; what is past is not positive.
 */
static inline int64_t dbx_expiry_left_ms(dbx_expiry expiry, dbx_times times) {
    int64_t left_ms;
    bool overflows =
        __builtin_sub_overflow(expiry.ms, expiry.relative ? times.now_ms : times.wall_ms, &left_ms);
    return overflows ? INT64_MIN : left_ms; /* clocks are not negative: only downwards */
}

/* dbx_expiry_over: the key is not there any more. */
static inline bool dbx_expiry_over(dbx_expiry expiry, dbx_times times) {
    return dbx_expiry_set(expiry) && dbx_expiry_left_ms(expiry, times) <= 0;
}

#endif
