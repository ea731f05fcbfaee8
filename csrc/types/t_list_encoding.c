/* t_list_encoding.c: see t_list_encoding.h. */
#include "types/t_list_encoding.h"

#include "base/num.h"

enum {
    LISTPACK_FRAME_BYTES = 7, /* a listpack without its entries */
    SAFETY_BYTES = 8192,      /* what one may take when its bound is a number of entries */
    LONG_HEAD_BYTES = 5       /* of an entry of 4096 bytes or more */
};

/* --- Sizes in a listpack --------------------------------------------------------------------- */

static uint64_t number_bytes(int64_t number) {
    if (number >= 0 && number <= 127) return 1;
    if (number >= -4096 && number <= 4095) return 2;
    if (number >= INT16_MIN && number <= INT16_MAX) return 3;
    if (number >= -8388608 && number <= 8388607) return 4;
    return number >= INT32_MIN && number <= INT32_MAX ? 5 : 9;
}

/* An entry ends with its own length, in groups of seven bits. */
static uint64_t with_back_length(uint64_t bytes) {
    static const uint64_t bounds[] = {127, 16382, 2097150, 268435454};
    uint64_t more = 1;
    while (more <= 4 && bytes > bounds[more - 1])
        more++;
    return bytes + more;
}

static bool is_number(const dbx_cell *cell, int64_t *number) {
    return cell->len < DBX_NUM_TEXT_MAX && dbx_num_from_slice(dbx_cell_slice(cell), number);
}

uint64_t dbx_list_encoding_bytes(const dbx_cell *cell) {
    int64_t number;
    uint64_t len = cell->len;
    if (is_number(cell, &number)) return number_bytes(number) + 1;
    return with_back_length(len + (len < 64 ? 1 : len < 4096 ? 2 : LONG_HEAD_BYTES));
}

/* --- Conversions ----------------------------------------------------------------------------- */

typedef struct limit {
    uint64_t bytes, entries;
} limit;

static limit limit_of(const dbx_list_edit *e) {
    static const uint64_t sizes[] = {4096, 8192, 16384, 32768, 65536};
    int64_t setting = e->base.encodings->list_size;
    if (setting >= 0) return (limit){SAFETY_BYTES, setting == 0 ? 1 : (uint64_t)setting};
    return (limit){sizes[setting < -5 ? 4 : -setting - 1], UINT64_MAX};
}

/* What the whole list would take as a listpack. */
static uint64_t listpack_bytes(const dbx_list_edit *e) {
    uint64_t bytes = LISTPACK_FRAME_BYTES;
    dbx_cell cell;
    if (e->shape.head > 0) return bytes + e->shape.packed;
    dbx_slice cells = dbx_buf_slice(&e->base.payload);
    while (cells.len > 0 && dbx_cell_read(&cells, 0, &cell))
        bytes += dbx_list_encoding_bytes(&cell);
    return bytes;
}

void dbx_list_encoding_grow(dbx_list_edit *e, uint64_t bytes, uint64_t elements) {
    dbx_meta *meta = &e->base.k->meta;
    if (meta->encoding != DBX_ENCODING_LISTPACK) return;
    limit most = limit_of(e);
    /* No cell takes more than twice its bytes in a listpack: most calls end here. */
    uint64_t bound = 2 * (uint64_t)e->base.payload.len + LISTPACK_FRAME_BYTES + bytes;
    if (e->shape.head > 0 || bound > most.bytes) bound = listpack_bytes(e) + bytes;
    if (bound > most.bytes || meta->count + elements > most.entries) {
        meta->encoding = DBX_ENCODING_QUICKLIST;
    }
}

void dbx_list_encoding_grow_moved(dbx_list_edit *e, const dbx_cell *cell) {
    int64_t number;
    dbx_list_encoding_grow(e, is_number(cell, &number) ? 0 : cell->len, 1);
}

void dbx_list_encoding_shrink(dbx_list_edit *e) {
    dbx_meta *meta = &e->base.k->meta;
    if (meta->encoding != DBX_ENCODING_QUICKLIST || meta->count == 0) return;
    bool by_bytes = e->base.encodings->list_size < 0;
    limit most = limit_of(e);
    if (!by_bytes && meta->count > most.entries / 2) return;
    if (!by_bytes && meta->count == 1) { /* as long a one as a node may hold has one to itself */
        most.bytes = LISTPACK_FRAME_BYTES + with_back_length(SAFETY_BYTES + LONG_HEAD_BYTES);
    }
    if (listpack_bytes(e) > (by_bytes ? most.bytes / 2 : most.bytes)) return;
    meta->encoding = DBX_ENCODING_LISTPACK;
}
