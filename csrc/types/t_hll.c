/* t_hll.c: the bytes of a HyperLogLog; see t_hll.h. What they amount to is in t_hll_count.c.
 *
 * Registers of a sparse value are set in the very steps that Redis takes, so that the runs that
 * come of it are the same. */
#include "types/t_hll.h"

#include "base/bytes.h"
#include "base/err.h"

enum {
    CARD_AT = 8,
    STALE_AT = 15,
    STALE = 0x80,
    INDEX_BITS = 14, /* of an element's hash: the register */
    RANK_BITS = 64 - INDEX_BITS,
    VALUE_MAX = 32, /* of a run */
    VALUE_RUN_MAX = 4,
    SHORT_ZEROS_MAX = 64,
    SCAN_RUNS = 5,
    SEQUENCE_MAX = 5 /* bytes of what a run is replaced by */
};

static const uint64_t HASH_SEED = 0xadc83b19u;

/* --- Values ---------------------------------------------------------------------------------- */

bool dbx_hll_is_valid(dbx_slice head, uint64_t len) {
    if (len < DBX_HLL_HEADER_BYTES || memcmp(head.ptr, "HYLL", 4) != 0) return false;
    uint8_t encoding = head.ptr[4];
    return encoding == DBX_HLL_SPARSE || (encoding == DBX_HLL_DENSE && len == DBX_HLL_DENSE_BYTES);
}

bool dbx_hll_cached(dbx_slice value, uint64_t *count) {
    *count = dbx_load64(value.ptr + CARD_AT);
    return (value.ptr[STALE_AT] & STALE) == 0;
}

void dbx_hll_clear(dbx_hll *hll) {
    static const uint8_t all_zeros[] = {0x7f, 0xff}; /* one run of 16384 */
    memset(hll->bytes, 0, DBX_HLL_HEADER_BYTES);
    memcpy(hll->bytes, "HYLL", 4);
    hll->bytes[4] = DBX_HLL_SPARSE;
    memcpy(hll->bytes + DBX_HLL_HEADER_BYTES, all_zeros, sizeof all_zeros);
    hll->len = DBX_HLL_HEADER_BYTES + sizeof all_zeros;
    hll->from = 0;
    hll->to = hll->len;
    hll->near_at = DBX_HLL_HEADER_BYTES;
    hll->near = 0;
}

void dbx_hll_load(dbx_hll *hll, dbx_slice value) {
    memcpy(hll->bytes, value.ptr, value.len);
    hll->len = value.len;
    hll->from = value.len;
    hll->to = 0;
    hll->near_at = DBX_HLL_HEADER_BYTES;
    hll->near = 0;
}

static dbx_slice value_of(const dbx_hll *hll) {
    return dbx_slice_of(hll->bytes, hll->len);
}

static void changed(dbx_hll *hll, size_t from, size_t to) {
    if (from < hll->from) hll->from = from;
    if (to > hll->to) hll->to = to;
}

void dbx_hll_forget(dbx_hll *hll) {
    if ((hll->bytes[STALE_AT] & STALE) != 0) return;
    hll->bytes[STALE_AT] |= STALE;
    changed(hll, STALE_AT, STALE_AT + 1);
}

/* --- Elements -------------------------------------------------------------------------------- */

/* MurmurHash64A, as Redis has it: the same on every machine. */
static uint64_t hash_of(dbx_slice s) {
    const uint64_t m = 0xc6a4a7935bd1e995u;
    const uint8_t *p = s.ptr, *end = p + (s.len & ~(size_t)7);
    uint64_t h = HASH_SEED ^ (s.len * m);
    for (; p < end; p += 8) {
        uint64_t k = dbx_load64(p) * m;
        k = (k ^ k >> 47) * m;
        h = (h ^ k) * m;
    }
    size_t rest = s.len & 7;
    if (rest > 0) {
        uint64_t k = 0;
        for (size_t i = rest; i > 0; i--)
            k = k << 8 | p[i - 1];
        h = (h ^ k) * m;
    }
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

uint32_t dbx_hll_place(dbx_slice element, uint8_t *count) {
    uint64_t hash = hash_of(element);
    uint64_t rank = hash >> INDEX_BITS | (uint64_t)1 << RANK_BITS;
    *count = (uint8_t)(__builtin_ctzll(rank) + 1);
    return (uint32_t)(hash & (DBX_HLL_REGISTERS - 1));
}

/* --- Dense ----------------------------------------------------------------------------------- */

/* Where a register lies: in one byte, or the end of one and the beginning of the next. */
typedef struct place {
    size_t at;
    unsigned shift;
} place;

static place place_of(uint32_t index) {
    size_t bit = (size_t)index * 6;
    return (place){DBX_HLL_HEADER_BYTES + bit / 8, (unsigned)(bit % 8)};
}

static uint8_t get_register(const uint8_t *bytes, place p) {
    unsigned word = bytes[p.at];
    if (p.shift > 2) word |= (unsigned)bytes[p.at + 1] << 8;
    return (uint8_t)(word >> p.shift & 63);
}

static void set_register(uint8_t *bytes, place p, uint8_t count) {
    bytes[p.at] = (uint8_t)((bytes[p.at] & ~(63u << p.shift)) | (unsigned)count << p.shift);
    if (p.shift > 2) {
        unsigned back = 8 - p.shift;
        bytes[p.at + 1] = (uint8_t)((bytes[p.at + 1] & ~(63u >> back)) | (unsigned)count >> back);
    }
}

bool dbx_hll_holds(dbx_slice value, uint32_t index, uint8_t count) {
    return get_register(value.ptr, place_of(index)) >= count;
}

static int set_dense(dbx_hll *hll, uint32_t index, uint8_t count) {
    place p = place_of(index);
    if (get_register(hll->bytes, p) >= count) return 0;
    set_register(hll->bytes, p, count);
    changed(hll, p.at, p.at + (p.shift > 2 ? 2 : 1));
    return 1;
}

void dbx_hll_set_all(dbx_hll *hll, const uint8_t registers[DBX_HLL_REGISTERS]) {
    uint8_t *to = hll->bytes + DBX_HLL_HEADER_BYTES;
    for (size_t i = 0; i < DBX_HLL_REGISTERS; i += 8, to += 6) {
        uint64_t word = dbx_load64(registers + i);
        word = (word & 0x003f003f003f003fu) | (word & 0x3f003f003f003f00u) >> 2;
        word = (word & 0x00000fff00000fffu) | (word & 0x0fff00000fff0000u) >> 4;
        word = (word & 0x0000000000ffffffu) | (word & 0x00ffffff00000000u) >> 8;
        dbx_store32(to, (uint32_t)word);
        dbx_store16(to + 4, (uint16_t)(word >> 32));
    }
    changed(hll, DBX_HLL_HEADER_BYTES, hll->len);
}

/* --- Sparse ---------------------------------------------------------------------------------- */

bool dbx_hll_run_at(dbx_slice value, size_t at, dbx_hll_run *run) {
    if (at >= value.len) return false;
    uint8_t byte = value.ptr[at];
    if ((byte & 0x80) != 0) {
        *run = (dbx_hll_run){(byte & 3u) + 1, (uint8_t)((byte >> 2 & 31) + 1), 1};
    } else if ((byte & 0x40) == 0) {
        *run = (dbx_hll_run){byte + 1u, 0, 1};
    } else {
        if (value.len - at < 2) return false;
        *run = (dbx_hll_run){((byte & 63u) << 8 | value.ptr[at + 1]) + 1u, 0, 2};
    }
    return true;
}

int dbx_hll_densify(dbx_hll *hll) {
    uint8_t dense[DBX_HLL_DENSE_BYTES] = {0};
    uint32_t index = 0;
    dbx_hll_run run;
    size_t at = DBX_HLL_HEADER_BYTES;
    if (dbx_hll_encoding_of(value_of(hll)) == DBX_HLL_DENSE) return DBX_OK;
    for (; dbx_hll_run_at(value_of(hll), at, &run); at += run.bytes) {
        if (run.registers > DBX_HLL_REGISTERS - index) return DBX_ECORRUPT;
        for (uint32_t i = 0; run.value > 0 && i < run.registers; i++)
            set_register(dense, place_of(index + i), run.value);
        index += run.registers;
    }
    if (at != hll->len || index != DBX_HLL_REGISTERS) return DBX_ECORRUPT;
    memcpy(dense, hll->bytes, DBX_HLL_HEADER_BYTES);
    dense[4] = DBX_HLL_DENSE;
    memcpy(hll->bytes, dense, sizeof dense);
    hll->len = sizeof dense;
    changed(hll, 0, hll->len);
    return DBX_OK;
}

static uint8_t value_run(uint8_t value, uint32_t registers) {
    return (uint8_t)(0x80u | (value - 1u) << 2 | (registers - 1));
}

/* Bytes that take the place of a run. */
typedef struct sequence {
    uint8_t bytes[SEQUENCE_MAX];
    uint8_t len;
} sequence;

static void add_run(sequence *s, uint8_t value, uint32_t registers) {
    uint32_t n = registers - 1;
    if (registers == 0) return;
    if (value > 0) {
        s->bytes[s->len++] = value_run(value, registers);
    } else if (registers <= SHORT_ZEROS_MAX) {
        s->bytes[s->len++] = (uint8_t)n;
    } else {
        s->bytes[s->len++] = (uint8_t)(0x40 | n >> 8);
        s->bytes[s->len++] = (uint8_t)n;
    }
}

/* join_runs puts neighbours of the same value together, from the run at `at` on: a few runs, for
 * the others are joined already. */
static void join_runs(dbx_hll *hll, size_t at) {
    dbx_hll_run run, next;
    for (int i = 0; i < SCAN_RUNS && dbx_hll_run_at(value_of(hll), at, &run); i++) {
        uint32_t both = run.registers;
        bool joins = run.value > 0 && dbx_hll_run_at(value_of(hll), at + 1, &next) &&
                     next.value == run.value && (both += next.registers) <= VALUE_RUN_MAX;
        if (joins) {
            hll->bytes[at] = value_run(run.value, both);
            hll->len--;
            memmove(hll->bytes + at + 1, hll->bytes + at + 2, hll->len - at - 1);
        } else {
            at += run.bytes;
        }
    }
}

/* A run, and the one before it: the same when there is none. */
typedef struct position {
    size_t at, before;
    uint32_t first, before_first; /* registers */
} position;

/* find_run finds the run that a register belongs to, from the one at `at` on, whose first register
 * is `first`; false: it is not there. */
static bool find_run(const dbx_hll *hll, uint32_t index, size_t at, uint32_t first, position *p,
                     dbx_hll_run *run) {
    *p = (position){at, at, first, first};
    while (dbx_hll_run_at(value_of(hll), p->at, run)) {
        if (index - p->first < run->registers) return true;
        p->before = p->at;
        p->before_first = p->first;
        p->at += run->bytes;
        p->first += run->registers;
    }
    return false;
}

/* Registers are mostly set in their order, when values are merged: so a search begins near the last
 * one. */
static int set_sparse(dbx_hll *hll, uint32_t index, uint8_t count, uint64_t sparse_max) {
    position p = {0};
    dbx_hll_run run;
    if (count > VALUE_MAX) goto dense;
    bool found = index >= hll->near && find_run(hll, index, hll->near_at, hll->near, &p, &run);
    /* Of the run where a search begins the one before is not known. */
    if (!found || p.at == hll->near_at) {
        if (!find_run(hll, index, DBX_HLL_HEADER_BYTES, 0, &p, &run)) return DBX_ECORRUPT;
    }
    if (run.value >= count) return 0;
    uint32_t first = p.first;
    size_t at = p.at;
    sequence s = {.len = 0};
    add_run(&s, run.value, index - first);
    add_run(&s, count, 1);
    add_run(&s, run.value, first + run.registers - 1 - index);
    size_t len = hll->len + s.len - run.bytes;
    if (len > hll->len && (len > sparse_max || len > hll->cap)) goto dense;
    size_t rest = at + run.bytes;
    memmove(hll->bytes + at + s.len, hll->bytes + rest, hll->len - rest);
    memcpy(hll->bytes + at, s.bytes, s.len);
    hll->len = len;
    join_runs(hll, p.before);
    dbx_hll_forget(hll);
    changed(hll, p.before, hll->len);
    hll->near_at = p.before;
    hll->near = p.before_first;
    return 1;
dense:
    return dbx_hll_densify(hll) != DBX_OK ? DBX_ECORRUPT : set_dense(hll, index, count);
}

int dbx_hll_set(dbx_hll *hll, uint32_t index, uint8_t count, uint64_t sparse_max) {
    if (dbx_hll_encoding_of(value_of(hll)) == DBX_HLL_DENSE) return set_dense(hll, index, count);
    return set_sparse(hll, index, count, sparse_max);
}
