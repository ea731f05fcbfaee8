/* spool_survey.c: see spool_survey.h. */
#include "store/spool_survey.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/effect.h"
#include "store/internal.h"
#include "store/journal.h"
#include "store/journal_read.h"

enum { STEP_BYTES = 1 << 20 }; /* of effects, between two looks at what else the thread has to do */

typedef struct found {
    uint64_t id;
    uint64_t named; /* the last position; 0: nowhere so far */
} found;

struct dbx_spool_survey {
    dbx_store *store;
    found *files; /* by id, when started */
    size_t count, cap;
    dbx_journal_reader *reader;
    dbx_effect_reader effects;
    uint64_t end; /* of the log at the start: what comes behind it names spools made since */
};

dbx_spool_survey *dbx_spool_survey_new(dbx_store *store) {
    dbx_spool_survey *s = dbx_alloc_zero(1, sizeof *s);
    if (s != NULL) s->store = store;
    return s;
}

void dbx_spool_survey_add(dbx_spool_survey *s, uint64_t id) {
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 16 : s->cap * 2;
        void *grown = dbx_alloc_resize_array(s->files, cap, sizeof *s->files);
        if (grown == NULL) return;
        s->files = grown;
        s->cap = cap;
    }
    s->files[s->count++] = (found){.id = id};
}

static void free_survey(dbx_spool_survey *s) {
    dbx_journal_reader_close(s->reader);
    dbx_effect_reader_free(&s->effects);
    dbx_alloc_free(s->files);
    dbx_alloc_free(s);
}

static int by_id(const void *a, const void *b) {
    const found *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void note(dbx_spool_survey *s, uint64_t id, uint64_t position) {
    found key = {.id = id};
    found *file = bsearch(&key, s->files, s->count, sizeof *s->files, by_id);
    if (file != NULL && position > file->named) file->named = position;
}

static int note_names(dbx_spool_survey *s, dbx_slice effects, uint64_t position) {
    int rc;
    s->effects.in = effects;
    while ((rc = dbx_effect_next(&s->effects)) == 1) {
        for (size_t i = 0; i < s->effects.argc; i++) {
            if (s->effects.args[i].spool != 0) note(s, s->effects.args[i].spool, position);
        }
    }
    return rc;
}

/* 1: there is more to read; 0: everything has been read. */
static int read_some(dbx_spool_survey *s, dbx_error *error) {
    dbx_frame frame;
    dbx_slice effects;
    size_t bytes = 0;
    int rc = DBX_OK;
    if (s->reader == NULL) {
        rc = dbx_journal_reader_open(s->store->options.path, DBX_JOURNAL_OLDEST, &s->reader, error);
    }
    while (rc == DBX_OK && bytes < STEP_BYTES) {
        if (dbx_journal_reader_end(s->reader) >= s->end) return 0;
        rc = dbx_journal_reader_next(s->reader, &frame, &effects, error);
        if (rc == 0) return 0;
        if (rc == 1) {
            bytes += effects.len;
            bool names = memmem(effects.ptr, effects.len, "\r\nspl:", 6) != NULL;
            rc = names ? note_names(s, effects, frame.position) : DBX_OK;
            if (rc != DBX_OK) (void)dbx_error_set(error, rc, "the journal cannot be understood");
        }
    }
    if (rc == DBX_ENOTFOUND) { /* dropped meanwhile: go on with what is left */
        dbx_journal_reader_close(s->reader);
        s->reader = NULL;
        return 1;
    }
    return rc == DBX_OK ? 1 : rc;
}

static void finish(dbx_spool_survey *s) {
    char path[DBX_PATH_MAX];
    for (size_t i = 0; i < s->count; i++) {
        const found *file = &s->files[i];
        if (dbx_spool_file(path, s->store->options.path, file->id, true, NULL) != DBX_OK) continue;
        if (file->named == 0) {
            (void)dbx_file_remove(path, NULL);
            continue;
        }
        int fd = dbx_file_open(path, O_RDONLY, NULL);
        int64_t bytes = fd >= 0 ? dbx_file_size(fd, path, NULL) : 0;
        if (fd >= 0) (void)close(fd);
        dbx_journal_keep_spool(s->store->journal, file->id, bytes > 0 ? (uint64_t)bytes : 0,
                               file->named);
    }
}

/* In the journal's thread. */
static void step(void *arg) {
    dbx_spool_survey *s = arg;
    dbx_error error;
    int rc = 1;
    while (rc == 1 &&
           !atomic_load(&s->store->keep_spools)) { /* closing: the next start begins anew */
        rc = read_some(s, &error);
        if (rc == 1 && dbx_journal_request_job(s->store->journal, step, s) == DBX_OK) return;
    }
    if (rc == 0) finish(s);
    if (rc < 0) {
        dbx_log(DBX_LOG_WARNING, "old large values stay in %s/spool: %s", s->store->options.path,
                error.text);
    }
    free_survey(s);
}

void dbx_spool_survey_start(dbx_spool_survey *s) {
    s->end = s->store->replay_position;
    if (s->count > 0) {
        qsort(s->files, s->count, sizeof *s->files, by_id);
        if (dbx_journal_request_job(s->store->journal, step, s) == DBX_OK) return;
    }
    free_survey(s);
}
