/* machine.c: what differs from one machine to the next, and from one process to the next, and must
 * not decide anything in a simulated run: see sched.h, which says the same of threads and clocks.
 * `--wrap` links the program's calls to these (cmake/sim.cmake).
 */
#include <dirent.h>
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "image.h"
#include "sched.h"

enum {
    PID = 4242, /* data directories name their owner */
    RAM_PAGES = 1 << 21,
    PARTS_MAX = 1024,             /* of a write */
    FILE_SYSTEM_TYPE = 0x58465342 /* XFS: nothing that libmdbx treats in a way of its own */
};

pid_t __wrap_getpid(void);
long __wrap_gethostid(void);
long __wrap_sysconf(int name);
int __wrap_fstatfs64(int fd, struct statfs64 *out);
FILE *__wrap_setmntent(const char *path, const char *type);
long __real_sysconf(int name);
int __real_fstatfs64(int fd, struct statfs64 *out);

pid_t __wrap_getpid(void) {
    return PID;
}

/* Without it, and without the boot's number (calls.c), libmdbx trusts nothing that was not synced:
 * each start is that of another boot, as after a power loss. */
long __wrap_gethostid(void) {
    return 0;
}

long __wrap_sysconf(int name) {
    switch (name) {
    case _SC_PHYS_PAGES:
    case _SC_AVPHYS_PAGES:
        return RAM_PAGES;
    case _SC_IOV_MAX:
        return PARTS_MAX;
    default:
        return __real_sysconf(name);
    }
}

int __wrap_fstatfs64(int fd, struct statfs64 *out) {
    int rc = __real_fstatfs64(fd, out);
    if (rc == 0) out->f_type = FILE_SYSTEM_TYPE;
    return rc;
}

FILE *__wrap_setmntent(const char *path, const char *type) {
    (void)path, (void)type;
    errno = ENOENT;
    return NULL;
}

/* --- Directories --------------------------------------------------------------------------------
 * A file system lists names in an order of its own: here in any. */

struct __dirstream {
    struct dirent *entries;
    size_t count, at;
};

DIR *__real_opendir(const char *path);
struct dirent *__real_readdir(DIR *listing);
int __real_closedir(DIR *listing);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *listing);
int __wrap_closedir(DIR *listing);

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct dirent *)a)->d_name, ((const struct dirent *)b)->d_name);
}

static void shuffle(DIR *listing) {
    qsort(listing->entries, listing->count, sizeof *listing->entries, by_name);
    for (size_t i = listing->count; sched_on() && i > 1; i--) {
        size_t other = (size_t)dbx_rand_below(sched_rand(), i);
        struct dirent moved = listing->entries[i - 1];
        listing->entries[i - 1] = listing->entries[other];
        listing->entries[other] = moved;
    }
}

DIR *__wrap_opendir(const char *path) {
    DIR *real = __real_opendir(path), *listing = calloc(1, sizeof *listing);
    struct dirent *entry;
    if (listing == NULL) abort();
    if (real == NULL) {
        free(listing);
        return NULL;
    }
    while ((entry = __real_readdir(real)) != NULL) {
        listing->entries = image_grow(listing->entries, listing->count, sizeof *entry);
        strcpy(listing->entries[listing->count++].d_name, entry->d_name);
    }
    (void)__real_closedir(real);
    shuffle(listing);
    return listing;
}

struct dirent *__wrap_readdir(DIR *listing) {
    return listing->at < listing->count ? &listing->entries[listing->at++] : NULL;
}

int __wrap_closedir(DIR *listing) {
    free(listing->entries);
    free(listing);
    return 0;
}
