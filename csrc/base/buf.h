/* buf.h: a growable byte buffer with a sticky failure flag.
 *
 * Writers append without testing each call; `failed` is set when an allocation fails or
 * DBX_BUF_BYTES_MAX would be passed, and later appends do nothing. Test it once, where the bytes
 * are used.
 */
#ifndef DBX_BASE_BUF_H
#define DBX_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

/* No buffer grows beyond this: lengths stay usable as ptrdiff_t. */
#define DBX_BUF_BYTES_MAX ((size_t)PTRDIFF_MAX)

typedef struct dbx_buf {
    uint8_t *ptr; /* owned; NULL while cap is 0 */
    size_t len;   /* bytes written */
    size_t cap;   /* bytes allocated */
    bool failed;  /* an append was dropped; `len` is what fitted before it */
} dbx_buf;

/* dbx_buf_free releases the memory and makes the buffer empty and usable again. */
void dbx_buf_free(dbx_buf *buf);

/* dbx_buf_reserve makes room for `more` bytes after len; returns the write position or NULL (then
 * `failed` is set). Growth is by half, so a million appends cost O(n). Nothing is added to len. */
uint8_t *dbx_buf_reserve(dbx_buf *buf, size_t more);

/* dbx_buf_insert opens a gap of `n` bytes at `at` (<= len) and fills it from `ptr`. */
void dbx_buf_insert(dbx_buf *buf, size_t at, const void *ptr, size_t n);

/* dbx_buf_splice replaces the `old` bytes at `at` (at + old <= len) by `n` others, which may not
 * lie in the buffer. */
void dbx_buf_splice(dbx_buf *buf, size_t at, size_t old, const void *ptr, size_t n);

/* dbx_buf_consume drops the first `n` bytes (<= len) by moving the rest to the front. */
void dbx_buf_consume(dbx_buf *buf, size_t n);

/* dbx_buf_shrink gives memory back when the buffer is empty and holds more than `keep` bytes. */
void dbx_buf_shrink(dbx_buf *buf, size_t keep);

static inline void dbx_buf_add(dbx_buf *buf, const void *ptr, size_t n) {
    if (n == 0 || buf->failed) return;
    if (buf->cap - buf->len < n && dbx_buf_reserve(buf, n) == NULL) return;
    memcpy(buf->ptr + buf->len, ptr, n);
    buf->len += n;
}

static inline void dbx_buf_byte(dbx_buf *buf, uint8_t byte) {
    dbx_buf_add(buf, &byte, 1);
}

static inline void dbx_buf_str(dbx_buf *buf, const char *text) {
    dbx_buf_add(buf, text, strlen(text));
}

/* dbx_buf_printf appends formatted text, of any length. */
void dbx_buf_vprintf(dbx_buf *buf, const char *format, va_list args);
__attribute__((format(printf, 2, 3))) void dbx_buf_printf(dbx_buf *buf, const char *format, ...);

static inline dbx_slice dbx_buf_slice(const dbx_buf *buf) {
    return (dbx_slice){buf->ptr, buf->len};
}

#endif
