/* sockpath.h: addresses of Unix sockets whose path may be longer than an address can hold. */
#ifndef DBX_BASE_SOCKPATH_H
#define DBX_BASE_SOCKPATH_H

#include <sys/un.h>

#include "base/err.h"

/* The kernel takes 107 bytes of path; a longer one is reached through a descriptor of its
 * directory, which has to stay open while the address is used. */
typedef struct dbx_sockpath {
    struct sockaddr_un address;
    int dir_fd; /* -1: not needed */
} dbx_sockpath;

/* dbx_sockpath_open makes the address of `path`; DBX_EIO when its directory cannot be opened. */
int dbx_sockpath_open(const char *path, dbx_sockpath *out, dbx_error *error);
void dbx_sockpath_close(dbx_sockpath *sockpath);

#endif
