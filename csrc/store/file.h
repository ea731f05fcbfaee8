/* file.h: the store's system calls on files: every write, sync, truncate, rename and create of the
 * journal, the spools and the lock goes through here, so that errors are turned into dbx_err in one
 * place and tests can stand in between. Interrupted and short calls are continued.
 */
#ifndef DBX_STORE_FILE_H
#define DBX_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { DBX_PATH_MAX = 4096 };

/* dbx_file_error turns errno into a dbx_err and "cannot <doing> <path>: <why>" with advice. */
int dbx_file_error(int saved_errno, const char *doing, const char *path, dbx_error *error);

/* dbx_file_path joins a directory and a name; DBX_ELIMIT when it is too long. */
int dbx_file_path(char out[DBX_PATH_MAX], const char *dir, const char *name, dbx_error *error);
/* dbx_file_mkdir makes a directory (mode 0700) and those above it, whose names then survive power
 * loss; an existing one is fine. */
int dbx_file_mkdir(const char *path, dbx_error *error);
/* dbx_file_open returns a descriptor >= 0 (close-on-exec, mode 0600 when created), or a failure. */
int dbx_file_open(const char *path, int flags, dbx_error *error);
/* dbx_file_allocate makes the file's first `bytes` bytes exist on disk, reading as zeros when new.
 */
int dbx_file_allocate(int fd, uint64_t bytes, const char *path, dbx_error *error);
/* dbx_file_write writes all bytes at an offset; on failure some may have been written. */
int dbx_file_write(int fd, const void *bytes, size_t len, uint64_t at, const char *path,
                   dbx_error *error);
/* dbx_file_read reads up to len bytes at an offset; returns how many (less: end of file) or < 0. */
int64_t dbx_file_read(int fd, void *bytes, size_t len, uint64_t at, const char *path,
                      dbx_error *error);
int dbx_file_truncate(int fd, uint64_t bytes, const char *path, dbx_error *error);
/* dbx_file_sync makes the file's bytes survive power loss. Never call it again after a failure and
 * take success for an answer: the kernel may have dropped the bytes. */
int dbx_file_sync(int fd, const char *path, dbx_error *error);
/* dbx_file_begin_write asks the system to begin writing what it holds of the file, so that a later
 * sync waits for less. Nothing is promised. */
void dbx_file_begin_write(int fd);
/* dbx_file_sync_dir makes created, renamed and removed names in a directory survive power loss. */
int dbx_file_sync_dir(const char *path, dbx_error *error);
/* dbx_file_sync_name makes a file's or directory's own name survive power loss: it is in the
 * directory above. */
int dbx_file_sync_name(const char *path, dbx_error *error);
int dbx_file_rename(const char *from, const char *to, dbx_error *error);
int dbx_file_remove(const char *path, dbx_error *error); /* an absent file is fine */
bool dbx_file_exists(const char *path);                  /* false only when it certainly does not */
int64_t dbx_file_size(int fd, const char *path, dbx_error *error);
/* dbx_file_room reports the size of the file system that holds `path`, and how much of it is free
 * for us. */
int dbx_file_room(const char *path, uint64_t *total, uint64_t *left, dbx_error *error);

#endif
