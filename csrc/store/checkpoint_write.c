/* checkpoint_write.c: see checkpoint_write.h. */
#include "store/checkpoint_write.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/format.h"
#include "store/key_order.h"
#include "store/spool.h"

enum { RUN_BYTES = 512 << 10 };

/* --- Putting ---------------------------------------------------------------------------------- */

/* Heads what was put, until its run is written. The key follows, the one where its gap ends, and
 * the value, or where it lies. */
typedef struct put {
    uint32_t value_len;
    uint16_t key_len, end_len;
    uint8_t flags;
} put;

_Static_assert(sizeof(put) >= DBX_CHECKPOINT_ENTRY_BYTES, "no chunk is longer than what was put");

/* The bytes behind the key. */
static size_t tail_len(const put *p) {
    bool refers = (p->flags & DBX_ENTRY_REFERS) != 0;
    return p->end_len + (refers ? DBX_CHECKPOINT_PLACE_BYTES : p->value_len);
}

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
    uint8_t flags = state->flags & DBX_ENTRY_LASTING;
    dbx_slice until = {NULL, 0};
    if ((flags & DBX_ENTRY_GAP) != 0 && end != NULL) until = dbx_entry_key(end);
    const put head = {(uint32_t)state->value.len, (uint16_t)key.len, (uint16_t)until.len, flags};
    dbx_buf_add(&w->records, &head, sizeof head);
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
    dbx_slice key; /* in `records`: behind its head */
} record;

static put head_of(const record *r) {
    put head;
    memcpy(&head, r->key.ptr - sizeof head, sizeof head);
    return head;
}

static int by_key(const void *a, const void *b) {
    const record *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return dbx_slice_cmp(x->key, y->key);
}

/* The records put, in key order; NULL: out of memory. Free it. */
static record *sorted(const dbx_checkpoint_writer *w) {
    record *records = dbx_alloc_resize_array(NULL, w->count, sizeof *records);
    const uint8_t *at = w->records.ptr;
    size_t shared = DBX_ENCODED_KEY_MAX;
    if (records == NULL) return NULL;
    for (size_t i = 0; i < w->count; i++) {
        record *r = &records[i];
        r->key.ptr = at + sizeof(put);
        put head = head_of(r);
        r->key.len = head.key_len;
        at = r->key.ptr + r->key.len + tail_len(&head);
        shared = dbx_key_shared(records[0].key, r->key, shared);
    }
    for (size_t i = 0; i < w->count; i++)
        records[i].order = dbx_key_order(records[i].key, shared);
    qsort(records, w->count, sizeof *records, by_key);
    return records;
}

/* `last`: the key before it in the chunk. Returns how long what was put is. */
static size_t add_entry(dbx_buf *chunk, dbx_slice last, const record *r) {
    uint8_t bytes[DBX_CHECKPOINT_ENTRY_BYTES];
    const put head = head_of(r);
    size_t n = 1, shared = dbx_key_shared(last, r->key, DBX_ENCODED_KEY_MAX);
    size_t rest = r->key.len - shared;
    bytes[0] = head.flags;
    n += dbx_format_varint(bytes + n, shared);
    n += dbx_format_varint(bytes + n, rest);
    n += dbx_format_varint(bytes + n, head.value_len);
    if ((head.flags & DBX_ENTRY_GAP) != 0) n += dbx_format_varint(bytes + n, head.end_len);
    dbx_buf_add(chunk, bytes, n);
    dbx_buf_add(chunk, r->key.ptr + shared, rest + tail_len(&head));
    return sizeof head + r->key.len + tail_len(&head);
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
    const dbx_slice nothing = {NULL, 0};
    dbx_buf chunk = {0};
    bool begins = true;
    size_t whole = 0; /* what is in the chunk, as it was put */
    int rc = DBX_OK;
    if (w->at == 0) w->at = DBX_CHECKPOINT_HEAD_BYTES;
    if (w->count == 0) return DBX_OK;
    record *records = sorted(w);
    if (records == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    for (size_t i = 0; rc == DBX_OK && i < w->count; i++) {
        if (whole == 0) dbx_buf_add(&chunk, room, sizeof room);
        whole += add_entry(&chunk, whole == 0 ? nothing : records[i - 1].key, &records[i]);
        if (!chunk.failed && whole < DBX_CHUNK_BYTES && i + 1 < w->count) continue;
        rc = write_chunk(w, &chunk, begins, fd, path, error);
        begins = false;
        whole = 0;
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
