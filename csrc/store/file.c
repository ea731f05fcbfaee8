/* file.c: see file.h. */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DIR_MODE = 0700, FILE_MODE = 0600 };

int dbx_file_error(int saved_errno, const char *doing, const char *path, dbx_error *error) {
    int code = DBX_EIO;
    const char *advice = "";
    switch (saved_errno) {
    case ENOSPC:
    case EDQUOT:
        code = DBX_ENOSPC;
        advice = ": free some space";
        break;
    case EFBIG:
        code = DBX_ENOSPC;
        advice = ": raise the limit on the size of files (ulimit -f)";
        break;
    case ENOMEM:
        code = DBX_ENOMEM;
        break;
    case EACCES:
    case EPERM:
        advice = ": check the owner and the permissions";
        break;
    case EROFS:
        advice = ": the database needs a directory it can write to";
        break;
    default:
        break;
    }
    return dbx_error_set(error, code, "cannot %s %s: %s%s", doing, path, strerror(saved_errno),
                         advice);
}

int dbx_file_path(char out[DBX_PATH_MAX], const char *dir, const char *name, dbx_error *error) {
    int n = snprintf(out, DBX_PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= DBX_PATH_MAX) {
        return dbx_error_set(error, DBX_ELIMIT, "the path is too long: %.200s...", dir);
    }
    return DBX_OK;
}

int dbx_file_sync_name(const char *path, dbx_error *error) {
    char above[DBX_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return dbx_file_sync_dir(".", error);
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    memcpy(above, path, len);
    above[len] = '\0';
    if (access(above, R_OK) != 0 && errno == EACCES) return DBX_OK; /* nobody but its owner can */
    return dbx_file_sync_dir(above, error);
}

int dbx_file_mkdir(const char *path, dbx_error *error) {
    char part[DBX_PATH_MAX];
    size_t len = strlen(path);
    struct stat st;
    if (len == 0 || len >= sizeof part) {
        return dbx_error_set(error, DBX_ELIMIT, "the path is empty or too long");
    }
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        char saved = part[i];
        part[i] = '\0';
        bool made = mkdir(part, DIR_MODE) == 0;
        if (!made && errno != EEXIST) {
            return dbx_file_error(errno, "make directory", part, error);
        }
        int rc = made ? dbx_file_sync_name(part, error) : DBX_OK;
        if (rc != DBX_OK) {
            (void)rmdir(part); /* or nobody would try again */
            return rc;
        }
        part[i] = saved;
    }
    if (stat(path, &st) != 0) return dbx_file_error(errno, "open directory", path, error);
    if (!S_ISDIR(st.st_mode)) {
        return dbx_error_set(error, DBX_EINVAL, "%s is not a directory: name one", path);
    }
    return DBX_OK;
}

int dbx_file_open(const char *path, int flags, dbx_error *error) {
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : dbx_file_error(errno, "open", path, error);
}

/* For file systems that cannot reserve: zeros from the end of the file on. */
static int write_zeros(int fd, uint64_t bytes, const char *path, dbx_error *error) {
    static const uint8_t zeros[16384];
    int64_t size = dbx_file_size(fd, path, error);
    int rc = size < 0 ? (int)size : DBX_OK;
    while (rc == DBX_OK && (uint64_t)size < bytes) {
        uint64_t left = bytes - (uint64_t)size;
        size_t n = left < sizeof zeros ? (size_t)left : sizeof zeros;
        rc = dbx_file_write(fd, zeros, n, (uint64_t)size, path, error);
        size += (int64_t)n;
    }
    return rc;
}

int dbx_file_allocate(int fd, uint64_t bytes, const char *path, dbx_error *error) {
    int rc;
    do {
        rc = posix_fallocate(fd, 0, (off_t)bytes);
    } while (rc == EINTR);
    if (rc == EOPNOTSUPP || rc == EINVAL) return write_zeros(fd, bytes, path, error);
    return rc == 0 ? DBX_OK : dbx_file_error(rc, "reserve space for", path, error);
}

int dbx_file_write(int fd, const void *bytes, size_t len, uint64_t at, const char *path,
                   dbx_error *error) {
    const uint8_t *from = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dbx_file_error(errno, "write", path, error);
        if (n == 0) return dbx_file_error(ENOSPC, "write", path, error);
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return DBX_OK;
}

int64_t dbx_file_read(int fd, void *bytes, size_t len, uint64_t at, const char *path,
                      dbx_error *error) {
    uint8_t *to = bytes;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, to + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dbx_file_error(errno, "read", path, error);
        if (n == 0) break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

int dbx_file_truncate(int fd, uint64_t bytes, const char *path, dbx_error *error) {
    int rc;
    do {
        rc = ftruncate(fd, (off_t)bytes);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? DBX_OK : dbx_file_error(errno, "truncate", path, error);
}

int dbx_file_sync(int fd, const char *path, dbx_error *error) {
    int rc;
    do {
        rc = fdatasync(fd);
    } while (rc != 0 && errno == EINTR); /* nothing has failed yet */
    return rc == 0 ? DBX_OK : dbx_file_error(errno, "sync", path, error);
}

void dbx_file_begin_write(int fd) {
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int dbx_file_sync_dir(const char *path, dbx_error *error) {
    int fd = dbx_file_open(path, O_RDONLY | O_DIRECTORY, error);
    if (fd < 0) return fd;
    int rc;
    do {
        rc = fsync(fd);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) rc = dbx_file_error(errno, "sync directory", path, error);
    (void)close(fd);
    return rc;
}

int dbx_file_rename(const char *from, const char *to, dbx_error *error) {
    return rename(from, to) == 0 ? DBX_OK : dbx_file_error(errno, "rename", from, error);
}

int dbx_file_remove(const char *path, dbx_error *error) {
    if (unlink(path) == 0 || errno == ENOENT) return DBX_OK;
    return dbx_file_error(errno, "remove", path, error);
}

bool dbx_file_exists(const char *path) {
    return access(path, F_OK) == 0 || errno != ENOENT;
}

int64_t dbx_file_size(int fd, const char *path, dbx_error *error) {
    struct stat st;
    if (fstat(fd, &st) != 0) return dbx_file_error(errno, "read", path, error);
    return (int64_t)st.st_size;
}

int dbx_file_room(const char *path, uint64_t *total, uint64_t *left, dbx_error *error) {
    struct statvfs st;
    if (statvfs(path, &st) != 0) return dbx_file_error(errno, "read", path, error);
    *total = (uint64_t)st.f_blocks * st.f_frsize;
    *left = (uint64_t)st.f_bavail * st.f_frsize;
    return DBX_OK;
}
