/* test_engine_turn.c: a turn ends when it has done enough of anything: commands, effects, replies
 * or time. The clock stands still but for the test. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "check.h"
#include "codec/resp_write.h"
#include "engine/state.h"
#include "scratch.h"

static _Atomic int64_t now_us = 1000000000000000; /* the store's threads read it, too */

int64_t dbx_clock_mono_us(void) {
    return atomic_load(&now_us);
}

int64_t dbx_clock_boot_ms(void) {
    return atomic_load(&now_us) / 1000;
}

int64_t dbx_clock_wall_us(void) {
    return atomic_load(&now_us);
}

int64_t dbx_clock_wall_ms(void) {
    return atomic_load(&now_us) / 1000;
}

static char directory[SCRATCH_BYTES];
static dbx_engine *engine;
static dbx_session *session;

static void prepare(void) {
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {"appendfsync", "no"}, {NULL, NULL}};
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
}

/* Runs the command in one turn until the turn is full, each taking `us`; returns how often. */
static uint64_t fill_turn(size_t argc, const dbx_slice *argv, int64_t us) {
    dbx_reply reply = {0};
    dbx_buf out = {0};
    uint64_t position, count = 0;
    dbx_engine_turn_begin(engine);
    while (!dbx_engine_turn_full(engine) && count <= DBX_TURN_COMMANDS_MAX) {
        atomic_fetch_add(&now_us, us);
        dbx_resp_sink(&reply, 2, &out);
        CHECK_EQ(dbx_engine_run(engine, session, argc, argv, NULL, &reply), 0);
        count++;
    }
    CHECK_EQ(dbx_engine_turn_end(engine, &position, NULL), DBX_OK);
    dbx_buf_free(&out);
    return count;
}

TEST(a_turn_is_full_of_commands_effects_replies_or_time) {
    enum { VALUE = 50000 };
    static uint8_t value[VALUE];
    prepare();
    const dbx_slice ping[] = {dbx_slice_str("PING")};
    const dbx_slice set[] = {dbx_slice_str("SET"), dbx_slice_str("k"), {value, VALUE}};
    const dbx_slice get[] = {dbx_slice_str("GET"), dbx_slice_str("k")};
    CHECK_EQ(fill_turn(1, ping, 0), DBX_TURN_COMMANDS_MAX);
    CHECK_EQ(fill_turn(3, set, 0), DBX_TURN_EFFECT_BYTES_MAX / VALUE + 1);
    CHECK_EQ(fill_turn(2, get, 0), DBX_TURN_REPLY_BYTES_MAX / VALUE + 1);
    CHECK_EQ(fill_turn(1, ping, DBX_TURN_US_MAX / 10), 10);
    clean_up();
}
