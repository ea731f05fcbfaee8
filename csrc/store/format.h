/* format.h: the bytes on disk: key prefixes, limits and record headers. See store/README.md.
 *
 * Every value here is part of the on-disk format and cannot be changed once released: a change
 * needs a new DBX_FORMAT_VERSION and an upgrade step.
 */
#ifndef DBX_STORE_FORMAT_H
#define DBX_STORE_FORMAT_H

#include <stdint.h>

enum {
    DBX_FORMAT_VERSION = 1,
    DBX_PAGE_BYTES = 4096,        /* MDBX page size, whatever the machine's own */
    DBX_NAME_INLINE_MAX = 1023,   /* longer names keep this much of a prefix less 15, and a hash */
    DBX_NAME_HASH_BYTES = 16,
    DBX_ENCODED_KEY_MAX = 1100,   /* every key of the map; libmdbx allows 2022 at this page size */
    DBX_VALUE_CHUNK_BYTES = 65280 /* longer strings are chunked; a chunk fills 16 pages */
};

/* First byte of every key in the map. */
enum dbx_table {
    DBX_TABLE_META = 'M',    /* format version, counters, database map, SCAN cursors */
    DBX_TABLE_KEY = 'K',     /* [ns][name] -> record */
    DBX_TABLE_TTL = 'T',     /* [expire_ms BE64][ns][name] -> empty */
    DBX_TABLE_CHUNK = 'V',   /* [cid][chunk BE32] -> bytes of a long string */
    DBX_TABLE_RETIRED = 'X'  /* [kind][id] -> empty: collections and namespaces to reclaim */
};

/* Record header, first byte: type in the high half, encoding in the low half. */
enum dbx_type {
    DBX_STRING = 1,
    DBX_LIST = 2,
    DBX_SETTYPE = 3,
    DBX_ZSET = 4,
    DBX_HASH = 5,
    DBX_STREAM = 6
};

enum dbx_string_encoding {
    DBX_STRING_INT = 1,    /* canonical decimal digits of an int64 */
    DBX_STRING_EMBSTR = 2, /* at most 44 bytes, never changed in place */
    DBX_STRING_RAW = 3,
    DBX_STRING_CHUNKED = 4 /* payload empty; bytes in DBX_TABLE_CHUNK under meta.cid, length in meta.count;
                              a chunk may be short or missing: what is missing is zeros */
};

#endif
