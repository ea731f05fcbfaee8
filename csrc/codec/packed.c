/* packed.c: reading Redis's packed sequences; see packed.h. */
#include "codec/packed.h"

#include "base/bytes.h"
#include "base/err.h"

enum {
    LISTPACK_END = 0xFF,
    ZIPLIST_HEAD_BYTES = 10,
    ZIPLIST_END = 0xFF,
    ZIPLIST_LONG_BEFORE = 0xFE,
    INTSET_HEAD_BYTES = 8,
    UNCOUNTED16 = UINT16_MAX,
    BACK_MAX = 5
};

/* An element's head: its length, or its number. */
typedef struct head {
    size_t bytes; /* of the head, a number's included */
    size_t len;   /* of a string's bytes */
    bool is_number;
    int64_t number;
} head;

static int64_t sign_extend(uint64_t value, unsigned bits) {
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (int64_t)((value ^ sign) - sign);
}

/* load_number reads a little-endian number of 1 to 8 bytes. */
static int64_t load_number(const uint8_t *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return sign_extend(value, 8 * bytes);
}

/* number_head reads a number of so many bytes behind one byte of encoding. */
static bool number_head(dbx_slice in, unsigned bytes, head *h) {
    if (in.len < 1 + (size_t)bytes) return false;
    *h = (head){.bytes = 1 + bytes, .is_number = true, .number = load_number(in.ptr + 1, bytes)};
    return true;
}

/* --- Opening --------------------------------------------------------------------------------- */

static bool open_listpack(dbx_packed *p) {
    const uint8_t *at = p->all.ptr;
    if (p->all.len < DBX_LISTPACK_HEAD_BYTES + 1 || dbx_load32(at) != p->all.len) return false;
    uint16_t count = dbx_load16(at + 4);
    p->count = count == UNCOUNTED16 ? DBX_PACKED_UNCOUNTED : count;
    p->at = DBX_LISTPACK_HEAD_BYTES;
    return at[p->all.len - 1] == LISTPACK_END;
}

static bool open_ziplist(dbx_packed *p) {
    const uint8_t *at = p->all.ptr;
    if (p->all.len < ZIPLIST_HEAD_BYTES + 1 || dbx_load32(at) != p->all.len) return false;
    uint16_t count = dbx_load16(at + 8);
    p->count = count == UNCOUNTED16 ? DBX_PACKED_UNCOUNTED : count;
    p->at = ZIPLIST_HEAD_BYTES;
    return at[p->all.len - 1] == ZIPLIST_END && dbx_load32(at + 4) < p->all.len;
}

static bool open_intset(dbx_packed *p) {
    if (p->all.len < INTSET_HEAD_BYTES) return false;
    uint32_t width = dbx_load32(p->all.ptr);
    p->count = dbx_load32(p->all.ptr + 4);
    p->at = INTSET_HEAD_BYTES;
    p->width = width;
    return (width == 2 || width == 4 || width == 8) && p->count > 0 &&
           p->all.len == INTSET_HEAD_BYTES + p->count * width;
}

bool dbx_packed_open(dbx_packed *packed, dbx_packed_kind kind, dbx_slice all) {
    *packed = (dbx_packed){.kind = kind, .all = all};
    switch (kind) {
    case DBX_LISTPACK:
        return open_listpack(packed);
    case DBX_ZIPLIST:
        return open_ziplist(packed);
    default:
        return open_intset(packed);
    }
}

/* --- Listpacks ------------------------------------------------------------------------------- */

/* back_length writes the length of an element as it stands behind it; returns how many bytes. */
static size_t back_length(uint8_t out[BACK_MAX], uint64_t len) {
    static const uint64_t below[BACK_MAX - 1] = {128, 16383, 2097151, 268435455};
    size_t n = 1;
    while (n < BACK_MAX && len >= below[n - 1])
        n++;
    for (size_t i = 0; i < n; i++) {
        uint8_t digit = (uint8_t)(len >> 7 * (n - 1 - i) & 127);
        out[i] = i == 0 ? digit : digit | 128;
    }
    return n;
}

static bool string_head(dbx_slice in, size_t bytes, size_t len, head *h) {
    *h = (head){.bytes = bytes, .len = len};
    return bytes <= in.len && len <= in.len - bytes;
}

static bool listpack_head(dbx_slice in, head *h) {
    uint8_t first = in.ptr[0];
    if (first < 0x80) {
        *h = (head){.bytes = 1, .is_number = true, .number = first};
        return true;
    }
    if (first < 0xC0) return string_head(in, 1, first & 0x3F, h);
    if (first < 0xE0) {
        if (in.len < 2) return false;
        uint64_t bits = (uint64_t)(first & 0x1F) << 8 | in.ptr[1];
        *h = (head){.bytes = 2, .is_number = true, .number = sign_extend(bits, 13)};
        return true;
    }
    if (first < 0xF0) {
        if (in.len < 2) return false;
        return string_head(in, 2, (size_t)(first & 0x0F) << 8 | in.ptr[1], h);
    }
    switch (first) {
    case 0xF0:
        return in.len >= 5 && string_head(in, 5, dbx_load32(in.ptr + 1), h);
    case 0xF1:
        return number_head(in, 2, h);
    case 0xF2:
        return number_head(in, 3, h);
    case 0xF3:
        return number_head(in, 4, h);
    case 0xF4:
        return number_head(in, 8, h);
    default:
        return false;
    }
}

/* next_of_listpack moves behind the element at p->at: its length must stand there once more. */
static bool next_of_listpack(dbx_packed *p, head *h) {
    uint8_t back[BACK_MAX];
    dbx_slice in = dbx_slice_of(p->all.ptr + p->at, p->all.len - 1 - p->at);
    if (in.len == 0 || !listpack_head(in, h)) return false;
    size_t len = h->bytes + h->len, n = back_length(back, len);
    if (n > in.len - len || memcmp(in.ptr + len, back, n) != 0) return false;
    p->at += len + n;
    return true;
}

/* --- Ziplists -------------------------------------------------------------------------------- */

static bool ziplist_head(dbx_slice in, head *h) {
    uint8_t first = in.ptr[0];
    if (first < 0x40) return string_head(in, 1, first, h);
    if (first < 0x80) {
        if (in.len < 2) return false;
        return string_head(in, 2, (size_t)(first & 0x3F) << 8 | in.ptr[1], h);
    }
    if (first < 0xC0) return in.len >= 5 && string_head(in, 5, dbx_load32_be(in.ptr + 1), h);
    switch (first) {
    case 0xC0:
        return number_head(in, 2, h);
    case 0xD0:
        return number_head(in, 4, h);
    case 0xE0:
        return number_head(in, 8, h);
    case 0xF0:
        return number_head(in, 3, h);
    case 0xFE:
        return number_head(in, 1, h);
    default:
        if (first < 0xF1 || first > 0xFD) return false;
        *h = (head){.bytes = 1, .is_number = true, .number = (first & 0x0F) - 1};
        return true;
    }
}

/* next_of_ziplist moves behind the element at p->at; *before is what its own head takes. */
static bool next_of_ziplist(dbx_packed *p, head *h, size_t *before) {
    dbx_slice in = dbx_slice_of(p->all.ptr + p->at, p->all.len - 1 - p->at);
    if (in.len == 0) return false;
    bool is_long = in.ptr[0] == ZIPLIST_LONG_BEFORE;
    *before = is_long ? 5 : 1;
    if (in.ptr[0] == ZIPLIST_END || in.len <= *before) return false;
    if ((is_long ? dbx_load32(in.ptr + 1) : in.ptr[0]) != p->before) return false;
    in = dbx_slice_of(in.ptr + *before, in.len - *before);
    if (!ziplist_head(in, h)) return false;
    p->before = *before + h->bytes + h->len;
    p->at += p->before;
    return true;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* ended: what is declared is what was there. */
static bool ended(const dbx_packed *p) {
    if (p->count != DBX_PACKED_UNCOUNTED && p->count != p->seen) return false;
    if (p->kind != DBX_ZIPLIST) return true;
    return dbx_load32(p->all.ptr + 4) == p->at - p->before; /* the tail is its last element */
}

static int next_of_intset(dbx_packed *p, dbx_packed_item *item) {
    if (p->seen == p->count) return DBX_ENOTFOUND;
    int64_t number = load_number(p->all.ptr + p->at, p->width);
    if (p->seen++ > 0 && number <= p->last) return DBX_EINVAL;
    p->at += p->width;
    p->last = number;
    item->is_number = true;
    item->number = number;
    return DBX_OK;
}

int dbx_packed_next(dbx_packed *p, dbx_packed_item *item) {
    int rc = DBX_OK;
    if (p->kind == DBX_INTSET) {
        rc = next_of_intset(p, item);
    } else {
        head h;
        size_t from = p->at, before = 0;
        if (from == p->all.len - 1) return ended(p) ? DBX_ENOTFOUND : DBX_EINVAL;
        bool ok =
            p->kind == DBX_LISTPACK ? next_of_listpack(p, &h) : next_of_ziplist(p, &h, &before);
        if (!ok) return DBX_EINVAL;
        p->seen++;
        item->is_number = h.is_number;
        item->number = h.number;
        item->bytes = dbx_slice_of(p->all.ptr + from + before + h.bytes, h.len);
    }
    if (rc == DBX_OK && item->is_number)
        item->bytes = dbx_slice_of(item->text, dbx_num_to_text(item->number, item->text));
    return rc;
}

bool dbx_packed_number(const dbx_packed_item *item, int64_t *number) {
    *number = item->number;
    return item->is_number || dbx_num_from_slice(item->bytes, number);
}

bool dbx_packed_count(dbx_packed_kind kind, dbx_slice all, uint64_t *count) {
    dbx_packed packed;
    dbx_packed_item item;
    int rc = dbx_packed_open(&packed, kind, all) ? DBX_OK : DBX_EINVAL;
    while (rc == DBX_OK)
        rc = dbx_packed_next(&packed, &item);
    *count = packed.seen;
    return rc == DBX_ENOTFOUND;
}

/* --- Writing --------------------------------------------------------------------------------- */

void dbx_listpack_head(dbx_buf *out, uint32_t len, uint64_t count) {
    uint8_t bytes[DBX_LISTPACK_HEAD_BYTES];
    dbx_store32(bytes, len);
    dbx_store16(bytes + 4, (uint16_t)(count < UNCOUNTED16 ? count : UNCOUNTED16));
    dbx_buf_add(out, bytes, sizeof bytes);
}

void dbx_listpack_end(dbx_buf *out) {
    dbx_buf_byte(out, LISTPACK_END);
}

void dbx_listpack_open(dbx_buf *out) {
    dbx_listpack_head(out, 0, 0);
}

void dbx_listpack_close(dbx_buf *out, size_t at, uint64_t count) {
    dbx_listpack_end(out);
    if (out->failed) return;
    dbx_store32(out->ptr + at, (uint32_t)(out->len - at));
    dbx_store16(out->ptr + at + 4, (uint16_t)(count < UNCOUNTED16 ? count : UNCOUNTED16));
}

/* put_number writes a number's element without its length; returns how many bytes. */
static size_t put_number(uint8_t out[9], int64_t number) {
    if (number >= 0 && number < 128) {
        out[0] = (uint8_t)number;
        return 1;
    }
    if (number >= -4096 && number < 4096) {
        out[0] = (uint8_t)(0xC0 | ((uint64_t)number >> 8 & 0x1F));
        out[1] = (uint8_t)number;
        return 2;
    }
    unsigned bytes = 8;
    if (number >= INT16_MIN && number <= INT16_MAX) {
        bytes = 2;
    } else if (number >= -(1 << 23) && number < 1 << 23) {
        bytes = 3;
    } else if (number >= INT32_MIN && number <= INT32_MAX) {
        bytes = 4;
    }
    out[0] = (uint8_t)(bytes == 8 ? 0xF4 : 0xF1 + bytes - 2);
    for (unsigned i = 0; i < bytes; i++)
        out[1 + i] = (uint8_t)((uint64_t)number >> 8 * i);
    return 1 + bytes;
}

static void add_back_length(dbx_buf *out, uint64_t len) {
    uint8_t back[BACK_MAX];
    dbx_buf_add(out, back, back_length(back, len));
}

void dbx_listpack_add_number(dbx_buf *out, int64_t number) {
    uint8_t bytes[9];
    size_t n = put_number(bytes, number);
    dbx_buf_add(out, bytes, n);
    add_back_length(out, n);
}

static size_t put_string_head(uint8_t out[5], uint32_t len) {
    if (len < 64) {
        out[0] = (uint8_t)(0x80 | len);
        return 1;
    }
    if (len < 4096) {
        out[0] = (uint8_t)(0xE0 | len >> 8);
        out[1] = (uint8_t)len;
        return 2;
    }
    out[0] = 0xF0;
    dbx_store32(out + 1, len);
    return 5;
}

void dbx_listpack_string_begin(dbx_buf *out, uint32_t len) {
    uint8_t bytes[5];
    dbx_buf_add(out, bytes, put_string_head(bytes, len));
}

void dbx_listpack_string_end(dbx_buf *out, uint32_t len) {
    uint8_t bytes[5];
    add_back_length(out, put_string_head(bytes, len) + (uint64_t)len);
}

void dbx_listpack_add_string(dbx_buf *out, dbx_slice bytes) {
    dbx_listpack_string_begin(out, (uint32_t)bytes.len);
    dbx_buf_add(out, bytes.ptr, bytes.len);
    dbx_listpack_string_end(out, (uint32_t)bytes.len);
}

uint64_t dbx_listpack_string_size(uint32_t len) {
    uint8_t bytes[5], back[BACK_MAX];
    uint64_t n = put_string_head(bytes, len) + (uint64_t)len;
    return n + back_length(back, n);
}

uint64_t dbx_listpack_number_size(int64_t number) {
    uint8_t bytes[9], back[BACK_MAX];
    size_t n = put_number(bytes, number);
    return n + back_length(back, n);
}
