/* checkpoint_write.c: see checkpoint_write.h. */
#include "store/checkpoint_write.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/spool.h"

enum { WRITE_BYTES = 1 << 20 };

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

static void begin_chunk(dbx_checkpoint_writer *w) {
    static const uint8_t room[DBX_CHUNK_HEAD_BYTES];
    w->chunk = w->chunks.len;
    dbx_buf_add(&w->chunks, room, sizeof room);
    w->head.chunks++;
}

static void end_chunk(dbx_checkpoint_writer *w) {
    uint8_t *at = w->chunks.ptr + w->chunk;
    size_t len = w->chunks.len - w->chunk;
    dbx_store32(at + 4, (uint32_t)(len - DBX_CHUNK_HEAD_BYTES));
    dbx_store32(at, dbx_crc32c(0, at + 4, len - 4));
}

int dbx_checkpoint_put(dbx_checkpoint_writer *w, const dbx_buffer *buffer, dbx_slice key,
                       const dbx_state *state, const dbx_entry *end) {
    uint8_t bytes[DBX_CHECKPOINT_ENTRY_BYTES], flags = state->flags & DBX_ENTRY_LASTING;
    dbx_slice until = {NULL, 0};
    if (w->chunks.len == 0) begin_chunk(w);
    if ((flags & DBX_ENTRY_GAP) != 0 && end != NULL) until = dbx_entry_key(end);
    bytes[0] = flags;
    dbx_store32(bytes + 1, (uint32_t)state->value.len);
    dbx_store16(bytes + 5, (uint16_t)key.len);
    dbx_store16(bytes + 7, (uint16_t)until.len);
    dbx_buf_add(&w->chunks, bytes, sizeof bytes);
    dbx_buf_add(&w->chunks, key.ptr, key.len);
    dbx_buf_add(&w->chunks, until.ptr, until.len);
    if ((flags & DBX_ENTRY_REFERS) != 0) {
        add_place(&w->chunks, buffer, state->value);
    } else {
        dbx_buf_add(&w->chunks, state->value.ptr, state->value.len);
    }
    w->head.entries++;
    if (!w->chunks.failed && w->chunks.len - w->chunk >= DBX_CHUNK_BYTES) {
        end_chunk(w);
        begin_chunk(w);
    }
    return w->chunks.failed ? DBX_ENOMEM : DBX_OK;
}

bool dbx_checkpoint_full(const dbx_checkpoint_writer *w) {
    return w->chunks.len >= WRITE_BYTES;
}

static int open_part(const dbx_checkpoint_writer *w, char path[DBX_PATH_MAX], dbx_error *error) {
    int rc = dbx_checkpoint_path(path, w->dir, w->head.span, w->state, error);
    return rc != DBX_OK ? rc : dbx_file_open(path, O_WRONLY | O_CREAT, error);
}

static int write_chunks(dbx_checkpoint_writer *w, int fd, const char *path, dbx_error *error) {
    uint64_t at = w->at > 0 ? w->at : DBX_CHECKPOINT_HEAD_BYTES;
    if (w->chunks.len == 0) return DBX_OK;
    end_chunk(w);
    w->at = at + w->chunks.len;
    int rc = dbx_file_write(fd, w->chunks.ptr, w->chunks.len, at, path, error);
    w->chunks.len = 0;
    return rc;
}

int dbx_checkpoint_write(dbx_checkpoint_writer *w, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int fd = open_part(w, path, error);
    if (fd < 0) return fd;
    int rc = write_chunks(w, fd, path, error);
    dbx_file_begin_write(fd);
    (void)close(fd);
    return rc;
}

int dbx_checkpoint_seal(dbx_checkpoint_writer *w, dbx_error *error) {
    char part[DBX_PATH_MAX], sealed[DBX_PATH_MAX];
    uint8_t head[DBX_CHECKPOINT_HEAD_BYTES];
    int fd = open_part(w, part, error);
    if (fd < 0) return fd;
    int rc = write_chunks(w, fd, part, error);
    dbx_checkpoint_store_head(head, &w->head);
    if (rc == DBX_OK) rc = dbx_file_write(fd, head, sizeof head, 0, part, error);
    dbx_file_begin_write(fd);
    (void)close(fd);
    if (rc == DBX_OK)
        rc = dbx_checkpoint_path(sealed, w->dir, w->head.span, DBX_CHECKPOINT_SEALED, error);
    return rc != DBX_OK ? rc : dbx_file_rename(part, sealed, error);
}

void dbx_checkpoint_discard(const dbx_checkpoint_writer *w) {
    dbx_checkpoint_remove(w->dir, w->head.span, w->state);
}

void dbx_checkpoint_free(dbx_checkpoint_writer *w) {
    dbx_buf_free(&w->chunks);
}
