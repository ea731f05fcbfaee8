/* checkpoint_write.c: see checkpoint_write.h. */
#include "store/checkpoint_write.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/checkpoint_read.h"
#include "store/format.h"
#include "store/key_order.h"
#include "store/spool.h"

enum { RUN_BYTES = 512 << 10 };

/* --- Putting ---------------------------------------------------------------------------------- */

static void add64(dbx_buf *buf, uint64_t x) {
    uint8_t bytes[8];
    dbx_store64(bytes, x);
    dbx_buf_add(buf, bytes, sizeof bytes);
}

/* A value that lies in a spool: where. */
static void add_place(dbx_buf *buf, const dbx_buffer *buffer, dbx_slice value) {
    for (size_t i = 0; i < buffer->spool_count; i++) {
        const dbx_spool *spool = buffer->spools[i];
        if (!dbx_spool_holds(spool, value)) continue;
        add64(buf, dbx_spool_id(spool));
        add64(buf, dbx_spool_offset(spool, value));
        return;
    }
    buf->failed = true; /* a buffer holds every spool that it refers to */
}

int dbx_checkpoint_put(dbx_checkpoint_writer *w, const dbx_buffer *buffer, dbx_slice key,
                       const dbx_state *state, const dbx_entry *end) {
    uint8_t bytes[DBX_CHECKPOINT_ENTRY_BYTES], flags = state->flags & DBX_ENTRY_LASTING;
    dbx_slice until = {NULL, 0};
    if ((flags & DBX_ENTRY_GAP) != 0 && end != NULL) until = dbx_entry_key(end);
    bytes[0] = flags;
    dbx_store32(bytes + 1, (uint32_t)state->value.len);
    dbx_store16(bytes + 5, (uint16_t)key.len);
    dbx_store16(bytes + 7, (uint16_t)until.len);
    dbx_buf_add(&w->records, bytes, sizeof bytes);
    dbx_buf_add(&w->records, key.ptr, key.len);
    dbx_buf_add(&w->records, until.ptr, until.len);
    if ((flags & DBX_ENTRY_REFERS) != 0) {
        add_place(&w->records, buffer, state->value);
    } else {
        dbx_buf_add(&w->records, state->value.ptr, state->value.len);
    }
    w->count++;
    w->head.entries++;
    return w->records.failed ? DBX_ENOMEM : DBX_OK;
}

bool dbx_checkpoint_full(const dbx_checkpoint_writer *w) {
    return w->records.len >= RUN_BYTES;
}

/* --- Writing ---------------------------------------------------------------------------------- */

typedef struct record {
    uint64_t order;
    dbx_slice key, all;
} record;

static int by_key(const void *a, const void *b) {
    const record *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return dbx_slice_cmp(x->key, y->key);
}

/* The records put, in key order; NULL: out of memory. Free it. */
static record *sorted(const dbx_checkpoint_writer *w) {
    record *records = dbx_alloc_resize_array(NULL, w->count, sizeof *records);
    dbx_slice left = dbx_buf_slice(&w->records);
    size_t shared = DBX_ENCODED_KEY_MAX;
    if (records == NULL) return NULL;
    for (size_t i = 0; i < w->count; i++) {
        dbx_checkpoint_entry entry = {.flags = 0};
        const uint8_t *from = left.ptr;
        if (!dbx_checkpoint_parse(&left, &entry)) abort(); /* they are our own */
        records[i] = (record){0, entry.key, dbx_slice_of(from, (size_t)(left.ptr - from))};
        shared = dbx_key_shared(records[0].key, entry.key, shared);
    }
    for (size_t i = 0; i < w->count; i++)
        records[i].order = dbx_key_order(records[i].key, shared);
    qsort(records, w->count, sizeof *records, by_key);
    return records;
}

static int write_chunk(dbx_checkpoint_writer *w, dbx_buf *chunk, bool begins, int fd,
                       const char *path, dbx_error *error) {
    if (chunk->failed) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    uint32_t len = (uint32_t)(chunk->len - DBX_CHUNK_HEAD_BYTES);
    dbx_store32(chunk->ptr + 4, begins ? len | DBX_CHUNK_BEGINS_RUN : len);
    dbx_store32(chunk->ptr, dbx_crc32c(0, chunk->ptr + 4, chunk->len - 4));
    int rc = dbx_file_write(fd, chunk->ptr, chunk->len, w->at, path, error);
    w->at += chunk->len;
    w->head.chunks++;
    chunk->len = 0;
    return rc;
}

static int write_run(dbx_checkpoint_writer *w, int fd, const char *path, dbx_error *error) {
    static const uint8_t room[DBX_CHUNK_HEAD_BYTES];
    dbx_buf chunk = {0};
    bool begins = true;
    int rc = DBX_OK;
    if (w->at == 0) w->at = DBX_CHECKPOINT_HEAD_BYTES;
    if (w->count == 0) return DBX_OK;
    record *records = sorted(w);
    if (records == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    for (size_t i = 0; rc == DBX_OK && i < w->count; i++) {
        if (chunk.len == 0) dbx_buf_add(&chunk, room, sizeof room);
        dbx_buf_add(&chunk, records[i].all.ptr, records[i].all.len);
        if (!chunk.failed && chunk.len < DBX_CHUNK_BYTES && i + 1 < w->count) continue;
        rc = write_chunk(w, &chunk, begins, fd, path, error);
        begins = false;
    }
    dbx_buf_free(&chunk);
    dbx_alloc_free(records);
    w->count = w->records.len = 0;
    return rc;
}

static int open_part(const dbx_checkpoint_writer *w, char path[DBX_PATH_MAX], dbx_error *error) {
    int rc = dbx_checkpoint_path(path, w->dir, w->head.span, w->state, error);
    return rc != DBX_OK ? rc : dbx_file_open(path, O_WRONLY | O_CREAT, error);
}

int dbx_checkpoint_write(dbx_checkpoint_writer *w, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int fd = open_part(w, path, error);
    if (fd < 0) return fd;
    int rc = write_run(w, fd, path, error);
    dbx_file_begin_write(fd);
    (void)close(fd);
    return rc;
}

int dbx_checkpoint_seal(dbx_checkpoint_writer *w, dbx_error *error) {
    char part[DBX_PATH_MAX], sealed[DBX_PATH_MAX];
    uint8_t head[DBX_CHECKPOINT_HEAD_BYTES];
    int fd = open_part(w, part, error);
    if (fd < 0) return fd;
    int rc = write_run(w, fd, part, error);
    dbx_checkpoint_store_head(head, &w->head);
    if (rc == DBX_OK) rc = dbx_file_write(fd, head, sizeof head, 0, part, error);
    dbx_file_begin_write(fd);
    (void)close(fd);
    if (rc == DBX_OK) {
        rc = dbx_checkpoint_path(sealed, w->dir, w->head.span, DBX_CHECKPOINT_SEALED, error);
    }
    return rc != DBX_OK ? rc : dbx_file_rename(part, sealed, error);
}

void dbx_checkpoint_discard(const dbx_checkpoint_writer *w) {
    dbx_checkpoint_remove(w->dir, w->head.span, w->state);
}

void dbx_checkpoint_free(dbx_checkpoint_writer *w) {
    dbx_buf_free(&w->records);
}
