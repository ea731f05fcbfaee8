/* alloc.h: every allocation of the C core goes through here, so that tests can make any one fail.
 *
 * In normal builds these are malloc and friends and cost nothing. With DBX_ALLOC_FAULTS defined the
 * n-th allocation from now can be made to fail: dbx_alloc_fail_after(n).
 */
#ifndef DBX_BASE_ALLOC_H
#define DBX_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef DBX_ALLOC_FAULTS

void *dbx_alloc(size_t n);
void *dbx_alloc_zero(size_t count, size_t size);
void *dbx_alloc_resize(void *ptr, size_t n);
void *dbx_alloc_pages(size_t bytes);

/* dbx_alloc_fail_after lets `n` more allocations succeed, makes the one after fail once, and
 * disarms itself. Any thread's allocation counts. Negative: disarm. */
void dbx_alloc_fail_after(long n);
/* dbx_alloc_failed says whether the armed failure has happened; clears the answer. */
int dbx_alloc_failed(void);

#else

/* dbx_alloc, dbx_alloc_zero and dbx_alloc_resize are malloc, calloc and realloc. */
static inline void *dbx_alloc(size_t n) {
    return malloc(n);
}

static inline void *dbx_alloc_zero(size_t count, size_t size) {
    return calloc(count, size);
}

static inline void *dbx_alloc_resize(void *ptr, size_t n) {
    return realloc(ptr, n);
}

/* dbx_alloc_pages maps zeroed memory straight from the system, to which dbx_alloc_free_pages gives
 * it back at once: for large things that come and go whole. NULL on failure. */
static inline void *dbx_alloc_pages(size_t bytes) {
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

#endif

static inline void dbx_alloc_free_pages(void *pages, size_t bytes) {
    if (pages != NULL) munmap(pages, bytes);
}

/* dbx_alloc_resize_array is realloc for `count` elements, NULL when count * size overflows. */
static inline void *dbx_alloc_resize_array(void *ptr, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    return dbx_alloc_resize(ptr, count * size);
}

/* dbx_alloc_room returns `array`, of *cap elements, with room for `need` (> 0) of them: as it is,
 * or at least doubled. NULL: out of memory, and the array is as it was. */
static inline void *dbx_alloc_room(void *array, size_t *cap, size_t need, size_t size) {
    if (need <= *cap) return array;
    size_t more = *cap < 8 ? 16 : *cap > SIZE_MAX / 2 ? SIZE_MAX : *cap * 2;
    if (more < need) more = need;
    void *grown = dbx_alloc_resize_array(array, more, size);
    if (grown != NULL) *cap = more;
    return grown;
}

static inline void dbx_alloc_free(void *ptr) {
    free(ptr);
}

#endif
