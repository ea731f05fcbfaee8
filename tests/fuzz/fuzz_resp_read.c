/* fuzz_resp_read.c: the request parser and the value reader on any bytes, whole and in pieces.
 *
 * The first bytes of the input choose where it is cut; the rest is read twice, at once and in those
 * pieces, each piece from a fresh allocation of exactly its size so that the sanitizer sees every
 * read too far. Both readings must tell the same story.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "codec/resp_read.h"
#include "codec/resp_value.h"

enum { CUTS = 4 };

/* What one reading told: a running hash, so that stories of any length compare. */
typedef struct story {
    uint64_t hash;
} story;

static void tell(story *s, dbx_slice bytes) {
    s->hash = dbx_hash_bytes(bytes, s->hash);
}

static void tell_number(story *s, uint64_t number) {
    tell(s, dbx_slice_of(&number, sizeof number));
}

/* --- The window: unread bytes in an allocation of exactly their size ------------------------- */

typedef struct window {
    uint8_t *ptr;
    size_t len;
} window;

static void window_replace(window *w, size_t drop, const uint8_t *more, size_t more_len) {
    size_t kept = w->len - drop;
    uint8_t *fresh = malloc(kept + more_len + (kept + more_len == 0));
    if (fresh == NULL) abort();
    if (kept > 0) memcpy(fresh, w->ptr + drop, kept);
    if (more_len > 0) memcpy(fresh + kept, more, more_len);
    free(w->ptr);
    w->ptr = fresh;
    w->len = kept + more_len;
}

/* --- Requests -------------------------------------------------------------------------------- */

static const dbx_resp_limits limits = {
    .bulk_bytes_max = 1 << 20, .args_max = 1 << 20, .inline_bytes_max = 1 << 10};

static void read_requests(story *s, dbx_slice input, const size_t *cuts, size_t count) {
    dbx_request req;
    window w = {NULL, 0};
    size_t at = 0;
    int rc = 0;
    dbx_request_init(&req);
    for (size_t i = 0; i <= count && rc >= 0; i++) {
        size_t to = i < count ? cuts[i] : input.len, used;
        window_replace(&w, 0, input.ptr + at, to - at);
        at = to;
        while ((rc = dbx_request_parse(&req, &limits, w.ptr, w.len, &used)) == 1) {
            tell_number(s, req.argc);
            for (size_t k = 0; k < req.argc; k++) {
                tell(s, req.argv[k]);
            }
            if (used == 0 || used > w.len) abort();
            dbx_request_reset(&req);
            window_replace(&w, used, NULL, 0);
        }
        if (rc == 0 && (used != 0 || dbx_request_wants(&req, w.len) > (1 << 20) + 2)) abort();
        if (req.argv_cap > 2 * at + 64) abort(); /* memory follows what has arrived */
    }
    if (rc < 0 && rc != DBX_EINVAL) abort();
    tell(s, dbx_slice_str(rc < 0 ? req.error : "more"));
    dbx_request_free(&req);
    free(w.ptr);
}

/* --- Values ---------------------------------------------------------------------------------- */

typedef struct teller {
    story *story;
    dbx_value_reader reader;
    unsigned depth;
} teller;

static int on_text(void *arg, char type, dbx_slice bytes) {
    teller *t = arg;
    tell_number(t->story, (uint64_t)type << 1 | dbx_value_is_key(&t->reader));
    tell(t->story, bytes);
    return 0;
}

static int on_integer(void *arg, int64_t value) {
    tell_number(((teller *)arg)->story, (uint64_t)value);
    return 0;
}

static int on_real(void *arg, double value) {
    tell(((teller *)arg)->story, dbx_slice_of(&value, sizeof value));
    return 0;
}

static int on_boolean(void *arg, bool value) {
    tell_number(((teller *)arg)->story, value);
    return 0;
}

static int on_null(void *arg) {
    tell_number(((teller *)arg)->story, 2);
    return 0;
}

static int on_open(void *arg, char type, size_t count) {
    teller *t = arg;
    if (++t->depth > DBX_VALUE_DEPTH_MAX) abort();
    tell_number(t->story, count ^ (uint64_t)type << 56);
    return 0;
}

static int on_close(void *arg, char type, size_t count) {
    teller *t = arg;
    if (t->depth-- == 0) abort();
    tell_number(t->story, ~count ^ (uint64_t)type << 56);
    return 0;
}

static const dbx_value_ops ops = {on_text, on_integer, on_real, on_boolean,
                                  on_null, on_open,    on_close};

static void read_values(story *s, dbx_slice input, const size_t *cuts, size_t count) {
    teller t = {.story = s};
    window w = {NULL, 0};
    size_t at = 0;
    int rc = 0;
    dbx_value_init(&t.reader, &ops, &t);
    for (size_t i = 0; i <= count && rc >= 0; i++) {
        size_t to = i < count ? cuts[i] : input.len, used;
        window_replace(&w, 0, input.ptr + at, to - at);
        at = to;
        do {
            rc = dbx_value_read(&t.reader, w.ptr, w.len, &used);
            if (used > w.len || (rc == 1 && (used == 0 || t.depth != 0))) abort();
            window_replace(&w, used, NULL, 0);
        } while (rc == 1);
    }
    if (rc < 0 && rc != DBX_EINVAL) abort();
    tell(s, dbx_slice_str(rc < 0 ? t.reader.error : "more"));
    free(w.ptr);
}

/* --------------------------------------------------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < CUTS) return 0;
    dbx_slice input = {data + CUTS, size - CUTS};
    size_t cuts[CUTS], from = 0;
    for (size_t i = 0; i < CUTS; i++) {
        from += data[i] * (input.len - from) / 512; /* each cuts up to half of the rest off */
        cuts[i] = from;
    }
    story whole = {1}, pieces = {1};
    read_requests(&whole, input, NULL, 0);
    read_requests(&pieces, input, cuts, CUTS);
    if (whole.hash != pieces.hash) abort();
    read_values(&whole, input, NULL, 0);
    read_values(&pieces, input, cuts, CUTS);
    if (whole.hash != pieces.hash) abort();
    return 0;
}
