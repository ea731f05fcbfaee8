/* cmd_lcs.c: LCS, the longest common subsequence of two strings.
 *
 * The usual table of lengths is never kept as a whole. The longer string is read in pieces and is
 * the outer loop, the shorter is in memory; of the lengths only the previous row exists, and of the
 * table two bits a cell: how the way back to the start goes from there. So what Redis does in 512
 * MB takes 32 MB.
 */
#include "base/alloc.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_string.h"

enum { LCS_CELL_BYTES = 4 }; /* Redis's: what its bound is counted in */

/* The way back from cell (i, j), where i bytes of a and j bytes of b have been looked at. */
enum lcs_step { STEP_B /* j - 1 */, STEP_A /* i - 1 */, STEP_MATCH /* both */ };

typedef struct lcs {
    uint64_t a_len, b_len;
    bool a_inner;    /* a is the shorter: columns are bytes of a */
    dbx_buf inner;   /* the shorter string */
    uint8_t *steps;  /* two bits a cell, row by row; NULL: only the length is wanted */
    uint32_t *row;   /* lengths of the row last computed */
    uint32_t length; /* the result */
} lcs;

typedef struct lcs_options {
    bool len, idx, with_match_len;
    int64_t min_match_len;
} lcs_options;

static void lcs_free(lcs *t) {
    dbx_buf_free(&t->inner);
    dbx_alloc_free(t->steps);
    dbx_alloc_free(t->row);
}

/* --- Computing ------------------------------------------------------------------------------- */

static void set_step(lcs *t, uint64_t cell, enum lcs_step step) {
    t->steps[cell / 4] = (uint8_t)(t->steps[cell / 4] | step << cell % 4 * 2);
}

static enum lcs_step step_at(const lcs *t, uint64_t i, uint64_t j) {
    uint64_t width = t->inner.len;
    uint64_t cell = t->a_inner ? (j - 1) * width + i - 1 : (i - 1) * width + j - 1;
    return (enum lcs_step)(t->steps[cell / 4] >> cell % 4 * 2 & 3);
}

/* next_row replaces the row by the one that follows for the outer byte `c`. Where both ways are
 * equally long, b is given up first, as in Redis. */
static void next_row(lcs *t, uint8_t c, uint64_t outer) {
    uint32_t diagonal = 0, left = 0;
    uint64_t cell = outer * t->inner.len;
    for (size_t x = 0; x < t->inner.len; x++, cell++) {
        uint32_t up = t->row[x + 1];
        if (t->inner.ptr[x] == c) {
            left = diagonal + 1;
            if (t->steps != NULL) set_step(t, cell, STEP_MATCH);
        } else {
            bool give_up_a = t->a_inner ? left > up : up > left;
            if (t->steps != NULL) set_step(t, cell, give_up_a ? STEP_A : STEP_B);
            left = left > up ? left : up;
        }
        diagonal = up;
        t->row[x + 1] = left;
    }
    t->length = left;
}

/* lcs_run fills the table. DBX_ELIMIT: out of memory for it, which LCS has its own error for. */
static int lcs_run(lcs *t, dbx_txn *txn, const dbx_key *a, const dbx_key *b, bool want_steps) {
    const dbx_key *inner = t->a_inner ? a : b, *outer = t->a_inner ? b : a;
    uint64_t rows = dbx_string_len(outer), row = 0;
    int rc = dbx_string_read(txn, inner, 0, dbx_string_len(inner), &t->inner);
    if (rc != DBX_OK) return rc;
    t->row = dbx_alloc_zero(t->inner.len + 1, sizeof *t->row);
    if (want_steps) t->steps = dbx_alloc_zero((size_t)(rows * t->inner.len / 4 + 1), 1);
    if (t->row == NULL || (want_steps && t->steps == NULL)) return DBX_ELIMIT;
    dbx_string_parts parts;
    dbx_slice part;
    dbx_string_parts_open(&parts, dbx_txn_view(txn), outer, 0, t->inner.len == 0 ? 0 : rows);
    while ((rc = dbx_string_parts_next(&parts, &part)) == DBX_OK) {
        for (size_t i = 0; i < part.len; i++) {
            next_row(t, part.ptr[i], row++);
        }
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* --- Walking back ---------------------------------------------------------------------------- */

/* A run of matching bytes: a[a_from..] and b[b_from..], `len` of them. */
typedef struct lcs_match {
    uint64_t a_from, b_from, len;
} lcs_match;

/* next_match finds the run that ends at or before (*i, *j), walking back; false at the start. */
static bool next_match(const lcs *t, uint64_t *i, uint64_t *j, lcs_match *match) {
    uint64_t len = 0;
    while (*i > 0 && *j > 0) {
        enum lcs_step step = step_at(t, *i, *j);
        if (step != STEP_MATCH && len > 0) break;
        if (step != STEP_B) (*i)--;
        if (step != STEP_A) (*j)--;
        if (step == STEP_MATCH) len++;
    }
    *match = (lcs_match){*i, *j, len};
    return len > 0;
}

static int reply_subsequence(const lcs *t, dbx_reply *out) {
    uint64_t i = t->a_len, j = t->b_len, at = t->length;
    uint8_t *text = dbx_alloc(t->length + 1);
    lcs_match match;
    if (text == NULL) return DBX_ENOMEM;
    while (next_match(t, &i, &j, &match)) {
        at -= match.len;
        memcpy(text + at, t->inner.ptr + (t->a_inner ? match.a_from : match.b_from),
               (size_t)match.len);
    }
    out->ops->bulk(out, dbx_slice_of(text, t->length));
    dbx_alloc_free(text);
    return DBX_OK;
}

static void reply_range(dbx_reply *out, uint64_t from, uint64_t len) {
    out->ops->open(out, DBX_ARRAY, 2);
    out->ops->integer(out, (int64_t)from);
    out->ops->integer(out, (int64_t)(from + len - 1));
    out->ops->close(out);
}

static void reply_matches(const lcs *t, const lcs_options *o, dbx_reply *out) {
    uint64_t i = t->a_len, j = t->b_len;
    lcs_match match;
    out->ops->open(out, DBX_MAP, 2);
    dbx_reply_str(out, "matches");
    out->ops->open(out, DBX_ARRAY, DBX_UNKNOWN);
    while (next_match(t, &i, &j, &match)) {
        if ((int64_t)match.len < o->min_match_len) continue;
        out->ops->open(out, DBX_ARRAY, o->with_match_len ? 3 : 2);
        reply_range(out, match.a_from, match.len);
        reply_range(out, match.b_from, match.len);
        if (o->with_match_len) out->ops->integer(out, (int64_t)match.len);
        out->ops->close(out);
    }
    out->ops->close(out);
    dbx_reply_str(out, "len");
    out->ops->integer(out, t->length);
    out->ops->close(out);
}

/* --- The command ----------------------------------------------------------------------------- */

/* find_both looks both strings up; the error is LCS's own. */
static bool find_both(dbx_ctx *ctx, dbx_args *args, dbx_key *a, dbx_key *b, dbx_reply *out,
                      int *rc) {
    *rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), a);
    if (*rc == DBX_OK) *rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), b);
    if (*rc != DBX_OK) return false;
    if ((!a->exists || a->meta.type == DBX_STRING) && (!b->exists || b->meta.type == DBX_STRING)) {
        return true;
    }
    dbx_reply_error(out, "ERR The specified keys must contain string values");
    return false;
}

static bool lcs_parse(dbx_args *args, lcs_options *o, dbx_reply *out) {
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        if (dbx_args_word(args, "LEN")) {
            o->len = true;
        } else if (dbx_args_word(args, "IDX")) {
            o->idx = true;
        } else if (dbx_args_word(args, "WITHMATCHLEN")) {
            o->with_match_len = true;
        } else if (dbx_args_word(args, "MINMATCHLEN")) {
            o->min_match_len = dbx_args_i64(args);
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
    }
    if (o->len && o->idx) {
        dbx_args_fail(args, "ERR If you want both the length and indexes, please just use IDX.");
    }
    return dbx_args_ok(args, out);
}

static int cmd_lcs(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key a, b;
    int rc;
    lcs_options o = {.len = false};
    if (!find_both(ctx, args, &a, &b, out, &rc)) return rc;
    if (!lcs_parse(args, &o, out)) return DBX_OK;
    lcs t = {.a_len = dbx_string_len(&a), .b_len = dbx_string_len(&b)};
    t.a_inner = t.a_len < t.b_len;
    if (t.a_len >= UINT32_MAX - 1 || t.b_len >= UINT32_MAX - 1) {
        dbx_reply_error(out, "ERR String too long for LCS");
        return DBX_OK;
    }
    if ((t.a_len + 1) * (t.b_len + 1) > ctx->string_bytes_max / LCS_CELL_BYTES) {
        dbx_reply_error(out, "ERR Insufficient memory, transient memory for LCS exceeds "
                             "proto-max-bulk-len");
        return DBX_OK;
    }
    rc = lcs_run(&t, ctx->txn, &a, &b, !o.len);
    if (rc == DBX_ELIMIT) {
        dbx_reply_error(out, "ERR Insufficient memory, failed allocating transient memory for LCS");
        rc = DBX_OK;
    } else if (rc == DBX_OK && o.len) {
        out->ops->integer(out, t.length);
    } else if (rc == DBX_OK && o.idx) {
        reply_matches(&t, &o, out);
    } else if (rc == DBX_OK) {
        rc = reply_subsequence(&t, out);
    }
    lcs_free(&t);
    return rc;
}

/* --- Row ------------------------------------------------------------------------------------- */

const dbx_command dbx_cmd_lcs[] = {
    {.name = "lcs",
     .group = "string",
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .summary = "Finds the longest common subsequence of two strings.",
     .since = "7.0.0",
     .complexity = "O(N*M) for strings of N and M bytes",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 1, .step = 1}},
     .run = cmd_lcs},
    {.name = NULL},
};
