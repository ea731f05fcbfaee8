/* checkpoint_ahead.c: see checkpoint_ahead.h. */
#include "store/checkpoint_ahead.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "store/ahead.h"
#include "store/format.h"

enum { BATCH_ENTRIES = 2048, BATCH_BYTES = 256 << 10 };

/* Room is made before a batch is filled: its bytes must stay where they are. */
enum { BATCH_ROOM = BATCH_BYTES + DBX_VALUE_BYTES_MAX + DBX_ENCODED_KEY_MAX };

typedef struct batch {
    dbx_checkpoint_entry entries[BATCH_ENTRIES];
    size_t count;
    dbx_buf bytes; /* of keys and values */
} batch;

struct dbx_checkpoint_ahead {
    dbx_checkpoint_merge *merge;
    batch batches[DBX_AHEAD_BATCHES];
    dbx_ahead ahead;
};

static dbx_slice keep(dbx_buf *bytes, dbx_slice what) {
    size_t at = bytes->len;
    if (what.ptr == NULL) return what; /* it lies in a spool */
    dbx_buf_add(bytes, what.ptr, what.len);
    return dbx_slice_of(bytes->ptr + at, what.len);
}

static int fill(void *arg, size_t which, dbx_error *error) {
    dbx_checkpoint_ahead *a = arg;
    batch *b = &a->batches[which];
    b->count = b->bytes.len = 0;
    if (dbx_buf_reserve(&b->bytes, BATCH_ROOM) == NULL) {
        return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    int rc = 1;
    while (b->count < BATCH_ENTRIES && b->bytes.len < BATCH_BYTES) {
        dbx_checkpoint_entry *entry = &b->entries[b->count];
        rc = dbx_checkpoint_merge_next(a->merge, entry, error);
        if (rc != 1) break;
        entry->key = keep(&b->bytes, entry->key);
        entry->value = keep(&b->bytes, entry->value);
        b->count++;
    }
    return rc < 0 ? rc : b->count > 0;
}

int dbx_checkpoint_ahead_open(dbx_checkpoint_merge *merge, dbx_checkpoint_ahead **out,
                              dbx_error *error) {
    dbx_checkpoint_ahead *a = dbx_alloc_zero(1, sizeof *a);
    if (a == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    const dbx_ahead_calls calls = {.make = fill, .arg = a};
    a->merge = merge;
    dbx_ahead_init(&a->ahead, &calls);
    dbx_ahead_start(&a->ahead);
    *out = a;
    return DBX_OK;
}

int dbx_checkpoint_ahead_next(dbx_checkpoint_ahead *a, const dbx_checkpoint_entry **entries,
                              size_t *count, dbx_error *error) {
    size_t which;
    int rc = dbx_ahead_next(&a->ahead, &which, error);
    if (rc != 1) return rc;
    *entries = a->batches[which].entries;
    *count = a->batches[which].count;
    return rc;
}

void dbx_checkpoint_ahead_close(dbx_checkpoint_ahead *a) {
    dbx_ahead_end(&a->ahead);
    for (size_t i = 0; i < DBX_AHEAD_BATCHES; i++)
        dbx_buf_free(&a->batches[i].bytes);
    dbx_alloc_free(a);
}
