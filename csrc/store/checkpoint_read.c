/* checkpoint_read.c: see checkpoint_read.h. */
#include "store/checkpoint_read.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/delta.h"
#include "store/entry.h"
#include "store/format.h"

/* --- One run ---------------------------------------------------------------------------------- */

typedef struct reader {
    int fd;                     /* the file's: shared by its runs */
    size_t file;                /* number: later ones are newer */
    uint64_t at;                /* of the next chunk */
    uint64_t end;               /* of the run */
    dbx_buf chunk;              /* without its head */
    dbx_slice left;             /* of it */
    dbx_checkpoint_entry entry; /* the last one read; no key: none of this run */
    size_t common;              /* how much of that key the next one may share */
    dbx_buf gap_end;            /* the key where the last gap met ends; empty: it lies behind us */
    uint8_t key[DBX_ENCODED_KEY_MAX]; /* of `entry`, which points here */
} reader;

/* Takes `n` bytes off the front; false: there are fewer. */
static bool cut(dbx_slice *left, size_t n, dbx_slice *out) {
    if (n > left->len) return false;
    *out = dbx_slice_of(left->ptr, n);
    *left = dbx_slice_of(left->ptr + n, left->len - n);
    return true;
}

/* A length, of `max` at most. */
static bool cut_length(dbx_slice *left, size_t max, size_t *out) {
    uint64_t length;
    if (!dbx_format_read_varint(left, &length) || length > max) return false;
    *out = (size_t)length;
    return true;
}

/* The key that follows the last one in the run. Keys rise: a buffer is filled with them in order.
 * So a key is never empty. */
static bool follow(reader *r, size_t shared, dbx_slice rest) {
    dbx_slice replaced = dbx_slice_of(r->key + shared, r->entry.key.len - shared);
    if (dbx_slice_cmp(replaced, rest) >= 0) return false;
    memcpy(r->key + shared, rest.ptr, rest.len);
    r->common = shared + rest.len;
    r->entry.key = dbx_slice_of(r->key, r->common);
    return true;
}

/* Takes one entry off the front of the chunk; false: there is no whole one. */
static bool parse(reader *r) {
    dbx_checkpoint_entry *entry = &r->entry;
    dbx_slice flags, rest, place;
    size_t shared, rest_len, value_len, end_len = 0;
    if (!cut(&r->left, 1, &flags) || (flags.ptr[0] & ~DBX_ENTRY_LASTING) != 0) return false;
    entry->flags = flags.ptr[0];
    if ((entry->flags & DBX_ENTRY_DELTA) != 0 &&
        (entry->flags & (DBX_ENTRY_DEAD | DBX_ENTRY_REFERS)) != 0) {
        return false;
    }
    if (!cut_length(&r->left, r->common, &shared) ||
        !cut_length(&r->left, DBX_ENCODED_KEY_MAX - shared, &rest_len) ||
        !cut_length(&r->left, DBX_VALUE_BYTES_MAX, &value_len)) {
        return false;
    }
    if ((entry->flags & DBX_ENTRY_GAP) != 0 &&
        !cut_length(&r->left, DBX_ENCODED_KEY_MAX, &end_len)) {
        return false;
    }
    if (!cut(&r->left, rest_len, &rest) || !follow(r, shared, rest)) return false;
    if (!cut(&r->left, end_len, &entry->end)) return false;
    if ((entry->flags & DBX_ENTRY_REFERS) == 0) return cut(&r->left, value_len, &entry->value);
    if (!cut(&r->left, DBX_CHECKPOINT_PLACE_BYTES, &place)) return false;
    entry->value = dbx_slice_of(NULL, value_len);
    entry->spool = dbx_load64(place.ptr);
    entry->offset = dbx_load64(place.ptr + 8);
    return true;
}

static int damaged(dbx_error *error) {
    return dbx_error_set(error, DBX_ECORRUPT, "a checkpoint is not whole");
}

static int read_exactly(int fd, void *bytes, size_t len, uint64_t at, dbx_error *error) {
    int64_t n = dbx_file_read(fd, bytes, len, at, "a checkpoint", error);
    if (n < 0) return (int)n;
    return (size_t)n == len ? DBX_OK : damaged(error);
}

/* *begins: the chunk begins a run. */
static int read_chunk(reader *r, bool *begins, dbx_error *error) {
    uint8_t head[DBX_CHUNK_HEAD_BYTES];
    int rc = read_exactly(r->fd, head, sizeof head, r->at, error);
    if (rc != DBX_OK) return rc;
    uint32_t len = dbx_load32(head + 4) & ~DBX_CHUNK_BEGINS_RUN;
    *begins = (dbx_load32(head + 4) & DBX_CHUNK_BEGINS_RUN) != 0;
    if (len == 0 || len > DBX_CHUNK_BYTES_MAX) return damaged(error);
    r->chunk.len = 0;
    if (dbx_buf_reserve(&r->chunk, len) == NULL) {
        return dbx_error_set(error, DBX_ENOMEM, "out of memory while reading a checkpoint");
    }
    rc = read_exactly(r->fd, r->chunk.ptr, len, r->at + sizeof head, error);
    if (rc != DBX_OK) return rc;
    r->chunk.len = len;
    r->left = dbx_buf_slice(&r->chunk);
    r->common = 0; /* each chunk stands for itself */
    r->at += sizeof head + len;
    uint32_t crc = dbx_crc32c(dbx_crc32c(0, head + 4, 4), r->chunk.ptr, len);
    return crc == dbx_load32(head) ? DBX_OK : damaged(error);
}

/* 1, 0 at the end of the run, or a failure. */
static int next_entry(reader *r, dbx_error *error) {
    bool begins;
    if (r->left.len == 0) {
        if (r->at >= r->end) return 0;
        int rc = read_chunk(r, &begins, error);
        if (rc != DBX_OK) return rc;
    }
    return parse(r) ? 1 : damaged(error);
}

static void close_reader(reader *r) {
    dbx_buf_free(&r->chunk);
    dbx_buf_free(&r->gap_end);
}

/* --- One file --------------------------------------------------------------------------------- */

static int open_file(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_head *head,
                     dbx_error *error) {
    char path[DBX_PATH_MAX];
    uint8_t bytes[DBX_CHECKPOINT_HEAD_BYTES];
    int rc = dbx_checkpoint_path(path, dir, span, DBX_CHECKPOINT_SEALED, error);
    if (rc != DBX_OK) return rc;
    int fd = dbx_file_open(path, O_RDONLY, error);
    if (fd < 0) return fd;
    rc = read_exactly(fd, bytes, sizeof bytes, 0, error);
    bool whole = rc == DBX_OK && dbx_checkpoint_load_head(bytes, head) &&
                 head->span.from == span.from && head->span.to == span.to;
    if (rc == DBX_OK && !whole) rc = damaged(error);
    if (rc != DBX_OK) (void)close(fd);
    return rc == DBX_OK ? fd : rc;
}

int dbx_checkpoint_check(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_head *head,
                         dbx_error *error) {
    uint64_t entries = 0;
    reader r = {.at = DBX_CHECKPOINT_HEAD_BYTES};
    *head = (dbx_checkpoint_head){.span = span};
    int rc = r.fd = open_file(dir, span, head, error);
    if (rc < 0) return rc;
    rc = DBX_OK;
    for (uint64_t i = 0; rc == DBX_OK && i < head->chunks; i++) {
        bool begins = false;
        rc = read_chunk(&r, &begins, error);
        if (begins) r.entry.key.len = 0;
        for (; rc == DBX_OK && r.left.len > 0; entries++)
            if (!parse(&r)) rc = damaged(error);
    }
    if (rc == DBX_OK && entries != head->entries) rc = damaged(error);
    (void)close(r.fd);
    close_reader(&r);
    return rc;
}

/* --- Several ---------------------------------------------------------------------------------- */

struct dbx_checkpoint_merge {
    int *fds;        /* of the files, oldest first */
    uint64_t *bases; /* what their deltas are of */
    size_t file_count;
    uint64_t from;   /* of the first file */
    reader *readers; /* of their runs, the oldest file's first */
    size_t count, cap;
    size_t *heap; /* of those that stand on an entry: the one that comes first is its root */
    size_t heaped;
    bool given;  /* the root's entry */
    size_t gaps; /* readers with a gap that goes on */
    /* The delta that is being put together with what older files have of its key. */
    bool open;           /* it is one still */
    uint64_t base;       /* of what it is */
    dbx_buf value, next; /* next: scratch */
};

static dbx_slice key_at(const dbx_checkpoint_merge *m, size_t at) {
    return m->readers[m->heap[at]].entry.key;
}

/* The lower key first; of equals the newer file's. */
static bool before(const dbx_checkpoint_merge *m, size_t a, size_t b) {
    int cmp = dbx_slice_cmp(key_at(m, a), key_at(m, b));
    return cmp < 0 || (cmp == 0 && m->heap[a] > m->heap[b]);
}

static void sift_down(dbx_checkpoint_merge *m, size_t at) {
    for (;;) {
        size_t least = at, child = 2 * at + 1;
        if (child < m->heaped && before(m, child, least)) least = child;
        if (child + 1 < m->heaped && before(m, child + 1, least)) least = child + 1;
        if (least == at) return;
        size_t other = m->heap[at];
        m->heap[at] = m->heap[least];
        m->heap[least] = other;
        at = least;
    }
}

static int step(dbx_checkpoint_merge *m, size_t at, dbx_error *error) {
    int rc = next_entry(&m->readers[m->heap[at]], error);
    if (rc < 0) return rc;
    if (rc == 0) m->heap[at] = m->heap[--m->heaped];
    if (at < m->heaped) sift_down(m, at);
    return DBX_OK;
}

static int note_gap(dbx_checkpoint_merge *m, size_t at, dbx_error *error) {
    reader *r = &m->readers[m->heap[at]];
    if (r->entry.end.len == 0) return DBX_OK;
    m->gaps += r->gap_end.len == 0;
    r->gap_end.len = 0;
    dbx_buf_add(&r->gap_end, r->entry.end.ptr, r->entry.end.len);
    return r->gap_end.failed ? dbx_error_set(error, DBX_ENOMEM, "out of memory") : DBX_OK;
}

static void end_gaps(dbx_checkpoint_merge *m, dbx_slice key) {
    for (size_t i = 0; m->gaps > 0 && i < m->count; i++) {
        dbx_buf *end = &m->readers[i].gap_end;
        if (end->len == 0 || dbx_slice_cmp(key, dbx_buf_slice(end)) < 0) continue;
        end->len = 0;
        m->gaps--;
    }
}

/* Whether a newer file than the root's has a gap here. */
static bool hidden(const dbx_checkpoint_merge *m) {
    const reader *root = &m->readers[m->heap[0]];
    for (size_t i = m->heap[0] + 1; m->gaps > 0 && i < m->count; i++) {
        if (m->readers[i].file > root->file && m->readers[i].gap_end.len > 0) return true;
    }
    return false;
}

/* Begins with the root's delta: *value is a copy of it, for its reader is going to move. */
static int open_delta(dbx_checkpoint_merge *m, dbx_error *error) {
    const reader *root = &m->readers[m->heap[0]];
    m->open = (root->entry.flags & DBX_ENTRY_DELTA) != 0;
    if (!m->open) return DBX_OK;
    m->base = m->bases[root->file];
    m->value.len = 0;
    dbx_buf_add(&m->value, root->entry.value.ptr, root->entry.value.len);
    return m->value.failed ? dbx_error_set(error, DBX_ENOMEM, "out of memory") : DBX_OK;
}

/* Puts the delta together with what an older file has, unless it is of the same buffer, an earlier
 * state of what the delta is about as a whole. */
static int add_older(dbx_checkpoint_merge *m, const reader *older, dbx_error *error) {
    const dbx_checkpoint_entry *e = &older->entry;
    if (!m->open || m->bases[older->file] >= m->base) return DBX_OK;
    if ((e->flags & (DBX_ENTRY_DEAD | DBX_ENTRY_REFERS)) != 0) return damaged(error);
    m->open = (e->flags & DBX_ENTRY_DELTA) != 0;
    m->base = m->bases[older->file];
    dbx_slice newer = dbx_buf_slice(&m->value);
    int rc = m->open ? dbx_delta_join(&m->next, e->value, newer)
                     : dbx_delta_fill(&m->next, e->value, newer);
    dbx_buf value = m->next;
    m->next = m->value;
    m->value = value;
    if (rc == DBX_ENOMEM) return dbx_error_set(error, rc, "out of memory");
    return rc == DBX_OK && value.len <= DBX_VALUE_BYTES_MAX ? rc : damaged(error);
}

/* The newest of those below the root that have its key, if any do: they are right there. */
static size_t next_older(const dbx_checkpoint_merge *m) {
    size_t newest = 0;
    for (size_t at = 1; at <= 2 && at < m->heaped; at++) {
        if (!dbx_slice_eq(key_at(m, at), key_at(m, 0))) continue;
        if (newest == 0 || before(m, at, newest)) newest = at;
    }
    return newest;
}

/* Steps the other files past the root's key, newer ones first. */
static int pass_older(dbx_checkpoint_merge *m, dbx_error *error) {
    size_t at;
    while ((at = next_older(m)) != 0) {
        int rc = add_older(m, &m->readers[m->heap[at]], error);
        if (rc == DBX_OK) rc = note_gap(m, at, error);
        if (rc == DBX_OK) rc = step(m, at, error);
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

static int add_reader(dbx_checkpoint_merge *m, int fd, size_t file, uint64_t at) {
    void *readers = dbx_alloc_room(m->readers, &m->cap, m->count + 1, sizeof *m->readers);
    if (readers == NULL) return DBX_ENOMEM;
    m->readers = readers;
    m->readers[m->count++] = (reader){.fd = fd, .file = file, .at = at};
    return DBX_OK;
}

/* Adds a reader for each run of a file: the heads of its chunks say where they are. */
static int add_runs(dbx_checkpoint_merge *m, size_t file, const dbx_checkpoint_head *head,
                    dbx_error *error) {
    uint64_t at = DBX_CHECKPOINT_HEAD_BYTES;
    uint8_t bytes[DBX_CHUNK_HEAD_BYTES];
    for (uint64_t i = 0; i < head->chunks; i++) {
        int rc = read_exactly(m->fds[file], bytes, sizeof bytes, at, error);
        if (rc != DBX_OK) return rc;
        uint32_t len = dbx_load32(bytes + 4);
        if (i == 0 || (len & DBX_CHUNK_BEGINS_RUN) != 0) {
            rc = add_reader(m, m->fds[file], file, at);
            if (rc != DBX_OK) return dbx_error_set(error, rc, "out of memory");
        }
        at += sizeof bytes + (len & ~DBX_CHUNK_BEGINS_RUN);
        m->readers[m->count - 1].end = at;
    }
    return DBX_OK;
}

static int start_merge(dbx_checkpoint_merge *m, dbx_error *error) {
    m->heap = dbx_alloc_zero(m->count + 1, sizeof *m->heap);
    if (m->heap == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    for (size_t i = 0; i < m->count; i++) {
        int more = next_entry(&m->readers[i], error);
        if (more < 0) return more;
        if (more == 1) m->heap[m->heaped++] = i;
    }
    for (size_t at = m->heaped; at-- > 0;)
        sift_down(m, at);
    return DBX_OK;
}

int dbx_checkpoint_merge_open(const char *dir, const dbx_checkpoint_span *spans, size_t count,
                              dbx_checkpoint_merge **out, dbx_error *error) {
    dbx_checkpoint_merge *m = dbx_alloc_zero(1, sizeof *m);
    if (m == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    m->fds = dbx_alloc_zero(count, sizeof *m->fds);
    m->bases = dbx_alloc_zero(count, sizeof *m->bases);
    m->from = count > 0 ? spans[0].from : 0;
    int rc = m->fds != NULL && m->bases != NULL ? DBX_OK
                                                : dbx_error_set(error, DBX_ENOMEM, "out of memory");
    while (rc == DBX_OK && m->file_count < count) {
        dbx_checkpoint_head head;
        int fd = open_file(dir, spans[m->file_count], &head, error);
        if (fd < 0) rc = fd;
        if (fd < 0) break;
        m->fds[m->file_count] = fd;
        m->bases[m->file_count] = head.base;
        rc = add_runs(m, m->file_count++, &head, error);
    }
    if (rc == DBX_OK) rc = start_merge(m, error);
    if (rc != DBX_OK) {
        dbx_checkpoint_merge_close(m);
        return rc;
    }
    *out = m;
    return DBX_OK;
}

int dbx_checkpoint_merge_next(dbx_checkpoint_merge *m, dbx_checkpoint_entry *entry,
                              dbx_error *error) {
    int rc = m->given ? step(m, 0, error) : DBX_OK;
    m->given = false;
    while (rc == DBX_OK && m->heaped > 0) {
        end_gaps(m, key_at(m, 0));
        bool skipped = hidden(m);
        rc = open_delta(m, error);
        if (rc == DBX_OK) rc = pass_older(m, error);
        if (rc == DBX_OK) rc = note_gap(m, 0, error);
        if (rc == DBX_OK && skipped) rc = step(m, 0, error);
        if (rc != DBX_OK || skipped) continue;
        *entry = m->readers[m->heap[0]].entry;
        if (m->open && m->base < m->from) return damaged(error); /* the map has it already */
        if ((entry->flags & DBX_ENTRY_DELTA) != 0) entry->value = dbx_buf_slice(&m->value);
        if (!m->open) entry->flags &= (uint8_t)~DBX_ENTRY_DELTA;
        if (m->gaps > 0) entry->flags |= DBX_ENTRY_GAP;
        m->given = true;
        return 1;
    }
    return rc;
}

void dbx_checkpoint_merge_close(dbx_checkpoint_merge *m) {
    for (size_t i = 0; i < m->count; i++)
        close_reader(&m->readers[i]);
    for (size_t i = 0; i < m->file_count; i++)
        (void)close(m->fds[i]);
    dbx_alloc_free(m->fds);
    dbx_alloc_free(m->bases);
    dbx_buf_free(&m->value);
    dbx_buf_free(&m->next);
    dbx_alloc_free(m->readers);
    dbx_alloc_free(m->heap);
    dbx_alloc_free(m);
}
