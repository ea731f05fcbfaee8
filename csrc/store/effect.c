/* effect.c: see effect.h. */
#include "store/effect.h"

#include <string.h>

#include "base/alloc.h"
#include "base/num.h"
#include "codec/resp_write.h"

/* Takes "<mark><number>\r\n" from the front. */
static bool take_number(dbx_slice *in, char mark, uint64_t *number) {
    const uint8_t *end =
        in->len > 0 && in->ptr[0] == (uint8_t)mark ? memchr(in->ptr, '\r', in->len) : NULL;
    if (end == NULL || (size_t)(end - in->ptr) + 1 >= in->len || end[1] != '\n') return false;
    dbx_slice digits = dbx_slice_of(in->ptr + 1, (size_t)(end - in->ptr) - 1);
    if (!dbx_num_u64_from_slice(digits, number)) return false;
    in->len -= (size_t)(end - in->ptr) + 2;
    in->ptr = end + 2;
    return true;
}

static bool take_bytes(dbx_slice *in, uint64_t len, dbx_slice *bytes) {
    if (in->len < 2 || len > in->len - 2) return false;
    if (in->ptr[len] != '\r' || in->ptr[len + 1] != '\n') return false;
    *bytes = dbx_slice_of(in->ptr, (size_t)len);
    in->ptr += len + 2;
    in->len -= (size_t)len + 2;
    return true;
}

/* "spl:<id>,<offset>,<length>" */
static bool read_reference(dbx_slice text, dbx_effect_arg *arg) {
    uint64_t *fields[] = {&arg->spool, &arg->offset, &arg->len};
    if (text.len < 4 || memcmp(text.ptr, "spl:", 4) != 0) return false;
    dbx_slice in = dbx_slice_of(text.ptr + 4, text.len - 4);
    for (int i = 0; i < 3; i++) {
        const uint8_t *comma = i < 2 ? memchr(in.ptr, ',', in.len) : in.ptr + in.len;
        if (comma == NULL) return false;
        size_t n = (size_t)(comma - in.ptr);
        if (!dbx_num_u64_from_slice(dbx_slice_of(in.ptr, n), fields[i])) return false;
        in = i < 2 ? dbx_slice_of(comma + 1, in.len - n - 1) : in;
    }
    arg->bytes = (dbx_slice){NULL, 0};
    return arg->spool != 0;
}

static bool read_arg(dbx_slice *in, dbx_effect_arg *arg) {
    uint64_t len;
    dbx_slice text;
    *arg = (dbx_effect_arg){.spool = 0};
    if (in->len > 0 && in->ptr[0] == '=') {
        return take_number(in, '=', &len) && take_bytes(in, len, &text) &&
               read_reference(text, arg);
    }
    return take_number(in, '$', &len) && take_bytes(in, len, &arg->bytes);
}

static int reserve(dbx_effect_reader *r, size_t argc) {
    if (argc <= r->cap) return DBX_OK;
    void *args = dbx_alloc_resize_array(r->args, argc, sizeof *r->args);
    if (args != NULL) r->args = args;
    void *argv = args != NULL ? dbx_alloc_resize_array(r->argv, argc, sizeof *r->argv) : NULL;
    if (argv == NULL) return DBX_ENOMEM;
    r->argv = argv;
    r->cap = argc;
    return DBX_OK;
}

int dbx_effect_next(dbx_effect_reader *r) {
    uint64_t argc;
    if (r->in.len == 0) return 0;
    /* Each argument takes five bytes at least, so what is left bounds their number. */
    if (!take_number(&r->in, '*', &argc) || argc == 0 || argc > r->in.len / 5) return DBX_ECORRUPT;
    if (reserve(r, (size_t)argc) != DBX_OK) return DBX_ENOMEM;
    r->argc = (size_t)argc;
    for (size_t i = 0; i < r->argc; i++) {
        if (!read_arg(&r->in, &r->args[i])) return DBX_ECORRUPT;
        r->argv[i] = r->args[i].bytes;
    }
    return 1;
}

int dbx_effect_selects(const dbx_effect_reader *r, uint64_t *db) {
    if (r->argc != 2 || !dbx_slice_eq(r->argv[0], dbx_slice_str("SELECT"))) return 0;
    return dbx_num_u64_from_slice(r->argv[1], db) ? 1 : DBX_ECORRUPT;
}

void dbx_effect_select(dbx_buf *out, uint64_t db) {
    char digits[DBX_NUM_TEXT_MAX];
    dbx_slice argv[] = {dbx_slice_str("SELECT"),
                        dbx_slice_of(digits, dbx_num_u64_to_text(db, digits))};
    dbx_resp_command(out, 2, argv);
}

void dbx_effect_reader_free(dbx_effect_reader *r) {
    dbx_alloc_free(r->args);
    dbx_alloc_free(r->argv);
    *r = (dbx_effect_reader){.args = NULL};
}
