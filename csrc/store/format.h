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
    DBX_FORMAT_VERSION = 3,
    DBX_FORMAT_RECORD_BYTES = 32, /* of DBX_META_FORMAT */
    DBX_PAGE_BYTES = 4096,        /* MDBX page size, whatever the machine's own */
    DBX_NAME_INLINE_MAX = 1023,   /* longer names keep this much of a prefix less 15, and a hash */
    DBX_NAME_HASH_BYTES = 16,
    DBX_NUMBER_BYTES_MAX = 9,     /* see dbx_format_number */
    DBX_MEMBER_INLINE_MAX = 1007, /* members and fields: as names, but of collections' entries */
    DBX_MEMBER_HASH_BYTES = 6,    /* of those that are looked up: see dbx_format_member_hash */
    DBX_RETIRED_KEY_BYTES = 10,
    DBX_FIRST_ID = 1,             /* of collections and namespaces; 0 is none */
    DBX_ENCODED_KEY_MAX = 1100,   /* every key of the map; libmdbx allows 2022 at this page size */
    DBX_VALUE_CHUNK_BYTES = 65280 /* longer strings are chunked; a chunk fills 16 pages */
};

/* First byte of every key in the map. */
enum dbx_table {
    DBX_TABLE_META = 'M',     /* format version, counters, database map, SCAN cursors */
    DBX_TABLE_KEY = 'K',      /* [ns][name] -> record */
    DBX_TABLE_TTL = 'T',      /* [wall ms BE64][ns][name] -> empty: expires at a date */
    DBX_TABLE_LIFE = 't',     /* [database ms BE64][ns][name] -> empty: had a time to live */
    DBX_TABLE_DUE = 'F',      /* [wall ms BE64][ns][name] -> empty: has elements that expire */
    DBX_TABLE_DUE_LIFE = 'f', /* [database ms BE64][ns][name] -> empty */
    DBX_TABLE_CHUNK = 'V',    /* [cid][chunk BE32] -> bytes of a long string */
    DBX_TABLE_RETIRED = 'X',  /* [kind][id BE64] -> empty: what is to be reclaimed, or may be */

    /* Of collections. All begin with [cid: number]; see types/. */
    DBX_TABLE_HASH = 'H',      /* [hash][field] -> value */
    DBX_TABLE_FIELD_TTL = 'h', /* [clock][ms BE64][hash][field] -> empty */
    DBX_TABLE_SET = 'S',       /* [hash][member] -> empty */
    DBX_TABLE_ZSET = 'Z',      /* [score][member] -> empty: members in order */
    DBX_TABLE_SCORE = 'z',     /* [hash][member] -> score */
    DBX_TABLE_RANK = 'R',      /* [level][score][member] -> members from there to the next */
    DBX_TABLE_LIST = 'L',      /* [order BE64] -> some elements, packed */
    DBX_TABLE_STREAM = 'E',    /* [ms: number][sequence: number] -> fields */
    DBX_TABLE_GROUP = 'G',     /* consumer groups of a stream */
    DBX_TABLE_PIECE = 'W'      /* [part: number][chunk BE32] -> bytes of a long element */
};

/* The tables whose keys begin with a collection's id; ended by 0. */
extern const uint8_t dbx_format_collection_tables[];

enum dbx_retired_kind {
    DBX_RETIRED_COLLECTION = 'c',
    DBX_RETIRED_NAMESPACE = 'n',
    DBX_UNPUBLISHED = 'u' /* a collection that no key has yet: not reclaimed before it is retired */
};

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

/* Encodings of collections say what Redis would call them (OBJECT ENCODING), not how they lie: that
 * is inline in the record's payload without a collection id, in tables with one. */
enum dbx_collection_encoding {
    DBX_ENCODING_LISTPACK = 1,
    DBX_ENCODING_LISTPACKEX = 2, /* a small hash with fields that expire */
    DBX_ENCODING_HASHTABLE = 3,
    DBX_ENCODING_INTSET = 4,
    DBX_ENCODING_SKIPLIST = 5,
    DBX_ENCODING_QUICKLIST = 6,
    DBX_ENCODING_STREAM = 7
};

/* The record of a large list begins its payload with numbers (see store/README.md): its ends' own
 * elements are not in DBX_TABLE_LIST. */
enum {
    DBX_LIST_HEAD_BYTES = 33,
    DBX_LIST_LEFT_AT = 28, /* u16: elements in the left end */
    DBX_LIST_RIGHT_AT = 30 /* u16: in the right one */
};

/* --- Numbers
 * -------------------------------------------------------------------------------------- */

/* dbx_format_number writes a number so that bytes order as numbers do, small ones in one byte:
 * below 0xF8 itself, otherwise 0xF7 + n and n big-endian bytes. Returns the length, 1 to 9. */
size_t dbx_format_number(uint8_t *out, uint64_t value);

/* dbx_format_collection writes what the keys of a collection in one of its tables begin with.
 * Returns the length, at most 1 + DBX_NUMBER_BYTES_MAX. */
size_t dbx_format_collection(uint8_t *out, uint8_t table, uint64_t cid);

/* dbx_format_since says whether a key of the map is a collection's with the id `cid` or a later
 * one.
 */
bool dbx_format_since(dbx_slice key, uint64_t cid);

/* dbx_format_collection_id is the id of the collection that a key of one of those tables is of. */
uint64_t dbx_format_collection_id(dbx_slice key);

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
/* A member of a collection, as part of a key: itself, or if it is over DBX_MEMBER_INLINE_MAX bytes
 * a prefix and its digest, one byte longer than any kept whole; the entry's value then keeps it. */
typedef struct dbx_member {
    dbx_slice bytes;
    uint8_t digest[DBX_NAME_HASH_BYTES]; /* SipHash-2-4-128, seeded by the database */
} dbx_member;

dbx_member dbx_format_member(dbx_slice bytes, const uint8_t seed[16]);
/* dbx_format_member_hash is the part of the digest by which members are ordered: below 2^48. */
uint64_t dbx_format_member_hash(const dbx_member *member);
/* dbx_format_put_member writes the member, without its hash; the length, at most
 * DBX_MEMBER_INLINE_MAX + 1. */
size_t dbx_format_put_member(uint8_t *out, const dbx_member *member);

/* dbx_format_ttl_key writes the key for an encoded key in the TTL index of the expiry's clock. */
size_t dbx_format_ttl_key(uint8_t out[DBX_ENCODED_KEY_MAX], dbx_expiry expiry, dbx_slice encoded);
/* dbx_format_due_key does so in the index of keys whose elements expire. */
size_t dbx_format_due_key(uint8_t out[DBX_ENCODED_KEY_MAX], dbx_expiry due, dbx_slice encoded);
/* dbx_format_retired_key writes the key under which an id waits for reclaim, and returns it. */
dbx_slice dbx_format_retired_key(uint8_t out[DBX_RETIRED_KEY_BYTES], enum dbx_retired_kind kind,
                                 uint64_t id);
/* dbx_format_successor changes key[0..len) in place to the first key after all that begin with it,
 * and returns its length; 0: there is none. */
size_t dbx_format_successor(uint8_t *key, size_t len);
/* dbx_format_read_number reads what dbx_format_number wrote from the front of *in. */
bool dbx_format_read_number(dbx_slice *in, uint64_t *value);

#endif
