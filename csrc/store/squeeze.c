/* squeeze.c: see squeeze.h. */
#include "store/squeeze.h"

#include <string.h>

#include "base/clock.h"

/* Ours, behind libmdbx's own source: cmake/mdbx_more.c. */
int dbx_squeeze_mdbx_load_unused(MDBX_cursor *cursor, uint32_t *now, uint32_t *end,
                                 uint32_t *unused);
uint32_t dbx_squeeze_mdbx_lowest_unused(const MDBX_txn *txn, uint32_t pages);
void dbx_squeeze_mdbx_entry_pages(const MDBX_cursor *cursor, uint32_t *tree, uint32_t *large,
                                  uint32_t *large_pages);
int dbx_squeeze_mdbx_touch(MDBX_cursor *cursor);

enum {
    PAGES_A_STEP = 2048, /* moved in one commit, 8 MB */
    /* Each commit writes the lists of unused pages anew, four bytes a page: it moves as much. */
    LIST_PARTS = 1024,
    LOOK_EVERY = 64, /* entries, between two looks at the budget */
    SETTLES_MAX = 6, /* commits after the last move */
    GAP_PAGES = 64   /* that libmdbx leaves beside what it cuts a file off by */
};

/* What libmdbx cuts off when it is more. */
static uint32_t cut_pages(void) {
    return 2 * (dbx_env_growth_bytes() / DBX_PAGE_BYTES) + GAP_PAGES;
}

bool dbx_squeeze_worth(uint64_t file_bytes, uint64_t spare_bytes) {
    return spare_bytes >= DBX_SQUEEZE_MIN_BYTES && spare_bytes >= file_bytes / DBX_SQUEEZE_PARTS;
}

void dbx_squeeze_begin(dbx_squeeze *s) {
    *s = (dbx_squeeze){.target = 0};
}

/* Reads the length of each list of unused pages, as dbx_snapshot_unused does it. */
uint64_t dbx_squeeze_unused(MDBX_env *env) {
    enum { UNUSED_PAGES = 0 };
    MDBX_cursor *cursor = NULL;
    MDBX_txn *txn;
    MDBX_val key, list;
    uint64_t pages = 0;
    if (mdbx_txn_begin(env, NULL, MDBX_TXN_RDONLY, &txn) != 0) return 0;
    if (mdbx_cursor_open(txn, UNUSED_PAGES, &cursor) == 0) {
        while (mdbx_cursor_get(cursor, &key, &list, MDBX_NEXT) == 0) {
            uint32_t length = 0;
            if (list.iov_len >= sizeof length) memcpy(&length, list.iov_base, sizeof length);
            pages += length;
        }
        mdbx_cursor_close(cursor);
    }
    (void)mdbx_txn_abort(txn);
    return pages * DBX_PAGE_BYTES;
}

/* --- Moving ----------------------------------------------------------------------------------- */

typedef struct mover {
    dbx_squeeze *s;
    MDBX_txn *txn;
    MDBX_cursor *cursor;
    uint32_t moved, moved_max;
    uint32_t no_run; /* as many unused pages do not follow each other anywhere low enough */
} mover;

/* A value that has pages of its own, written anew: libmdbx takes the lowest that follow each other.
 */
static int move_value(mover *m, MDBX_val key, MDBX_val value, uint32_t pages) {
    uint8_t copy[DBX_ENCODED_KEY_MAX]; /* the key's own page changes */
    MDBX_val room = {NULL, value.iov_len};
    if (key.iov_len > sizeof copy) return MDBX_CORRUPTED;
    memcpy(copy, key.iov_base, key.iov_len);
    key.iov_base = copy;
    int rc = mdbx_cursor_put(m->cursor, &key, &room, MDBX_CURRENT | MDBX_RESERVE);
    if (rc != 0) return rc;
    /* The old pages stay as they are at least until the commit. */
    memcpy(room.iov_base, value.iov_base, value.iov_len);
    m->moved += pages;
    return 0;
}

/* Moves what of the cursor's entry lies beyond the target, if there is a better place for it. */
static int move_entry(mover *m, MDBX_val key, MDBX_val value) {
    uint32_t tree, large, pages, target = m->s->target;
    dbx_squeeze_mdbx_entry_pages(m->cursor, &tree, &large, &pages);
    if (large >= target && pages < m->no_run) {
        uint32_t lowest = dbx_squeeze_mdbx_lowest_unused(m->txn, pages);
        if (lowest != 0 && lowest < large) return move_value(m, key, value, pages);
        m->no_run = pages;
    }
    if (tree < target) return 0;
    uint32_t lowest = dbx_squeeze_mdbx_lowest_unused(m->txn, 1);
    if (lowest == 0 || lowest >= target) return 0;
    m->moved++;
    return dbx_squeeze_mdbx_touch(m->cursor);
}

static int keep_place(dbx_squeeze *s, MDBX_val key) {
    if (key.iov_len > sizeof s->at) return MDBX_CORRUPTED;
    memcpy(s->at, key.iov_base, key.iov_len);
    s->at_len = key.iov_len;
    return 0;
}

/* Walks on over all entries, until the budget of this step is used up. */
static int walk(mover *m, const dbx_budget *budget) {
    dbx_squeeze *s = m->s;
    MDBX_val key = {s->at, s->at_len}, value;
    uint32_t looked = 0;
    int rc = mdbx_cursor_get(m->cursor, &key, &value, s->at_len == 0 ? MDBX_FIRST : MDBX_SET_RANGE);
    while (rc == 0) {
        if (looked++ % LOOK_EVERY == 0) {
            if (atomic_load(budget->stop)) return MDBX_EINTR;
            if (looked > 1 && dbx_budget_over(budget)) return keep_place(s, key);
        }
        if (m->moved >= m->moved_max) return keep_place(s, key);
        rc = move_entry(m, key, value);
        if (rc == 0) rc = mdbx_cursor_get(m->cursor, &key, &value, MDBX_NEXT);
    }
    if (rc != MDBX_NOTFOUND) return rc;
    s->walked = true;
    return 0;
}

/* A commit that changes nothing but where a page lies: what was unused is then known to be, and
 * libmdbx may cut it off. */
static int touch_something(MDBX_cursor *cursor) {
    const uint8_t format[2] = {DBX_TABLE_META, DBX_META_FORMAT};
    MDBX_val key = {(void *)(uintptr_t)format, sizeof format}, value;
    int rc = mdbx_cursor_get(cursor, &key, &value, MDBX_SET_RANGE);
    return rc == 0 ? dbx_squeeze_mdbx_touch(cursor) : rc;
}

/* --- Steps ------------------------------------------------------------------------------------ */

/* Decides what is to be given back; false: nothing, or too little. */
static bool aim(dbx_squeeze *s, uint32_t now, uint64_t unused, uint64_t keep, bool full) {
    uint64_t kept = keep / DBX_PAGE_BYTES, spare = unused > kept ? unused - kept : 0;
    uint64_t tail = now - s->end; /* behind all that is used already */
    uint64_t gained = spare + tail;
    if (gained <= cut_pages()) return false;
    if (!full && !dbx_squeeze_worth((uint64_t)now * DBX_PAGE_BYTES, gained * DBX_PAGE_BYTES)) {
        return false;
    }
    s->target = s->end - (uint32_t)spare;
    return true;
}

/* After the walk: whether another commit will make the file shorter. */
static bool settles(dbx_squeeze *s, uint32_t now, uint32_t before) {
    if (s->settles >= SETTLES_MAX) return false;
    bool gains = s->settles == 0 || s->end < before;
    return now - s->end > cut_pages() || (gains && s->end > s->target);
}

int dbx_squeeze_step(dbx_squeeze *s, MDBX_txn *txn, MDBX_dbi dbi, uint64_t keep, bool full,
                     const dbx_budget *budget, bool *changed, bool *done) {
    mover m = {.s = s, .txn = txn, .no_run = UINT32_MAX};
    uint32_t now, unused, before = s->end;
    *changed = *done = false;
    int rc = mdbx_cursor_open(txn, dbi, &m.cursor);
    if (rc != 0) return rc;
    rc = dbx_squeeze_mdbx_load_unused(m.cursor, &now, &s->end, &unused);
    if (rc == 0) s->unused = (uint64_t)unused + (now - s->end);
    m.moved_max = unused / LIST_PARTS > PAGES_A_STEP ? unused / LIST_PARTS : PAGES_A_STEP;
    if (rc == 0 && s->target == 0 && !aim(s, now, unused, keep, full)) {
        *done = true;
    } else if (rc == 0 && !s->walked) {
        rc = walk(&m, budget);
        s->moved += m.moved;
        *changed = m.moved > 0;
    } else if (rc == 0 && settles(s, now, before)) {
        s->settles++;
        *changed = true;
        rc = touch_something(m.cursor);
    } else if (rc == 0) {
        *done = true;
    }
    mdbx_cursor_close(m.cursor);
    return rc;
}
