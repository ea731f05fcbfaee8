/* t_bitmap.h: the bits of strings: counted, found, combined, and read and written as integers.
 *
 * Bit 0 is the highest bit of the first byte. A bitmap is a string like any other (t_string.h), of
 * up to 512 MB and more, so everything here goes through it piece by piece: no more than a chunk is
 * ever held in memory. Every function takes a key found by dbx_key_find() that holds a string or
 * nothing.
 */
#ifndef DBX_TYPES_T_BITMAP_H
#define DBX_TYPES_T_BITMAP_H

#include "store/keyspace.h"

enum { DBX_FIELD_BYTES_MAX = 9 }; /* that 64 bits lie in, wherever they begin */

/* --- Bits as integers ------------------------------------------------------------------------ */

/* dbx_bitmap_read gives the `bits` (1 to 64) bits from `at` on as an unsigned number, the first the
 * highest. Those beyond the string's end are zeros. */
int dbx_bitmap_read(dbx_txn *txn, const dbx_key *k, uint64_t at, unsigned bits, uint64_t *value);

/* dbx_bitmap_write stores the lowest `bits` bits of `value` there, and lengthens the string when
 * they do not lie within it. Afterwards k has to be found again. */
int dbx_bitmap_write(dbx_txn *txn, dbx_key *k, uint64_t at, unsigned bits, uint64_t value);

/* dbx_bitmap_reach makes the string long enough to have bit `at`, and raw, as every string is that
 * was changed in place. Afterwards k has to be found again. */
int dbx_bitmap_reach(dbx_txn *txn, dbx_key *k, uint64_t at);

/* --- Bits in a range -------------------------------------------------------------------------- */

/* dbx_bitmap_count counts the bits that are set among [from, end), which lie within the string. */
int dbx_bitmap_count(dbx_txn *txn, const dbx_key *k, uint64_t from, uint64_t end, uint64_t *count);

/* dbx_bitmap_find gives the first bit of [from, end), within the string, that is `bit`:
 * DBX_ENOTFOUND when there is none. */
int dbx_bitmap_find(dbx_txn *txn, const dbx_key *k, bool bit, uint64_t from, uint64_t end,
                    uint64_t *at);

/* --- Combining -------------------------------------------------------------------------------- */

typedef enum dbx_bitmap_op {
    DBX_BITMAP_AND,
    DBX_BITMAP_OR,
    DBX_BITMAP_XOR,
    DBX_BITMAP_NOT
} dbx_bitmap_op;

/* A string to be combined, as it is until the map is written to. */
typedef struct dbx_bitmap_operand {
    uint64_t len;
    uint64_t cid;      /* of a chunked one; 0 */
    dbx_slice payload; /* of any other */
} dbx_bitmap_operand;

dbx_bitmap_operand dbx_bitmap_operand_of(const dbx_key *k);

/* dbx_bitmap_combine replaces whatever `to` holds by the operands (one at least; NOT: just one)
 * combined: as long as the longest of them, which is not empty, the others lengthened by zeros.
 * `to` may be one of them. */
int dbx_bitmap_combine(dbx_txn *txn, dbx_bitmap_op op, const dbx_bitmap_operand *operands,
                       size_t count, dbx_key *to);

#endif
