/* vacuum.h: when data.mdbx is tidied: retired ids reclaimed, and the file made shorter.
 *
 * A run does both to the end, one bounded commit after the other, in the applier's thread and
 * between applies: a buffer that is frozen meanwhile goes first. Runs are asked for (VACUUM), or
 * begin by themselves while autovacuum is on: when there is something to do, and the last one that
 * did something ended an interval ago. While the disk is full they begin at once, whatever is set:
 * what deletes have retired is what writes wait for. Where there is nothing to do nothing is timed.
 *
 * The state alone, under the applier's mutex; apply.c does the work.
 */
#ifndef DBX_STORE_VACUUM_H
#define DBX_STORE_VACUUM_H

#include <stdbool.h>
#include <stdint.h>

#include "store/squeeze.h"

typedef struct dbx_vacuum {
    bool enabled;
    int64_t interval_us;
    bool urgent; /* the disk is full */
    bool litter; /* there is something to do, or there may be */
    int64_t due_us;
    bool running, squeezing;        /* a run is under way, and has come to the file's length */
    bool worked;                    /* it has committed something */
    uint64_t asked, serving, ended; /* runs that were asked for; serving 0: nobody did */
    bool unseen;                    /* the last commit: snapshots see what was before it */
    dbx_squeeze squeeze;
    /* What applies use over and over: pages that stay unused between them. It fades. */
    uint64_t habit_bytes;
    uint64_t runs, reclaimed, moved; /* entries, pages */
} dbx_vacuum;

/* dbx_vacuum_wait_us is how long until there is work; 0: now, -1: not before something changes. */
int64_t dbx_vacuum_wait_us(const dbx_vacuum *v, int64_t now_us);
/* dbx_vacuum_rides: an apply takes a piece of reclaim along. */
bool dbx_vacuum_rides(const dbx_vacuum *v);
/* dbx_vacuum_begin begins a run if none is under way, or one that nobody asked for. */
void dbx_vacuum_begin(dbx_vacuum *v);
/* dbx_vacuum_stepped takes in how a step of a run has ended: `changed`: it has committed; `done`: a
 * phase is over. */
void dbx_vacuum_stepped(dbx_vacuum *v, bool changed, bool done, int64_t now_us);
/* dbx_vacuum_applied takes in an apply: `retired`: ids are left; how much of the file is unused,
 * and how much it wrote. */
void dbx_vacuum_applied(dbx_vacuum *v, bool retired, uint64_t file_bytes, uint64_t unused_bytes,
                        uint64_t written_bytes);
/* dbx_vacuum_keep is how much unused room a run leaves in the file. */
uint64_t dbx_vacuum_keep(const dbx_vacuum *v);

#endif
