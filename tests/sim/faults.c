/* faults.c: makes one system call after the other fail, for each way in which it can.
 *
 * A history runs once as it should. Then it runs again and again, each time with one call failing
 * (or the disk full from there on, for a while). A turn may then be refused, with words, and must
 * have done nothing; it is tried again and must succeed in the end, so that at every step the
 * database holds what it held the first time. The power is cut after each run, too: what was
 * promised must be there in spite of what failed.
 *
 *   faults [--seed S] [--histories N] [--steps N] [--stride N] [--how N] [--call N] [--first]
 *
 * --stride: every N-th call; --how: only this way to fail; --call: only this call; --first: end
 * with the first failure
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "judge.h"
#include "sched.h"

enum {
    STEPS = 40,
    TRIES_MAX = 100, /* of a turn or a start */
    TRIES_FULL = 4,  /* before there is room again on a full disk */
    STEPS_FULL = 8,  /* for which it stays full otherwise */
    TRY_US = 200000,
    STATES = 2, /* power cuts for each call that failed */
    HISTORIES = 2,
    STRIDE = 5,
    MEMORY_STRIDES = 20, /* there are many more allocations than system calls */
    PRINTED_STEPS = 40
};

typedef struct options {
    uint64_t seed;
    size_t steps;
    long stride, only; /* only: one call; -1: all */
    calls_failure how;
} options;

/* One run with a failing call. */
typedef struct run {
    const history *h;
    const past *right; /* what each turn has to leave */
    past p;
    world w;
    calls_failure how;
    size_t full_steps; /* since the disk became full */
    size_t failed_at;  /* moment */
    failure *f;
} run;

/* Only what failed may make anything fail; on a full disk, until there is room again. */
static bool excused(run *r, const char *what, unsigned tries) {
    if (!calls_failed()) return judge_fail(r->f, "%s without cause: %s", what, r->w.why);
    if (r->w.why[0] == '\0') return judge_fail(r->f, "%s without a word", what);
    if (tries >= TRIES_MAX) return judge_fail(r->f, "%s for ever: %s", what, r->w.why);
    if (tries >= TRIES_FULL) calls_heal();
    return true;
}

static bool open_world(run *r) {
    unsigned tries = 0;
    while (!world_open(&r->w, r->h, judge_data())) {
        if (!excused(r, "a start failed", ++tries)) return false;
        sched_sleep(TRY_US);
    }
    return true;
}

/* Reads everything; the failing call may be one of those that this takes. */
static bool read_all(run *r, contents *out) {
    bool before = calls_failed();
    if (world_read(&r->w, out)) return true;
    if (!before && calls_failed() && world_read(&r->w, out)) return true;
    return judge_fail(r->f, "turn %zu cannot be read: %s", r->p.count, r->w.why);
}

static bool holds(run *r, size_t turn_number, bool *same) {
    contents found;
    if (!read_all(r, &found)) return false;
    *same = contents_alike(&found, &r->right->turns[turn_number].after);
    contents_free(&found);
    return true;
}

/* A turn that was refused has done nothing. */
static bool undone(run *r) {
    bool same;
    if (!holds(r, r->p.count - 1, &same)) return false;
    return same || judge_fail(r->f, "turn %zu was refused (%.200s), but has done something",
                              r->p.count, r->w.why);
}

/* The turn leaves what was there before. */
static bool idle(const run *r) {
    return contents_alike(&r->right->turns[r->p.count - 1].after,
                          &r->right->turns[r->p.count].after);
}

static bool run_turn(run *r, const history_step *step) {
    size_t begun = disk_moment();
    bool same = false;
    for (unsigned tries = 1;; tries++) {
        world_result said = world_turn(&r->w, step);
        if (said == WORLD_UNSAID) {
            (void)snprintf(r->w.why, sizeof r->w.why, "no memory for the reply");
            if (!holds(r, r->p.count, &same)) return false;
            /* SELECT leaves nothing to tell by; what changes nothing can be done once more. */
            if (same && !idle(r)) break;
        } else if (said != WORLD_REFUSED) {
            break;
        }
        if (!excused(r, "a turn was refused", tries) || !undone(r)) return false;
        sched_sleep(TRY_US);
    }
    bool durable = r->w.durable;
    if (!past_add(&r->p, &r->w, begun, r->f) && !past_add(&r->p, &r->w, begun, r->f)) return false;
    if (durable) past_promise(&r->p, r->p.turns[r->p.count - 1].done);
    size_t number = r->p.count - 1;
    return contents_alike(&r->p.turns[number].after, &r->right->turns[number].after) ||
           judge_fail(r->f, "turn %zu has not left what it should", number);
}

static bool run_step(run *r, const history_step *step) {
    bool same;
    if (calls_failed() && r->failed_at == 0) r->failed_at = disk_moment();
    if (calls_failed() && r->full_steps++ == STEPS_FULL) calls_heal();
    switch (step->kind) {
    case HISTORY_TURN:
        return run_turn(r, step);
    case HISTORY_WAIT:
        if (step->vacuum) world_vacuum(&r->w);
        sched_sleep(step->wait_us);
        return true;
    case HISTORY_RESTART:
        if (world_close(&r->w)) past_promise(&r->p, disk_moment());
        if (!open_world(r)) return false;
        if (!holds(r, r->p.count - 1, &same)) return false;
        return same ||
               judge_fail(r->f, "after a start it is not as after turn %zu", r->p.count - 1);
    }
    return false;
}

static bool run_steps(run *r) {
    if (!open_world(r)) return false;
    bool ok =
        past_add(&r->p, &r->w, disk_moment(), r->f) || past_add(&r->p, &r->w, disk_moment(), r->f);
    for (size_t i = 0; ok && i < r->h->step_count; i++)
        ok = run_step(r, &r->h->steps[i]);
    if (r->w.local != NULL && world_close(&r->w) && ok) past_promise(&r->p, disk_moment());
    return ok;
}

/* Runs the history with the n-th call failing; *struck: there was such a call. */
static bool run_with(const history *h, const past *right, calls_failure how, long n, bool *struck,
                     failure *f) {
    run r = {.h = h, .right = right, .how = how, .f = f};
    *f = (failure){.moment = 0};
    judge_begin(h);
    if (n >= 0) calls_fail(how, n);
    bool ok = run_steps(&r);
    *struck = r.p.faulty = calls_failed();
    calls_heal();
    judge_end();
    if (ok && *struck) {
        ok = judge_states(h, &r.p, r.failed_at, STATES, f) &&
             judge_states(h, &r.p, disk_moment(), 1, f);
    } else if (!ok) {
        f->moment = disk_moment();
    }
    if (!ok) disk_print(f->moment, PRINTED_STEPS, stderr);
    past_free(&r.p);
    judge_forget();
    return ok;
}

/* What each turn leaves when nothing fails. */
static bool learn(const history *h, past *right, failure *f) {
    world w;
    judge_begin(h);
    bool ok = world_open(&w, h, judge_data()) && past_add(right, &w, 0, f);
    for (size_t i = 0; ok && i < h->step_count; i++) {
        const history_step *step = &h->steps[i];
        /* A start is as it will be: what a session had selected is forgotten. */
        if (step->kind == HISTORY_RESTART) ok = world_close(&w) && world_open(&w, h, judge_data());
        if (step->kind != HISTORY_TURN) continue;
        ok = world_turn(&w, step) == WORLD_DONE && past_add(right, &w, 0, f);
    }
    if (w.local != NULL) (void)world_close(&w);
    judge_end();
    judge_forget();
    return ok;
}

/* Without memory, or without a disk for a part of its result, one command of several is refused, as
 * in Redis: what is left of a turn is then hard to say, and tests/c/test_engine_faults.c says it of
 * a few. */
static void make_single(history *h) {
    h->early_bytes = HISTORY_EARLY_BYTES;
    for (size_t i = 0; i < h->step_count; i++) {
        if (h->steps[i].call_count > 1) h->steps[i].call_count = 1;
        h->steps[i].transaction = false;
    }
}

static int run_how(void *arg) {
    const options *o = arg;
    past right = {.count = 0};
    failure f = {.text = "the history does not run"};
    history *h = history_make(o->seed, o->steps, true);
    h->early_bytes = 0;
    if (o->how == CALLS_NO_MEMORY || o->seed % 2 == 0) make_single(h);
    long stride = o->stride, n = (long)(o->seed % (uint64_t)stride), count = 0;
    bool struck = true, ok = learn(h, &right, &f);
    if (o->how == CALLS_NO_MEMORY && stride > 1) stride *= MEMORY_STRIDES;
    if (o->only >= 0) n = o->only;
    while (ok && struck && (o->only < 0 || count == 0)) {
        judge_doing("seed %" PRIu64 ", %s at call %ld", o->seed, calls_failure_name(o->how), n);
        ok = run_with(h, &right, o->how, n, &struck, &f);
        count += struck;
        n += stride;
    }
    past_free(&right);
    if (ok) {
        printf("%-14s %5ld calls of %ld\n", calls_failure_name(o->how), count, n);
        return 0;
    }
    fprintf(stderr, "FAILED with seed %" PRIu64 ", %s at call %ld, %s: %s (%s)\n", o->seed,
            calls_failure_name(o->how), n - stride, calls_what(), f.text, disk_loss_name(f.loss));
    history_print(h, stderr);
    return 1;
}

int main(int argc, char **argv) {
    options o = {.seed = judge_option(argc, argv, "--seed", 1),
                 .steps = (size_t)judge_option(argc, argv, "--steps", STEPS),
                 .stride = (long)judge_option(argc, argv, "--stride", STRIDE),
                 .only = (long)judge_option(argc, argv, "--call", UINT64_MAX)};
    uint64_t only = judge_option(argc, argv, "--how", CALLS_FAILURES), passed = 0, failed = 0;
    uint64_t end = o.seed + judge_option(argc, argv, "--histories", HISTORIES);
    bool first = judge_flag(argc, argv, "--first");
    for (; o.seed < end && !(first && failed > 0); o.seed++) {
        printf("history %" PRIu64 "\n", o.seed);
        for (unsigned how = 0; how < CALLS_FAILURES; how++) {
            if (only != CALLS_FAILURES && only != how) continue;
            if (first && failed > 0) break;
            o.how = (calls_failure)how;
            bool held = judge_apart(calls_failure_name(o.how), run_how, &o) == 0;
            passed += held;
            failed += !held;
        }
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
    return failed > 0;
}
