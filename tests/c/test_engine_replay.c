/* test_engine_replay.c: what a start leaves in MDBX when its log held more than keys. */
#include "check.h"
#include "scratch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "engine/local.h"
#include "store/env.h"
#include "store/format.h"

enum { WORDS_MAX = 4, KEYS = 300, FLUSHES = 25, NS_MAX = 200, WAIT_MS_MAX = 60000 };

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_local *local;
    dbx_session *session;
    dbx_buf out;
} world;

static void open_world(world *w, const dbx_setting *settings) {
    dbx_engine_options options = {.path = w->dir, .settings = settings};
    dbx_error error;
    if (dbx_local_open(&options, &w->local, &error) != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    w->session = dbx_local_session_open(w->local);
}

/* Nothing is applied at a close: the next start replays. */
static void close_world(world *w) {
    dbx_local_session_close(w->local, w->session);
    CHECK_EQ(dbx_local_close(w->local, NULL), DBX_OK);
}

static void run(world *w, const char *const *words) {
    dbx_slice argv[WORDS_MAX];
    dbx_call call = {.argv = argv};
    dbx_local_result result;
    for (; call.argc < WORDS_MAX && words[call.argc] != NULL; call.argc++)
        argv[call.argc] = dbx_slice_str(words[call.argc]);
    w->out.len = 0;
    CHECK_EQ(dbx_local_run(w->local, w->session, &call, 1, false, &w->out, &result), DBX_OK);
    CHECK(w->out.len > 0 && w->out.ptr[0] != '-');
}

#define RUN(w, ...) run(w, (const char *const[]){__VA_ARGS__, NULL})

static void set_all(world *w, const char *value) {
    char name[16];
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(name, sizeof name, "k%04u", i * 37 % KEYS);
        RUN(w, "SET", name, value);
    }
}

static bool applied(world *w) {
    static const char none[] = "frozen_entries:0\r\n";
    RUN(w, "INFO", "store");
    return memmem(w->out.ptr, w->out.len, none, strlen(none)) != NULL;
}

static void wait_until_applied(world *w) {
    for (unsigned i = 0; i < WAIT_MS_MAX && !applied(w); i++)
        (void)usleep(1000);
    CHECK(applied(w));
}

/* Applies everything, and again, so that a reclaim comes between. */
static void save(world *w) {
    char text[32];
    for (unsigned i = 0; i < 2; i++) {
        wait_until_applied(w);
        (void)snprintf(text, sizeof text, "save %u", i);
        RUN(w, "SET", "last", text);
        RUN(w, "SAVE");
        (void)usleep(100000);
    }
    wait_until_applied(w);
}

/* Counts the names MDBX has in each namespace, and returns that of database 0. */
static unsigned count_names(const world *w, size_t counts[NS_MAX]) {
    char path[64];
    dbx_env *env;
    dbx_snapshot *snapshot;
    dbx_error error;
    uint8_t db_key[6] = {DBX_TABLE_META, DBX_META_DB};
    dbx_slice value, key = {(const uint8_t *)"K", 1};
    (void)snprintf(path, sizeof path, "%s/data.mdbx", w->dir);
    CHECK_EQ(dbx_env_open(path, &env, &error), DBX_OK);
    CHECK_EQ(dbx_snapshot_open(env, &snapshot), DBX_OK);
    CHECK_EQ(dbx_snapshot_get(snapshot, dbx_slice_of(db_key, sizeof db_key), &value), DBX_OK);
    unsigned ns = (unsigned)dbx_load64(value.ptr);
    dbx_env_cursor *cursor = dbx_env_cursor_open(snapshot);
    int rc = dbx_env_cursor_move(cursor, DBX_ENV_SEEK, &key, &value);
    while (rc == DBX_OK && key.ptr[0] == 'K') {
        CHECK(key.ptr[1] < NS_MAX); /* one byte, as long as the number is small */
        counts[key.ptr[1]]++;
        rc = dbx_env_cursor_move(cursor, DBX_ENV_NEXT, &key, &value);
    }
    dbx_env_cursor_close(cursor);
    dbx_snapshot_close(snapshot);
    dbx_env_close(env, false);
    return ns;
}

/* Invariant 15. The keys of a batch are looked up before the batch in front of it has run, and that
 * may flush the database they are in. */
TEST(replaying_flushes_brings_nothing_of_the_old_namespaces_back) {
    static const dbx_setting whole[] = {{"loglevel", "nothing"}, {"databases", "1"}, {NULL, NULL}};
    static const dbx_setting small[] = {
        {"loglevel", "nothing"}, {"databases", "1"}, {"write-buffer-size", "520000"}, {NULL, NULL}};
    world w = {0};
    size_t counts[NS_MAX] = {0};
    char value[80];
    scratch_make(w.dir);
    open_world(&w, whole);
    for (unsigned i = 0; i < FLUSHES; i++) {
        (void)snprintf(value, sizeof value, "%060u", i);
        set_all(&w, value);
        RUN(&w, "FLUSHDB");
    }
    set_all(&w, "last");
    close_world(&w);
    open_world(&w, small);
    save(&w);
    close_world(&w);
    unsigned ns = count_names(&w, counts);
    for (unsigned i = 0; i < NS_MAX; i++)
        CHECK_EQ(counts[i], i == ns ? KEYS + 1 : 0);
    dbx_buf_free(&w.out);
    scratch_remove(w.dir);
}
