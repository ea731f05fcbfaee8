/* no_sync.h: the disk syncs nothing, for tests that start hundreds of databases and lose no power:
 * they would wait for the disk most of their time. A program's own functions go before the C
 * library's, in libmdbx as well. Included once in a program.
 */
#ifndef DBX_TESTS_NO_SYNC_H
#define DBX_TESTS_NO_SYNC_H

#include <sys/mman.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fsync(int fd) {
    (void)fd;
    return 0;
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    (void)fd;
    return 0;
}

__attribute__((visibility("default"))) int msync(void *bytes, size_t len, int flags) {
    (void)bytes, (void)len, (void)flags;
    return 0;
}

#endif
