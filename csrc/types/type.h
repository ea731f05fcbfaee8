/* type.h: what can be asked of and done with a value whatever its type. */
#ifndef DBX_TYPES_TYPE_H
#define DBX_TYPES_TYPE_H

#include "store/keyspace.h"

/* dbx_type_name is what TYPE replies, and dbx_type_by_name the other way, in any case; 0: none. */
const char *dbx_type_name(uint8_t type);
uint8_t dbx_type_by_name(dbx_slice name);

/* dbx_type_encoding is what OBJECT ENCODING replies. */
const char *dbx_type_encoding(const dbx_key *k);
/* dbx_type_size is the number of elements; of a string, bytes. */
uint64_t dbx_type_size(const dbx_key *k);
/* dbx_type_copy makes `to` (of any type, replaced) a copy of `from`, with its expiry. */
int dbx_type_copy(dbx_txn *txn, const dbx_key *from, dbx_key *to);

#endif
