/* judge.c: see judge.h. */
#include "judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "sched.h"
#include "store/verify.h"

enum {
    BEGIN_S = 1800000000, /* of the clocks: a machine that knows the time */
    /* What `everysec` may lose: a second, and what syncs take that are under way (calls.c). */
    UNSYNCED_US_MAX = 1000000 + 1200000,
    AGAIN_ONE_IN = 3, /* states whose start is cut off, too */
    VERIFY_ONE_IN = 5,
    HANG_S = 300,
    DOING_BYTES = 256
};

static char root[64], data[80];
static char *doing; /* shared with the parent: what a child was at when it crashed */
static dbx_rand chance;

void judge_seed(uint64_t seed) {
    dbx_rand_seed_with(&chance, seed);
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

void past_promise(past *p) {
    p->promises = realloc(p->promises, (p->promise_count + 1) * sizeof *p->promises);
    if (p->promises == NULL) abort();
    p->promises[p->promise_count++] = (promise){disk_moment(), p->count - 1};
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

void judge_begin(const history *h) {
    disk_image *empty = disk_image_new();
    judge_seed(h->seed);
    disk_image_write(empty, root);
    disk_record_begin(empty);
    sched_begin(h->seed, (int64_t)BEGIN_S * 1000000);
}

void judge_end(void) {
    sched_end();
}

void judge_forget(void) {
    disk_record_end();
}

/* --- States -----------------------------------------------------------------------------------
 */

/* The turns of which a start at `moment` must find one to be the last. */
static void bounds(const past *p, size_t moment, size_t *least, size_t *most) {
    *least = *most = 0;
    for (size_t i = 0; i < p->promise_count; i++) {
        const promise *made = &p->promises[i];
        if (made->moment <= moment && made->turn > *least) *least = made->turn;
    }
    for (size_t i = 1; i < p->count; i++) {
        const turn *t = &p->turns[i];
        bool old = p->everysec && t->done <= moment &&
                   t->done_us + UNSYNCED_US_MAX <= disk_time_us(moment);
        if (old && i > *least) *least = i;
        if (t->begun < moment && i > *most) *most = i;
    }
    if (*most < *least) *most = *least; /* it changed nothing */
}

static size_t find(const past *p, const contents *found, size_t least, size_t most) {
    for (size_t i = most + 1; i-- > least;) {
        if (contents_equal(found, &p->turns[i].after, wall_ms())) return i;
    }
    return SIZE_MAX;
}

/* Reads what a start has found; *at is the turn after which it looked so. */
static bool recognise(const past *p, world *w, size_t least, size_t most, size_t *at, failure *f) {
    contents found;
    if (!world_read(w, &found)) return judge_fail(f, "after the start: %s", w->why);
    *at = find(p, &found, least, most);
    size_t anywhere = find(p, &found, 0, p->count - 1);
    size_t count = found.count;
    contents_free(&found);
    if (*at != SIZE_MAX) return true;
    if (anywhere != SIZE_MAX) {
        return judge_fail(f, "it is as after turn %zu, and should be as after one of %zu to %zu",
                          anywhere, least, most);
    }
    return judge_fail(
        f, "its %zu keys are as after no turn at all, and should be as after one of %zu to %zu",
        count, least, most);
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

typedef struct expected {
    size_t least, most;
} expected;

static disk_image *draw_state(size_t from, size_t to, size_t *moment, disk_loss *loss) {
    do {
        *moment = from + (size_t)dbx_rand_below(&chance, to - from + 1);
    } while (!disk_critical(*moment) && !judge_one_in(4));
    *loss = (disk_loss)dbx_rand_below(&chance, DISK_LOSSES);
    return disk_after_loss(*moment, *loss, &chance);
}

/* Starts what a power loss has left, `now_us`; the start is recorded. *opened: when it was over. */
static bool start_state(const history *h, const past *p, expected e, int64_t now_us, size_t *opened,
                        size_t *at, failure *f) {
    world w;
    sched_begin(dbx_rand_u64(&chance), now_us);
    bool ok = world_open(&w, h, data);
    *opened = disk_moment();
    if (!ok) {
        (void)judge_fail(f, "the start failed: %s", w.why);
    } else {
        ok = recognise(p, &w, e.least, e.most, at, f);
        sched_sleep(1000 + (int64_t)dbx_rand_below(&chance, 100000));
        if (ok) ok = recognise(p, &w, *at, *at, at, f);
        world_close(&w);
    }
    sched_end();
    return ok;
}

static bool check_state(const history *h, const past *p, disk_image *image, expected e,
                        int64_t now_us, bool again, failure *f) {
    size_t opened, at;
    disk_image_write(image, root);
    disk_record_begin(image);
    bool ok = start_state(h, p, e, now_us, &opened, &at, f);
    if (ok && judge_one_in(VERIFY_ONE_IN)) ok = verify(p, f);
    if (ok && again) {
        size_t moment;
        disk_loss loss;
        disk_image *next = draw_state(0, disk_moment(), &moment, &loss);
        expected then = {moment >= opened ? at : e.least, at};
        ok = check_state(h, p, next, then, disk_time_us(disk_moment()) + 1000000, false, f);
        if (!ok) {
            fprintf(stderr, "(the start was cut off as well, %s, at %zu of %zu)\n",
                    disk_loss_name(loss), moment, disk_moment());
        }
    }
    disk_record_end();
    return ok;
}

bool judge_states(const history *h, const past *p, size_t from, unsigned count, failure *f) {
    size_t moments = disk_moment();
    for (unsigned i = 0; i < count; i++) {
        expected e;
        disk_image *image = draw_state(from, moments, &f->moment, &f->loss);
        bounds(p, f->moment, &e.least, &e.most);
        uint64_t off_us_max = judge_one_in(10) ? 100000000000 : 2000000;
        int64_t now_us = disk_time_us(moments) + (int64_t)dbx_rand_below(&chance, off_us_max);
        if (!check_state(h, p, image, e, now_us, judge_one_in(AGAIN_ONE_IN), f)) return false;
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
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(root, sizeof root, "%s/dbx-sim-%ld", parent, (long)getpid());
    (void)snprintf(data, sizeof data, "%s/db", root);
    calls_root(root);
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
    char left[64];
    if (doing == NULL) {
        doing = mmap(NULL, DOING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (doing == MAP_FAILED) abort();
    }
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        choose_directory();
        fill_table();
        judge_doing("%s", name);
        int rc = run(arg);
        disk_remove_all(root);
        (void)fflush(NULL);
        _exit(rc);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    fprintf(stderr, "FAILED %s: ended by signal %d (%s)\n", doing, WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    (void)snprintf(left, sizeof left, "/dev/shm/dbx-sim-%ld", (long)child);
    disk_remove_all(left);
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
