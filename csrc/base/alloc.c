/* alloc.c: allocation with one failure on demand, for tests; see alloc.h; empty otherwise. */
#include "base/alloc.h"

#ifdef DBX_ALLOC_FAULTS

#include <stdatomic.h>

static atomic_long allocs_left = -1; /* negative: disarmed */
static atomic_int alloc_failed;

static int fails_now(void) {
    long left = atomic_load(&allocs_left);
    do {
        if (left < 0) return 0;
    } while (!atomic_compare_exchange_weak(&allocs_left, &left, left - 1));
    if (left == 0) atomic_store(&alloc_failed, 1);
    return left == 0;
}

void *dbx_alloc(size_t n) {
    return fails_now() ? NULL : malloc(n);
}

void *dbx_alloc_zero(size_t count, size_t size) {
    return fails_now() ? NULL : calloc(count, size);
}

void *dbx_alloc_resize(void *ptr, size_t n) {
    return fails_now() ? NULL : realloc(ptr, n);
}

void *dbx_alloc_pages(size_t bytes) {
    if (fails_now()) return NULL;
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void dbx_alloc_fail_after(long n) {
    atomic_store(&alloc_failed, 0);
    atomic_store(&allocs_left, n);
}

int dbx_alloc_failed(void) {
    return atomic_exchange(&alloc_failed, 0);
}

#else

typedef int alloc_is_libc; /* ISO C wants something in every file */

#endif
