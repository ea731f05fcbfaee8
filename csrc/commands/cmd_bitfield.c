/* cmd_bitfield.c: BITFIELD and BITFIELD_RO: integers of 1 to 64 bits anywhere in a string.
 *
 * All of a call is read before any of it is done. Where numbers overflow, they do so as in Redis,
 * whatever is odd about it: the sums are computed modulo 2^64 in the same way.
 */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/cmd_bitmap.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_bitmap.h"
#include "types/t_string.h"

static const char BAD_TYPE[] = "ERR Invalid bitfield type. Use something like i16 u8. Note that "
                               "u64 is not supported but i64 is.";
static const char BAD_OFFSET[] = "ERR bit offset is not an integer or out of range";

typedef enum overflow { WRAP, SAT, FAIL } overflow;

typedef struct operation {
    enum { GET, SET, INCRBY } what;
    overflow overflow;
    bool is_signed;
    unsigned bits;
    uint64_t at;
    int64_t value; /* of SET and INCRBY */
} operation;

typedef struct call {
    operation *operations; /* owned */
    size_t count;
    bool writes;
    uint64_t last; /* the highest bit that is written */
} call;

/* --- Reading the arguments ------------------------------------------------------------------- */

static bool take_type(dbx_args *args, operation *o, dbx_reply *out) {
    dbx_slice text = dbx_args_next(args);
    const uint8_t *nul = text.len == 0 ? NULL : memchr(text.ptr, '\0', text.len);
    int64_t bits;
    if (nul != NULL) text.len = (size_t)(nul - text.ptr);
    o->is_signed = text.len > 0 && text.ptr[0] == 'i';
    if (text.len > 0 && (o->is_signed || text.ptr[0] == 'u') &&
        dbx_num_from_slice(dbx_slice_of(text.ptr + 1, text.len - 1), &bits) && bits >= 1 &&
        bits <= (o->is_signed ? 64 : 63)) {
        o->bits = (unsigned)bits;
        return true;
    }
    dbx_reply_error(out, BAD_TYPE);
    return false;
}

/* take_place reads an offset in bits, or, after '#', in integers of this size. */
static bool take_place(dbx_ctx *ctx, dbx_args *args, operation *o, dbx_reply *out) {
    char digits[DBX_NUM_TEXT_MAX];
    int64_t number;
    dbx_slice text = dbx_args_next(args);
    if (text.len == 0 || text.ptr[0] != '#') return dbx_bit_offset(ctx, text, &o->at, out);
    text = dbx_slice_of(text.ptr + 1, text.len - 1);
    if (!dbx_num_from_slice(text, &number) ||
        __builtin_mul_overflow(number, (int64_t)o->bits, &number)) {
        dbx_reply_error(out, BAD_OFFSET);
        return false;
    }
    text = dbx_slice_of(digits, dbx_num_to_text(number, digits));
    return dbx_bit_offset(ctx, text, &o->at, out);
}

static bool take_overflow(dbx_args *args, overflow *how, dbx_reply *out) {
    if (dbx_args_word(args, "WRAP")) {
        *how = WRAP;
    } else if (dbx_args_word(args, "SAT")) {
        *how = SAT;
    } else if (dbx_args_word(args, "FAIL")) {
        *how = FAIL;
    } else {
        dbx_reply_error(out, "ERR Invalid OVERFLOW type specified");
        return false;
    }
    return true;
}

/* take_operation reads one whose name was taken already. */
static bool take_operation(dbx_ctx *ctx, dbx_args *args, call *c, operation *o, dbx_reply *out) {
    if (!take_type(args, o, out) || !take_place(ctx, args, o, out)) return false;
    if (o->what != GET) {
        c->writes = true;
        if (o->at + o->bits - 1 > c->last) c->last = o->at + o->bits - 1;
        o->value = dbx_args_i64(args);
    }
    c->operations[c->count++] = *o;
    return dbx_args_ok(args, out);
}

/* parse reads all operations into c->operations, which has room for them. */
static bool parse(dbx_ctx *ctx, dbx_args *args, call *c, dbx_reply *out) {
    operation o = {.overflow = WRAP};
    while (dbx_args_left(args) > 0) {
        size_t follow = dbx_args_left(args) - 1;
        if (follow >= 2 && dbx_args_word(args, "GET")) {
            o.what = GET;
        } else if (follow >= 3 && dbx_args_word(args, "SET")) {
            o.what = SET;
        } else if (follow >= 3 && dbx_args_word(args, "INCRBY")) {
            o.what = INCRBY;
        } else if (follow >= 1 && dbx_args_word(args, "OVERFLOW")) {
            if (!take_overflow(args, &o.overflow, out)) return false;
            continue;
        } else {
            dbx_reply_error(out, DBX_SYNTAX_ERROR);
            return false;
        }
        if (!take_operation(ctx, args, c, &o, out)) return false;
    }
    return true;
}

/* --- Arithmetic ------------------------------------------------------------------------------ */

static uint64_t lowest(uint64_t value, unsigned bits) {
    return bits == 64 ? value : value & (((uint64_t)1 << bits) - 1);
}

/* The number that the lowest bits of `value` are in two's complement. */
static int64_t sign_extended(uint64_t value, unsigned bits) {
    uint64_t sign = (uint64_t)1 << (bits - 1);
    return (int64_t)((lowest(value, bits) ^ sign) - sign);
}

/* add_signed gives value + by as it is stored: true when it had to be brought into range. */
static bool add_signed(const operation *o, int64_t value, int64_t by, int64_t *sum) {
    int64_t max = (int64_t)(((uint64_t)1 << (o->bits - 1)) - 1), min = -max - 1;
    int64_t most = (int64_t)((uint64_t)max - (uint64_t)value);
    int64_t least = (int64_t)((uint64_t)min - (uint64_t)value);
    bool narrow = o->bits != 64;
    bool over = value > max || (narrow && by > most) || (value >= 0 && by > 0 && by > most);
    bool under = value < min || (narrow && by < least) || (value < 0 && by < 0 && by < least);
    *sum = sign_extended((uint64_t)value + (uint64_t)by, o->bits);
    if (o->overflow == SAT && over) {
        *sum = max;
    } else if (o->overflow == SAT && under) {
        *sum = min;
    }
    return over || under;
}

static bool add_unsigned(const operation *o, uint64_t value, int64_t by, uint64_t *sum) {
    uint64_t max = ((uint64_t)1 << o->bits) - 1;
    bool over = value > max || (by > 0 && by > (int64_t)(max - value));
    bool under = !over && by < 0 && by < (int64_t)(0 - value);
    *sum = lowest(value + (uint64_t)by, o->bits);
    if (o->overflow == SAT && (over || under)) *sum = over ? max : 0;
    return over || under;
}

/* compute gives what the operation stores in place of `old`, and replies with; false: it overflows,
 * and that makes it fail. */
static bool compute(const operation *o, uint64_t old, uint64_t *stored, int64_t *reply) {
    bool overflows;
    if (o->is_signed) {
        int64_t sum, before = sign_extended(old, o->bits);
        overflows = o->what == SET ? add_signed(o, o->value, 0, &sum)
                                   : add_signed(o, before, o->value, &sum);
        *stored = (uint64_t)sum;
        *reply = o->what == SET ? before : sum;
    } else {
        overflows = o->what == SET ? add_unsigned(o, (uint64_t)o->value, 0, stored)
                                   : add_unsigned(o, old, o->value, stored);
        *reply = (int64_t)(o->what == SET ? old : *stored);
    }
    return !overflows || o->overflow != FAIL;
}

/* --- Running --------------------------------------------------------------------------------- */

static int run_one(dbx_ctx *ctx, dbx_slice name, const operation *o, dbx_reply *out) {
    dbx_key k;
    uint64_t old, stored;
    int64_t reply;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc == DBX_OK) rc = dbx_bitmap_read(ctx->txn, &k, o->at, o->bits, &old);
    if (rc != DBX_OK) return rc;
    if (o->what == GET) {
        out->ops->integer(out, o->is_signed ? sign_extended(old, o->bits) : (int64_t)old);
        return DBX_OK;
    }
    if (!compute(o, old, &stored, &reply)) {
        out->ops->null(out);
        return DBX_OK;
    }
    out->ops->integer(out, reply);
    if (lowest(stored, o->bits) == old) return DBX_OK;
    return dbx_bitmap_write(ctx->txn, &k, o->at, o->bits, stored);
}

static int run_all(dbx_ctx *ctx, dbx_slice name, const call *c, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    if (c->writes) rc = dbx_bitmap_reach(ctx->txn, &k, c->last);
    out->ops->open(out, DBX_ARRAY, c->count);
    for (size_t i = 0; rc == DBX_OK && i < c->count; i++)
        rc = run_one(ctx, name, &c->operations[i], out);
    if (rc == DBX_OK) out->ops->close(out);
    return rc;
}

static int bitfield(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool read_only) {
    call c = {.count = 0};
    int rc = DBX_OK;
    dbx_slice name = dbx_args_next(args);
    c.operations = dbx_alloc(args->argc * sizeof *c.operations);
    if (c.operations == NULL) return DBX_ENOMEM;
    if (parse(ctx, args, &c, out)) {
        if (c.writes && read_only) {
            dbx_reply_error(out, "ERR BITFIELD_RO only supports the GET subcommand");
        } else {
            rc = run_all(ctx, name, &c, out);
        }
    }
    dbx_alloc_free(c.operations);
    return rc;
}

static int cmd_bitfield(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return bitfield(ctx, args, out, false);
}

static int cmd_bitfield_ro(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return bitfield(ctx, args, out, true);
}

/* What is not understood counts as a write. */
static uint32_t bitfield_key_flags(size_t argc, const dbx_slice *argv) {
    for (size_t i = 2; i < argc; i++) {
        if (i + 2 < argc && dbx_slice_eq_nocase(argv[i], dbx_slice_str("GET"))) {
            i += 2;
        } else if (i + 1 < argc && dbx_slice_eq_nocase(argv[i], dbx_slice_str("OVERFLOW"))) {
            i += 1;
        } else {
            return DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE;
        }
    }
    return DBX_KEY_RO | DBX_KEY_ACCESS;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_bitfield[] = {
    {.name = "bitfield",
     .group = "bitmap",
     .syntax = "key [operation: GET <get-block: encoding offset> | <write: [OVERFLOW "
               "<overflow-block: WRAP | SAT | FAIL>] <write-operation: SET <set-block: encoding "
               "offset value:integer> | INCRBY <incrby-block: encoding offset increment>>>] "
               "[operation ...]",
     .summary = "Reads, sets and adds to integers of any number of bits within a string.",
     .since = "3.2.0",
     .complexity = "O(1) for each operation",
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE | DBX_KEY_VARIABLE_FLAGS,
               .begin = 1,
               .last = 0,
               .step = 1,
               .notes = "This command allows both access and modification of the key"}},
     .run = cmd_bitfield,
     .key_flags = bitfield_key_flags},
    {.name = "bitfield_ro",
     .group = "bitmap",
     .syntax = "key [GET <get-block: encoding offset>] [GET get-block ...]",
     .summary = "Reads integers of any number of bits within a string.",
     .since = "6.0.0",
     .complexity = "O(1) for each operation",
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_bitfield_ro},
    {.name = NULL},
};
