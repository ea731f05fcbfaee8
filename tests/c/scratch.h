/* scratch.h: for tests on files: a directory of the test's own, whose file a descriptor is, and
 * waiting for a thread of the store's. */
#ifndef DBX_TESTS_SCRATCH_H
#define DBX_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { SCRATCH_BYTES = 32 };

/* Makes an empty directory and writes its path to `dir`. */
static inline void scratch_make(char dir[SCRATCH_BYTES]) {
    strcpy(dir, "/tmp/dbx-test-XXXXXX");
    if (mkdtemp(dir) == NULL) abort();
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(path);
}

/* Removes it with what is in it. Without another program: under an emulator each costs a lot. */
static inline void scratch_remove(const char *dir) {
    enum { DESCRIPTORS = 8 };
    CHECK_EQ(nftw(dir, scratch_remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
}

/* Whether the file of `fd` has `name` in its path. */
static inline bool is_below(int fd, const char *name) {
    char link[64], path[256];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return false;
    path[n] = '\0';
    return strstr(path, name) != NULL;
}

/* A step of waiting for something that another thread does. */
static inline void pause_ms(long ms) {
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

#endif
