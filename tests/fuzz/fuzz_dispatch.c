/* fuzz_dispatch.c: a libFuzzer target: bytes a client might send, through the request parser and
 * the dispatch into an engine, as the server does it, large replies and all.
 *
 * The first byte cuts the input into two parts that arrive one after the other, in memory of their
 * own, so that partial commands and a moving buffer are met too. Its lowest bits say which engine
 * executes it: one in memory, or one on a directory (in TMPDIR), with a write buffer so small that
 * a few commands fill it. There, freezes come between commands as well, so that what follows merges
 * active buffer, frozen buffer and data.mdbx; long commands are received into a spool; and some
 * inputs end with a stop and a start, which must bring back what was there.
 *
 * An engine serves all inputs, and is emptied between them. An input in memory behaves the same
 * each time; on disk two threads work beside it, and ids, positions and pages go on from input to
 * input: see README.md for what it takes to meet a finding again.
 */
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "codec/reply.h"
#include "codec/resp_read.h"
#include "codec/resp_write.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    REPLY_BYTES_MAX = 1 << 20,    /* then the client is taken for gone */
    ANSWERED_BYTES_MAX = 8 << 20, /* of streamed replies read to their end */
    STEP_BYTES = 64 << 10,
    SPOOL_BYTES_MIN = 16 << 10, /* less than a server's: inputs are short */
    RETRY_US = 100,             /* of a command that waits for its spool or the applier */
    DESCRIPTORS = 8
};

/* What the first byte says. */
enum {
    ON_DISK = 1,
    FREEZE_SHIFT = 1, /* two bits: a freeze after each, every second, fourth or eighth command */
    FREEZE_MASK = 3,
    REOPENS = 0xf8 /* all set: the directory is closed and opened at the end */
};

/* An engine that inputs use one after the other. */
typedef struct home {
    dbx_engine *engine;
    dbx_session *keeper; /* who empties it, and has it frozen */
    char dir[PATH_MAX];  /* empty: in memory */
} home;

static home in_memory, on_disk;

typedef struct client {
    dbx_engine *engine;
    dbx_session *session;
    dbx_request request;
    dbx_reply reply;
    dbx_buf out;
    dbx_spool *spool; /* that the request lies in, or NULL */
    bool closed;
    unsigned freeze_every; /* commands; 0: never */
    unsigned commands;
    dbx_session *keeper;
} client;

static void must(int rc, const dbx_error *error) {
    if (rc == DBX_OK) return;
    (void)fprintf(stderr, "%s\n", error->text);
    abort();
}

/* --- Engines -------------------------------------------------------------------------------------
 */

static void wake(void *arg) {
    (void)arg; /* the next command's turn takes in what there is */
}

static void open_engine(home *h) {
    static const dbx_setting settings[] = {{"proto-max-bulk-len", "1mb"},
                                           {"loglevel", "nothing"},
                                           {"appendfsync", "no"},
                                           {"write-buffer-size", "16384"},
                                           {"journal-freeze-size", "1mb"},
                                           {"checkpoint-after", "1000"},
                                           {NULL, NULL}};
    const dbx_engine_options options = {
        .path = h->dir[0] != '\0' ? h->dir : NULL, .settings = settings, .wake = wake};
    const dbx_session_options keeper = {.trusted = true, .fd = -1};
    dbx_error error;
    must(dbx_engine_open(&options, &h->engine, &error), &error);
    dbx_engine_lock(h->engine);
    h->keeper = dbx_session_open(h->engine, &keeper);
    dbx_engine_unlock(h->engine);
    if (h->keeper == NULL) abort();
}

static void close_engine(home *h) {
    dbx_error error;
    dbx_engine_lock(h->engine);
    dbx_session_close(h->keeper);
    dbx_engine_unlock(h->engine);
    must(dbx_engine_close(h->engine, &error), &error);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(path);
}

static void remove_dir(void) {
    close_engine(&on_disk);
    (void)nftw(on_disk.dir, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

static home *home_of(uint8_t steer) {
    if ((steer & ON_DISK) == 0) {
        if (in_memory.engine == NULL) open_engine(&in_memory);
        return &in_memory;
    }
    if (on_disk.engine == NULL) {
        const char *tmp = getenv("TMPDIR");
        (void)snprintf(on_disk.dir, sizeof on_disk.dir, "%s/dbx-fuzz-XXXXXX",
                       tmp != NULL ? tmp : "/tmp");
        if (mkdtemp(on_disk.dir) == NULL) abort();
        open_engine(&on_disk);
        (void)atexit(remove_dir);
    }
    return &on_disk;
}

/* Has the keeper execute words; its reply is added to `out`. Locked. */
static void keep(dbx_engine *engine, dbx_session *keeper, const dbx_slice *argv, size_t argc,
                 dbx_buf *out) {
    dbx_reply reply;
    dbx_error error;
    uint64_t position;
    dbx_engine_turn_begin(engine);
    dbx_resp_sink(&reply, 2, out);
    (void)dbx_engine_run(engine, keeper, argc, argv, NULL, &reply);
    must(dbx_engine_turn_end(engine, &position, &error), &error);
}

/* What there is: databases, how many keys, how many of them volatile. */
static void describe(home *h, dbx_buf *out) {
    const dbx_slice info[] = {dbx_slice_str("INFO"), dbx_slice_str("keyspace")};
    dbx_engine_lock(h->engine);
    keep(h->engine, h->keeper, info, 2, out);
    dbx_engine_unlock(h->engine);
    if (dbx_buf_add(out, "", 1), out->failed) abort();
}

/* A stop and a start bring back what was there. Volatile keys may have expired meanwhile. */
static void reopen(home *h) {
    dbx_buf before = {0}, after = {0};
    describe(h, &before);
    close_engine(h);
    open_engine(h);
    describe(h, &after);
    const char *text = (const char *)before.ptr;
    bool is_volatile = false;
    for (const char *at = text; (at = strstr(at, ",expires=")) != NULL; at++)
        is_volatile |= at[sizeof ",expires=" - 1] != '0';
    if (!is_volatile && strcmp(text, (const char *)after.ptr) != 0) {
        (void)fprintf(stderr, "before a restart:\n%s\nafter it:\n%s\n", text,
                      (const char *)after.ptr);
        abort();
    }
    dbx_buf_free(&before);
    dbx_buf_free(&after);
}

/* --- A client ------------------------------------------------------------------------------------
 */

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

/* Long commands lie in a spool, as the server receives them. */
static void move_into_spool(client *c) {
    size_t bytes = 0;
    dbx_error error;
    for (size_t i = 0; i < c->request.argc; i++)
        bytes += c->request.argv[i].len;
    if (c->freeze_every == 0 || bytes < SPOOL_BYTES_MIN) return;
    must(dbx_engine_spool_open(c->engine, &c->spool, &error), &error);
    uint8_t *at = dbx_engine_spool_reserve(c->engine, c->spool, 0, bytes, &error);
    if (at == NULL) must(error.code, &error);
    for (size_t i = 0; i < c->request.argc; i++) {
        dbx_slice *arg = &c->request.argv[i];
        if (arg->len > 0) memcpy(at, arg->ptr, arg->len);
        *arg = dbx_slice_of(at, arg->len);
        at += arg->len;
    }
}

/* One turn with the command; DBX_RUN_WAIT: nothing was done, and it is to be tried again. */
static int run_turn(client *c) {
    dbx_error error;
    uint64_t position;
    dbx_engine_turn_begin(c->engine);
    dbx_resp_sink(&c->reply, dbx_session_resp(c->session), &c->out);
    int rc = dbx_engine_run(c->engine, c->session, c->request.argc, c->request.argv, c->spool,
                            &c->reply);
    must(dbx_engine_turn_end(c->engine, &position, &error), &error);
    return rc;
}

static void run(client *c) {
    const struct timespec pause = {.tv_nsec = RETRY_US * 1000};
    const dbx_slice save = dbx_slice_str("SAVE");
    move_into_spool(c);
    int rc = run_turn(c);
    for (; rc == DBX_RUN_WAIT; rc = run_turn(c)) {
        dbx_engine_unlock(c->engine);
        (void)nanosleep(&pause, NULL);
        dbx_engine_lock(c->engine);
        (void)dbx_engine_tick(c->engine);
    }
    if (c->freeze_every > 0 && ++c->commands % c->freeze_every == 0) {
        size_t len = c->out.len;
        keep(c->engine, c->keeper, &save, 1, &c->out);
        c->out.len = len;
    }
    if (c->reply.source != NULL) read_stream(c);
    if (c->spool != NULL) dbx_engine_spool_close(c->engine, c->spool);
    c->spool = NULL;
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
    static const char text[] = "FLUSHALL\nCONFIG SET requirepass '' proto-max-bulk-len 1mb "
                               "appendfsync no\nCONFIG RESETSTAT\n";
    dbx_request_reset(&c->request);
    session_open(c, true);
    c->closed = false;
    c->out.len = 0;
    (void)feed(c, (const uint8_t *)text, sizeof text - 1);
    dbx_session_close(c->session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    home *h = home_of(data[0]);
    client c = {.engine = h->engine, .keeper = h->keeper};
    if (h == &on_disk) c.freeze_every = 1U << (data[0] >> FREEZE_SHIFT & FREEZE_MASK);
    size_t first = data[0] * (size - 1) / 255;
    uint8_t *bytes = malloc(first);
    if (bytes == NULL && first > 0) return 0;
    if (first > 0) memcpy(bytes, data + 1, first);
    dbx_engine_lock(h->engine);
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
    if (h == &on_disk && (data[0] & REOPENS) == REOPENS) {
        dbx_engine_unlock(h->engine);
        reopen(h);
        c.engine = h->engine;
        c.keeper = h->keeper;
        dbx_engine_lock(h->engine);
    }
    empty(&c);
    dbx_engine_unlock(h->engine);
    dbx_request_free(&c.request);
    dbx_buf_free(&c.out);
    free(moved);
    free(bytes);
    return 0;
}
