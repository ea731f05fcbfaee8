/* cmd_bitmap.c: commands on the bits of strings. BITFIELD is in cmd_bitfield.c. */
#include "commands/cmd_bitmap.h"
#include "base/alloc.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_bitmap.h"
#include "types/t_string.h"

static const char BAD_OFFSET[] = "ERR bit offset is not an integer or out of range";
static const char BAD_BIT[] = "ERR bit is not an integer or out of range";

/* --- Single bits ----------------------------------------------------------------------------- */

bool dbx_bit_offset(const dbx_ctx *ctx, dbx_slice text, uint64_t *at, dbx_reply *out) {
    int64_t number;
    uint64_t max = ctx->string_bytes_max;
    if (max > DBX_STRING_BYTES_MAX - DBX_FIELD_BYTES_MAX) {
        max = DBX_STRING_BYTES_MAX - DBX_FIELD_BYTES_MAX;
    }
    if (dbx_num_from_slice(text, &number) && number >= 0 && (uint64_t)number / 8 < max) {
        *at = (uint64_t)number;
        return true;
    }
    dbx_reply_error(out, BAD_OFFSET);
    return false;
}

static int cmd_setbit(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    uint64_t at, old;
    int64_t bit;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_bit_offset(ctx, dbx_args_next(args), &at, out)) return DBX_OK;
    if (!dbx_num_from_slice(dbx_args_next(args), &bit) || (bit != 0 && bit != 1)) {
        dbx_reply_error(out, BAD_BIT);
        return DBX_OK;
    }
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    rc = dbx_bitmap_read(ctx->txn, &k, at, 1, &old);
    if (rc != DBX_OK) return rc;
    out->ops->integer(out, (int64_t)old);
    if (old != (uint64_t)bit) return dbx_bitmap_write(ctx->txn, &k, at, 1, (uint64_t)bit);
    return dbx_bitmap_reach(ctx->txn, &k, at);
}

static int cmd_getbit(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    uint64_t at, bit;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_bit_offset(ctx, dbx_args_next(args), &at, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    rc = dbx_bitmap_read(ctx->txn, &k, at, 1, &bit);
    if (rc == DBX_OK) out->ops->integer(out, (int64_t)bit);
    return rc;
}

/* --- Ranges of bits -------------------------------------------------------------------------- */

/* The end of BITCOUNT's and BITPOS's arguments. */
typedef struct range {
    int64_t start, end; /* inclusive; negative: from the string's end */
    bool bits;          /* not bytes */
} range;

static void take_unit(dbx_args *args, range *r) {
    r->bits = dbx_args_word(args, "BIT");
    if (!r->bits && !dbx_args_word(args, "BYTE")) dbx_args_fail(args, DBX_SYNTAX_ERROR);
}

/* bits_of turns a range in a string of `len` bytes into bits [*from, *end): false when it is empty.
 */
static bool bits_of(const range *r, uint64_t len, uint64_t *from, uint64_t *end) {
    int64_t size = (int64_t)(r->bits ? len * 8 : len), first = r->start, last = r->end;
    if (first < 0) first = first < -size ? 0 : first + size;
    if (last < 0) last = last < -size ? 0 : last + size;
    if (last >= size) last = size - 1;
    if (first > last) return false;
    *from = (uint64_t)first * (r->bits ? 1 : 8);
    *end = (uint64_t)(last + 1) * (r->bits ? 1 : 8);
    return true;
}

static int cmd_bitcount(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    range r = {0, -1, false};
    uint64_t from, end, count = 0;
    dbx_slice name = dbx_args_next(args);
    size_t given = dbx_args_left(args);
    if (given == 1 || given > 3) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (given > 0) {
        r.start = dbx_args_i64(args);
        r.end = dbx_args_i64(args);
        if (given == 3) take_unit(args, &r);
    }
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    bool nothing = given > 0 && r.start < 0 && r.end < 0 && r.start > r.end;
    if (!nothing && bits_of(&r, dbx_string_len(&k), &from, &end)) {
        rc = dbx_bitmap_count(ctx->txn, &k, from, end, &count);
    }
    if (rc == DBX_OK) out->ops->integer(out, (int64_t)count);
    return rc;
}

/* first_bit replies with the first bit of the range. Behind the string's end all bits are clear,
 * but only who named no end looks there. */
static int first_bit(dbx_ctx *ctx, const dbx_key *k, bool bit, const range *r, bool to_the_end,
                     dbx_reply *out) {
    uint64_t from, end, at, len = dbx_string_len(k);
    int64_t found = -1;
    if (!k->exists) {
        found = bit ? -1 : 0;
    } else if (bits_of(r, len, &from, &end)) {
        int rc = dbx_bitmap_find(ctx->txn, k, bit, from, end, &at);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
        if (rc == DBX_OK) found = (int64_t)at;
        if (rc == DBX_ENOTFOUND && !bit && to_the_end) found = (int64_t)(len * 8);
    }
    out->ops->integer(out, found);
    return DBX_OK;
}

static int cmd_bitpos(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    range r = {0, -1, false};
    dbx_slice name = dbx_args_next(args);
    int64_t bit = dbx_args_i64(args);
    size_t given = dbx_args_left(args);
    if (bit != 0 && bit != 1) dbx_args_fail(args, "ERR The bit argument must be 1 or 0.");
    if (given > 3) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (given > 0) r.start = dbx_args_i64(args);
    if (given == 3) { /* the unit is looked at before the end */
        dbx_args unit = {.argv = args->argv, .argc = args->argc, .at = args->at + 1};
        take_unit(&unit, &r);
        if (unit.error != NULL) dbx_args_fail(args, unit.error);
    }
    if (given > 1) r.end = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    return first_bit(ctx, &k, bit == 1, &r, given < 2, out);
}

/* --- BITOP ----------------------------------------------------------------------------------- */

static bool take_operation(dbx_args *args, dbx_bitmap_op *op, dbx_reply *out) {
    static const char *const words[] = {[DBX_BITMAP_AND] = "AND",
                                        [DBX_BITMAP_OR] = "OR",
                                        [DBX_BITMAP_XOR] = "XOR",
                                        [DBX_BITMAP_NOT] = "NOT"};
    for (*op = DBX_BITMAP_AND; *op <= DBX_BITMAP_NOT; (*op)++) {
        if (dbx_args_word(args, words[*op])) break;
    }
    if (*op > DBX_BITMAP_NOT) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (*op == DBX_BITMAP_NOT && args->argc != 4) {
        dbx_args_fail(args, "ERR BITOP NOT must be called with a single source key.");
    }
    return dbx_args_ok(args, out);
}

/* find_operands looks all keys up; false: the handler returns *rc. They are looked up twice,
 * because finding one that has expired removes it, and that is a write: what was found before dies.
 */
static bool find_operands(dbx_ctx *ctx, const dbx_slice *names, size_t count,
                          dbx_bitmap_operand *operands, uint64_t *len, dbx_reply *out, int *rc) {
    dbx_key k;
    for (size_t i = 0; i < count; i++) {
        if (!dbx_lookup(ctx, names[i], DBX_STRING, &k, out, rc)) return false;
    }
    for (size_t i = 0; i < count; i++) {
        *rc = dbx_key_find(ctx->txn, ctx->db, names[i], &k);
        if (*rc != DBX_OK) return false;
        operands[i] = dbx_bitmap_operand_of(&k);
        if (operands[i].len > *len) *len = operands[i].len;
    }
    return true;
}

static int cmd_bitop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key to;
    dbx_bitmap_op op;
    uint64_t len = 0;
    if (!take_operation(args, &op, out)) return DBX_OK;
    dbx_slice name = dbx_args_next(args);
    size_t count = dbx_args_left(args);
    dbx_bitmap_operand *operands = dbx_alloc(count * sizeof *operands);
    if (operands == NULL) return DBX_ENOMEM;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &to);
    if (rc == DBX_OK &&
        find_operands(ctx, args->argv + args->at, count, operands, &len, out, &rc)) {
        out->ops->integer(out, (int64_t)len);
        if (len > 0) {
            rc = dbx_bitmap_combine(ctx->txn, op, operands, count, &to);
        } else if (to.exists) {
            rc = dbx_key_remove(ctx->txn, &to);
        }
    }
    dbx_alloc_free(operands);
    return rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_bitmap[] = {
    {.name = "setbit",
     .group = "bitmap",
     .syntax = "key offset value:integer",
     .summary =
         "Sets or clears one bit of a string, lengthening it with zero bytes when needed, and "
         "returns what it was.",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_setbit},
    {.name = "getbit",
     .group = "bitmap",
     .syntax = "key offset",
     .summary = "Returns one bit of a string; beyond its end all are 0.",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_getbit},
    {.name = "bitcount",
     .group = "bitmap",
     .syntax = "key [range: start end [unit: BYTE | BIT]@7.0.0]",
     .summary = "Counts the bits that are 1 in a string or a part of it.",
     .since = "2.6.0",
     .complexity = "O(N) for N bytes looked at",
     .history = DBX_LIST("7.0.0", "`BYTE` and `BIT`."),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_bitcount},
    {.name = "bitpos",
     .group = "bitmap",
     .syntax = "key bit:integer [range: start [end-unit-block: end [unit: BYTE | BIT]@7.0.0]]",
     .summary = "Finds the first bit of a string, or of a part of it, that is 1, or 0.",
     .since = "2.8.7",
     .complexity = "O(N) for N bytes looked at",
     .history = DBX_LIST("7.0.0", "`BYTE` and `BIT`."),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_bitpos},
    {.name = "bitop",
     .group = "bitmap",
     .syntax = "<operation: AND | OR | XOR | NOT> destkey key [key ...]",
     .summary = "Combines strings bit by bit, stores the result and returns its length in bytes.",
     .since = "2.6.0",
     .complexity = "O(N) for N bytes in all strings",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 2, .last = 0, .step = 1},
              {.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 3, .last = -1, .step = 1}},
     .run = cmd_bitop},
    {.name = NULL},
};
