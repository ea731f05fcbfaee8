/* journal_print.c: the journal as plain RESP, for `dbx journal DIR --resp`: what redis-cli --pipe
 * takes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/resp_write.h"
#include "store/effect.h"
#include "store/file.h"
#include "store/held.h"
#include "store/journal_read.h"
#include "store/spool.h"
#include "store/times.h"

enum { OUT_BYTES = 1 << 16, OLDEST_TRIES = 4 };

/* How long printing and executing the whole log may take, before a key may expire by the clock of
 * who executes it. */
#define HELD_MS INT64_C(86400000)

typedef struct printer {
    const char *dir;
    int fd;
    int spool;         /* the descriptor of the spool that the effect names; -1: none */
    uint64_t position; /* of the group being printed */
    bool printed;      /* anything so far */
    bool within;       /* a command whose end could not be printed */
    dbx_buf out;
    uint64_t db_printed; /* the database the reader of our output has selected */
    uint64_t db;         /* the one the frame has selected */
    int64_t wall_ms;     /* when it was written */
    int64_t held_ms;     /* deadlines before this one are held back */
    dbx_held held;
} printer;

static int flush(printer *p, dbx_error *error) {
    size_t at = 0;
    if (p->out.failed) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    while (at < p->out.len) {
        ssize_t n = write(p->fd, p->out.ptr + at, p->out.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            p->within = true;
            return dbx_file_error(errno, "write", "the output", error);
        }
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

static void close_spool(printer *p) {
    if (p->spool >= 0) (void)close(p->spool);
    p->spool = -1;
}

static int cut_off(const printer *p, const dbx_effect_arg *arg, dbx_error *error) {
    return dbx_error_set(error, DBX_ECORRUPT, "%s/spool/%" PRIu64 ".spool is cut off", p->dir,
                         arg->spool);
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
        if ((size_t)got < n) return cut_off(p, arg, error);
        p->out.len += n;
        at += n;
        left -= n;
        rc = flush(p, error);
    }
    return rc;
}

/* --- Deadlines
 * ------------------------------------------------------------------------------------ */

/* Gives the name in an argument, read into `room` if it lies in a spool. */
static int whole_name(const printer *p, const dbx_effect_arg *arg, dbx_buf *room, dbx_slice *name,
                      dbx_error *error) {
    *name = arg->bytes;
    if (arg->spool == 0) return DBX_OK;
    uint8_t *to = arg->len <= SIZE_MAX ? dbx_buf_reserve(room, (size_t)arg->len) : NULL;
    if (to == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    *name = dbx_slice_of(to, (size_t)arg->len);
    int64_t got = dbx_file_read(p->spool, to, name->len, arg->offset, "a spool", error);
    if (got < 0) return (int)got;
    return (size_t)got == name->len ? DBX_OK : cut_off(p, arg, error);
}

/* Holds back the deadline that an effect sets, or forgets what was held for its key: see held.h. A
 * time to live counts from the frame's time, which whoever replays the output does not have: it
 * becomes a date. `text` holds the digits that are printed. */
static int hold_deadline(printer *p, dbx_effect_arg *args, dbx_effect_arg *word, bool relative,
                         char text[DBX_NUM_TEXT_MAX], dbx_error *error) {
    dbx_effect_arg *number = word == args ? &args[2] : &args[4];
    dbx_buf room = {.ptr = NULL};
    dbx_slice name;
    int64_t ms;
    if (!dbx_num_from_slice(number->bytes, &ms)) {
        return dbx_error_set(error, DBX_ECORRUPT, "the journal holds a time to live of no length");
    }
    if (relative && __builtin_add_overflow(ms, p->wall_ms, &ms)) ms = INT64_MAX;
    int rc = whole_name(p, &args[1], &room, &name, error);
    if (rc == DBX_OK && word != args) dbx_held_drop_fields(&p->held, p->db, name); /* SET */
    if (rc == DBX_OK && ms >= p->held_ms) {
        dbx_held_drop(&p->held, p->db, name);
    } else if (rc == DBX_OK) {
        rc = dbx_held_put(&p->held, p->db, name, ms);
        if (rc != DBX_OK) (void)dbx_error_set(error, rc, "out of memory");
        ms = p->held_ms;
    }
    dbx_buf_free(&room);
    number->bytes = dbx_slice_of(text, dbx_num_to_text(ms, text));
    return rc;
}

/* Lets held deadlines follow an effect that gives a key another's. */
static int follow(printer *p, dbx_effect_reader *effect, dbx_error *error) {
    dbx_buf rooms[2] = {{.ptr = NULL}, {.ptr = NULL}};
    size_t names = dbx_held_names(effect->args[0].bytes);
    int rc = DBX_OK;
    for (size_t i = 0; rc == DBX_OK && i < names && i + 1 < effect->argc; i++)
        rc = whole_name(p, &effect->args[i + 1], &rooms[i], &effect->argv[i + 1], error);
    if (rc == DBX_OK) {
        rc = dbx_held_follow(&p->held, p->db, effect->argc, effect->argv);
        if (rc == DBX_ENOMEM) (void)dbx_error_set(error, rc, "out of memory");
        if (rc == DBX_ECORRUPT)
            (void)dbx_error_set(error, rc, "the journal holds what is no effect");
    }
    dbx_buf_free(&rooms[0]);
    dbx_buf_free(&rooms[1]);
    return rc;
}

/* Where an effect says when fields expire: HPEXPIRE[AT] key ms FIELDS n field ..., or HSETEX key
 * PX[AT] ms FIELDS n field value .... */
typedef struct field_deadline {
    dbx_effect_arg *word, *number;
    const char *date;           /* the word for a date */
    size_t fields, step;        /* the first of them, and from one to the next */
    bool relative, conditional; /* a time to live; what no field meets, see cmd_hash_expire.c */
} field_deadline;

static bool find_field_deadline(const dbx_effect_reader *effect, field_deadline *d) {
    dbx_effect_arg *args = effect->args;
    const char *life = "HPEXPIRE";
    if (effect->argc < 6) return false;
    *d = (field_deadline){&args[0], &args[2], "HPEXPIREAT", 5, 1, false, false};
    if (dbx_slice_eq(args[0].bytes, dbx_slice_str("HSETEX"))) {
        *d = (field_deadline){&args[2], &args[3], "PXAT", 6, 2, false, false};
        life = "PX";
    }
    d->relative = dbx_slice_eq(d->word->bytes, dbx_slice_str(life));
    d->conditional = !dbx_slice_eq(d->number[1].bytes, dbx_slice_str("FIELDS"));
    return d->relative || dbx_slice_eq(d->word->bytes, dbx_slice_str(d->date));
}

static int hold_field(printer *p, const dbx_effect_arg *key, const dbx_effect_arg *arg, int64_t ms,
                      dbx_error *error) {
    dbx_buf rooms[2] = {{.ptr = NULL}, {.ptr = NULL}};
    dbx_slice name, field;
    int rc = whole_name(p, key, &rooms[0], &name, error);
    if (rc == DBX_OK) rc = whole_name(p, arg, &rooms[1], &field, error);
    if (rc == DBX_OK && ms >= p->held_ms) {
        dbx_held_drop_field(&p->held, p->db, name, field);
    } else if (rc == DBX_OK) {
        rc = dbx_held_put_field(&p->held, p->db, name, field, ms);
        if (rc != DBX_OK) (void)dbx_error_set(error, rc, "out of memory");
    }
    dbx_buf_free(&rooms[0]);
    dbx_buf_free(&rooms[1]);
    return rc;
}

/* The same of fields as hold_deadline does of keys. */
static int hold_fields(printer *p, const dbx_effect_reader *effect, char text[DBX_NUM_TEXT_MAX],
                       dbx_error *error) {
    field_deadline d;
    int64_t ms;
    int rc = DBX_OK;
    if (!find_field_deadline(effect, &d)) return DBX_OK;
    if (!dbx_num_from_slice(d.number->bytes, &ms)) {
        return dbx_error_set(error, DBX_ECORRUPT, "the journal holds a time to live of no length");
    }
    if (d.relative && __builtin_add_overflow(ms, p->wall_ms, &ms)) ms = INT64_MAX;
    for (size_t i = d.fields; rc == DBX_OK && !d.conditional && i < effect->argc; i += d.step)
        rc = hold_field(p, &effect->args[1], &effect->args[i], ms, error);
    if (!d.conditional && ms < p->held_ms) ms = p->held_ms;
    d.word->bytes = dbx_slice_str(d.date);
    d.number->bytes = dbx_slice_of(text, dbx_num_to_text(ms, text));
    return rc;
}

/* Deadlines are set by two effects: PEXPIRE and SET with PX, or PEXPIREAT and PXAT. */
static int change_deadlines(printer *p, dbx_effect_reader *effect, char text[DBX_NUM_TEXT_MAX],
                            dbx_error *error) {
    dbx_effect_arg *args = effect->args, *word = NULL;
    const char *life = "PEXPIRE", *date = "PEXPIREAT";
    if (effect->argc == 3) {
        word = &args[0];
    } else if (effect->argc == 5 && dbx_slice_eq(args[0].bytes, dbx_slice_str("SET"))) {
        word = &args[3];
        life = "PX";
        date = "PXAT";
    }
    bool relative = word != NULL && dbx_slice_eq(word->bytes, dbx_slice_str(life));
    if (relative) word->bytes = dbx_slice_str(date);
    if (word == NULL || !dbx_slice_eq(word->bytes, dbx_slice_str(date))) {
        return follow(p, effect, error);
    }
    return hold_deadline(p, args, word, relative, text, error);
}

static void select_db(printer *p, uint64_t db) {
    if (db != p->db_printed) dbx_effect_select(&p->out, db);
    p->db_printed = db;
}

/* The deadlines that were held back, of those keys and fields that still have one. */
static int print_held(printer *p, dbx_error *error) {
    char text[DBX_NUM_TEXT_MAX];
    dbx_held_at at = {.db = 0};
    dbx_held_item item;
    int rc = DBX_OK;
    while (rc == DBX_OK && dbx_held_next(&p->held, &at, &item)) {
        dbx_slice argv[] = {dbx_slice_str(item.is_field ? "HPEXPIREAT" : "PEXPIREAT"),
                            item.name,
                            dbx_slice_of(text, dbx_num_to_text(item.ms, text)),
                            dbx_slice_str("XX"),
                            dbx_slice_str("FIELDS"),
                            dbx_slice_str("1"),
                            item.field};
        select_db(p, item.db);
        dbx_resp_command(&p->out, item.is_field ? 7 : 4, argv);
        if (p->out.failed || p->out.len >= OUT_BYTES) rc = flush(p, error);
    }
    return rc;
}

/* --- Effects
 * -------------------------------------------------------------------------------------- */

static int print_effect(printer *p, dbx_effect_reader *effect, dbx_error *error) {
    char text[DBX_NUM_TEXT_MAX];
    int rc = dbx_effect_selects(effect, &p->db);
    if (rc == 1) return DBX_OK;
    if (rc < 0) return dbx_error_set(error, rc, "the journal selects no database");
    rc = open_spool(p, effect, error);
    if (rc == DBX_OK) rc = change_deadlines(p, effect, text, error);
    if (rc == DBX_OK) rc = hold_fields(p, effect, text, error);
    if (rc != DBX_OK) {
        close_spool(p);
        return rc;
    }
    select_db(p, p->db);
    p->printed = p->within = true;
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
    close_spool(p);
    p->within = rc != DBX_OK;
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
    printer p = {.dir = dir, .fd = fd, .spool = -1, .held_ms = dbx_clock_wall_ms() + HELD_MS};
    int rc = DBX_ENOTFOUND;
    if (from != 0) {
        rc = print_log(&p, from, error);
    } else {
        /* The oldest there are may be gone by the time they are read: then begin later. */
        for (int i = 0; i < OLDEST_TRIES && rc == DBX_ENOTFOUND && !p.printed; i++)
            rc = print_log(&p, DBX_JOURNAL_OLDEST, error);
    }
    /* Also when the log ended early: what was printed is to be right as far as it goes. */
    dbx_error *why = rc == DBX_OK ? error : &ignored;
    int ended = p.within ? DBX_OK : print_held(&p, why);
    if (ended == DBX_OK) ended = flush(&p, why);
    dbx_held_free(&p.held);
    dbx_buf_free(&p.out);
    return rc == DBX_OK ? ended : rc;
}
