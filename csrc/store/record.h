/* record.h: a key's record: metadata, then the payload of its type. See store/README.md.
 *
 *   byte 0   type << 4 | encoding
 *   byte 1   which of the optional fields follow, and on which clock it expires
 *   varint   created_ms; varint updated_ms - created_ms, in DBX_RECORD_AGE_BYTES or more
 *   varint   expire_ms, cid, count, each only if flagged
 *   varints  due_ms on both clocks, if flagged
 *   varint   length, then that many bytes: extension; the same: the whole name, if it is a long one
 *   bytes    payload
 */
#ifndef DBX_STORE_RECORD_H
#define DBX_STORE_RECORD_H

#include "base/buf.h"
#include "store/keyspace.h"

/* Age in five bytes lasts a year. Written again, a record has the length it had; were it longer, a
 * page that is full would become two half empty ones, and each apply write twice as much. */
enum { DBX_RECORD_AGE_BYTES = 5 };

enum { DBX_RECORD_FIXED_MAX = 2 + 7 * DBX_VARINT_MAX }; /* header bytes before extension and name */

/* dbx_record_fixed writes the fixed part of the header; returns its length. */
size_t dbx_record_fixed(uint8_t out[DBX_RECORD_FIXED_MAX], const dbx_meta *meta, bool long_name);
/* dbx_record_fixed_of is how long the fixed part of a record is that can be read: earlier builds
 * wrote shorter ages. */
size_t dbx_record_fixed_of(dbx_slice record);
/* dbx_record_read splits a record; false: it is damaged. `name` is empty unless it is a long one.
 */
bool dbx_record_read(dbx_slice record, dbx_meta *meta, dbx_slice *name, dbx_slice *payload);

#endif
