/* local.c: the in-process transport, see local.h.
 *
 * Order of locks: all_lock, which guards the list of open ones for the fork handlers; the engine's;
 * local->lock (the timer thread's).
 */
#include "engine/local.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "codec/resp_write.h"
#include "engine/exec_reply.h"
#include "engine/session.h"
#include "store/store.h"

enum {
    STREAM_STEP_BYTES = 1 << 20, /* of a large reply, between two releases of the lock */
    RETRY_US_MIN = 200           /* before a command that had to wait is tried again */
};

struct dbx_local {
    dbx_engine *engine;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool timed;                /* the thread is there */
    bool woken, stopping;      /* under lock */
    bool forked;               /* set by the fork handler, in a process with one thread */
    void (*let_go)(void *arg); /* see dbx_local_on_fork; under all_lock */
    void *let_go_arg;
    dbx_local *next; /* in `all` */
};

/* --- Forks
 * ----------------------------------------------------------------------------------------- */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t all_once = PTHREAD_ONCE_INIT;
static dbx_local *all;

/* With the engines' locks, so that no thread is in the middle of what the child looks at. */
static void before_fork(void) {
    pthread_mutex_lock(&all_lock);
    for (dbx_local *local = all; local != NULL; local = local->next)
        dbx_engine_lock(local->engine);
}

static void after_fork_parent(void) {
    for (dbx_local *local = all; local != NULL; local = local->next)
        dbx_engine_unlock(local->engine);
    pthread_mutex_unlock(&all_lock);
}

static void after_fork_child(void) {
    for (dbx_local *local = all; local != NULL; local = local->next) {
        local->forked = true;
        if (local->let_go != NULL) local->let_go(local->let_go_arg);
        dbx_engine_close_forked(local->engine);
        local->engine = NULL;
    }
    all = NULL;
    pthread_mutex_unlock(&all_lock);
}

static void watch_forks(void) {
    (void)pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static void list_add(dbx_local *local) {
    pthread_once(&all_once, watch_forks);
    pthread_mutex_lock(&all_lock);
    local->next = all;
    all = local;
    pthread_mutex_unlock(&all_lock);
}

static void list_remove(dbx_local *local) {
    pthread_mutex_lock(&all_lock);
    for (dbx_local **at = &all; *at != NULL; at = &(*at)->next) {
        if (*at == local) {
            *at = local->next;
            break;
        }
    }
    pthread_mutex_unlock(&all_lock);
}

void dbx_local_on_fork(dbx_local *local, void (*let_go)(void *arg), void *arg) {
    pthread_mutex_lock(&all_lock);
    local->let_go = let_go;
    local->let_go_arg = arg;
    pthread_mutex_unlock(&all_lock);
}

bool dbx_local_forked(const dbx_local *local) {
    return local->forked;
}

dbx_engine *dbx_local_engine(dbx_local *local) {
    return local->engine;
}

/* --- Timed work
 * ------------------------------------------------------------------------------------ */

static void wake(void *arg) {
    dbx_local *local = arg;
    pthread_mutex_lock(&local->lock);
    local->woken = true;
    pthread_cond_signal(&local->changed);
    pthread_mutex_unlock(&local->lock);
}

/* due_at turns dbx_engine_tick's answer into a time. */
static int64_t due_at(int64_t wait_ms) {
    return wait_ms < 0 ? INT64_MAX : dbx_clock_mono_us() + wait_ms * 1000;
}

static void sleep_until(dbx_local *local, int64_t due_us) {
    struct timespec at = {.tv_sec = (time_t)(due_us / 1000000),
                          .tv_nsec = (long)(due_us % 1000000) * 1000};
    pthread_mutex_lock(&local->lock);
    while (!local->woken && !local->stopping) {
        int rc = due_us == INT64_MAX ? pthread_cond_wait(&local->changed, &local->lock)
                                     : pthread_cond_timedwait(&local->changed, &local->lock, &at);
        if (rc == ETIMEDOUT) break;
    }
    local->woken = false;
    pthread_mutex_unlock(&local->lock);
}

static bool stopping(dbx_local *local) {
    pthread_mutex_lock(&local->lock);
    bool stop = local->stopping;
    pthread_mutex_unlock(&local->lock);
    return stop;
}

static void *timer_main(void *arg) {
    dbx_local *local = arg;
    while (!stopping(local)) {
        dbx_engine_lock(local->engine);
        int64_t due_us = due_at(dbx_engine_tick(local->engine));
        dbx_engine_unlock(local->engine);
        sleep_until(local, due_us);
    }
    return NULL;
}

/* --- Opening and closing
 * --------------------------------------------------------------------------- */

static void init_timer(dbx_local *local) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&local->lock, NULL);
    pthread_cond_init(&local->changed, &attr);
    pthread_condattr_destroy(&attr);
}

static void end_timer(dbx_local *local) {
    pthread_mutex_lock(&local->lock);
    local->stopping = true;
    pthread_cond_signal(&local->changed);
    pthread_mutex_unlock(&local->lock);
    pthread_join(local->thread, NULL);
}

int dbx_local_open(const dbx_engine_options *options, dbx_local **out, dbx_error *error) {
    dbx_local *local = dbx_alloc_zero(1, sizeof *local);
    if (local == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    init_timer(local);
    dbx_engine_options opts = *options;
    opts.embedded = true;
    local->timed = options->wake == NULL;
    if (local->timed) {
        opts.wake = wake;
        opts.wake_arg = local;
    }
    int rc = dbx_engine_open(&opts, &local->engine, error);
    if (rc < 0) {
        dbx_alloc_free(local);
        return rc;
    }
    if (local->timed && pthread_create(&local->thread, NULL, timer_main, local) != 0) {
        (void)dbx_engine_close(local->engine, NULL);
        dbx_alloc_free(local);
        return dbx_error_set(error, DBX_ENOMEM, "cannot start a thread");
    }
    list_add(local);
    *out = local;
    return DBX_OK;
}

int dbx_local_close(dbx_local *local, dbx_error *error) {
    int rc = DBX_OK;
    if (!local->forked) {
        list_remove(local);
        if (local->timed) end_timer(local);
        rc = dbx_engine_close(local->engine, error);
        pthread_cond_destroy(&local->changed);
        pthread_mutex_destroy(&local->lock);
    }
    dbx_alloc_free(local);
    return rc;
}

dbx_session *dbx_local_session_open(dbx_local *local) {
    dbx_session_options options = {
        .peer = "in-process:0", .local = "in-process:0", .trusted = true, .fd = -1};
    dbx_engine_lock(local->engine);
    dbx_session *session = dbx_session_open(local->engine, &options);
    dbx_engine_unlock(local->engine);
    return session;
}

void dbx_local_session_close(dbx_local *local, dbx_session *session) {
    if (local->forked) return; /* it went with the engine */
    dbx_engine_lock(local->engine);
    dbx_session_close(session);
    dbx_engine_unlock(local->engine);
}

/* --- Large commands
 * -------------------------------------------------------------------------------- */

static size_t call_bytes(const dbx_call *call) {
    size_t bytes = 0;
    for (size_t i = 0; i < call->argc; i++)
        bytes += call->argv[i].len;
    return bytes;
}

static void copy_in(dbx_call *call, uint8_t *at) {
    for (size_t i = 0; i < call->argc; i++) {
        dbx_slice *arg = &call->argv[i];
        if (arg->len > 0) memcpy(at, arg->ptr, arg->len);
        *arg = dbx_slice_of(at, arg->len);
        at += arg->len;
    }
}

int dbx_local_spool(dbx_local *local, dbx_call *call, dbx_error *error) {
    size_t bytes = call_bytes(call);
    uint8_t *base = NULL;
    dbx_error own;
    if (error == NULL) error = &own;
    call->input = NULL;
    if (bytes <= DBX_ENGINE_SPOOL_MIN) return DBX_OK;
    dbx_engine_lock(local->engine);
    int rc = dbx_engine_spool_open(local->engine, &call->input, error);
    if (rc == DBX_OK) base = dbx_engine_spool_reserve(local->engine, call->input, 0, bytes, error);
    dbx_engine_unlock(local->engine);
    if (rc < 0) return rc;
    if (base == NULL) {
        dbx_local_unspool(local, call);
        return error->code;
    }
    copy_in(call, base);
    return DBX_OK;
}

void dbx_local_unspool(dbx_local *local, dbx_call *call) {
    if (call->input == NULL) return;
    dbx_engine_lock(local->engine);
    dbx_engine_spool_close(local->engine, call->input);
    dbx_engine_unlock(local->engine);
    call->input = NULL;
    call->argc = 0;
}

/* --- Running
 * --------------------------------------------------------------------------------------- */

/* collect takes one step of a streamed reply. Locked. Returns 1 when there is more. */
static int collect(dbx_local_work *w) {
    dbx_source *source = w->reply.source;
    w->reply.source = NULL;
    int rc = source->produce(source, &w->reply, STREAM_STEP_BYTES);
    if (rc > 0 && !w->reply.out->failed)
        w->reply.source = source;
    else
        source->destroy(source);
    return rc;
}

/* run_one runs the next command; returns DBX_RUN_WAIT when it must be held back. */
static int run_one(dbx_local_work *w) {
    const dbx_call *call = &w->calls[w->next];
    dbx_resp_switch(&w->reply, 3); /* HELLO may have changed it for its own reply */
    int rc = dbx_engine_run(w->local->engine, w->session, call->argc, call->argv, call->input,
                            &w->reply);
    if (rc == DBX_RUN_WAIT) return rc;
    if (rc == DBX_RUN_CLOSE) w->result.closed = true;
    if (rc == DBX_RUN_NOREPLY) w->reply.ops->null(&w->reply); /* a call returns something */
    w->next++;
    return DBX_OK;
}

/* run_together runs all commands, which are one turn, whatever it takes; what their replies stream
 * comes later, one after the other. */
static int run_together(dbx_local_work *w) {
    dbx_exec_reply replies;
    dbx_reply_mark first = dbx_reply_mark_take(&w->reply);
    int rc = DBX_OK;
    dbx_exec_reply_open(&replies, &w->reply);
    while (w->next < w->count && rc == DBX_OK) {
        dbx_reply_mark mark = dbx_reply_mark_take(&w->reply);
        rc = run_one(w);
        if (rc == DBX_OK) dbx_exec_reply_next(&replies, mark);
    }
    if (rc == DBX_RUN_WAIT)
        dbx_exec_reply_drop(&replies, first);
    else
        dbx_exec_reply_close(&replies);
    return rc;
}

/* run_apart runs commands until all are done, the turn is full, one must be held back, or one
 * streams its reply. */
static int run_apart(dbx_local_work *w) {
    int rc = DBX_OK;
    while (w->next < w->count && rc == DBX_OK) {
        rc = run_one(w);
        if (w->reply.source != NULL || dbx_engine_turn_full(w->local->engine)) break;
    }
    return rc;
}

/* run_turn is one turn. Locked. */
static int run_turn(dbx_local_work *w) {
    dbx_engine *engine = w->local->engine;
    size_t first = w->next;
    dbx_error error;
    dbx_reply_mark mark = dbx_reply_mark_take(&w->reply);
    dbx_engine_turn_begin(engine);
    w->session->together = w->together;
    int rc = w->together ? run_together(w) : run_apart(w);
    /* Commands that belong together start over: what has to wait is the first write among them. */
    bool again = w->together && rc == DBX_RUN_WAIT;
    if (again) dbx_engine_turn_again(engine);
    int ended = dbx_engine_turn_end(engine, &w->result.position, &error);
    if (again || ended < 0) dbx_reply_rollback(&w->reply, mark);
    if (again) {
        w->next = first;
    } else if (ended < 0) {
        for (size_t i = first; i < w->next; i++)
            dbx_reply_error(&w->reply, error.text);
    }
    return rc;
}

/* inputs_ready: no command of w will have to wait for its spool. Asking is what starts the sync. */
static bool inputs_ready(const dbx_local_work *w) {
    bool ready = true;
    for (size_t i = 0; i < w->count; i++) {
        if (w->calls[i].input != NULL && dbx_spool_ready(w->calls[i].input) == 0) ready = false;
    }
    return ready;
}

static void sleep_us(uint32_t us) {
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

void dbx_local_begin(dbx_local_work *w, dbx_local *local, dbx_session *session,
                     const dbx_call *calls, size_t count, bool together, dbx_buf *out) {
    w->local = local;
    w->session = session;
    w->calls = calls;
    w->count = count;
    w->next = 0;
    w->together = together;
    w->delay_us = 0;
    w->result = (dbx_local_result){.position = 0};
    dbx_resp_sink(&w->reply, 3, out);
}

int dbx_local_step(dbx_local_work *w) {
    dbx_engine *engine = w->local->engine;
    w->delay_us = 0;
    dbx_engine_lock(engine);
    int rc = DBX_RUN_WAIT;
    if (w->reply.source != NULL) {
        rc = collect(w);
    } else if (!w->together || inputs_ready(w)) {
        rc = run_turn(w);
    }
    w->result.wait = dbx_engine_replies_wait(engine);
    w->result.shutdown = dbx_engine_shutdown_wanted(engine);
    if (rc == DBX_RUN_WAIT) w->delay_us = dbx_engine_hold_us(engine, w->session) + RETRY_US_MIN;
    dbx_engine_unlock(engine);
    if (rc < 0) return rc;
    if (w->next < w->count || w->reply.source != NULL) return 1;
    return w->reply.out->failed ? DBX_ENOMEM : DBX_OK;
}

int dbx_local_finish(dbx_local_work *w) {
    int rc;
    while (w->delay_us > 0 || (rc = dbx_local_step(w)) == 1) {
        if (w->delay_us > 0) sleep_us(w->delay_us);
        w->delay_us = 0;
    }
    return rc;
}

int dbx_local_run(dbx_local *local, dbx_session *session, const dbx_call *calls, size_t count,
                  bool together, dbx_buf *out, dbx_local_result *result) {
    dbx_local_work w;
    dbx_local_begin(&w, local, session, calls, count, together, out);
    int rc = count > 0 ? dbx_local_finish(&w) : DBX_OK;
    *result = w.result;
    return rc;
}

void dbx_local_drop(dbx_local_work *w) {
    if (w->reply.source == NULL) return;
    dbx_engine_lock(w->local->engine);
    w->reply.source->destroy(w->reply.source);
    dbx_engine_unlock(w->local->engine);
    w->reply.source = NULL;
}

int dbx_local_settle(dbx_local *local, const dbx_local_result *result) {
    return result->wait ? dbx_engine_wait_durable(local->engine, result->position) : DBX_OK;
}
