/* vacuum.c: see vacuum.h. */
#include "store/vacuum.h"

enum {
    KEPT_APPLIES = 2, /* pages given up by one are used by the one after the next */
    FADES_PARTS = 8   /* of the habit, with each apply */
};

static bool allowed(const dbx_vacuum *v) {
    return v->enabled || v->urgent;
}

int64_t dbx_vacuum_wait_us(const dbx_vacuum *v, int64_t now_us) {
    if (v->running && (v->serving != 0 || allowed(v)))
        return v->squeezing && v->unseen ? -1 : 0; /* being told that it is seen is a change */
    if (v->asked > v->ended) return 0;
    if (!v->litter || !allowed(v)) return -1;
    return v->urgent || now_us >= v->due_us ? 0 : v->due_us - now_us;
}

bool dbx_vacuum_rides(const dbx_vacuum *v) {
    return allowed(v) || v->asked > v->ended;
}

void dbx_vacuum_begin(dbx_vacuum *v) {
    if (v->running && (v->serving != 0 || v->asked == v->ended)) return;
    v->running = true;
    v->worked = v->squeezing = v->litter = false;
    v->serving = v->asked > v->ended ? v->asked : 0;
}

static void end(dbx_vacuum *v, int64_t now_us) {
    v->running = v->squeezing = false;
    if (v->serving != 0) v->ended = v->serving;
    if (!v->worked) return;
    v->runs++;
    v->due_us = now_us + v->interval_us;
}

void dbx_vacuum_stepped(dbx_vacuum *v, bool changed, bool done, int64_t now_us) {
    if (changed) v->worked = v->unseen = true;
    if (!done) return;
    if (v->squeezing) {
        end(v, now_us);
        return;
    }
    v->squeezing = true;
    dbx_squeeze_begin(&v->squeeze);
}

uint64_t dbx_vacuum_keep(const dbx_vacuum *v) {
    return v->serving != 0 ? 0 : KEPT_APPLIES * v->habit_bytes;
}

void dbx_vacuum_applied(dbx_vacuum *v, bool retired, uint64_t file_bytes, uint64_t unused_bytes,
                        uint64_t written_bytes) {
    uint64_t faded = v->habit_bytes - v->habit_bytes / FADES_PARTS;
    v->habit_bytes = written_bytes > faded ? written_bytes : faded;
    uint64_t kept = KEPT_APPLIES * v->habit_bytes;
    uint64_t spare = unused_bytes > kept ? unused_bytes - kept : 0;
    v->unseen = true;
    if (retired || dbx_squeeze_worth(file_bytes, spare)) v->litter = true;
}
