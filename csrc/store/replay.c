/* replay.c: see replay.h. */
#include "store/replay.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "store/apply.h"
#include "store/freeze.h"
#include "store/replay_ahead.h"

/* An entry takes about twice what its effect does; without a bound, what is short in the log could
 * bring up much. */
enum { BROUGHT_UP = 4 };

typedef struct replayer {
    dbx_store *store;
    const dbx_replay_calls *calls;
    dbx_effect_reader effects;
    uint32_t db; /* selected by the frame so far */
} replayer;

/* Points argv at the parts of spools that an effect names; *input is the (one) spool. */
static int resolve_spools(replayer *r, dbx_spool **input, dbx_error *error) {
    dbx_store *store = r->store;
    for (size_t i = 0; i < r->effects.argc; i++) {
        const dbx_effect_arg *arg = &r->effects.args[i];
        if (arg->spool == 0) continue;
        if (*input == NULL) {
            int rc = dbx_spool_load(store, arg->spool, input, error);
            if (rc != DBX_OK) return rc;
            rc = dbx_buffer_hold_spool(store->live.active, *input);
            if (rc != DBX_OK) return dbx_error_set(error, rc, "out of memory");
        }
        if (!dbx_spool_part(*input, arg->offset, arg->len, &r->effects.argv[i])) {
            return dbx_error_set(error, DBX_ECORRUPT, "a journalled value is cut off");
        }
    }
    return DBX_OK;
}

static int run_effect(replayer *r, dbx_error *error) {
    dbx_txn *txn = &r->store->txn;
    const dbx_slice *argv = r->effects.argv;
    dbx_spool *input = NULL;
    int rc = dbx_replay_select(r->store, &r->effects, &r->db);
    if (rc == 1) return DBX_OK;
    if (rc < 0) {
        return dbx_error_set(error, rc,
                             "the journal uses database %.*s, but only %u are configured: raise "
                             "databases",
                             (int)argv[1].len, (const char *)argv[1].ptr,
                             r->store->options.databases);
    }
    rc = resolve_spools(r, &input, error);
    if (rc == DBX_OK) {
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        dbx_txn_input(txn, input);
        rc = r->calls->run(r->calls->arg, txn, r->db, r->effects.argc, argv, error);
        dbx_txn_command_end(txn, savepoint);
    }
    if (input != NULL) dbx_spool_unref(input);
    return rc;
}

static int run_frame(replayer *r, const dbx_frame *frame, dbx_slice bytes, dbx_error *error) {
    dbx_store *store = r->store;
    int rc;
    store->last = (dbx_times){(int64_t)frame->time_ms, (int64_t)frame->wall_ms};
    store->wall_ahead_ms = store->last.wall_ms - store->last.now_ms;
    (void)dbx_store_turn_begin(store, store->last.now_ms);
    r->db = 0;
    r->effects.in = bytes;
    while ((rc = dbx_effect_next(&r->effects)) == 1) {
        rc = run_effect(r, error);
        if (rc != DBX_OK) return rc;
        store->replay_effects++;
    }
    dbx_undo_settle(&store->txn.undo, store->live.active);
    if (rc == DBX_OK) return DBX_OK;
    return dbx_error_set(error, rc, "the journal holds what is no effect, before position %" PRIu64,
                         frame->position);
}

/* A log longer than two buffers is applied on the way; memory stays within twice the bound. */
static int keep_bounds(dbx_store *store, dbx_error *error) {
    dbx_applier_stats stats;
    while (store->live.frozen != NULL &&
           dbx_buffer_fill(store->live.active) >= store->buffer_bytes_max) {
        struct timespec pause = {.tv_nsec = 1000000};
        dbx_applier_release(store->applier);
        (void)nanosleep(&pause, NULL);
        dbx_freeze_step(store);
        dbx_applier_get_stats(store->applier, &stats);
        if (stats.last_error[0] != '\0')
            return dbx_error_set(error, DBX_EIO, "%s", stats.last_error);
    }
    return DBX_OK;
}

static int run_batch(replayer *r, const dbx_replay_batch *batch, dbx_error *error) {
    dbx_store *store = r->store;
    int rc = DBX_OK;
    for (size_t i = 0; rc == DBX_OK && i < batch->count; i++) {
        const dbx_replay_group *group = &batch->groups[i];
        int64_t begun_us = dbx_clock_mono_us();
        dbx_replay_batch_fetch(batch, i);
        dbx_slice bytes = dbx_slice_of(batch->bytes.ptr + group->offset, group->len);
        rc = run_frame(r, &group->frame, bytes, error);
        if (rc != DBX_OK) break;
        store->replay_turn = store->replay_position;
        store->replay_position = group->end;
        store->spent_us += dbx_clock_mono_us() - begun_us;
        rc = keep_bounds(store, error);
    }
    return rc;
}

static int run_all(replayer *r, dbx_journal_reader *reader, dbx_error *error) {
    dbx_replay_ahead *ahead;
    dbx_replay_batch *batch;
    int rc = dbx_replay_ahead_open(r->store, reader, r->calls, &ahead, error);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_replay_ahead_next(ahead, &batch, error)) == 1) {
        dbx_replay_batch_bring_up(batch, BROUGHT_UP * dbx_replay_ahead_bytes(ahead));
        rc = run_batch(r, batch, error);
        if (rc != DBX_OK) break;
    }
    dbx_replay_ahead_close(ahead);
    return rc;
}

int dbx_replay_run(dbx_store *store, const dbx_replay_calls *calls, dbx_error *error) {
    dbx_journal_reader *reader;
    replayer r = {.store = store, .calls = calls};
    int64_t start_us = dbx_clock_mono_us();
    int rc = dbx_journal_reader_open(store->options.path, store->replay_position, &reader, error);
    if (rc != DBX_OK) return rc;
    store->txn.replaying = true;
    rc = dbx_journal_reader_sync(reader, error);
    if (rc == DBX_OK) rc = run_all(&r, reader, error);
    store->txn.replaying = false;
    dbx_applier_release(store->applier);
    if (rc == DBX_OK) rc = dbx_journal_reader_settle(reader, error);
    uint64_t end = dbx_journal_reader_end(reader), last_run = dbx_journal_reader_run(reader);
    if (end > store->replay_position) store->replay_position = end;
    if (last_run >= store->run) store->run = last_run + 1;
    store->replay_ms += (uint64_t)(dbx_clock_mono_us() - start_us) / 1000;
    dbx_effect_reader_free(&r.effects);
    dbx_journal_reader_close(reader);
    return rc;
}
