/* cmd_hll.c: commands on HyperLogLogs.
 *
 * What a value becomes must not depend on settings when the log is executed again, and
 * hll-sparse-max-bytes may have changed by then. So a replay knows no bound: a value that became
 * dense because of it is made so by an effect of its own, PFDEBUG TODENSE, behind the command.
 *
 * PFCOUNT only reads, but keeps its count in the value, as Redis does: the effect of that is a
 * SETRANGE of the eight bytes. Where writes are refused it counts without keeping.
 */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/rand.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_hll.h"
#include "types/t_string.h"

enum {
    CARD_AT = 8,
    TEST_ELEMENTS = 100000, /* brief: nobody else is served meanwhile */
    TEST_SPARSE_MAX = 3000,
    TEST_SPARSE_ELEMENTS = 100 /* of which no value becomes dense */
};

static const char NOT_HLL[] = "WRONGTYPE Key is not a valid HyperLogLog string value.";
static const char CORRUPT[] = "INVALIDOBJ Corrupted HLL object detected";

/* --- Finding --------------------------------------------------------------------------------- */

/* find looks a key up, which holds nothing or what may be a HyperLogLog; false: the handler returns
 * *rc. `value` is all of it: one that is intact is much shorter than what a record has room for,
 * and what is longer is said to be corrupt. */
static bool find(dbx_ctx *ctx, dbx_slice name, dbx_key *k, dbx_slice *value, dbx_reply *out,
                 int *rc) {
    uint8_t bytes[DBX_HLL_HEADER_BYTES];
    dbx_buf head = {0};
    if (!dbx_lookup(ctx, name, DBX_STRING, k, out, rc)) return false;
    if (!k->exists) return true;
    bool whole = dbx_string_inline(k, value);
    if (!whole) {
        *rc = dbx_string_read(ctx->txn, k, 0, sizeof bytes, &head);
        if (*rc == DBX_OK) memcpy(bytes, head.ptr, sizeof bytes);
        dbx_buf_free(&head);
        if (*rc != DBX_OK) return false;
        *value = dbx_slice_of(bytes, sizeof bytes);
    }
    if (!dbx_hll_is_valid(*value, dbx_string_len(k))) {
        dbx_reply_error(out, NOT_HLL);
    } else if (!whole) {
        dbx_reply_error(out, CORRUPT);
    } else {
        return true;
    }
    return false;
}

/* refuse says that a value is damaged, and passes on other failures. */
static int refuse(int rc, dbx_reply *out) {
    if (rc != DBX_ECORRUPT) return rc;
    dbx_reply_error(out, CORRUPT);
    return DBX_OK;
}

/* --- Changing -------------------------------------------------------------------------------- */

/* sparse_max is how long a sparse value may become. */
static uint64_t sparse_max(const dbx_ctx *ctx) {
    return dbx_txn_replaying(ctx->txn) ? UINT64_MAX : (uint64_t)ctx->encodings->hll_bytes;
}

/* open_hll makes a copy of the key's value, or an empty one, with room for `sets` more registers.
 */
static int open_hll(const dbx_key *k, dbx_slice value, size_t sets, dbx_hll *hll) {
    size_t room = DBX_VALUE_CHUNK_BYTES - DBX_HLL_SET_BYTES;
    if (sets < room / DBX_HLL_SET_BYTES) room = sets * DBX_HLL_SET_BYTES;
    size_t len = k->exists ? value.len : DBX_HLL_DENSE_BYTES;
    if (len < DBX_HLL_DENSE_BYTES) len = DBX_HLL_DENSE_BYTES;
    *hll =
        (dbx_hll){.cap = len + room < DBX_VALUE_CHUNK_BYTES ? len + room : DBX_VALUE_CHUNK_BYTES};
    hll->bytes = dbx_alloc(hll->cap);
    if (hll->bytes == NULL) return DBX_ENOMEM;
    if (k->exists) {
        dbx_hll_load(hll, value);
    } else {
        dbx_hll_clear(hll);
    }
    return DBX_OK;
}

/* store puts a changed copy in the place of the value; what did not change stays where it is. */
static int store(dbx_ctx *ctx, dbx_key *k, const dbx_hll *hll) {
    dbx_slice all = dbx_slice_of(hll->bytes, hll->len);
    if (!k->exists) return dbx_string_set_raw(ctx->txn, k, all, dbx_expiry_never());
    if (k->payload.len != hll->len || k->meta.encoding != DBX_STRING_RAW) {
        return dbx_string_set_raw(ctx->txn, k, all, k->meta.expiry);
    }
    if (hll->from >= hll->to) return DBX_OK;
    dbx_slice part = dbx_slice_of(hll->bytes + hll->from, hll->to - hll->from);
    return dbx_string_write(ctx->txn, k, hll->from, part);
}

/* effect journals the command as it came, and that it made the value dense. */
static int effect(dbx_ctx *ctx, const dbx_args *args, bool was_dense, const dbx_hll *hll) {
    dbx_slice now = dbx_slice_of(hll->bytes, hll->len);
    int rc = dbx_effect_renamed(ctx, ctx->command->name, args);
    if (rc != DBX_OK || was_dense || dbx_hll_encoding_of(now) != DBX_HLL_DENSE) return rc;
    return dbx_effect_words(ctx, dbx_slice_str("PFDEBUG"), dbx_slice_str("TODENSE"), args->argv[1]);
}

/* --- PFADD ----------------------------------------------------------------------------------- */

/* raises says whether any of the elements changes a dense value. */
static bool raises(dbx_slice value, const dbx_args *args) {
    for (size_t i = args->at; i < args->argc; i++) {
        uint8_t count;
        uint32_t index = dbx_hll_place(args->argv[i], &count);
        if (!dbx_hll_holds(value, index, count)) return true;
    }
    return false;
}

/* add_all sets the elements' registers; *changed: that changed some. DBX_OK or DBX_ECORRUPT, with
 * `args` at the element that found the damage. */
static int add_all(const dbx_ctx *ctx, dbx_args *args, dbx_hll *hll, bool *changed) {
    for (; args->at < args->argc; args->at++) {
        uint8_t count;
        uint32_t index = dbx_hll_place(args->argv[args->at], &count);
        int rc = dbx_hll_set(hll, index, count, sparse_max(ctx));
        if (rc < 0) return rc;
        *changed = *changed || rc == 1;
    }
    if (*changed) dbx_hll_forget(hll);
    return DBX_OK;
}

/* keep_added stores what was set before damage was found, as Redis does. A replay is told of the
 * elements before it only: it knows no bound that made a value dense, which finds more damage. */
static int keep_added(dbx_ctx *ctx, dbx_args *args, dbx_key *k, const dbx_hll *hll) {
    args->argc = args->at;
    int rc = store(ctx, k, hll);
    return rc == DBX_OK ? effect(ctx, args, false, hll) : rc;
}

static int cmd_pfadd(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_slice value;
    dbx_hll hll;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!find(ctx, name, &k, &value, out, &rc)) return rc;
    bool dense = k.exists && dbx_hll_encoding_of(value) == DBX_HLL_DENSE, changed = !k.exists;
    bool raw = k.exists && k.meta.encoding == DBX_STRING_RAW;
    if (dense && raw && !raises(value, args)) { /* the usual case in the long run */
        out->ops->integer(out, 0);
        return DBX_OK;
    }
    rc = open_hll(&k, value, dbx_args_left(args), &hll);
    if (rc != DBX_OK) return rc;
    rc = add_all(ctx, args, &hll, &changed);
    if (rc == DBX_OK) {
        out->ops->integer(out, changed ? 1 : 0);
        if (changed || !raw) {
            rc = store(ctx, &k, &hll);
            if (rc == DBX_OK) rc = effect(ctx, args, dense, &hll);
        }
    } else if (rc == DBX_ECORRUPT && (changed || !raw)) {
        int kept = keep_added(ctx, args, &k, &hll);
        if (kept != DBX_OK) rc = kept;
    }
    dbx_alloc_free(hll.bytes);
    return refuse(rc, out);
}

/* --- PFCOUNT --------------------------------------------------------------------------------- */

/* merge_keys raises registers to those of all keys; *dense: one of them is. False: the handler
 * returns *rc. */
static bool merge_keys(dbx_ctx *ctx, const dbx_args *args, uint8_t *registers, bool *dense,
                       dbx_reply *out, int *rc) {
    memset(registers, 0, DBX_HLL_REGISTERS);
    for (size_t i = 1; i < args->argc; i++) {
        dbx_key k;
        dbx_slice value;
        dbx_txn_let_go(ctx->txn);
        if (!find(ctx, args->argv[i], &k, &value, out, rc)) return false;
        if (!k.exists) continue;
        *dense = *dense || dbx_hll_encoding_of(value) == DBX_HLL_DENSE;
        *rc = dbx_hll_merge(registers, value);
        if (*rc == DBX_OK) continue;
        *rc = refuse(*rc, out);
        return false;
    }
    return true;
}

static int count_union(dbx_ctx *ctx, const dbx_args *args, dbx_reply *out) {
    uint8_t registers[DBX_HLL_REGISTERS];
    bool dense = false;
    int rc;
    if (!merge_keys(ctx, args, registers, &dense, out, &rc)) return rc;
    out->ops->integer(out, (int64_t)dbx_hll_count_registers(registers));
    return DBX_OK;
}

/* keep stores a count in the value. The string becomes raw, as in Redis, when it was not. */
static int keep(dbx_ctx *ctx, dbx_key *k, uint64_t count) {
    char digit[] = "8";
    uint8_t bytes[sizeof count];
    dbx_slice card = dbx_slice_of(bytes, sizeof bytes);
    if (!ctx->may_write) return DBX_OK;
    dbx_store64(bytes, count);
    int rc = dbx_string_write(ctx->txn, k, CARD_AT, card);
    if (rc != DBX_OK) return rc;
    return dbx_effect_words(ctx, dbx_slice_str("SETRANGE"), k->name, dbx_slice_str(digit), card);
}

static int cmd_pfcount(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_slice value;
    uint64_t count = 0;
    int rc;
    if (args->argc > 2) return count_union(ctx, args, out);
    if (!find(ctx, dbx_args_next(args), &k, &value, out, &rc)) return rc;
    bool kept = !k.exists || dbx_hll_cached(value, &count);
    if (!kept) rc = dbx_hll_count(value, &count);
    bool raw = !k.exists || k.meta.encoding == DBX_STRING_RAW;
    if (rc == DBX_ECORRUPT && !raw) { /* its count stays as it was */
        int kept_rc = keep(ctx, &k, count);
        if (kept_rc != DBX_OK) rc = kept_rc;
    }
    if (rc != DBX_OK) return refuse(rc, out);
    out->ops->integer(out, (int64_t)count);
    return kept && raw ? DBX_OK : keep(ctx, &k, count);
}

/* --- PFMERGE --------------------------------------------------------------------------------- */

/* merge_into gives the value the registers: all at once if it is to be dense, else one by one. */
static int merge_into(const dbx_ctx *ctx, dbx_hll *hll, const uint8_t *registers, bool dense) {
    int rc = dense ? dbx_hll_densify(hll) : DBX_OK;
    if (rc == DBX_OK && dense) dbx_hll_set_all(hll, registers);
    for (uint32_t i = 0; rc >= 0 && !dense && i < DBX_HLL_REGISTERS; i++) {
        if (registers[i] > 0) rc = dbx_hll_set(hll, i, registers[i], sparse_max(ctx));
    }
    if (rc < 0) return rc;
    dbx_hll_forget(hll);
    return DBX_OK;
}

static int cmd_pfmerge(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    uint8_t registers[DBX_HLL_REGISTERS];
    dbx_key k;
    dbx_slice value;
    dbx_hll hll;
    bool dense = false;
    int rc;
    if (!merge_keys(ctx, args, registers, &dense, out, &rc)) return rc;
    if (!find(ctx, dbx_args_next(args), &k, &value, out, &rc)) return rc;
    rc = open_hll(&k, value, DBX_HLL_REGISTERS, &hll);
    if (rc != DBX_OK) return rc;
    rc = merge_into(ctx, &hll, registers, dense);
    if (rc == DBX_OK) rc = store(ctx, &k, &hll);
    if (rc == DBX_OK) rc = effect(ctx, args, dense, &hll);
    if (rc == DBX_OK) dbx_reply_ok(out);
    dbx_alloc_free(hll.bytes);
    return refuse(rc, out);
}

/* --- PFDEBUG --------------------------------------------------------------------------------- */

/* densify makes the key's value dense, and raw: 1 when it was sparse, 0 when not, or a failure. */
static int densify(dbx_ctx *ctx, dbx_key *k, dbx_slice value, dbx_hll *hll) {
    bool sparse = dbx_hll_encoding_of(value) == DBX_HLL_SPARSE;
    int rc = open_hll(k, value, 0, hll);
    if (rc != DBX_OK) return rc;
    rc = dbx_hll_densify(hll);
    if (rc == DBX_OK) rc = store(ctx, k, hll);
    if (rc == DBX_OK) return sparse ? 1 : 0;
    dbx_alloc_free(hll->bytes);
    return rc;
}

static int debug_todense(dbx_ctx *ctx, dbx_key *k, dbx_slice value, dbx_reply *out) {
    dbx_hll hll;
    int rc = densify(ctx, k, value, &hll);
    if (rc < 0) return refuse(rc, out);
    dbx_alloc_free(hll.bytes);
    out->ops->integer(out, rc);
    return DBX_OK;
}

static int debug_getreg(dbx_ctx *ctx, dbx_key *k, dbx_slice value, dbx_reply *out) {
    uint8_t registers[DBX_HLL_REGISTERS] = {0};
    dbx_hll hll;
    int rc = densify(ctx, k, value, &hll);
    if (rc < 0) return refuse(rc, out);
    (void)dbx_hll_merge(registers,
                        dbx_slice_of(hll.bytes, hll.len)); /* of a dense one: no failure */
    dbx_alloc_free(hll.bytes);
    out->ops->open(out, DBX_ARRAY, DBX_HLL_REGISTERS);
    for (size_t i = 0; i < DBX_HLL_REGISTERS; i++)
        out->ops->integer(out, registers[i]);
    out->ops->close(out);
    return DBX_OK;
}

static int debug_decode(dbx_slice value, dbx_reply *out) {
    char word[32];
    dbx_buf text = {0};
    dbx_hll_run run;
    size_t at = DBX_HLL_HEADER_BYTES;
    if (dbx_hll_encoding_of(value) != DBX_HLL_SPARSE) {
        dbx_reply_error(out, "ERR HLL encoding is not sparse");
        return DBX_OK;
    }
    for (; dbx_hll_run_at(value, at, &run); at += run.bytes) {
        const char *blank = text.len == 0 ? "" : " ";
        if (run.value > 0) {
            (void)snprintf(word, sizeof word, "%sv:%u,%u", blank, run.value, run.registers);
        } else {
            char kind = run.bytes == 1 ? 'z' : 'Z';
            (void)snprintf(word, sizeof word, "%s%c:%u", blank, kind, run.registers);
        }
        dbx_buf_str(&text, word);
    }
    if (!text.failed) out->ops->bulk(out, dbx_buf_slice(&text));
    int rc = text.failed ? DBX_ENOMEM : DBX_OK;
    dbx_buf_free(&text);
    return rc;
}

static int cmd_pfdebug(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_slice value;
    int rc;
    dbx_slice what = dbx_args_next(args);
    rc = dbx_key_find(ctx->txn, ctx->db, args->argv[2], &k);
    if (rc != DBX_OK) return rc;
    if (!k.exists) {
        dbx_reply_error(out, "ERR The specified key does not exist");
        return DBX_OK;
    }
    if (!find(ctx, dbx_args_next(args), &k, &value, out, &rc)) return rc;
    if (dbx_slice_eq_nocase(what, dbx_slice_str("GETREG"))) {
        return debug_getreg(ctx, &k, value, out);
    }
    if (dbx_slice_eq_nocase(what, dbx_slice_str("TODENSE"))) {
        return debug_todense(ctx, &k, value, out);
    }
    if (dbx_slice_eq_nocase(what, dbx_slice_str("DECODE"))) return debug_decode(value, out);
    if (dbx_slice_eq_nocase(what, dbx_slice_str("ENCODING"))) {
        bool sparse = dbx_hll_encoding_of(value) == DBX_HLL_SPARSE;
        dbx_reply_line(out, sparse ? "sparse" : "dense");
        return DBX_OK;
    }
    dbx_reply_errorf(out, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)what.len,
                     (const char *)what.ptr);
    return DBX_OK;
}

/* --- PFSELFTEST ------------------------------------------------------------------------------ */

/* test_registers sets all registers of a dense value to random numbers and reads them again. */
static const char *test_registers(dbx_hll *hll, dbx_rand *chance) {
    uint8_t want[DBX_HLL_REGISTERS], got[DBX_HLL_REGISTERS] = {0};
    for (size_t i = 0; i < DBX_HLL_REGISTERS; i++)
        want[i] = (uint8_t)dbx_rand_below(chance, 64);
    for (uint32_t i = 0; i < DBX_HLL_REGISTERS; i++) {
        if (dbx_hll_set(hll, i, want[i], 0) != (want[i] > 0)) return "a register was not 0";
    }
    (void)dbx_hll_merge(got, dbx_slice_of(hll->bytes, hll->len));
    return memcmp(want, got, sizeof got) == 0 ? NULL : "a register has changed";
}

/* test_counts compares the counts of a sparse and a dense value of the same `n` elements. */
static const char *test_counts(const dbx_hll *sparse, const dbx_hll *dense, uint32_t n) {
    uint64_t a, b;
    dbx_slice first = dbx_slice_of(sparse->bytes, sparse->len);
    dbx_slice second = dbx_slice_of(dense->bytes, dense->len);
    bool is_sparse = dbx_hll_encoding_of(first) == DBX_HLL_SPARSE;
    if (n <= TEST_SPARSE_ELEMENTS && !is_sparse) return "sparse encoding not used";
    if (dbx_hll_count(first, &a) != DBX_OK || dbx_hll_count(second, &b) != DBX_OK || a != b) {
        return "dense/sparse disagree";
    }
    double error = fabs((double)a - n), most = ceil(6 * 1.04 / sqrt(DBX_HLL_REGISTERS) * n);
    return error <= most ? NULL : "Too big error";
}

static const char *test_elements(dbx_hll *sparse, dbx_hll *dense, dbx_rand *chance) {
    uint64_t seed = dbx_rand_u64(chance);
    uint32_t next = 1;
    for (uint32_t i = 1; i <= TEST_ELEMENTS; i++) {
        uint8_t count;
        uint64_t element = i ^ seed;
        uint32_t index = dbx_hll_place(dbx_slice_of(&element, sizeof element), &count);
        if (dbx_hll_set(sparse, index, count, TEST_SPARSE_MAX) < 0 ||
            dbx_hll_set(dense, index, count, 0) < 0) {
            return "a value is damaged";
        }
        if (i < next) continue;
        const char *wrong = test_counts(sparse, dense, i);
        if (wrong != NULL) return wrong;
        next *= 10;
    }
    return NULL;
}

static const char *self_test(dbx_hll *a, dbx_hll *b) {
    dbx_rand chance;
    dbx_rand_seed(&chance);
    dbx_hll_clear(a);
    (void)dbx_hll_densify(a);
    const char *wrong = test_registers(a, &chance);
    dbx_hll_clear(a);
    dbx_hll_clear(b);
    (void)dbx_hll_densify(b);
    return wrong != NULL ? wrong : test_elements(a, b, &chance);
}

static int cmd_pfselftest(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    uint8_t first[DBX_HLL_DENSE_BYTES], second[DBX_HLL_DENSE_BYTES];
    dbx_hll a = {.bytes = first, .cap = sizeof first}, b = {.bytes = second, .cap = sizeof second};
    (void)ctx, (void)args;
    const char *wrong = self_test(&a, &b);
    if (wrong == NULL) {
        dbx_reply_ok(out);
    } else {
        dbx_reply_errorf(out, "TESTFAILED %s", wrong);
    }
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_hll[] = {
    {.name = "pfadd",
     .group = "hyperloglog",
     .syntax = "key [element [element ...]]",
     .summary = "Adds elements to a HyperLogLog, creating it when needed; 1 when its registers "
                "changed.",
     .since = "2.8.9",
     .complexity = "O(1) for each element",
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_pfadd},
    {.name = "pfcount",
     .group = "hyperloglog",
     .syntax = "key [key ...]",
     .summary = "Estimates how many different elements were added to HyperLogLogs, to any of them.",
     .since = "2.8.9",
     .complexity = "O(1) for one key, whose count is kept; O(N) for N keys, 16384 registers each",
     .arity = -2,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS,
               .begin = 1,
               .last = -1,
               .step = 1,
               .notes = "RW because it may change the internal representation of the key, and "
                        "propagate to replicas"}},
     .run = cmd_pfcount},
    {.name = "pfmerge",
     .group = "hyperloglog",
     .syntax = "destkey [sourcekey [sourcekey ...]]",
     .summary = "Adds to a HyperLogLog all that was added to others.",
     .since = "2.8.9",
     .complexity = "O(N) for N keys, 16384 registers each",
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_OWN,
     .keys =
         {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1},
          {.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = -1, .step = 1}},
     .run = cmd_pfmerge},
    {.name = "pfdebug",
     .group = "hyperloglog",
     .syntax = "subcommand key",
     .summary = "Looks into a HyperLogLog: GETREG, DECODE, ENCODING, TODENSE.",
     .since = "2.8.9",
     .complexity = "O(N) for N registers",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_ADMIN,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_pfdebug,
     .doc_flags = "syscmd"},
    {.name = "pfselftest",
     .group = "hyperloglog",
     .syntax = "",
     .summary = "Tests the code behind HyperLogLogs.",
     .since = "2.8.9",
     .complexity = "O(1): the same number of elements each time",
     .arity = 1,
     .flags = DBX_CMD_ADMIN | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_pfselftest,
     .doc_flags = "syscmd"},
    {.name = NULL},
};
