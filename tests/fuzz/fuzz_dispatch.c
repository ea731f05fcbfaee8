/* fuzz_dispatch.c: a libFuzzer target: bytes a client might send, through the request parser and
 * the dispatch into an engine in memory, as the server does it, large replies and all.
 *
 * The first byte cuts the input into two parts that arrive one after the other, in memory of their
 * own, so that partial commands and a moving buffer are met too. The engine is emptied between
 * inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "codec/reply.h"
#include "codec/resp_read.h"
#include "codec/resp_write.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    REPLY_BYTES_MAX = 1 << 20,    /* then the client is taken for gone */
    ANSWERED_BYTES_MAX = 8 << 20, /* of streamed replies read to their end */
    STEP_BYTES = 64 << 10
};

typedef struct client {
    dbx_engine *engine;
    dbx_session *session;
    dbx_request request;
    dbx_reply reply;
    dbx_buf out;
    bool closed;
} client;

static dbx_engine *open_engine(void) {
    static const dbx_setting settings[] = {
        {"proto-max-bulk-len", "1mb"}, {"loglevel", "nothing"}, {NULL, NULL}};
    const dbx_engine_options options = {.settings = settings};
    dbx_engine *engine;
    dbx_error error;
    if (dbx_engine_open(&options, &engine, &error) != DBX_OK) abort();
    return engine;
}

static void close_killed(void *arg, bool now) {
    (void)now;
    ((client *)arg)->closed = true;
}

/* Takes a streamed reply to its end, or drops it. */
static void read_stream(client *c) {
    dbx_source *source = c->reply.source;
    size_t total = 0;
    int rc = 1;
    c->reply.source = NULL;
    while (rc > 0 && total < ANSWERED_BYTES_MAX) {
        size_t before = c->out.len;
        rc = source->produce(source, &c->reply, STEP_BYTES);
        total += c->out.len - before;
        c->out.len = before;
    }
    source->destroy(source);
}

static void run(client *c) {
    dbx_error error;
    uint64_t position;
    dbx_engine_turn_begin(c->engine);
    dbx_resp_sink(&c->reply, dbx_session_resp(c->session), &c->out);
    int rc =
        dbx_engine_run(c->engine, c->session, c->request.argc, c->request.argv, NULL, &c->reply);
    if (dbx_engine_turn_end(c->engine, &position, &error) != DBX_OK) abort();
    if (c->reply.source != NULL) read_stream(c);
    if (rc == DBX_RUN_CLOSE || c->out.failed || c->out.len > REPLY_BYTES_MAX) c->closed = true;
    (void)dbx_engine_tick(c->engine);
}

/* Runs what is complete in `data`; returns how much of it was used up. */
static size_t feed(client *c, const uint8_t *data, size_t len) {
    size_t used = 0;
    while (used < len && !c->closed) {
        size_t consumed;
        int rc = dbx_request_parse(&c->request, dbx_engine_limits(c->engine, c->session),
                                   data + used, len - used, &consumed);
        if (rc == 0) break;
        if (rc < 0) {
            c->closed = true;
            break;
        }
        if (c->request.argc > 0) run(c);
        dbx_request_reset(&c->request);
        used += consumed;
    }
    return used;
}

static void session_open(client *c, bool trusted) {
    const dbx_session_options options = {
        .trusted = trusted, .fd = -1, .transport = c, .kill = close_killed};
    c->session = dbx_session_open(c->engine, &options);
    if (c->session == NULL) abort();
}

/* Takes back what would change how the next input is met. */
static void empty(client *c) {
    static const char text[] =
        "FLUSHALL\nCONFIG SET requirepass '' proto-max-bulk-len 1mb\nCONFIG RESETSTAT\n";
    dbx_request_reset(&c->request);
    session_open(c, true);
    c->closed = false;
    c->out.len = 0;
    (void)feed(c, (const uint8_t *)text, sizeof text - 1);
    dbx_session_close(c->session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dbx_engine *engine;
    if (size < 2) return 0;
    if (engine == NULL) engine = open_engine();
    client c = {.engine = engine};
    size_t first = data[0] * (size - 1) / 255;
    uint8_t *bytes = malloc(first);
    if (bytes == NULL && first > 0) return 0;
    if (first > 0) memcpy(bytes, data + 1, first);
    dbx_engine_lock(engine);
    session_open(&c, false);
    dbx_request_init(&c.request);
    size_t used = feed(&c, bytes, first), rest = size - 1 - used;
    uint8_t *moved = malloc(rest); /* what is left, in other memory, with the rest behind it */
    if (moved != NULL) {
        memcpy(moved, data + 1 + used, rest);
        free(bytes);
        bytes = NULL;
        (void)feed(&c, moved, rest);
    }
    dbx_session_close(c.session);
    empty(&c);
    dbx_engine_unlock(engine);
    dbx_request_free(&c.request);
    dbx_buf_free(&c.out);
    free(moved);
    free(bytes);
    return 0;
}
