/* test_relay.c: clients of servers that have joined: whose settings hold for them, what their state
 * is told as and made of again, and what a failed turn leaves of it. */
#include "engine/relay.h"

#include <stdlib.h>

#include "check.h"
#include "codec/resp_write.h"
#include "engine/state.h"

enum { WORDS_MAX = 8 };

static dbx_engine *engine;
static dbx_session *server, *client;
static dbx_buf said, state;

static void on_kill(void *transport, bool now) {
    (void)now;
    ++*(int *)transport;
}

static int killed;

/* A session of who has come by the directory's socket. */
static dbx_session *come(void) {
    const dbx_session_options own = {
        .peer = "/socket:0", .trusted = true, .fd = 3, .transport = &killed, .kill = on_kill};
    return dbx_session_open(engine, &own);
}

static void prepare(void) {
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {"databases", "8"}, {NULL, NULL}};
    const dbx_engine_options options = {.settings = settings};
    dbx_error error;
    if (dbx_engine_open(&options, &engine, &error) != DBX_OK) abort();
    dbx_engine_lock(engine);
    killed = 0;
    server = come();
    client = come();
}

static void clean_up(void) {
    if (client != NULL) dbx_session_close(client);
    if (server != NULL) dbx_session_close(server);
    dbx_engine_unlock(engine);
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
    dbx_buf_free(&said);
    dbx_buf_free(&state);
}

/* Runs a command in the open turn; its reply is in `said`. */
static int say(dbx_session *session, const char *const *words) {
    dbx_slice argv[WORDS_MAX];
    dbx_reply reply = {0};
    size_t argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = dbx_slice_str(words[argc]);
    said.len = 0;
    dbx_resp_sink(&reply, dbx_session_resp(session), &said);
    return dbx_engine_run(engine, session, argc, argv, NULL, &reply);
}

static void end_turn(void) {
    uint64_t position;
    CHECK_EQ(dbx_engine_turn_end(engine, &position, NULL), DBX_OK);
}

/* In a turn of its own. */
#define TURN(session, rc, ...)                                                                     \
    do {                                                                                           \
        dbx_engine_turn_begin(engine);                                                             \
        CHECK_EQ(say(session, (const char *const[]){__VA_ARGS__, NULL}), rc);                      \
        end_turn();                                                                                \
    } while (0)

#define SAYS(want, session, ...)                                                                   \
    do {                                                                                           \
        TURN(session, 0, __VA_ARGS__);                                                             \
        CHECK_TEXT(dbx_buf_slice(&said), want);                                                    \
    } while (0)

/* What the server is called by. */
static const char *server_id(void) {
    static char id[24];
    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)server->id);
    return id;
}

static void join_with_password(void) {
    TURN(server, 0, "RELAY", "SERVER", "requirepass", "secret", "timeout", "9");
    CHECK_EQ(said.ptr[0], '+');
    TURN(client, DBX_RUN_RELAYED, "RELAY", "CLIENT", server_id(), "1.2.3.4:5", "6.7.8.9:10", "");
    CHECK_EQ(said.len, 0);
}

static const char *print(const dbx_session *session) {
    state.len = 0;
    dbx_session_print(session, &state);
    dbx_buf_byte(&state, '\0');
    return (const char *)state.ptr;
}

TEST(a_client_is_held_to_its_servers_password_and_limits) {
    prepare();
    join_with_password();
    CHECK(dbx_engine_limits(engine, client)->unauthenticated);
    SAYS("-NOAUTH Authentication required.\r\n", client, "GET", "k");
    SAYS("+OK\r\n", client, "AUTH", "secret");
    SAYS("$-1\r\n", client, "GET", "k");
    CHECK(!dbx_engine_limits(engine, client)->unauthenticated);
    CHECK_EQ(dbx_session_config(client)->timeout_s, 9);
    CHECK_EQ(dbx_session_config(server)->timeout_s, 0);
    CHECK_TEXT(dbx_slice_str(client->peer), "1.2.3.4:5");
    clean_up();
}

TEST(what_is_internal_is_unknown_to_who_did_not_come_by_the_directory) {
    static const char unknown[] = "-ERR unknown command 'RELAY', with args beginning with: ";
    const dbx_session_options others[] = {{.trusted = true, .fd = -1}, /* in-process */
                                          {.fd = 3, .kill = on_kill, .transport = &killed}};
    prepare();
    join_with_password();
    for (size_t i = 0; i < 3; i++) {
        dbx_session *session = i == 2 ? client : dbx_session_open(engine, &others[i]);
        TURN(session, 0, "RELAY", "SERVER", "timeout", "1");
        CHECK(said.len > sizeof unknown && memcmp(said.ptr, unknown, sizeof unknown - 1) == 0);
        if (i < 2) dbx_session_close(session);
    }
    clean_up();
}

TEST(a_program_is_answered_in_resp3_whatever_it_says) {
    prepare();
    CHECK(!dbx_session_calls(server));
    SAYS("+OK\r\n", server, "RELAY", "PROGRAM");
    CHECK(dbx_session_calls(server));
    CHECK_EQ(dbx_session_resp(server), 3);
    SAYS("+RESET\r\n", server, "RESET");
    CHECK_EQ(dbx_session_resp(server), 3);
    clean_up();
}

TEST(only_settings_of_connections_are_a_servers) {
    prepare();
    SAYS("-ERR 'databases': there is no such setting of connections\r\n", server, "RELAY", "SERVER",
         "databases", "4");
    SAYS("-ERR 'timeout': argument couldn't be parsed into an integer\r\n", server, "RELAY",
         "SERVER", "timeout", "x");
    SAYS("-ERR syntax error\r\n", server, "RELAY", "SERVER", "timeout", "1", "port");
    CHECK(server->serves == NULL);
    clean_up();
}

TEST(clients_outlive_their_servers_connection) {
    prepare();
    join_with_password();
    dbx_session_close(server);
    server = NULL;
    SAYS("+OK\r\n", client, "AUTH", "secret");
    CHECK_EQ(engine->relays_timed, 1);
    dbx_session_close(client);
    client = NULL;
    CHECK_EQ(engine->relays_timed, 0);
    clean_up();
}

TEST(a_client_keeps_the_settings_that_it_came_with) {
    prepare();
    join_with_password();
    TURN(server, 0, "RELAY", "SERVER", "timeout", "0");
    CHECK_EQ(engine->relays_timed, 1);
    SAYS("-NOAUTH Authentication required.\r\n", client, "GET", "k");
    clean_up();
}

TEST(a_state_is_made_again_as_it_was_told) {
    prepare();
    join_with_password();
    SAYS("+OK\r\n", client, "AUTH", "secret");
    TURN(client, 0, "HELLO", "3", "SETNAME", "me");
    SAYS("+OK\r\n", client, "SELECT", "7");
    SAYS("+OK\r\n", client, "CLIENT", "SETINFO", "LIB-NAME", "lib");
    SAYS("+OK\r\n", client, "CLIENT", "SETINFO", "LIB-VER", "1=2");
    SAYS("+OK\r\n", client, "CLIENT", "NO-EVICT", "ON");
    SAYS("+OK\r\n", client, "CLIENT", "NO-TOUCH", "ON");
    TURN(client, DBX_RUN_NOREPLY, "CLIENT", "REPLY", "OFF");
    const char *told = "db=7 resp=3 auth=yes reply=off no-evict=on no-touch=on name=me "
                       "lib-name=lib lib-ver=1=2 ";
    CHECK_TEXT(dbx_slice_str(print(client)), told);
    dbx_session *again = come();
    TURN(again, DBX_RUN_RELAYED, "RELAY", "CLIENT", server_id(), "a", "b", told);
    CHECK_TEXT(dbx_slice_str(print(again)), told);
    dbx_session_close(again);
    clean_up();
}

TEST(a_failed_turn_leaves_a_client_what_it_came_with) {
    prepare();
    TURN(server, 0, "RELAY", "SERVER", "timeout", "0");
    dbx_engine_turn_begin(engine);
    const char *const words[] = {"RELAY", "CLIENT", server_id(), "a", "b", "db=5 name=x", NULL};
    CHECK_EQ(say(client, words), DBX_RUN_RELAYED);
    CHECK_EQ(say(client, (const char *const[]){"SELECT", "6", NULL}), 0);
    uint64_t edits = dbx_session_edits(client);
    dbx_session_turn_done(engine, DBX_TURN_FAILED);
    end_turn();
    CHECK_EQ(client->state.db, 5);
    CHECK_TEXT(dbx_slice_str(client->state.name), "x");
    CHECK(!dbx_session_is_process(client));
    CHECK(edits > 0); /* and so the server is told */
    clean_up();
}

TEST(who_was_used_for_something_else_is_no_client_and_not_trusted) {
    prepare();
    TURN(server, 0, "RELAY", "SERVER", "requirepass", "secret");
    SAYS("+OK\r\n", client, "SELECT", "3");
    TURN(client, DBX_RUN_CLOSE, "RELAY", "CLIENT", server_id(), "a", "b", "");
    CHECK(!dbx_session_is_process(client));
    clean_up();
}

TEST(who_is_under_way_does_not_rest) {
    prepare();
    join_with_password();
    SAYS("+OK\r\n", client, "AUTH", "secret");
    CHECK(dbx_session_resting(client));
    SAYS("+OK\r\n", client, "MULTI");
    CHECK(!dbx_session_resting(client));
    SAYS("+OK\r\n", client, "DISCARD");
    CHECK(dbx_session_resting(client));
    TURN(client, DBX_RUN_NOREPLY, "CLIENT", "REPLY", "SKIP");
    CHECK(!dbx_session_resting(client));
    TURN(client, DBX_RUN_NOREPLY, "PING");
    CHECK(dbx_session_resting(client));
    SAYS(":1\r\n", server, "CLIENT", "KILL", "ADDR", "1.2.3.4:5");
    CHECK_EQ(killed, 1);
    CHECK(!dbx_session_resting(client));
    clean_up();
}

TEST(shutdown_is_the_servers) {
    prepare();
    join_with_password();
    SAYS("+OK\r\n", client, "AUTH", "secret");
    CHECK(!dbx_session_stops(client));
    TURN(client, DBX_RUN_CLOSE, "SHUTDOWN");
    CHECK(dbx_session_stops(client));
    CHECK(!dbx_engine_shutdown_wanted(engine));
    clean_up();
}
