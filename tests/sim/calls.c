/* calls.c: see calls.h. `--wrap` links the program's calls to these (cmake/sim.cmake); outside a
 * run, and for files elsewhere, they are the system's. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "disk.h"
#include "sched.h"

enum {
    FDS_MAX = 1024,
    ROOT_MAX = 128,
    SYNC_US_MAX = 4000, /* a sync takes up to so long, or now and then a hundred times that */
    SLOW_SYNCS = 40,
    TOTAL_BLOCKS = 1 << 18,      /* of the file system, of 4096 bytes */
    STALE_BYTES_MAX = 128 << 10, /* of a block: more than libmdbx writes of one */
    STALE = 0xa5                 /* what is left in memory that is given out */
};

typedef struct handle {
    enum { ELSEWHERE, FILE_HANDLE, DIRECTORY } kind;
    int file;
    bool mapped, through;
    char path[DISK_PATH_MAX]; /* of a directory */
} handle;

static handle handles[FDS_MAX];
static char root[ROOT_MAX];

void calls_root(const char *dir) {
    if (strlen(dir) >= sizeof root) abort();
    strcpy(root, dir);
}

/* --- Failures -----------------------------------------------------------------------------------
 */

typedef enum kind { OPEN, MAKE, WRITE, READ, SYNC, SIZE, NAME, REMOVE, MAP, DUP, ASK, KINDS } kind;

#define HOW(how) (1u << CALLS_##how)
#define ROOM (HOW(NO_SPACE) | HOW(QUOTA))

static const unsigned can_fail[KINDS] = {
    [OPEN] = HOW(IO) | HOW(INTERRUPT) | HOW(NO_FILES),
    [MAKE] = ROOM | HOW(IO) | HOW(INTERRUPT) | HOW(NO_FILES),
    [WRITE] = ROOM | HOW(IO) | HOW(INTERRUPT) | HOW(SHORT),
    [READ] = HOW(IO) | HOW(INTERRUPT) | HOW(SHORT),
    [SYNC] = ROOM | HOW(IO) | HOW(INTERRUPT),
    [SIZE] = ROOM | HOW(IO) | HOW(INTERRUPT),
    [NAME] = ROOM | HOW(IO),
    [REMOVE] = HOW(IO),
    [MAP] = HOW(NO_MEMORY),
    [DUP] = HOW(NO_FILES),
    [ASK] = HOW(IO),
};

static const char *const failure_names[CALLS_FAILURES] = {
    "no space",      "over quota", "I/O error", "interrupted", "short",
    "no more files", "no memory",  "no thread", "full"};

static const int failure_errno[CALLS_FAILURES] = {ENOSPC, EDQUOT, EIO,    EINTR, 0,
                                                  EMFILE, ENOMEM, EAGAIN, 0};

static calls_failure how;
static long left = -1; /* calls that may still succeed; -1: all */
static bool failed, full;
static char what[160];

const char *calls_failure_name(calls_failure which) {
    return failure_names[which];
}

void calls_fail(calls_failure which, long n) {
    how = which;
    left = n;
    failed = full = false;
    what[0] = '\0';
}

bool calls_failed(void) {
    return failed;
}

const char *calls_what(void) {
    return what;
}

void calls_heal(void) {
    left = -1;
    full = false;
}

static bool strikes(const char *call, const char *on) {
    if (left < 0 || left-- > 0) return false;
    failed = true;
    (void)snprintf(what, sizeof what, "%s(%s)", call, on);
    return true;
}

/* Whether this call is to fail: with errno set, or in part (*part). `more`: it takes more room. */
static bool fails(kind k, const char *call, const char *on, bool more, bool *part) {
    if (!sched_on()) return false;
    sched_point();
    if (how == CALLS_FULL) {
        if (!full && (k == WRITE || k == SIZE || k == MAKE)) full = strikes(call, on);
        errno = ENOSPC;
        return full && more;
    }
    if ((can_fail[k] & 1u << how) == 0 || !strikes(call, on)) return false;
    errno = failure_errno[how];
    if (how != CALLS_SHORT) return true;
    *part = true;
    return false;
}

int calls_thread_fault(void) {
    return how == CALLS_NO_THREAD && strikes("pthread_create", "") ? EAGAIN : 0;
}

/* --- Which file ---------------------------------------------------------------------------------
 */

/* The path below the root; NULL: elsewhere, or a file whose content does not outlive a process:
 * libmdbx sets its lock file up anew. */
static const char *below(const char *path) {
    size_t len = strlen(root);
    if (!sched_on() || !disk_recording() || len == 0 || strncmp(path, root, len) != 0) return NULL;
    if (path[len] != '/' && path[len] != '\0') return NULL;
    const char *rest = path[len] == '/' ? path + len + 1 : path + len;
    size_t rest_len = strlen(rest);
    if (rest_len > 4 && strcmp(rest + rest_len - 4, "-lck") == 0) return NULL;
    return rest;
}

static handle *handle_of(int fd) {
    static handle none;
    return sched_on() && fd >= 0 && fd < FDS_MAX ? &handles[fd] : &none;
}

static const char *name_of(const handle *h) {
    static char text[DISK_PATH_MAX];
    if (h->kind == FILE_HANDLE) {
        (void)snprintf(text, sizeof text, "file %d", h->file);
        return text;
    }
    return h->path;
}

/* --- Opening ------------------------------------------------------------------------------------
 */

int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __real_close(int fd);
int __real_dup(int fd);

static void note_open(int fd, const char *path, int flags) {
    if (fd >= FDS_MAX) abort();
    handle *h = &handles[fd];
    *h = (handle){.kind = FILE_HANDLE, .through = (flags & O_DSYNC) != 0};
    if ((flags & O_DIRECTORY) != 0) {
        h->kind = DIRECTORY;
        strcpy(h->path, path);
        return;
    }
    h->file = disk_file(path);
    if (h->file < 0) h->file = disk_create(path);
    if ((flags & O_TRUNC) != 0) disk_size(h->file, 0);
}

/* What is the machine's own: not there. Whoever wants random numbers asks getrandom, which is
 * sched.c's: the same ones for the same seed. */
static bool is_machines(const char *path) {
    static const char *const paths[] = {"/proc/sys/kernel/random/uuid", "/dev/urandom",
                                        "/proc/sys/kernel/random/boot_id", "/etc/machine-id",
                                        "/var/lib/dbus/machine-id"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (strcmp(path, paths[i]) == 0) return true;
    }
    return false;
}

static int open_it(const char *path, int flags, mode_t mode) {
    const char *name = below(path);
    if (is_machines(path)) {
        errno = ENOENT;
        return -1;
    }
    if (name == NULL) {
        int fd = __real_open(path, flags, mode);
        if (fd >= 0 && fd < FDS_MAX) handles[fd].kind = ELSEWHERE;
        return fd;
    }
    bool part, directory = (flags & O_DIRECTORY) != 0, there = directory || disk_file(name) >= 0;
    if (fails(there || (flags & O_CREAT) == 0 ? OPEN : MAKE, "open", name, !there, &part)) {
        return -1;
    }
    int fd = __real_open(path, flags, mode);
    if (fd >= 0) note_open(fd, name, flags);
    return fd;
}

static mode_t mode_of(int flags, va_list args) {
    return (flags & O_CREAT) != 0 ? (mode_t)va_arg(args, unsigned) : 0;
}

int __wrap_open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_it(path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_it(path, flags, mode);
}

int __wrap_close(int fd) {
    handle_of(fd)->kind = ELSEWHERE;
    return __real_close(fd);
}

int __wrap_dup(int fd) {
    bool part;
    if (fails(DUP, "dup", name_of(handle_of(fd)), false, &part)) return -1;
    int copy = __real_dup(fd);
    if (copy >= 0) *handle_of(copy) = *handle_of(fd);
    return copy;
}

/* --- Bytes --------------------------------------------------------------------------------------
 */

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __real_pwritev64(int fd, const struct iovec *parts, int count, off64_t at);
ssize_t __real_pread(int fd, void *bytes, size_t len, off_t at);

static bool grows(int fd, off_t end) {
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size < end;
}

static ssize_t write_it(int fd, const void *bytes, size_t len, off_t at) {
    handle *h = handle_of(fd);
    bool part = false;
    if (h->kind != FILE_HANDLE) return __real_pwrite(fd, bytes, len, at);
    if (fails(WRITE, "pwrite", name_of(h), grows(fd, at + (off_t)len), &part)) {
        /* What was to be written through may be in memory all the same. */
        if (h->through && errno == EIO && __real_pwrite(fd, bytes, len, at) == (ssize_t)len) {
            disk_write(h->file, bytes, len, (uint64_t)at);
            errno = EIO;
        }
        return -1;
    }
    ssize_t n = __real_pwrite(fd, bytes, part ? (len + 1) / 2 : len, at);
    if (n > 0 && h->through) disk_write_through(h->file, bytes, (size_t)n, (uint64_t)at);
    if (n > 0 && !h->through) disk_write(h->file, bytes, (size_t)n, (uint64_t)at);
    return n;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at) {
    return write_it(fd, bytes, len, at);
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    return write_it(fd, bytes, len, at);
}

/* One write, in however many parts: libmdbx joins those that lie next to each other in memory. */
ssize_t __wrap_pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    size_t len = 0;
    if (handle_of(fd)->kind != FILE_HANDLE) return __real_pwritev64(fd, parts, count, at);
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    uint8_t *bytes = malloc(len);
    if (bytes == NULL) abort();
    len = 0;
    for (int i = 0; i < count; i++) {
        memcpy(bytes + len, parts[i].iov_base, parts[i].iov_len);
        len += parts[i].iov_len;
    }
    ssize_t n = write_it(fd, bytes, len, at);
    int saved = errno;
    free(bytes);
    errno = saved;
    return n;
}

static ssize_t read_it(int fd, void *bytes, size_t len, off_t at) {
    handle *h = handle_of(fd);
    bool part = false;
    if (h->kind == FILE_HANDLE && fails(READ, "pread", name_of(h), false, &part)) return -1;
    return __real_pread(fd, bytes, part ? (len + 1) / 2 : len, at);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t at) {
    return read_it(fd, bytes, len, at);
}

ssize_t __wrap_pread64(int fd, void *bytes, size_t len, off64_t at) {
    return read_it(fd, bytes, len, at);
}

/* --- Sizes --------------------------------------------------------------------------------------
 */

int __real_ftruncate(int fd, off_t size);
int __real_posix_fallocate(int fd, off_t from, off_t len);

static int truncate_it(int fd, off_t size) {
    handle *h = handle_of(fd);
    bool part;
    if (h->kind != FILE_HANDLE) return __real_ftruncate(fd, size);
    if (fails(SIZE, "ftruncate", name_of(h), false, &part)) return -1;
    int rc = __real_ftruncate(fd, size);
    if (rc == 0) disk_size(h->file, (uint64_t)size);
    return rc;
}

int __wrap_ftruncate(int fd, off_t size) {
    return truncate_it(fd, size);
}

int __wrap_ftruncate64(int fd, off64_t size) {
    return truncate_it(fd, size);
}

/* Room is only promised: a simulated disk has enough, and real pages take long to make. */
static int allocate_it(int fd, off_t from, off_t len) {
    handle *h = handle_of(fd);
    bool part, more = grows(fd, from + len);
    if (h->kind != FILE_HANDLE) return __real_posix_fallocate(fd, from, len);
    if (fails(SIZE, "fallocate", name_of(h), more, &part)) return errno;
    if (!more) return 0;
    if (__real_ftruncate(fd, from + len) != 0) return errno;
    disk_size(h->file, (uint64_t)(from + len));
    return 0;
}

int __wrap_posix_fallocate(int fd, off_t from, off_t len) {
    return allocate_it(fd, from, len);
}

int __wrap_posix_fallocate64(int fd, off64_t from, off64_t len) {
    return allocate_it(fd, from, len);
}

int __real_statvfs(const char *path, struct statvfs *out);

int __wrap_statvfs(const char *path, struct statvfs *out) {
    const char *name = below(path);
    bool part;
    if (name == NULL) return __real_statvfs(path, out);
    if (fails(ASK, "statvfs", name, false, &part)) return -1;
    memset(out, 0, sizeof *out);
    out->f_bsize = out->f_frsize = DISK_PAGE;
    out->f_blocks = TOTAL_BLOCKS;
    out->f_bfree = out->f_bavail = full ? 0 : TOTAL_BLOCKS / 2;
    return 0;
}

/* --- Syncs --------------------------------------------------------------------------------------
 */

int __real_fdatasync(int fd);
int __real_fsync(int fd);

/* What was written through a mapping is known when it is synced. */
static void look_at_mapping(int fd, const handle *h) {
    struct stat st;
    if (!h->mapped || fstat(fd, &st) != 0 || st.st_size == 0) return;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) abort();
    disk_compare(h->file, bytes, (size_t)st.st_size);
    (void)munmap(bytes, (size_t)st.st_size);
}

/* Others run meanwhile, and what they write is not covered. */
static int sync_it(int fd, const handle *open) {
    const handle h = *open; /* may be closed meanwhile */
    bool part;
    look_at_mapping(fd, &h);
    disk_sync begun = disk_sync_begin();
    int64_t us = (int64_t)dbx_rand_below(sched_rand(), SYNC_US_MAX);
    if (dbx_rand_below(sched_rand(), SLOW_SYNCS) == 0) us *= 100;
    sched_sleep(us);
    bool failure = fails(SYNC, "sync", name_of(&h), false, &part);
    if (failure && errno == EINTR) return -1; /* nothing is lost, and nothing durable */
    int saved = errno;
    if (h.kind == DIRECTORY) disk_sync_directory(h.path, begun, failure);
    if (h.kind == FILE_HANDLE) disk_sync_end(h.file, begun, failure);
    errno = saved;
    return failure ? -1 : 0;
}

int __wrap_fdatasync(int fd) {
    handle *h = handle_of(fd);
    return h->kind == ELSEWHERE ? __real_fdatasync(fd) : sync_it(fd, h);
}

int __wrap_fsync(int fd) {
    handle *h = handle_of(fd);
    return h->kind == ELSEWHERE ? __real_fsync(fd) : sync_it(fd, h);
}

/* --- Names --------------------------------------------------------------------------------------
 */

int __real_mkdir(const char *path, mode_t mode);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);

int __wrap_mkdir(const char *path, mode_t mode) {
    const char *name = below(path);
    bool part;
    if (name != NULL && fails(NAME, "mkdir", name, true, &part)) return -1;
    int rc = __real_mkdir(path, mode);
    if (rc == 0 && name != NULL) disk_make_directory(name);
    return rc;
}

int __wrap_rename(const char *from, const char *to) {
    const char *name = below(from), *new_name = below(to);
    bool part;
    if (name != NULL && fails(NAME, "rename", name, false, &part)) return -1;
    int rc = __real_rename(from, to);
    if (rc == 0 && name != NULL && new_name != NULL) disk_rename(name, new_name);
    return rc;
}

int __wrap_unlink(const char *path) {
    const char *name = below(path);
    bool part;
    if (name != NULL && fails(REMOVE, "unlink", name, false, &part)) return -1;
    int rc = __real_unlink(path);
    if (rc == 0 && name != NULL) disk_remove(name);
    return rc;
}

/* --- Mappings -----------------------------------------------------------------------------------
 */

void *__real_mmap(void *at, size_t len, int protection, int flags, int fd, off_t from);
void *__real_mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t from);
void *__real_mremap(void *old, size_t old_len, size_t len, int flags, ...);

static void *map_it(void *at, size_t len, int protection, int flags, int fd, off_t from) {
    handle *h = handle_of(fd);
    bool part;
    if (fails(MAP, "mmap", name_of(h), false, &part)) return MAP_FAILED;
    void *mapped = __real_mmap(at, len, protection, flags, fd, from);
    bool written = (protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0;
    if (mapped != MAP_FAILED && written) h->mapped = true;
    return mapped;
}

void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t from) {
    return map_it(at, len, protection, flags, fd, from);
}

void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t from) {
    return map_it(at, len, protection, flags, fd, from);
}

void *__wrap_mremap(void *old, size_t old_len, size_t len, int flags, ...) {
    va_list args;
    bool part;
    va_start(args, flags);
    void *to = (flags & MREMAP_FIXED) != 0 ? va_arg(args, void *) : NULL;
    va_end(args);
    if (fails(MAP, "mremap", "", false, &part)) return MAP_FAILED;
    return __real_mremap(old, old_len, len, flags, to);
}

/* --- Memory -------------------------------------------------------------------------------------
 */

/* The simulation's own allocations are the system's: see cmake/sim.cmake. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);

static bool no_memory(const char *call) {
    bool part;
    return sched_on() && how == CALLS_NO_MEMORY && left >= 0 && fails(MAP, call, "", false, &part);
}

/* From `known` on a block holds what nobody can know: the same in each run, for libmdbx writes some
 * of it to the disk. */
static void *stale(void *block, size_t known) {
    size_t size = block != NULL && sched_on() ? malloc_usable_size(block) : 0;
    if (size > STALE_BYTES_MAX) size = STALE_BYTES_MAX;
    if (size > known) memset((uint8_t *)block + known, STALE, size - known);
    return block;
}

void *__wrap_malloc(size_t size) {
    return no_memory("malloc") ? NULL : stale(malloc(size), 0);
}

void *__wrap_calloc(size_t count, size_t size) {
    return no_memory("calloc") ? NULL : calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    size_t known = old != NULL ? malloc_usable_size(old) : 0;
    return no_memory("realloc") ? NULL : stale(realloc(old, size), known);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return stale(__real_aligned_alloc(alignment, size), 0);
}
