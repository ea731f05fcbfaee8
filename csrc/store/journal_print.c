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

enum { OUT_BYTES = 1 << 16 };

typedef struct printer {
    const char *dir;
    int fd;
    dbx_buf out;
    uint64_t db_printed; /* the database the reader of our output has selected */
    uint64_t db;         /* the one the frame has selected */
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

static int print_spooled(printer *p, const dbx_effect_arg *arg, dbx_error *error) {
    char name[64], path[DBX_PATH_MAX];
    uint64_t at = arg->offset, left = arg->len;
    (void)snprintf(name, sizeof name, "spool/%" PRIu64 ".spool", arg->spool);
    int rc = dbx_file_path(path, p->dir, name, error);
    int fd = rc == DBX_OK ? dbx_file_open(path, O_RDONLY, error) : rc;
    if (fd < 0) return fd;
    while (rc == DBX_OK && left > 0) {
        size_t n = left < OUT_BYTES ? (size_t)left : OUT_BYTES;
        uint8_t *room = dbx_buf_reserve(&p->out, n);
        int64_t got = room != NULL ? dbx_file_read(fd, room, n, at, path, error) : DBX_ENOMEM;
        if (got < 0) {
            rc = (int)got;
        } else if ((size_t)got < n) {
            rc = dbx_error_set(error, DBX_ECORRUPT, "%s is cut off", path);
        } else {
            p->out.len += n;
            at += n;
            left -= n;
            rc = flush(p, error);
        }
    }
    (void)close(fd);
    return rc;
}

static int print_effect(printer *p, const dbx_effect_reader *effect, dbx_error *error) {
    int rc = DBX_OK;
    if (effect->argc == 2 && dbx_slice_eq(effect->argv[0], dbx_slice_str("SELECT"))) {
        return dbx_num_u64_from_slice(effect->argv[1], &p->db)
                   ? DBX_OK
                   : dbx_error_set(error, DBX_ECORRUPT, "the journal selects no database");
    }
    if (p->db != p->db_printed) dbx_effect_select(&p->out, p->db);
    p->db_printed = p->db;
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
    return rc == DBX_OK && p->out.len >= OUT_BYTES ? flush(p, error) : rc;
}

int dbx_journal_print(const char *dir, uint64_t from, int fd, dbx_error *error) {
    dbx_journal_reader *reader;
    dbx_effect_reader effect = {.args = NULL};
    dbx_frame frame;
    printer p = {.dir = dir, .fd = fd};
    int rc = dbx_journal_reader_open(dir, from == 0 ? DBX_JOURNAL_OLDEST : from, &reader, error);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_journal_reader_next(reader, &frame, &effect.in, error)) == 1) {
        p.db = 0;
        while ((rc = dbx_effect_next(&effect)) == 1) {
            rc = print_effect(&p, &effect, error);
            if (rc != DBX_OK) break;
        }
        if (rc != DBX_OK) break;
    }
    if (rc == DBX_OK) rc = flush(&p, error);
    dbx_effect_reader_free(&effect);
    dbx_buf_free(&p.out);
    dbx_journal_reader_close(reader);
    return rc;
}
