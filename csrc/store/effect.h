/* effect.h: the effects in a frame: RESP commands, whose long arguments may be named rather than
 * there: "=N\r\nspl:<id>,<offset>,<length>\r\n" is that part of that spool's file.
 */
#ifndef DBX_STORE_EFFECT_H
#define DBX_STORE_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* One argument: bytes, or a part of a spool (then bytes.ptr is NULL). */
typedef struct dbx_effect_arg {
    dbx_slice bytes;
    uint64_t spool; /* its id; 0: none */
    uint64_t offset, len;
} dbx_effect_arg;

typedef struct dbx_effect_reader {
    dbx_slice in; /* what is left */
    dbx_effect_arg *args;
    dbx_slice
        *argv; /* the same, for those who have none in spools; filled by the caller otherwise */
    size_t argc, cap;
} dbx_effect_reader;

/* dbx_effect_next reads the next command: 1, 0 at the end, DBX_ECORRUPT, DBX_ENOMEM. */
int dbx_effect_next(dbx_effect_reader *reader);
void dbx_effect_reader_free(dbx_effect_reader *reader);

/* dbx_effect_selects: the command read selects database *db: 1; 0: it is another; DBX_ECORRUPT. */
int dbx_effect_selects(const dbx_effect_reader *reader, uint64_t *db);

/* dbx_effect_select appends the effect that selects database `db` for those that follow. */
enum { DBX_EFFECT_SELECT_BYTES_MAX = 48 };
void dbx_effect_select(dbx_buf *out, uint64_t db);

#endif
