/* buf.c: a growable byte buffer with a sticky failure flag; see buf.h. */
#include "base/buf.h"

#include <stdio.h>

#include "base/alloc.h"

enum { BUF_CAP_MIN = 64 };

void dbx_buf_free(dbx_buf *buf) {
    dbx_alloc_free(buf->ptr);
    *buf = (dbx_buf){0};
}

static bool grow(dbx_buf *buf, size_t need) {
    size_t cap = buf->cap < BUF_CAP_MIN ? BUF_CAP_MIN : buf->cap;
    if (cap <= DBX_BUF_BYTES_MAX / 2) cap += cap / 2;
    if (cap < need) cap = need;
    uint8_t *ptr = dbx_alloc_resize(buf->ptr, cap);
    if (ptr == NULL) return false;
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

uint8_t *dbx_buf_reserve(dbx_buf *buf, size_t more) {
    if (buf->failed) return NULL;
    if (more > DBX_BUF_BYTES_MAX - buf->len ||
        ((buf->cap - buf->len < more || buf->ptr == NULL) && !grow(buf, buf->len + more))) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void dbx_buf_insert(dbx_buf *buf, size_t at, const void *ptr, size_t n) {
    if (n == 0 || dbx_buf_reserve(buf, n) == NULL) return;
    memmove(buf->ptr + at + n, buf->ptr + at, buf->len - at);
    memcpy(buf->ptr + at, ptr, n);
    buf->len += n;
}

void dbx_buf_splice(dbx_buf *buf, size_t at, size_t old, const void *ptr, size_t n) {
    if (buf->failed || (n > old && dbx_buf_reserve(buf, n - old) == NULL)) return;
    size_t tail = buf->len - at - old;
    if (tail > 0) memmove(buf->ptr + at + n, buf->ptr + at + old, tail);
    if (n > 0) memcpy(buf->ptr + at, ptr, n);
    buf->len = buf->len - old + n;
}

void dbx_buf_consume(dbx_buf *buf, size_t n) {
    if (n == 0) return;
    buf->len -= n;
    if (buf->len > 0) memmove(buf->ptr, buf->ptr + n, buf->len);
}

void dbx_buf_shrink(dbx_buf *buf, size_t keep) {
    if (buf->len == 0 && buf->cap > keep) dbx_buf_free(buf);
}

void dbx_buf_vprintf(dbx_buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    size_t room = buf->failed ? 0 : buf->cap - buf->len;
    int len = vsnprintf(room > 0 ? (char *)buf->ptr + buf->len : NULL, room, format, args);
    if (len < 0) {
        buf->failed = true;
    } else if ((size_t)len < room) {
        buf->len += (size_t)len;
    } else if (dbx_buf_reserve(buf, (size_t)len + 1) != NULL) {
        (void)vsnprintf((char *)buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void dbx_buf_printf(dbx_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    dbx_buf_vprintf(buf, format, args);
    va_end(args);
}
