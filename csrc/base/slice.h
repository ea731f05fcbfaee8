/* slice.h: a pointer and a length: any bytes, not owned, not terminated. */
#ifndef DBX_BASE_SLICE_H
#define DBX_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct dbx_slice {
    const uint8_t *ptr;
    size_t len;
} dbx_slice;

static inline dbx_slice dbx_slice_of(const void *ptr, size_t len) {
    return (dbx_slice){(const uint8_t *)ptr, len};
}

static inline dbx_slice dbx_slice_str(const char *text) {
    return (dbx_slice){(const uint8_t *)text, strlen(text)};
}

/* dbx_slice_from is what follows the first `at` bytes, of which there are as many. */
static inline dbx_slice dbx_slice_from(dbx_slice s, size_t at) {
    if (at == 0) return s; /* which may be no bytes at NULL: C has no sum of that */
    return (dbx_slice){s.ptr + at, s.len - at};
}

static inline bool dbx_slice_eq(dbx_slice a, dbx_slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* dbx_slice_lower is ASCII tolower, whatever the locale. */
static inline uint8_t dbx_slice_lower(uint8_t c) {
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* dbx_slice_eq_nocase compares as names of commands and options are compared: ASCII case is
 * ignored. */
static inline bool dbx_slice_eq_nocase(dbx_slice a, dbx_slice b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (dbx_slice_lower(a.ptr[i]) != dbx_slice_lower(b.ptr[i])) return false;
    }
    return true;
}

/* dbx_slice_cmp orders as memcmp does, a prefix before what it begins: every map's order. */
static inline int dbx_slice_cmp(dbx_slice a, dbx_slice b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

#endif
