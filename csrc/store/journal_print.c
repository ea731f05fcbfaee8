/* journal_print.c: the journal as plain RESP, for `dbx journal DIR --resp`: what redis-cli --pipe
 * takes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "store/effect.h"
#include "store/file.h"
#include "store/journal_read.h"
#include "store/spool.h"
#include "store/times.h"

enum { OUT_BYTES = 1 << 16, OLDEST_TRIES = 4 };

typedef struct printer {
    const char *dir;
    int fd;
    int spool;         /* the descriptor of the spool that the effect names; -1: none */
    uint64_t position; /* of the group being printed */
    bool printed;      /* anything so far */
    dbx_buf out;
    uint64_t db_printed; /* the database the reader of our output has selected */
    uint64_t db;         /* the one the frame has selected */
    int64_t wall_ms;     /* when it was written */
} printer;

static int flush(printer *p, dbx_error *error) {
    size_t at = 0;
    if (p->out.failed) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    while (at < p->out.len) {
        ssize_t n = write(p->fd, p->out.ptr + at, p->out.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dbx_file_error(errno, "write", "the output", error);
        at += (size_t)n;
    }
    p->out.len = 0;
    return DBX_OK;
}

/* The spool is opened before anything of the effect is printed: its owner may remove it. */
static int open_spool(printer *p, const dbx_effect_reader *effect, dbx_error *error) {
    char path[DBX_PATH_MAX];
    size_t i = 0;
    while (i < effect->argc && effect->args[i].spool == 0)
        i++;
    if (i == effect->argc) return DBX_OK;
    int rc = dbx_spool_file(path, p->dir, effect->args[i].spool, true, error);
    if (rc != DBX_OK) return rc;
    p->spool = dbx_file_open(path, O_RDONLY, error);
    if (p->spool >= 0 || dbx_file_exists(path)) return p->spool >= 0 ? DBX_OK : p->spool;
    return dbx_error_set(error, DBX_ENOTFOUND,
                         "a large value written at position %" PRIu64
                         " is not kept any more: begin behind it (--from), or set "
                         "journal-keep-size to keep what has been applied",
                         p->position);
}

static int print_spooled(printer *p, const dbx_effect_arg *arg, dbx_error *error) {
    uint64_t at = arg->offset, left = arg->len;
    int rc = DBX_OK;
    while (rc == DBX_OK && left > 0) {
        size_t n = left < OUT_BYTES ? (size_t)left : OUT_BYTES;
        uint8_t *room = dbx_buf_reserve(&p->out, n);
        if (room == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
        int64_t got = dbx_file_read(p->spool, room, n, at, "a spool", error);
        if (got < 0) return (int)got;
        if ((size_t)got < n) {
            return dbx_error_set(error, DBX_ECORRUPT, "%s/spool/%" PRIu64 ".spool is cut off",
                                 p->dir, arg->spool);
        }
        p->out.len += n;
        at += n;
        left -= n;
        rc = flush(p, error);
    }
    return rc;
}

/* A time to live counts from the frame's time, which whoever replays the output does not have: it
 * becomes a date. `text` holds its digits. */
static int give_date(const printer *p, dbx_effect_reader *effect, char text[DBX_NUM_TEXT_MAX]) {
    dbx_effect_arg *args = effect->args, *word = NULL;
    int64_t ms;
    if (effect->argc == 3 && dbx_slice_eq(args[0].bytes, dbx_slice_str("PEXPIRE"))) {
        args[0].bytes = dbx_slice_str("PEXPIREAT");
        word = &args[1];
    } else if (effect->argc == 5 && dbx_slice_eq(args[0].bytes, dbx_slice_str("SET")) &&
               dbx_slice_eq(args[3].bytes, dbx_slice_str("PX"))) {
        args[3].bytes = dbx_slice_str("PXAT");
        word = &args[3];
    }
    if (word == NULL) return DBX_OK;
    if (!dbx_num_from_slice(word[1].bytes, &ms)) return DBX_ECORRUPT;
    if (__builtin_add_overflow(ms, p->wall_ms, &ms)) ms = INT64_MAX;
    word[1].bytes = dbx_slice_of(text, dbx_num_to_text(ms, text));
    return DBX_OK;
}

static int print_effect(printer *p, dbx_effect_reader *effect, dbx_error *error) {
    char text[DBX_NUM_TEXT_MAX];
    int rc = dbx_effect_selects(effect, &p->db);
    if (rc == 1) return DBX_OK;
    if (rc < 0) return dbx_error_set(error, rc, "the journal selects no database");
    if (give_date(p, effect, text) != DBX_OK) {
        return dbx_error_set(error, DBX_ECORRUPT, "the journal holds a time to live of no length");
    }
    rc = open_spool(p, effect, error);
    if (rc != DBX_OK) return rc;
    if (p->db != p->db_printed) dbx_effect_select(&p->out, p->db);
    p->db_printed = p->db;
    p->printed = true;
    dbx_buf_printf(&p->out, "*%zu\r\n", effect->argc);
    for (size_t i = 0; rc == DBX_OK && i < effect->argc; i++) {
        const dbx_effect_arg *arg = &effect->args[i];
        uint64_t len = arg->spool != 0 ? arg->len : arg->bytes.len;
        dbx_buf_printf(&p->out, "$%" PRIu64 "\r\n", len);
        if (arg->spool != 0) {
            rc = print_spooled(p, arg, error);
        } else {
            dbx_buf_add(&p->out, arg->bytes.ptr, arg->bytes.len);
        }
        dbx_buf_add(&p->out, "\r\n", 2);
    }
    if (p->spool >= 0) (void)close(p->spool);
    p->spool = -1;
    return rc == DBX_OK && p->out.len >= OUT_BYTES ? flush(p, error) : rc;
}

static int print_group(printer *p, const dbx_frame *frame, dbx_effect_reader *effect,
                       dbx_error *error) {
    int rc;
    p->wall_ms = dbx_times_date_ms((dbx_times){(int64_t)frame->time_ms, (int64_t)frame->wall_ms});
    p->db = 0;
    while ((rc = dbx_effect_next(effect)) == 1) {
        rc = print_effect(p, effect, error);
        if (rc != DBX_OK) return rc;
    }
    if (rc == DBX_OK) return rc;
    return dbx_error_set(error, rc, "the journal holds what is no effect, after position %" PRIu64,
                         p->position);
}

/* Something to be printed was not there: what is missing now. */
static int explain(const printer *p, dbx_error *error) {
    dbx_journal_reader *reader;
    dbx_error ignored;
    if (dbx_journal_reader_open(p->dir, DBX_JOURNAL_OLDEST, &reader, &ignored) != DBX_OK) {
        return DBX_ENOTFOUND;
    }
    uint64_t begins = dbx_journal_reader_begins(reader);
    dbx_journal_reader_close(reader);
    if (begins <= p->position) return DBX_ENOTFOUND;
    return dbx_error_set(error, DBX_ENOTFOUND,
                         "positions %" PRIu64 " to %" PRIu64
                         " of the journal are not kept any more: begin at --from %" PRIu64
                         ", or set journal-keep-size to keep more",
                         p->position, begins, begins);
}

/* Whoever replays the output would not notice a gap, so none is left: what is missing ends it. */
static int print_log(printer *p, uint64_t from, dbx_error *error) {
    dbx_journal_reader *reader;
    dbx_effect_reader effect = {.args = NULL};
    dbx_frame frame;
    int rc = dbx_journal_reader_open(p->dir, from, &reader, error);
    if (rc != DBX_OK) return rc;
    p->position = dbx_journal_reader_end(reader);
    bool late = from != DBX_JOURNAL_OLDEST && from < dbx_journal_reader_begins(reader);
    if (late && p->position == from) rc = DBX_ENOTFOUND;
    while (rc == DBX_OK && (rc = dbx_journal_reader_next(reader, &frame, &effect.in, error)) == 1) {
        rc = print_group(p, &frame, &effect, error);
        if (rc == DBX_OK) p->position = dbx_journal_reader_end(reader);
    }
    dbx_effect_reader_free(&effect);
    dbx_journal_reader_close(reader);
    return rc == DBX_ENOTFOUND ? explain(p, error) : rc;
}

int dbx_journal_print(const char *dir, uint64_t from, int fd, dbx_error *error) {
    dbx_error ignored;
    printer p = {.dir = dir, .fd = fd, .spool = -1};
    int rc = DBX_ENOTFOUND;
    if (from != 0) {
        rc = print_log(&p, from, error);
    } else {
        /* The oldest there are may be gone by the time they are read: then begin later. */
        for (int i = 0; i < OLDEST_TRIES && rc == DBX_ENOTFOUND && !p.printed; i++)
            rc = print_log(&p, DBX_JOURNAL_OLDEST, error);
    }
    int flushed = flush(&p, rc == DBX_OK ? error : &ignored);
    dbx_buf_free(&p.out);
    return rc == DBX_OK ? flushed : rc;
}
