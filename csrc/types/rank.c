/* rank.c: see rank.h. */
#include "types/rank.h"

enum {
    COUNT_BYTES = 8,
    TURN = 4 /* a cursor's turning round takes about as long as so many steps */
};

typedef dbx_border border; /* its place is in the map */

static const dbx_slice START = {NULL, 0}; /* a place before all */

unsigned dbx_rank_level(uint64_t member_hash) {
    if (member_hash == 0) return DBX_RANK_LEVELS_MAX;
    return (unsigned)__builtin_ctzll(member_hash) / DBX_RANK_BITS;
}

void dbx_rank_init(dbx_rank *rank, dbx_txn *txn, uint64_t cid, unsigned levels) {
    rank->txn = txn;
    rank->cid = cid;
    rank->levels = levels;
    rank->steps = 0;
    rank->borders = rank->members = NULL;
    rank->cache = NULL;
    rank->head = dbx_format_collection(rank->key, DBX_TABLE_RANK, cid);
}

void dbx_rank_close(dbx_rank *rank) {
    dbx_cursor_close(rank->borders);
    dbx_cursor_close(rank->members);
    rank->borders = rank->members = NULL;
}

/* --- Borders --------------------------------------------------------------------------------- */

static int open_cursor(dbx_rank *rank, dbx_cursor **cursor, uint8_t table) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    if (*cursor != NULL) return DBX_OK;
    size_t n = dbx_format_collection(prefix, table, rank->cid);
    *cursor = dbx_cursor_open(dbx_txn_view(rank->txn), dbx_slice_of(prefix, n));
    return *cursor != NULL ? DBX_OK : DBX_ENOMEM;
}

/* key_of writes the key of a border's entry; `place` may lie in the map. */
static dbx_slice key_of(dbx_rank *rank, unsigned level, dbx_slice place) {
    rank->key[rank->head] = (uint8_t)level;
    if (place.len > 0) memcpy(rank->key + rank->head + 1, place.ptr, place.len);
    return dbx_slice_of(rank->key, rank->head + 1 + place.len);
}

/* read_border reads where the cursor of the borders stands, after a move that gave `rc`. */
static int read_border(dbx_rank *rank, unsigned level, int rc, border *b) {
    rank->steps++;
    if (rc != DBX_OK) return rc;
    return dbx_border_read(dbx_cursor_key(rank->borders), dbx_cursor_value(rank->borders),
                           rank->head, level, b);
}

/* The first border of a level at or after a place. */
static int border_from(dbx_rank *rank, unsigned level, dbx_slice place, border *b) {
    int rc = open_cursor(rank, &rank->borders, DBX_TABLE_RANK);
    if (rc != DBX_OK) return rc;
    rc = dbx_cursor_seek(rank->borders, key_of(rank, level, place));
    return read_border(rank, level, rc, b);
}

static int border_next(dbx_rank *rank, unsigned level, border *b) {
    return read_border(rank, level, dbx_cursor_next(rank->borders), b);
}

/* The last border of a level at or before a place. */
static int border_to(dbx_rank *rank, unsigned level, dbx_slice place, border *b) {
    int rc = open_cursor(rank, &rank->borders, DBX_TABLE_RANK);
    if (rc != DBX_OK) return rc;
    rc = dbx_cursor_seek_back(rank->borders, key_of(rank, level, place));
    return read_border(rank, level, rc, b);
}

/* The neighbours of a place, itself left out. */
static int border_before(dbx_rank *rank, unsigned level, dbx_slice place, border *b) {
    int rc = border_to(rank, level, place, b);
    if (rc != DBX_OK || !dbx_slice_eq(b->place, place)) return rc;
    return read_border(rank, level, dbx_cursor_prev(rank->borders), b);
}

static int border_after(dbx_rank *rank, unsigned level, dbx_slice place, border *b) {
    int rc = border_from(rank, level, place, b);
    if (rc != DBX_OK || !dbx_slice_eq(b->place, place)) return rc;
    return border_next(rank, level, b);
}

/* The set's borders in memory; NULL: it has none. */
static dbx_rank_cache *cache_of(const dbx_rank *rank) {
    return dbx_rank_cache_of(rank->txn, rank->cid, rank->levels);
}

static int write_border(dbx_rank *rank, unsigned level, dbx_slice place, bool last,
                        uint64_t count) {
    uint8_t bytes[COUNT_BYTES];
    dbx_store64(bytes, count);
    return dbx_txn_put(rank->txn, key_of(rank, level, place), START,
                       dbx_slice_of(bytes, last ? 0 : sizeof bytes));
}

static int put(dbx_rank *rank, unsigned level, dbx_slice place, bool last, uint64_t count) {
    border b = {place, last, count};
    if (rank->cache != NULL) dbx_rank_cache_set(rank->cache, level, &b);
    return write_border(rank, level, place, last, count);
}

/* --- Counting -------------------------------------------------------------------------------- */

/* seek_member stands a cursor on the first member at or after a place. */
static int seek_member(dbx_rank *rank, dbx_cursor *members, dbx_slice place) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t head = dbx_format_collection(key, DBX_TABLE_ZSET, rank->cid);
    if (place.len > 0) memcpy(key + head, place.ptr, place.len);
    rank->steps++;
    return dbx_cursor_seek(members, dbx_slice_of(key, head + place.len));
}

/* count_members counts from `from` to before `to` in Z. */
static int count_members(dbx_rank *rank, dbx_slice from, dbx_slice to, uint64_t *count) {
    int rc = open_cursor(rank, &rank->members, DBX_TABLE_ZSET);
    if (rc == DBX_OK) rc = seek_member(rank, rank->members, from);
    for (*count = 0; rc == DBX_OK; rc = dbx_cursor_next(rank->members)) {
        dbx_slice at = dbx_cursor_key(rank->members);
        rank->steps++;
        if (dbx_slice_cmp(dbx_slice_of(at.ptr + rank->head, at.len - rank->head), to) >= 0) break;
        ++*count;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* sum counts the members from `from` to before `to`, both borders of `level` if it is not 0, or
 * from the level's first border on. */
static int sum(dbx_rank *rank, unsigned level, dbx_slice from, dbx_slice to, uint64_t *count) {
    border b;
    if (level == 0) return count_members(rank, from, to, count);
    *count = 0;
    int rc = border_from(rank, level, from, &b);
    while (rc == DBX_OK && dbx_slice_cmp(b.place, to) < 0) {
        if (b.last) return DBX_ECORRUPT;
        *count += b.count;
        rc = border_next(rank, level, &b);
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* --- Changing -------------------------------------------------------------------------------- */

/* add_to_head counts before a level's first border, of which there is no entry. */
static void add_to_head(dbx_rank *rank, unsigned level, int by) {
    if (rank->cache != NULL) dbx_rank_cache_head_add(rank->cache, level, by);
}

/* change adds to the count of the group that a place lies in, if it is kept. */
static int change(dbx_rank *rank, unsigned level, dbx_slice place, int by) {
    border b;
    int rc = border_to(rank, level, place, &b);
    if (rc == DBX_ENOTFOUND) {
        add_to_head(rank, level, by);
        return DBX_OK;
    }
    if (rc != DBX_OK || b.last) return rc;
    return put(rank, level, b.place, false, b.count + (uint64_t)by);
}

/* change_found does the same where a path through what is in memory leads. */
static int change_found(dbx_rank *rank, unsigned level, const dbx_rank_path *path, int by) {
    const border *b = &path->borders[level];
    if (path->slots[level] == NULL) add_to_head(rank, level, by);
    if (path->slots[level] == NULL || b->last) return DBX_OK;
    dbx_rank_slot_add(path->slots[level], by);
    return write_border(rank, level, b->place, false, b->count + (uint64_t)by);
}

/* change_from changes the counts of a level and of those above. */
static int change_from(dbx_rank *rank, unsigned level, dbx_slice place, int by) {
    dbx_rank_path path = {.lowest = DBX_RANK_LEVELS_MAX + 1};
    int rc = DBX_OK;
    if (rank->cache != NULL && level <= rank->levels) {
        rc = dbx_rank_cache_path(rank->cache, rank->txn, place, &path);
    }
    for (; rc == DBX_OK && level <= rank->levels; level++) {
        rc = level < path.lowest ? change(rank, level, place, by)
                                 : change_found(rank, level, &path, by);
    }
    return rc;
}

/* A border's neighbours, whose places are kept for writes. */
typedef struct neighbours {
    bool has_before, has_after;
    border before, after;
    uint8_t place[DBX_PLACE_MAX]; /* of `before` */
} neighbours;

static int find_neighbours(dbx_rank *rank, unsigned level, dbx_slice place, neighbours *n) {
    int rc = border_before(rank, level, place, &n->before);
    n->has_before = rc == DBX_OK;
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    if (n->has_before) {
        if (n->before.place.len > sizeof n->place) return DBX_ECORRUPT;
        memcpy(n->place, n->before.place.ptr, n->before.place.len);
        n->before.place.ptr = n->place;
    }
    rc = border_after(rank, level, place, &n->after);
    n->has_after = rc == DBX_OK;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* add_border splits the group that a new border falls into. */
static int add_border(dbx_rank *rank, unsigned level, dbx_slice place) {
    neighbours n;
    uint64_t count = 0, before = 0;
    int rc = find_neighbours(rank, level, place, &n);
    if (!n.has_before && rank->cache != NULL) dbx_rank_cache_lose_heads(rank->cache);
    if (rc == DBX_OK && n.has_after) rc = sum(rank, level - 1, place, n.after.place, &count);
    if (rc == DBX_OK && n.has_before) {
        if (n.has_after) {
            before = n.before.count + 1 - count;
        } else {
            rc = sum(rank, level - 1, n.before.place, place, &before);
        }
    }
    if (rc == DBX_OK) rc = put(rank, level, place, !n.has_after, count);
    if (rc == DBX_OK && n.has_before) rc = put(rank, level, n.before.place, false, before);
    return rc;
}

int dbx_rank_insert(dbx_rank *rank, dbx_slice place, unsigned level) {
    int rc = DBX_OK;
    rank->cache = cache_of(rank);
    for (unsigned l = 1; rc == DBX_OK && l <= level; l++)
        rc = add_border(rank, l, place);
    if (rc == DBX_OK && level > 0 && rank->cache != NULL) {
        rc = dbx_rank_cache_added(rank->cache, rank->txn, level, place);
    }
    if (rc == DBX_OK) rc = change_from(rank, level + 1, place, 1);
    if (level > rank->levels) rank->levels = level;
    return rc;
}

/* remove_border joins a border's group with the one before it. */
static int remove_border(dbx_rank *rank, unsigned level, dbx_slice place, dbx_rank_end end) {
    border own, before;
    int rc = border_to(rank, level, place, &own);
    if (rc == DBX_ENOTFOUND || (rc == DBX_OK && !dbx_slice_eq(own.place, place))) {
        return DBX_ECORRUPT;
    }
    if (rc != DBX_OK) return rc;
    rc = end == DBX_RANK_FIRST ? DBX_ENOTFOUND : border_before(rank, level, place, &before);
    if (rc == DBX_OK) {
        rc = put(rank, level, before.place, own.last, before.count + own.count - 1);
    } else if (rc == DBX_ENOTFOUND) {
        if (rank->cache != NULL) dbx_rank_cache_lose_heads(rank->cache);
        rc = DBX_OK;
    }
    return rc == DBX_OK ? dbx_txn_del(rank->txn, key_of(rank, level, place)) : rc;
}

int dbx_rank_remove(dbx_rank *rank, dbx_slice place, unsigned level, dbx_rank_end end) {
    int rc = DBX_OK;
    rank->cache = cache_of(rank);
    for (unsigned l = 1; rc == DBX_OK && l <= level && l <= rank->levels; l++)
        rc = remove_border(rank, l, place, end);
    if (level > 0 && rank->cache != NULL) dbx_rank_cache_removed(rank->cache, level, place);
    /* Of what comes before the first border and of the last group there is nothing in the map. */
    if (rc == DBX_OK && end == DBX_RANK_ANYWHERE) rc = change_from(rank, level + 1, place, -1);
    for (unsigned l = level + 1; end == DBX_RANK_FIRST && l <= rank->levels; l++)
        add_to_head(rank, l, -1);
    while (rc == DBX_OK && level >= rank->levels && rank->levels > 0) {
        border any;
        rc = border_from(rank, rank->levels, START, &any);
        if (rc != DBX_ENOTFOUND) break;
        rank->levels--;
        rc = DBX_OK;
    }
    return rc;
}

/* move_in counts a move in one level; *within: it is one within a group. */
static int move_in(dbx_rank *rank, unsigned level, dbx_slice from, dbx_slice to, bool *within) {
    border old = {.last = true}, new = {.last = true};
    uint8_t place[DBX_PLACE_MAX];
    int rc = border_to(rank, level, from, &old);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    rc = border_to(rank, level, to, &new);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    *within = dbx_slice_eq(old.place, new.place);
    if (*within) return DBX_OK;
    if (new.place.len > sizeof place) return DBX_ECORRUPT;
    if (new.place.len > 0) memcpy(place, new.place.ptr, new.place.len);
    if (old.place.len == 0) add_to_head(rank, level, -1);
    if (new.place.len == 0) add_to_head(rank, level, 1);
    rc = old.last ? DBX_OK : put(rank, level, old.place, false, old.count - 1);
    if (rc != DBX_OK || new.last) return rc;
    return put(rank, level, dbx_slice_of(place, new.place.len), false, new.count + 1);
}

int dbx_rank_move(dbx_rank *rank, dbx_slice from, dbx_slice to) {
    dbx_rank_path old = {.lowest = DBX_RANK_LEVELS_MAX + 1}, new = old;
    int rc = DBX_OK;
    rank->cache = cache_of(rank);
    if (rank->cache != NULL) {
        rc = dbx_rank_cache_path(rank->cache, rank->txn, from, &old);
        if (rc == DBX_OK) rc = dbx_rank_cache_path(rank->cache, rank->txn, to, &new);
    }
    bool within = false; /* one group, and so within one of every level above */
    for (unsigned l = 1; rc == DBX_OK && !within && l <= rank->levels; l++) {
        if (l < old.lowest || l < new.lowest) {
            rc = move_in(rank, l, from, to, &within);
        } else if (!(within = old.slots[l] == new.slots[l])) {
            rc = change_found(rank, l, &old, -1);
            if (rc == DBX_OK) rc = change_found(rank, l, &new, 1);
        }
    }
    return rc;
}

/* --- Ranks ----------------------------------------------------------------------------------- */

/* read_heads counts the members before the first border of each level: heads[0] to
 * heads[rank->levels]. */
static int read_heads(dbx_rank *rank, uint64_t heads[]) {
    heads[0] = 0;
    for (unsigned l = 1; l <= rank->levels; l++) {
        uint64_t count;
        border first;
        int rc = border_from(rank, l, START, &first);
        if (rc == DBX_ENOTFOUND) return DBX_ECORRUPT;
        if (rc == DBX_OK) rc = sum(rank, l - 1, START, first.place, &count);
        if (rc != DBX_OK) return rc;
        heads[l] = heads[l - 1] + count;
    }
    return DBX_OK;
}

/* Whether a border, with so many members before it, lies behind what is looked for. */
static bool is_behind(const dbx_rank_goal *goal, dbx_slice place, uint64_t before) {
    return goal->by_index ? before > goal->index : dbx_slice_cmp(place, goal->place) > 0;
}

/* find_in_level goes on in the map: to a goal's group in the level below that of the spot. */
static int find_in_level(dbx_rank *rank, const dbx_rank_goal *goal, const uint64_t heads[],
                         dbx_rank_spot *spot) {
    unsigned level = --spot->level;
    border b;
    int rc = border_from(rank, level, spot->inside ? spot->at.place : START, &b);
    if (!spot->inside) {
        spot->before = heads[level];
        if (rc == DBX_OK && is_behind(goal, b.place, spot->before)) {
            spot->next = b.place;
            return DBX_OK;
        }
    }
    while (rc == DBX_OK) {
        spot->inside = true;
        spot->at = b;
        if (b.last) return DBX_OK;
        rc = border_next(rank, level, &b);
        if (rc == DBX_OK && is_behind(goal, b.place, spot->before + spot->at.count)) {
            spot->next = b.place;
            return DBX_OK;
        }
        spot->before += spot->at.count;
    }
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* find_group finds the group of level 1 that a goal lies in, or that it lies before the first. */
static int find_group(dbx_rank *rank, const dbx_rank_goal *goal, dbx_rank_spot *spot) {
    uint64_t heads[DBX_RANK_LEVELS_MAX + 1];
    int rc = DBX_OK;
    if (rank->levels > DBX_RANK_LEVELS_MAX) return DBX_ECORRUPT;
    *spot = (dbx_rank_spot){.level = rank->levels + 1};
    rank->cache = cache_of(rank);
    const uint64_t *known = rank->cache != NULL ? dbx_rank_cache_heads(rank->cache) : NULL;
    if (known == NULL) {
        rc = read_heads(rank, heads);
        if (rc == DBX_OK && rank->cache != NULL) dbx_rank_cache_set_heads(rank->cache, heads);
        known = heads;
    }
    if (rc == DBX_OK && rank->cache != NULL) {
        rc = dbx_rank_cache_find(rank->cache, rank->txn, goal, spot);
    }
    while (rc == DBX_OK && spot->level > 1)
        rc = find_in_level(rank, goal, known, spot);
    if (rc == DBX_OK && !spot->inside) {
        spot->before = 0;
        spot->at = (border){START, rank->levels == 0, known[rank->levels > 0]};
    }
    return rc;
}

/* The 8 bytes of a place from `at` on, as a number. */
static uint64_t bytes_from(dbx_slice place, size_t at) {
    uint8_t bytes[8] = {0};
    if (place.len <= at) return 0;
    size_t n = place.len - at < sizeof bytes ? place.len - at : sizeof bytes;
    memcpy(bytes, place.ptr + at, n);
    return dbx_load64_be(bytes);
}

/* Whether a place seems to be nearer to the end of its group than to its border. */
static bool is_near_end(dbx_slice from, dbx_slice place, dbx_slice end) {
    size_t same = 0;
    while (same < from.len && same < end.len && from.ptr[same] == end.ptr[same])
        same++;
    uint64_t at = bytes_from(place, same);
    return bytes_from(end, same) - at < at - bytes_from(from, same);
}

bool dbx_rank_is_near(dbx_rank *rank) {
    rank->cache = cache_of(rank);
    return rank->cache != NULL && dbx_rank_cache_heads(rank->cache) != NULL;
}

int dbx_rank_of(dbx_rank *rank, dbx_slice place, uint64_t *before) {
    const dbx_rank_goal goal = {.place = place};
    dbx_rank_spot spot;
    uint64_t count = 0;
    int rc = find_group(rank, &goal, &spot);
    if (rc != DBX_OK) return rc;
    if (!spot.at.last && spot.next.len > 0 && is_near_end(spot.at.place, place, spot.next)) {
        rc = count_members(rank, place, spot.next, &count);
        *before = spot.before + spot.at.count - count;
    } else {
        rc = count_members(rank, spot.at.place, place, &count);
        *before = spot.before + count;
    }
    return rc;
}

int dbx_rank_at(dbx_rank *rank, uint64_t index, dbx_cursor *members) {
    const dbx_rank_goal goal = {.by_index = true, .index = index};
    dbx_rank_spot spot;
    int rc = find_group(rank, &goal, &spot);
    if (rc != DBX_OK) return rc;
    uint64_t forward = index - spot.before, back = spot.at.count - forward;
    if (!spot.at.last && spot.next.len > 0 && back + TURN < forward) {
        rc = seek_member(rank, members, spot.next);
        for (; rc == DBX_OK && back > 0; back--, rank->steps++)
            rc = dbx_cursor_prev(members);
        return rc;
    }
    rc = seek_member(rank, members, spot.at.place);
    for (; rc == DBX_OK && forward > 0; forward--, rank->steps++)
        rc = dbx_cursor_next(members);
    return rc;
}
