/* checkpoint_read.c: see checkpoint_read.h. */
#include "store/checkpoint_read.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/entry.h"
#include "store/format.h"

/* --- One file --------------------------------------------------------------------------------- */

typedef struct reader {
    int fd;
    uint64_t at, chunks, entries; /* read so far */
    dbx_buf chunk;                /* without its head */
    dbx_slice left;               /* of it */
    dbx_checkpoint_head head;
    dbx_checkpoint_entry entry; /* the last one read */
    dbx_buf gap_end;            /* the key where the last gap met ends; empty: it lies behind us */
} reader;

static int damaged(const reader *r, dbx_error *error) {
    return dbx_error_set(error, DBX_ECORRUPT, "checkpoint %llu-%llu is not whole",
                         (unsigned long long)r->head.span.from,
                         (unsigned long long)r->head.span.to);
}

static int read_exactly(reader *r, void *bytes, size_t len, dbx_error *error) {
    int64_t n = dbx_file_read(r->fd, bytes, len, r->at, "a checkpoint", error);
    if (n < 0) return (int)n;
    r->at += (uint64_t)n;
    return (size_t)n == len ? DBX_OK : damaged(r, error);
}

static int open_reader(reader *r, const char *dir, dbx_checkpoint_span span, dbx_error *error) {
    char path[DBX_PATH_MAX];
    uint8_t head[DBX_CHECKPOINT_HEAD_BYTES];
    *r = (reader){.fd = -1, .head = {.span = span}};
    int rc = dbx_checkpoint_path(path, dir, span, DBX_CHECKPOINT_SEALED, error);
    if (rc != DBX_OK) return rc;
    r->fd = dbx_file_open(path, O_RDONLY, error);
    if (r->fd < 0) return r->fd;
    rc = read_exactly(r, head, sizeof head, error);
    if (rc != DBX_OK) return rc;
    bool whole = dbx_checkpoint_load_head(head, &r->head) && r->head.span.from == span.from &&
                 r->head.span.to == span.to;
    return whole ? DBX_OK : damaged(r, error);
}

static void close_reader(reader *r) {
    if (r->fd >= 0) (void)close(r->fd);
    dbx_buf_free(&r->chunk);
    dbx_buf_free(&r->gap_end);
}

static int read_chunk(reader *r, dbx_error *error) {
    uint8_t head[DBX_CHUNK_HEAD_BYTES];
    int rc = read_exactly(r, head, sizeof head, error);
    if (rc != DBX_OK) return rc;
    size_t len = dbx_load32(head + 4);
    if (len > DBX_CHUNK_BYTES_MAX) return damaged(r, error);
    r->chunk.len = 0;
    if (dbx_buf_reserve(&r->chunk, len + 1) == NULL) {
        return dbx_error_set(error, DBX_ENOMEM, "out of memory while reading a checkpoint");
    }
    rc = read_exactly(r, r->chunk.ptr, len, error);
    if (rc != DBX_OK) return rc;
    r->chunk.len = len;
    r->left = dbx_buf_slice(&r->chunk);
    r->chunks++;
    uint32_t crc = dbx_crc32c(dbx_crc32c(0, head + 4, 4), r->chunk.ptr, len);
    return crc == dbx_load32(head) ? DBX_OK : damaged(r, error);
}

/* Takes `n` bytes off what is left of the chunk; false: there are fewer. */
static bool cut(dbx_slice *left, size_t n, dbx_slice *out) {
    if (n > left->len) return false;
    *out = dbx_slice_of(left->ptr, n);
    *left = dbx_slice_of(left->ptr + n, left->len - n);
    return true;
}

static bool parse(dbx_slice *left, dbx_checkpoint_entry *entry) {
    dbx_slice fixed, place;
    if (!cut(left, DBX_CHECKPOINT_ENTRY_BYTES, &fixed)) return false;
    size_t value_len = dbx_load32(fixed.ptr + 1);
    size_t key_len = dbx_load16(fixed.ptr + 5), end_len = dbx_load16(fixed.ptr + 7);
    if (key_len == 0 || key_len > DBX_ENCODED_KEY_MAX || end_len > DBX_ENCODED_KEY_MAX) {
        return false;
    }
    entry->flags = fixed.ptr[0];
    if (!cut(left, key_len, &entry->key) || !cut(left, end_len, &entry->end)) return false;
    if ((entry->flags & DBX_ENTRY_REFERS) == 0) return cut(left, value_len, &entry->value);
    if (!cut(left, 16, &place)) return false;
    entry->value = dbx_slice_of(NULL, value_len);
    entry->spool = dbx_load64(place.ptr);
    entry->offset = dbx_load64(place.ptr + 8);
    return true;
}

/* 1, 0 at the end, or a failure. */
static int next_entry(reader *r, dbx_error *error) {
    while (r->left.len == 0) {
        if (r->chunks == r->head.chunks) {
            return r->entries == r->head.entries ? 0 : damaged(r, error);
        }
        int rc = read_chunk(r, error);
        if (rc != DBX_OK) return rc;
    }
    r->entries++;
    return parse(&r->left, &r->entry) ? 1 : damaged(r, error);
}

int dbx_checkpoint_check(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_head *head,
                         dbx_error *error) {
    reader r;
    int rc = open_reader(&r, dir, span, error);
    if (rc == DBX_OK) {
        do {
            rc = next_entry(&r, error);
        } while (rc == 1);
    }
    *head = r.head;
    close_reader(&r);
    return rc;
}

/* --- Several ---------------------------------------------------------------------------------- */

struct dbx_checkpoint_merge {
    reader *readers; /* oldest first */
    size_t count;
    size_t *heap; /* of those that stand on an entry: the one that comes first is its root */
    size_t heaped;
    bool given;  /* the root's entry */
    size_t gaps; /* readers with a gap that goes on */
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
    for (size_t i = m->heap[0] + 1; m->gaps > 0 && i < m->count; i++) {
        if (m->readers[i].gap_end.len > 0) return true;
    }
    return false;
}

/* Steps the other files past the root's key; those that have it are right below the root. */
static int pass_older(dbx_checkpoint_merge *m, dbx_error *error) {
    for (;;) {
        size_t at = 1;
        while (at < m->heaped && at <= 2 && !dbx_slice_eq(key_at(m, at), key_at(m, 0)))
            at++;
        if (at >= m->heaped || at > 2) return DBX_OK;
        int rc = note_gap(m, at, error);
        if (rc == DBX_OK) rc = step(m, at, error);
        if (rc != DBX_OK) return rc;
    }
}

int dbx_checkpoint_merge_open(const char *dir, const dbx_checkpoint_span *spans, size_t count,
                              dbx_checkpoint_merge **out, dbx_error *error) {
    dbx_checkpoint_merge *m = dbx_alloc_zero(1, sizeof *m);
    if (m == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    m->readers = dbx_alloc_zero(count, sizeof *m->readers);
    m->heap = dbx_alloc_zero(count, sizeof *m->heap);
    int rc = m->readers != NULL && m->heap != NULL
                 ? DBX_OK
                 : dbx_error_set(error, DBX_ENOMEM, "out of memory");
    while (rc == DBX_OK && m->count < count) {
        rc = open_reader(&m->readers[m->count], dir, spans[m->count], error);
        m->count++;
    }
    for (size_t i = 0; rc == DBX_OK && i < count; i++) {
        int more = next_entry(&m->readers[i], error);
        if (more < 0) rc = more;
        if (more == 1) m->heap[m->heaped++] = i;
    }
    if (rc != DBX_OK) {
        dbx_checkpoint_merge_close(m);
        return rc;
    }
    for (size_t at = m->heaped; at-- > 0;)
        sift_down(m, at);
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
        rc = pass_older(m, error);
        if (rc == DBX_OK) rc = note_gap(m, 0, error);
        if (rc == DBX_OK && skipped) rc = step(m, 0, error);
        if (rc != DBX_OK || skipped) continue;
        *entry = m->readers[m->heap[0]].entry;
        if (m->gaps > 0) entry->flags |= DBX_ENTRY_GAP;
        m->given = true;
        return 1;
    }
    return rc;
}

void dbx_checkpoint_merge_close(dbx_checkpoint_merge *m) {
    for (size_t i = 0; i < m->count; i++)
        close_reader(&m->readers[i]);
    dbx_alloc_free(m->readers);
    dbx_alloc_free(m->heap);
    dbx_alloc_free(m);
}
