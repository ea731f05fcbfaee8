/* replay_ahead.c: see replay_ahead.h. */
#include "store/replay_ahead.h"

#include <string.h>

#include "base/alloc.h"
#include "store/ahead.h"

enum {
    BATCH_BYTES_MAX = 1 << 20, /* the more keys are sorted together, the more share a page */
    BUFFER_SHARE = 16          /* of the buffer's bound: a batch is small beside it */
};

struct dbx_replay_ahead {
    dbx_store *store;
    dbx_journal_reader *reader;
    const dbx_replay_calls *calls;
    size_t batch_bytes;
    dbx_replay_batch batches[DBX_AHEAD_BATCHES];
    uint64_t *ns; /* each database's namespace, as the executing thread last saw it */
    dbx_ahead ahead;
};

static void note_namespaces(void *arg) {
    dbx_replay_ahead *a = arg;
    for (uint32_t i = 0; i < a->store->options.databases; i++)
        a->ns[i] = a->store->dbs[i].ns;
}

/* The namespaces that a batch begins with. */
static void take_namespaces(void *arg, size_t which) {
    dbx_replay_ahead *a = arg;
    memcpy(a->batches[which].ns, a->ns, a->store->options.databases * sizeof *a->ns);
}

static int read_batch(void *arg, size_t which, dbx_error *error) {
    dbx_replay_ahead *a = arg;
    return dbx_replay_batch_read(&a->batches[which], a->reader, a->calls, a->batch_bytes, error);
}

int dbx_replay_ahead_open(dbx_store *store, dbx_journal_reader *reader,
                          const dbx_replay_calls *calls, dbx_replay_ahead **out, dbx_error *error) {
    dbx_replay_ahead *a = dbx_alloc_zero(1, sizeof *a);
    if (a == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    const dbx_ahead_calls ahead = {
        .make = read_batch, .prepare = take_namespaces, .tell = note_namespaces, .arg = a};
    dbx_ahead_init(&a->ahead, &ahead);
    a->store = store;
    a->reader = reader;
    a->calls = calls;
    a->batch_bytes = store->buffer_bytes_max / BUFFER_SHARE;
    if (a->batch_bytes > BATCH_BYTES_MAX) a->batch_bytes = BATCH_BYTES_MAX;
    a->ns = dbx_alloc_zero(store->options.databases, sizeof *a->ns);
    int rc = a->ns != NULL ? DBX_OK : DBX_ENOMEM;
    for (size_t i = 0; rc == DBX_OK && i < DBX_AHEAD_BATCHES; i++)
        rc = dbx_replay_batch_init(&a->batches[i], store);
    if (rc != DBX_OK) {
        dbx_replay_ahead_close(a);
        return dbx_error_set(error, rc, "out of memory");
    }
    *out = a;
    return DBX_OK;
}

int dbx_replay_ahead_next(dbx_replay_ahead *a, dbx_replay_batch **batch, dbx_error *error) {
    size_t which;
    int rc = dbx_ahead_next(&a->ahead, &which, error);
    if (rc != 1) return rc;
    *batch = &a->batches[which];
    /* What is left of a short log is not worth a thread. */
    bool more = (*batch)->bytes.len >= a->batch_bytes;
    if (more && !a->ahead.threaded) dbx_ahead_start(&a->ahead);
    return rc;
}

size_t dbx_replay_ahead_bytes(const dbx_replay_ahead *a) {
    return a->batch_bytes;
}

void dbx_replay_ahead_close(dbx_replay_ahead *a) {
    dbx_ahead_end(&a->ahead);
    for (size_t i = 0; i < DBX_AHEAD_BATCHES; i++)
        dbx_replay_batch_free(&a->batches[i]);
    dbx_alloc_free(a->ns);
    dbx_alloc_free(a);
}
