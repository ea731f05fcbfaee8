/* lock.c: see lock.h. */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/file.h"

struct dbx_lock {
    int fd;
};

enum { OWNER_BYTES = DBX_LOCK_SOCKET_BYTES + 64 };

/* "pid 123\nsocket /path\nowner server\n"; the last line, or the last two, may be missing. */
static bool parse(int fd, const char *path, dbx_lock_owner *out) {
    char text[OWNER_BYTES] = "", owner[16] = "";
    int64_t n = dbx_file_read(fd, text, sizeof text - 1, 0, path, NULL);
    text[n > 0 ? n : 0] = '\0';
    *out = (dbx_lock_owner){.pid = 0};
    int fields =
        sscanf(text, "pid %ld\nsocket %511[^\n]\nowner %15s", &out->pid, out->socket, owner);
    out->server = strcmp(owner, "server") == 0;
    return fields > 0;
}

static int refuse(int fd, const char *dir, const char *path, dbx_error *error) {
    dbx_lock_owner owner;
    if (!parse(fd, path, &owner)) {
        return dbx_error_set(error, DBX_ELOCKED, "%s is in use by another process", dir);
    }
    if (owner.socket[0] == '\0') {
        return dbx_error_set(error, DBX_ELOCKED, "%s is in use by process %ld, which has no socket",
                             dir, owner.pid);
    }
    return dbx_error_set(error, DBX_ELOCKED,
                         "%s is in use by process %ld: connect to its socket %s instead", dir,
                         owner.pid, owner.socket);
}

bool dbx_lock_read(const char *dir, dbx_lock_owner *out) {
    char path[DBX_PATH_MAX];
    int fd =
        dbx_file_path(path, dir, "lock", NULL) == DBX_OK ? dbx_file_open(path, O_RDONLY, NULL) : -1;
    if (fd < 0) return false;
    bool found = parse(fd, path, out);
    (void)close(fd);
    return found;
}

static int sign(int fd, const char *socket, bool server, const char *path, dbx_error *error) {
    char text[OWNER_BYTES];
    int n = socket == NULL ? snprintf(text, sizeof text, "pid %ld\n", (long)getpid())
                           : snprintf(text, sizeof text, "pid %ld\nsocket %s\nowner %s\n",
                                      (long)getpid(), socket, server ? "server" : "program");
    if (n < 0 || (size_t)n >= sizeof text ||
        (socket != NULL && strlen(socket) >= DBX_LOCK_SOCKET_BYTES)) {
        return dbx_error_set(error, DBX_ELIMIT, "the socket's path is too long: %.200s", socket);
    }
    /* Over what is there: on a full disk nothing given up can be had again. */
    int rc = dbx_file_write(fd, text, (size_t)n, 0, path, error);
    return rc != DBX_OK ? rc : dbx_file_truncate(fd, (uint64_t)n, path, error);
}

typedef struct signature {
    const char *socket;
    bool server;
} signature;

/* `own` is what to write down; NULL: nothing. */
static int take(const char *dir, const signature *own, dbx_lock **out, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = dbx_file_path(path, dir, "lock", error);
    if (rc != DBX_OK) return rc;
    int fd = dbx_file_open(path, own != NULL ? O_RDWR | O_CREAT : O_RDONLY, error);
    if (fd < 0) return fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? refuse(fd, dir, path, error)
                                  : dbx_file_error(errno, "lock", path, error);
    } else if (own != NULL) {
        rc = sign(fd, own->socket, own->server, path, error);
    }
    dbx_lock *lock = rc == DBX_OK ? dbx_alloc(sizeof *lock) : NULL;
    if (lock == NULL) {
        (void)close(fd);
        return rc != DBX_OK ? rc : dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    lock->fd = fd;
    *out = lock;
    return DBX_OK;
}

int dbx_lock_take(const char *dir, const char *socket, bool server, dbx_lock **out,
                  dbx_error *error) {
    const signature own = {socket, server};
    return take(dir, &own, out, error);
}

int dbx_lock_hold(const char *dir, dbx_lock **out, dbx_error *error) {
    return take(dir, NULL, out, error);
}

void dbx_lock_release(dbx_lock *lock, bool forked) {
    if (lock == NULL) return;
    if (!forked) (void)flock(lock->fd, LOCK_UN);
    (void)close(lock->fd);
    dbx_alloc_free(lock);
}
