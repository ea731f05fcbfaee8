/* lookup.c: see lookup.h. */
#include "commands/lookup.h"

#include "base/alloc.h"
#include "base/num.h"

const char DBX_WRONGTYPE[] = "WRONGTYPE Operation against a key holding the wrong kind of value";

bool dbx_lookup(dbx_ctx *ctx, dbx_slice name, uint8_t type, dbx_key *k, dbx_reply *out, int *rc) {
    *rc = dbx_key_find(ctx->txn, ctx->db, name, k);
    if (*rc != DBX_OK) return false;
    if (!k->exists || k->meta.type == type) return true;
    dbx_reply_error(out, DBX_WRONGTYPE);
    return false;
}

bool dbx_lookup_any(dbx_ctx *ctx, dbx_slice name, dbx_key *k, dbx_reply *out, int *rc) {
    *rc = dbx_key_find(ctx->txn, ctx->db, name, k);
    if (*rc != DBX_OK) return false;
    if (!k->exists) out->ops->null(out);
    return k->exists;
}

bool dbx_lookup_db(dbx_ctx *ctx, dbx_slice text, uint32_t *db, dbx_reply *out) {
    int64_t number;
    if (!dbx_num_from_slice(text, &number)) {
        dbx_reply_error(out, DBX_NOT_AN_INTEGER);
    } else if (number < INT32_MIN || number > INT32_MAX) {
        dbx_reply_errorf(out, "ERR value is out of range, value must between %d and %d", INT32_MIN,
                         INT32_MAX);
    } else if (number < 0 || number >= (int64_t)dbx_db_count(ctx->txn)) {
        dbx_reply_error(out, "ERR DB index is out of range");
    } else {
        *db = (uint32_t)number;
        return true;
    }
    return false;
}

int dbx_effect_renamed(dbx_ctx *ctx, const char *name, const dbx_args *args) {
    if (dbx_txn_replaying(ctx->txn)) return DBX_OK;
    dbx_slice *words = dbx_alloc(args->argc * sizeof *words);
    if (words == NULL) return DBX_ENOMEM;
    memcpy(words, args->argv, args->argc * sizeof *words);
    words[0] = dbx_slice_str(name);
    int rc = dbx_txn_effect(ctx->txn, ctx->db, args->argc, words);
    dbx_alloc_free(words);
    return rc;
}

/* The number that stands for an expiry in an effect. */
static dbx_slice expiry_text(const dbx_ctx *ctx, dbx_expiry expiry, char text[DBX_NUM_TEXT_MAX]) {
    int64_t ms = expiry.relative ? dbx_expiry_left_ms(expiry, ctx->times) : expiry.ms;
    return dbx_slice_of(text, dbx_num_to_text(ms, text));
}

int dbx_effect_expiry(dbx_ctx *ctx, dbx_slice key, dbx_expiry expiry) {
    char text[DBX_NUM_TEXT_MAX];
    const char *name = expiry.relative ? "PEXPIRE" : "PEXPIREAT";
    return dbx_effect_words(ctx, dbx_slice_str(name), key, expiry_text(ctx, expiry, text));
}

int dbx_effect_set(dbx_ctx *ctx, dbx_slice key, dbx_slice value, dbx_expiry expiry) {
    char text[DBX_NUM_TEXT_MAX];
    const char *option = expiry.relative ? "PX" : "PXAT";
    dbx_slice set = dbx_slice_str("SET");
    return dbx_effect_words(ctx, set, key, value, dbx_slice_str(option),
                            expiry_text(ctx, expiry, text));
}

int dbx_effect_remove(dbx_ctx *ctx, dbx_key *k) {
    int rc = dbx_key_remove(ctx->txn, k);
    return rc != DBX_OK ? rc : dbx_effect_words(ctx, dbx_slice_str("DEL"), k->name);
}

bool dbx_expiry_of(dbx_ctx *ctx, dbx_slice text, bool seconds, bool relative, dbx_expiry *expiry,
                   dbx_reply *out) {
    int64_t time;
    if (!dbx_num_from_slice(text, &time)) {
        dbx_reply_error(out, DBX_NOT_AN_INTEGER);
        return false;
    }
    if (time <= 0 || (seconds && time > INT64_MAX / 1000)) goto invalid;
    if (seconds) time *= 1000;
    if (relative && __builtin_add_overflow(time, ctx->times.now_ms, &time)) goto invalid;
    *expiry = (dbx_expiry){time, relative};
    return true;
invalid:
    dbx_reply_errorf(out, "ERR invalid expire time in '%s' command", ctx->command->name);
    return false;
}
