/* spool.c: see store.h and spool.h. */
#include "store/spool.h"

#include "base/alloc.h"
#include "codec/resp_write.h"

struct dbx_spool {
    uint8_t *base;
    size_t cap;
    size_t refs;
};

int dbx_spool_open(dbx_store *store, dbx_spool **out, dbx_error *error) {
    (void)store;
    dbx_spool *spool = dbx_alloc_zero(1, sizeof *spool);
    if (spool == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    spool->refs = 1;
    *out = spool;
    return DBX_OK;
}

uint8_t *dbx_spool_reserve(dbx_spool *spool, size_t len, size_t more, dbx_error *error) {
    if (spool->cap - len >= more) return spool->base;
    uint8_t *grown = dbx_alloc_resize(spool->base, len + more);
    if (grown == NULL) {
        (void)dbx_error_set(error, DBX_ENOMEM, "out of memory");
        return NULL;
    }
    spool->base = grown;
    spool->cap = len + more;
    return grown;
}

bool dbx_spool_holds(const dbx_spool *spool, dbx_slice bytes) {
    return bytes.ptr >= spool->base && bytes.ptr + bytes.len <= spool->base + spool->cap;
}

void dbx_spool_ref(dbx_spool *spool) {
    spool->refs++;
}

void dbx_spool_unref(dbx_spool *spool) {
    if (--spool->refs > 0) return;
    dbx_alloc_free(spool->base);
    dbx_alloc_free(spool);
}

void dbx_spool_close(dbx_spool *spool) {
    dbx_spool_unref(spool);
}

void dbx_spool_effect(dbx_buf *effects, dbx_spool *spool, size_t argc, const dbx_slice *argv) {
    (void)spool;
    dbx_resp_command(effects, argc, argv);
}
