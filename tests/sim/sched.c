/* sched.c: see sched.h. Each thread has a semaphore; who holds the turn posts the next one's. */
#include "sched.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "calls.h"

enum {
    THREADS_MAX = 64,
    STAY_PERCENT = 60, /* of the points at which a thread could lose its turn it keeps it */
    TICK_US = 1,       /* that reading a clock takes */
    FAVOUR_POINTS = 200
};

#define RUN_US_MAX ((int64_t)3600 * 1000000) /* a run that takes longer goes round in circles */

typedef enum state { READY, ASLEEP, WAITS, LOCKING, JOINING, ENDED, JOINED } state;

typedef struct thread {
    sem_t turn;
    state state;
    const void *on;   /* the condition, the mutex or the thread it waits for */
    int64_t until_us; /* INT64_MAX: for ever */
    bool timed_out;
    unsigned weight; /* of its chance to run */
    pthread_t id;
    void *(*run)(void *arg);
    void *arg, *result;
} thread;

static thread threads[THREADS_MAX];
static size_t thread_count;
static thread *current;
static int64_t now_us, end_us;
static dbx_rand chance;
static unsigned points; /* until the weights are drawn anew */
static _Thread_local thread *self;

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __real_pthread_join(pthread_t id, void **result);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *cond);
int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __real_clock_gettime(clockid_t id, struct timespec *out);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __real_sched_yield(void);
ssize_t __real_getrandom(void *out, size_t len, unsigned flags);

/* --- Whose turn it is ---------------------------------------------------------------------------
 */

static bool can_run(const thread *t) {
    return t->state == READY || (t->state < ENDED && t->until_us <= now_us);
}

static void report_deadlock(void) {
    static const char *const names[] = {"ready",   "asleep", "waits", "locking",
                                        "joining", "ended",  "joined"};
    fprintf(stderr, "every thread waits for another:\n");
    for (size_t i = 0; i < thread_count; i++)
        fprintf(stderr, "  thread %zu %s on %p\n", i, names[threads[i].state], threads[i].on);
    abort();
}

static void move_time(void) {
    int64_t nearest = INT64_MAX;
    for (size_t i = 0; i < thread_count; i++) {
        if (threads[i].state < ENDED && threads[i].until_us < nearest)
            nearest = threads[i].until_us;
    }
    if (nearest == INT64_MAX) report_deadlock();
    if (nearest > end_us) {
        fprintf(stderr, "the run has no end\n");
        abort();
    }
    now_us = nearest;
}

/* Some threads are slow for a while, as on a busy machine. */
static void draw_weights(void) {
    static const unsigned weights[] = {1, 4, 4, 16};
    if (points-- > 0) return;
    points = FAVOUR_POINTS;
    for (size_t i = 0; i < thread_count; i++)
        threads[i].weight = weights[dbx_rand_below(&chance, 4)];
}

static thread *pick(void) {
    unsigned total = 0;
    for (;;) {
        for (size_t i = 0; i < thread_count; i++)
            total += can_run(&threads[i]) ? threads[i].weight : 0;
        if (total > 0) break;
        move_time();
    }
    unsigned at = (unsigned)dbx_rand_below(&chance, total);
    for (size_t i = 0;; i++) {
        if (!can_run(&threads[i])) continue;
        if (at < threads[i].weight) return &threads[i];
        at -= threads[i].weight;
    }
}

static void wait_for_turn(thread *t) {
    while (sem_wait(&t->turn) != 0) {
    }
}

/* Gives the turn to whoever is next; returns when it is the caller's again. */
static void pass(void) {
    thread *next = pick();
    next->timed_out = next->state != READY;
    next->state = READY;
    next->until_us = INT64_MAX;
    if (next == self) return;
    current = next;
    (void)sem_post(&next->turn);
    if (self->state != ENDED) wait_for_turn(self);
}

static void block(state how, const void *on, int64_t until_us) {
    self->state = how;
    self->on = on;
    self->until_us = until_us;
    pass();
}

static void wake(state how, const void *on, bool all) {
    size_t waiting = 0;
    for (size_t i = 0; i < thread_count; i++)
        waiting += threads[i].state == how && threads[i].on == on;
    if (waiting == 0) return;
    size_t chosen = dbx_rand_below(&chance, waiting);
    for (size_t i = 0; i < thread_count; i++) {
        thread *t = &threads[i];
        if (t->state != how || t->on != on) continue;
        if (all || chosen-- == 0) {
            t->state = READY;
            t->until_us = INT64_MAX;
            if (!all) return;
        }
    }
}

void sched_point(void) {
    if (self == NULL) return;
    draw_weights();
    if (dbx_rand_below(&chance, 100) >= STAY_PERCENT) pass();
}

void sched_sleep(int64_t us) {
    if (self != NULL) block(ASLEEP, NULL, now_us + us);
}

/* --- A run --------------------------------------------------------------------------------------
 */

static thread *add_thread(void) {
    thread *t = threads;
    while (t < threads + thread_count && t->state != JOINED)
        t++;
    if (t == threads + THREADS_MAX) abort();
    if (t == threads + thread_count) thread_count++;
    *t = (thread){.state = READY, .until_us = INT64_MAX, .weight = 4};
    if (sem_init(&t->turn, 0, 0) != 0) abort();
    return t;
}

void sched_begin(uint64_t seed, int64_t at_us) {
    thread_count = 0;
    points = 0;
    now_us = at_us;
    end_us = at_us + RUN_US_MAX;
    dbx_rand_seed_with(&chance, seed);
    self = current = add_thread();
}

void sched_end(void) {
    for (size_t i = 0; i < thread_count; i++) {
        if (&threads[i] != self && threads[i].state != JOINED) {
            fprintf(stderr, "a thread is left behind\n");
            abort();
        }
    }
    self = current = NULL;
}

bool sched_on(void) {
    return self != NULL;
}

int64_t sched_now_us(void) {
    return now_us;
}

dbx_rand *sched_rand(void) {
    return &chance;
}

/* --- What the program calls ---------------------------------------------------------------------
 */

static void *begin_thread(void *arg) {
    self = arg;
    wait_for_turn(self);
    self->result = self->run(self->arg);
    self->state = ENDED;
    wake(JOINING, self, true);
    pass();
    self = NULL; /* what ends with the thread is the system's */
    return NULL;
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg) {
    if (self == NULL) return __real_pthread_create(id, attr, run, arg);
    int fault = calls_thread_fault();
    if (fault != 0) return fault;
    thread *t = add_thread();
    t->run = run;
    t->arg = arg;
    int rc = __real_pthread_create(&t->id, attr, begin_thread, t);
    if (rc != 0) abort();
    *id = t->id;
    sched_point();
    return 0;
}

int __wrap_pthread_join(pthread_t id, void **result) {
    if (self == NULL) return __real_pthread_join(id, result);
    thread *t = threads;
    while (t < threads + thread_count && (t == threads || !pthread_equal(t->id, id)))
        t++;
    if (t == threads + thread_count) abort();
    if (t->state != ENDED) block(JOINING, t, INT64_MAX);
    if (result != NULL) *result = t->result;
    int rc = __real_pthread_join(id, NULL);
    memset(&t->id, 0, sizeof t->id); /* the system may give it to another */
    (void)sem_destroy(&t->turn);
    t->state = JOINED;
    return rc;
}

/* Nobody else runs, so a mutex that is taken is another waiting thread's. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (self == NULL) return __real_pthread_mutex_lock(mutex);
    sched_point();
    for (;;) {
        int rc = pthread_mutex_trylock(mutex);
        if (rc != EBUSY) return rc;
        block(LOCKING, mutex, INT64_MAX);
    }
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex) {
    int rc = __real_pthread_mutex_unlock(mutex);
    if (self != NULL) wake(LOCKING, mutex, true);
    return rc;
}

static int wait_on(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us) {
    (void)__wrap_pthread_mutex_unlock(mutex);
    block(WAITS, cond, until_us);
    bool timed_out = self->timed_out;
    (void)__wrap_pthread_mutex_lock(mutex);
    return timed_out ? ETIMEDOUT : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) {
    if (self == NULL) return __real_pthread_cond_wait(cond, mutex);
    return wait_on(cond, mutex, INT64_MAX);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until) {
    if (self == NULL) return __real_pthread_cond_timedwait(cond, mutex, until);
    return wait_on(cond, mutex, (int64_t)until->tv_sec * 1000000 + (until->tv_nsec + 999) / 1000);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond) {
    if (self == NULL) return __real_pthread_cond_signal(cond);
    wake(WAITS, cond, false);
    sched_point();
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond) {
    if (self == NULL) return __real_pthread_cond_broadcast(cond);
    wake(WAITS, cond, true);
    sched_point();
    return 0;
}

/* All clocks show the same: a run is a boot, and nobody sets the wall clock. */
int __wrap_clock_gettime(clockid_t id, struct timespec *out) {
    if (self == NULL) return __real_clock_gettime(id, out);
    now_us += TICK_US;
    out->tv_sec = (time_t)(now_us / 1000000);
    out->tv_nsec = (long)(now_us % 1000000) * 1000;
    return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left) {
    if (self == NULL) return __real_nanosleep(time, left);
    sched_sleep((int64_t)time->tv_sec * 1000000 + time->tv_nsec / 1000 + 1);
    return 0;
}

int __wrap_sched_yield(void) {
    if (self == NULL) return __real_sched_yield();
    sched_point();
    return 0;
}

ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags) {
    if (self == NULL) return __real_getrandom(out, len, flags);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)dbx_rand_u64(&chance);
    return (ssize_t)len;
}
