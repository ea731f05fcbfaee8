/* test_local.c: the in-process transport: order, timed work, threads, forks, large commands. */
#include "engine/local.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "check.h"

enum { WORDS_MAX = 8, THREADS = 4, ROUNDS = 500, LARGE = 3 << 20 };

static dbx_local *open_memory(void) {
    dbx_engine_options options = {.path = NULL};
    dbx_local *local = NULL;
    dbx_error error = {0};
    int rc = dbx_local_open(&options, &local, &error);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return local;
}

/* A command out of words; `argv` holds them. */
static dbx_call call_of(dbx_slice argv[WORDS_MAX], const char *const *words) {
    dbx_call call = {.argv = argv};
    for (; words[call.argc] != NULL && call.argc < WORDS_MAX; call.argc++)
        argv[call.argc] = dbx_slice_str(words[call.argc]);
    return call;
}

/* Runs one command and appends its reply. */
static void run(dbx_local *local, dbx_session *session, dbx_buf *out, const char *const *words) {
    dbx_slice argv[WORDS_MAX];
    dbx_call call = call_of(argv, words);
    dbx_local_result result;
    CHECK_EQ(dbx_local_run(local, session, &call, 1, false, out, &result), DBX_OK);
    CHECK_EQ(dbx_local_settle(local, &result), DBX_OK);
}

#define RUN(out, ...) run(local, session, out, (const char *const[]){__VA_ARGS__, NULL})

static void close_all(dbx_local *local, dbx_session *session, dbx_buf *out) {
    dbx_buf_free(out);
    dbx_local_session_close(local, session);
    CHECK_EQ(dbx_local_close(local, NULL), DBX_OK);
}

TEST(replies_are_appended_in_order_and_in_resp3) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    RUN(&out, "SET", "k", "v");
    RUN(&out, "GET", "k");
    RUN(&out, "GET", "absent");
    RUN(&out, "HELLO", "2"); /* its own reply is RESP2's, the next is ours again */
    out.len = 0;
    RUN(&out, "GET", "absent");
    CHECK_TEXT(dbx_buf_slice(&out), "_\r\n");
    close_all(local, session, &out);
}

TEST(commands_together_see_each_other_and_answer_in_order) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    dbx_slice argv[3][WORDS_MAX];
    dbx_call calls[3] = {
        call_of(argv[0], (const char *const[]){"SET", "n", "41", NULL}),
        call_of(argv[1], (const char *const[]){"INCR", "n", NULL}),
        call_of(argv[2], (const char *const[]){"NOSUCH", NULL}),
    };
    dbx_local_result result;
    CHECK_EQ(dbx_local_run(local, session, calls, 3, true, &out, &result), DBX_OK);
    CHECK_TEXT(dbx_buf_slice(&out),
               "+OK\r\n:42\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    close_all(local, session, &out);
}

TEST(expired_keys_are_removed_without_anybody_calling) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    RUN(&out, "SET", "late", "v", "EX", "1000");
    RUN(&out, "SET", "soon", "v", "PX", "10");
    for (int i = 0; i < 5000; i++) {
        out.len = 0;
        RUN(&out, "DBSIZE");
        if (dbx_slice_eq(dbx_buf_slice(&out), dbx_slice_str(":1\r\n"))) break;
        (void)usleep(1000);
    }
    CHECK_TEXT(dbx_buf_slice(&out), ":1\r\n");
    close_all(local, session, &out);
}

static void *count_up(void *arg) {
    dbx_local *local = arg;
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    for (int i = 0; i < ROUNDS; i++) {
        out.len = 0;
        RUN(&out, "INCR", "n");
    }
    dbx_buf_free(&out);
    dbx_local_session_close(local, session);
    return NULL;
}

TEST(threads_with_sessions_of_their_own_lose_nothing) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    pthread_t threads[THREADS];
    dbx_buf out = {0};
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, count_up, local);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    RUN(&out, "GET", "n");
    CHECK_TEXT(dbx_buf_slice(&out), "$4\r\n2000\r\n");
    close_all(local, session, &out);
}

TEST(a_forked_child_knows_and_only_frees) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    RUN(&out, "SET", "k", "v");
    pid_t child = fork();
    if (child == 0) {
        bool knows = dbx_local_forked(local);
        dbx_local_session_close(local, session);
        _exit(knows && dbx_local_close(local, NULL) == DBX_OK ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
    CHECK(!dbx_local_forked(local));
    out.len = 0;
    RUN(&out, "GET", "k");
    CHECK_TEXT(dbx_buf_slice(&out), "$1\r\nv\r\n");
    close_all(local, session, &out);
}

TEST(a_large_command_goes_through_a_spool_and_its_value_comes_back_whole) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    uint8_t *value = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        value[i] = (uint8_t)(i * 7 + i / 251);
    dbx_slice argv[] = {dbx_slice_str("SET"), dbx_slice_str("k"), {value, LARGE}};
    dbx_call call = {.argc = 3, .argv = argv};
    dbx_local_result result;
    CHECK_EQ(dbx_local_spool(local, &call, NULL), DBX_OK);
    CHECK(call.input != NULL);
    CHECK(argv[2].ptr != value);
    CHECK_EQ(dbx_local_run(local, session, &call, 1, false, &out, &result), DBX_OK);
    dbx_local_unspool(local, &call);
    CHECK_EQ(call.argc, 0); /* nobody looks at what is gone */
    CHECK_TEXT(dbx_buf_slice(&out), "+OK\r\n");
    out.len = 0;
    RUN(&out, "GET", "k");
    const char header[] = "$3145728\r\n";
    CHECK_EQ(out.len, sizeof header - 1 + LARGE + 2);
    CHECK(out.len > LARGE && memcmp(out.ptr + sizeof header - 1, value, LARGE) == 0);
    free(value);
    close_all(local, session, &out);
}

/* Puts `n` times the character into the key `name`. */
static void put_many(dbx_local *local, dbx_session *session, const char *name, char character,
                     size_t n) {
    char *value = malloc(n);
    memset(value, character, n);
    dbx_slice argv[] = {dbx_slice_str("SET"), dbx_slice_str(name), dbx_slice_of(value, n)};
    dbx_call call = {.argc = 3, .argv = argv};
    dbx_local_result result;
    dbx_buf out = {0};
    CHECK_EQ(dbx_local_spool(local, &call, NULL), DBX_OK);
    CHECK_EQ(dbx_local_run(local, session, &call, 1, false, &out, &result), DBX_OK);
    dbx_local_unspool(local, &call);
    dbx_buf_free(&out);
    free(value);
}

/* After two large replies, of LARGE times a and b, and what was written between them. */
static void check_large_replies(const dbx_buf *out) {
    const char header[] = "$3145728\r\n", between[] = "\r\n+OK\r\n", after[] = "\r\n:3\r\n";
    size_t a = sizeof header - 1, b = a + LARGE + sizeof between - 1 + sizeof header - 1;
    CHECK_EQ(out->len, b + LARGE + sizeof after - 1);
    CHECK(memcmp(out->ptr, header, sizeof header - 1) == 0 && out->ptr[a] == 'a');
    CHECK(out->ptr[a + LARGE - 1] == 'a');
    CHECK(memcmp(out->ptr + a + LARGE, between, sizeof between - 1) == 0);
    CHECK(out->ptr[b] == 'b' && out->ptr[b + LARGE - 1] == 'b');
    CHECK(memcmp(out->ptr + b + LARGE, after, sizeof after - 1) == 0);
}

TEST(large_replies_come_in_steps_and_in_order_while_others_write) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0}, other = {0};
    dbx_slice argv[4][WORDS_MAX];
    dbx_local_work work;
    for (int together = 0; together < 2; together++) {
        dbx_call calls[4] = {
            call_of(argv[0], (const char *const[]){"GET", "a", NULL}),
            call_of(argv[1], (const char *const[]){"SET", "a", "new", NULL}),
            call_of(argv[2], (const char *const[]){"GET", "b", NULL}),
            call_of(argv[3], (const char *const[]){"STRLEN", "a", NULL}),
        };
        put_many(local, session, "a", 'a', LARGE);
        put_many(local, session, "b", 'b', LARGE);
        dbx_local_begin(&work, local, session, calls, 4, together, &out);
        CHECK_EQ(dbx_local_step(&work), 1);
        CHECK(out.len < LARGE); /* the lock is free before all is there */
        RUN(&other, "PING");
        if (together) RUN(&other, "SET", "b", "newer");
        dbx_local_work copy = work;
        CHECK_EQ(dbx_local_finish(&copy), DBX_OK);
        check_large_replies(&out);
        out.len = 0;
    }
    dbx_buf_free(&other);
    close_all(local, session, &out);
}

TEST(what_is_dropped_leaves_nothing) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    dbx_slice argv[WORDS_MAX];
    dbx_call call = call_of(argv, (const char *const[]){"GET", "a", NULL});
    dbx_local_work work;
    put_many(local, session, "a", 'a', LARGE);
    dbx_local_begin(&work, local, session, &call, 1, false, &out);
    CHECK_EQ(dbx_local_step(&work), 1);
    dbx_local_drop(&work); /* the sanitizers look for its view */
    close_all(local, session, &out);
}

TEST(a_small_command_stays_where_it_is) {
    dbx_local *local = open_memory();
    dbx_slice argv[WORDS_MAX];
    dbx_call call = call_of(argv, (const char *const[]){"PING", NULL});
    CHECK_EQ(dbx_local_spool(local, &call, NULL), DBX_OK);
    CHECK(call.input == NULL);
    CHECK_EQ(dbx_local_close(local, NULL), DBX_OK);
}

TEST(quit_and_shutdown_are_reported) {
    dbx_local *local = open_memory();
    dbx_session *session = dbx_local_session_open(local);
    dbx_buf out = {0};
    dbx_slice argv[WORDS_MAX];
    dbx_local_result result;
    dbx_call quit = call_of(argv, (const char *const[]){"QUIT", NULL});
    CHECK_EQ(dbx_local_run(local, session, &quit, 1, false, &out, &result), DBX_OK);
    CHECK(result.closed && !result.shutdown);
    dbx_call shutdown = call_of(argv, (const char *const[]){"SHUTDOWN", "NOW", NULL});
    CHECK_EQ(dbx_local_run(local, session, &shutdown, 1, false, &out, &result), DBX_OK);
    CHECK(result.shutdown);
    close_all(local, session, &out);
}
