/* cmd_sort.c: SORT and SORT_RO: the elements of a list, a set or a sorted set in another order, by
 * themselves or by what other keys hold, and what further keys hold in their place. The elements
 * are in memory while they are sorted. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/elements.h"
#include "types/t_hash.h"
#include "types/t_list.h"
#include "types/t_string.h"

typedef struct options {
    bool desc, alpha, by, plain; /* plain: not to be sorted */
    bool store;
    dbx_slice pattern, destination; /* of BY, of STORE */
    int64_t offset, count;          /* LIMIT */
    size_t gets;                    /* how many GETs; they are found among the arguments again */
} options;

/* --- Arguments ------------------------------------------------------------------------------- */

static bool has_star(dbx_slice pattern) {
    return pattern.len > 0 && memchr(pattern.ptr, '*', pattern.len) != NULL;
}

/* next_option takes one option; *get: the pattern of a GET, or its ptr is NULL. */
static void next_option(dbx_args *args, bool readonly, options *o, dbx_slice *get) {
    *get = (dbx_slice){NULL, 0};
    size_t left = dbx_args_left(args) - 1;
    if (dbx_args_word(args, "ASC")) {
        o->desc = false;
    } else if (dbx_args_word(args, "DESC")) {
        o->desc = true;
    } else if (dbx_args_word(args, "ALPHA")) {
        o->alpha = true;
    } else if (left >= 2 && dbx_args_word(args, "LIMIT")) {
        o->offset = dbx_args_i64(args);
        if (args->error == NULL) o->count = dbx_args_i64(args);
    } else if (left >= 1 && !readonly && dbx_args_word(args, "STORE")) {
        o->store = true;
        o->destination = dbx_args_next(args);
    } else if (left >= 1 && dbx_args_word(args, "BY")) {
        o->by = true;
        o->pattern = dbx_args_next(args);
        if (!has_star(o->pattern)) o->plain = true;
    } else if (left >= 1 && dbx_args_word(args, "GET")) {
        *get = dbx_args_next(args);
        o->gets++;
    } else {
        dbx_args_fail(args, DBX_SYNTAX_ERROR);
    }
}

static bool parse(dbx_args args, bool readonly, options *o, dbx_reply *out) {
    dbx_slice get;
    *o = (options){.count = -1};
    while (args.error == NULL && dbx_args_left(&args) > 0)
        next_option(&args, readonly, o, &get);
    return dbx_args_ok(&args, out);
}

/* --- What other keys hold -------------------------------------------------------------------- */

typedef struct sorter {
    dbx_ctx *ctx;
    dbx_buf name;  /* of the key that a pattern gives */
    dbx_buf bytes; /* of a long value */
} sorter;

/* fill_pattern puts an element in the place of the first star; *field: what stands behind "->". */
static bool fill_pattern(sorter *s, dbx_slice pattern, dbx_slice element, dbx_slice *field) {
    const uint8_t *star = pattern.len > 0 ? memchr(pattern.ptr, '*', pattern.len) : NULL;
    *field = (dbx_slice){NULL, 0};
    if (star == NULL) return false;
    const uint8_t *end = pattern.ptr + pattern.len, *rest_end = end;
    for (const uint8_t *at = star + 1; at + 2 < end; at++) {
        if (at[0] != '-' || at[1] != '>') continue;
        *field = dbx_slice_of(at + 2, (size_t)(end - at - 2));
        rest_end = at;
        break;
    }
    s->name.len = 0;
    dbx_buf_add(&s->name, pattern.ptr, (size_t)(star - pattern.ptr));
    dbx_buf_add(&s->name, element.ptr, element.len);
    dbx_buf_add(&s->name, star + 1, (size_t)(rest_end - star - 1));
    return true;
}

/* look finds what a pattern names for an element: DBX_OK with a value that is valid until the next
 * write or the next look, DBX_ENOTFOUND, or a failure. `k` is for its use. */
static int look(sorter *s, dbx_slice pattern, dbx_slice element, dbx_key *k, dbx_cell *value) {
    dbx_slice field;
    if (pattern.len == 1 && pattern.ptr[0] == '#') {
        *value = dbx_cell_of(element);
        return DBX_OK;
    }
    if (!fill_pattern(s, pattern, element, &field)) return DBX_ENOTFOUND;
    if (s->name.failed) return DBX_ENOMEM;
    dbx_txn_let_go(s->ctx->txn);
    int rc = dbx_key_find(s->ctx->txn, s->ctx->db, dbx_buf_slice(&s->name), k);
    if (rc != DBX_OK) return rc;
    if (!k->exists || k->meta.type != (field.ptr == NULL ? DBX_STRING : DBX_HASH)) {
        return DBX_ENOTFOUND;
    }
    if (field.ptr != NULL) return dbx_hash_get(s->ctx->txn, k, field, value, NULL);
    dbx_slice bytes;
    if (dbx_string_inline(k, &bytes)) {
        *value = dbx_cell_of(bytes);
    } else {
        *value = (dbx_cell){.len = dbx_string_len(k), .chunks = {.cid = k->meta.cid}};
    }
    return DBX_OK;
}

/* --- Elements in memory ---------------------------------------------------------------------- */

typedef struct element {
    const struct vector *of;
    size_t at, len;       /* in `bytes` */
    size_t by_at, by_len; /* what it is compared by, with BY and ALPHA */
    bool by;              /* there is that */
    double score;
    uint64_t nth;
} element;

typedef struct vector {
    element *of; /* owned */
    uint64_t count;
    dbx_buf bytes; /* owned: of all elements, and of what they are compared by */
    const options *options;
} vector;

static dbx_slice bytes_of(const element *e) {
    return dbx_slice_of(e->of->bytes.ptr + e->at, e->len);
}

/* add_cell appends a cell's bytes. */
static int add_cell(sorter *s, vector *v, const dbx_cell *cell, size_t *at, size_t *len) {
    dbx_slice bytes;
    int rc = dbx_cell_load(dbx_txn_view(s->ctx->txn), cell, &s->bytes, &bytes);
    if (rc != DBX_OK) return rc;
    *at = v->bytes.len;
    *len = bytes.len;
    dbx_buf_add(&v->bytes, bytes.ptr, bytes.len);
    return v->bytes.failed ? DBX_ENOMEM : DBX_OK;
}

/* load takes `count` elements behind `skip` ones. */
static int load(sorter *s, vector *v, const dbx_key *k, uint64_t skip, uint64_t count, bool back) {
    dbx_elements walk;
    dbx_cell cell;
    if (count == 0) return DBX_OK;
    v->of = dbx_alloc_zero((size_t)count, sizeof *v->of);
    if (v->of == NULL) return DBX_ENOMEM;
    int rc = dbx_elements_open(&walk, s->ctx->txn, k, skip, back);
    while (rc == DBX_OK && v->count < count && (rc = dbx_elements_next(&walk, &cell)) == DBX_OK) {
        element *e = &v->of[v->count];
        e->of = v;
        e->nth = v->count++;
        rc = add_cell(s, v, &cell, &e->at, &e->len);
    }
    dbx_elements_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* weigh finds what an element is compared by; *number: false when that should be one and is not. */
static int weigh(sorter *s, vector *v, element *e, bool *number) {
    const options *o = v->options;
    dbx_slice text = bytes_of(e);
    dbx_key k;
    dbx_cell value;
    int rc = DBX_OK;
    if (o->by) {
        rc = look(s, o->pattern, text, &k, &value);
        if (rc == DBX_ENOTFOUND) return DBX_OK;
        if (rc == DBX_OK && o->alpha) {
            e->by = true;
            return add_cell(s, v, &value, &e->by_at, &e->by_len);
        }
        if (rc == DBX_OK) {
            rc = dbx_cell_load(dbx_txn_view(s->ctx->txn), &value, &s->bytes, &text);
        }
    }
    if (rc == DBX_OK && !o->alpha && !dbx_num_bound_from_slice(text, &e->score)) *number = false;
    return rc;
}

static int compare(const void *a, const void *b) {
    const element *x = a, *y = b;
    const options *o = x->of->options;
    int cmp;
    if (!o->alpha) {
        cmp = (x->score > y->score) - (x->score < y->score);
        if (cmp == 0) cmp = dbx_slice_cmp(bytes_of(x), bytes_of(y));
    } else if (!o->by) {
        cmp = dbx_slice_cmp(bytes_of(x), bytes_of(y));
    } else if (!x->by || !y->by) {
        cmp = x->by - y->by;
    } else {
        const uint8_t *bytes = x->of->bytes.ptr;
        cmp = dbx_slice_cmp(dbx_slice_of(bytes + x->by_at, x->by_len),
                            dbx_slice_of(bytes + y->by_at, y->by_len));
    }
    if (cmp != 0) return o->desc ? -cmp : cmp;
    return (x->nth > y->nth) - (x->nth < y->nth);
}

/* sort puts the elements in order; *number: false when some have no number to be sorted by. */
static int sort(sorter *s, vector *v, bool *number) {
    int rc = DBX_OK;
    for (uint64_t i = 0; rc == DBX_OK && i < v->count; i++)
        rc = weigh(s, v, &v->of[i], number);
    if (rc == DBX_OK && *number && v->count > 0) {
        qsort(v->of, (size_t)v->count, sizeof *v->of, compare);
    }
    return rc;
}

/* --- Results --------------------------------------------------------------------------------- */

/* What is done with one result; a cell that is NULL: there is none. */
typedef int sink_fn(void *to, sorter *s, const dbx_cell *value);

static int reply_value(void *to, sorter *s, const dbx_cell *value) {
    dbx_reply *out = to;
    if (value == NULL) {
        out->ops->null(out);
        return DBX_OK;
    }
    if (!dbx_cell_is_long(value)) {
        out->ops->bulk(out, dbx_cell_slice(value));
        return DBX_OK;
    }
    out->ops->bulk_open(out, (size_t)value->len);
    for (uint64_t at = 0; at < value->len;) {
        dbx_slice part;
        int rc = dbx_chunks_part(dbx_txn_view(s->ctx->txn), value->chunks, at, value->len, &part);
        if (rc != DBX_OK) return rc;
        out->ops->bulk_part(out, part);
        at += part.len;
    }
    return DBX_OK;
}

static int store_value(void *to, sorter *s, const dbx_cell *value) {
    dbx_slice bytes = dbx_slice_of("", 0);
    int rc = DBX_OK;
    if (value != NULL) {
        rc = dbx_cell_load(dbx_txn_view(s->ctx->txn), value, &s->bytes, &bytes);
        /* A write may end what the value points to. */
        if (rc == DBX_OK && !dbx_cell_is_long(value)) {
            s->bytes.len = 0;
            dbx_buf_add(&s->bytes, bytes.ptr, bytes.len);
            bytes = dbx_buf_slice(&s->bytes);
            if (s->bytes.failed) rc = DBX_ENOMEM;
        }
    }
    return rc == DBX_OK ? dbx_list_push(to, true, bytes) : rc;
}

/* give hands an element's results to `sink`: itself, or what the GETs give. */
static int give(sorter *s, const vector *v, const element *e, dbx_args args, sink_fn *sink,
                void *to) {
    dbx_cell value = dbx_cell_of(bytes_of(e));
    options again = {.count = 0};
    int rc = DBX_OK;
    if (v->options->gets == 0) return sink(to, s, &value);
    while (rc == DBX_OK && dbx_args_left(&args) > 0) {
        dbx_key k;
        dbx_slice get;
        next_option(&args, false, &again, &get);
        if (get.ptr == NULL) continue;
        rc = look(s, get, bytes_of(e), &k, &value);
        if (rc == DBX_OK || rc == DBX_ENOTFOUND) rc = sink(to, s, rc == DBX_OK ? &value : NULL);
    }
    return rc;
}

static int store(sorter *s, const vector *v, uint64_t from, uint64_t end, dbx_args args,
                 dbx_reply *out) {
    dbx_ctx *ctx = s->ctx;
    dbx_list_edit edit;
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, v->options->destination, &k);
    if (rc != DBX_OK) return rc;
    dbx_key_reset(&k, DBX_LIST, DBX_ENCODING_LISTPACK);
    edit = (dbx_list_edit){.base = {ctx->txn, ctx->encodings, &k, {0}, true}};
    if (!dbx_list_shape_read(&k.meta, (dbx_slice){NULL, 0}, &edit.shape)) return DBX_ECORRUPT;
    for (uint64_t i = from; rc == DBX_OK && i < end; i++)
        rc = give(s, v, &v->of[i], args, store_value, &edit);
    rc = dbx_list_edit_close(&edit, rc);
    out->ops->integer(out, (int64_t)k.meta.count);
    return rc;
}

static int results(sorter *s, const vector *v, uint64_t from, uint64_t end, dbx_args args,
                   dbx_reply *out) {
    size_t each = v->options->gets > 0 ? v->options->gets : 1;
    int rc = DBX_OK;
    if (v->options->store) return store(s, v, from, end, args, out);
    out->ops->open(out, DBX_ARRAY, (size_t)(end - from) * each);
    for (uint64_t i = from; rc == DBX_OK && i < end; i++)
        rc = give(s, v, &v->of[i], args, reply_value, out);
    out->ops->close(out);
    return rc;
}

/* --- The commands ---------------------------------------------------------------------------- */

/* limits finds which elements are asked for, from *from to before *end. */
static void limits(const options *o, uint64_t count, uint64_t *from, uint64_t *end) {
    *from = o->offset < 0 ? 0 : (uint64_t)o->offset;
    if (*from > count) *from = count;
    *end = count;
    if (o->count >= 0 && (uint64_t)o->count < count - *from) *end = *from + (uint64_t)o->count;
}

static int sort_key(dbx_ctx *ctx, dbx_args *args, dbx_key *k, options *o, dbx_reply *out) {
    sorter s = {.ctx = ctx};
    vector v = {.options = o};
    uint64_t from, end, count = k->exists ? k->meta.count : 0;
    bool number = true, ordered = k->exists && k->meta.type != DBX_SETTYPE;
    int rc;
    /* What is stored is to be the same wherever it is done again. */
    if (o->plain && k->exists && k->meta.type == DBX_SETTYPE && o->store) {
        o->plain = o->by = false;
        o->alpha = true;
    }
    limits(o, count, &from, &end);
    if (o->plain && ordered) {
        rc = load(&s, &v, k, from, end - from, o->desc);
        end -= from;
        from = 0;
    } else {
        rc = load(&s, &v, k, 0, count, false);
        if (rc == DBX_OK && !o->plain) rc = sort(&s, &v, &number);
    }
    if (rc == DBX_OK && !number) {
        dbx_reply_error(out, "ERR One or more scores can't be converted into double");
    } else if (rc == DBX_OK) {
        rc = results(&s, &v, from, end, *args, out);
    }
    dbx_alloc_free(v.of);
    dbx_buf_free(&v.bytes);
    dbx_buf_free(&s.name);
    dbx_buf_free(&s.bytes);
    return rc;
}

static int run(dbx_ctx *ctx, dbx_args *args, bool readonly, dbx_reply *out) {
    dbx_key k;
    options o;
    dbx_slice name = dbx_args_next(args);
    if (!parse(*args, readonly, &o, out)) return DBX_OK;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc != DBX_OK) return rc;
    if (k.exists && !dbx_elements_has(k.meta.type)) {
        dbx_reply_error(out, DBX_WRONGTYPE);
        return DBX_OK;
    }
    return sort_key(ctx, args, &k, &o, out);
}

static int cmd_sort(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return run(ctx, args, false, out);
}

static int cmd_sort_ro(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return run(ctx, args, true, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

#define ELEMENTS DBX_ACL_SET | DBX_ACL_SORTEDSET | DBX_ACL_LIST
#define READS                                                                                      \
    "key [BY by-pattern#1=pattern] [LIMIT <limit: offset count>] "                                 \
    "[GET get-pattern#1=pattern [GET get-pattern ...]] [order: ASC | DESC] [ALPHA:sorting]"
#define BY_GET                                                                                     \
    {                                                                                              \
        .flags = DBX_KEY_RO | DBX_KEY_ACCESS, .find = DBX_KEYS_UNKNOWN,                            \
        .notes = "For the optional BY/GET keyword. It is marked 'unknown' because the key names "  \
                 "derive from the content of the key we sort"                                      \
    }

const dbx_command dbx_cmd_sort[] = {
    {.name = "sort",
     .group = "generic",
     .syntax = READS " [STORE destination#2]",
     .summary = "Sorts the elements of a list, a set or a sorted set, or stores them sorted.",
     .since = "1.0.0",
     .complexity = "O(N*log(N)) for N elements, O(N) without sorting",
     .arity = -2,
     .flags =
         DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_MOVABLEKEYS | DBX_CMD_DANGEROUS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1},
              BY_GET,
              {.flags = DBX_KEY_OW | DBX_KEY_UPDATE,
               .find = DBX_KEYS_UNKNOWN,
               .notes = "For the optional STORE keyword. It is marked 'unknown' because the "
                        "keyword can appear anywhere in the argument array"}},
     .run = cmd_sort,
     .acl = ELEMENTS | DBX_ACL_NOT_GROUP},
    {.name = "sort_ro",
     .group = "generic",
     .syntax = READS,
     .summary = "Sorts the elements of a list, a set or a sorted set.",
     .since = "7.0.0",
     .complexity = "O(N*log(N)) for N elements, O(N) without sorting",
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_MOVABLEKEYS | DBX_CMD_DANGEROUS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}, BY_GET},
     .run = cmd_sort_ro,
     .acl = ELEMENTS | DBX_ACL_NOT_GROUP},
    {.name = NULL},
};
