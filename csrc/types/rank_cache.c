/* rank_cache.c: see rank_cache.h. */
#include "types/rank_cache.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"

enum {
    COUNT_BYTES = 8,
    SETS = 4,       /* that are kept */
    LEVELS_MIN = 2, /* a smaller set's borders are found as quickly in the map */
    ADMITTED = 16,  /* one of so many uses of sets that are not kept makes one be kept */
    ASKED = 8,      /* times for a node before it is read: in the map a border is a seek */
    REFUSED = 8     /* nodes for which there was no room, for each that is kept: begin anew */
};

typedef struct node node;

struct dbx_rank_slot {
    uint64_t lead; /* the first bytes of its place, by which nearly all are told apart */
    uint64_t count;
    node *below; /* owned: its group's borders of the level below; NULL: not read */
    uint32_t at; /* its place, in the node's bytes */
    uint16_t len;
    bool last;
    uint8_t asked; /* how often for what is below, until it is read */
};

struct node {
    node *head;     /* owned: what `below` is, of what comes before the level's first border */
    uint32_t count; /* of slots, behind which their places lie */
    uint32_t bytes;
    uint8_t head_asked;
    dbx_rank_slot slots[];
};

struct dbx_rank_cache {
    uint64_t cid; /* 0: free */
    unsigned levels;
    node *root;
    bool counted; /* heads are known */
    uint64_t heads[DBX_RANK_LEVELS_MAX + 1];
    size_t bytes;
    uint64_t nodes, refused;
};

typedef struct memo {
    uint64_t undone; /* dbx_txn_undone() when it was right */
    uint64_t unkept; /* uses of sets that were not kept */
    unsigned next;
    dbx_rank_cache of[SETS];
} memo;

int dbx_border_read(dbx_slice key, dbx_slice value, size_t head, unsigned level, dbx_border *b) {
    if (key.len <= head || key.ptr[head] != level) return DBX_ENOTFOUND;
    if (value.len != 0 && value.len != COUNT_BYTES) return DBX_ECORRUPT;
    *b = (dbx_border){.place = dbx_slice_of(key.ptr + head + 1, key.len - head - 1),
                      .last = value.len == 0,
                      .count = value.len == 0 ? 0 : dbx_load64(value.ptr)};
    return DBX_OK;
}

/* --- Nodes ----------------------------------------------------------------------------------- */

static uint64_t lead_of(dbx_slice place) {
    uint8_t bytes[8] = {0};
    if (place.len >= sizeof bytes) return dbx_load64_be(place.ptr);
    if (place.len > 0) memcpy(bytes, place.ptr, place.len);
    return dbx_load64_be(bytes);
}

static dbx_slice place_of(const node *n, const dbx_rank_slot *slot) {
    return dbx_slice_of((const uint8_t *)(n->slots + n->count) + slot->at, slot->len);
}

/* The slots at or before a place. */
static size_t find(const node *n, dbx_slice place) {
    uint64_t lead = lead_of(place);
    size_t from = 0, to = n->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        const dbx_rank_slot *slot = &n->slots[middle];
        bool after =
            slot->lead != lead ? slot->lead > lead : dbx_slice_cmp(place_of(n, slot), place) > 0;
        if (after) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return from;
}

/* The node below what comes before slot i. */
static node **below(node *n, size_t i) {
    return i > 0 ? &n->slots[i - 1].below : &n->head;
}

static size_t size_of(size_t slots, size_t bytes) {
    return sizeof(node) + slots * sizeof(dbx_rank_slot) + bytes;
}

static node *new_node(dbx_rank_cache *cache, size_t count, size_t bytes) {
    node *n = dbx_alloc(size_of(count, bytes));
    if (n == NULL) return NULL;
    *n = (node){.count = (uint32_t)count, .bytes = (uint32_t)bytes};
    cache->bytes += size_of(count, bytes);
    cache->nodes++;
    return n;
}

/* Frees a node, not what is below it. */
static void free_one(dbx_rank_cache *cache, node *n) {
    cache->bytes -= size_of(n->count, n->bytes);
    cache->nodes--;
    dbx_alloc_free(n);
}

/* As deep as there are levels. */
static void free_node(dbx_rank_cache *cache, node **at) {
    node *n = *at;
    if (n == NULL) return;
    *at = NULL;
    free_node(cache, &n->head);
    for (uint32_t i = 0; i < n->count; i++)
        free_node(cache, &n->slots[i].below);
    free_one(cache, n);
}

static void forget(dbx_rank_cache *cache) {
    free_node(cache, &cache->root);
    cache->counted = false;
    cache->refused = 0;
}

/* read_slots reads the borders of a level from a place to before `end` (empty: to the last). */
static int read_slots(dbx_cursor *cursor, size_t head, unsigned level, dbx_slice end,
                      dbx_buf *slots, dbx_buf *places) {
    int rc;
    for (rc = DBX_OK; rc == DBX_OK; rc = dbx_cursor_next(cursor)) {
        dbx_border b;
        rc = dbx_border_read(dbx_cursor_key(cursor), dbx_cursor_value(cursor), head, level, &b);
        if (rc != DBX_OK || (end.len > 0 && dbx_slice_cmp(b.place, end) >= 0)) break;
        const dbx_rank_slot slot = {.lead = lead_of(b.place),
                                    .count = b.count,
                                    .at = (uint32_t)places->len,
                                    .len = (uint16_t)b.place.len,
                                    .last = b.last};
        dbx_buf_add(slots, &slot, sizeof slot);
        dbx_buf_add(places, b.place.ptr, b.place.len);
    }
    if (slots->failed || places->failed || places->len > UINT32_MAX) return DBX_ENOMEM;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int load(dbx_rank_cache *cache, dbx_txn *txn, unsigned level, dbx_slice from, dbx_slice end,
                node **out) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t head = dbx_format_collection(key, DBX_TABLE_RANK, cache->cid);
    dbx_buf slots = {0}, places = {0};
    if (from.len > sizeof key - head - 1) return DBX_ECORRUPT;
    key[head] = (uint8_t)level;
    if (from.len > 0) memcpy(key + head + 1, from.ptr, from.len);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_of(key, head + 1));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_seek(cursor, dbx_slice_of(key, head + 1 + from.len));
    if (rc == DBX_OK) rc = read_slots(cursor, head, level, end, &slots, &places);
    dbx_cursor_close(cursor);
    if (rc == DBX_ENOTFOUND) rc = DBX_OK;
    size_t count = slots.len / sizeof(dbx_rank_slot);
    node *n = rc == DBX_OK ? new_node(cache, count, places.len) : NULL;
    if (n != NULL) {
        if (count > 0) memcpy(n->slots, slots.ptr, slots.len);
        if (places.len > 0) memcpy(n->slots + count, places.ptr, places.len);
        *out = n;
    }
    dbx_buf_free(&slots);
    dbx_buf_free(&places);
    return rc == DBX_OK && n == NULL ? DBX_ENOMEM : rc;
}

/* --- Of the live view ------------------------------------------------------------------------ */

static void release(void *memory) {
    memo *all = memory;
    for (unsigned i = 0; i < SETS; i++)
        forget(&all->of[i]);
    dbx_alloc_free(all);
}

/* memo_of gives what is remembered, nothing that an undo has made wrong; NULL: out of memory. */
static memo *memo_of(dbx_txn *txn) {
    memo *all = dbx_txn_memo(txn, DBX_MEMO_RANKS);
    if (all == NULL) {
        all = dbx_alloc_zero(1, sizeof *all);
        if (all == NULL) return NULL;
        dbx_txn_set_memo(txn, DBX_MEMO_RANKS, all, release);
    } else if (all->undone != dbx_txn_undone(txn)) {
        for (unsigned i = 0; i < SETS; i++)
            forget(&all->of[i]);
    }
    all->undone = dbx_txn_undone(txn);
    return all;
}

dbx_rank_cache *dbx_rank_cache_of(dbx_txn *txn, uint64_t cid, unsigned levels) {
    if (levels > DBX_RANK_LEVELS_MAX) return NULL;
    memo *all = memo_of(txn);
    if (all == NULL) return NULL;
    for (unsigned i = 0; i < SETS; i++) {
        dbx_rank_cache *cache = &all->of[i];
        if (cache->cid != cid) continue;
        if (cache->levels != levels || cache->refused > REFUSED * cache->nodes) forget(cache);
        cache->levels =
            levels; /* what is not kept meanwhile must not be there when it grows again */
        return levels >= LEVELS_MIN ? cache : NULL;
    }
    if (levels < LEVELS_MIN) return NULL;
    if (++all->unkept % ADMITTED != 0) return NULL;
    dbx_rank_cache *cache = &all->of[all->next];
    all->next = (all->next + 1) % SETS;
    forget(cache);
    cache->cid = cid;
    cache->levels = levels;
    return cache;
}

/* A way down the tree. */
typedef struct way {
    node **at;           /* where it goes on */
    uint8_t *asked;      /* for what is there; NULL: it is the root */
    dbx_slice from, end; /* the borders there, `end` left out; empty: from the first, to the last */
} way;

/* enter gives the node where the way goes on, which is read when it was asked for often enough;
 * *n NULL: it is not here. */
static int enter(dbx_rank_cache *cache, dbx_txn *txn, unsigned level, way *w, node **n) {
    bool full = level == 1 && cache->bytes >= DBX_RANK_CACHE_BYTES;
    *n = *w->at;
    if (*n != NULL) return DBX_OK;
    if (w->asked != NULL && (full || *w->asked < ASKED)) {
        cache->refused += full;
        *w->asked = (uint8_t)(*w->asked + !full);
        return DBX_OK;
    }
    int rc = load(cache, txn, level, w->from, w->end, w->at);
    *n = *w->at;
    return rc;
}

/* descend goes on below what comes before slot i of a node. */
static void descend(way *w, node *n, size_t i) {
    if (i < n->count) w->end = place_of(n, &n->slots[i]);
    if (i > 0) w->from = place_of(n, &n->slots[i - 1]);
    w->at = below(n, i);
    w->asked = i > 0 ? &n->slots[i - 1].asked : &n->head_asked;
}

int dbx_rank_cache_path(dbx_rank_cache *cache, dbx_txn *txn, dbx_slice place, dbx_rank_path *path) {
    way w = {.at = &cache->root};
    path->lowest = cache->levels + 1;
    for (unsigned level = cache->levels; level > 0; level--) {
        node *n;
        int rc = enter(cache, txn, level, &w, &n);
        if (rc != DBX_OK || n == NULL) return rc;
        size_t i = find(n, place);
        descend(&w, n, i);
        path->lowest = level;
        path->slots[level] = i > 0 ? &n->slots[i - 1] : NULL;
        if (i == 0) continue;
        const dbx_rank_slot *slot = &n->slots[i - 1];
        path->borders[level] = (dbx_border){w.from, slot->last, slot->count};
    }
    return DBX_OK;
}

/* The slots that a goal lies behind, when the first of them has `before` members before it; *sum:
 * how many the last of them has. */
static size_t count_to(const node *n, const dbx_rank_goal *goal, uint64_t before, uint64_t *sum) {
    size_t i = 1, count = n->count;
    *sum = before;
    if (!goal->by_index) {
        count = find(n, goal->place);
    } else if (goal->index < before) {
        return 0;
    }
    for (; i < count; i++) {
        const dbx_rank_slot *slot = &n->slots[i - 1];
        if (goal->by_index && goal->index - *sum < slot->count) break;
        *sum += slot->count;
    }
    return i < count ? i : count;
}

int dbx_rank_cache_find(dbx_rank_cache *cache, dbx_txn *txn, const dbx_rank_goal *goal,
                        dbx_rank_spot *spot) {
    way w = {.at = &cache->root};
    for (unsigned level = cache->levels; level > 0; level--) {
        node *n;
        uint64_t before;
        int rc = enter(cache, txn, level, &w, &n);
        if (rc != DBX_OK || n == NULL) return rc;
        size_t i = count_to(n, goal, spot->inside ? spot->before : cache->heads[level], &before);
        descend(&w, n, i);
        spot->level = level;
        spot->next = w.end;
        if (i == 0) continue;
        const dbx_rank_slot *slot = &n->slots[i - 1];
        spot->inside = true;
        spot->before = before;
        spot->at = (dbx_border){w.from, slot->last, slot->count};
    }
    return DBX_OK;
}

const uint64_t *dbx_rank_cache_heads(const dbx_rank_cache *cache) {
    return cache->counted ? cache->heads : NULL;
}

void dbx_rank_cache_set_heads(dbx_rank_cache *cache, const uint64_t *heads) {
    memcpy(cache->heads, heads, (cache->levels + 1) * sizeof heads[0]);
    cache->counted = true;
}

void dbx_rank_cache_lose_heads(dbx_rank_cache *cache) {
    cache->counted = false;
}

void dbx_rank_cache_head_add(dbx_rank_cache *cache, unsigned level, int by) {
    if (level <= cache->levels) cache->heads[level] += (uint64_t)(int64_t)by;
}

void dbx_rank_slot_add(dbx_rank_slot *slot, int by) {
    slot->count += (uint64_t)(int64_t)by;
}

/* node_at finds the node with a level's borders around a place, if it is there. */
static node **node_at(dbx_rank_cache *cache, unsigned level, dbx_slice place) {
    node **at = &cache->root;
    for (unsigned l = cache->levels; l > level && *at != NULL; l--) {
        size_t i = find(*at, place);
        at = i > 0 ? &(*at)->slots[i - 1].below : &(*at)->head;
    }
    return at;
}

void dbx_rank_cache_set(dbx_rank_cache *cache, unsigned level, const dbx_border *b) {
    node *n = level <= cache->levels ? *node_at(cache, level, b->place) : NULL;
    size_t i = n != NULL ? find(n, b->place) : 0;
    if (i == 0) return;
    dbx_rank_slot *slot = &n->slots[i - 1];
    if (!dbx_slice_eq(place_of(n, slot), b->place)) return;
    slot->last = b->last;
    slot->count = b->count;
}

/* --- Borders that come and go ---------------------------------------------------------------- */

/* Slots of a node, or one that is new. */
typedef struct part {
    const node *of;
    size_t from, to;
    const dbx_border *new; /* NULL: those of the node */
} part;

static size_t bytes_of(const part *p) {
    if (p->new != NULL) return p->new->place.len;
    if (p->from == p->to) return 0;
    const dbx_rank_slot *last = &p->of->slots[p->to - 1];
    return (size_t)last->at + last->len - p->of->slots[p->from].at;
}

/* join makes a node of three parts. NULL: out of memory. */
static node *join(dbx_rank_cache *cache, node *head, const part parts[3]) {
    size_t count = 0, bytes = 0;
    for (int i = 0; i < 3; i++) {
        count += parts[i].new != NULL ? 1 : parts[i].to - parts[i].from;
        bytes += bytes_of(&parts[i]);
    }
    node *n = new_node(cache, count, bytes);
    if (n == NULL) return NULL;
    n->head = head;
    dbx_rank_slot *slot = n->slots;
    uint8_t *places = (uint8_t *)(n->slots + count);
    uint32_t at = 0;
    for (int i = 0; i < 3; i++) {
        const part *p = &parts[i];
        size_t len = bytes_of(p);
        if (p->new != NULL) {
            *slot++ = (dbx_rank_slot){.lead = lead_of(p->new->place),
                                      .count = p->new->count,
                                      .at = at,
                                      .len = (uint16_t)len,
                                      .last = p->new->last};
            memcpy(places + at, p->new->place.ptr, len);
        } else if (p->from < p->to) {
            uint32_t first = p->of->slots[p->from].at;
            for (size_t j = p->from; j < p->to; j++) {
                *slot = p->of->slots[j];
                slot++->at += at - first;
            }
            memcpy(places + at, (const uint8_t *)(p->of->slots + p->of->count) + first, len);
        }
        at += (uint32_t)len;
    }
    return n;
}

static part part_of(const node *n, size_t from, size_t to) {
    return (part){n, from, to, NULL};
}

static part nothing(void) {
    return (part){NULL, 0, 0, NULL};
}

int dbx_rank_cache_added(dbx_rank_cache *cache, dbx_txn *txn, unsigned level, dbx_slice place) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t head = dbx_format_collection(key, DBX_TABLE_RANK, cache->cid);
    if (level > cache->levels || place.len > sizeof key - head - 1) {
        forget(cache);
        return DBX_OK;
    }
    memcpy(key + head + 1, place.ptr, place.len);
    node **at = node_at(cache, level, place), **to = NULL; /* where what follows the border goes */
    for (; level > 0 && *at != NULL; level--) {
        dbx_border b;
        dbx_slice value, whole = dbx_slice_of(key, head + 1 + place.len);
        key[head] = (uint8_t)level;
        int rc = dbx_txn_get(txn, whole, &value);
        if (rc == DBX_OK) rc = dbx_border_read(whole, value, head, level, &b);
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
        node *n = *at, *right = NULL;
        size_t i = find(n, place);
        part before = part_of(n, 0, i), after = part_of(n, i, n->count), new = {.new = &b};
        part all[3] = {before, new, after}, rest[3] = {new, after, nothing()};
        node *left = to == NULL ? join(cache, n->head, all)
                                : join(cache, n->head, (part[3]){before, nothing(), nothing()});
        if (to != NULL && left != NULL) right = join(cache, NULL, rest);
        if (left == NULL || (to != NULL && right == NULL)) {
            if (left != NULL) free_one(cache, left);
            free_node(cache, at);
            return DBX_OK;
        }
        free_one(cache, n);
        *at = left;
        if (to != NULL) *to = right;
        to = to == NULL ? &left->slots[i].below : &right->slots[0].below;
        at = below(left, i);
    }
    return DBX_OK;
}

void dbx_rank_cache_removed(dbx_rank_cache *cache, unsigned level, dbx_slice place) {
    if (level > cache->levels) {
        forget(cache);
        return;
    }
    node **at = node_at(cache, level, place), *gone = NULL;
    for (bool top = true; level > 0 && *at != NULL; level--, top = false) {
        /* What followed the border joins what comes before it. */
        node *n = *at, *from = top ? n : gone;
        size_t i = top ? find(n, place) : 1, keep = top ? i - 1 : n->count;
        bool there = from != NULL && from->count >= i && i > 0 &&
                     dbx_slice_eq(place_of(from, &from->slots[i - 1]), place);
        node *whole = NULL;
        if (there) {
            const part parts[3] = {part_of(n, 0, keep), part_of(from, i, from->count), nothing()};
            whole = join(cache, n->head, parts);
        }
        if (whole == NULL) {
            free_node(cache, at);
            break;
        }
        node *next = from->slots[i - 1].below;
        if (!top) free_one(cache, gone);
        free_one(cache, n);
        *at = whole;
        gone = next;
        at = below(whole, keep);
    }
    free_node(cache, &gone);
}
