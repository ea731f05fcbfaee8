/* sampler.c: see sampler.h. */
#include "types/sampler.h"

#include "base/alloc.h"

enum {
    HASH_BITS = 8 * DBX_MEMBER_HASH_BYTES,
    /* In a bucket on average. So few that a bucket is hardly walked; drawing one that has not as
     * many as the fullest costs next to nothing once that is known. */
    MEMBERS_MIN = 1, /* fewer: two are made one */
    MEMBERS = 1,     /* when the buckets are made, to twice as many */
    MEMBERS_MAX = 4,
    WHOLE = 32, /* fewer members are one bucket */
    BUCKETS_MAX = 1 << 20,
    LEARNT = 16,    /* buckets, neighbours, that are counted in one walk */
    DRAWS_MIN = 16, /* before memory is taken to remember buckets in */
    UNKNOWN = UINT8_MAX,
    LIVE_MAX = 4 /* dicts of the live view that are remembered */
};

#define RANGE ((uint64_t)1 << HASH_BITS)

/* --- Buckets --------------------------------------------------------------------------------- */

static uint64_t root(uint64_t n) {
    uint64_t r = 0;
    while ((r + 1) * (r + 1) <= n)
        r++;
    return r;
}

/* expected_fullest is what no bucket exceeds when members lie at random: six standard deviations
 * and a little above the average, for which there is a chance of one in 10^10 or less. */
static uint32_t expected_fullest(const dbx_sampler *s) {
    uint64_t average = s->count / s->buckets + 1;
    return (uint32_t)(average + 6 * root(average) + 6);
}

/* find_range sets `from` and `width`: all hashes, or if members fill only a part of these, it. */
static int find_range(dbx_sampler *s) {
    dbx_dict_walk walk;
    dbx_dict_item first, last;
    int rc = dbx_dict_walk_open(&walk, s->view, s->dict, 0);
    if (rc != DBX_OK) return rc;
    rc = dbx_dict_walk_next(&walk, &first);
    if (rc == DBX_OK) rc = dbx_dict_walk_last(&walk, &last);
    dbx_dict_walk_close(&walk);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    uint64_t range = last.hash + 1 - first.hash;
    s->from = first.hash;
    if (range > RANGE / 4 * 3) {
        s->from = 0;
        range = RANGE;
    }
    s->width = (range + s->buckets - 1) / s->buckets;
    return DBX_OK;
}

/* make_buckets begins anew: nothing is known of what buckets have. */
static int make_buckets(dbx_sampler *s) {
    dbx_alloc_free(s->in);
    s->in = NULL;
    s->draws = 0;
    s->buckets = 1;
    while (s->count >= WHOLE && s->buckets < BUCKETS_MAX && s->count / s->buckets >= 2 * MEMBERS)
        s->buckets *= 2;
    s->fullest = expected_fullest(s);
    return find_range(s);
}

/* halve makes one of every two buckets, as the dict has become smaller. */
static void halve(dbx_sampler *s) {
    s->buckets /= 2;
    s->width *= 2;
    uint32_t fullest = expected_fullest(s);
    for (uint32_t i = 0; s->in != NULL && i < s->buckets; i++) {
        unsigned a = s->in[2 * i], b = s->in[2 * i + 1];
        s->in[i] = a == UNKNOWN || b == UNKNOWN || a + b >= UNKNOWN ? UNKNOWN : (uint8_t)(a + b);
        if (s->in[i] != UNKNOWN && s->in[i] > fullest) fullest = s->in[i];
    }
    s->fullest = fullest;
}

/* --- Drawing --------------------------------------------------------------------------------- */

/* look goes through the bucket to its member `nth`, or to its end if `all`; *met: how many it has,
 * or has up to there. *item is only set if it has more than `nth`. */
static int look(const dbx_sampler *s, uint32_t bucket, uint64_t nth, bool all, dbx_dict_item *item,
                uint64_t *met) {
    dbx_dict_walk walk;
    dbx_dict_item at;
    uint64_t from = s->from + bucket * s->width, end = from + s->width;
    *met = 0;
    if (from >= RANGE) return DBX_OK;
    int rc = dbx_dict_walk_open(&walk, s->view, s->dict, from);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_dict_walk_next(&walk, &at)) == DBX_OK && at.hash < end) {
        if (*met == nth) *item = at;
        ++*met;
        if (*met > nth && !all) break;
    }
    dbx_dict_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* learn counts what a bucket and its neighbours have. */
static int learn(dbx_sampler *s, uint32_t bucket) {
    dbx_dict_walk walk;
    dbx_dict_item at;
    uint32_t in[LEARNT] = {0}, first = bucket / LEARNT * LEARNT;
    uint32_t count = s->buckets < LEARNT ? s->buckets : LEARNT;
    uint64_t from = s->from + first * s->width, end = from + count * s->width;
    if (from < RANGE) {
        int rc = dbx_dict_walk_open(&walk, s->view, s->dict, from);
        if (rc != DBX_OK) return rc;
        while ((rc = dbx_dict_walk_next(&walk, &at)) == DBX_OK && at.hash < end)
            in[(at.hash - from) / s->width]++;
        dbx_dict_walk_close(&walk);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    }
    for (uint32_t i = 0; i < count; i++) {
        s->in[first + i] = in[i] < UNKNOWN ? (uint8_t)in[i] : UNKNOWN;
        if (in[i] > s->fullest) s->fullest = in[i] + in[i] / 8;
    }
    return DBX_OK;
}

/* begin_counting takes the memory to remember buckets in; without it draws take longer. */
static void begin_counting(dbx_sampler *s) {
    s->in = dbx_alloc(s->buckets);
    if (s->in != NULL) memset(s->in, UNKNOWN, s->buckets);
}

/* draw_once: *found, or not: to be tried again. */
static int draw_once(dbx_sampler *s, dbx_rand *rand, dbx_dict_item *item, bool *found) {
    uint64_t met, limit = s->buckets == 1 ? s->count : s->fullest;
    uint64_t nth = dbx_rand_below(rand, limit);
    uint32_t bucket = (uint32_t)dbx_rand_below(rand, s->buckets);
    *found = false;
    if (s->in != NULL && s->buckets > 1 && s->in[bucket] == UNKNOWN) {
        int rc = learn(s, bucket);
        if (rc != DBX_OK) return rc;
        if (s->fullest > limit) return DBX_OK; /* see below */
    }
    unsigned known = s->in != NULL ? s->in[bucket] : UNKNOWN;
    if (known != UNKNOWN && nth >= known) return DBX_OK;
    bool all = known == UNKNOWN && s->buckets > 1;
    int rc = look(s, bucket, nth, all, item, &met);
    if (rc != DBX_OK) return rc;
    if (!all) {
        *found = met > nth;
        return *found ? DBX_OK : DBX_ECORRUPT;
    }
    if (s->in != NULL && met < UNKNOWN) s->in[bucket] = (uint8_t)met;
    if (met > limit) { /* draws so far did not do this bucket justice: this one is made again */
        s->fullest = (uint32_t)(met + met / 8);
        return DBX_OK;
    }
    *found = met > nth;
    return DBX_OK;
}

int dbx_sampler_draw(dbx_sampler *s, dbx_rand *rand, dbx_dict_item *item) {
    bool found = false;
    int rc = DBX_OK;
    if (s->in == NULL && s->buckets > 1 && ++s->draws > DRAWS_MIN) begin_counting(s);
    while (rc == DBX_OK && !found)
        rc = draw_once(s, rand, item, &found);
    return rc;
}

int dbx_sampler_open(dbx_sampler *s, dbx_view *view, dbx_dict dict, uint64_t count) {
    *s = (dbx_sampler){.view = view, .dict = dict, .count = count};
    return make_buckets(s);
}

void dbx_sampler_close(dbx_sampler *s) {
    dbx_alloc_free(s->in);
    *s = (dbx_sampler){0};
}

/* --- Of the live view ------------------------------------------------------------------------ */

typedef struct live {
    uint64_t undone;          /* dbx_txn_undone() when it was right */
    unsigned newest;          /* the one drawn from last */
    dbx_sampler of[LIVE_MAX]; /* those without a view are free */
} live;

static void forget(void *memo) {
    live *all = memo;
    for (unsigned i = 0; i < LIVE_MAX; i++)
        dbx_sampler_close(&all->of[i]);
    dbx_alloc_free(all);
}

static dbx_sampler *find(live *all, dbx_dict dict) {
    for (unsigned i = 0; i < LIVE_MAX; i++) {
        dbx_sampler *s = &all->of[i];
        if (s->dict.cid == dict.cid && s->view != NULL && s->dict.table == dict.table) {
            all->newest = i;
            return s;
        }
    }
    return NULL;
}

/* memo_of gives what is remembered, nothing that an undo has made wrong; NULL: out of memory. */
static live *memo_of(dbx_txn *txn) {
    live *all = dbx_txn_memo(txn, DBX_MEMO_SAMPLERS);
    if (all == NULL) {
        all = dbx_alloc_zero(1, sizeof *all);
        if (all == NULL) return NULL;
        dbx_txn_set_memo(txn, DBX_MEMO_SAMPLERS, all, forget);
    } else if (all->undone != dbx_txn_undone(txn)) {
        for (unsigned i = 0; i < LIVE_MAX; i++)
            dbx_sampler_close(&all->of[i]);
    }
    all->undone = dbx_txn_undone(txn);
    return all;
}

/* adjust makes the buckets fit the number of members. */
static int adjust(dbx_sampler *s, uint64_t count) {
    bool more = count > s->count;
    s->count = count;
    if (more && expected_fullest(s) > s->fullest) s->fullest = expected_fullest(s);
    if (count / s->buckets >= MEMBERS_MAX && s->buckets < BUCKETS_MAX && count >= WHOLE) {
        return make_buckets(s);
    }
    while (s->buckets > 1 && count / s->buckets < MEMBERS_MIN)
        halve(s);
    return DBX_OK;
}

int dbx_sampler_live(dbx_txn *txn, dbx_dict dict, uint64_t count, dbx_sampler **sampler) {
    live *all = memo_of(txn);
    if (all == NULL) return DBX_ENOMEM;
    dbx_sampler *s = *sampler = find(all, dict);
    if (s != NULL) return adjust(s, count);
    all->newest = (all->newest + 1) % LIVE_MAX;
    s = *sampler = &all->of[all->newest];
    dbx_sampler_close(s);
    int rc = dbx_sampler_open(s, dbx_txn_view(txn), dict, count);
    if (rc != DBX_OK) dbx_sampler_close(s);
    return rc;
}

void dbx_sampler_note(dbx_txn *txn, dbx_dict dict, uint64_t hash, int change) {
    live *all = dbx_txn_memo(txn, DBX_MEMO_SAMPLERS);
    dbx_sampler *s = all != NULL ? find(all, dict) : NULL;
    if (s == NULL) return;
    uint64_t bucket = (hash - s->from) / s->width;
    if (hash < s->from || bucket >= s->buckets) {
        dbx_sampler_close(s); /* the range has grown */
        return;
    }
    if (s->in == NULL || s->in[bucket] == UNKNOWN) return;
    s->in[bucket] = (uint8_t)(s->in[bucket] + change);
    if (s->in[bucket] != UNKNOWN && s->in[bucket] > s->fullest) s->fullest = s->in[bucket];
}
