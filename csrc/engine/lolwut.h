/* lolwut.h: the pictures of LOLWUT. Their sizes are those of Redis's pictures, what they show is
 * not.
 */
#ifndef DBX_ENGINE_LOLWUT_H
#define DBX_ENGINE_LOLWUT_H

#include <stdint.h>

#include "base/buf.h"

/* dbx_lolwut_maze appends a maze out of one random choice for each of its places. */
void dbx_lolwut_maze(dbx_buf *out);
/* dbx_lolwut_squares appends VERSION 5's: so many squares, across so many columns of text. What is
 * out of bounds is taken for the bound. */
void dbx_lolwut_squares(int64_t columns, int64_t per_row, int64_t per_column, dbx_buf *out);
/* dbx_lolwut_skyline appends VERSION 6's, of so many characters; bounded as well. */
void dbx_lolwut_skyline(int64_t columns, int64_t rows, dbx_buf *out);

/* Sizes that are not asked for. */
enum {
    DBX_LOLWUT_COLUMNS = 66,
    DBX_LOLWUT_PER_ROW = 8,
    DBX_LOLWUT_PER_COLUMN = 12,
    DBX_LOLWUT_SKY_COLUMNS = 80,
    DBX_LOLWUT_SKY_ROWS = 20
};

#endif
