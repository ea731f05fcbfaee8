/* checkpoint.c: see checkpoint.h. */
#include "store/checkpoint.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/arena_marks.h"
#include "store/checkpoint_ahead.h"
#include "store/checkpoint_write.h"
#include "store/freeze.h"
#include "store/journal.h"
#include "store/journal_read.h"
#include "store/limits.h"
#include "store/spool.h"

enum {
    AHEAD = 12, /* entries that are being fetched while one is looked at */
    /* Looked at between two turns: some, and a few for each that the turn has changed, so that
     * the walk ends long before as much has changed again; at most so many. */
    WALK_ENTRIES = 256,
    WALK_FOR_EACH = 4,
    WALK_ENTRIES_MAX = 2048,
    BUFFER_CHECKPOINTS_MAX = 192, /* files that a start has open at once, twice: the frozen one's */
    SLACK_BYTES = 1 << 20,        /* beside a small buffer's bound */
    /* Few keys written over and over: a checkpoint of so small a part of the log costs next to
     * nothing, and is made so many times as often. */
    SMALL_PART = 32,
    SMALL_OFTEN = 4
};

/* Who has the checkpoint being made. */
enum owner { WALKING, WRITING, WRITTEN, SEALED, FAILED };

typedef struct dbx_checkpoint {
    dbx_checkpoint_writer writer;
    dbx_buffer *buffer;   /* whose view is open; NULL: it has been walked */
    uint32_t after, upto; /* epochs: what was written in between is saved */
    uint64_t at;          /* among the marks of the buffer's arena */
    /* Marked entries, which stay while the view is open, and how many are dealt with. */
    void *part[WALK_ENTRIES_MAX];
    size_t part_count, part_at;
    uint64_t effects; /* the store's, when it was last walked */
    int64_t spent_us; /* when the view was opened */
    bool given_up;
    bool waits; /* for room in the syncer's queue */
    dbx_journal *journal;
    _Atomic int owner; /* enum owner; the syncer's while WRITING */
    dbx_error error;
} dbx_checkpoint;

/* --- Saving ----------------------------------------------------------------------------------- */

/* The next entry that a view of `upto` sees, with its state; NULL: there is none. */
static const dbx_entry *next_seen(const dbx_buffer *buffer, const dbx_entry *last, uint32_t upto,
                                  dbx_state *state) {
    const dbx_entry *entry =
        last == NULL ? dbx_tree_first(&buffer->tree) : dbx_tree_next(&buffer->tree, last);
    while (entry != NULL && !dbx_buffer_see(buffer, entry, upto, state))
        entry = dbx_tree_next(&buffer->tree, entry);
    return entry;
}

static int save_entry(dbx_checkpoint_writer *w, const dbx_buffer *buffer, const dbx_entry *entry,
                      const dbx_state *state, uint32_t upto) {
    dbx_state other;
    const dbx_entry *end = NULL;
    if ((state->flags & DBX_ENTRY_GAP) != 0) end = next_seen(buffer, entry, upto, &other);
    return dbx_checkpoint_put(w, buffer, dbx_entry_key(entry), state, end);
}

/* The log must have durably what is saved: it would end before the checkpoint after a power cut. */
static int seal(dbx_checkpoint_writer *w, dbx_journal *log, dbx_error *error) {
    uint64_t to = w->head.span.to;
    if (log != NULL) {
        dbx_journal_settle(log, to);
        if (dbx_journal_durable(log) < to) {
            return dbx_error_set(error, DBX_ESTOPPED, "the journal is not synced");
        }
    }
    return dbx_checkpoint_seal(w, error);
}

int dbx_checkpoint_rest(const char *dir, const dbx_buffer *frozen, const dbx_applied *applied,
                        dbx_journal *log, const atomic_bool *stop, uint64_t *bytes,
                        dbx_error *error) {
    dbx_state state;
    dbx_checkpoint_writer w = {.dir = dir,
                               .state = DBX_CHECKPOINT_REST,
                               .head = {.span = {applied->saved, applied->position},
                                        .turn = applied->turn,
                                        .run = applied->run,
                                        .base = applied->base,
                                        .times = applied->times,
                                        .oldest_ms = frozen->oldest_ms}};
    const dbx_entry *entry = NULL;
    int rc = DBX_OK;
    while (rc == DBX_OK && (entry = next_seen(frozen, entry, DBX_EPOCH_LIVE, &state)) != NULL) {
        if (state.epoch <= applied->saved_epoch) continue;
        rc = save_entry(&w, frozen, entry, &state, DBX_EPOCH_LIVE);
        if (rc != DBX_OK) {
            (void)dbx_error_set(error, rc, "out of memory");
        } else if (dbx_checkpoint_full(&w)) {
            rc = atomic_load(stop) ? DBX_ESTOPPED : dbx_checkpoint_write(&w, error);
        }
    }
    if (rc == DBX_OK) rc = seal(&w, log, error);
    if (rc != DBX_OK) dbx_checkpoint_discard(&w);
    *bytes += w.at;
    dbx_checkpoint_free(&w);
    return rc;
}

void dbx_checkpoint_complain(const dbx_error *error) {
    dbx_log(DBX_LOG_WARNING, "no checkpoint was made, a start may be slower: %s", error->text);
}

/* Values in spools that the log does not name: commands made them, and a start makes them again. */
static bool can_be_saved(const dbx_store *store) {
    const dbx_buffer *active = store->live.active;
    if (!dbx_room_spare(store, dbx_buffer_fill(active))) return false;
    for (size_t i = 0; i < active->spool_count; i++) {
        if (!dbx_spool_named(active->spools[i])) return false;
    }
    return true;
}

/* --- The active buffer ------------------------------------------------------------------------ */

static void close_view(dbx_checkpoint *c) {
    if (c->buffer != NULL) dbx_buffer_view_close(c->buffer);
    c->buffer = NULL;
}

static void drop(dbx_store *store) {
    dbx_checkpoint *c = store->checkpoint;
    close_view(c);
    dbx_checkpoint_free(&c->writer);
    dbx_alloc_free(c);
    store->checkpoint = NULL;
}

/* In the syncer's thread. */
static void write_part(void *arg) {
    dbx_checkpoint *c = arg;
    int rc = dbx_checkpoint_write(&c->writer, &c->error);
    atomic_store(&c->owner, rc == DBX_OK ? WRITTEN : FAILED);
}

static void write_rest(void *arg) {
    dbx_checkpoint *c = arg;
    int rc = seal(&c->writer, c->journal, &c->error);
    atomic_store(&c->owner, rc == DBX_OK ? SEALED : FAILED);
}

static void discard(void *arg) {
    dbx_checkpoint *c = arg;
    dbx_checkpoint_discard(&c->writer); /* sealed meanwhile, it is as good as the others */
    atomic_store(&c->owner, FAILED);
}

static void hand_over(dbx_checkpoint *c, void (*job)(void *arg)) {
    int before = atomic_exchange(&c->owner, WRITING);
    c->waits = dbx_journal_request_job(c->journal, job, c) != DBX_OK;
    if (c->waits) atomic_store(&c->owner, before); /* the queue is full: asked again */
}

/* Few large ones or many small ones: both would take long to load. */
static bool enough(const dbx_store *store) {
    return store->buffer_checkpoints >= BUFFER_CHECKPOINTS_MAX ||
           store->buffer_checkpoint_bytes >= 2 * (uint64_t)store->buffer_bytes_max + SLACK_BYTES;
}

static bool is_due(const dbx_store *store) {
    int64_t early_us = store->options.checkpoint_us - store->options.checkpoint_us / SMALL_OFTEN;
    if (store->spent_us >= store->checkpoint_due_us) return true;
    return store->spent_us >= store->checkpoint_due_us - early_us &&
           SMALL_PART * (uint64_t)dbx_buffer_fill(store->live.active) <=
               dbx_store_position(store) - store->saved_position;
}

static bool wanted(dbx_store *store) {
    if (store->journal == NULL || !is_due(store)) return false;
    if (dbx_store_position(store) == store->saved_position ||
        dbx_journal_turn(store->journal) < store->saved_position) {
        /* What was executed changed nothing that is logged. Gaps that begin in one checkpoint end
         * in it or an earlier one, so none may be made that no start will load. */
        store->spent_us = 0;
        return false;
    }
    if (enough(store) || store->marks_lost) return false;
    if (dbx_journal_refused(store->journal, NULL)) return false;
    /* It would not be used: those of the frozen buffer come first. */
    if (store->live.frozen != NULL && !dbx_applier_saved(store->applier)) return false;
    return can_be_saved(store);
}

static void begin(dbx_store *store) {
    dbx_checkpoint *c = dbx_alloc_zero(1, sizeof *c);
    store->checkpoint_due_us = store->spent_us + store->options.checkpoint_us;
    if (c == NULL) return;
    int rc = dbx_freeze_save(store);
    dbx_undo_settle(&store->txn.undo, store->live.active);
    dbx_buffer *active = store->live.active;
    if (rc != DBX_OK) {
        dbx_alloc_free(c);
        return;
    }
    c->writer.dir = store->options.path;
    c->writer.state = DBX_CHECKPOINT_ACTIVE;
    c->writer.head =
        (dbx_checkpoint_head){.span = {store->saved_position, dbx_store_position(store)},
                              .turn = dbx_journal_turn(store->journal),
                              .run = store->run,
                              .base = store->frozen_position,
                              .times = dbx_txn_times(&store->txn),
                              .oldest_ms = active->oldest_ms};
    c->journal = store->journal;
    c->after = store->saved_epoch;
    c->upto = active->saved_epoch = dbx_buffer_view_open(active);
    c->buffer = active;
    c->spent_us = store->spent_us;
    c->effects = store->effects;
    store->checkpoint = c;
}

/* Saves a marked entry if the view sees a change in it, and takes the mark, unless it has changed
 * again since. */
static int save_marked(dbx_checkpoint *c, dbx_entry *entry) {
    dbx_state state;
    if (entry->epoch <= c->upto) dbx_arena_unmark(entry);
    if (entry->epoch <= c->after || !dbx_buffer_see(c->buffer, entry, c->upto, &state) ||
        state.epoch <= c->after) {
        return DBX_OK;
    }
    if (save_entry(&c->writer, c->buffer, entry, &state, c->upto) != DBX_OK) {
        return dbx_error_set(&c->error, DBX_ENOMEM, "out of memory");
    }
    return DBX_OK;
}

static void next_part(dbx_checkpoint *c, uint64_t effects) {
    uint64_t want = WALK_ENTRIES + WALK_FOR_EACH * (effects - c->effects);
    if (want > WALK_ENTRIES_MAX) want = WALK_ENTRIES_MAX;
    c->effects = effects;
    c->part_at = 0;
    c->part_count = dbx_arena_next_marked(&c->buffer->arena, &c->at, c->part, (size_t)want);
    if (c->part_count == DBX_ARENA_MARKS_END) {
        c->part_count = 0;
        close_view(c);
    }
}

/* What a turn's work allows, or what fits, between two turns. */
static int walk(dbx_checkpoint *c, uint64_t effects) {
    int rc = DBX_OK;
    if (c->part_at == c->part_count) next_part(c, effects);
    while (rc == DBX_OK && c->part_at < c->part_count && !dbx_checkpoint_full(&c->writer)) {
        if (c->part_at + AHEAD < c->part_count) __builtin_prefetch(c->part[c->part_at + AHEAD]);
        rc = save_marked(c, c->part[c->part_at++]);
    }
    return rc;
}

static void finish(dbx_store *store) {
    const dbx_checkpoint *c = store->checkpoint;
    store->saved_position = c->writer.head.span.to;
    store->saved_epoch = c->upto;
    store->spent_us -= c->spent_us;
    store->checkpoint_due_us = store->options.checkpoint_us;
    store->checkpoints++;
    store->checkpoint_bytes += c->writer.at;
    /* As a start counts them: what loading takes, not what the file has. */
    store->buffer_checkpoint_bytes += c->writer.head.chunks * DBX_CHUNK_BYTES;
    store->buffer_checkpoints++;
    drop(store);
}

static void fail(dbx_store *store) {
    dbx_checkpoint *c = store->checkpoint;
    if (c->error.code != 0) {
        dbx_checkpoint_complain(&c->error);
        c->error.code = 0;
    }
    close_view(c);
    c->given_up = true;
    store->marks_lost = true; /* of what it has looked at */
}

void dbx_checkpoint_step(dbx_store *store) {
    if (store->checkpoint == NULL && wanted(store)) begin(store);
    dbx_checkpoint *c = store->checkpoint;
    if (c == NULL) return;
    enum owner owner = (enum owner)atomic_load(&c->owner);
    if (owner == WRITING) return;
    if (owner == FAILED && c->given_up) {
        drop(store);
        return;
    }
    if (owner == SEALED && !c->given_up) {
        finish(store);
        return;
    }
    if (!c->given_up &&
        (owner == FAILED || (c->buffer != NULL && walk(c, store->effects) != DBX_OK))) {
        fail(store);
    }
    if (c->given_up) {
        hand_over(c, discard);
    } else if (c->buffer == NULL) {
        hand_over(c, write_rest);
    } else if (dbx_checkpoint_full(&c->writer)) {
        hand_over(c, write_part);
    }
}

bool dbx_checkpoint_busy(const dbx_store *store) {
    /* The syncer wakes us when it has done something. */
    const dbx_checkpoint *c = store->checkpoint;
    return c != NULL && !c->waits && atomic_load(&c->owner) != WRITING;
}

void dbx_checkpoint_freeze(dbx_store *store, dbx_applied *applied) {
    applied->saved = store->saved_position;
    applied->saved_epoch = store->saved_epoch;
    applied->turn = store->journal != NULL ? dbx_journal_turn(store->journal) : store->replay_turn;
    applied->save =
        (store->saved_epoch > 0 || store->spent_us >= store->options.checkpoint_us / 2) &&
        can_be_saved(store);
    if (store->checkpoint != NULL) {
        close_view(store->checkpoint);
        store->checkpoint->given_up = true;
    }
    store->saved_position = applied->position;
    store->saved_epoch = 0;
    store->marks_lost = false;
    store->buffer_checkpoints = store->buffer_checkpoint_bytes = 0;
    store->checkpoint_due_us = store->options.checkpoint_us;
}

void dbx_checkpoint_stop(dbx_store *store) {
    if (store->checkpoint != NULL) drop(store);
}

/* --- Loading ---------------------------------------------------------------------------------- */

/* The files that will be loaded: each goes on where the one before it ends. */
typedef struct chain {
    dbx_checkpoint_span *spans;
    size_t count;
    dbx_checkpoint_head last;
    int64_t oldest_ms;
    uint64_t run;   /* the highest */
    uint64_t bytes; /* about */
} chain;

/* The longest whole file that goes on from `from`; false: there is none. What is damaged is removed
 * from `spans`, and from the disk. */
static bool choose(const char *dir, dbx_checkpoint_span *spans, size_t count, uint64_t from,
                   size_t *chosen, dbx_checkpoint_head *head) {
    for (;;) {
        dbx_error error;
        *chosen = count;
        for (size_t i = 0; i < count; i++) {
            if (spans[i].from != from || spans[i].to <= from) continue;
            if (*chosen == count || spans[i].to > spans[*chosen].to) *chosen = i;
        }
        if (*chosen == count) return false;
        if (dbx_checkpoint_check(dir, spans[*chosen], head, &error) == DBX_OK) return true;
        dbx_log(DBX_LOG_NOTICE, "%s: the journal is replayed instead", error.text);
        dbx_checkpoint_remove(dir, spans[*chosen], DBX_CHECKPOINT_SEALED);
        spans[*chosen] = (dbx_checkpoint_span){0, 0};
    }
}

/* Moves the chain to the front of the list; all other files are removed, for no start will begin
 * where they do. */
static int find_chain(dbx_store *store, chain *c, dbx_error *error) {
    const char *dir = store->options.path;
    const uint64_t bytes_max = 4 * (uint64_t)store->buffer_bytes_max + 2 * (uint64_t)SLACK_BYTES;
    dbx_checkpoint_head head;
    size_t listed, chosen;
    dbx_checkpoint_tidy(dir, store->applied_position, false);
    int rc = dbx_checkpoint_list(dir, &c->spans, &listed, error);
    if (rc != DBX_OK) return rc;
    c->last.span.to = store->applied_position;
    while (c->count < listed && c->bytes < bytes_max &&
           choose(dir, c->spans + c->count, listed - c->count, c->last.span.to, &chosen, &head)) {
        dbx_checkpoint_span *at = &c->spans[c->count];
        at[chosen] = at[0];
        at[0] = head.span;
        c->count++;
        if (c->oldest_ms == 0) c->oldest_ms = head.oldest_ms;
        if (head.run > c->run) c->run = head.run;
        c->bytes += head.chunks * DBX_CHUNK_BYTES;
        c->last = head;
    }
    /* Not if one of the two was moved away or comes from a backup. */
    if (c->count > 0 && !dbx_journal_has_turn(dir, c->last.turn, c->last.span.to)) {
        dbx_log(DBX_LOG_NOTICE, "the checkpoints of %s are not of its journal, which is replayed",
                dir);
        c->count = 0;
    }
    for (size_t i = c->count; i < listed; i++)
        dbx_checkpoint_remove(dir, c->spans[i], DBX_CHECKPOINT_SEALED);
    return DBX_OK;
}

/* *spool: of the entry before. */
static int find_spool(dbx_store *store, uint64_t id, dbx_spool **spool, dbx_error *error) {
    dbx_buffer *active = store->live.active;
    if (*spool != NULL && dbx_spool_id(*spool) == id) return DBX_OK;
    for (size_t i = active->spool_count; i > 0; i--) {
        *spool = active->spools[i - 1];
        if (dbx_spool_id(*spool) == id) return DBX_OK;
    }
    int rc = dbx_spool_load(store, id, spool, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_buffer_hold_spool(active, *spool);
    dbx_spool_unref(*spool);
    return rc == DBX_OK ? rc : dbx_error_set(error, rc, "out of memory");
}

static int load_entry(dbx_store *store, dbx_buffer_load *load, const dbx_checkpoint_entry *entry,
                      dbx_spool **spool, dbx_error *error) {
    dbx_slice value = entry->value;
    if ((entry->flags & DBX_ENTRY_REFERS) != 0) {
        int rc = find_spool(store, entry->spool, spool, error);
        if (rc != DBX_OK) return rc;
        if (!dbx_spool_part(*spool, entry->offset, value.len, &value)) {
            return dbx_error_set(error, DBX_ECORRUPT,
                                 "a value in spool/%" PRIu64 ".spool is cut off", entry->spool);
        }
    }
    int rc =
        dbx_buffer_load_next(store->live.active, load, entry->key, value, entry->flags, *spool);
    return rc == DBX_OK ? rc : dbx_error_set(error, rc, "out of memory");
}

static int load_entries(dbx_store *store, dbx_checkpoint_ahead *ahead, dbx_error *error) {
    dbx_buffer_load load = {.count = 0};
    const dbx_checkpoint_entry *entries;
    dbx_spool *spool = NULL;
    size_t count;
    int rc;
    while ((rc = dbx_checkpoint_ahead_next(ahead, &entries, &count, error)) == 1) {
        for (size_t i = 0; i < count; i++) {
            rc = load_entry(store, &load, &entries[i], &spool, error);
            if (rc != DBX_OK) return rc;
        }
        store->loaded_entries += count;
    }
    dbx_buffer_load_end(store->live.active, &load);
    return rc;
}

static int load_chain(dbx_store *store, const chain *c, dbx_error *error) {
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_ahead *ahead;
    int rc = dbx_checkpoint_merge_open(store->options.path, c->spans, c->count, &merge, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_checkpoint_ahead_open(merge, &ahead, error);
    if (rc == DBX_OK) {
        rc = load_entries(store, ahead, error);
        dbx_checkpoint_ahead_close(ahead);
    }
    dbx_checkpoint_merge_close(merge);
    return rc;
}

/* The log has all of it: a start goes on without. */
static int do_without(dbx_store *store, const chain *c, const dbx_error *why, dbx_error *error) {
    dbx_log(DBX_LOG_WARNING, "checkpoints cannot be loaded, the journal is replayed: %s",
            why->text);
    for (size_t i = 0; i < c->count; i++)
        dbx_checkpoint_remove(store->options.path, c->spans[i], DBX_CHECKPOINT_SEALED);
    dbx_buffer *empty = dbx_buffer_new(store->filter_bytes, store->pool);
    if (empty == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    /* The log names the spools that were loaded: their files are needed. */
    atomic_store(&store->keep_spools, true);
    dbx_buffer_unref(store->live.active);
    atomic_store(&store->keep_spools, false);
    store->live.active = empty;
    store->loaded_entries = 0;
    return DBX_OK;
}

static void go_on_from(dbx_store *store, const chain *c) {
    store->live.active->oldest_ms = c->oldest_ms;
    store->saved_epoch = store->live.active->saved_epoch;
    store->saved_position = store->replay_position = c->last.span.to;
    store->replay_turn = c->last.turn;
    store->last = c->last.times;
    store->buffer_checkpoints = c->count;
    store->buffer_checkpoint_bytes = c->bytes;
    if (c->run >= store->run) store->run = c->run + 1;
}

int dbx_checkpoint_load(dbx_store *store, dbx_error *error) {
    int64_t begun_us = dbx_clock_mono_us();
    chain c = {.count = 0};
    dbx_error why;
    int rc = find_chain(store, &c, error);
    if (rc == DBX_OK && c.count > 0) {
        if (load_chain(store, &c, &why) == DBX_OK) {
            go_on_from(store, &c);
        } else {
            rc = do_without(store, &c, &why, error);
        }
    }
    dbx_alloc_free(c.spans);
    store->replay_ms = (uint64_t)(dbx_clock_mono_us() - begun_us) / 1000;
    return rc;
}
