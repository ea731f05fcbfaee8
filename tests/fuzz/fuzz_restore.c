/* fuzz_restore.c: a libFuzzer target: RESTORE of any bytes that stand where a value does. The
 * footer is made here, so that what is behind the checksum is met.
 *
 * What is taken is dumped, restored under another name, and dumped again: both dumps must be the
 * same. What is refused must leave nothing behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"
#include "codec/rdb.h"
#include "codec/reply.h"
#include "codec/resp_write.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP_BYTES = 64 << 10 };

static dbx_engine *engine;
static dbx_session *session;

static void must(int rc, const dbx_error *error) {
    if (rc == DBX_OK) return;
    (void)fprintf(stderr, "%s\n", error->text);
    abort();
}

static void expect(bool holds) {
    if (!holds) abort();
}

static void wake(void *arg) {
    (void)arg;
}

static void open_engine(void) {
    static const dbx_setting settings[] = {
        {"proto-max-bulk-len", "1mb"}, {"loglevel", "nothing"}, {NULL, NULL}};
    const dbx_engine_options options = {.settings = settings, .wake = wake};
    const dbx_session_options trusted = {.trusted = true, .fd = -1};
    dbx_error error;
    must(dbx_engine_open(&options, &engine, &error), &error);
    dbx_engine_lock(engine);
    session = dbx_session_open(engine, &trusted);
    dbx_engine_unlock(engine);
    if (session == NULL) abort();
}

/* Executes words; `out` gets the whole reply. */
static void run(size_t argc, const dbx_slice *argv, dbx_buf *out) {
    dbx_reply reply;
    dbx_error error;
    uint64_t position;
    int rc = 1;
    out->len = 0;
    dbx_engine_turn_begin(engine);
    dbx_resp_sink(&reply, 2, out);
    (void)dbx_engine_run(engine, session, argc, argv, NULL, &reply);
    must(dbx_engine_turn_end(engine, &position, &error), &error);
    dbx_source *source = reply.source;
    if (source == NULL) return;
    while (rc > 0)
        rc = source->produce(source, &reply, STEP_BYTES);
    expect(rc == 0);
    source->destroy(source);
}

static bool restore(const char *name, dbx_slice payload, dbx_buf *out) {
    const dbx_slice argv[] = {dbx_slice_str("RESTORE"), dbx_slice_str(name), dbx_slice_str("0"),
                              payload};
    run(4, argv, out);
    expect(out->len > 0 && (out->ptr[0] == '+' || out->ptr[0] == '-'));
    return out->ptr[0] == '+';
}

/* The payload in DUMP's reply; nothing: there is no such key. */
static dbx_slice dump(const char *name, dbx_buf *out) {
    const dbx_slice argv[] = {dbx_slice_str("DUMP"), dbx_slice_str(name)};
    run(2, argv, out);
    expect(out->len > 0 && out->ptr[0] == '$');
    const uint8_t *end = memchr(out->ptr, '\n', out->len);
    expect(end != NULL);
    size_t head = (size_t)(end + 1 - out->ptr);
    if (out->ptr[1] == '-') return dbx_slice_of("", 0);
    expect(out->len >= head + 2);
    return dbx_slice_of(out->ptr + head, out->len - head - 2);
}

static void empty(dbx_buf *out) {
    const dbx_slice words[] = {dbx_slice_str("DBSIZE"), dbx_slice_str("FLUSHALL")};
    run(1, &words[1], out);
    run(1, &words[0], out);
    expect(dbx_slice_eq(dbx_buf_slice(out), dbx_slice_str(":0\r\n")));
    (void)dbx_engine_tick(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dbx_buf payload = {0}, out = {0}, again = {0}, other = {0};
    if (engine == NULL) open_engine();
    dbx_buf_add(&payload, data, size);
    dbx_rdb_footer(&payload, DBX_RDB_VERSION_MAX, dbx_crc64(0, data, size));
    expect(!payload.failed);
    dbx_engine_lock(engine);
    bool taken = restore("a", dbx_buf_slice(&payload), &out);
    dbx_slice first = dump("a", &again); /* of a hash all of whose fields have expired nothing */
    expect(taken || first.len == 0);
    if (first.len > 0) {
        payload.len = 0;
        dbx_buf_add(&payload, first.ptr, first.len);
        expect(restore("b", first, &out));
        expect(dbx_slice_eq(dump("b", &other), dbx_buf_slice(&payload)));
    }
    empty(&out);
    dbx_engine_unlock(engine);
    dbx_buf_free(&payload);
    dbx_buf_free(&out);
    dbx_buf_free(&again);
    dbx_buf_free(&other);
    return 0;
}
