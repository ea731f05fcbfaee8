/* test_t_hll.c: HyperLogLogs against sixteen thousand plain numbers, and against nonsense. */
#include "check.h"

#include "base/err.h"
#include "base/rand.h"
#include "types/t_hll.h"

enum { CAP = DBX_HLL_DENSE_BYTES + 2000, ROUNDS = 200, SETS = 400, NONSENSE = 20000 };

typedef struct world {
    uint8_t bytes[CAP];
    dbx_hll hll;
    uint8_t want[DBX_HLL_REGISTERS], got[DBX_HLL_REGISTERS];
    dbx_rand rand;
} world;

static dbx_slice value_of(const world *w) {
    return dbx_slice_of(w->hll.bytes, w->hll.len);
}

static world *world_new(void) {
    world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    dbx_rand_seed_with(&w->rand, check_seed());
    w->hll = (dbx_hll){.bytes = w->bytes, .cap = CAP};
    dbx_hll_clear(&w->hll);
    return w;
}

static void check_registers(world *w) {
    memset(w->got, 0, sizeof w->got);
    CHECK_EQ(dbx_hll_merge(w->got, value_of(w)), DBX_OK);
    CHECK(memcmp(w->got, w->want, sizeof w->got) == 0);
}

/* Registers that lie together and counts that are alike: runs are split and joined again. */
static void set_one(world *w, uint32_t first, uint64_t sparse_max) {
    uint32_t index = (first + (uint32_t)dbx_rand_below(&w->rand, 60)) % DBX_HLL_REGISTERS;
    uint8_t count = (uint8_t)(1 + dbx_rand_below(&w->rand, 3));
    bool raises = count > w->want[index];
    CHECK_EQ(dbx_hll_set(&w->hll, index, count, sparse_max), raises ? 1 : 0);
    if (raises) w->want[index] = count;
}

TEST(registers_hold_the_highest_they_were_given) {
    world *w = world_new();
    size_t dense = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t count, again;
        uint64_t sparse_max = dbx_rand_below(&w->rand, 1000);
        uint32_t first = (uint32_t)dbx_rand_below(&w->rand, DBX_HLL_REGISTERS);
        memset(w->want, 0, sizeof w->want);
        dbx_hll_clear(&w->hll);
        for (int i = 0; i < SETS; i++) {
            if (i % 40 == 0) first = (uint32_t)dbx_rand_below(&w->rand, DBX_HLL_REGISTERS);
            set_one(w, first, sparse_max);
        }
        check_registers(w);
        CHECK(!dbx_hll_cached(value_of(w), &count) ||
              dbx_hll_encoding_of(value_of(w)) == DBX_HLL_DENSE);
        dense += dbx_hll_encoding_of(value_of(w)) == DBX_HLL_DENSE;
        CHECK_EQ(dbx_hll_count(value_of(w), &count), DBX_OK);
        CHECK_EQ(dbx_hll_densify(&w->hll), DBX_OK);
        check_registers(w);
        CHECK_EQ(dbx_hll_count(value_of(w), &again), DBX_OK);
        CHECK_EQ(again, count);
        CHECK_EQ(dbx_hll_count_registers(w->want), count);
    }
    CHECK(dense > 0 && dense < ROUNDS);
    free(w);
}

TEST(all_registers_are_set_at_once) {
    world *w = world_new();
    CHECK_EQ(dbx_hll_densify(&w->hll), DBX_OK);
    for (size_t i = 0; i < DBX_HLL_REGISTERS; i++)
        w->want[i] = (uint8_t)dbx_rand_below(&w->rand, 64);
    dbx_hll_set_all(&w->hll, w->want);
    check_registers(w);
    for (uint32_t i = 0; i < DBX_HLL_REGISTERS; i++) {
        CHECK(dbx_hll_holds(value_of(w), i, w->want[i]));
        CHECK(!dbx_hll_holds(value_of(w), i, (uint8_t)(w->want[i] + 1)));
    }
    free(w);
}

TEST(what_changed_is_known) {
    world *w = world_new();
    uint8_t before[CAP];
    for (int round = 0; round < ROUNDS; round++) {
        dbx_hll now = w->hll;
        memcpy(before, w->bytes, now.len);
        dbx_hll_load(&w->hll, dbx_slice_of(before, now.len));
        CHECK(w->hll.from >= w->hll.to);
        set_one(w, (uint32_t)(round * 37), 300);
        if (dbx_rand_below(&w->rand, 2) == 0) dbx_hll_forget(&w->hll);
        for (size_t i = 0; i < w->hll.len && w->hll.len == now.len; i++) {
            CHECK(w->bytes[i] == before[i] || (i >= w->hll.from && i < w->hll.to));
        }
    }
    free(w);
}

/* Registers that no elements can have made have an estimate as well: Redis's, of infinity. */
TEST(full_registers_are_counted) {
    world *w = world_new();
    memset(w->want, 63, sizeof w->want);
    CHECK_EQ(dbx_hll_count_registers(w->want), (uint64_t)1 << 63);
    memset(w->want, 51, sizeof w->want);
    CHECK_EQ(dbx_hll_count_registers(w->want), (uint64_t)1 << 63);
    free(w);
}

static void try_everything(world *w) {
    uint64_t count;
    dbx_hll_run run;
    uint32_t index = (uint32_t)dbx_rand_below(&w->rand, DBX_HLL_REGISTERS);
    uint8_t rank = (uint8_t)(1 + dbx_rand_below(&w->rand, 50));
    (void)dbx_hll_count(value_of(w), &count);
    (void)dbx_hll_merge(w->got, value_of(w));
    for (size_t at = DBX_HLL_HEADER_BYTES; dbx_hll_run_at(value_of(w), at, &run); at += run.bytes)
        CHECK(at + run.bytes <= w->hll.len);
    CHECK(dbx_hll_set(&w->hll, index, rank, dbx_rand_below(&w->rand, 2 * CAP)) <= 1);
    CHECK(w->hll.len <= w->hll.cap);
    (void)dbx_hll_densify(&w->hll);
    (void)dbx_hll_count(value_of(w), &count);
}

TEST(nonsense_is_refused_or_counted_and_nothing_else_is_touched) {
    world *w = world_new();
    for (int round = 0; round < NONSENSE; round++) {
        size_t len =
            DBX_HLL_HEADER_BYTES + (size_t)dbx_rand_below(&w->rand, round % 50 ? 60 : 2000);
        dbx_hll_clear(&w->hll);
        for (size_t i = DBX_HLL_HEADER_BYTES; i < len; i++)
            w->bytes[i] = (uint8_t)dbx_rand_u64(&w->rand);
        /* Memory of just that length, so that sanitizers see a step beyond it. */
        size_t cap = dbx_rand_below(&w->rand, 2) == 0 ? DBX_HLL_DENSE_BYTES : CAP;
        uint8_t *bytes = malloc(cap);
        if (bytes == NULL) abort();
        memcpy(bytes, w->bytes, len);
        w->hll = (dbx_hll){.bytes = bytes, .len = len, .cap = cap};
        CHECK(dbx_hll_is_valid(value_of(w), len));
        try_everything(w);
        free(bytes);
        w->hll = (dbx_hll){.bytes = w->bytes, .cap = CAP};
    }
    free(w);
}
