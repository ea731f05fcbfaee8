/* test_engine_early_faults.c: whichever allocation fails while a result larger than the write
 * buffer is stored, it is whole or absent, and what was committed of it is reclaimed. */
#include "base/alloc.h"
#include "early_world.h"
#include "no_sync.h"

enum { MEMBERS = 40, FAULTS_MAX = 100000 };

static void fill(void) {
    char member[16], score[16], element[256];
    for (unsigned i = 0; i < MEMBERS; i++) {
        (void)snprintf(member, sizeof member, "m%05u", i * 7919 % 100003);
        (void)snprintf(score, sizeof score, "%u", i % 7);
        DO("SADD", i % 2 == 0 ? "s1" : "s2", member);
        DO("ZADD", "z", score, member);
        (void)snprintf(element, sizeof element, "%0240u", i * 7919 % 100003);
        DO("RPUSH", "l", element);
    }
}

/* Runs it with allocation `n` failing; true: one did. */
static bool run_with(long n, const char *const *words) {
    dbx_early_set_bytes(1);
    dbx_alloc_fail_after(n);
    int rc = run_words(words);
    bool failed = dbx_alloc_failed();
    dbx_alloc_fail_after(-1);
    dbx_early_set_bytes(0);
    CHECK(rc == DBX_OK || failed);
    return failed;
}

static void check_each(const char *count, const char *const *words) {
    static const dbx_setting settings[] = {{"loglevel", "nothing"},
                                           {"write-buffer-size", "268435456"},
                                           {"collection-inline-size", "0"},
                                           {NULL, NULL}};
    char whole[16];
    long n = 0;
    bool failed = true;
    scratch_make(directory);
    if (!try_open(settings)) abort();
    fill();
    (void)snprintf(whole, sizeof whole, ":%u\r\n", (unsigned)MEMBERS);
    for (; failed && n < FAULTS_MAX && check_failures == 0; n++) {
        failed = run_with(n, words);
        DO(count, "d");
        CHECK(said_text(":0\r\n") || said_text(whole));
        if (!failed) CHECK(said_text(whole));
        DO("DEL", "d");
    }
    CHECK(n > MEMBERS / 2 && info_number("early_commits") > MEMBERS);
    DO("SAVE");
    DO("VACUUM");
    close_world();
    CHECK_EQ(verify(), 0);
    scratch_remove(directory);
    dbx_buf_free(&said);
    said = (dbx_buf){0};
}

#define EACH_OF(count, ...) check_each(count, (const char *const[]){__VA_ARGS__, NULL})

TEST(any_failed_allocation_leaves_a_result_whole_or_absent) {
    EACH_OF("SCARD", "SUNIONSTORE", "d", "s1", "s2");
    EACH_OF("ZCARD", "COPY", "z", "d");
    EACH_OF("ZCARD", "ZUNIONSTORE", "d", "3", "z", "s1", "s2");
    EACH_OF("LLEN", "SORT", "l", "ALPHA", "STORE", "d");
}
