/* replay_batch.c: see replay_batch.h. */
#include "store/replay_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/key_order.h"

enum {
    KEYS_MAX = 64 << 10,    /* of a batch; those beyond are looked up by their effects */
    RECORD_BYTES_MAX = 512, /* longer ones are left where they are */
    HEADER_BYTES = 24,      /* about what a record has before its payload */
    SPARE_BYTES = 64,       /* by which a record may be longer than what is written over it */
    AHEAD = 32              /* keys whose places are loaded at the same time */
};

/* What stands before each key in the list of names. */
typedef struct note {
    uint16_t key_len, room;
} note;

typedef struct dbx_replay_key {
    uint64_t order; /* its first bytes after those that all keys share, as a number */
    uint64_t hash;
    const uint8_t *at; /* its note */
    dbx_slice value;   /* in the snapshot */
    int found;         /* DBX_OK, DBX_ENOTFOUND; anything else: leave it alone */
} replay_key;

static note note_at(const uint8_t *at) {
    note n;
    memcpy(&n, at, sizeof n);
    return n;
}

static dbx_slice name_of(const replay_key *k) {
    return dbx_slice_of(k->at + sizeof(note), note_at(k->at).key_len);
}

int dbx_replay_select(const dbx_store *store, const dbx_effect_reader *effects, uint32_t *db) {
    uint64_t number;
    int rc = dbx_effect_selects(effects, &number);
    if (rc == 1 && number >= store->options.databases) return DBX_EINVAL;
    if (rc == 1) *db = (uint32_t)number;
    return rc;
}

/* --- Reading -------------------------------------------------------------------------------- */

static int keep_group(dbx_replay_batch *b, const dbx_frame *frame, dbx_slice bytes, uint64_t end) {
    void *groups = dbx_alloc_room(b->groups, &b->cap, b->count + 1, sizeof *b->groups);
    if (groups == NULL) return DBX_ENOMEM;
    b->groups = groups;
    b->groups[b->count++] =
        (dbx_replay_group){.frame = *frame, .offset = b->bytes.len, .len = bytes.len, .end = end};
    dbx_buf_add(&b->bytes, bytes.ptr, bytes.len);
    return b->bytes.failed ? DBX_ENOMEM : DBX_OK;
}

static int read_groups(dbx_replay_batch *b, dbx_journal_reader *reader, size_t bytes_max,
                       dbx_error *error) {
    dbx_frame frame;
    dbx_slice bytes;
    int rc;
    b->bytes.len = b->count = 0;
    do {
        rc = dbx_journal_reader_next(reader, &frame, &bytes, error);
        if (rc != 1) break;
        int kept = keep_group(b, &frame, bytes, dbx_journal_reader_end(reader));
        if (kept != DBX_OK) return dbx_error_set(error, kept, "out of memory");
    } while (b->bytes.len < bytes_max);
    return rc < 0 ? rc : b->count > 0;
}

/* --- Noting keys ---------------------------------------------------------------------------- */

typedef struct noting {
    dbx_replay_batch *batch;
    const dbx_effect_reader *effects;
    uint64_t ns;
} noting;

static void note_key(void *arg, size_t index, uint32_t flags) {
    const noting *to = arg;
    dbx_replay_batch *b = to->batch;
    const dbx_effect_reader *e = to->effects;
    uint8_t key[DBX_ENCODED_KEY_MAX];
    bool long_name;
    (void)flags;
    if (e->args[index].spool != 0 || b->key_count == KEYS_MAX) return;
    size_t len = dbx_format_key(key, to->ns, e->argv[index], b->store->seed, &long_name);
    /* What is written is most often the argument after the key; if not, it finds a place too. */
    size_t next = index + 1 < e->argc ? e->argv[index + 1].len : 0;
    note n = {.key_len = (uint16_t)len,
              .room = (uint16_t)(next <= RECORD_BYTES_MAX ? next + HEADER_BYTES : 0)};
    uint64_t hash = dbx_buffer_hash(dbx_slice_of(key, len));
    dbx_buf_add(&b->names, &n, sizeof n);
    dbx_buf_add(&b->names, key, len);
    dbx_buf_add(&b->hashes, &hash, sizeof hash);
    b->key_count++;
}

/* Effects that do not read well are met again, and reported, when they are executed. */
static void note_keys(dbx_replay_batch *b, const dbx_replay_calls *calls) {
    dbx_effect_reader effects = {.args = NULL};
    noting to = {.batch = b, .effects = &effects};
    b->names.len = b->hashes.len = b->key_count = 0;
    b->names.failed = b->hashes.failed = false;
    for (size_t i = 0; i < b->count; i++) {
        uint32_t db = 0;
        b->groups[i].keys = b->key_count;
        effects.in = dbx_slice_of(b->bytes.ptr + b->groups[i].offset, b->groups[i].len);
        while (dbx_effect_next(&effects) == 1) {
            if (dbx_replay_select(b->store, &effects, &db) != 0) continue;
            to.ns = b->ns[db];
            calls->keys(calls->arg, effects.argc, effects.argv, note_key, &to);
        }
    }
    if (b->names.failed || b->hashes.failed) b->key_count = 0;
    dbx_effect_reader_free(&effects);
}

/* --- Sorting and looking up ----------------------------------------------------------------- */

static int by_name(const void *left, const void *right) {
    const replay_key *a = left, *b = right;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return dbx_slice_cmp(name_of(a), name_of(b));
}

static void sort_keys(dbx_replay_batch *b) {
    replay_key *keys = b->keys;
    const uint8_t *at = b->names.ptr;
    size_t common = DBX_ENCODED_KEY_MAX;
    for (size_t i = 0; i < b->key_count; i++) {
        keys[i].at = at;
        memcpy(&keys[i].hash, b->hashes.ptr + i * sizeof(uint64_t), sizeof(uint64_t));
        common = dbx_key_shared(name_of(&keys[0]), name_of(&keys[i]), common);
        at += sizeof(note) + note_at(at).key_len;
    }
    for (size_t i = 0; i < b->key_count; i++) {
        keys[i].order = dbx_key_order(name_of(&keys[i]), common);
    }
    qsort(keys, b->key_count, sizeof *keys, by_name);
}

static bool renew(dbx_replay_batch *b) {
    if (b->below != NULL) return dbx_snapshot_renew(b->below) == DBX_OK;
    return dbx_snapshot_open(b->store->env, &b->below) == DBX_OK;
}

static void look_up(dbx_replay_batch *b) {
    b->looked_up = false;
    if (b->key_count == 0) return;
    void *keys = dbx_alloc_room(b->keys, &b->key_cap, b->key_count, sizeof *b->keys);
    if (keys == NULL) return;
    b->keys = keys;
    if (!renew(b)) return;
    dbx_env_cursor *cursor = dbx_env_cursor_open(b->below);
    if (cursor == NULL) return;
    sort_keys(b);
    for (size_t i = 0; i < b->key_count; i++) {
        replay_key *k = &b->keys[i];
        dbx_slice name = name_of(k), at = name;
        k->found = dbx_env_cursor_move(cursor, DBX_ENV_SEEK, &at, &k->value);
        if (k->found == DBX_OK && !dbx_slice_eq(at, name)) k->found = DBX_ENOTFOUND;
        if (k->found == DBX_OK && k->value.len > RECORD_BYTES_MAX) k->found = DBX_ELIMIT;
    }
    dbx_env_cursor_close(cursor);
    b->looked_up = true;
}

int dbx_replay_batch_init(dbx_replay_batch *batch, dbx_store *store) {
    batch->store = store;
    batch->ns = dbx_alloc_zero(store->options.databases, sizeof *batch->ns);
    return batch->ns != NULL ? DBX_OK : DBX_ENOMEM;
}

int dbx_replay_batch_read(dbx_replay_batch *batch, dbx_journal_reader *reader,
                          const dbx_replay_calls *calls, size_t bytes_max, dbx_error *error) {
    int rc = read_groups(batch, reader, bytes_max, error);
    if (rc != 1) return rc;
    batch->key_count = 0;
    if (calls->keys != NULL) note_keys(batch, calls);
    look_up(batch);
    return rc;
}

/* --- Using what was found ------------------------------------------------------------------- */

static void bring_up(dbx_store *store, const replay_key *k) {
    dbx_slice name = name_of(k), value = k->value;
    dbx_buffer *active = store->live.active;
    dbx_undo *undo = &store->txn.undo;
    size_t room = note_at(k->at).room;
    if (dbx_buffer_find(active, name, k->hash) != NULL || dbx_buffer_in_gap(active, name)) return;
    int found = dbx_view_frozen_get(&store->live, name, k->hash, &value);
    if (found == 1) found = k->found;
    /* The entry keeps the room when less is written into it, or nothing. */
    if (found != DBX_ENOTFOUND && (found != DBX_OK || value.len > room + SPARE_BYTES)) return;
    (void)dbx_buffer_bring_up(active, undo, name, k->hash, found == DBX_OK ? &value : NULL, room);
    dbx_undo_settle(undo, active);
}

/* An apply taken in since: what the frozen buffer held is in a newer MDBX now, and the snapshot
 * does not have it. A database flushed or swapped since: the keys may be those of a namespace that
 * is being reclaimed, into which nothing may be written any more. */
static bool still_true(const dbx_replay_batch *batch) {
    const dbx_store *store = batch->store;
    if (!batch->looked_up || dbx_snapshot_id(batch->below) != dbx_snapshot_id(store->live.below)) {
        return false;
    }
    for (uint32_t i = 0; i < store->options.databases; i++) {
        if (batch->ns[i] != store->dbs[i].ns) return false;
    }
    return true;
}

void dbx_replay_batch_bring_up(dbx_replay_batch *batch, size_t bytes_max) {
    const dbx_buffer *active = batch->store->live.active;
    uint64_t hashes[AHEAD];
    if (!still_true(batch)) return;
    size_t limit = dbx_buffer_fill(active) + bytes_max;
    if (limit > batch->store->buffer_bytes_max) limit = batch->store->buffer_bytes_max;
    for (size_t from = 0; from < batch->key_count; from += AHEAD) {
        size_t n = batch->key_count - from < AHEAD ? batch->key_count - from : AHEAD;
        if (dbx_buffer_fill(active) >= limit) return;
        for (size_t i = 0; i < n; i++)
            hashes[i] = batch->keys[from + i].hash;
        dbx_buffer_prefetch(active, hashes, n);
        for (size_t i = 0; i < n; i++)
            bring_up(batch->store, &batch->keys[from + i]);
    }
}

void dbx_replay_batch_fetch(const dbx_replay_batch *batch, size_t group) {
    size_t from = batch->groups[group].keys;
    size_t to = group + 1 < batch->count ? batch->groups[group + 1].keys : batch->key_count;
    if (from >= to || to > batch->key_count) return;
    dbx_buffer_prefetch(batch->store->live.active,
                        (const uint64_t *)(const void *)batch->hashes.ptr + from, to - from);
}

void dbx_replay_batch_free(dbx_replay_batch *batch) {
    dbx_buf_free(&batch->bytes);
    dbx_buf_free(&batch->names);
    dbx_buf_free(&batch->hashes);
    dbx_alloc_free(batch->groups);
    dbx_alloc_free(batch->keys);
    dbx_alloc_free(batch->ns);
    dbx_snapshot_close(batch->below);
}
