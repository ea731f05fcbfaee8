/* env_check.c: the pages of a data.mdbx, checked by libmdbx: see env.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/env_internal.h"

enum { ISSUE_BYTES = 256 };

typedef struct checker {
    MDBX_chk_context_t chk; /* first: what libmdbx hands back is this */
    dbx_env_wrong_fn *wrong;
    dbx_env_progress_fn *progress;
    void *arg;
    uint64_t all;
} checker;

static void issue(MDBX_chk_context_t *ctx, const char *object, uint64_t number, const char *what,
                  const char *format, va_list args) {
    checker *c = (checker *)ctx;
    char text[2 * ISSUE_BYTES], more[ISSUE_BYTES] = "";
    if (format != NULL) (void)vsnprintf(more, sizeof more, format, args);
    (void)snprintf(text, sizeof text, "%s %" PRIu64 ": %s%s%s", object != NULL ? object : "at",
                   number, what, more[0] != '\0' ? ": " : "", more);
    c->wrong(c->arg, text);
}

static bool check_break(MDBX_chk_context_t *ctx) {
    checker *c = (checker *)ctx;
    c->progress(c->arg, ctx->result.processed_pages, c->all);
    return false;
}

int dbx_env_check(dbx_env *env, dbx_env_wrong_fn *wrong, dbx_env_progress_fn *progress, void *arg,
                  dbx_env_pages *pages, dbx_error *error) {
    static const MDBX_chk_callbacks_t callbacks = {.check_break = check_break, .issue = issue};
    checker c = {.wrong = wrong, .progress = progress, .arg = arg};
    MDBX_envinfo info;
    int rc = mdbx_env_info_ex(env->env, NULL, &info, sizeof info);
    if (rc != 0) return dbx_env_error(rc, "checking", env->path, error);
    c.all = info.mi_last_pgno + 1;
    /* Keys and values are walked by who knows what they mean. */
    rc = mdbx_env_chk(env->env, &callbacks, &c.chk, MDBX_CHK_SKIP_KV_TRAVERSAL, MDBX_chk_error, 0);
    pages->unused = c.chk.result.reclaimable_pages;
    pages->used = c.all - pages->unused;
    if (rc != 0) return dbx_env_error(rc, "checking", env->path, error);
    if (c.chk.result.total_problems > 0) wrong(arg, "its pages do not agree with each other");
    return DBX_OK;
}
