/* t_hll.h: HyperLogLogs: strings that tell how many different elements were added to them, with a
 * standard error of 0.81%.
 *
 * The bytes are exactly those that Redis keeps, so that values go from one to the other by GET and
 * SET, and what follows here is its format:
 *
 *   "HYLL"   encoding u8 (0 dense, 1 sparse)   three bytes that are not used
 *   the last count u64, little-endian; its highest bit says that registers have changed since
 *   dense: 16384 registers of 6 bits, the first in the lowest bits of the first byte
 *   sparse: runs of registers, those of all 16384 in order:
 *     00nnnnnn             n + 1 registers of 0
 *     01nnnnnn nnnnnnnn    n + 1 registers of 0
 *     1vvvvvnn             n + 1 registers of v + 1
 *
 * Anybody can SET anything: only the header is checked before a value is used, and every function
 * that reads registers finds out by itself whether they are all there (DBX_ECORRUPT otherwise).
 */
#ifndef DBX_TYPES_T_HLL_H
#define DBX_TYPES_T_HLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    DBX_HLL_REGISTERS = 16384,
    DBX_HLL_HEADER_BYTES = 16,
    DBX_HLL_DENSE_BYTES = DBX_HLL_HEADER_BYTES + DBX_HLL_REGISTERS * 6 / 8,
    DBX_HLL_SET_BYTES = 3 /* by which one register makes a sparse value longer at most */
};

typedef enum dbx_hll_encoding { DBX_HLL_DENSE, DBX_HLL_SPARSE } dbx_hll_encoding;

/* A value that is being changed, in memory of the caller's: `cap` is at least DBX_HLL_DENSE_BYTES.
 * Bytes [from, to) are those that differ from what it was. */
typedef struct dbx_hll {
    uint8_t *bytes;
    size_t len, cap;
    size_t from, to;
    size_t near_at; /* private: of a sparse one, a run before the one that was changed last, */
    uint32_t near;  /* and its first register */
} dbx_hll;

/* --- Values ---------------------------------------------------------------------------------- */

/* dbx_hll_is_valid says whether a string of `len` bytes that begins with `head` (all of it, or at
 * least DBX_HLL_HEADER_BYTES) may be one. */
bool dbx_hll_is_valid(dbx_slice head, uint64_t len);

static inline dbx_hll_encoding dbx_hll_encoding_of(dbx_slice value) {
    return (dbx_hll_encoding)value.ptr[4];
}

/* dbx_hll_cached gives the count that the header has; false: it has to be counted again. */
bool dbx_hll_cached(dbx_slice value, uint64_t *count);

/* dbx_hll_count estimates how many different elements were added. DBX_OK or DBX_ECORRUPT. */
int dbx_hll_count(dbx_slice value, uint64_t *count);

/* dbx_hll_merge raises registers, one in a byte, to those of a value. DBX_OK or DBX_ECORRUPT. */
int dbx_hll_merge(uint8_t registers[DBX_HLL_REGISTERS], dbx_slice value);

/* dbx_hll_count_registers is dbx_hll_count of registers that were merged. */
uint64_t dbx_hll_count_registers(const uint8_t registers[DBX_HLL_REGISTERS]);

/* --- Runs of a sparse value ------------------------------------------------------------------- */

typedef struct dbx_hll_run {
    uint32_t registers;
    uint8_t value;
    uint8_t bytes; /* that the run takes in the value: 1 or 2 */
} dbx_hll_run;

/* dbx_hll_run_at reads the run that begins at byte `at`; false: there is none, or no whole one. */
bool dbx_hll_run_at(dbx_slice value, size_t at, dbx_hll_run *run);

/* --- Changing -------------------------------------------------------------------------------- */

/* dbx_hll_clear makes it the value without elements: sparse, and counted. */
void dbx_hll_clear(dbx_hll *hll);

/* dbx_hll_load makes it a copy of `value`, which fits. */
void dbx_hll_load(dbx_hll *hll, dbx_slice value);

/* dbx_hll_place says which register an element belongs to, and what it raises that to. */
uint32_t dbx_hll_place(dbx_slice element, uint8_t *count);

/* dbx_hll_holds says that a dense value's register is `count` or higher: setting it would change
 * nothing. */
bool dbx_hll_holds(dbx_slice value, uint32_t index, uint8_t count);

/* dbx_hll_set raises a register to `count`: 1 when that changed it, 0 when not, or DBX_ECORRUPT. A
 * sparse value that would become longer than `sparse_max` or than its memory, or cannot hold the
 * count, becomes dense. */
int dbx_hll_set(dbx_hll *hll, uint32_t index, uint8_t count, uint64_t sparse_max);

/* dbx_hll_set_all gives a dense value the registers, one in a byte. */
void dbx_hll_set_all(dbx_hll *hll, const uint8_t registers[DBX_HLL_REGISTERS]);

/* dbx_hll_densify makes a sparse value dense. DBX_OK or DBX_ECORRUPT, and nothing is changed. */
int dbx_hll_densify(dbx_hll *hll);

/* dbx_hll_forget marks the cached count as out of date. */
void dbx_hll_forget(dbx_hll *hll);

#endif
