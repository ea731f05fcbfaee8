/* powercut.c: cuts the power in the middle of random histories, again and again, and starts.
 *
 * A history runs once, simulated (sched.h) and recorded (disk.h). Then states of the disk are drawn
 * that a power loss at some moment may have left; each is started, must hold what had been promised
 * by then and nothing that was only partly done, and must go on. Now and then the power is cut
 * again during or after that start. A failure is shortened: steps are left out while it stays.
 *
 *   powercut [--states N] [--seed S] [--steps N] [--one] [--as-is] [--first]
 *            [--digest]
 *
 * --one: all states of the history of this seed; --as-is: a failure is not shortened; --first: end
 * with the first failure; --digest: what was done and found is told in a number, which is the same
 * wherever this program runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "judge.h"
#include "sched.h"

enum {
    STATES_PER_HISTORY = 25,
    STEPS = 120,
    PRINTED_STEPS = 60,
    SHORTEN_S = 90 /* at most */
};

typedef struct options {
    uint64_t seed;
    size_t steps;
    unsigned states;
    bool twice; /* first see that the same seed does the same */
    bool as_is; /* do not shorten */
    bool digest;
} options;

static bool run_history(const history *h, past *p, failure *f) {
    world w;
    p->everysec = strcmp(h->durability, "everysec") == 0;
    if (!world_open(&w, h, judge_data())) {
        return judge_fail(f, "the first start failed: %s", w.why);
    }
    bool ok = past_add(p, &w, disk_moment(), f);
    for (size_t i = 0; ok && i < h->step_count; i++)
        ok = past_step(p, &w, h, &h->steps[i], f);
    if (ok) return past_close(p, &w, f);
    if (w.local != NULL) (void)world_close(&w);
    return false;
}

/* Runs a history and cuts the power `states` times; false: *f says what is wrong. */
static bool explore(const history *h, unsigned states, bool print, failure *f) {
    past p = {.count = 0};
    *f = (failure){.moment = 0};
    judge_begin(h);
    bool ok = run_history(h, &p, f);
    judge_end();
    if (!ok) f->moment = disk_moment();
    if (ok) ok = judge_states(h, &p, 0, states, f);
    if (!ok && print) {
        fprintf(stderr, "At moment %zu (%s): %s\n", f->moment, disk_loss_name(f->loss), f->text);
        disk_print(f->moment, PRINTED_STEPS, stderr);
    }
    past_free(&p);
    judge_forget();
    return ok;
}

/* The same seed must give the same calls in the same order, or no failure could be looked into. */
static bool repeats(const history *h, failure *f) {
    uint64_t digests[2];
    for (size_t i = 0; i < 2; i++) {
        past p = {.count = 0};
        judge_begin(h);
        bool ok = run_history(h, &p, f);
        judge_end();
        digests[i] = disk_digest();
        past_free(&p);
        judge_forget();
        if (!ok) return false;
    }
    return digests[0] == digests[1] || judge_fail(f, "the same seed did something else");
}

/* --- Shortening -------------------------------------------------------------------------------
 */

static time_t seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Leaves out steps while some state still fails. */
static history *shorten(history *h, unsigned states) {
    failure f;
    time_t until = seconds() + SHORTEN_S;
    for (size_t chunk = h->step_count / 2; chunk > 0; chunk /= 2) {
        for (size_t from = 0; from + chunk <= h->step_count && seconds() < until;) {
            history *shorter = history_without(h, from, chunk);
            if (explore(shorter, states, false, &f)) {
                history_free(shorter);
                from += chunk;
            } else {
                history_free(h);
                h = shorter;
            }
        }
    }
    return h;
}

static int run_one(void *arg) {
    const options *o = arg;
    failure f = {.states = 0};
    history *h = history_make(o->seed, o->steps, false);
    if (o->digest) judge_trace_on();
    bool ok = (!o->twice || repeats(h, &f)) && explore(h, o->states, true, &f);
    if (o->digest) printf("seed %" PRIu64 ": %016" PRIx64 "\n", o->seed, judge_trace());
    if (ok) return 0;
    fprintf(stderr, "FAILED with seed %" PRIu64 " at state %u: %s\n", o->seed, f.states, f.text);
    if (o->as_is) return 1;
    fprintf(stderr, "Looking for a shorter history...\n");
    h = shorten(h, o->states);
    fprintf(stderr, "\nA short history that fails:\n");
    history_print(h, stderr);
    (void)explore(h, o->states, true, &f);
    return 1;
}

int main(int argc, char **argv) {
    uint64_t seed = judge_option(argc, argv, "--seed", 1);
    uint64_t wanted = judge_option(argc, argv, "--states", 500);
    options o = {.steps = (size_t)judge_option(argc, argv, "--steps", STEPS)};
    bool one = judge_flag(argc, argv, "--one"), first = judge_flag(argc, argv, "--first");
    o.as_is = judge_flag(argc, argv, "--as-is");
    o.digest = judge_flag(argc, argv, "--digest");
    uint64_t histories = 0, failed = 0;
    for (uint64_t done = 0; done < wanted && !(first && failed > 0); histories++) {
        char name[64];
        o.seed = seed + histories;
        o.twice = histories == 0;
        o.states = (unsigned)(wanted - done);
        if (!one && o.states > STATES_PER_HISTORY) o.states = STATES_PER_HISTORY;
        (void)snprintf(name, sizeof name, "with seed %" PRIu64, o.seed);
        failed += judge_apart(name, run_one, &o) != 0;
        done += o.states;
        if (histories % 20 == 19) {
            printf("%" PRIu64 " of %" PRIu64 " states\n", done, wanted);
            (void)fflush(stdout);
        }
    }
    printf("%" PRIu64 " states of %" PRIu64 " histories from seed %" PRIu64 "\n", wanted, histories,
           seed);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", histories - failed, failed);
    return failed > 0;
}
