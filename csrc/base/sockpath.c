/* sockpath.c: see sockpath.h. */
#include "base/sockpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int dbx_sockpath_open(const char *path, dbx_sockpath *out, dbx_error *error) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *out = (dbx_sockpath){.address = {.sun_family = AF_UNIX}, .dir_fd = -1};
    if (strlen(path) < sizeof out->address.sun_path) {
        strcpy(out->address.sun_path, path);
        return DBX_OK;
    }
    size_t dir_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (dir_len == 0 || dir_len >= sizeof dir) {
        return dbx_error_set(error, DBX_EINVAL, "the socket's path is too long: %.200s", path);
    }
    memcpy(dir, path, dir_len);
    dir[dir_len] = '\0';
    out->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (out->dir_fd < 0) {
        return dbx_error_set(error, DBX_EIO, "cannot open directory %.200s: %s", dir,
                             strerror(errno));
    }
    int n = snprintf(out->address.sun_path, sizeof out->address.sun_path, "/proc/self/fd/%d/%s",
                     out->dir_fd, slash + 1);
    if (n > 0 && (size_t)n < sizeof out->address.sun_path) return DBX_OK;
    dbx_sockpath_close(out);
    return dbx_error_set(error, DBX_EINVAL, "the socket's name is too long: %.200s", slash + 1);
}

void dbx_sockpath_close(dbx_sockpath *sockpath) {
    if (sockpath->dir_fd >= 0) (void)close(sockpath->dir_fd);
    sockpath->dir_fd = -1;
}
