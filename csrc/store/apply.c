/* apply.c: see apply.h. */
#include "store/apply.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/apply_run.h"
#include "store/checkpoint.h"
#include "store/checkpoint_file.h"
#include "store/delta.h"
#include "store/env_internal.h"
#include "store/file.h"
#include "store/format.h"
#include "store/reclaim.h"
#include "store/vacuum.h"

enum {
    LOOK_EVERY = 256, /* entries, a millisecond, between two looks at the stop flag and the clock */
    WRITE_EVERY = 8192,           /* entries between two beginnings of writing */
    REST_US_MAX = 2000,           /* at a time */
    AHEAD = DBX_APPLY_WHOLE / 20, /* an apply that is not further ahead is in a hurry: see rest() */
    RETRY_MS_MIN = 100,
    RETRY_MS_MAX = 10000,
    RECLAIM_ENTRIES_MAX = 20000, /* deleted in one commit: bounds how long a new apply waits, */
    STEP_US_MAX = 100000,        /* as this does where the disk is slow */
    POSITION_BYTES = 32,
    NICENESS = 5,
    GRAVES_MAX = 16
};

struct dbx_applier {
    dbx_env *env;
    const char *dir; /* the data directory */
    void (*on_progress)(void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work, told; /* told: of an early commit */
    atomic_bool stop;
    /* under the mutex */
    const dbx_buffer *frozen; /* to be applied; NULL: none */
    dbx_applied applied;
    dbx_journal *log;
    bool collected; /* frozen is in MDBX, and nobody has been told yet */
    dbx_vacuum vacuum;
    const dbx_early *early; /* to be committed now; NULL: nothing */
    bool early_done;
    int early_rc;       /* libmdbx's */
    bool held;          /* until the replay is over */
    bool retry;         /* at once, not when the pause is over */
    bool rest_tried;    /* of frozen, the thread's own while it works */
    bool retried;       /* the last commit failed, and may be there all the same */
    atomic_bool broken; /* the environment is, and this thread leaves it alone */
    dbx_buffer *graves[GRAVES_MAX];
    unsigned grave_count;
    dbx_applier_stats stats;
    atomic_bool committed;
    atomic_bool lacks_room;
    atomic_bool saved;
    atomic_bool waits;       /* a frozen buffer does, for a step of a vacuum to end */
    _Atomic uint64_t turns;  /* of the engine */
    _Atomic uint64_t filled; /* of the buffer that fills meanwhile, in parts of DBX_APPLY_WHOLE */
};

/* --- One commit ----------------------------------------------------------------------------------
 */

static MDBX_val val_of(dbx_slice bytes) {
    return (MDBX_val){(void *)(uintptr_t)bytes.ptr, bytes.len};
}

static int delete_key(MDBX_cursor *cursor, dbx_slice key) {
    MDBX_val k = val_of(key), v;
    int rc = mdbx_cursor_get(cursor, &k, &v, MDBX_SET);
    if (rc == 0) rc = mdbx_cursor_del(cursor, MDBX_CURRENT);
    return rc == MDBX_NOTFOUND ? 0 : rc;
}

/* Deletes every key strictly between an entry with a gap and the next entry. */
static int delete_gap(MDBX_cursor *cursor, dbx_slice from, dbx_slice to) {
    MDBX_val k = val_of(from), v;
    int rc = mdbx_cursor_get(cursor, &k, &v, MDBX_SET_RANGE);
    if (rc == 0 && dbx_slice_eq(dbx_slice_of(k.iov_base, k.iov_len), from)) {
        rc = mdbx_cursor_get(cursor, &k, &v, MDBX_NEXT);
    }
    while (rc == 0 && dbx_slice_cmp(dbx_slice_of(k.iov_base, k.iov_len), to) < 0) {
        rc = mdbx_cursor_del(cursor, MDBX_CURRENT);
        if (rc == 0) rc = mdbx_cursor_get(cursor, &k, &v, MDBX_GET_CURRENT);
        if (rc == MDBX_ENODATA || rc == MDBX_NOTFOUND) {
            rc = mdbx_cursor_get(cursor, &k, &v, MDBX_NEXT);
        }
    }
    return rc == MDBX_NOTFOUND ? 0 : rc;
}

/* Puts what the delta under `key` makes of the value that is there, with `whole` as memory. */
static int put_delta(MDBX_cursor *cursor, dbx_slice key, dbx_slice delta, dbx_buf *whole) {
    MDBX_val k = val_of(key), v;
    int rc = mdbx_cursor_get(cursor, &k, &v, MDBX_SET);
    if (rc != 0) return rc == MDBX_NOTFOUND ? MDBX_CORRUPTED : rc;
    rc = dbx_delta_fill(whole, dbx_slice_of(v.iov_base, v.iov_len), delta);
    if (rc != DBX_OK) return rc == DBX_ENOMEM ? MDBX_ENOMEM : MDBX_CORRUPTED;
    v = (MDBX_val){whole->ptr, whole->len};
    return mdbx_cursor_put(cursor, &k, &v, MDBX_UPSERT);
}

/* `whole`: memory for values that are put together. */
static int apply_entry(MDBX_cursor *cursor, const dbx_buffer *frozen, const dbx_entry *entry,
                       const dbx_entry *next, dbx_buf *whole) {
    dbx_slice key = dbx_entry_key(entry);
    int rc;
    if ((entry->flags & DBX_ENTRY_DEAD) != 0) {
        rc = delete_key(cursor, key);
    } else if ((entry->flags & DBX_ENTRY_DELTA) != 0) {
        rc = put_delta(cursor, key, dbx_entry_value(&frozen->arena, entry), whole);
    } else {
        MDBX_val k = val_of(key), v = val_of(dbx_entry_value(&frozen->arena, entry));
        rc = mdbx_cursor_put(cursor, &k, &v, MDBX_UPSERT);
    }
    if (rc == 0 && (entry->flags & DBX_ENTRY_GAP) != 0 && next != NULL) {
        rc = delete_gap(cursor, key, dbx_entry_key(next));
    }
    return rc;
}

static int mark_unpublished(MDBX_txn *txn, MDBX_dbi dbi, uint64_t id) {
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    MDBX_val k = val_of(dbx_format_retired_key(key, DBX_UNPUBLISHED, id)), none = {NULL, 0};
    return mdbx_put(txn, dbi, &k, &none, MDBX_UPSERT);
}

/* Of a commit whose sync failed the bytes may be there without being durable. The same put again
 * would change nothing and sync nothing, so that the entry goes first. */
static int forget_position(MDBX_cursor *cursor) {
    const uint8_t key[2] = {DBX_TABLE_META, DBX_META_POSITION};
    return delete_key(cursor, dbx_slice_of(key, sizeof key));
}

static void position_bytes(uint8_t out[POSITION_BYTES], const dbx_applied *applied) {
    dbx_store64(out, applied->position);
    dbx_store64(out + 8, applied->run);
    dbx_store64(out + 16, (uint64_t)applied->times.now_ms);
    dbx_store64(out + 24, (uint64_t)applied->times.wall_ms);
}

static int put_position(MDBX_cursor *cursor, const dbx_applied *applied) {
    uint8_t key[2] = {DBX_TABLE_META, DBX_META_POSITION}, value[POSITION_BYTES];
    position_bytes(value, applied);
    MDBX_val k = {key, sizeof key}, v = {value, sizeof value};
    return mdbx_cursor_put(cursor, &k, &v, MDBX_UPSERT);
}

/* The applier has a processor for itself while it works, and the others crowd on those that are
 * left: a nice value does not help them. So while clients are served and there is no hurry, it
 * rests as long as it has worked, about a millisecond each. It is to be done when the buffer that
 * fills is three quarters full: from then on writers are slowed. */
struct pace {
    int64_t begun_us; /* to work */
    uint64_t turns;   /* of the engine, then */
};

static void rest(dbx_applier *a, struct pace *pace, uint64_t done) {
    uint64_t turns = atomic_load(&a->turns);
    int64_t worked_us = dbx_clock_mono_us() - pace->begun_us;
    bool hurry = atomic_load(&a->filled) * 4 / 3 > done + AHEAD;
    if (turns != pace->turns && !hurry && worked_us > 0) {
        int64_t us = worked_us < REST_US_MAX ? worked_us : REST_US_MAX;
        struct timespec pause = {.tv_nsec = (long)us * 1000};
        (void)nanosleep(&pause, NULL);
    }
    *pace = (struct pace){.begun_us = dbx_clock_mono_us(), .turns = turns};
}

/* Of a commit whose sync failed all may be there: what it put is not put again, for a delta must
 * not be. What this commit then makes durable is all of the file. */
static bool is_there(MDBX_txn *txn, MDBX_dbi dbi, const dbx_applied *applied) {
    uint8_t key[2] = {DBX_TABLE_META, DBX_META_POSITION}, value[POSITION_BYTES];
    MDBX_val k = {key, sizeof key}, v;
    position_bytes(value, applied);
    return mdbx_get(txn, dbi, &k, &v) == 0 && v.iov_len == sizeof value &&
           memcmp(v.iov_base, value, sizeof value) == 0;
}

static int apply_entries(dbx_applier *a, MDBX_cursor *cursor, const dbx_buffer *frozen,
                         uint64_t *entries) {
    mdbx_filehandle_t fd;
    dbx_buf whole = {0};
    dbx_apply_run run = {.frozen = frozen};
    struct pace pace = {.begun_us = dbx_clock_mono_us(), .turns = atomic_load(&a->turns)};
    int rc = mdbx_env_get_fd(a->env->env, &fd);
    const dbx_entry *next;
    for (const dbx_entry *entry = dbx_tree_first(&frozen->tree); rc == 0 && entry != NULL;
         entry = next) {
        next = dbx_tree_next(&frozen->tree, entry);
        rc = apply_entry(cursor, frozen, entry, next, &whole);
        if (rc == 0) rc = dbx_apply_run_step(&run, cursor, entry, next);
        if (++*entries % LOOK_EVERY == 0) {
            if (atomic_load(&a->stop)) rc = MDBX_EINTR;
            rest(a, &pace, *entries * DBX_APPLY_WHOLE / frozen->entries);
        }
        /* Pages that libmdbx has given up early: the disk works while we do, not after us. */
        if (*entries % WRITE_EVERY == 0) dbx_file_begin_write(fd);
    }
    dbx_apply_run_free(&run);
    dbx_buf_free(&whole);
    return rc;
}

static int apply_all(dbx_applier *a, MDBX_txn *txn, const dbx_buffer *frozen,
                     const dbx_applied *applied, uint64_t *entries) {
    MDBX_cursor *cursor;
    bool there = a->retried && is_there(txn, a->env->dbi, applied);
    int rc = mdbx_cursor_open(txn, a->env->dbi, &cursor);
    if (rc != 0) return rc;
    if (!there) rc = apply_entries(a, cursor, frozen, entries);
    if (rc == 0 && a->retried) rc = forget_position(cursor);
    if (rc == 0) rc = put_position(cursor, applied);
    mdbx_cursor_close(cursor);
    return rc;
}

static int put_early_table(MDBX_txn *txn, MDBX_dbi dbi, MDBX_cursor *cursor, const dbx_early *early,
                           uint8_t table, uint64_t *entries) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    const dbx_buffer *buffer = early->buffer;
    dbx_apply_run run = {.frozen = buffer};
    uint64_t marked = 0;
    int rc = 0;
    size_t n = dbx_format_collection(key, table, early->from);
    const dbx_entry *next, *entry = dbx_tree_seek(&buffer->tree, dbx_slice_of(key, n));
    for (; rc == 0 && entry != NULL && entry->key[0] == table; entry = next) {
        uint64_t id = dbx_format_collection_id(dbx_entry_key(entry));
        next = dbx_tree_next(&buffer->tree, entry);
        if (id != marked) rc = mark_unpublished(txn, dbi, id);
        marked = id;
        if (rc == 0) rc = apply_entry(cursor, buffer, entry, next, NULL); /* no deltas there */
        bool last = next == NULL || next->key[0] != table;
        if (rc == 0) rc = dbx_apply_run_step(&run, cursor, entry, last ? NULL : next);
        ++*entries;
    }
    dbx_apply_run_free(&run);
    return rc;
}

static int put_early(dbx_applier *a, MDBX_txn *txn, const dbx_early *early, uint64_t *entries) {
    MDBX_cursor *cursor;
    int rc = mdbx_cursor_open(txn, a->env->dbi, &cursor);
    if (rc != 0) return rc;
    for (const uint8_t *table = dbx_format_collection_tables; rc == 0 && *table != 0; table++)
        rc = put_early_table(txn, a->env->dbi, cursor, early, *table, entries);
    mdbx_cursor_close(cursor);
    return rc;
}

/* Bytes of the pages that transactions have allocated or copied so far: what commits and spills
 * write. */
static uint64_t pages_written(dbx_env *env) {
    MDBX_envinfo info;
    if (mdbx_env_info_ex(env->env, NULL, &info, sizeof info) != 0) return 0;
    return (info.mi_pgop_stat.newly + info.mi_pgop_stat.cow) * DBX_PAGE_BYTES;
}

/* A start would otherwise have to execute that part of the log until the apply is over. */
static void save_rest(dbx_applier *a, const dbx_buffer *frozen, const dbx_applied *applied,
                      dbx_journal *log, dbx_applier_stats *stats) {
    dbx_error error;
    if (!applied->save || a->rest_tried) return;
    a->rest_tried = true;
    if (applied->saved == applied->position) { /* nothing that is logged is missing */
        atomic_store(&a->saved, true);
        return;
    }
    int rc =
        dbx_checkpoint_rest(a->dir, frozen, applied, log, &a->stop, &stats->saved_bytes, &error);
    atomic_store(&a->saved, rc == DBX_OK);
    if (rc != DBX_OK && !atomic_load(&a->stop)) dbx_checkpoint_complain(&error);
}

/* What a commit was for and what came of it, the thread's own until it is over. */
typedef struct work {
    const dbx_buffer *frozen; /* NULL: a step of a vacuum */
    dbx_applied applied;
    dbx_journal *log;
    dbx_applier_stats stats;
    bool rides; /* a piece of reclaim, with the apply */
    bool squeezes, full;
    uint64_t keep;
    dbx_squeeze squeeze;
    /* results */
    uint32_t reclaimed;
    bool more;             /* retired ids are left */
    bool changed, done;    /* of a vacuum's step: it was committed; it was the last of its phase */
    uint64_t file, unused; /* bytes, after an apply */
    uint64_t entries;
} work;

static int fill(dbx_applier *a, MDBX_txn *txn, work *w) {
    dbx_budget budget = {.entries = RECLAIM_ENTRIES_MAX,
                         .deadline_us = dbx_clock_mono_us() + STEP_US_MAX,
                         .stop = &a->stop,
                         .hurry = &a->waits};
    if (w->squeezes) {
        return dbx_squeeze_step(&w->squeeze, txn, a->env->dbi, w->keep, w->full, &budget,
                                &w->changed, &w->done);
    }
    int rc = 0;
    if (w->frozen != NULL) {
        rc = apply_all(a, txn, w->frozen, &w->applied, &w->entries);
        budget.deadline_us = dbx_clock_mono_us() + STEP_US_MAX;
        budget.hurry = NULL;
        if (!w->rides) budget.entries = 0; /* says whether there is anything */
    }
    if (rc == 0) rc = dbx_reclaim(txn, a->env->dbi, &budget, &w->reclaimed, &w->more);
    w->changed = w->frozen != NULL || w->reclaimed > 0;
    w->done = !w->more;
    return rc;
}

static int commit_once(dbx_applier *a, work *w) {
    MDBX_txn *txn;
    dbx_applier_stats *stats = &w->stats;
    uint64_t pages_before = pages_written(a->env), ignored;
    int64_t start_us = dbx_clock_mono_us();
    int rc = mdbx_txn_begin(a->env->env, NULL, MDBX_TXN_READWRITE, &txn);
    if (rc != 0) return rc;
    rc = fill(a, txn, w);
    if (rc != 0 || !w->changed) {
        (void)mdbx_txn_abort(txn);
        return rc;
    }
    if (w->frozen != NULL && w->log != NULL) dbx_journal_settle(w->log, w->applied.position);
    rc = mdbx_txn_commit(txn);
    if (rc != 0) return rc;
    uint64_t bytes = pages_written(a->env) - pages_before;
    if (w->frozen == NULL) {
        stats->written_vacuum_bytes += bytes;
        return 0;
    }
    dbx_env_size(a->env, &w->file, &ignored);
    w->unused = dbx_squeeze_unused(a->env->env);
    stats->written_bytes += bytes;
    stats->applies++;
    stats->last_at_s = dbx_clock_wall_us() / 1000000;
    stats->last_entries = w->entries;
    stats->last_bytes = bytes;
    stats->last_ms = (uint64_t)(dbx_clock_mono_us() - start_us) / 1000;
    return 0;
}

/* --- The thread ----------------------------------------------------------------------------------
 */

static void bury_all(dbx_applier *a) {
    while (a->grave_count > 0) {
        dbx_buffer *buffer = a->graves[--a->grave_count];
        pthread_mutex_unlock(&a->mutex);
        dbx_buffer_unref(buffer);
        pthread_mutex_lock(&a->mutex);
    }
}

static bool early_waits(const dbx_applier *a) {
    return a->early != NULL && !a->early_done;
}

/* Returns how long the next pause is to be if the commit fails again. */
static int64_t pause_ms(dbx_applier *a, int64_t ms) {
    int64_t until_us = dbx_clock_mono_us() + ms * 1000;
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};
    while (!atomic_load(&a->stop) && !a->retry && !early_waits(a) &&
           dbx_clock_mono_us() < until_us) {
        (void)pthread_cond_timedwait(&a->work, &a->mutex, &until);
    }
    if (a->retry) ms = RETRY_MS_MIN / 2;
    a->retry = false;
    return ms * 2 < RETRY_MS_MAX ? ms * 2 : RETRY_MS_MAX;
}

static void note_failure(dbx_applier *a, int rc) {
    dbx_error error;
    int code = dbx_env_error(rc, "applying the journal to", a->env->path, &error);
    a->stats.failures++;
    (void)snprintf(a->stats.last_error, sizeof a->stats.last_error, "%.*s",
                   (int)sizeof a->stats.last_error - 1, error.text);
    dbx_log(DBX_LOG_WARNING, "%s; trying again", error.text);
    if (dbx_env_broken(a->env)) atomic_store(&a->broken, true);
    if (code == DBX_ENOSPC) atomic_store(&a->lacks_room, true);
    pthread_mutex_unlock(&a->mutex);
    if (a->on_progress != NULL) a->on_progress(a->arg);
    pthread_mutex_lock(&a->mutex);
}

static void take_in(dbx_applier *a, const work *w) {
    dbx_vacuum *v = &a->vacuum;
    uint64_t failures = a->stats.failures;
    a->stats = w->stats;
    a->stats.failures = failures;
    a->stats.last_error[0] = '\0';
    a->retried = a->retry = false;
    v->reclaimed += w->reclaimed;
    if (w->frozen != NULL) {
        a->collected = true;
        dbx_vacuum_applied(v, w->more, w->file, w->unused, w->stats.last_bytes);
        return;
    }
    if (w->squeezes) {
        v->moved += w->squeeze.moved - v->squeeze.moved;
        v->squeeze = w->squeeze;
        a->stats.unused_bytes = w->squeeze.unused * DBX_PAGE_BYTES;
    }
    dbx_vacuum_stepped(v, w->changed, w->done, dbx_clock_mono_us());
}

/* Does what there is to do; the mutex is held on entry and return. */
static int64_t work_once(dbx_applier *a, int64_t retry_ms) {
    dbx_vacuum *v = &a->vacuum;
    work w = {.frozen = a->collected ? NULL : a->frozen,
              .applied = a->applied,
              .log = a->log,
              .stats = a->stats};
    if (w.frozen == NULL) dbx_vacuum_begin(v);
    w.rides = dbx_vacuum_rides(v);
    w.squeezes = w.frozen == NULL && v->squeezing;
    w.full = v->serving != 0;
    w.keep = dbx_vacuum_keep(v);
    w.squeeze = v->squeeze;
    if (w.frozen != NULL) atomic_store(&a->waits, false);
    pthread_mutex_unlock(&a->mutex);
    if (w.frozen != NULL) save_rest(a, w.frozen, &w.applied, w.log, &w.stats);
    int rc = commit_once(a, &w);
    if (rc == 0 && w.frozen != NULL) dbx_checkpoint_tidy(a->dir, w.applied.position, true);
    pthread_mutex_lock(&a->mutex);
    if (rc == 0) {
        take_in(a, &w);
        bool tell = w.changed || !v->running;
        if (w.changed) {
            atomic_store(&a->lacks_room, false);
            atomic_store(&a->committed, true); /* last: who sees it must find what it announces */
        }
        pthread_mutex_unlock(&a->mutex);
        if (tell && a->on_progress != NULL) a->on_progress(a->arg);
        pthread_mutex_lock(&a->mutex);
        return RETRY_MS_MIN;
    }
    if (w.frozen == NULL) { /* what comes may be another file */
        v->litter = true;
        dbx_squeeze_begin(&v->squeeze);
    }
    if (atomic_load(&a->stop)) return retry_ms;
    a->retried = true;
    note_failure(a, rc);
    return pause_ms(a, retry_ms);
}

static int early_once(dbx_applier *a, const dbx_early *early, uint64_t *entries, uint64_t *bytes) {
    MDBX_txn *txn;
    uint64_t before = pages_written(a->env);
    int rc = mdbx_txn_begin(a->env->env, NULL, MDBX_TXN_READWRITE, &txn);
    if (rc != 0) return rc;
    rc = put_early(a, txn, early, entries);
    if (rc != 0) {
        (void)mdbx_txn_abort(txn);
        return rc;
    }
    rc = mdbx_txn_commit(txn);
    *bytes = pages_written(a->env) - before;
    return rc;
}

/* Whoever asked for it holds the engine lock and waits; the mutex is held on entry and return. */
static void do_early(dbx_applier *a) {
    uint64_t entries = 0, bytes = 0;
    const dbx_early *early = a->early;
    atomic_store(&a->waits, a->frozen != NULL && !a->collected);
    int rc = MDBX_PANIC;
    if (!atomic_load(&a->broken)) {
        pthread_mutex_unlock(&a->mutex);
        rc = early_once(a, early, &entries, &bytes);
        pthread_mutex_lock(&a->mutex);
        if (rc != 0 && dbx_env_broken(a->env)) atomic_store(&a->broken, true);
    }
    if (rc == 0) {
        a->stats.early++;
        a->stats.early_entries += entries;
        a->stats.written_bytes += bytes;
    }
    a->early_rc = rc;
    a->early_done = true;
    pthread_cond_signal(&a->told);
}

/* Waits until there may be something to do; the mutex is held on entry and return. */
static void wait_for_work(dbx_applier *a, int64_t wait_us) {
    if (wait_us < 0) {
        pthread_cond_wait(&a->work, &a->mutex);
        return;
    }
    int64_t until_us = dbx_clock_mono_us() + wait_us;
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};
    (void)pthread_cond_timedwait(&a->work, &a->mutex, &until);
}

static void *run(void *arg) {
    dbx_applier *a = arg;
    int64_t retry_ms = RETRY_MS_MIN;
    /* On Linux this is the thread's own: whoever answers clients goes first, and still a busy
     * single processor leaves a quarter of itself to the applier. */
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    /* Nor does it take a processor from them when it wakes from a rest. */
    const struct sched_param none = {.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
    pthread_mutex_lock(&a->mutex);
    while (!atomic_load(&a->stop)) {
        bool free = !a->held && !atomic_load(&a->broken);
        int64_t wait_us = free ? dbx_vacuum_wait_us(&a->vacuum, dbx_clock_mono_us()) : -1;
        if (early_waits(a)) {
            do_early(a);
        } else if (a->grave_count > 0) {
            bury_all(a);
        } else if (free && ((a->frozen != NULL && !a->collected) || wait_us == 0)) {
            retry_ms = work_once(a, retry_ms);
        } else {
            wait_for_work(a, wait_us);
        }
    }
    bury_all(a);
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

int dbx_applier_open(dbx_env *env, const char *dir, void (*on_progress)(void *arg), void *arg,
                     dbx_applier **out, dbx_error *error) {
    pthread_condattr_t attr;
    dbx_applier *a = dbx_alloc_zero(1, sizeof *a);
    if (a == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    a->env = env;
    a->dir = dir;
    a->on_progress = on_progress;
    a->arg = arg;
    a->held = true;
    a->vacuum.litter = true; /* what an earlier start left */
    a->vacuum.enabled = true;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->work, &attr);
    pthread_cond_init(&a->told, NULL);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&a->thread, NULL, run, a) != 0) {
        dbx_alloc_free(a);
        return dbx_error_set(error, DBX_ENOMEM, "cannot start a thread for applying");
    }
    *out = a;
    return DBX_OK;
}

void dbx_applier_close(dbx_applier *a) {
    if (a == NULL) return;
    pthread_mutex_lock(&a->mutex);
    atomic_store(&a->stop, true);
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
    (void)pthread_join(a->thread, NULL);
    pthread_mutex_destroy(&a->mutex);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->told);
    dbx_alloc_free(a);
}

void dbx_applier_release(dbx_applier *a) {
    pthread_mutex_lock(&a->mutex);
    a->held = false;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

void dbx_applier_start(dbx_applier *a, const dbx_buffer *frozen, const dbx_applied *applied,
                       dbx_journal *log) {
    pthread_mutex_lock(&a->mutex);
    a->frozen = frozen;
    a->log = log;
    a->applied = *applied;
    a->collected = false;
    atomic_store(&a->saved, false);
    a->rest_tried = false;
    atomic_store(&a->waits, true);
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

int dbx_applier_early(dbx_applier *a, const dbx_early *early, dbx_error *error) {
    pthread_mutex_lock(&a->mutex);
    a->early = early;
    a->early_done = false;
    atomic_store(&a->waits, true);
    pthread_cond_signal(&a->work);
    while (!a->early_done)
        pthread_cond_wait(&a->told, &a->mutex);
    a->early = NULL;
    int rc = a->early_rc;
    pthread_mutex_unlock(&a->mutex);
    return rc == 0 ? DBX_OK : dbx_env_error(rc, "writing to", a->env->path, error);
}

void dbx_applier_tell(dbx_applier *a, uint64_t filled) {
    /* One thread writes; the other reads what is only advice. */
    uint64_t turns = atomic_load_explicit(&a->turns, memory_order_relaxed);
    atomic_store_explicit(&a->turns, turns + 1, memory_order_relaxed);
    atomic_store_explicit(&a->filled, filled, memory_order_relaxed);
}

bool dbx_applier_saved(dbx_applier *a) {
    return atomic_load(&a->saved);
}

bool dbx_applier_collect(dbx_applier *a) {
    pthread_mutex_lock(&a->mutex);
    bool done = a->frozen != NULL && a->collected;
    if (done) {
        a->frozen = NULL;
        a->collected = false;
    }
    pthread_mutex_unlock(&a->mutex);
    return done;
}

bool dbx_applier_committed(dbx_applier *a) {
    return atomic_load(&a->committed) && atomic_exchange(&a->committed, false);
}

bool dbx_applier_broken(dbx_applier *a) {
    return atomic_load(&a->broken);
}

void dbx_applier_mended(dbx_applier *a) {
    pthread_mutex_lock(&a->mutex);
    atomic_store(&a->broken, false);
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

void dbx_applier_retry(dbx_applier *a) {
    pthread_mutex_lock(&a->mutex);
    a->retry = true;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

bool dbx_applier_lacks_room(dbx_applier *a) {
    return atomic_load(&a->lacks_room) && atomic_exchange(&a->lacks_room, false);
}

void dbx_applier_bury(dbx_applier *a, dbx_buffer *buffer) {
    pthread_mutex_lock(&a->mutex);
    bool room = a->grave_count < GRAVES_MAX;
    if (room) {
        a->graves[a->grave_count++] = buffer;
        pthread_cond_signal(&a->work);
    }
    pthread_mutex_unlock(&a->mutex);
    if (!room) dbx_buffer_unref(buffer);
}

uint64_t dbx_applier_vacuum(dbx_applier *a) {
    pthread_mutex_lock(&a->mutex);
    uint64_t number = ++a->vacuum.asked;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
    return number;
}

bool dbx_applier_vacuumed(dbx_applier *a, uint64_t number) {
    pthread_mutex_lock(&a->mutex);
    bool ended = a->vacuum.ended >= number;
    pthread_mutex_unlock(&a->mutex);
    return ended;
}

void dbx_applier_set_autovacuum(dbx_applier *a, bool enabled, int64_t interval_us) {
    dbx_vacuum *v = &a->vacuum;
    pthread_mutex_lock(&a->mutex);
    if (v->due_us != 0) v->due_us += interval_us - v->interval_us;
    v->enabled = enabled;
    v->interval_us = interval_us;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

void dbx_applier_urge(dbx_applier *a, bool urgent) {
    pthread_mutex_lock(&a->mutex);
    a->vacuum.urgent = urgent;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

void dbx_applier_seen(dbx_applier *a) {
    pthread_mutex_lock(&a->mutex);
    a->vacuum.unseen = false;
    if (a->vacuum.running) pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
}

void dbx_applier_get_stats(dbx_applier *a, dbx_applier_stats *stats) {
    pthread_mutex_lock(&a->mutex);
    *stats = a->stats;
    stats->vacuums = a->vacuum.runs;
    stats->reclaimed = a->vacuum.reclaimed;
    stats->moved_bytes = a->vacuum.moved * DBX_PAGE_BYTES;
    stats->litter = a->vacuum.litter || a->vacuum.running;
    pthread_mutex_unlock(&a->mutex);
}

int dbx_apply_read_position(dbx_snapshot *snapshot, dbx_applied *applied) {
    uint8_t key[2] = {DBX_TABLE_META, DBX_META_POSITION};
    dbx_slice value;
    int rc = dbx_snapshot_get(snapshot, dbx_slice_of(key, sizeof key), &value);
    if (rc != DBX_OK) return rc;
    if (value.len != POSITION_BYTES) return DBX_ECORRUPT;
    applied->position = dbx_load64(value.ptr);
    applied->run = dbx_load64(value.ptr + 8);
    applied->times.now_ms = (int64_t)dbx_load64(value.ptr + 16);
    applied->times.wall_ms = (int64_t)dbx_load64(value.ptr + 24);
    return DBX_OK;
}

int dbx_apply_put_now(dbx_env *env, dbx_slice key, dbx_slice value, dbx_error *error) {
    MDBX_txn *txn;
    int rc = mdbx_txn_begin(env->env, NULL, MDBX_TXN_READWRITE, &txn);
    if (rc == 0) {
        MDBX_val k = val_of(key), v = val_of(value);
        rc = mdbx_put(txn, env->dbi, &k, &v, MDBX_UPSERT);
        int end = rc == 0 ? mdbx_txn_commit(txn) : mdbx_txn_abort(txn);
        if (rc == 0) rc = end;
    }
    return rc == 0 ? DBX_OK : dbx_env_error(rc, "writing to", env->path, error);
}
