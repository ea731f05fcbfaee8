/* cursor.c: walking one view in key order: active buffer over frozen buffer over MDBX snapshot.
 *
 * Each level stands on its next candidate; a step takes the smallest (largest) key, the upper level
 * winning a tie. What an upper level says is dead is passed over, whole gaps by one seek below.
 * While walking the live view, runs of tombstones that turn out to hide nothing are folded into
 * gaps, so that the next walk does not meet them (invariant 12).
 */
#include <stdbool.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"
#include "store/delta.h"
#include "store/internal.h"

enum { LEVELS = 3, ACTIVE = 0, FROZEN = 1, BELOW = 2 };
enum { DEAD_NOTED = 2 }; /* tombstones at an end that are worth to be remembered */

/* A level's candidate. Buffers keep an entry, the snapshot a key and value. */
typedef struct level {
    const dbx_buffer *buffer; /* NULL for the snapshot */
    uint32_t epoch;
    dbx_entry *entry;
    dbx_entry *came_from; /* the entry before it on the way; NULL: not known, or none */
    bool on;              /* there is a candidate */
    bool dead, delta;
    dbx_slice key, value;
} level;

struct dbx_cursor {
    dbx_view *view;
    level levels[LEVELS];
    dbx_env_cursor *below;        /* NULL: in memory, or it has let go */
    const dbx_snapshot *snapshot; /* `below` is of */
    dbx_cursor *older, *newer;    /* open ones of the live view */
    bool forward;
    bool standing;    /* on an entry: key and value are set */
    int lead;         /* when standing: the level it comes from */
    uint64_t changes; /* of the active buffer, when the levels were placed */
    unsigned
        swept; /* gaps in a row, ending at the active level's candidate, that hide nothing alive */
    dbx_entry *sweep_from; /* the active entry from which nothing alive was met so far */
    dbx_entry *sweep_back; /* its neighbour, where the gap before it begins */
    dbx_entry *dead;       /* the last active entry, a tombstone, that was passed in this move */
    unsigned dead_count;   /* and how many were */
    dbx_slice key, value;
    uint64_t head, head_mask; /* of the prefix, as many of its first 8 bytes as it has */
    size_t prefix_len;
    uint8_t prefix[DBX_ENCODED_KEY_MAX];
    dbx_tree_way ways[BELOW];          /* to the buffers' candidates */
    uint8_t left[DBX_ENCODED_KEY_MAX]; /* the key, when it has let go of where that was */
    dbx_buf
        whole[BELOW]; /* values put together: of the view, and of what is below its active buffer */
};

/* Of closed cursors on the live view one is kept for the next: opening takes longer than a seek. */
static dbx_cursor *new_cursor(dbx_view *view, dbx_snapshot *snapshot) {
    dbx_cursor *c = view == &view->store->live ? view->store->idle_cursor : NULL;
    if (c != NULL && c->snapshot == snapshot) {
        view->store->idle_cursor = NULL;
        return c;
    }
    c = dbx_alloc(sizeof *c);
    if (c == NULL) return NULL;
    c->below = NULL;
    memset(c->whole, 0, sizeof c->whole);
    if (snapshot != NULL && (c->below = dbx_env_cursor_open(snapshot)) == NULL) {
        dbx_alloc_free(c);
        return NULL;
    }
    return c;
}

static void list(dbx_cursor *c, dbx_store *store) {
    c->older = store->cursors;
    if (c->older != NULL) c->older->newer = c;
    store->cursors = c;
}

static void unlist(dbx_cursor *c, dbx_store *store) {
    if (c->older != NULL) c->older->newer = c->newer;
    if (c->newer != NULL) c->newer->older = c->older;
    if (store->cursors == c) store->cursors = c->older;
}

dbx_cursor *dbx_cursor_open(dbx_view *view, dbx_slice prefix) {
    if (prefix.len > DBX_ENCODED_KEY_MAX) return NULL;
    dbx_snapshot *snapshot = dbx_view_snapshot(view, prefix);
    dbx_cursor *c = new_cursor(view, snapshot);
    if (c == NULL) return NULL;
    dbx_env_cursor *below = c->below;
    memset(c, 0, offsetof(dbx_cursor, prefix));
    c->below = below;
    c->snapshot = snapshot;
    c->view = view;
    c->levels[ACTIVE].buffer = view->active;
    c->levels[ACTIVE].epoch = view->active_epoch;
    c->levels[FROZEN].buffer = view->frozen;
    c->levels[FROZEN].epoch = DBX_EPOCH_LIVE;
    c->prefix_len = prefix.len;
    if (prefix.len > 0) memcpy(c->prefix, prefix.ptr, prefix.len);
    size_t n = prefix.len < sizeof c->head ? prefix.len : sizeof c->head;
    for (size_t i = 0; i < n; i++) {
        c->head |= (uint64_t)c->prefix[i] << (56 - 8 * i);
        c->head_mask |= (uint64_t)0xFF << (56 - 8 * i);
    }
    if (view == &view->store->live) list(c, view->store);
    return c;
}

static void free_cursor(dbx_cursor *c) {
    if (c == NULL) return;
    if (c->below != NULL) dbx_env_cursor_close(c->below);
    for (int i = 0; i < BELOW; i++)
        dbx_buf_free(&c->whole[i]);
    dbx_alloc_free(c);
}

void dbx_cursor_close(dbx_cursor *c) {
    if (c == NULL) return;
    dbx_store *store = c->view->store;
    bool live = c->view == &store->live;
    if (live) unlist(c, store);
    if (live && store->idle_cursor == NULL && c->snapshot == store->live.below) {
        store->idle_cursor = c;
    } else {
        free_cursor(c);
    }
}

void dbx_cursor_forget_idle(dbx_store *store) {
    free_cursor(store->idle_cursor);
    store->idle_cursor = NULL;
}

void dbx_cursors_leave(dbx_store *store, uint64_t cid) {
    for (dbx_cursor *c = store->cursors; c != NULL; c = c->older) {
        if (!dbx_format_since(dbx_slice_of(c->prefix, c->prefix_len), cid)) continue;
        if (c->standing && c->key.ptr != c->left) memcpy(c->left, c->key.ptr, c->key.len);
        c->key.ptr = c->left;
        if (c->below != NULL) dbx_env_cursor_close(c->below);
        c->below = NULL;
        c->snapshot = NULL;
    }
}

static dbx_slice prefix_slice(const dbx_cursor *c) {
    return dbx_slice_of(c->prefix, c->prefix_len);
}

static bool in_prefix(const dbx_cursor *c, dbx_slice key) {
    if (c->prefix_len <= sizeof c->head && key.len >= sizeof c->head) {
        return (dbx_load64_be(key.ptr) & c->head_mask) == c->head;
    }
    return key.len >= c->prefix_len && memcmp(key.ptr, c->prefix, c->prefix_len) == 0;
}

static bool is_live(const dbx_cursor *c) {
    return c->view->active_epoch == DBX_EPOCH_LIVE;
}

/* --- Moving one level ------------------------------------------------------------------------- */

/* The next entry in a direction. */
static dbx_entry *neighbour(const dbx_buffer *buffer, const dbx_entry *entry, bool forward) {
    return forward ? dbx_tree_next(&buffer->tree, entry) : dbx_tree_prev(&buffer->tree, entry);
}

/* Makes `entry`, or the next one this view sees, the level's candidate. */
static void set_entry(level *l, dbx_tree_way *way, dbx_entry *entry, bool forward) {
    dbx_state state;
    while (entry != NULL && !dbx_buffer_see(l->buffer, entry, l->epoch, &state)) {
        entry = dbx_tree_follow(&l->buffer->tree, way, entry, forward);
    }
    l->entry = entry;
    l->on = entry != NULL;
    if (!l->on) return;
    l->key = dbx_entry_key(entry);
    l->value = state.value;
    l->dead = (state.flags & DBX_ENTRY_DEAD) != 0;
    l->delta = (state.flags & DBX_ENTRY_DELTA) != 0;
}

static int move_below(dbx_cursor *c, dbx_env_move move, dbx_slice key) {
    level *l = &c->levels[BELOW];
    l->on = false;
    if (c->snapshot == NULL && c->view->below != NULL) { /* it has let go */
        dbx_snapshot *snapshot = dbx_view_snapshot(c->view, prefix_slice(c));
        c->below = dbx_env_cursor_open(snapshot);
        if (c->below == NULL) return DBX_ENOMEM;
        c->snapshot = snapshot;
    }
    if (c->below == NULL) return DBX_OK;
    l->key = key;
    int rc = dbx_env_cursor_move(c->below, move, &l->key, &l->value);
    l->on = rc == DBX_OK;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int seek_level(dbx_cursor *c, int which, dbx_slice key, bool forward) {
    level *l = &c->levels[which];
    dbx_work_add(&c->view->store->work.seeks, 1);
    if (which == BELOW) return move_below(c, forward ? DBX_ENV_SEEK : DBX_ENV_SEEK_BACK, key);
    if (l->buffer == NULL) return DBX_OK;
    const dbx_tree *tree = &l->buffer->tree;
    dbx_entry *entry = forward ? dbx_tree_seek(tree, key) : dbx_tree_seek_back(tree, key);
    c->ways[which].len = 0;
    set_entry(l, &c->ways[which], entry, forward);
    l->came_from = NULL;
    return DBX_OK;
}

static int step_level(dbx_cursor *c, int which) {
    level *l = &c->levels[which];
    dbx_work_add(&c->view->store->work.steps, 1);
    if (which == BELOW) return move_below(c, c->forward ? DBX_ENV_NEXT : DBX_ENV_PREV, l->key);
    dbx_entry *from = l->entry;
    dbx_tree_way *way = &c->ways[which];
    set_entry(l, way, dbx_tree_follow(&l->buffer->tree, way, from, c->forward), c->forward);
    l->came_from = from;
    return DBX_OK;
}

/* --- Merging -------------------------------------------------------------------------------------
 */

/* Whether key a comes before key b in the walking direction: negative, 0, positive. */
static int order(const dbx_cursor *c, dbx_slice a, dbx_slice b) {
    int cmp = dbx_slice_cmp(a, b);
    return c->forward ? cmp : -cmp;
}

/* The level whose candidate comes first; the upper one of equals; -1: none. */
static int leading(const dbx_cursor *c) {
    int best = -1;
    for (int i = 0; i < LEVELS; i++) {
        if (!c->levels[i].on) continue;
        if (best < 0 || order(c, c->levels[i].key, c->levels[best].key) < 0) best = i;
    }
    return best;
}

/* The neighbour of a buffer's candidate, on the side that the cursor comes from. */
static dbx_entry *behind(dbx_cursor *c, int which) {
    level *l = &c->levels[which];
    /* Other views pass over entries that they do not see. */
    if (l->came_from == NULL || l->epoch != DBX_EPOCH_LIVE) {
        l->came_from = neighbour(l->buffer, l->entry, !c->forward);
    }
    return l->came_from;
}

/* If the candidate of level `low` lies in a gap of level `up`, its keys are dead up to the gap's
 * end. */
static bool gap_hides(dbx_cursor *c, int up) {
    const level *l = &c->levels[up];
    if (l->buffer == NULL) return false;
    if (!c->forward) return (l->entry->flags & DBX_ENTRY_GAP) != 0;
    if (l->buffer->gaps[l->entry->key[0]] == 0) return false;
    const dbx_entry *before = behind(c, up);
    return before != NULL && (before->flags & DBX_ENTRY_GAP) != 0;
}

/* Seeks levels below `up` past its gap: to the candidate of `up`, which bounds it. */
static int jump_gap(dbx_cursor *c, int up) {
    const level *l = &c->levels[up];
    dbx_slice bound = l->key;
    for (int i = up + 1; i < LEVELS; i++) {
        level *low = &c->levels[i];
        if (!low->on || order(c, low->key, bound) >= 0) continue;
        int rc = seek_level(c, i, bound, c->forward);
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

/* Called when the active level's candidate is the one to be dealt with: counts the gap behind it as
 * swept if nothing alive was met since the entry before, and folds a tombstone between two such
 * gaps. */
static void sweep(dbx_cursor *c) {
    level *l = &c->levels[ACTIVE];
    dbx_entry *here = l->entry, *from = c->sweep_from;
    dbx_buffer *buffer = c->view->active;
    if (!is_live(c)) return; /* which sees every entry, so that none was passed over unseen */
    dbx_entry *back = c->sweep_back;
    c->swept = from != NULL && from == behind(c, ACTIVE) ? c->swept + 1 : 0;
    c->sweep_from = here;
    c->sweep_back = from;
    if (c->swept < 2 || (from->flags & DBX_ENTRY_DEAD) == 0) return;
    dbx_entry *left = c->forward ? back : here, *right = c->forward ? here : back;
    if (!dbx_buffer_fold(buffer, &c->view->store->txn.undo, left, from, right)) return;
    c->swept = 1;
    c->sweep_back = l->came_from = back;
    c->changes = buffer->changes;
    c->ways[ACTIVE].len = 0;
}

/* Steps the leading level, and those below it that stand on the same key. */
static int pass(dbx_cursor *c, int lead) {
    dbx_slice key = c->levels[lead].key;
    int rc = step_level(c, lead);
    for (int i = lead + 1; rc == DBX_OK && i < LEVELS; i++) {
        if (c->levels[i].on && dbx_slice_eq(c->levels[i].key, key)) rc = step_level(c, i);
    }
    return rc;
}

/* The value of a level that stands on the cursor's key, put together with those below it if it has
 * a delta. */
static int value_of(dbx_cursor *c, int which, dbx_slice *value) {
    const level *l = &c->levels[which];
    dbx_slice base;
    *value = l->value;
    if (which == BELOW || !l->delta) return DBX_OK;
    int next = which + 1;
    while (next < LEVELS && !(c->levels[next].on && dbx_slice_eq(c->levels[next].key, l->key)))
        next++;
    if (next == LEVELS || (next != BELOW && c->levels[next].dead)) return DBX_ECORRUPT;
    int rc = value_of(c, next, &base);
    if (rc != DBX_OK) return rc;
    if (which == FROZEN && c->view->frozen_below) { /* which has it already */
        *value = base;
        return DBX_OK;
    }
    rc = dbx_delta_fill(&c->whole[which], base, l->value);
    *value = dbx_buf_slice(&c->whole[which]);
    return rc;
}

/* Stands on the first live candidate, or finds that there is none within the prefix. */
static int settle(dbx_cursor *c) {
    c->standing = false;
    c->dead = NULL;
    c->dead_count = 0;
    for (;;) {
        int lead = leading(c);
        if (lead < 0 || !in_prefix(c, c->levels[lead].key)) return DBX_ENOTFOUND;
        int hidden_by = -1;
        for (int up = 0; up < lead && hidden_by < 0; up++) {
            if (c->levels[up].on && gap_hides(c, up)) hidden_by = up;
        }
        int rc;
        if (hidden_by >= 0) {
            rc = jump_gap(c, hidden_by);
        } else {
            level *l = &c->levels[lead];
            if (lead == ACTIVE) sweep(c);
            if (!l->dead || lead == BELOW) {
                rc = value_of(c, lead, &c->value);
                if (rc != DBX_OK) return rc;
                c->key = l->key;
                c->standing = true;
                c->lead = lead;
                if (lead != ACTIVE) c->sweep_from = NULL;
                return DBX_OK;
            }
            if (lead == ACTIVE) {
                c->dead = l->entry;
                c->dead_count++;
            }
            rc = pass(c, lead);
        }
        if (rc != DBX_OK) return rc;
    }
}

/* Where the levels have been placed, the entry on the other side of the active level's candidate if
 * nothing alive lies between: the gap counts when walking on. `bare`: nothing of the prefix is
 * alive on that side. */
static dbx_entry *swept_before(dbx_cursor *c, bool bare) {
    const dbx_buffer *buffer = c->view->active;
    const level *l = &c->levels[ACTIVE];
    if (!is_live(c) || !l->on) return NULL;
    if (bare) {
        dbx_entry *before = behind(c, ACTIVE);
        return before != NULL && in_prefix(c, dbx_entry_key(before)) ? before : NULL;
    }
    if (c->forward) return dbx_buffer_gap_before(buffer, l->entry);
    return (l->entry->flags & DBX_ENTRY_GAP) != 0 ? dbx_tree_next(&buffer->tree, l->entry) : NULL;
}

static int place(dbx_cursor *c, dbx_slice key, bool forward, bool bare) {
    c->forward = forward;
    c->swept = 0;
    for (int i = 0; i < LEVELS; i++) {
        int rc = seek_level(c, i, key, forward);
        if (rc != DBX_OK) return rc;
    }
    c->changes = c->view->active->changes;
    c->sweep_from = swept_before(c, bare);
    return DBX_OK;
}

int dbx_cursor_seek(dbx_cursor *c, dbx_slice key) {
    if (dbx_slice_cmp(key, prefix_slice(c)) < 0) key = prefix_slice(c);
    int rc = place(c, key, true, false);
    return rc != DBX_OK ? rc : settle(c);
}

int dbx_cursor_seek_back(dbx_cursor *c, dbx_slice key) {
    if (!in_prefix(c, key) && dbx_slice_cmp(key, prefix_slice(c)) > 0) return dbx_cursor_last(c);
    int rc = place(c, key, false, false);
    return rc != DBX_OK ? rc : settle(c);
}

/* Goes to an end of the prefix, from `bound`, which lies beyond it, or from where nothing alive was
 * found up to. */
static int seek_end(dbx_cursor *c, dbx_slice bound, bool first) {
    dbx_ends *ends = is_live(c) ? &c->view->store->ends : NULL;
    dbx_slice known = {NULL, 0};
    if (ends != NULL) known = dbx_ends_find(ends, prefix_slice(c), first);
    int rc = place(c, known.len > 0 ? known : bound, first, known.len > 0);
    for (int i = 0; rc == DBX_OK && i < LEVELS; i++) {
        level *l = &c->levels[i];
        bool beyond = !first && l->on && dbx_slice_eq(l->key, bound);
        if (beyond) rc = step_level(c, i);
    }
    if (rc != DBX_OK) return rc;
    rc = settle(c);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    if (ends != NULL && c->dead_count >= (known.len > 0 ? 1 : DEAD_NOTED)) {
        dbx_ends_note(ends, prefix_slice(c), first, dbx_entry_key(c->dead));
    }
    return rc;
}

int dbx_cursor_first(dbx_cursor *c) {
    return seek_end(c, prefix_slice(c), true);
}

int dbx_cursor_last(dbx_cursor *c) {
    uint8_t bound[DBX_ENCODED_KEY_MAX];
    memcpy(bound, c->prefix, c->prefix_len);
    size_t n = dbx_format_successor(bound, c->prefix_len);
    if (n == 0) { /* no prefix, or one of 0xFF only: no key of the map begins with 0xFF */
        bound[0] = 0xFF;
        n = 1;
    }
    return seek_end(c, dbx_slice_of(bound, n), false);
}

/* step_below steps the snapshot, which leads: true if it still does, before the upper levels, which
 * stand where they stood, with no gap that reaches so far back. */
static bool step_below(dbx_cursor *c, int *rc) {
    const level *l = &c->levels[BELOW];
    *rc = pass(c, BELOW);
    if (*rc != DBX_OK || !l->on || !in_prefix(c, l->key)) return false;
    for (int i = 0; i < BELOW; i++) {
        if (c->levels[i].on && order(c, l->key, c->levels[i].key) >= 0) return false;
    }
    c->key = l->key;
    c->value = l->value;
    return true;
}

/* One step in a direction. After a write, or a turn round, the levels are placed again by key; the
 * old key's bytes are still there: nothing of a turn is freed before its end. */
static int step(dbx_cursor *c, bool forward) {
    if (!c->standing) return DBX_ENOTFOUND;
    int lead = c->lead;
    int rc = DBX_OK;
    if (c->forward != forward || c->changes != c->view->active->changes) {
        dbx_slice from = c->key;
        rc = place(c, from, forward, false);
        if (rc != DBX_OK) return rc;
        lead = leading(c);
        if (lead >= 0 && !dbx_slice_eq(c->levels[lead].key, from)) lead = -1;
    } else if (lead == BELOW) {
        if (step_below(c, &rc)) return DBX_OK;
        lead = -1;
    }
    if (lead == ACTIVE && is_live(c) && c->sweep_from == NULL)
        c->sweep_from = c->levels[ACTIVE].entry;
    if (rc == DBX_OK && lead >= 0) rc = pass(c, lead);
    return rc != DBX_OK ? rc : settle(c);
}

int dbx_cursor_next(dbx_cursor *c) {
    return step(c, true);
}

int dbx_cursor_prev(dbx_cursor *c) {
    return step(c, false);
}

dbx_slice dbx_cursor_key(const dbx_cursor *c) {
    return c->key;
}

dbx_slice dbx_cursor_value(const dbx_cursor *c) {
    return c->value;
}
