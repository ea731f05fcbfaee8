/* zset_walk.c: see zset_walk.h. */
#include "types/zset_walk.h"

#include "base/err.h"

/* --- Inline ---------------------------------------------------------------------------------- */

/* Whether a member is at or above the lower bound, and at or below the upper one. */
static bool above_min(const dbx_zset_range *r, const dbx_zset_item *item) {
    if (!r->by_member) return r->min_open ? item->score > r->min : item->score >= r->min;
    if (r->min_end != 0) return r->min_end < 0;
    int order = dbx_slice_cmp(dbx_cell_slice(&item->member), r->min_bytes);
    return r->min_open ? order > 0 : order >= 0;
}

static bool below_max(const dbx_zset_range *r, const dbx_zset_item *item) {
    if (!r->by_member) return r->max_open ? item->score < r->max : item->score <= r->max;
    if (r->max_end != 0) return r->max_end > 0;
    int order = dbx_slice_cmp(dbx_cell_slice(&item->member), r->max_bytes);
    return r->max_open ? order < 0 : order <= 0;
}

/* read_all finds where each item of an inline payload begins, and those that a range has. */
static int read_all(dbx_zset_walk *walk, dbx_slice packed, const dbx_zset_range *range) {
    dbx_slice rest = packed;
    dbx_zset_item item;
    size_t count = 0;
    int rc;
    bool inside = true;
    walk->packed = packed;
    walk->low = walk->high = 0;
    for (;;) {
        size_t at = packed.len - rest.len;
        rc = dbx_zset_read_packed(&rest, &item);
        if (rc != DBX_OK) break;
        if (count == DBX_ZSET_PACKED_MAX || at > UINT16_MAX) return DBX_ECORRUPT;
        walk->at[count++] = (uint16_t)at;
        if (range == NULL) {
            walk->high = count;
            continue;
        }
        if (walk->low == count - 1 && !above_min(range, &item)) {
            walk->low = walk->high = count;
            continue;
        }
        inside = inside && below_max(range, &item);
        if (inside) walk->high = count;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int next_packed(dbx_zset_walk *walk, dbx_zset_item *item) {
    if (walk->low == walk->high) return DBX_ENOTFOUND;
    size_t at = walk->at[walk->back ? --walk->high : walk->low++];
    dbx_slice rest = dbx_slice_of(walk->packed.ptr + at, walk->packed.len - at);
    return dbx_zset_read_packed(&rest, item);
}

/* --- Bounds in the entries of a large set ---------------------------------------------------- */

/* put_score writes the place before all members of a score, or `after` all of them. */
static size_t put_score(uint8_t *out, double score, bool after) {
    dbx_score_put(out, score);
    if (after) dbx_store64_be(out, dbx_load64_be(out) + 1);
    return DBX_SCORE_BYTES;
}

/* put_member writes the place of a member, or the first one behind it. */
static size_t put_member(uint8_t *out, double score, dbx_slice bytes, bool after,
                         const uint8_t *seed) {
    dbx_member member = dbx_format_member(bytes, seed);
    size_t n = dbx_zset_place(out, score, &member);
    if (after) out[n++] = 0;
    return n;
}

/* find_bounds: DBX_ENOTFOUND when nothing can lie in the range. `any` is the set's first score. */
static void find_bounds(const dbx_zset_range *r, double any, const uint8_t *seed,
                        dbx_zset_bounds *b) {
    b->endless = false;
    if (!r->by_member) {
        b->from_len = put_score(b->from, r->min, r->min_open);
        b->end_len = put_score(b->end, r->max, !r->max_open);
        return;
    }
    b->from_len = b->end_len = 0;
    if (r->min_end > 0 || r->max_end < 0) return; /* before the end of nothing: empty */
    if (r->min_end == 0) b->from_len = put_member(b->from, any, r->min_bytes, r->min_open, seed);
    if (r->max_end > 0) {
        b->endless = true;
    } else {
        b->end_len = put_member(b->end, any, r->max_bytes, !r->max_open, seed);
    }
}

static dbx_slice from_of(const dbx_zset_bounds *b) {
    return dbx_slice_of(b->from, b->from_len);
}

static dbx_slice end_of(const dbx_zset_bounds *b) {
    return dbx_slice_of(b->end, b->end_len);
}

static bool is_empty(const dbx_zset_bounds *b) {
    return !b->endless && dbx_slice_cmp(from_of(b), end_of(b)) >= 0;
}

/* --- Walking a large set --------------------------------------------------------------------- */

static int open_cursor(dbx_zset_walk *walk, dbx_view *view) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    walk->head = dbx_format_collection(prefix, DBX_TABLE_ZSET, walk->cid);
    walk->view = view;
    walk->cursor = dbx_cursor_open(view, dbx_slice_of(prefix, walk->head));
    return walk->cursor != NULL ? DBX_OK : DBX_ENOMEM;
}

static dbx_slice place_here(const dbx_zset_walk *walk) {
    dbx_slice key = dbx_cursor_key(walk->cursor);
    return dbx_slice_of(key.ptr + walk->head, key.len - walk->head);
}

/* stand notes what a first move of the cursor gave. */
static int stand(dbx_zset_walk *walk, int rc) {
    walk->ready = rc == DBX_OK;
    walk->done = rc == DBX_ENOTFOUND;
    return walk->done ? DBX_OK : rc;
}

/* seek_place goes to the first at or after a place, or `back`, to the last before `place`. */
static int seek_place(dbx_zset_walk *walk, dbx_slice place, bool back) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t n = dbx_format_collection(key, DBX_TABLE_ZSET, walk->cid);
    if (place.len > 0) memcpy(key + n, place.ptr, place.len);
    dbx_slice at = dbx_slice_of(key, n + place.len);
    if (!back) return dbx_cursor_seek(walk->cursor, at);
    int rc = dbx_cursor_seek_back(walk->cursor, at);
    if (rc == DBX_OK && dbx_slice_eq(dbx_cursor_key(walk->cursor), at)) {
        rc = dbx_cursor_prev(walk->cursor);
    }
    return rc;
}

/* step_from_end walks to a member that is near one of the ends. */
static int step_from_end(dbx_zset_walk *walk, uint64_t steps, bool last) {
    int rc = last ? dbx_cursor_last(walk->cursor) : dbx_cursor_first(walk->cursor);
    for (; rc == DBX_OK && steps > 0; steps--)
        rc = last ? dbx_cursor_prev(walk->cursor) : dbx_cursor_next(walk->cursor);
    return rc;
}

/* begin_rank begins with the counts of a spread set; to be closed when it gave DBX_OK. */
static int begin_rank(dbx_rank *rank, dbx_txn *txn, const dbx_key *k) {
    unsigned levels;
    int rc = dbx_zset_levels(k->payload, &levels);
    if (rc == DBX_OK) dbx_rank_init(rank, txn, k->meta.cid, levels);
    return rc;
}

static int seek_index(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k, uint64_t index) {
    uint64_t after = k->meta.count - 1 - index;
    dbx_rank rank;
    if (index <= DBX_ZSET_NEAR) return step_from_end(walk, index, false);
    if (after <= DBX_ZSET_NEAR) return step_from_end(walk, after, true);
    int rc = begin_rank(&rank, txn, k);
    if (rc != DBX_OK) return rc;
    rc = dbx_rank_at(&rank, index, walk->cursor);
    dbx_rank_close(&rank);
    return rc;
}

/* begin sets a walk up; of a large set with a cursor that stands nowhere yet. */
static int begin(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k, bool back) {
    walk->spread = k->exists && k->meta.cid != 0;
    walk->back = back;
    walk->cursor = NULL;
    walk->ready = walk->done = false;
    if (!walk->spread) return DBX_OK;
    walk->cid = k->meta.cid;
    walk->bounds.endless = true;
    walk->bounds.from_len = 0;
    return open_cursor(walk, dbx_txn_view(txn));
}

static dbx_slice payload_of(const dbx_key *k) {
    return k->exists ? k->payload : (dbx_slice){NULL, 0};
}

int dbx_zset_walk_at(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k, uint64_t index,
                     bool back) {
    int rc = begin(walk, txn, k, back);
    if (rc != DBX_OK) return rc;
    if (walk->spread) {
        rc = stand(walk, seek_index(walk, txn, k, index));
    } else {
        rc = read_all(walk, payload_of(k), NULL);
        if (back && index + 1 < walk->high) walk->high = (size_t)index + 1;
        if (!back) walk->low = index < walk->high ? (size_t)index : walk->high;
    }
    if (rc != DBX_OK) dbx_zset_walk_close(walk);
    return rc;
}

/* set_bounds finds a walk's bounds, with the cursor, which stands anywhere after it. */
static int set_bounds(dbx_zset_walk *walk, dbx_txn *txn, const dbx_zset_range *range) {
    double any = 0;
    if (range->by_member) {
        int rc = dbx_cursor_first(walk->cursor);
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
        if (place_here(walk).len < DBX_SCORE_BYTES) return DBX_ECORRUPT;
        any = dbx_score_read(place_here(walk).ptr);
    }
    find_bounds(range, any, dbx_txn_seed(txn), &walk->bounds);
    return DBX_OK;
}

int dbx_zset_walk_in(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k,
                     const dbx_zset_range *range, bool back) {
    int rc = begin(walk, txn, k, back);
    if (rc != DBX_OK) return rc;
    if (walk->spread) {
        rc = set_bounds(walk, txn, range);
        if (rc == DBX_OK && is_empty(&walk->bounds)) {
            walk->done = true;
        } else if (rc == DBX_OK && back && walk->bounds.endless) {
            rc = stand(walk, dbx_cursor_last(walk->cursor));
        } else if (rc == DBX_OK) {
            dbx_slice place = back ? end_of(&walk->bounds) : from_of(&walk->bounds);
            rc = stand(walk, seek_place(walk, place, back));
        }
    } else {
        rc = read_all(walk, payload_of(k), range);
    }
    if (rc != DBX_OK) dbx_zset_walk_close(walk);
    return rc;
}

/* read_long finds a member that its place does not keep whole: its digest is in the place. */
static int read_long(const dbx_zset_walk *walk, dbx_slice member, dbx_cell *cell) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_slice value;
    size_t n = dbx_format_collection(key, DBX_TABLE_SCORE, walk->cid);
    memcpy(key + n, member.ptr + member.len - DBX_NAME_HASH_BYTES, DBX_MEMBER_HASH_BYTES);
    n += DBX_MEMBER_HASH_BYTES;
    memcpy(key + n, member.ptr, member.len);
    int rc = dbx_view_get(walk->view, dbx_slice_of(key, n + member.len), &value);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    return dbx_cell_read(&value, walk->cid, cell) ? DBX_OK : DBX_ECORRUPT;
}

static int read_here(const dbx_zset_walk *walk, dbx_zset_item *item) {
    dbx_slice place = place_here(walk);
    if (place.len < DBX_SCORE_BYTES) return DBX_ECORRUPT;
    item->score = dbx_score_read(place.ptr);
    if (dbx_cursor_value(walk->cursor).len > 0) item->score = -item->score;
    dbx_slice member = dbx_slice_of(place.ptr + DBX_SCORE_BYTES, place.len - DBX_SCORE_BYTES);
    item->member = dbx_cell_of(member);
    if (member.len <= DBX_MEMBER_INLINE_MAX) return DBX_OK;
    return read_long(walk, member, &item->member);
}

int dbx_zset_walk_next(dbx_zset_walk *walk, dbx_zset_item *item) {
    int rc = DBX_OK;
    if (!walk->spread) return next_packed(walk, item);
    if (walk->done) return DBX_ENOTFOUND;
    if (!walk->ready)
        rc = walk->back ? dbx_cursor_prev(walk->cursor) : dbx_cursor_next(walk->cursor);
    walk->ready = false;
    const dbx_zset_bounds *b = &walk->bounds;
    if (rc == DBX_OK && walk->back && dbx_slice_cmp(place_here(walk), from_of(b)) < 0) {
        rc = DBX_ENOTFOUND;
    } else if (rc == DBX_OK && !walk->back && !b->endless &&
               dbx_slice_cmp(place_here(walk), end_of(b)) >= 0) {
        rc = DBX_ENOTFOUND;
    }
    walk->done = rc == DBX_ENOTFOUND;
    return rc == DBX_OK ? read_here(walk, item) : rc;
}

int dbx_zset_walk_move(dbx_zset_walk *walk, dbx_view *view) {
    dbx_cursor *old = walk->cursor;
    if (!walk->spread) return DBX_ELIMIT;
    int rc = open_cursor(walk, view);
    if (rc == DBX_OK && !walk->done) {
        dbx_slice key = dbx_cursor_key(old);
        rc = walk->back ? dbx_cursor_seek_back(walk->cursor, key)
                        : dbx_cursor_seek(walk->cursor, key);
    }
    dbx_cursor_close(old);
    return rc;
}

void dbx_zset_walk_close(dbx_zset_walk *walk) {
    dbx_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

/* --- Counting -------------------------------------------------------------------------------- */

static int interval_spread(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k,
                           const dbx_zset_range *range, uint64_t *low, uint64_t *high) {
    dbx_rank rank;
    int rc = set_bounds(walk, txn, range);
    dbx_zset_walk_close(walk); /* so that ranks have its cursor */
    if (rc != DBX_OK || is_empty(&walk->bounds)) return rc;
    rc = begin_rank(&rank, txn, k);
    if (rc != DBX_OK) return rc;
    rc = dbx_rank_of(&rank, from_of(&walk->bounds), low);
    *high = k->meta.count;
    if (rc == DBX_OK && !walk->bounds.endless) {
        rc = dbx_rank_of(&rank, end_of(&walk->bounds), high);
    }
    dbx_rank_close(&rank);
    return rc;
}

int dbx_zset_interval(dbx_txn *txn, const dbx_key *k, const dbx_zset_range *range, uint64_t *low,
                      uint64_t *high) {
    dbx_zset_walk walk;
    *low = *high = 0;
    int rc = begin(&walk, txn, k, false);
    if (rc != DBX_OK) return rc;
    if (walk.spread) {
        rc = interval_spread(&walk, txn, k, range, low, high);
    } else {
        rc = read_all(&walk, payload_of(k), range);
        *low = walk.low;
        *high = walk.high;
    }
    dbx_zset_walk_close(&walk);
    return rc;
}

/* Whether a rank takes less than a walk of DBX_ZSET_NEAR members. */
static int are_ranks_near(dbx_txn *txn, const dbx_key *k, bool *near) {
    dbx_rank rank;
    int rc = begin_rank(&rank, txn, k);
    if (rc != DBX_OK) return rc;
    *near = dbx_rank_is_near(&rank);
    dbx_rank_close(&rank);
    return DBX_OK;
}

int dbx_zset_count(dbx_txn *txn, const dbx_key *k, const dbx_zset_range *range, uint64_t *count) {
    uint64_t low, high;
    bool near = true;
    int rc = DBX_OK;
    *count = 0;
    if (k->exists && k->meta.cid != 0) rc = are_ranks_near(txn, k, &near);
    if (rc != DBX_OK) return rc;
    if (!near) { /* few are counted by walking */
        dbx_zset_walk walk;
        dbx_zset_item item;
        rc = dbx_zset_walk_in(&walk, txn, k, range, false);
        if (rc != DBX_OK) return rc;
        while (*count <= DBX_ZSET_NEAR && (rc = dbx_zset_walk_next(&walk, &item)) == DBX_OK)
            ++*count;
        dbx_zset_walk_close(&walk);
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_OK : rc;
    }
    rc = dbx_zset_interval(txn, k, range, &low, &high);
    *count = high - low;
    return rc;
}
