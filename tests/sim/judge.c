/* judge.c: see judge.h. */
#include "judge.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "calls.h"
#include "sched.h"
#include "store/verify.h"

enum {
    BEGIN_S = 1800000000,             /* of the clocks: a machine that knows the time */
    UNSYNCED_US_MAX = 1000000 + 1000, /* with `everysec`, and what noticing it takes */
    LOOK_ONE_IN = 3,                  /* turns before which everything is read once more */
    AGAIN_MAX = 3,
    GO_ON_STEPS = 8, /* at most, after a start */
    MOMENTS_TRIED = 2,
    VERIFY_ONE_IN = 5,
    KEPT_BYTES = 32 << 20, /* the most that can be asked for */
    HANG_S = 300,
    DOING_BYTES = 256
};

static char root[112], data[128];
static char *doing; /* shared with the parent: what a child was at when it crashed */
static dbx_rand chance;
static bool tracing;
static uint64_t trace;

void judge_seed(uint64_t seed) {
    dbx_rand_seed_with(&chance, seed);
    trace = seed;
}

void judge_trace_on(void) {
    tracing = true;
}

uint64_t judge_trace(void) {
    return trace;
}

static void note(const uint64_t *words, size_t bytes) {
    trace = dbx_hash_bytes(dbx_slice_of((const uint8_t *)words, bytes), trace);
}

bool judge_one_in(uint64_t n) {
    return dbx_rand_below(&chance, n) == 0;
}

bool judge_fail(failure *f, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    return false;
}

static int64_t wall_ms(void) {
    return sched_now_us() / 1000;
}

/* --- The past ---------------------------------------------------------------------------------
 */

void past_free(past *p) {
    for (size_t i = 0; i < p->count; i++)
        contents_free(&p->turns[i].after);
    free(p->turns);
    free(p->promises);
    *p = (past){.count = 0};
}

void past_promise(past *p, size_t moment) {
    p->promises = realloc(p->promises, (p->promise_count + 1) * sizeof *p->promises);
    if (p->promises == NULL) abort();
    p->promises[p->promise_count++] = (promise){moment, p->count - 1};
}

bool past_close(past *p, world *w, failure *f) {
    if (!world_close(w)) return judge_fail(f, "a stop has not saved everything");
    past_promise(p, disk_moment());
    return true;
}

bool past_add(past *p, world *w, size_t begun, failure *f) {
    p->turns = realloc(p->turns, (p->count + 1) * sizeof *p->turns);
    if (p->turns == NULL) abort();
    turn *t = &p->turns[p->count];
    *t = (turn){.begun = begun, .done = disk_moment(), .done_us = sched_now_us()};
    if (!world_read(w, &t->after)) return judge_fail(f, "after turn %zu: %s", p->count, w->why);
    p->count++;
    return true;
}

bool past_look(const past *p, world *w, failure *f) {
    contents now;
    if (!world_read(w, &now)) return judge_fail(f, "after turn %zu: %s", p->count - 1, w->why);
    bool same = contents_equal(&now, &p->turns[p->count - 1].after, wall_ms());
    contents_free(&now);
    return same || judge_fail(f, "what turn %zu left has changed by itself", p->count - 1);
}

/* The promise is made when the reply is: reading everything afterwards gives syncs time to end. */
static bool run_turn(past *p, world *w, const history_step *step, failure *f) {
    size_t begun = disk_moment();
    if (judge_one_in(LOOK_ONE_IN) && !past_look(p, w, f)) return false;
    if (world_turn(w, step) != WORLD_DONE) {
        return judge_fail(f, "turn %zu was refused: %s", p->count, w->why);
    }
    if (!past_add(p, w, begun, f)) return false;
    if (w->durable) past_promise(p, p->turns[p->count - 1].done);
    return true;
}

bool past_step(past *p, world *w, const history *h, const history_step *step, failure *f) {
    switch (step->kind) {
    case HISTORY_TURN:
        return run_turn(p, w, step, f);
    case HISTORY_WAIT:
        if (step->vacuum) world_vacuum(w);
        sched_sleep(step->wait_us);
        return true;
    case HISTORY_RESTART:
        if (!past_close(p, w, f)) return false;
        if (!world_open(w, h, data)) return judge_fail(f, "a start failed: %s", w->why);
        return past_look(p, w, f);
    }
    return false;
}

void judge_begin(const history *h) {
    disk_image *empty = disk_image_new();
    judge_seed(h->seed);
    disk_image_write(empty, root);
    disk_record_begin(empty);
    sched_begin(h->seed, (int64_t)BEGIN_S * 1000000);
}

void judge_end(void) {
    sched_end();
    if (tracing) {
        const uint64_t ran = disk_digest();
        note(&ran, sizeof ran);
    }
}

void judge_forget(void) {
    disk_record_end();
}

/* --- States -----------------------------------------------------------------------------------
 */

/* Where the power is cut. */
typedef struct cut {
    size_t moment;
    disk_loss loss;
} cut;

/* Whether a turn that was done has to survive by now: its sync was due within a second, and came
 * when those that were under way were over. */
static bool is_old(const turn *t, size_t moment) {
    return t->done_us + UNSYNCED_US_MAX + disk_syncing_us(t->done_us, moment) <=
           disk_time_us(moment);
}

/* What a start may find: the state after one of these turns. */
typedef struct expected {
    const past *p;
    size_t least, most;
    size_t promised; /* the least if the power is cut in the middle of the start, too */
} expected;

/* A killed process loses nothing of what it had done, but for what a failed call had left undone.
 */
static expected bounds(const past *p, cut at) {
    expected e = {.p = p};
    for (size_t i = 0; i < p->promise_count; i++) {
        const promise *made = &p->promises[i];
        if (made->moment <= at.moment && made->turn > e.promised) e.promised = made->turn;
    }
    for (size_t i = 1; i < p->count; i++) {
        const turn *t = &p->turns[i];
        bool kept = p->everysec && t->done <= at.moment && is_old(t, at.moment);
        if (kept && i > e.promised) e.promised = i;
        if (t->begun < at.moment && i > e.most) e.most = i;
    }
    e.least = e.promised;
    for (size_t i = e.least; i < p->count && at.loss == DISK_KILLED && !p->faulty; i++) {
        if (p->turns[i].done <= at.moment) e.least = i;
    }
    if (e.most < e.least) e.most = e.least; /* it changed nothing */
    return e;
}

/* The same when a start that was to find `e`, and found what turn `at` left, was cut off. */
static expected bounds_again(expected e, size_t at, disk_loss loss) {
    return (expected){e.p, loss == DISK_KILLED ? e.least : e.promised, at, e.promised};
}

static size_t find(const past *p, const contents *found, size_t least, size_t most) {
    for (size_t i = most + 1; i-- > least;) {
        if (contents_equal(found, &p->turns[i].after, wall_ms())) return i;
    }
    return SIZE_MAX;
}

/* Finds what a start has found among the turns it may be; *at is that turn. */
static bool recognise(const past *p, const contents *found, size_t least, size_t most, size_t *at,
                      failure *f) {
    *at = find(p, found, least, most);
    if (*at != SIZE_MAX) return true;
    size_t anywhere = find(p, found, 0, p->count - 1);
    if (anywhere != SIZE_MAX) {
        return judge_fail(f, "it is as after turn %zu, and should be as after one of %zu to %zu",
                          anywhere, least, most);
    }
    return judge_fail(
        f, "its %zu keys are as after no turn at all, and should be as after one of %zu to %zu",
        found->count, least, most);
}

/* After a failed sync and a power cut the log may lack what data.mdbx has; nothing else may be
 * wrong. */
static bool only_history(char *report) {
    char *line, *rest = report;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strstr(line, "wrong:") != NULL && strstr(line, "only its history") == NULL)
            return false;
    }
    return true;
}

static bool verify(const past *p, failure *f) {
    dbx_error error = {0};
    char report[4096] = "";
    int out = memfd_create("report", MFD_CLOEXEC);
    if (out < 0) abort();
    int rc = dbx_verify(data, out, -1, &error);
    if (pread(out, report, sizeof report - 1, 0) < 0) abort();
    (void)close(out);
    if (rc == DBX_OK || (p->faulty && only_history(report))) return true;
    fprintf(stderr, "%s", report);
    return judge_fail(f, "verify: %s", error.text);
}

/* A moment at which something has just been promised, has got its name, or is half written; or
 * any, rather where the order of things matters. */
static size_t any_moment(const past *p, size_t from, size_t to, bool promised) {
    size_t moment = from, renames = disk_renames(from, to);
    uint64_t bytes = disk_bytes(from, to);
    unsigned how = (unsigned)dbx_rand_below(&chance, 8);
    if ((how <= 1 || promised) && p->promise_count > 0) {
        size_t first = promised && p->promise_count > 1; /* the start's own promises least */
        moment = p->promises[first + dbx_rand_below(&chance, p->promise_count - first)].moment;
    } else if (how <= 5 && bytes > 0) {
        moment = disk_moment_of_byte(from, to, dbx_rand_below(&chance, bytes));
    } else if (how == 6 && renames > 0) {
        moment = disk_moment_of_rename(from, to, (size_t)dbx_rand_below(&chance, renames));
    } else {
        do {
            moment = from + (size_t)dbx_rand_below(&chance, to - from + 1);
        } while (!disk_critical(moment) && !judge_one_in(4));
    }
    return moment < from ? from : moment > to ? to : moment;
}

/* Of some moments that at which most files have something to lose. What a start must put right is
 * left by losses that are little, and what it has not put right is found by large ones `again`. */
static cut draw_cut(const past *p, size_t from, size_t to, bool again) {
    cut drawn = {.moment = from};
    size_t most = 0;
    bool promised = again && !judge_one_in(4);
    for (size_t i = 0; i < MOMENTS_TRIED; i++) {
        size_t moment = any_moment(p, from, to, promised), pending = disk_pending(moment);
        if (i > 0 && pending <= most) continue;
        drawn.moment = moment;
        most = pending;
    }
    bool little = judge_one_in(again ? 8 : 2);
    disk_loss first = little ? DISK_KILLED : DISK_SYNCED, end = little ? DISK_SYNCED : DISK_LOSSES;
    drawn.loss = first + (disk_loss)dbx_rand_below(&chance, end - first);
    return drawn;
}

/* Makes what the cut leaves, and begins a record of what is done to it. */
static void leave(cut at, bool faulty) {
    disk_image *image = disk_after_loss(at.moment, at.loss, &chance);
    if (tracing) {
        const uint64_t words[] = {at.moment, at.loss, disk_image_digest(image)};
        note(words, sizeof words);
    }
    disk_image_write(image, root);
    /* What a failed sync has lost is not seen before the power is. */
    if (at.loss == DISK_KILLED && !faulty) {
        disk_image_free(image);
        disk_record_go_on(at.moment);
    } else {
        disk_record_begin(image);
    }
}

/* Goes on with some steps of the history. */
static bool go_on(const history *h, past *after, world *w, failure *f) {
    size_t count = (size_t)dbx_rand_below(&chance, GO_ON_STEPS + 1);
    if (count > h->step_count) count = h->step_count;
    size_t first = (size_t)dbx_rand_below(&chance, h->step_count - count + 1);
    for (size_t i = first; i < first + count; i++) {
        if (!past_step(after, w, h, &h->steps[i], f)) return false;
    }
    return true;
}

/* Starts what was left, `now_us`; *at: the turn after which it found things to be. What it does
 * then is a past of its own, which begins when the start is over. */
static bool start_state(const history *h, expected e, int64_t now_us, past *after, size_t *at,
                        failure *f) {
    world w;
    sched_begin(dbx_rand_u64(&chance), now_us);
    bool ok = world_open(&w, h, data);
    if (!ok) {
        (void)judge_fail(f, "the start failed: %s", w.why);
    } else {
        ok = past_add(after, &w, disk_moment(), f);
        if (ok)
            past_promise(after,
                         after->turns[0].begun); /* nothing that was found may be lost any more */
        if (ok) ok = recognise(e.p, &after->turns[0].after, e.least, e.most, at, f);
        sched_sleep(1000 + (int64_t)dbx_rand_below(&chance, 100000));
        if (ok) ok = past_look(after, &w, f) && go_on(h, after, &w, f);
        if (ok) {
            ok = past_close(after, &w, f);
        } else if (w.local != NULL) {
            (void)world_close(&w);
        }
    }
    sched_end();
    return ok;
}

/* Starts what was left of the record before, where `e` must be found; now and then that is cut off
 * as well. */
static bool check_state(const history *h, expected e, int64_t now_us, unsigned times, failure *f) {
    bool rather = times == 0 && !e.p->faulty; /* of calls that fail there are many */
    bool again = times < AGAIN_MAX && judge_one_in(4) != rather;
    past after = {.everysec = e.p->everysec, .faulty = e.p->faulty};
    size_t at = SIZE_MAX, from = disk_moment();
    bool ok = start_state(h, e, now_us, &after, &at, f);
    if (tracing) {
        const uint64_t words[] = {disk_digest(), at, ok};
        note(words, sizeof words);
    }
    if (ok && judge_one_in(VERIFY_ONE_IN)) ok = verify(e.p, f);
    if (ok && again) {
        size_t end = disk_moment();
        int64_t then_us = disk_time_us(end) + 1000000;
        cut next = draw_cut(&after, from, end, true);
        bool over = next.moment >= after.turns[0].begun;
        expected then = over ? bounds(&after, next) : bounds_again(e, at, next.loss);
        leave(next, after.faulty);
        ok = check_state(h, then, then_us, times + 1, f);
        disk_record_end();
        if (!ok) {
            fprintf(stderr, "(after a start that was cut off, %s, at %zu of %zu to %zu)\n",
                    disk_loss_name(next.loss), next.moment, from, end);
        }
    }
    past_free(&after);
    return ok;
}

bool judge_states(const history *h, const past *p, size_t from, unsigned count, failure *f) {
    size_t moments = disk_moment();
    for (unsigned i = 0; i < count; i++) {
        cut at = draw_cut(p, from, moments, false);
        expected e = bounds(p, at);
        f->states = i + 1;
        f->moment = at.moment;
        f->loss = at.loss;
        uint64_t off_us_max = judge_one_in(10) ? 100000000000 : 2000000;
        int64_t now_us = disk_time_us(moments) + (int64_t)dbx_rand_below(&chance, off_us_max);
        leave(at, p->faulty);
        bool ok = check_state(h, e, now_us, 0, f);
        disk_record_end();
        if (!ok) return false;
    }
    return true;
}

/* --- Programs of their own --------------------------------------------------------------------
 */

const char *judge_data(void) {
    return data;
}

/* The command table is filled by the first engine that is opened. */
static void fill_table(void) {
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {NULL, NULL}};
    const dbx_engine_options options = {.settings = settings};
    dbx_engine *engine;
    if (dbx_engine_open(&options, &engine, NULL) != DBX_OK) abort();
    (void)dbx_engine_close(engine, NULL);
}

static void choose_directory(void) {
    const char *parent = getenv("DBX_SIM_DIR");
    if (parent == NULL) parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int n = snprintf(root, sizeof root, "%s/dbx-sim-XXXXXX", parent);
    if (n < 0 || (size_t)n >= sizeof root || mkdtemp(root) == NULL) {
        fprintf(stderr, "no directory can be made in %s\n", parent);
        abort();
    }
    (void)snprintf(data, sizeof data, "%s/db", root);
    calls_root(root);
}

/* What is freed is wanted again at once: fresh pages of the system would take half of the time. */
static void keep_memory(void) {
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

void judge_doing(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(doing, DOING_BYTES, format, args);
    va_end(args);
    (void)alarm(HANG_S);
}

int judge_apart(const char *name, int (*run)(void *arg), void *arg) {
    int status = 0;
    if (doing == NULL) {
        doing = mmap(NULL, DOING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (doing == MAP_FAILED) abort();
    }
    choose_directory();
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        keep_memory();
        fill_table();
        judge_doing("%s", name);
        int rc = run(arg);
        (void)fflush(NULL);
        _exit(rc);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    disk_remove_all(root);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    fprintf(stderr, "FAILED %s: ended by signal %d (%s)\n", doing, WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    return 1;
}

uint64_t judge_option(int argc, char **argv, const char *name, uint64_t otherwise) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) return strtoull(argv[i + 1], NULL, 0);
    }
    return otherwise;
}

bool judge_flag(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) return true;
    }
    return false;
}
