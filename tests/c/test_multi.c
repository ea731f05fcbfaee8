/* test_multi.c: transactions below a transport: what waits, what a failed turn leaves, bounds, and
 * that the effects of an EXEC are one group. */
#include <stdlib.h>

#include "check.h"
#include "codec/resp_write.h"
#include "engine/state.h"
#include "scratch.h"
#include "store/frame.h"
#include "store/internal.h"

enum { WORDS_MAX = 4, LONG_BYTES = 600 << 10 };

static char directory[SCRATCH_BYTES];
static dbx_engine *engine;
static dbx_session *session;
static dbx_buf said;

static void prepare(void) {
    const dbx_setting settings[] = {
        {"loglevel", "nothing"}, {"client-query-buffer-limit", "1mb"}, {NULL, NULL}};
    const dbx_engine_options options = {.path = directory, .settings = settings};
    const dbx_session_options own = {.trusted = true, .fd = -1};
    dbx_error error;
    scratch_make(directory);
    if (dbx_engine_open(&options, &engine, &error) != DBX_OK) abort();
    dbx_engine_lock(engine);
    session = dbx_session_open(engine, &own);
}

static void clean_up(void) {
    dbx_session_close(session);
    dbx_engine_unlock(engine);
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
    scratch_remove(directory);
    dbx_buf_free(&said);
}

static void end_turn(void) {
    uint64_t position;
    CHECK_EQ(dbx_engine_turn_end(engine, &position, NULL), DBX_OK);
}

/* Runs a command in the open turn; its reply is in `said`. */
static int say(const char *const *words) {
    dbx_slice argv[WORDS_MAX];
    dbx_reply reply = {0};
    size_t argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = dbx_slice_str(words[argc]);
    said.len = 0;
    dbx_resp_sink(&reply, 2, &said);
    return dbx_engine_run(engine, session, argc, argv, NULL, &reply);
}

#define SAY(want, ...)                                                                             \
    do {                                                                                           \
        CHECK_EQ(say((const char *const[]){__VA_ARGS__, NULL}), 0);                                \
        CHECK_TEXT(dbx_buf_slice(&said), want);                                                    \
    } while (0)

/* The same in a turn of its own. */
#define TURN(want, ...)                                                                            \
    do {                                                                                           \
        dbx_engine_turn_begin(engine);                                                             \
        SAY(want, __VA_ARGS__);                                                                    \
        end_turn();                                                                                \
    } while (0)

TEST(exec_of_writes_waits_before_the_first_command_is_run) {
    prepare();
    TURN("+OK\r\n", "MULTI");
    TURN("+QUEUED\r\n", "GET", "k");
    TURN("+QUEUED\r\n", "SET", "k", "v");
    dbx_engine_turn_begin(engine);
    engine->turn.delay_us = 1000000;
    CHECK_EQ(say((const char *const[]){"EXEC", NULL}), DBX_RUN_WAIT);
    CHECK_EQ(said.len, 0);
    end_turn();
    TURN("*2\r\n$-1\r\n+OK\r\n", "EXEC");
    TURN("+OK\r\n", "MULTI");
    TURN("+QUEUED\r\n", "GET", "k");
    dbx_engine_turn_begin(engine);
    engine->turn.delay_us = 1000000;
    SAY("*1\r\n$1\r\nv\r\n", "EXEC"); /* reads are not held back */
    end_turn();
    clean_up();
}

TEST(a_turn_that_comes_again_finds_its_session_as_it_was) {
    prepare();
    for (int i = 0; i < 2; i++) {
        dbx_engine_turn_begin(engine);
        SAY("+OK\r\n", "SELECT", "3");
        SAY("+OK\r\n", "MULTI");
        SAY("+QUEUED\r\n", "PING");
        if (i == 0) dbx_engine_turn_again(engine);
        end_turn();
        CHECK_EQ(session->state.db, i == 0 ? 0 : 3);
    }
    for (int i = 0; i < 2; i++) {
        dbx_engine_turn_begin(engine);
        SAY("+QUEUED\r\n", "ECHO", "x");
        SAY("*2\r\n+PONG\r\n$1\r\nx\r\n", "EXEC");
        SAY("-ERR EXEC without MULTI\r\n", "EXEC");
        if (i == 0) dbx_engine_turn_again(engine);
        end_turn();
    }
    clean_up();
}

static void fail_turn(void) {
    dbx_session_turn_done(engine, DBX_TURN_FAILED);
    end_turn();
}

TEST(a_failed_turn_leaves_no_transaction_half_made) {
    prepare();
    dbx_engine_turn_begin(engine);
    SAY("+OK\r\n", "MULTI");
    SAY("+QUEUED\r\n", "PING");
    fail_turn(); /* it began in the turn: it is gone */
    TURN("-ERR EXEC without MULTI\r\n", "EXEC");

    TURN("+OK\r\n", "MULTI");
    dbx_engine_turn_begin(engine);
    SAY("+QUEUED\r\n", "PING");
    fail_turn(); /* it would lack a command */
    TURN("+QUEUED\r\n", "PING");
    TURN("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC");

    for (int i = 0; i < 2; i++) {
        TURN("+OK\r\n", "MULTI");
        TURN("+QUEUED\r\n", "PING");
        dbx_engine_turn_begin(engine);
        if (i == 0) {
            SAY("*1\r\n+PONG\r\n", "EXEC");
        } else {
            SAY("+OK\r\n", "DISCARD");
        }
        SAY("+OK\r\n", "MULTI");
        fail_turn(); /* the one has ended, the other not begun */
        TURN("-ERR EXEC without MULTI\r\n", "EXEC");
    }
    clean_up();
}

TEST(a_session_that_closes_within_a_turn_takes_its_transaction_along) {
    prepare();
    TURN("+OK\r\n", "MULTI");
    dbx_engine_turn_begin(engine);
    SAY("+QUEUED\r\n", "PING");
    dbx_session_close(session);
    end_turn();
    session = dbx_session_open(engine, &(dbx_session_options){.trusted = true, .fd = -1});
    clean_up();
}

static char *long_text(void) {
    char *text = malloc(LONG_BYTES + 1);
    if (text == NULL) abort();
    memset(text, 'x', LONG_BYTES);
    text[LONG_BYTES] = '\0';
    return text;
}

TEST(a_transaction_takes_no_more_than_the_query_buffer_limit) {
    prepare();
    char *text = long_text();
    TURN("+OK\r\n", "MULTI");
    TURN("+QUEUED\r\n", "SET", "a", text);
    TURN("-ERR the transaction is too large\r\n", "SET", "b", text);
    TURN("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC");
    TURN(":0\r\n", "EXISTS", "a");
    free(text);
    clean_up();
}

TEST(a_transaction_cannot_be_executed_without_a_command_the_transport_refused) {
    prepare();
    TURN("+OK\r\n", "MULTI");
    dbx_session_refused(session);
    TURN("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC");
    dbx_session_refused(session);
    TURN("+OK\r\n", "MULTI");
    TURN("*0\r\n", "EXEC");
    clean_up();
}

/* A turn of more than a frame may be cut between its groups, and be found cut after a crash. */
TEST(the_effects_of_an_exec_are_one_group_of_the_log) {
    prepare();
    char *text = long_text();
    TURN("+OK\r\n", "CONFIG", "SET", "client-query-buffer-limit", "64mb");
    TURN("+OK\r\n", "MULTI");
    TURN("+QUEUED\r\n", "SET", "a", text);
    TURN("+QUEUED\r\n", "SELECT", "1");
    TURN("+QUEUED\r\n", "SET", "b", text);
    TURN("+QUEUED\r\n", "INCR", "b");
    TURN("+QUEUED\r\n", "SET", "c", text);
    dbx_engine_turn_begin(engine);
    SAY("*5\r\n+OK\r\n+OK\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n",
        "EXEC");
    CHECK(dbx_txn_effect_bytes(engine->txn) > DBX_FRAME_BYTES_MAX);
    CHECK_EQ(engine->txn->effect_count, 3);
    CHECK_EQ(engine->txn->group_count, 1);
    SAY("+OK\r\n", "SET", "d", "v");
    CHECK_EQ(engine->txn->group_count, 2);
    end_turn();
    free(text);
    clean_up();
}
