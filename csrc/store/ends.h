/* ends.h: from where on keys that begin with a prefix may be alive, seen from either end.
 *
 * Who takes from an end of a queue again and again leaves tombstones there. Cursors of the live
 * view fold them (buffer.h), but not while a checkpoint or another view is open, and each time they
 * would walk over what is left. So they note how far from an end they found nothing alive, and the
 * next begins there. A key that is put nearer to the end, or anything taken back, makes that
 * forgotten.
 */
#ifndef DBX_STORE_ENDS_H
#define DBX_STORE_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/format.h"

enum { DBX_ENDS_MAX = 8, DBX_ENDS_PREFIX_MAX = 1 + DBX_NUMBER_BYTES_MAX };

typedef struct dbx_end {
    bool first;
    uint8_t prefix_len;
    uint16_t key_len;
    uint8_t prefix[DBX_ENDS_PREFIX_MAX];
    uint8_t key[DBX_ENCODED_KEY_MAX];
} dbx_end;

typedef struct dbx_ends { /* zeroed to begin */
    unsigned count, next; /* that are known, and where the next one goes */
    dbx_end of[DBX_ENDS_MAX];
} dbx_ends;

/* dbx_ends_note says that no key that begins with the prefix is alive up to `key`, itself included,
 * from its first or its last on. dbx_ends_find gives the key that was noted; empty: none. It is
 * valid until the next note. */
void dbx_ends_note(dbx_ends *ends, dbx_slice prefix, bool first, dbx_slice key);
dbx_slice dbx_ends_find(const dbx_ends *ends, dbx_slice prefix, bool first);
/* dbx_ends_put hears of each key that is put. */
void dbx_ends_put(dbx_ends *ends, dbx_slice key);
/* dbx_ends_forget: what was found may not be so. */
void dbx_ends_forget(dbx_ends *ends);

#endif
