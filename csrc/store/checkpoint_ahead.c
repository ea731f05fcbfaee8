/* checkpoint_ahead.c: see checkpoint_ahead.h. */
#include "store/checkpoint_ahead.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "store/format.h"

enum { BATCHES = 2, BATCH_ENTRIES = 2048, BATCH_BYTES = 256 << 10 };

/* Room is made before a batch is filled: its bytes must stay where they are. */
enum { BATCH_ROOM = BATCH_BYTES + DBX_VALUE_BYTES_MAX + DBX_ENCODED_KEY_MAX };

typedef struct batch {
    dbx_checkpoint_entry entries[BATCH_ENTRIES];
    size_t count;
    dbx_buf bytes; /* of keys and values */
} batch;

struct dbx_checkpoint_ahead {
    dbx_checkpoint_merge *merge;
    batch batches[BATCHES];
    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t moved;
    uint64_t read, taken; /* batches so far; whoever takes them has the last one taken */
    bool stop;
    int rc; /* of the last read: 1 while there may be more */
    dbx_error error;
};

static dbx_slice keep(dbx_buf *bytes, dbx_slice what) {
    size_t at = bytes->len;
    if (what.ptr == NULL) return what; /* it lies in a spool */
    dbx_buf_add(bytes, what.ptr, what.len);
    return dbx_slice_of(bytes->ptr + at, what.len);
}

static int fill(dbx_checkpoint_ahead *a, batch *b, dbx_error *error) {
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

static void *run(void *arg) {
    dbx_checkpoint_ahead *a = arg;
    pthread_mutex_lock(&a->mutex);
    while (!a->stop && a->rc == 1) {
        if (a->read > a->taken) {
            pthread_cond_wait(&a->moved, &a->mutex);
            continue;
        }
        dbx_error error = {0};
        batch *b = &a->batches[a->read % BATCHES];
        pthread_mutex_unlock(&a->mutex);
        int rc = fill(a, b, &error);
        pthread_mutex_lock(&a->mutex);
        a->read += rc == 1;
        a->rc = rc;
        a->error = error;
        pthread_cond_signal(&a->moved);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

int dbx_checkpoint_ahead_open(dbx_checkpoint_merge *merge, dbx_checkpoint_ahead **out,
                              dbx_error *error) {
    dbx_checkpoint_ahead *a = dbx_alloc_zero(1, sizeof *a);
    if (a == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->moved, NULL);
    a->merge = merge;
    a->rc = 1;
    a->threaded = pthread_create(&a->thread, NULL, run, a) == 0;
    *out = a;
    return DBX_OK;
}

int dbx_checkpoint_ahead_next(dbx_checkpoint_ahead *a, const dbx_checkpoint_entry **entries,
                              size_t *count, dbx_error *error) {
    batch *b = &a->batches[0];
    int rc;
    if (a->threaded) {
        pthread_mutex_lock(&a->mutex);
        while (a->read == a->taken && a->rc == 1)
            pthread_cond_wait(&a->moved, &a->mutex);
        rc = a->read > a->taken ? 1 : a->rc;
        if (rc == 1) b = &a->batches[a->taken++ % BATCHES];
        if (rc < 0) *error = a->error;
        pthread_cond_signal(&a->moved);
        pthread_mutex_unlock(&a->mutex);
    } else {
        rc = fill(a, b, error);
    }
    *entries = b->entries;
    *count = b->count;
    return rc;
}

void dbx_checkpoint_ahead_close(dbx_checkpoint_ahead *a) {
    if (a->threaded) {
        pthread_mutex_lock(&a->mutex);
        a->stop = true;
        pthread_cond_signal(&a->moved);
        pthread_mutex_unlock(&a->mutex);
        (void)pthread_join(a->thread, NULL);
    }
    for (size_t i = 0; i < BATCHES; i++)
        dbx_buf_free(&a->batches[i].bytes);
    pthread_cond_destroy(&a->moved);
    pthread_mutex_destroy(&a->mutex);
    dbx_alloc_free(a);
}
