/* format.h: the bytes on disk: key prefixes, limits and record headers. See store/README.md.
 *
 * Every value here is part of the on-disk format and cannot be changed once released: a change
 * needs a new DBX_FORMAT_VERSION and an upgrade step.
 */
#ifndef DBX_STORE_FORMAT_H
#define DBX_STORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/times.h"

enum {
    DBX_FORMAT_VERSION = 2,
    DBX_FORMAT_RECORD_BYTES = 32, /* of DBX_META_FORMAT */
    DBX_PAGE_BYTES = 4096,        /* MDBX page size, whatever the machine's own */
    DBX_NAME_INLINE_MAX = 1023,   /* longer names keep this much of a prefix less 15, and a hash */
    DBX_NAME_HASH_BYTES = 16,
    DBX_NAMESPACE_BYTES_MAX = 9, /* see dbx_format_number */
    DBX_RETIRED_KEY_BYTES = 10,
    DBX_FIRST_ID = 1,             /* of collections and namespaces; 0 is none */
    DBX_ENCODED_KEY_MAX = 1100,   /* every key of the map; libmdbx allows 2022 at this page size */
    DBX_VALUE_CHUNK_BYTES = 65280 /* longer strings are chunked; a chunk fills 16 pages */
};

/* First byte of every key in the map. */
enum dbx_table {
    DBX_TABLE_META = 'M',   /* format version, counters, database map, SCAN cursors */
    DBX_TABLE_KEY = 'K',    /* [ns][name] -> record */
    DBX_TABLE_TTL = 'T',    /* [wall ms BE64][ns][name] -> empty: expires at a date */
    DBX_TABLE_LIFE = 't',   /* [database ms BE64][ns][name] -> empty: had a time to live */
    DBX_TABLE_CHUNK = 'V',  /* [cid][chunk BE32] -> bytes of a long string */
    DBX_TABLE_RETIRED = 'X' /* [kind][id BE64] -> empty: what is to be reclaimed */
};

enum dbx_retired_kind { DBX_RETIRED_COLLECTION = 'c', DBX_RETIRED_NAMESPACE = 'n' };

/* Second byte of DBX_TABLE_META keys. Values are little-endian. */
enum dbx_meta_key {
    DBX_META_FORMAT = 'f',   /* version u32, page bytes u32, created_ms u64, seed 16 bytes */
    DBX_META_POSITION = 'p', /* journal position u64, run u64, time_ms u64, wall_ms u64 */
    DBX_META_NEXT_ID = 'i',  /* u64 */
    DBX_META_SPOOL = 'l',    /* u64: the highest id a spool has had */
    DBX_META_DB = 'd',       /* [number BE32] -> namespace u64, keys u64, expires u64 */
    DBX_META_SCAN = 's'      /* [slot BE32] -> cursor u64, name */
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
    DBX_STRING_CHUNKED =
        4 /* payload empty; bytes in DBX_TABLE_CHUNK under meta.cid, length in meta.count;
             a chunk may be short or missing: what is missing is zeros */
};

/* --- Numbers
 * -------------------------------------------------------------------------------------- */

/* dbx_format_number writes a number so that bytes order as numbers do, small ones in one byte:
 * below 0xF8 itself, otherwise 0xF7 + n and n big-endian bytes. Returns the length, 1 to 9. */
size_t dbx_format_number(uint8_t *out, uint64_t value);

/* Variable-length numbers inside values: seven bits a byte, lowest first. */
enum { DBX_VARINT_MAX = 10 };
size_t dbx_format_varint(uint8_t *out, uint64_t value);
/* dbx_format_varint_wide writes one in at least `bytes` bytes, for a place that a greater number is
 * to fit in later. Returns the length, as dbx_format_varint does. */
size_t dbx_format_varint_wide(uint8_t *out, uint64_t value, size_t bytes);
/* dbx_format_read_varint reads one from the front of *in, which it shortens; false: cut off or too
 * long. */
bool dbx_format_read_varint(dbx_slice *in, uint64_t *value);

/* --- Keys of the map
 * ------------------------------------------------------------------------------ */

/* dbx_format_key writes [K][ns][name]; a long name is cut to a prefix and its keyed hash. Returns
 * the length. *long_name: the record has to keep the name. */
size_t dbx_format_key(uint8_t out[DBX_ENCODED_KEY_MAX], uint64_t ns, dbx_slice name,
                      const uint8_t seed[16], bool *long_name);
/* dbx_format_ttl_key writes the key for an encoded key in the TTL index of the expiry's clock. */
size_t dbx_format_ttl_key(uint8_t out[DBX_ENCODED_KEY_MAX], dbx_expiry expiry, dbx_slice encoded);
/* dbx_format_retired_key writes the key under which an id waits for reclaim, and returns it. */
dbx_slice dbx_format_retired_key(uint8_t out[DBX_RETIRED_KEY_BYTES], enum dbx_retired_kind kind,
                                 uint64_t id);
/* dbx_format_successor changes key[0..len) in place to the first key after all that begin with it,
 * and returns its length; 0: there is none. */
size_t dbx_format_successor(uint8_t *key, size_t len);
/* dbx_format_read_number reads what dbx_format_number wrote from the front of *in. */
bool dbx_format_read_number(dbx_slice *in, uint64_t *value);

#endif
