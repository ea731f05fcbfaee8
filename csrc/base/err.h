/* err.h: the error codes that every layer returns, and the one-line message that goes with them.
 *
 * A function returns 0 (DBX_OK) or a negative dbx_err. Codes of libmdbx and errno never leave the
 * function that met them: they are turned into one of these, and the detail goes into dbx_error.
 */
#ifndef DBX_BASE_ERR_H
#define DBX_BASE_ERR_H

#include <stdarg.h>
#include <stdio.h>

enum dbx_err {
    DBX_OK = 0,
    DBX_ENOTFOUND = -1,  /* the key is not there; not a failure */
    DBX_ENOMEM = -2,     /* an allocation failed; nothing was changed */
    DBX_EIO = -3,        /* the operating system refused a read, write or sync */
    DBX_ENOSPC = -4,     /* disk full or quota reached */
    DBX_ECORRUPT = -5,   /* a file holds what DBX did not write */
    DBX_EINVAL = -6,     /* the caller's argument or setting is wrong */
    DBX_ELIMIT = -7,     /* a documented limit is exceeded */
    DBX_ELOCKED = -8,    /* another process owns the data directory */
    DBX_EVERSION = -9,   /* the data directory's format is newer, or too old */
    DBX_ESTOPPED = -10,  /* the store or loop is being shut down */
    DBX_EREADONLY = -11, /* writes are refused for now: after a failed sync, see store/journal.h */
    DBX_EBUSY = -12      /* not now: an apply is going on, see store/early.h */
};

enum { DBX_ERROR_TEXT_MAX = 512 };

/* What went wrong, in one line that says what to do. `text` is always terminated. */
typedef struct dbx_error {
    int code;
    char text[DBX_ERROR_TEXT_MAX];
} dbx_error;

/* dbx_error_set fills `error` (may be NULL) and returns `code`, so that callers write
 * `return dbx_error_set(error, DBX_EIO, "cannot open %s: %s", path, strerror(errno));` */
__attribute__((format(printf, 3, 4))) static inline int dbx_error_set(dbx_error *error, int code,
                                                                      const char *format, ...) {
    if (error != NULL) {
        va_list args;
        error->code = code;
        va_start(args, format);
        (void)vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
    }
    return code;
}

#endif
