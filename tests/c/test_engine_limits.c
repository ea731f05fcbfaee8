/* test_engine_limits.c: a start executes again what was accepted once, whatever the limits and the
 * password are now. */
#include <stdlib.h>

#include "check.h"
#include "codec/resp_write.h"
#include "engine/engine.h"
#include "scratch.h"

static char directory[SCRATCH_BYTES];
static dbx_engine *engine;

static void open_engine(const char *bulk_max, const char *password) {
    const dbx_setting settings[] = {{"loglevel", "nothing"},
                                    {"proto-max-bulk-len", bulk_max},
                                    {"requirepass", password},
                                    {NULL, NULL}};
    const dbx_engine_options options = {.path = directory, .settings = settings};
    dbx_error error;
    if (dbx_engine_open(&options, &engine, &error) == DBX_OK) return;
    fprintf(stderr, "%s\n", error.text);
    abort();
}

/* Runs one command in a turn of its own and checks its reply. */
static void ask(const char *want, size_t argc, const char *const *words) {
    const dbx_session_options own = {.trusted = true, .fd = -1};
    dbx_slice argv[4];
    dbx_reply reply = {0};
    dbx_buf out = {0};
    uint64_t position;
    for (size_t i = 0; i < argc; i++)
        argv[i] = dbx_slice_str(words[i]);
    dbx_engine_lock(engine);
    dbx_session *session = dbx_session_open(engine, &own);
    dbx_engine_turn_begin(engine);
    dbx_resp_sink(&reply, 2, &out);
    CHECK_EQ(dbx_engine_run(engine, session, argc, argv, NULL, &reply), 0);
    CHECK_EQ(dbx_engine_turn_end(engine, &position, NULL), DBX_OK);
    dbx_session_close(session);
    dbx_engine_unlock(engine);
    CHECK_TEXT(dbx_buf_slice(&out), want);
    dbx_buf_free(&out);
}

#define ASK(want, ...)                                                                             \
    ask(want, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

TEST(a_replay_knows_no_limits_and_no_password) {
    scratch_make(directory);
    open_engine("512mb", "");
    ASK(":3000000\r\n", "SETRANGE", "k", "2999999", "x");
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
    open_engine("1mb", "secret");
    ASK(":3000000\r\n", "STRLEN", "k");
    ASK("-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n", "SETRANGE", "other",
        "2999999", "x");
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
    scratch_remove(directory);
}
