/* delta.c: see delta.h. */
#include "store/delta.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/format.h"

enum { FIXED_BYTES = 4, HEAD_MAX = UINT8_MAX, SPLICES_AT = 3 };

static size_t asked_min; /* for tests */

void dbx_delta_set_min(size_t bytes) {
    asked_min = bytes;
}

typedef struct splice {
    size_t at, cut;
    dbx_slice add;
} splice;

/* A delta, taken apart. */
typedef struct parts {
    size_t head_below;
    unsigned changes, count; /* count: of splices */
    dbx_slice head, splices;
} parts;

static bool take_apart(dbx_slice delta, parts *p) {
    if (delta.len < FIXED_BYTES || delta.len - FIXED_BYTES < delta.ptr[1]) return false;
    size_t head_len = delta.ptr[1];
    *p = (parts){.head_below = delta.ptr[0],
                 .changes = delta.ptr[2],
                 .count = delta.ptr[SPLICES_AT],
                 .head = dbx_slice_of(delta.ptr + FIXED_BYTES, head_len),
                 .splices = dbx_slice_of(delta.ptr + FIXED_BYTES + head_len,
                                         delta.len - FIXED_BYTES - head_len)};
    return true;
}

static bool read_splice(dbx_slice *in, splice *s) {
    uint64_t at, cut, len;
    if (!dbx_format_read_varint(in, &at) || !dbx_format_read_varint(in, &cut) ||
        !dbx_format_read_varint(in, &len) || len > in->len) {
        return false;
    }
    *s = (splice){(size_t)at, (size_t)cut, dbx_slice_of(in->ptr, (size_t)len)};
    *in = dbx_slice_of(in->ptr + len, in->len - (size_t)len);
    return true;
}

/* `changes` and `count` are at most UINT8_MAX. */
static void add_fixed(dbx_buf *out, size_t head_below, dbx_slice head, unsigned changes,
                      unsigned count) {
    const uint8_t fixed[FIXED_BYTES] = {(uint8_t)head_below, (uint8_t)head.len, (uint8_t)changes,
                                        (uint8_t)count};
    dbx_buf_add(out, fixed, sizeof fixed);
    dbx_buf_add(out, head.ptr, head.len);
}

/* --- Making ----------------------------------------------------------------------------------- */

/* The bytes that two values have in common at their beginnings. */
static size_t same_first(dbx_slice a, dbx_slice b) {
    size_t most = a.len < b.len ? a.len : b.len, n = 0;
    while (n + 8 <= most && dbx_load64(a.ptr + n) == dbx_load64(b.ptr + n))
        n += 8;
    while (n < most && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

/* And at their ends, of which at most `most` bytes are looked at. */
static size_t same_last(dbx_slice a, dbx_slice b, size_t most) {
    const uint8_t *x = a.ptr + a.len, *y = b.ptr + b.len;
    size_t n = 0;
    while (n + 8 <= most && dbx_load64(x - n - 8) == dbx_load64(y - n - 8))
        n += 8;
    while (n < most && x[-1 - (ptrdiff_t)n] == y[-1 - (ptrdiff_t)n])
        n++;
    return n;
}

static splice difference(dbx_slice was, dbx_slice is) {
    size_t least = was.len < is.len ? was.len : is.len;
    size_t first = same_first(was, is), last = same_last(was, is, least - first);
    return (splice){first, was.len - first - last,
                    dbx_slice_of(is.ptr + first, is.len - first - last)};
}

/* Adds one splice that does what `a` and then `b` do, which touches what `a` has put; false: it
 * does not. So pops from one end, or values of one field, stay one splice. */
static bool add_both(dbx_buf *out, const splice *a, const splice *b) {
    uint8_t head[3 * DBX_VARINT_MAX];
    size_t a_end = a->at + a->add.len, b_end = b->at + b->cut;
    if (b->at > a_end || b_end < a->at) return false;
    size_t before = b->at > a->at ? b->at - a->at : 0; /* of a's bytes stay in front of b's */
    size_t after = b_end < a_end ? a_end - b_end : 0;
    size_t left = b->at < a->at ? a->at - b->at : 0, right = b_end > a_end ? b_end - a_end : 0;
    size_t n = dbx_format_varint(head, a->at - left);
    n += dbx_format_varint(head + n, left + a->cut + right);
    n += dbx_format_varint(head + n, before + b->add.len + after);
    dbx_buf_add(out, head, n);
    dbx_buf_add(out, a->add.ptr, before);
    dbx_buf_add(out, b->add.ptr, b->add.len);
    dbx_buf_add(out, a->add.ptr + a->add.len - after, after);
    return true;
}

static void add_splice(dbx_buf *out, const splice *s) {
    const splice nothing = {s->at, 0, {NULL, 0}};
    (void)add_both(out, &nothing, s);
}

/* Adds the splices there are and then `s`; returns how many they are now, 0: these are none. */
static unsigned add_splices(dbx_buf *out, const parts *p, const splice *s) {
    dbx_slice rest = p->splices;
    const uint8_t *last_at = rest.ptr;
    splice last = {0};
    for (unsigned i = 0; i < p->count; i++) {
        last_at = rest.ptr;
        if (!read_splice(&rest, &last)) return 0;
    }
    size_t before = (size_t)(last_at - p->splices.ptr);
    dbx_buf_add(out, p->splices.ptr, before);
    if (p->count > 0 && add_both(out, &last, s)) return p->count;
    dbx_buf_add(out, last_at, p->splices.len - before);
    add_splice(out, s);
    return p->count + 1;
}

bool dbx_delta_suits(dbx_slice head, dbx_slice tail) {
    size_t least = asked_min > 0 ? asked_min : DBX_DELTA_VALUE_MIN;
    return head.len <= HEAD_MAX && tail.len >= least && tail.len <= DBX_DELTA_VALUE_MAX;
}

static bool is_within_bounds(const dbx_delta_change *c) {
    return dbx_delta_suits(c->head, c->tail) && c->head_was <= HEAD_MAX &&
           c->was.len <= DBX_DELTA_VALUE_MAX;
}

bool dbx_delta_make(dbx_buf *out, const dbx_delta_change *c) {
    parts p = {.head_below = c->head_was};
    size_t whole = c->head.len + c->tail.len;
    size_t most = asked_min > 0 ? DBX_DELTA_VALUE_MAX : whole / 2;
    if (!is_within_bounds(c) || (c->delta.len > 0 && !take_apart(c->delta, &p))) return false;
    splice s = difference(c->was, c->tail);
    if (s.add.len > most || p.changes >= DBX_DELTA_CHANGES_MAX) return false;
    out->len = 0;
    add_fixed(out, p.head_below, c->head, p.changes + 1, 0);
    unsigned count = p.count;
    if (s.cut > 0 || s.add.len > 0) {
        count = add_splices(out, &p, &s);
    } else {
        dbx_buf_add(out, p.splices.ptr, p.splices.len);
    }
    bool good =
        !out->failed && count <= UINT8_MAX && out->len <= most && (count > 0 || p.splices.len == 0);
    if (good) out->ptr[SPLICES_AT] = (uint8_t)count;
    out->failed = false;
    return good;
}

/* --- Using ------------------------------------------------------------------------------------ */

size_t dbx_delta_room(dbx_slice base, dbx_slice delta) {
    return base.len + delta.len;
}

int dbx_delta_apply(dbx_slice base, dbx_slice delta, uint8_t *out, size_t *len) {
    parts p;
    splice s;
    if (!take_apart(delta, &p) || base.len < p.head_below) return DBX_ECORRUPT;
    size_t n = base.len - p.head_below;
    uint8_t *tail = out + p.head.len;
    if (p.head.len > 0) memcpy(out, p.head.ptr, p.head.len);
    if (n > 0) memcpy(tail, base.ptr + p.head_below, n);
    for (unsigned i = 0; i < p.count; i++) {
        if (!read_splice(&p.splices, &s) || s.at > n || s.cut > n - s.at) return DBX_ECORRUPT;
        memmove(tail + s.at + s.add.len, tail + s.at + s.cut, n - s.at - s.cut);
        if (s.add.len > 0) memcpy(tail + s.at, s.add.ptr, s.add.len);
        n = n - s.cut + s.add.len;
    }
    *len = p.head.len + n;
    return p.splices.len == 0 ? DBX_OK : DBX_ECORRUPT;
}

int dbx_delta_fill(dbx_buf *out, dbx_slice base, dbx_slice delta) {
    out->len = 0;
    if (dbx_buf_reserve(out, dbx_delta_room(base, delta)) == NULL) {
        out->failed = false;
        return DBX_ENOMEM;
    }
    return dbx_delta_apply(base, delta, out->ptr, &out->len);
}

int dbx_delta_join(dbx_buf *out, dbx_slice older, dbx_slice newer) {
    parts a, b;
    out->len = 0;
    if (!take_apart(older, &a) || !take_apart(newer, &b) || b.head_below != a.head.len ||
        a.count + b.count > UINT8_MAX) {
        return DBX_ECORRUPT;
    }
    unsigned changes = a.changes + b.changes < UINT8_MAX ? a.changes + b.changes : UINT8_MAX;
    add_fixed(out, a.head_below, b.head, changes, a.count + b.count);
    dbx_buf_add(out, a.splices.ptr, a.splices.len);
    dbx_buf_add(out, b.splices.ptr, b.splices.len);
    return out->failed ? DBX_ENOMEM : DBX_OK;
}
