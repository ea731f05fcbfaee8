/* world.c: a database in use, and what it holds: see history.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/session.h"
#include "history.h"
#include "store/delta.h"
#include "store/early.h"
#include "store/env.h"

enum {
    CALLS_MAX = 16, /* of a turn, MULTI and EXEC among them */
    EXPIRES_SOON_MS = 3,
    GROWTH_BYTES = 64 << 10 /* of a data.mdbx of few megabytes, that vacuums have something to do */
};

bool world_open(world *w, const history *h, const char *dir) {
    dbx_error error = {0};
    const dbx_engine_options options = {.path = dir, .settings = h->settings};
    memset(w, 0, sizeof *w);
    dbx_env_set_growth(GROWTH_BYTES);
    dbx_early_set_bytes(h->early_bytes);
    dbx_delta_set_min(h->delta_bytes);
    if (dbx_local_open(&options, &w->local, &error) != DBX_OK) {
        (void)snprintf(w->why, sizeof w->why, "%.250s", error.text);
        return false;
    }
    w->session = dbx_local_session_open(w->local);
    w->reader = dbx_local_session_open(w->local);
    if (w->session != NULL && w->reader != NULL) return true;
    (void)snprintf(w->why, sizeof w->why, "out of memory");
    (void)world_close(w);
    return false;
}

bool world_close(world *w) {
    if (w->session != NULL) dbx_local_session_close(w->local, w->session);
    if (w->reader != NULL) dbx_local_session_close(w->local, w->reader);
    int rc = dbx_local_close(w->local, NULL);
    w->local = NULL;
    return rc == DBX_OK;
}

/* --- Turns -----------------------------------------------------------------------------------
 */

static size_t gather(const history_step *step, dbx_call *calls) {
    static dbx_slice multi[1], exec[1];
    size_t count = 0;
    multi[0] = dbx_slice_str("MULTI");
    exec[0] = dbx_slice_str("EXEC");
    if (step->transaction) calls[count++] = (dbx_call){.argc = 1, .argv = multi};
    for (size_t i = 0; i < step->call_count; i++) {
        const history_call *call = &step->calls[i];
        dbx_slice *argv = malloc(call->argc * sizeof *argv);
        if (argv == NULL) abort();
        memcpy(argv, call->argv, call->argc * sizeof *argv);
        calls[count++] = (dbx_call){.argc = call->argc, .argv = argv};
    }
    if (step->transaction) calls[count++] = (dbx_call){.argc = 1, .argv = exec};
    return count;
}

/* An error that is the disk's or the memory's fault, not the command's. */
static bool find_refusal(const dbx_buf *out, char *why, size_t size) {
    static const char *const codes[] = {"-MISCONF ", "-OOM ", "-ERR out of memory"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const char *at =
            out->len == 0 ? NULL : memmem(out->ptr, out->len, codes[i], strlen(codes[i]));
        if (at == NULL || (at != (const char *)out->ptr && at[-1] != '\n')) continue;
        size_t left = out->len - (size_t)(at - (const char *)out->ptr);
        const char *end = memchr(at, '\r', left);
        (void)snprintf(why, size, "%.*s", end != NULL ? (int)(end - at) : (int)left, at);
        return true;
    }
    return false;
}

static world_result refuse(world *w, const char *why) {
    (void)snprintf(w->why, sizeof w->why, "%.250s", why);
    return WORLD_REFUSED;
}

static world_result run_calls(world *w, dbx_call *calls, size_t count, bool hasty) {
    dbx_buf out = {0};
    dbx_local_result result;
    world_result said = WORLD_DONE;
    int rc = dbx_local_run(w->local, w->session, calls, count, true, &out, &result);
    if (rc != DBX_OK) {
        said = WORLD_UNSAID;
    } else if (find_refusal(&out, w->why, sizeof w->why)) {
        said = WORLD_REFUSED;
    } else if (!hasty && dbx_local_settle(w->local, &result) != DBX_OK) {
        said = WORLD_UNKNOWN;
    }
    w->durable = said == WORLD_DONE && !hasty && result.wait;
    dbx_buf_free(&out);
    return said;
}

world_result world_turn(world *w, const history_step *step) {
    dbx_call calls[CALLS_MAX];
    dbx_error error;
    size_t count = gather(step, calls), spooled = 0;
    uint32_t db = w->session->state.db;
    world_result said = WORLD_DONE;
    w->why[0] = '\0';
    while (spooled < count && said == WORLD_DONE) {
        if (dbx_local_spool(w->local, &calls[spooled], &error) != DBX_OK) {
            said = refuse(w, error.text);
        }
        spooled++;
    }
    /* dbx_local_spool has pointed argv elsewhere, but the array is still ours. */
    if (said == WORLD_DONE) said = run_calls(w, calls, count, step->hasty);
    /* A SELECT that followed what was refused stands, but it is to be tried again from here. */
    if (said != WORLD_DONE) w->session->state.db = db;
    for (size_t i = 0; i < count; i++) {
        if (i < spooled) dbx_local_unspool(w->local, &calls[i]);
        if (!step->transaction || (i > 0 && i + 1 < count)) free(calls[i].argv);
    }
    return said;
}

void world_vacuum(world *w) {
    dbx_slice argv[] = {dbx_slice_str("VACUUM")};
    const dbx_call call = {.argc = 1, .argv = argv};
    dbx_buf out = {0};
    dbx_local_result result;
    (void)dbx_local_run(w->local, w->session, &call, 1, false, &out, &result);
    dbx_buf_free(&out);
}

/* --- Reading everything ----------------------------------------------------------------------
 */

void contents_free(contents *c) {
    free(c->at);
    *c = (contents){.count = 0};
}

static int by_name(const void *a, const void *b) {
    uint64_t x = ((const holding *)a)->name, y = ((const holding *)b)->name;
    return (x > y) - (x < y);
}

static bool is_gone(const holding *h, int64_t now_ms) {
    return h->expires_ms != 0 && h->expires_ms <= now_ms + EXPIRES_SOON_MS;
}

/* Both hold a key: the same, unless it is about to expire. */
static bool same_holding(const holding *x, const holding *y, int64_t now_ms) {
    int64_t apart_ms = x->expires_ms - y->expires_ms;
    if (is_gone(x, now_ms) || is_gone(y, now_ms)) return true;
    if (x->value != y->value || (x->expires_ms == 0) != (y->expires_ms == 0)) return false;
    return apart_ms >= -EXPIRES_SOON_MS && apart_ms <= EXPIRES_SOON_MS;
}

bool contents_equal(const contents *a, const contents *b, int64_t now_ms) {
    size_t i = 0, k = 0;
    while (i < a->count || k < b->count) {
        const holding *x = i < a->count ? &a->at[i] : NULL, *y = k < b->count ? &b->at[k] : NULL;
        if (x != NULL && y != NULL && x->name == y->name) {
            if (!same_holding(x, y, now_ms)) return false;
            i++;
            k++;
        } else if (y == NULL || (x != NULL && x->name < y->name)) {
            if (!is_gone(x, now_ms)) return false;
            i++;
        } else {
            if (!is_gone(y, now_ms)) return false;
            k++;
        }
    }
    return true;
}

bool contents_alike(const contents *a, const contents *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const holding *x = &a->at[i], *y = &b->at[i];
        if (x->name != y->name || x->value != y->value) return false;
        if ((x->expires_ms == 0) != (y->expires_ms == 0)) return false;
    }
    return true;
}

/* One reply in `out` at *at: the number behind its type, and for text the text. */
static char next_reply(const dbx_buf *out, size_t *at, int64_t *number, dbx_slice *text) {
    char type = (char)out->ptr[*at];
    const uint8_t *line = memchr(out->ptr + *at, '\n', out->len - *at);
    if (line == NULL) abort();
    char *end;
    *number = strtoll((const char *)out->ptr + *at + 1, &end, 10);
    *at = (size_t)(line - out->ptr) + 1;
    if (type != '$' && type != '=') return type;
    *text = dbx_slice_of(out->ptr + *at, (size_t)*number);
    *at += (size_t)*number + 2;
    return type;
}

static bool ask(world *w, dbx_call *calls, size_t count, dbx_buf *out) {
    dbx_local_result result;
    out->len = 0;
    if (dbx_local_run(w->local, w->reader, calls, count, false, out, &result) == DBX_OK)
        return true;
    (void)snprintf(w->why, sizeof w->why, "cannot be read");
    return false;
}

static bool unreadable(world *w, dbx_buf *out) {
    size_t shown = out->len < 100 ? out->len : 100;
    (void)snprintf(w->why, sizeof w->why, "a question is answered: %.*s", (int)shown, out->ptr);
    dbx_buf_free(out);
    return false;
}

/* How a type's whole value is read: a command, with the name as its second word. */
static const struct {
    const char *type, *command[4]; /* those that follow the name may be NULL */
} readers[] = {
    {"string", {"GET", NULL, NULL, NULL}},         {"hash", {"HGETALL", NULL, NULL, NULL}},
    {"list", {"LRANGE", "0", "-1", NULL}},         {"set", {"SMEMBERS", NULL, NULL, NULL}},
    {"zset", {"ZRANGE", "0", "-1", "WITHSCORES"}}, {"stream", {"XRANGE", "-", "+", NULL}}};

/* A digest of a reply's bulk strings, `together` of them at a time, in whatever order: that of
 * large hashes and sets follows from a number that each directory draws. */
static uint64_t unordered(const dbx_buf *out, size_t together) {
    uint64_t sum = 0;
    const uint8_t *at = out->ptr, *end = out->ptr + out->len;
    while (at < end && *at++ != '\n') {
    }
    while (at < end) {
        const uint8_t *from = at;
        for (size_t i = 0; i < together && at < end; i++) {
            size_t len = strtoul((const char *)at + 1, NULL, 10);
            while (at < end && *at++ != '\n') {
            }
            at = (size_t)(end - at) < len + 2 ? end : at + len + 2;
        }
        sum += dbx_hash_bytes(dbx_slice_of(from, (size_t)(at - from)), together);
    }
    return sum;
}

/* The digest of a value whose type is `type`, a status reply's line. */
static bool read_value(world *w, dbx_slice name, dbx_slice type, uint64_t *digest, dbx_buf *out) {
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (!dbx_slice_eq(type, dbx_slice_str(readers[i].type))) continue;
        dbx_slice words[5] = {dbx_slice_str(readers[i].command[0]), name};
        size_t count = 2;
        for (size_t k = 1; k < 4 && readers[i].command[k] != NULL; k++)
            words[count++] = dbx_slice_str(readers[i].command[k]);
        dbx_call call = {.argc = count, .argv = words};
        if (!ask(w, &call, 1, out)) return false;
        if (out->len == 0 || out->ptr[0] == '-') return unreadable(w, out);
        bool pairs = strcmp(readers[i].type, "hash") == 0;
        *digest = pairs || strcmp(readers[i].type, "set") == 0
                      ? unordered(out, pairs ? 2 : 1)
                      : dbx_hash_bytes(dbx_slice_of(out->ptr, out->len), 0);
        return true;
    }
    return unreadable(w, out);
}

static bool read_key(world *w, uint64_t db, dbx_slice name, holding *h, bool *there) {
    dbx_slice kind[] = {dbx_slice_str("TYPE"), name}, when[] = {dbx_slice_str("PEXPIRETIME"), name};
    dbx_call calls[] = {{.argc = 2, .argv = kind}, {.argc = 2, .argv = when}};
    dbx_buf out = {0};
    dbx_slice text = {NULL, 0};
    int64_t number;
    size_t at = 0;
    if (!ask(w, calls, 2, &out)) return false;
    if (next_reply(&out, &at, &number, &text) != '+') return unreadable(w, &out);
    char type[16] = "";
    memcpy(type, out.ptr + 1, at - 3 < sizeof type ? at - 3 : sizeof type - 1);
    if (next_reply(&out, &at, &number, &text) != ':') return unreadable(w, &out);
    h->name = dbx_hash_bytes(name, db);
    h->expires_ms = number > 0 ? number : 0;
    *there = number != -2 && strcmp(type, "none") != 0;
    if (*there && !read_value(w, name, dbx_slice_str(type), &h->value, &out)) return false;
    *there = *there && out.len > 0 && out.ptr[0] != '_'; /* it may have expired in between */
    dbx_buf_free(&out);
    return true;
}

static bool add_keys(world *w, uint64_t db, const dbx_buf *names, contents *c) {
    int64_t count, number;
    size_t at = 0;
    dbx_slice name = {NULL, 0};
    (void)next_reply(names, &at, &count, &name);
    for (int64_t i = 0; i < count; i++) {
        bool there;
        (void)next_reply(names, &at, &number, &name);
        c->at = realloc(c->at, (c->count + 1) * sizeof *c->at);
        if (c->at == NULL) abort();
        if (!read_key(w, db, name, &c->at[c->count], &there)) return false;
        c->count += there;
    }
    return true;
}

static bool read_database(world *w, uint64_t db, contents *c) {
    char number[2] = {(char)('0' + db), '\0'};
    dbx_slice select[] = {dbx_slice_str("SELECT"), dbx_slice_str(number)};
    dbx_slice keys[] = {dbx_slice_str("KEYS"), dbx_slice_str("*")};
    dbx_slice size[] = {dbx_slice_str("DBSIZE")};
    dbx_call calls[] = {{.argc = 2, .argv = select}, {.argc = 1, .argv = size}};
    dbx_call list = {.argc = 2, .argv = keys};
    dbx_buf sizes = {0}, names = {0};
    dbx_slice text;
    int64_t counted, listed;
    size_t at = 0;
    if (!ask(w, calls, 2, &sizes) || !ask(w, &list, 1, &names)) return false;
    if (next_reply(&sizes, &at, &counted, &text) != '+') return unreadable(w, &sizes);
    if (next_reply(&sizes, &at, &counted, &text) != ':') return unreadable(w, &sizes);
    at = 0;
    if (next_reply(&names, &at, &listed, &text) != '*') return unreadable(w, &names);
    bool ok = add_keys(w, db, &names, c);
    if (ok && counted < listed) { /* expired keys still count */
        (void)snprintf(w->why, sizeof w->why,
                       "database %" PRIu64 " counts %" PRId64 " keys and lists %" PRId64, db,
                       counted, listed);
        ok = false;
    }
    dbx_buf_free(&sizes);
    dbx_buf_free(&names);
    return ok;
}

bool world_read(world *w, contents *out) {
    bool ok = true;
    *out = (contents){.count = 0};
    for (uint64_t db = 0; db < HISTORY_DATABASES && ok; db++)
        ok = read_database(w, db, out);
    if (ok && out->count > 1) qsort(out->at, out->count, sizeof *out->at, by_name);
    if (!ok) contents_free(out);
    return ok;
}
