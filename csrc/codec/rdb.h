/* rdb.h: the parts of Redis's DUMP payloads: lengths, strings, numbers, and the footer.
 *
 * A payload is a byte that says the type, the value, and a footer: version (2 bytes), CRC-64 of all
 * before it (8 bytes). Readers take any bytes and allocate nothing that the bytes do not pay for: a
 * declared length is compared with what is there before anything is done with it.
 */
#ifndef DBX_CODEC_RDB_H
#define DBX_CODEC_RDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/slice.h"

/* What a payload's first byte says. Numbers that are left out are modules', and what Redis 2.4
 * and release candidates of 7.4 wrote. */
typedef enum dbx_rdb_type {
    DBX_RDB_STRING = 0,
    DBX_RDB_LIST = 1,
    DBX_RDB_SET = 2,
    DBX_RDB_ZSET = 3, /* scores as text */
    DBX_RDB_HASH = 4,
    DBX_RDB_ZSET_2 = 5, /* scores as doubles */
    DBX_RDB_LIST_ZIPLIST = 10,
    DBX_RDB_SET_INTSET = 11,
    DBX_RDB_ZSET_ZIPLIST = 12,
    DBX_RDB_HASH_ZIPLIST = 13,
    DBX_RDB_LIST_QUICKLIST = 14, /* of ziplists */
    DBX_RDB_STREAM_LISTPACKS = 15,
    DBX_RDB_HASH_LISTPACK = 16,
    DBX_RDB_ZSET_LISTPACK = 17,
    DBX_RDB_LIST_QUICKLIST_2 = 18,   /* of listpacks and plain elements */
    DBX_RDB_STREAM_LISTPACKS_2 = 19, /* Redis 7.0 */
    DBX_RDB_SET_LISTPACK = 20,
    DBX_RDB_STREAM_LISTPACKS_3 = 21, /* Redis 7.2 */
    DBX_RDB_HASH_METADATA = 24,      /* fields that expire: Redis 7.4 */
    DBX_RDB_HASH_LISTPACK_EX = 25
} dbx_rdb_type;

enum {
    DBX_RDB_FOOTER_BYTES = 10,
    DBX_RDB_VERSION_7_0 = 10,
    DBX_RDB_VERSION_7_4 = 12,
    DBX_RDB_VERSION_MAX = 12 /* Redis 8.0 */
};

/* dbx_rdb_check compares version and checksum, and gives what is before the footer. */
bool dbx_rdb_check(dbx_slice payload, dbx_slice *body);
/* dbx_rdb_footer writes the footer of a payload whose bytes up to here have the checksum `crc`. */
void dbx_rdb_footer(dbx_buf *out, unsigned version, uint64_t crc);

/* --- Reading: each from the front of *in, which it shortens; false: damaged ------------------- */

typedef struct dbx_rdb_string {
    uint64_t len;    /* of the bytes, as they will be */
    bool packed;     /* by LZF (lzf.h): `bytes` are to be unpacked */
    dbx_slice bytes; /* in the payload, or in `digits`: not to be moved */
    char digits[DBX_NUM_TEXT_MAX];
} dbx_rdb_string;

bool dbx_rdb_read_len(dbx_slice *in, uint64_t *len);
bool dbx_rdb_read_string(dbx_slice *in, dbx_rdb_string *string);
/* dbx_rdb_read_raw takes `n` bytes as they are. */
bool dbx_rdb_read_raw(dbx_slice *in, size_t n, const uint8_t **bytes);
bool dbx_rdb_read_ms(dbx_slice *in, int64_t *ms);
bool dbx_rdb_read_score(dbx_slice *in, double *score);      /* 8 bytes */
bool dbx_rdb_read_score_text(dbx_slice *in, double *score); /* of DBX_RDB_ZSET */

/* dbx_rdb_unpack gives a string's bytes, those of a packed one through `room`, which is emptied
 * first: DBX_OK, DBX_EINVAL, DBX_ENOMEM. Not for what is longer than `len_max`: DBX_EINVAL. */
int dbx_rdb_unpack(const dbx_rdb_string *string, uint64_t len_max, dbx_buf *room, dbx_slice *bytes);

/* --- Writing ---------------------------------------------------------------------------------- */

void dbx_rdb_put_len(dbx_buf *out, uint64_t len);
/* dbx_rdb_put_count is a length that always takes the same room. */
void dbx_rdb_put_count(dbx_buf *out, uint64_t count);
/* dbx_rdb_put_string writes digits of up to 32 bits as a number, as Redis does. */
void dbx_rdb_put_string(dbx_buf *out, dbx_slice bytes);
void dbx_rdb_put_ms(dbx_buf *out, int64_t ms);
void dbx_rdb_put_score(dbx_buf *out, double score);

#endif
