/* test_engine_clock.c: whatever is done to the machine's clock, times to live run by what really
 * passes and dates by the wall clock: for every command with an expiry, before and after an apply,
 * a start and a replay. Both clocks stand still but for the test. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "codec/resp_write.h"
#include "engine/state.h"
#include "no_sync.h"
#include "scratch.h"
#include "store/journal_read.h"

enum { WORDS_MAX = 6, WAIT_MS_MAX = 60000, TICKS_MAX = 100 };

static const int64_t HOUR_MS = 3600000, YEARS_MS = INT64_C(56) * 365 * 86400000,
                     START_MS = INT64_C(1790000000000), /* 2026 */
    BOOTED_MS = 20000;                                  /* after a boot, in 1970 */

static _Atomic int64_t wall_ms, boot_ms; /* the store's threads read them, too */

int64_t dbx_clock_mono_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t dbx_clock_boot_ms(void) {
    return atomic_load(&boot_ms);
}

int64_t dbx_clock_wall_us(void) {
    return atomic_load(&wall_ms) * 1000;
}

int64_t dbx_clock_wall_ms(void) {
    return atomic_load(&wall_ms);
}

static void pass(int64_t ms) {
    atomic_fetch_add(&wall_ms, ms);
    atomic_fetch_add(&boot_ms, ms);
}

/* --- An engine, and commands as text ------------------------------------------------------------
 */

static char directory[SCRATCH_BYTES];
static dbx_engine *engine;
static dbx_session *session;
static dbx_buf out;

static void start(void) {
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {"appendfsync", "no"}, {NULL, NULL}};
    const dbx_engine_options options = {.path = directory, .settings = settings};
    const dbx_session_options own = {.trusted = true, .fd = -1};
    dbx_error error;
    if (dbx_engine_open(&options, &engine, &error) != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    dbx_engine_lock(engine);
    session = dbx_session_open(engine, &own);
}

static void stop(void) {
    dbx_session_close(session);
    dbx_engine_unlock(engine);
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
}

static void prepare(int64_t wall) {
    atomic_store(&wall_ms, wall);
    atomic_store(&boot_ms, 1000);
    scratch_make(directory);
    start();
}

static void clean_up(void) {
    stop();
    scratch_remove(directory);
    dbx_buf_free(&out);
}

/* Runs a command given as words and spaces; the reply is in `out`. */
static bool try_to_say(const char *text) {
    dbx_slice argv[WORDS_MAX];
    dbx_reply reply = {0};
    uint64_t position;
    size_t argc = 0;
    for (const char *at = text; *at != '\0' && argc < WORDS_MAX;) {
        size_t n = strcspn(at, " ");
        argv[argc++] = dbx_slice_of(at, n);
        at += n + (at[n] == ' ');
    }
    dbx_engine_turn_begin(engine);
    out.len = 0;
    dbx_resp_sink(&reply, 2, &out);
    (void)dbx_engine_run(engine, session, argc, argv, NULL, &reply);
    CHECK_EQ(dbx_engine_turn_end(engine, &position, NULL), DBX_OK);
    return out.len > 0 && out.ptr[0] != '-';
}

static void say(const char *text) {
    CHECK(try_to_say(text));
}

static int64_t ask(const char *format, const char *key) {
    char text[128];
    (void)snprintf(text, sizeof text, format, key);
    say(text);
    dbx_buf_add(&out, "", 1);
    CHECK(out.ptr[0] == ':');
    return strtoll((const char *)out.ptr + 1, NULL, 10);
}

static int64_t left_ms(const char *key) {
    return ask("PTTL %s", key);
}

/* What a transport does when its time has come, or when it hears that the clock was set. */
static void tick(void) {
    for (int i = 0; i < TICKS_MAX && dbx_engine_tick(engine) == 0; i++) {
    }
}

/* --- What may come between ----------------------------------------------------------------------
 */

static void nothing(void) {}

static void apply(void) {
    dbx_store_info info;
    for (int i = 0; i < WAIT_MS_MAX; i++) {
        (void)try_to_say("SAVE"); /* refused while one is going on */
        tick();
        dbx_store_get_info(engine->store, &info);
        if (info.buffer_entries == 0 && info.frozen_entries == 0) return;
        (void)usleep(1000);
    }
    CHECK(false);
}

static void replay(void) {
    stop();
    start();
}

static void apply_and_start(void) {
    apply();
    replay();
}

static void (*const between[])(void) = {nothing, apply, replay, apply_and_start};
enum { BETWEEN = sizeof between / sizeof *between };

/* --- Every command with an expiry ---------------------------------------------------------------
 */

/* `%s` is a key of its own, `%lld` the number: an hour, or the date in an hour. */
typedef struct way {
    const char *first, *then;
    bool relative, seconds;
} way;

static const way ways[] = {
    {"SET %s v EX %lld", NULL, true, true},
    {"SET %s v PX %lld", NULL, true, false},
    {"SET %s v EXAT %lld", NULL, false, true},
    {"SET %s v PXAT %lld", NULL, false, false},
    {"SETEX %s %lld v", NULL, true, true},
    {"PSETEX %s %lld v", NULL, true, false},
    {"SET %s v", "EXPIRE %s %lld", true, true},
    {"SET %s v", "PEXPIRE %s %lld", true, false},
    {"SET %s v", "EXPIREAT %s %lld", false, true},
    {"SET %s v", "PEXPIREAT %s %lld", false, false},
    {"SET %s v", "GETEX %s EX %lld", true, true},
    {"SET %s v", "GETEX %s PX %lld", true, false},
    {"SET %s v", "GETEX %s EXAT %lld", false, true},
    {"SET %s v", "GETEX %s PXAT %lld", false, false},
    {"SET from-%s v EX 3600", "RENAME from-%s %s", true, true},
    {"SET from-%s v PXAT %lld", "RENAME from-%s %s", false, false},
    {"SET copied v EX 3600", "COPY copied %s REPLACE", true, true},
    {"SET copied-at v PXAT %lld", "COPY copied-at %s REPLACE", false, false},
    {"SET %s v EX %lld", "SET %s w KEEPTTL", true, true},
    {"SET %s v PXAT %lld", "SET %s w KEEPTTL", false, false},
    {"SET %s 1 EX %lld", "INCRBYFLOAT %s 0.5", true, true},
    {"SET %s 1 PXAT %lld", "INCRBYFLOAT %s 0.5", false, false},
    {"SET %s 1 EX %lld", "INCR %s", true, true},
    {"SET %s v EX %lld", "APPEND %s w", true, true},
    {"SET %s v PXAT %lld", "APPEND %s w", false, false},
    {"SET %s v EX %lld", "SETRANGE %s 2 w", true, true},
};
enum { WAYS = sizeof ways / sizeof *ways };

static const char *key_of(size_t i) {
    static char names[WAYS][8];
    (void)snprintf(names[i], sizeof names[i], "k%zu", i);
    return names[i];
}

/* Fills in a way's text: every %s is the key, %lld the number. */
static void say_way(const char *format, const char *key, long long number) {
    char text[160];
    size_t len = 0;
    for (const char *at = format; *at != '\0';) {
        size_t room = sizeof text - len;
        if (strncmp(at, "%s", 2) == 0) {
            len += (size_t)snprintf(text + len, room, "%s", key);
            at += 2;
        } else if (strncmp(at, "%lld", 4) == 0) {
            len += (size_t)snprintf(text + len, room, "%lld", number);
            at += 4;
        } else {
            text[len++] = *at++;
        }
    }
    text[len] = '\0';
    say(text);
}

/* Every way, to expire in an hour. */
static void set_all(void) {
    for (size_t i = 0; i < WAYS; i++) {
        const way *w = &ways[i];
        long long ms = HOUR_MS + (w->relative ? 0 : atomic_load(&wall_ms));
        say_way(w->first, key_of(i), w->seconds ? ms / 1000 : ms);
        if (w->then != NULL) say_way(w->then, key_of(i), w->seconds ? ms / 1000 : ms);
    }
    say("DEL copied copied-at");
}

/* Every key has so much left; not positive: it is gone. */
static void check_left(int64_t relative_ms, int64_t date_ms) {
    for (size_t i = 0; i < WAYS; i++) {
        int64_t expected = ways[i].relative ? relative_ms : date_ms, left = left_ms(key_of(i));
        if (left == (expected > 0 ? expected : -2)) continue;
        check_failed(__FILE__, __LINE__, "\"%s\": %" PRId64 " ms are left, not %" PRId64,
                     ways[i].then != NULL ? ways[i].then : ways[i].first, left, expected);
    }
}

static int64_t count_of(bool relative) {
    int64_t count = 0;
    for (size_t i = 0; i < WAYS; i++)
        count += ways[i].relative == relative;
    return count;
}

/* A step of `step_ms` in the middle, with an hour's keys before it. */
static void step_between(int64_t step_ms, void (*before)(void), void (*after)(void)) {
    prepare(START_MS);
    set_all();
    pass(60000);
    before();
    atomic_fetch_add(&wall_ms, step_ms);
    tick();
    bool dates_gone = step_ms >= HOUR_MS;
    CHECK_EQ(ask("DBSIZE", ""), dates_gone ? count_of(true) : WAYS);
    after();
    check_left(HOUR_MS - 60000, HOUR_MS - 60000 - step_ms);
    set_all();
    check_left(HOUR_MS, HOUR_MS);
    after();
    pass(HOUR_MS - 1);
    check_left(1, 1);
    pass(1);
    tick();
    CHECK_EQ(ask("DBSIZE", ""), 0);
    clean_up();
}

static void step_everywhere(int64_t step_ms) {
    for (size_t i = 0; i < BETWEEN; i++) {
        for (size_t j = 0; j < BETWEEN; j++)
            step_between(step_ms, between[i], between[j]);
    }
}

TEST(a_step_of_56_years_forward_ends_dates_and_leaves_times_to_live) {
    step_everywhere(YEARS_MS);
}

TEST(a_step_of_an_hour_back_puts_dates_off_and_leaves_times_to_live) {
    step_everywhere(-HOUR_MS);
}

/* The log, or the commit, says what time it was; then NTP sets the clock. */
TEST(a_boot_in_1970_leaves_times_to_live_and_dates_come_right_with_the_clock) {
    for (size_t i = 0; i < BETWEEN; i++) {
        for (size_t j = 0; j < BETWEEN; j++) {
            prepare(START_MS);
            set_all();
            pass(60000);
            between[i]();
            say("SET last v"); /* a frame */
            stop();
            atomic_store(&wall_ms, BOOTED_MS);
            atomic_store(&boot_ms, BOOTED_MS);
            start();
            check_left(HOUR_MS - 60000, START_MS + HOUR_MS - BOOTED_MS);
            pass(30000);
            say("SET last in-1970");
            between[j]();
            check_left(HOUR_MS - 90000, START_MS + HOUR_MS - BOOTED_MS - 30000);
            atomic_store(&wall_ms, START_MS + 600000);
            tick();
            between[j]();
            check_left(HOUR_MS - 90000, HOUR_MS - 600000);
            clean_up();
        }
    }
}

TEST(a_database_begun_in_1970_keeps_times_to_live_when_it_is_started_after_the_clock_is_set) {
    for (size_t i = 0; i < BETWEEN; i++) {
        prepare(BOOTED_MS);
        say("SET k v EX 3600");
        pass(1000);
        say("SET other v"); /* so long is known to have passed */
        between[i]();
        stop();
        atomic_store(&wall_ms, START_MS);
        start();
        CHECK_EQ(left_ms("k"), HOUR_MS - 1000);
        tick(); /* from here on the log knows the date */
        pass(1000);
        stop();
        atomic_fetch_add(&wall_ms, 5000);
        start();
        CHECK_EQ(left_ms("k"), HOUR_MS - 7000);
        clean_up();
    }
}

TEST(what_passes_between_a_stop_and_a_start_counts) {
    for (size_t i = 0; i < BETWEEN; i++) {
        prepare(START_MS);
        set_all();
        between[i]();
        stop();
        pass(60000);
        atomic_store(&boot_ms, BOOTED_MS); /* another boot */
        start();
        check_left(HOUR_MS - 60000, HOUR_MS - 60000);
        clean_up();
    }
}

/* Nothing is written after the step but what the engine itself notes. */
TEST(a_step_is_not_taken_for_time_that_passed_by_the_next_start) {
    prepare(START_MS);
    set_all();
    atomic_fetch_add(&wall_ms, HOUR_MS * 48);
    tick();
    stop();
    pass(60000);
    start();
    check_left(HOUR_MS - 60000, 0);
    clean_up();
}

TEST(an_idle_engine_notes_a_step_once) {
    prepare(START_MS);
    say("SET k v");
    atomic_fetch_add(&wall_ms, HOUR_MS);
    uint64_t before = dbx_store_position(engine->store);
    tick();
    uint64_t noted = dbx_store_position(engine->store);
    CHECK(noted > before);
    tick();
    CHECK_EQ(dbx_store_position(engine->store), noted);
    clean_up();
}

/* --- Asking and comparing -----------------------------------------------------------------------
 */

TEST(the_date_of_a_time_to_live_is_what_is_left_from_now) {
    prepare(START_MS);
    say("SET k v PX 3600000");
    atomic_fetch_add(&wall_ms, -HOUR_MS);
    CHECK_EQ(ask("PEXPIRETIME %s", "k"), START_MS);
    CHECK_EQ(ask("EXPIRETIME %s", "k"), START_MS / 1000);
    CHECK_EQ(ask("TTL %s", "k"), 3600);
    clean_up();
}

TEST(gt_and_lt_compare_what_is_left_across_the_clocks) {
    char date[64];
    prepare(START_MS);
    say("SET k v PX 3600000");
    atomic_fetch_add(&wall_ms, HOUR_MS);
    (void)snprintf(date, sizeof date, "PEXPIREAT %%s %" PRId64 " GT", START_MS + 2 * HOUR_MS);
    CHECK_EQ(ask(date, "k"), 0); /* an hour from now, too: not more */
    (void)snprintf(date, sizeof date, "PEXPIREAT %%s %" PRId64 " GT", START_MS + 2 * HOUR_MS + 1);
    CHECK_EQ(ask(date, "k"), 1);
    CHECK_EQ(ask("PEXPIRE %s 3600001 LT", "k"), 0);
    CHECK_EQ(ask("PEXPIRE %s 3600000 LT", "k"), 1);
    (void)snprintf(date, sizeof date, "PEXPIREAT %%s %" PRId64 " LT", INT64_MIN);
    CHECK_EQ(ask(date, "k"), 1); /* long ago: at once */
    CHECK_EQ(ask("EXISTS %s", "k"), 0);
    clean_up();
}

TEST(persist_and_overwriting_end_expiry_of_either_kind) {
    prepare(START_MS);
    say("SET a v EX 10");
    say("SET b v PXAT 1790000010000");
    say("PERSIST a");
    say("GETEX b PERSIST");
    say("SET c v EX 10");
    say("EXPIREAT c 1890000000"); /* from one clock to the other */
    replay();
    pass(20000);
    tick();
    CHECK_EQ(left_ms("a"), -1);
    CHECK_EQ(left_ms("b"), -1);
    CHECK_EQ(ask("DBSIZE", ""), 3);
    say("PEXPIRE c 5");
    pass(5);
    tick();
    CHECK_EQ(ask("DBSIZE", ""), 2);
    clean_up();
}

TEST(keys_of_both_clocks_expire_each_when_it_is_due) {
    char text[64];
    prepare(START_MS);
    for (int i = 0; i < 300; i++) { /* more than one step takes */
        (void)snprintf(text, sizeof text, "SET life%d v PX %d", i, 10 + i % 3);
        say(text);
        (void)snprintf(text, sizeof text, "SET date%d v PXAT %" PRId64, i, START_MS + 10 + i % 3);
        say(text);
    }
    pass(10);
    tick();
    CHECK_EQ(ask("DBSIZE", ""), 400);
    atomic_fetch_add(&wall_ms, 100);
    tick();
    CHECK_EQ(ask("DBSIZE", ""), 200);
    CHECK_EQ(dbx_engine_tick(engine), 1); /* and the wait is for the nearer */
    pass(2);
    tick();
    CHECK_EQ(ask("DBSIZE", ""), 0);
    clean_up();
}

TEST(a_date_that_comes_nearer_is_not_slept_through) {
    prepare(START_MS);
    say("SET k v PXAT 1790003600000");
    CHECK(dbx_engine_tick(engine) > 50);
    atomic_fetch_add(&wall_ms, HOUR_MS - 50);
    CHECK_EQ(dbx_engine_tick(engine), 50);
    atomic_fetch_add(&wall_ms, -HOUR_MS);
    CHECK(dbx_engine_tick(engine) > 50);
    CHECK_EQ(left_ms("k"), HOUR_MS + 50);
    clean_up();
}

TEST(ages_are_neither_negative_nor_56_years_after_a_step) {
    prepare(BOOTED_MS);
    say("SET k v");
    pass(7000);
    atomic_store(&wall_ms, START_MS);
    tick();
    CHECK_EQ(ask("OBJECT IDLETIME %s", "k"), 7);
    replay();
    CHECK_EQ(ask("OBJECT IDLETIME %s", "k"), 7);
    atomic_fetch_add(&wall_ms, -HOUR_MS);
    pass(1000);
    CHECK_EQ(ask("OBJECT IDLETIME %s", "k"), 8);
    clean_up();
}

/* --- The log as plain commands ------------------------------------------------------------------
 */

static const char *printed(void) {
    static char text[4096];
    dbx_error error;
    FILE *file = tmpfile();
    if (file == NULL) abort();
    CHECK_EQ(dbx_journal_print(directory, 0, fileno(file), &error), DBX_OK);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

TEST(the_printed_log_gives_times_to_live_as_dates) {
    prepare(START_MS);
    say("SET a v PX 100000000");
    say("SETEX b 200000 v");
    say("EXPIRE a 300000");
    say("PEXPIREAT b 1890000000000");
    pass(60000);
    say("PEXPIRE b 150000000");
    const char *log = printed();
    CHECK(strstr(log, "SET\r\n$1\r\na\r\n$1\r\nv\r\n$4\r\nPXAT\r\n$13\r\n1790100000000\r\n"));
    CHECK(strstr(log, "SET\r\n$1\r\nb\r\n$1\r\nv\r\n$4\r\nPXAT\r\n$13\r\n1790200000000\r\n"));
    CHECK(strstr(log, "PEXPIREAT\r\n$1\r\na\r\n$13\r\n1790300000000\r\n"));
    CHECK(strstr(log, "PEXPIREAT\r\n$1\r\nb\r\n$13\r\n1890000000000\r\n"));
    CHECK(strstr(log, "PEXPIREAT\r\n$1\r\nb\r\n$13\r\n1790150060000\r\n"));
    CHECK(strstr(log, "PEXPIRE\r\n") == NULL && strstr(log, "PX\r\n") == NULL);
    clean_up();
}

/* Whoever executes it would let the keys expire before what keeps them. */
TEST(the_printed_log_gives_deadlines_within_a_day_at_its_end) {
    prepare(START_MS);
    say("SET a v PX 1000");
    say("SET b v PX 1000");
    say("RENAME b c");
    say("PERSIST c");
    pass(500); /* to be printed a day later at 1790086400500 */
    const char *log = printed();
    CHECK(strstr(log, "SET\r\n$1\r\na\r\n$1\r\nv\r\n$4\r\nPXAT\r\n$13\r\n1790086400500\r\n"));
    CHECK(strstr(log, "SET\r\n$1\r\nb\r\n$1\r\nv\r\n$4\r\nPXAT\r\n$13\r\n1790086400500\r\n"));
    const char *end = strstr(log, "PERSIST\r\n$1\r\nc\r\n");
    CHECK(end != NULL);
    if (end == NULL) end = log;
    CHECK(strstr(end, "PEXPIREAT\r\n$1\r\na\r\n$13\r\n1790000001000\r\n$2\r\nXX\r\n"));
    CHECK(strstr(end, "PEXPIREAT\r\n$1\r\nc\r\n$13\r\n1790000001000\r\n$2\r\nXX\r\n"));
    CHECK(strstr(log, "$1\r\nb\r\n$13\r\n1790000001000") == NULL);
    clean_up();
}

TEST(the_printed_log_dates_by_the_clock_as_it_is_set_later) {
    prepare(START_MS);
    say("SET k v");
    atomic_fetch_add(&wall_ms, YEARS_MS);
    say("PEXPIRE k 1000");
    char text[64];
    (void)snprintf(text, sizeof text, "PEXPIREAT\r\n$1\r\nk\r\n$13\r\n%" PRId64,
                   START_MS + YEARS_MS + 1000);
    CHECK(strstr(printed(), text) != NULL);
    clean_up();
}
