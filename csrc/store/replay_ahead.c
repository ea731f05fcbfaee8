/* replay_ahead.c: see replay_ahead.h. */
#include "store/replay_ahead.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

enum {
    BATCHES = 2,
    BATCH_BYTES_MAX = 1 << 20, /* the more keys are sorted together, the more share a page */
    BUFFER_SHARE = 16          /* of the buffer's bound: a batch is small beside it */
};

struct dbx_replay_ahead {
    dbx_store *store;
    dbx_journal_reader *reader;
    const dbx_replay_calls *calls;
    size_t batch_bytes;
    dbx_replay_batch batches[BATCHES];
    uint64_t *ns; /* each database's namespace, as the executing thread last saw it */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards ns and what follows */
    pthread_cond_t moved;
    uint64_t read, taken; /* batches so far; the executing thread has the last one taken */
    bool stop;
    int rc; /* of the last read: 1 while there may be more */
    dbx_error error;
};

static void note_namespaces(dbx_replay_ahead *a) {
    for (uint32_t i = 0; i < a->store->options.databases; i++)
        a->ns[i] = a->store->dbs[i].ns;
}

/* The batch to be read next, with the namespaces it begins with. */
static dbx_replay_batch *next_batch(dbx_replay_ahead *a) {
    dbx_replay_batch *batch = &a->batches[a->read % BATCHES];
    memcpy(batch->ns, a->ns, a->store->options.databases * sizeof *a->ns);
    return batch;
}

static void *run(void *arg) {
    dbx_replay_ahead *a = arg;
    pthread_mutex_lock(&a->mutex);
    while (!a->stop && a->rc == 1) {
        if (a->read > a->taken) {
            pthread_cond_wait(&a->moved, &a->mutex);
            continue;
        }
        dbx_error error = {0};
        dbx_replay_batch *batch = next_batch(a);
        pthread_mutex_unlock(&a->mutex);
        int rc = dbx_replay_batch_read(batch, a->reader, a->calls, a->batch_bytes, &error);
        pthread_mutex_lock(&a->mutex);
        a->read += rc == 1;
        a->rc = rc;
        a->error = error;
        pthread_cond_signal(&a->moved);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

int dbx_replay_ahead_open(dbx_store *store, dbx_journal_reader *reader,
                          const dbx_replay_calls *calls, dbx_replay_ahead **out, dbx_error *error) {
    dbx_replay_ahead *a = dbx_alloc_zero(1, sizeof *a);
    if (a == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->moved, NULL);
    a->store = store;
    a->reader = reader;
    a->calls = calls;
    a->batch_bytes = store->buffer_bytes_max / BUFFER_SHARE;
    if (a->batch_bytes > BATCH_BYTES_MAX) a->batch_bytes = BATCH_BYTES_MAX;
    a->rc = 1;
    a->ns = dbx_alloc_zero(store->options.databases, sizeof *a->ns);
    int rc = a->ns != NULL ? DBX_OK : DBX_ENOMEM;
    for (size_t i = 0; rc == DBX_OK && i < BATCHES; i++)
        rc = dbx_replay_batch_init(&a->batches[i], store);
    if (rc != DBX_OK) {
        dbx_replay_ahead_close(a);
        return dbx_error_set(error, rc, "out of memory");
    }
    *out = a;
    return DBX_OK;
}

/* Without the thread, which what is left of a short log is not worth. */
static int next_here(dbx_replay_ahead *a, dbx_replay_batch **batch, dbx_error *error) {
    note_namespaces(a);
    *batch = next_batch(a);
    int rc = dbx_replay_batch_read(*batch, a->reader, a->calls, a->batch_bytes, error);
    if (rc != 1) return rc;
    a->taken = ++a->read;
    bool more = (*batch)->bytes.len >= a->batch_bytes;
    a->threaded = more && pthread_create(&a->thread, NULL, run, a) == 0;
    return rc;
}

int dbx_replay_ahead_next(dbx_replay_ahead *a, dbx_replay_batch **batch, dbx_error *error) {
    if (!a->threaded) return next_here(a, batch, error);
    pthread_mutex_lock(&a->mutex);
    note_namespaces(a);
    while (a->read == a->taken && a->rc == 1)
        pthread_cond_wait(&a->moved, &a->mutex);
    int rc = a->read > a->taken ? 1 : a->rc;
    if (rc == 1) *batch = &a->batches[a->taken++ % BATCHES];
    if (rc < 0) *error = a->error;
    pthread_cond_signal(&a->moved);
    pthread_mutex_unlock(&a->mutex);
    return rc;
}

size_t dbx_replay_ahead_bytes(const dbx_replay_ahead *a) {
    return a->batch_bytes;
}

void dbx_replay_ahead_close(dbx_replay_ahead *a) {
    if (a->threaded) {
        pthread_mutex_lock(&a->mutex);
        a->stop = true;
        pthread_cond_signal(&a->moved);
        pthread_mutex_unlock(&a->mutex);
        (void)pthread_join(a->thread, NULL);
    }
    for (size_t i = 0; i < BATCHES; i++)
        dbx_replay_batch_free(&a->batches[i]);
    pthread_cond_destroy(&a->moved);
    pthread_mutex_destroy(&a->mutex);
    dbx_alloc_free(a->ns);
    dbx_alloc_free(a);
}
