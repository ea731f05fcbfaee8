/* replay_ahead.c: see replay_ahead.h. */
#include "store/replay_ahead.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

enum {
    BATCHES = 2,
    BATCH_BYTES_MAX = 4 << 20, /* the more keys are sorted together, the more share a page */
    BUFFER_SHARE = 16          /* what is brought up must not fill the buffer by itself */
};

struct dbx_replay_ahead {
    dbx_store *store;
    dbx_journal_reader *reader;
    const dbx_replay_calls *calls;
    size_t batch_bytes;
    dbx_replay_batch batches[BATCHES];
    uint64_t *ns;     /* each database's namespace, for the batch that is being read */
    uint64_t *ns_now; /* and as the executing thread last saw them */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards ns_now and what follows */
    pthread_cond_t moved;
    uint64_t read, taken; /* batches so far; the executing thread has the last one taken */
    bool stop;
    int rc; /* of the last read: 1 while there may be more */
    dbx_error error;
};

static void note_namespaces(dbx_replay_ahead *a) {
    for (uint32_t i = 0; i < a->store->options.databases; i++)
        a->ns_now[i] = a->store->dbs[i].ns;
}

static int read_one(dbx_replay_ahead *a, dbx_error *error) {
    return dbx_replay_batch_read(&a->batches[a->read % BATCHES], a->reader, a->calls, a->ns,
                                 a->batch_bytes, error);
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
        memcpy(a->ns, a->ns_now, a->store->options.databases * sizeof *a->ns);
        pthread_mutex_unlock(&a->mutex);
        int rc = read_one(a, &error);
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
    size_t databases = store->options.databases;
    uint64_t *ns = a != NULL ? dbx_alloc_zero(2 * databases, sizeof *ns) : NULL;
    if (ns == NULL) {
        dbx_alloc_free(a);
        return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    a->store = store;
    a->reader = reader;
    a->calls = calls;
    a->ns = ns;
    a->ns_now = ns + databases;
    a->batch_bytes = store->buffer_bytes_max / BUFFER_SHARE;
    if (a->batch_bytes > BATCH_BYTES_MAX) a->batch_bytes = BATCH_BYTES_MAX;
    for (size_t i = 0; i < BATCHES; i++)
        a->batches[i].store = store;
    a->rc = 1;
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->moved, NULL);
    *out = a;
    return DBX_OK;
}

/* Without the thread, which what is left of a short log is not worth. */
static int next_here(dbx_replay_ahead *a, dbx_replay_batch **batch, dbx_error *error) {
    *batch = &a->batches[a->read % BATCHES];
    note_namespaces(a);
    memcpy(a->ns, a->ns_now, a->store->options.databases * sizeof *a->ns);
    int rc = read_one(a, error);
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
