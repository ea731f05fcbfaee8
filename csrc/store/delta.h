/* delta.h: changes of a value, kept in its place in a write buffer.
 *
 * A record that holds a small collection is rewritten by each change of an element: a kilobyte for
 * a few bytes. So a buffer may have an entry with DBX_ENTRY_DELTA, which says what has become of
 * the value that the levels below have. It is a hundredth of the size, so that applies and
 * checkpoints are rarer and smaller by as much; whoever reads it needs the value below as well.
 *
 * A value is a head, which most changes touch and which is whole in a delta, and a tail, of which a
 * delta has splices. Bytes:
 *
 *   length of the head below u8, length of the head u8, changes u8, splices u8, head,
 *   splices: at varint, cut varint, length varint and bytes that come in place of those cut
 *
 * Each splice changes the tail that the ones before it have left. There are no more than changes.
 */
#ifndef DBX_STORE_DELTA_H
#define DBX_STORE_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    DBX_DELTA_VALUE_MIN = 128,       /* bytes of a tail: a shorter one is written whole, */
    DBX_DELTA_VALUE_MAX = 16 * 1024, /* and a longer one is not kept for changes this small */
    /* Of one that is made: a key that changes more often is written whole, so that reading it looks
     * nowhere else. */
    DBX_DELTA_CHANGES_MAX = 32
};

/* A change of a value. */
typedef struct dbx_delta_change {
    dbx_slice delta;      /* what the buffer has already; empty: nothing */
    size_t head_was;      /* bytes of the value's head before */
    dbx_slice was;        /* its tail before */
    dbx_slice head, tail; /* and as they become */
} dbx_delta_change;

/* dbx_delta_suits says whether a value that becomes this may be changed by a delta. */
bool dbx_delta_suits(dbx_slice head, dbx_slice tail);

/* dbx_delta_make puts into `out`, emptied first, the delta that includes the change; false: it is
 * better to write the value whole, or there is no memory. */
bool dbx_delta_make(dbx_buf *out, const dbx_delta_change *change);

/* dbx_delta_set_min has values of so few bytes changed by deltas, however long these are: for
 * tests. 0: as always. */
void dbx_delta_set_min(size_t bytes);

/* dbx_delta_room is how many bytes dbx_delta_apply may write. */
size_t dbx_delta_room(dbx_slice base, dbx_slice delta);
/* dbx_delta_apply writes to `out` what `base`, the value below, has become; *len bytes.
 * DBX_ECORRUPT: it is not of this value. */
int dbx_delta_apply(dbx_slice base, dbx_slice delta, uint8_t *out, size_t *len);

/* dbx_delta_fill is dbx_delta_apply to a buffer, emptied first; or DBX_ENOMEM. */
int dbx_delta_fill(dbx_buf *out, dbx_slice base, dbx_slice delta);

/* dbx_delta_join puts into `out`, emptied first, one delta in place of two, of which `newer` is
 * about what `older` makes of a value. DBX_ECORRUPT, DBX_ENOMEM. */
int dbx_delta_join(dbx_buf *out, dbx_slice older, dbx_slice newer);

#endif
