/* ahead.h: a thread that makes the next batch while the one before it is used: at start, where one
 * processor reads and sorts and another fills the buffer.
 */
#ifndef DBX_STORE_AHEAD_H
#define DBX_STORE_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { DBX_AHEAD_BATCHES = 2 };

typedef struct dbx_ahead_calls {
    /* Fills batch `which`: 1, 0 at the end, or a failure. In the thread, if there is one. */
    int (*make)(void *arg, size_t which, dbx_error *error);
    /* Called before that, while the user is not in `tell`, and by the user when it asks for a
     * batch: how what has been done with earlier ones reaches the next. Both may be NULL. */
    void (*prepare)(void *arg, size_t which);
    void (*tell)(void *arg);
    void *arg;
} dbx_ahead_calls;

typedef struct dbx_ahead {
    dbx_ahead_calls calls;
    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t moved;
    uint64_t made, taken; /* batches so far; the user has the last one taken */
    bool stop;
    int rc; /* of the last make: 1 while there may be more */
    dbx_error error;
} dbx_ahead;

void dbx_ahead_init(dbx_ahead *ahead, const dbx_ahead_calls *calls);
/* dbx_ahead_start starts the thread; without one, batches are made when they are asked for. */
void dbx_ahead_start(dbx_ahead *ahead);
/* dbx_ahead_next gives the number of the next batch, valid until the next call. Returns 1, 0 at the
 * end, or a failure. */
int dbx_ahead_next(dbx_ahead *ahead, size_t *which, dbx_error *error);
/* dbx_ahead_end stops the thread: batches may then be freed. */
void dbx_ahead_end(dbx_ahead *ahead);

#endif
