/* apply_run.c: see apply_run.h. */
#include "store/apply_run.h"

#include <string.h>

#include "store/format.h"

enum {
    RUN_BYTES_MIN = 2 * DBX_PAGE_BYTES, /* shorter ones are not worth the move */
    /* Put first: a page with less than a quarter in it would be merged with the next. It may be, if
     * it has been split on the way: that costs a write. */
    ROOT_BYTES = DBX_PAGE_BYTES * 3 / 8,
    LONG_VALUE_BYTES = 1024 /* a longer one may have pages of its own, and is not moved */
};

/* About what it takes in a page. */
static size_t bytes_of(const dbx_apply_run *run, const dbx_entry *entry) {
    if ((entry->flags & DBX_ENTRY_DEAD) != 0) return 0;
    size_t value = dbx_entry_value(&run->frozen->arena, entry).len;
    return dbx_entry_key(entry).len + (value <= LONG_VALUE_BYTES ? value : 0);
}

static dbx_slice slice_of(const MDBX_val *val) {
    return dbx_slice_of(val->iov_base, val->iov_len);
}

static MDBX_val val_of(dbx_slice bytes) {
    return (MDBX_val){(void *)(uintptr_t)bytes.ptr, bytes.len};
}

/* --- The rest of a page ----------------------------------------------------------------------- */

static void keep(dbx_apply_run *run, dbx_slice key, dbx_slice value) {
    uint32_t lengths[2] = {(uint32_t)key.len, (uint32_t)value.len};
    dbx_buf_add(&run->tail, lengths, sizeof lengths);
    dbx_buf_add(&run->tail, key.ptr, key.len);
    dbx_buf_add(&run->tail, value.ptr, value.len);
}

/* The next of what was kept, from the front of *left. */
static bool next_kept(dbx_slice *left, dbx_slice *key, dbx_slice *value) {
    uint32_t lengths[2];
    if (left->len == 0) return false;
    memcpy(lengths, left->ptr, sizeof lengths);
    *key = dbx_slice_of(left->ptr + sizeof lengths, lengths[0]);
    *value = dbx_slice_of(key->ptr + key->len, lengths[1]);
    size_t all = sizeof lengths + lengths[0] + lengths[1];
    *left = dbx_slice_of(left->ptr + all, left->len - all);
    return true;
}

/* Whether two keys that libmdbx has lie in one page. In two pages that are copied they may seem to:
 * then some of the next page is moved as well. */
static bool in_one_page(const MDBX_val *a, const MDBX_val *b) {
    uintptr_t x = (uintptr_t)a->iov_base, y = (uintptr_t)b->iov_base;
    return (x < y ? y - x : x - y) < DBX_PAGE_BYTES;
}

/* Copies what follows `key` in its page, up to a value that is too long to be moved. */
static int copy_rest(dbx_apply_run *run, MDBX_cursor *cursor, dbx_slice key) {
    MDBX_val here = val_of(key), next, value;
    int rc = mdbx_cursor_get(cursor, &here, &value, MDBX_SET_KEY);
    if (rc == 0) rc = mdbx_cursor_get(cursor, &next, &value, MDBX_NEXT);
    while (rc == 0 && in_one_page(&here, &next) && value.iov_len <= LONG_VALUE_BYTES &&
           run->tail.len < 2 * (size_t)DBX_PAGE_BYTES) {
        keep(run, slice_of(&next), slice_of(&value));
        rc = mdbx_cursor_get(cursor, &next, &value, MDBX_NEXT);
    }
    return rc == MDBX_NOTFOUND ? 0 : rc;
}

/* What comes no later than the entry that is put next is in nobody's way. Without memory the pages
 * are not full, nothing else. */
static void drop_needless(dbx_apply_run *run, const dbx_entry *next) {
    dbx_slice left = dbx_buf_slice(&run->tail), key, value;
    if (run->tail.failed ||
        (next_kept(&left, &key, &value) && dbx_slice_cmp(key, dbx_entry_key(next)) <= 0)) {
        run->tail.failed = false;
        run->tail.len = 0;
        run->last = NULL;
    }
}

static int take_out(dbx_apply_run *run, MDBX_cursor *cursor) {
    dbx_slice left = dbx_buf_slice(&run->tail), key, value;
    int rc = 0;
    run->until = (dbx_slice){NULL, 0};
    while (rc == 0 && next_kept(&left, &key, &value)) {
        MDBX_val k = val_of(key), ignored;
        if (run->until.len == 0) run->until = key;
        rc = mdbx_cursor_get(cursor, &k, &ignored, MDBX_SET);
        if (rc == 0) rc = mdbx_cursor_del(cursor, MDBX_CURRENT);
    }
    return rc == MDBX_NOTFOUND ? MDBX_PROBLEM : rc; /* it was there a moment ago */
}

static int put_back(dbx_apply_run *run, MDBX_cursor *cursor) {
    dbx_slice left = dbx_buf_slice(&run->tail), key, value;
    int rc = 0;
    while (rc == 0 && next_kept(&left, &key, &value)) {
        MDBX_val k = val_of(key), v = val_of(value);
        rc = mdbx_cursor_put(cursor, &k, &v, MDBX_NOOVERWRITE);
    }
    run->tail.len = 0;
    return rc;
}

/* --- Runs ------------------------------------------------------------------------------------- */

/* An entry that begins a gap is for what lies below, up to the next entry: that must be there. */
static bool ends_run(const dbx_entry *entry) {
    return entry == NULL || (entry->flags & DBX_ENTRY_GAP) != 0;
}

/* The last of as many entries from `first` on as fill pages; NULL: there are not so many. None is
 * looked at again and again: the next call goes on where this one stopped. */
static const dbx_entry *look_ahead(dbx_apply_run *run, const dbx_entry *first) {
    if (run->bytes == 0) run->ahead = first;
    while (run->bytes < RUN_BYTES_MIN && !ends_run(run->ahead)) {
        run->bytes += bytes_of(run, run->ahead);
        run->ahead_last = run->ahead;
        run->ahead = dbx_tree_next(&run->frozen->tree, run->ahead);
    }
    return run->bytes < RUN_BYTES_MIN ? NULL : run->ahead_last;
}

/* A run begins behind `entry`, where the cursor is, if what follows there comes after enough of the
 * entries that are put next. Behind one that was deleted, or whose gap was, the cursor is
 * elsewhere. */
static int find_run(dbx_apply_run *run, MDBX_cursor *cursor, const dbx_entry *entry,
                    const dbx_entry *next) {
    MDBX_val key, value;
    if (ends_run(next) || (entry->flags & (DBX_ENTRY_DEAD | DBX_ENTRY_GAP)) != 0) return 0;
    int rc = mdbx_cursor_get(cursor, &key, &value, MDBX_NEXT);
    if (rc != 0) return rc == MDBX_NOTFOUND ? 0 : rc; /* at the tree's end nothing follows */
    if (dbx_slice_cmp(slice_of(&key), dbx_entry_key(next)) <= 0) return 0;
    const dbx_entry *last = look_ahead(run, next);
    if (last == NULL || dbx_slice_cmp(slice_of(&key), dbx_entry_key(last)) <= 0) return 0;
    run->last = last;
    run->put_bytes = 0;
    return 0;
}

/* Within a run, of which `entry` has been put. */
static int go_on(dbx_apply_run *run, MDBX_cursor *cursor, const dbx_entry *entry,
                 const dbx_entry *next) {
    run->put_bytes += bytes_of(run, entry);
    if (entry == run->last) {
        run->last = NULL;
        return 0;
    }
    if (run->put_bytes < ROOT_BYTES || (entry->flags & DBX_ENTRY_DEAD) != 0) return 0;
    run->put_bytes = 0;
    int rc = copy_rest(run, cursor, dbx_entry_key(entry));
    drop_needless(run, next);
    return rc == 0 ? take_out(run, cursor) : rc;
}

int dbx_apply_run_step(dbx_apply_run *run, MDBX_cursor *cursor, const dbx_entry *entry,
                       const dbx_entry *next) {
    int rc = 0;
    if (run->tail.len > 0) {
        if (ends_run(next) || dbx_slice_cmp(dbx_entry_key(next), run->until) >= 0) {
            run->last = NULL;
            rc = put_back(run, cursor);
        }
    } else if (run->last != NULL) {
        rc = go_on(run, cursor, entry, next);
    } else {
        rc = find_run(run, cursor, entry, next);
    }
    if (next != NULL) {
        size_t bytes = bytes_of(run, next); /* it is not ahead any more */
        run->bytes = run->bytes > bytes ? run->bytes - bytes : 0;
    }
    return rc;
}

void dbx_apply_run_free(dbx_apply_run *run) {
    dbx_buf_free(&run->tail);
}
