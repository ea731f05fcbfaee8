/* num.h: numbers from and to text, exactly as Redis 8.0 reads and prints them.
 *
 * Nothing here depends on the locale. Readers return false and leave *out alone when the text is
 * not wholly a number of that kind. Writers do not terminate the text; they return its length.
 */
#ifndef DBX_BASE_NUM_H
#define DBX_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    DBX_NUM_U64_TEXT_MAX = 20,        /* "18446744073709551615" */
    DBX_NUM_TEXT_MAX = 21,            /* a sign, and what any uint64 needs */
    DBX_NUM_REAL_TEXT_MAX = 32,       /* the longest dbx_num_real_to_text */
    DBX_NUM_LONG_REAL_TEXT_MAX = 5120 /* the longest long double, in or out (4933 + 18 digits) */
};

/* dbx_num_from_slice reads a canonical int64: no blanks, no '+', no leading zeros, no "-0"; so text
 * -> number -> text gives the same text (Redis's string2ll). */
bool dbx_num_from_slice(dbx_slice text, int64_t *out);
/* dbx_num_u64_from_slice is the same for uint64. */
bool dbx_num_u64_from_slice(dbx_slice text, uint64_t *out);

/* dbx_num_to_text and dbx_num_u64_to_text write decimal digits. */
size_t dbx_num_to_text(int64_t value, char out[DBX_NUM_TEXT_MAX]);
size_t dbx_num_u64_to_text(uint64_t value, char out[DBX_NUM_U64_TEXT_MAX]);
/* dbx_num_digits is how many decimal digits `value` has (0 has one). */
unsigned dbx_num_digits(uint64_t value);

/* dbx_num_real_from_slice reads a double as scores and option values are read: what strtod accepts
 * ("inf", "1e3"), wholly, without leading blanks; "nan" and what overflows or underflows are
 * refused. */
bool dbx_num_real_from_slice(dbx_slice text, double *out);
/* dbx_num_real_to_text writes the digits Redis replies with: short, and read back as the same
 * double. */
size_t dbx_num_real_to_text(double value, char out[DBX_NUM_REAL_TEXT_MAX]);
/* dbx_num_bound_from_slice reads a double as bounds of ranges are read: what strtod accepts, but
 * not hexadecimal; nothing at all is 0; what overflows is infinite; a NUL byte ends it. */
bool dbx_num_bound_from_slice(dbx_slice text, double *out);
/* dbx_num_real_to_17_digits writes a double with up to 17 digits, as printf's %.17g does. */
size_t dbx_num_real_to_17_digits(double value, char out[DBX_NUM_REAL_TEXT_MAX]);

/* Long doubles are INCRBYFLOAT's. They have 64 bits of mantissa on x86; where they have 113
 * (aarch64, riscv64) reading and adding round to 64 as well, so that every machine replies with the
 * same digits (Redis itself does not). Where long double is double (32-bit ARM) digits past the
 * 16th differ. */
bool dbx_num_long_real_from_slice(dbx_slice text, long double *out);
/* dbx_num_long_real_add is a + b with that rounding. The result may be inf or nan: ask. */
long double dbx_num_long_real_add(long double a, long double b);
/* dbx_num_long_real_to_text writes at most 17 decimals, no exponent, no trailing zeros. */
size_t dbx_num_long_real_to_text(long double value, char out[DBX_NUM_LONG_REAL_TEXT_MAX]);

/* dbx_num_memory_from_slice reads an amount of memory in the configuration's notation: "1024", "1k"
 * = 1000, "1kb" = 1024, and so m, mb, g, gb, b; in any case. */
bool dbx_num_memory_from_slice(dbx_slice text, uint64_t *out);

#endif
