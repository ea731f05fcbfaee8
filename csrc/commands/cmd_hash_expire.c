/* cmd_hash_expire.c: commands on when fields of a hash expire: setting, asking, removing, and those
 * that set or get values together with it. */
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_hash.h"

/* Redis's bound of a field's expiry: 46 bits of milliseconds. */
#define FIELD_EXPIRY_MAX_MS (INT64_C(0x0000FFFFFFFFFFFF) >> 2)

enum { NOT_THERE = -2, NO_EXPIRY = -1, NOT_MET = 0, DONE = 1, REMOVED = 2 };

/* --- Arguments ------------------------------------------------------------------------------- */

/* How a time is given. */
typedef struct time_unit {
    bool seconds, relative;
} time_unit;

/* parse_time reads a time; on failure an error is replied. */
static bool parse_time(dbx_ctx *ctx, dbx_slice text, time_unit unit, dbx_expiry *expiry,
                       dbx_reply *out) {
    int64_t ms, base_ms = unit.relative ? ctx->times.now_ms : 0;
    if (!dbx_num_from_slice(text, &ms)) {
        dbx_reply_error(out, DBX_NOT_AN_INTEGER);
        return false;
    }
    if (ms < 0) {
        dbx_reply_error(out, "ERR invalid expire time, must be >= 0");
        return false;
    }
    bool fits = ms <= FIELD_EXPIRY_MAX_MS / (unit.seconds ? 1000 : 1);
    if (fits && unit.seconds) ms *= 1000;
    if (!fits || ms > FIELD_EXPIRY_MAX_MS - base_ms) {
        dbx_reply_errorf(out, "ERR invalid expire time in '%s' command", ctx->command->name);
        return false;
    }
    *expiry = (dbx_expiry){ms + base_ms, unit.relative};
    return true;
}

/* parse_fields takes FIELDS, the number of fields, and leaves the cursor at the first. */
static bool parse_fields(dbx_args *args, const char *bad_number, dbx_reply *out) {
    int64_t count;
    if (dbx_args_left(args) < 2 || !dbx_args_word(args, "FIELDS")) {
        dbx_reply_error(out,
                        "ERR Mandatory argument FIELDS is missing or not at the right position");
    } else if (!dbx_num_from_slice(dbx_args_next(args), &count) || count < 1) {
        dbx_reply_error(out, bad_number);
    } else if ((uint64_t)count != dbx_args_left(args)) {
        dbx_reply_error(out, "ERR The `numfields` parameter must match the number of arguments");
    } else {
        return true;
    }
    return false;
}

static const char NOT_POSITIVE[] = "ERR Number of fields must be a positive integer";

/* --- Effects --------------------------------------------------------------------------------- */

enum { EFFECT_HEAD_MAX = 6 };
enum { SHOWN_MAX = 1 << 20 }; /* of an argument in an error: it may have 512 MB */

/* effect_rest journals head..., then the arguments that are left. */
static int effect_rest(dbx_ctx *ctx, const dbx_args *args, size_t count, const dbx_slice *head) {
    size_t left = dbx_args_left(args);
    dbx_buf words = {0};
    dbx_buf_add(&words, head, count * sizeof *head);
    dbx_buf_add(&words, args->argv + args->at, left * sizeof *head);
    int rc = words.failed ? DBX_ENOMEM
                          : dbx_txn_effect(ctx->txn, ctx->db, count + left,
                                           (const dbx_slice *)(const void *)words.ptr);
    dbx_buf_free(&words);
    return rc;
}

static dbx_slice expiry_digits(const dbx_ctx *ctx, dbx_expiry expiry,
                               char digits[DBX_NUM_TEXT_MAX]) {
    int64_t ms = expiry.relative ? dbx_expiry_left_ms(expiry, ctx->times) : expiry.ms;
    return dbx_slice_of(digits, dbx_num_to_text(ms, digits));
}

/* effect_expiry journals what became of one field: it expires then, or never. */
static int effect_expiry(dbx_ctx *ctx, dbx_slice key, dbx_slice field, dbx_expiry expiry) {
    char digits[DBX_NUM_TEXT_MAX];
    dbx_slice fields = dbx_slice_str("FIELDS"), one = dbx_slice_str("1");
    if (!dbx_expiry_set(expiry)) {
        return dbx_effect_words(ctx, dbx_slice_str("HPERSIST"), key, fields, one, field);
    }
    const char *name = expiry.relative ? "HPEXPIRE" : "HPEXPIREAT";
    return dbx_effect_words(ctx, dbx_slice_str(name), key, expiry_digits(ctx, expiry, digits),
                            fields, one, field);
}

/* --- HEXPIRE and its relatives --------------------------------------------------------------- */

enum condition { ALWAYS, ONLY_NONE, ONLY_SOME, ONLY_LATER, ONLY_EARLIER };

static enum condition take_condition(dbx_args *args) {
    static const char *const words[] = {"NX", "XX", "GT", "LT"};
    for (unsigned i = 0; i < 4; i++) {
        if (dbx_args_word(args, words[i])) return (enum condition)(ONLY_NONE + i);
    }
    return ALWAYS;
}

/* Later and earlier by what is left, each on its own clock. */
static bool is_met(enum condition condition, dbx_expiry present, dbx_expiry wanted,
                   dbx_times times) {
    bool some = dbx_expiry_set(present);
    int64_t left_ms = dbx_expiry_left_ms(wanted, times);
    switch (condition) {
    case ONLY_NONE:
        return !some;
    case ONLY_SOME:
        return some;
    case ONLY_LATER:
        return some && left_ms > dbx_expiry_left_ms(present, times);
    case ONLY_EARLIER:
        return !some || left_ms < dbx_expiry_left_ms(present, times);
    default:
        return true;
    }
}

/* begin_expiring begins a change that asks for fields to expire. Where that alone changes the hash,
 * it is journalled as a condition that no field meets: the first one, if it is there, never
 * expires. */
static int begin_expiring(dbx_ctx *ctx, dbx_edit *edit, dbx_key *k, dbx_slice first) {
    int rc = dbx_hash_edit(edit, ctx->txn, ctx->encodings, k);
    if (rc != DBX_OK || !dbx_hash_may_expire(edit)) return rc;
    return dbx_effect_words(ctx, dbx_slice_str("HPEXPIRE"), k->name, dbx_slice_str("1"),
                            dbx_slice_str("XX"), dbx_slice_str("FIELDS"), dbx_slice_str("1"),
                            first);
}

/* let_expire does to one field what was asked for, and journals it; *said is the reply. */
static int let_expire(dbx_ctx *ctx, dbx_edit *edit, dbx_slice field, dbx_expiry expiry,
                      enum condition condition, int64_t *said) {
    dbx_cell value;
    dbx_expiry present;
    bool removed;
    int rc = dbx_hash_edit_get(edit, field, &value, &present);
    *said = NOT_THERE;
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    if (rc != DBX_OK) return rc;
    *said = NOT_MET;
    if (!is_met(condition, present, expiry, ctx->times)) return DBX_OK;
    if (dbx_expiry_over(expiry, ctx->times)) {
        *said = REMOVED;
        rc = dbx_hash_del(edit, field, &removed);
        if (rc != DBX_OK) return rc;
        return dbx_effect_words(ctx, dbx_slice_str("HDEL"), edit->k->name, field);
    }
    *said = DONE;
    rc = dbx_hash_expire(edit, field, expiry);
    return rc == DBX_OK ? effect_expiry(ctx, edit->k->name, field, expiry) : rc;
}

static int field_expire(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, time_unit unit) {
    dbx_key k;
    dbx_edit edit;
    dbx_expiry expiry;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    if (!parse_time(ctx, dbx_args_next(args), unit, &expiry, out)) return DBX_OK;
    enum condition condition = take_condition(args);
    if (!parse_fields(args, "ERR Parameter `numFields` should be greater than 0", out)) {
        return DBX_OK;
    }
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    bool exists = k.exists;
    if (exists) rc = begin_expiring(ctx, &edit, &k, args->argv[args->at]);
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        int64_t said = NOT_THERE;
        dbx_slice field = dbx_args_next(args);
        if (exists) rc = let_expire(ctx, &edit, field, expiry, condition, &said);
        out->ops->integer(out, said);
    }
    out->ops->close(out);
    return exists ? dbx_edit_close(&edit, rc) : rc;
}

static int cmd_hexpire(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_expire(ctx, args, out, (time_unit){.seconds = true, .relative = true});
}

static int cmd_hpexpire(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_expire(ctx, args, out, (time_unit){.relative = true});
}

static int cmd_hexpireat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_expire(ctx, args, out, (time_unit){.seconds = true});
}

static int cmd_hpexpireat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_expire(ctx, args, out, (time_unit){.seconds = false});
}

/* persist lets one field stay for good. */
static int persist(dbx_ctx *ctx, dbx_edit *edit, dbx_slice field, int64_t *said) {
    dbx_cell value;
    dbx_expiry present;
    int rc = dbx_hash_edit_get(edit, field, &value, &present);
    *said = rc == DBX_OK ? NO_EXPIRY : NOT_THERE;
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    if (rc != DBX_OK || !dbx_expiry_set(present)) return rc;
    *said = DONE;
    rc = dbx_hash_expire(edit, field, dbx_expiry_never());
    return rc == DBX_OK ? effect_expiry(ctx, edit->k->name, field, dbx_expiry_never()) : rc;
}

static int cmd_hpersist(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    if (!parse_fields(args, NOT_POSITIVE, out)) return DBX_OK;
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    bool exists = k.exists;
    if (exists) rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, &k);
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        int64_t said = NOT_THERE;
        dbx_slice field = dbx_args_next(args);
        if (exists) rc = persist(ctx, &edit, field, &said);
        out->ops->integer(out, said);
    }
    out->ops->close(out);
    return exists ? dbx_edit_close(&edit, rc) : rc;
}

/* --- Asking ---------------------------------------------------------------------------------- */

/* time_of is when a field expires, as HTTL and its relatives say it. */
static int64_t time_of(const dbx_ctx *ctx, dbx_expiry expiry, time_unit unit) {
    if (!dbx_expiry_set(expiry)) return NO_EXPIRY;
    int64_t ms = dbx_expiry_left_ms(expiry, ctx->times);
    if (!unit.relative && __builtin_add_overflow(ms, ctx->times.wall_ms, &ms)) ms = INT64_MAX;
    if (ms < 0) ms = 0;
    return unit.seconds ? ms / 1000 + (ms % 1000 > 0) : ms;
}

static int field_times(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, time_unit unit) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    if (!parse_fields(args, NOT_POSITIVE, out)) return DBX_OK;
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (dbx_args_left(args) > 0) {
        dbx_cell value;
        dbx_expiry expiry;
        rc = dbx_hash_get(ctx->txn, &k, dbx_args_next(args), &value, &expiry);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
        out->ops->integer(out, rc == DBX_OK ? time_of(ctx, expiry, unit) : NOT_THERE);
    }
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_httl(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_times(ctx, args, out, (time_unit){.seconds = true, .relative = true});
}

static int cmd_hpttl(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_times(ctx, args, out, (time_unit){.relative = true});
}

static int cmd_hexpiretime(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_times(ctx, args, out, (time_unit){.seconds = true});
}

static int cmd_hpexpiretime(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return field_times(ctx, args, out, (time_unit){.seconds = false});
}

/* --- HGETEX, HGETDEL ------------------------------------------------------------------------- */

/* take_unit takes EX, PX, EXAT or PXAT. */
static bool take_unit(dbx_args *args, time_unit *unit) {
    static const struct {
        const char *word;
        time_unit unit;
    } units[] = {{"EX", {true, true}},
                 {"PX", {false, true}},
                 {"EXAT", {true, false}},
                 {"PXAT", {false, false}}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!dbx_args_word(args, units[i].word)) continue;
        *unit = units[i].unit;
        return true;
    }
    return false;
}

/* What becomes of each field after its value was replied: nothing, if none of these. */
typedef struct after_get {
    bool expires, persists, removes;
    dbx_expiry expiry;
} after_get;

static int remove_field(dbx_ctx *ctx, dbx_edit *edit, dbx_slice field) {
    bool removed;
    int rc = dbx_hash_del(edit, field, &removed);
    if (rc != DBX_OK || !removed) return rc;
    return dbx_effect_words(ctx, dbx_slice_str("HDEL"), edit->k->name, field);
}

/* get_one replies with one field's value, then changes it: named twice, it is changed twice. */
static int get_one(dbx_ctx *ctx, dbx_edit *edit, dbx_slice field, const after_get *after,
                   dbx_buf *buf, dbx_reply *out) {
    dbx_cell value;
    dbx_slice bytes;
    int64_t said;
    int rc = dbx_hash_edit_get(edit, field, &value, NULL);
    if (rc == DBX_ENOTFOUND) {
        out->ops->null(out);
        return DBX_OK;
    }
    if (rc == DBX_OK) rc = dbx_cell_load(dbx_txn_view(ctx->txn), &value, buf, &bytes);
    if (rc != DBX_OK) return rc;
    out->ops->bulk(out, bytes);
    if (after->expires) return let_expire(ctx, edit, field, after->expiry, ALWAYS, &said);
    if (after->persists) return persist(ctx, edit, field, &said);
    return after->removes ? remove_field(ctx, edit, field) : DBX_OK;
}

static int get_and_change(dbx_ctx *ctx, dbx_args *args, dbx_key *k, const after_get *after,
                          dbx_reply *out) {
    dbx_edit edit;
    dbx_buf buf = {0};
    bool exists = k->exists;
    int rc = DBX_OK;
    if (exists) {
        rc = after->expires || after->persists ? begin_expiring(ctx, &edit, k, args->argv[args->at])
                                               : dbx_hash_edit(&edit, ctx->txn, ctx->encodings, k);
    }
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        dbx_slice field = dbx_args_next(args);
        if (exists) {
            rc = get_one(ctx, &edit, field, after, &buf, out);
        } else {
            out->ops->null(out);
        }
    }
    out->ops->close(out);
    dbx_buf_free(&buf);
    return exists ? dbx_edit_close(&edit, rc) : rc;
}

static int cmd_hgetex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    after_get after = {.expires = false};
    time_unit unit;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    if (dbx_args_word(args, "PERSIST")) {
        after.persists = true;
    } else if (take_unit(args, &unit)) {
        after.expires = true;
        if (!parse_time(ctx, dbx_args_next(args), unit, &after.expiry, out)) return DBX_OK;
        if (dbx_args_left(args) < 2) {
            dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command",
                             ctx->command->name);
            return DBX_OK;
        }
    }
    if (!parse_fields(args, NOT_POSITIVE, out)) return DBX_OK;
    return get_and_change(ctx, args, &k, &after, out);
}

static int cmd_hgetdel(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    after_get after = {.removes = true};
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    if (!parse_fields(args, NOT_POSITIVE, out)) return DBX_OK;
    return get_and_change(ctx, args, &k, &after, out);
}

/* --- HSETEX ---------------------------------------------------------------------------------- */

typedef struct setex {
    bool if_none, if_all, keep, expires;
    dbx_expiry expiry;
} setex;

static bool take_condition_of(dbx_args *args, setex *o) {
    bool none = dbx_args_word(args, "FNX"), all = !none && dbx_args_word(args, "FXX");
    if (!none && !all) return false;
    if (o->if_none || o->if_all) {
        dbx_args_fail(args, "ERR Only one of FXX or FNX arguments can be specified");
    }
    o->if_none = none;
    o->if_all = all;
    return true;
}

static bool take_expiry(dbx_ctx *ctx, dbx_args *args, setex *o, dbx_reply *out, bool *failed) {
    time_unit unit;
    bool keep = dbx_args_word(args, "KEEPTTL");
    if (!keep && !take_unit(args, &unit)) return false;
    if (o->keep || o->expires) {
        dbx_args_fail(args,
                      "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
    } else if (keep) {
        o->keep = true;
    } else {
        o->expires = true;
        *failed = !parse_time(ctx, dbx_args_next(args), unit, &o->expiry, out);
    }
    return true;
}

/* setex_parse leaves the cursor at the first field. */
static bool setex_parse(dbx_ctx *ctx, dbx_args *args, setex *o, dbx_reply *out) {
    bool failed = false;
    int64_t count;
    while (args->error == NULL && !failed && !dbx_args_word(args, "FIELDS")) {
        if (take_condition_of(args, o) || take_expiry(ctx, args, o, out, &failed)) continue;
        dbx_slice word = dbx_args_next(args);
        size_t shown = word.len < SHOWN_MAX ? word.len : SHOWN_MAX;
        dbx_reply_errorf(out, "ERR unknown argument: %.*s", (int)shown, (const char *)word.ptr);
        return false;
    }
    if (failed || !dbx_args_ok(args, out)) return false;
    if (dbx_args_left(args) < 3) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
    } else if (!dbx_num_from_slice(dbx_args_next(args), &count) || count < 1 || count > INT32_MAX) {
        dbx_reply_error(out, "ERR invalid number of fields");
    } else if ((uint64_t)count * 2 != dbx_args_left(args)) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
    } else {
        return true;
    }
    return false;
}

/* may_set says whether the condition on the fields holds. */
static int may_set(dbx_edit *edit, const dbx_args *args, const setex *o, bool *may) {
    *may = true;
    if (!o->if_none && !o->if_all) return DBX_OK;
    for (size_t i = args->at; i < args->argc && *may; i += 2) {
        dbx_cell value;
        int rc = dbx_hash_edit_get(edit, args->argv[i], &value, NULL);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
        *may = (rc == DBX_OK) == o->if_all;
    }
    return DBX_OK;
}

static int setex_fields(dbx_edit *edit, dbx_args *args, const setex *o, dbx_times times) {
    bool gone = o->expires && dbx_expiry_over(o->expiry, times), added, removed;
    int rc = DBX_OK;
    if (o->expires && (edit->k->exists || !gone)) (void)dbx_hash_may_expire(edit);
    if (edit->k->exists || !gone) dbx_hash_may_hold_many(edit, dbx_args_left(args) / 2);
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        dbx_slice field = dbx_args_next(args), value = dbx_args_next(args);
        if (gone && edit->k->exists) dbx_hash_may_hold(edit, field, value);
        rc = gone ? dbx_hash_del(edit, field, &removed)
                  : dbx_hash_set(edit, field, value, o->keep, &added);
        if (rc == DBX_OK && o->expires && !gone) rc = dbx_hash_expire(edit, field, o->expiry);
    }
    return rc;
}

/* The same without the condition, at a time that means the same whenever it is replayed. */
static int setex_effect(dbx_ctx *ctx, const dbx_args *args, const setex *o, dbx_slice key) {
    char digits[DBX_NUM_TEXT_MAX];
    dbx_slice head[EFFECT_HEAD_MAX] = {dbx_slice_str("HSETEX"), key};
    dbx_args rest = *args;
    size_t n = 2;
    while (!dbx_slice_eq_nocase(rest.argv[rest.at], dbx_slice_str("FIELDS")))
        rest.at++;
    if (o->keep) head[n++] = dbx_slice_str("KEEPTTL");
    if (o->expires) {
        head[n++] = dbx_slice_str(o->expiry.relative ? "PX" : "PXAT");
        head[n++] = expiry_digits(ctx, o->expiry, digits);
    }
    return effect_rest(ctx, &rest, n, head);
}

static int cmd_hsetex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    setex o = {.keep = false};
    bool may = false;
    int rc;
    dbx_slice name = dbx_args_next(args);
    const dbx_args options = *args;
    if (!setex_parse(ctx, args, &o, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK) rc = may_set(&edit, args, &o, &may);
    if (rc == DBX_OK && may) rc = setex_fields(&edit, args, &o, ctx->times);
    bool changed = edit.changed && may;
    rc = dbx_edit_close(&edit, rc);
    out->ops->integer(out, may);
    return rc == DBX_OK && changed ? setex_effect(ctx, &options, &o, name) : rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_hash_expire[] = {
    {.name = "hexpire",
     .group = "hash",
     .syntax =
         "key seconds [condition: NX | XX | GT | LT] FIELDS <fields: numfields field [field ...]>",
     .summary = "Lets fields of a hash expire after some seconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hexpire},
    {.name = "hpexpire",
     .group = "hash",
     .syntax = "key milliseconds [condition: NX | XX | GT | LT] FIELDS <fields: numfields field "
               "[field ...]>",
     .summary = "Lets fields of a hash expire after some milliseconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hpexpire},
    {.name = "hexpireat",
     .group = "hash",
     .syntax = "key unix-time-seconds [condition: NX | XX | GT | LT] FIELDS <fields: numfields "
               "field [field ...]>",
     .summary = "Lets fields of a hash expire at a Unix time in seconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hexpireat},
    {.name = "hpexpireat",
     .group = "hash",
     .syntax = "key unix-time-milliseconds [condition: NX | XX | GT | LT] FIELDS <fields: "
               "numfields field [field ...]>",
     .summary = "Lets fields of a hash expire at a Unix time in milliseconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hpexpireat},
    {.name = "hpersist",
     .group = "hash",
     .syntax = "key FIELDS <fields: numfields field [field ...]>",
     .summary = "Lets fields of a hash stay for good.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hpersist},
    {.name = "httl",
     .group = "hash",
     .syntax = "key FIELDS <fields: numfields field [field ...]>",
     .summary = "Returns how long fields still live, in seconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -5,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_httl},
    {.name = "hpttl",
     .group = "hash",
     .syntax = "key FIELDS <fields: numfields field [field ...]>",
     .summary = "Returns how long fields still live, in milliseconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -5,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hpttl},
    {.name = "hexpiretime",
     .group = "hash",
     .syntax = "key FIELDS <fields: numfields field [field ...]>",
     .summary = "Returns when fields expire, as a Unix time in seconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -5,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hexpiretime},
    {.name = "hpexpiretime",
     .group = "hash",
     .syntax = "key FIELDS <fields: numfields field [field ...]>",
     .summary = "Returns when fields expire, as a Unix time in milliseconds.",
     .since = "7.4.0",
     .complexity = "O(1) for each field",
     .arity = -5,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hpexpiretime},
    {.name = "hgetex",
     .group = "hash",
     .syntax = "key [expiration: EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST] FIELDS <fields: numfields field [field ...]>",
     .summary = "Returns values of fields and changes when they expire.",
     .since = "8.0.0",
     .complexity = "O(1) for each field",
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1,
               .notes = "RW and UPDATE because it changes the TTL"}},
     .run = cmd_hgetex},
    {.name = "hgetdel",
     .group = "hash",
     .syntax = "key FIELDS <fields: numfields field [field ...]>",
     .summary = "Returns values of fields and deletes them.",
     .since = "8.0.0",
     .complexity = "O(1) for each field",
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_hgetdel},
    {.name = "hsetex",
     .group = "hash",
     .syntax = "key [condition: FNX | FXX] [expiration: EX seconds | PX milliseconds | EXAT "
               "unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] FIELDS <fields: "
               "numfields <data: field value> [data ...]>",
     .summary = "Sets fields of a hash and when they expire.",
     .since = "8.0.0",
     .complexity = "O(1) for each field",
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hsetex},
    {.name = NULL},
};
