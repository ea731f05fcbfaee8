/* verify.c: the report, the pages, and the log: see verify.h. */
#include "store/verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/checkpoint_read.h"
#include "store/effect.h"
#include "store/file.h"
#include "store/format.h"
#include "store/journal_read.h"
#include "store/lock.h"
#include "store/spool.h"

enum { LINE_BYTES = 1024, WRONG_SHOWN_MAX = 20 };

/* --- The report ------------------------------------------------------------------------------- */

static void put(int fd, char *text, int len) {
    size_t n = len < 0 ? 0 : (size_t)len < LINE_BYTES ? (size_t)len : LINE_BYTES - 1;
    while (n > 0) {
        ssize_t done = write(fd, text, n);
        if (done <= 0) return; /* nobody reads it: the result still counts */
        text += done;
        n -= (size_t)done;
    }
}

static void clear_progress(dbx_report *report) {
    char text[] = "\r\033[K";
    if (report->percent >= 0) put(report->progress_fd, text, (int)sizeof text - 1);
    report->percent = -1;
}

static void put_line(dbx_report *report, const char *part, const char *format, va_list args) {
    char text[LINE_BYTES];
    int n = snprintf(text, sizeof text, "%-8s ", part);
    clear_progress(report);
    n += vsnprintf(text + n, sizeof text - (size_t)n - 1, format, args);
    if (n > LINE_BYTES - 2) n = LINE_BYTES - 2;
    text[n++] = '\n';
    put(report->fd, text, n);
}

void dbx_report_line(dbx_report *report, const char *part, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_line(report, part, format, args);
    va_end(args);
}

void dbx_report_wrong(dbx_report *report, const char *format, ...) {
    va_list args;
    if (report->wrong++ >= WRONG_SHOWN_MAX) return;
    va_start(args, format);
    put_line(report, "  wrong:", format, args);
    va_end(args);
}

void dbx_report_progress(dbx_report *report, const char *part, uint64_t done, uint64_t all) {
    char text[LINE_BYTES];
    int percent = all == 0 ? 0 : (int)(done * 100 / all);
    if (report->progress_fd < 0 || percent == report->percent) return;
    report->percent = percent;
    put(report->progress_fd, text, snprintf(text, sizeof text, "\r%-8s %3d %%", part, percent));
}

/* --- The pages -------------------------------------------------------------------------------- */

static void page_wrong(void *arg, const char *text) {
    dbx_report_wrong(arg, "data.mdbx: %s", text);
}

static void page_progress(void *arg, uint64_t done, uint64_t all) {
    dbx_report_progress(arg, "pages", done, all);
}

static int verify_pages(dbx_env *env, dbx_report *report, dbx_error *error) {
    dbx_env_pages pages;
    int rc = dbx_env_check(env, page_wrong, page_progress, report, &pages, error);
    if (rc == DBX_OK) {
        dbx_report_line(report, "pages", "%" PRIu64 " in use, %" PRIu64 " unused", pages.used,
                        pages.unused);
    }
    return rc;
}

/* --- The log ---------------------------------------------------------------------------------- */

typedef struct log_check {
    dbx_report *report;
    const dbx_applied *applied;
    uint64_t groups, effects;
    uint64_t spools, missing; /* names of large values; of those whose file is gone */
    uint64_t present;         /* the last one found, and how long it is */
    int64_t present_bytes;
    uint64_t last_run;
} log_check;

static int64_t spool_bytes(log_check *c, uint64_t id) {
    char path[DBX_PATH_MAX];
    if (id == c->present) return c->present_bytes;
    c->present = id;
    c->present_bytes = -1;
    if (dbx_spool_file(path, c->report->dir, id, true, NULL) != DBX_OK) return -1;
    int fd = dbx_file_open(path, O_RDONLY, NULL);
    if (fd < 0) return -1;
    c->present_bytes = dbx_file_size(fd, path, NULL);
    (void)close(fd);
    return c->present_bytes;
}

static void check_spool(log_check *c, const dbx_effect_arg *arg, uint64_t position) {
    int64_t bytes = spool_bytes(c, arg->spool);
    c->spools++;
    bool whole =
        bytes >= 0 && arg->offset <= (uint64_t)bytes && arg->len <= (uint64_t)bytes - arg->offset;
    if (whole) return;
    if (position < c->applied->position) { /* its value is in data.mdbx */
        c->missing++;
        return;
    }
    dbx_report_wrong(c->report, "the journal names spool/%" PRIu64 ".spool, which is %s",
                     arg->spool, bytes < 0 ? "not there" : "cut off");
}

static void check_group(log_check *c, dbx_effect_reader *effect, const dbx_frame *frame) {
    int rc;
    c->groups++;
    if (frame->run < c->last_run) {
        dbx_report_wrong(c->report, "journal position %" PRIu64 " is of an earlier start",
                         frame->position);
    }
    c->last_run = frame->run;
    while ((rc = dbx_effect_next(effect)) == 1) {
        c->effects++;
        for (size_t i = 0; i < effect->argc; i++) {
            if (effect->args[i].spool != 0) check_spool(c, &effect->args[i], frame->position);
        }
    }
    if (rc < 0) {
        dbx_report_wrong(c->report, "journal position %" PRIu64 " holds what is no effect",
                         frame->position);
    }
}

static int read_log(dbx_journal_reader *reader, log_check *c, dbx_effect_reader *effect,
                    dbx_error *error) {
    uint64_t begins = dbx_journal_reader_begins(reader);
    dbx_frame frame;
    int rc;
    while ((rc = dbx_journal_reader_next(reader, &frame, &effect->in, error)) == 1) {
        check_group(c, effect, &frame);
        dbx_report_progress(c->report, "journal", frame.position - begins, frame.position);
    }
    return rc;
}

static int verify_log(dbx_report *report, const dbx_applied *applied, dbx_error *error) {
    dbx_journal_reader *reader;
    dbx_effect_reader effect = {.args = NULL};
    log_check c = {.report = report, .applied = applied};
    int rc = dbx_journal_reader_open(report->dir, DBX_JOURNAL_OLDEST, &reader, error);
    uint64_t begins = rc == DBX_OK ? dbx_journal_reader_begins(reader) : 0,
             from = applied->position;
    if (rc == DBX_OK && begins > from) { /* is something missing between? The reader knows */
        dbx_journal_reader_close(reader);
        rc = dbx_journal_reader_open(report->dir, from, &reader, error);
    }
    if (rc != DBX_OK) return rc;
    rc = read_log(reader, &c, &effect, error);
    /* What a failed sync has lost, or was damaged, before data.mdbx's position: only readers of the
     * log miss it. */
    if (rc == DBX_ECORRUPT && dbx_journal_reader_end(reader) < from) {
        dbx_report_wrong(report,
                         "the journal cannot be read from position %" PRIu64 " to %" PRIu64
                         ": only its history is lost, data.mdbx has what it said",
                         dbx_journal_reader_end(reader), from);
        dbx_journal_reader_close(reader);
        rc = dbx_journal_reader_open(report->dir, from, &reader, error);
        if (rc != DBX_OK) return rc;
        begins = from;
        rc = read_log(reader, &c, &effect, error);
    }
    uint64_t end = dbx_journal_reader_end(reader);
    dbx_effect_reader_free(&effect);
    dbx_journal_reader_close(reader);
    if (rc < 0) return rc;
    if (begins == 0 && from > 0) { /* every start leaves a segment */
        dbx_report_wrong(report, "the journal is gone: what it had that data.mdbx has not is lost");
    }
    dbx_report_line(report, "journal",
                    "%" PRIu64 " groups of %" PRIu64 " effects from position %" PRIu64
                    " to %" PRIu64 "; data.mdbx has everything up to %" PRIu64,
                    c.groups, c.effects, begins, end, from);
    dbx_report_line(report, "spools", "%" PRIu64 " named by the journal, %" PRIu64 " not needed",
                    c.spools, c.missing);
    return DBX_OK;
}

/* --- Checkpoints ------------------------------------------------------------------------------ */

/* Nothing depends on them: one that is torn is no damage. */
static int verify_checkpoints(dbx_report *report, dbx_error *error) {
    dbx_checkpoint_span *spans;
    dbx_checkpoint_head head;
    dbx_error why;
    size_t count, whole = 0;
    int rc = dbx_checkpoint_list(report->dir, &spans, &count, error);
    for (size_t i = 0; rc == DBX_OK && i < count; i++)
        whole += dbx_checkpoint_check(report->dir, spans[i], &head, &why) == DBX_OK;
    dbx_alloc_free(spans);
    if (rc != DBX_OK) return rc;
    dbx_report_line(report, "checkpoints",
                    "%zu whole, %zu not: for those the next start executes the journal", whole,
                    count - whole);
    return DBX_OK;
}

/* --- All of it -------------------------------------------------------------------------------- */

/* What could not even be checked is wrong, unless we have no memory or may not read it. */
static int settle(dbx_report *report, int rc, dbx_error *error) {
    if (rc != DBX_ECORRUPT) return rc;
    dbx_report_wrong(report, "%s", error->text);
    return DBX_OK;
}

static int verify_data(dbx_report *report, dbx_applied *applied, dbx_error *error) {
    char path[DBX_PATH_MAX];
    dbx_env *env;
    dbx_snapshot *snapshot;
    int rc = dbx_file_path(path, report->dir, "data.mdbx", error);
    if (rc == DBX_OK) rc = dbx_env_open_unchanged(path, &env, error);
    if (rc != DBX_OK) return rc;
    rc = settle(report, verify_pages(env, report, error), error);
    /* Among broken pages nothing else can be relied on. */
    if (rc == DBX_OK && report->wrong == 0) {
        rc = dbx_snapshot_open(env, &snapshot);
        if (rc == DBX_OK) {
            rc = dbx_verify_map(snapshot, DBX_VERIFY_VALUES_MAX, report, applied, error);
            dbx_snapshot_close(snapshot);
        } else {
            (void)dbx_error_set(error, rc, "%s cannot be read", path);
        }
    }
    dbx_env_close(env, false);
    return rc;
}

static int verify_all(dbx_report *report, dbx_error *error) {
    dbx_applied applied = {0};
    int rc = settle(report, verify_data(report, &applied, error), error);
    if (rc == DBX_OK && report->wrong == 0) {
        rc = settle(report, verify_log(report, &applied, error), error);
    }
    if (rc == DBX_OK && report->wrong == 0) rc = verify_checkpoints(report, error);
    clear_progress(report);
    if (rc != DBX_OK || report->wrong == 0) return rc;
    if (report->wrong > WRONG_SHOWN_MAX) {
        dbx_report_line(report, "", "and %" PRIu64 " more", report->wrong - WRONG_SHOWN_MAX);
    }
    return dbx_error_set(error, DBX_ECORRUPT,
                         "%s is damaged (%" PRIu64 " found): restore it from a backup", report->dir,
                         report->wrong);
}

int dbx_verify(const char *dir, int fd, int progress_fd, dbx_error *error) {
    dbx_report report = {.dir = dir, .fd = fd, .progress_fd = progress_fd, .percent = -1};
    dbx_lock *lock;
    int rc = dbx_lock_hold(dir, &lock, error);
    if (rc != DBX_OK) return rc;
    rc = verify_all(&report, error);
    dbx_lock_release(lock, false);
    return rc;
}
