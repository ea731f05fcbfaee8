/* ahead.c: see ahead.h. */
#include "store/ahead.h"

void dbx_ahead_init(dbx_ahead *a, const dbx_ahead_calls *calls) {
    *a = (dbx_ahead){.calls = *calls, .rc = 1};
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->moved, NULL);
}

/* Makes one batch; the mutex is held on entry and return. */
static void make(dbx_ahead *a) {
    dbx_error error = {0};
    size_t which = (size_t)(a->made % DBX_AHEAD_BATCHES);
    if (a->calls.prepare != NULL) a->calls.prepare(a->calls.arg, which);
    pthread_mutex_unlock(&a->mutex);
    int rc = a->calls.make(a->calls.arg, which, &error);
    pthread_mutex_lock(&a->mutex);
    a->made += rc == 1;
    a->rc = rc;
    a->error = error;
    pthread_cond_signal(&a->moved);
}

static void *run(void *arg) {
    dbx_ahead *a = arg;
    pthread_mutex_lock(&a->mutex);
    while (!a->stop && a->rc == 1) {
        if (a->made > a->taken) {
            pthread_cond_wait(&a->moved, &a->mutex);
        } else {
            make(a);
        }
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

void dbx_ahead_start(dbx_ahead *a) {
    a->threaded = pthread_create(&a->thread, NULL, run, a) == 0;
}

int dbx_ahead_next(dbx_ahead *a, size_t *which, dbx_error *error) {
    pthread_mutex_lock(&a->mutex);
    if (a->calls.tell != NULL) a->calls.tell(a->calls.arg);
    if (!a->threaded && a->rc == 1) make(a);
    while (a->made == a->taken && a->rc == 1)
        pthread_cond_wait(&a->moved, &a->mutex);
    int rc = a->made > a->taken ? 1 : a->rc;
    if (rc == 1) *which = (size_t)(a->taken++ % DBX_AHEAD_BATCHES);
    if (rc < 0) *error = a->error;
    pthread_cond_signal(&a->moved);
    pthread_mutex_unlock(&a->mutex);
    return rc;
}

void dbx_ahead_end(dbx_ahead *a) {
    if (a->threaded) {
        pthread_mutex_lock(&a->mutex);
        a->stop = true;
        pthread_cond_signal(&a->moved);
        pthread_mutex_unlock(&a->mutex);
        (void)pthread_join(a->thread, NULL);
    }
    pthread_cond_destroy(&a->moved);
    pthread_mutex_destroy(&a->mutex);
}
