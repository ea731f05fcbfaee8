/* footprint.h: about how many bytes a key takes in the database file: for MEMORY USAGE. */
#ifndef DBX_TYPES_FOOTPRINT_H
#define DBX_TYPES_FOOTPRINT_H

#include "store/keyspace.h"

/* dbx_footprint adds up a key's record and the entries of its collection. Of each of the tables
 * that these lie in the first `samples` are looked at (0: all) and stand for the others; what long
 * elements have in chunks is counted chunk by chunk. Room that pages have left is not counted. */
int dbx_footprint(dbx_txn *txn, const dbx_key *k, uint64_t samples, uint64_t *bytes);

#endif
