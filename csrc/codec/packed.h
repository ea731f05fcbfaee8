/* packed.h: Redis's packed sequences as they lie in DUMP payloads: listpacks, ziplists, intsets.
 *
 * Readers take any bytes: the header is compared with what is there, each element with the length
 * that is written behind (listpack) or before (ziplist) it, and the number of elements with the
 * one declared. Nothing is allocated. What was read to its end, without an error, is whole.
 */
#ifndef DBX_CODEC_PACKED_H
#define DBX_CODEC_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/slice.h"

typedef enum dbx_packed_kind { DBX_LISTPACK, DBX_ZIPLIST, DBX_INTSET } dbx_packed_kind;

typedef struct dbx_packed {
    dbx_packed_kind kind;
    dbx_slice all;
    size_t at;      /* the next element */
    size_t before;  /* ziplist: length of the one before it */
    uint64_t seen;  /* elements */
    uint64_t count; /* as declared; DBX_PACKED_UNCOUNTED: not */
    unsigned width; /* intset: bytes of an element */
    int64_t last;   /* intset: the number given last */
} dbx_packed;

#define DBX_PACKED_UNCOUNTED UINT64_MAX

/* One element: bytes, which of a number are its digits. */
typedef struct dbx_packed_item {
    dbx_slice bytes; /* in the sequence, or in `text`: not to be moved */
    bool is_number;
    int64_t number;
    char text[DBX_NUM_TEXT_MAX];
} dbx_packed_item;

/* dbx_packed_open begins to read; false: this cannot be such a sequence. `all` must outlive it. */
bool dbx_packed_open(dbx_packed *packed, dbx_packed_kind kind, dbx_slice all);
/* dbx_packed_next gives the next element: DBX_OK; DBX_ENOTFOUND at the end of a sequence that is as
 * it should be; DBX_EINVAL: it is not. */
int dbx_packed_next(dbx_packed *packed, dbx_packed_item *item);
/* dbx_packed_number makes a number of an item that is one, packed as such or as digits. */
bool dbx_packed_number(const dbx_packed_item *item, int64_t *number);
/* dbx_packed_count reads a sequence to its end; false: damaged. */
bool dbx_packed_count(dbx_packed_kind kind, dbx_slice all, uint64_t *count);

/* --- Writing a listpack ----------------------------------------------------------------------- */

enum {
    DBX_LISTPACK_HEAD_BYTES = 6,
    DBX_LISTPACK_AROUND_MAX = 5 + 5,
    DBX_LISTPACK_COUNT_MAX = 65535
};

/* dbx_listpack_open appends the header of an empty listpack, and dbx_listpack_close its end; `at`
 * is where it began in `out`, and the header is then completed with the number of elements. */
void dbx_listpack_open(dbx_buf *out);
void dbx_listpack_close(dbx_buf *out, size_t at, uint64_t count);
/* dbx_listpack_head writes a header for a listpack of `len` bytes, all included. */
void dbx_listpack_head(dbx_buf *out, uint32_t len, uint64_t count);
void dbx_listpack_end(dbx_buf *out);
void dbx_listpack_add_number(dbx_buf *out, int64_t number);
void dbx_listpack_add_string(dbx_buf *out, dbx_slice bytes);
/* The same in pieces: what stands before and behind the bytes of a string of `len`. */
void dbx_listpack_string_begin(dbx_buf *out, uint32_t len);
void dbx_listpack_string_end(dbx_buf *out, uint32_t len);
/* dbx_listpack_string_size is what a string takes, dbx_listpack_number_size what a number does. */
uint64_t dbx_listpack_string_size(uint32_t len);
uint64_t dbx_listpack_number_size(int64_t number);

#endif
