/* test_verify.c: what `dbx verify` says of a good database, of many things that are wrong, and of
 * the log. One thing at a time is changed. tests/store/test_verify.py has databases as servers
 * leave them, and damaged pages. */
#include "damaged.h"

TEST(a_good_database_is_told_of_part_by_part) {
    world w;
    prepare(&w);
    expect_good(&w);
    outcome o = check(&w);
    const char *const lines[] = {"format   3, pages of 4096 bytes\n",
                                 "keys     db0: 24, 2 expire\n",
                                 "keys     db1: 1, 0 expire\n",
                                 "types    string: 26, 1 of them in chunks\n",
                                 "expiry   2 entries for 2 keys\n",
                                 "chunks   3\n",
                                 "reclaim  2 ids wait for it\n",
                                 "journal  2 groups of 2 effects from position ",
                                 "spools   1 named by the journal, 0 not needed\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (strstr(o.said, lines[i]) == NULL)
            check_failed(__FILE__, __LINE__, "no \"%s\" in\n%s", lines[i], o.said);
    }
    scratch_remove(w.dir);
}

TEST(more_is_wrong_than_is_shown) {
    enum { WRONG = 25, SHOWN = 20 };
    world w;
    prepare(&w);
    for (unsigned i = 0; i < WRONG; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "Z%02u", i);
        PUT_TEXT(&w, name, "");
    }
    outcome o = check(&w);
    CHECK_EQ(o.rc, DBX_ECORRUPT);
    CHECK_EQ(o.wrong, SHOWN);
    CHECK(strstr(o.said, "and 5 more") != NULL);
    CHECK(strstr(o.error.text, "(25 found)") != NULL);
    scratch_remove(w.dir);
}

/* --- The log, and the spools it names -----------------------------------------------------------
 */

TEST(a_log_that_is_not_there) {
    world w;
    CASE(&w, "the journal is gone", remove_log(&w));
}

TEST(segments_of_starts_in_the_wrong_order) {
    world w;
    uint64_t at;
    CASE(&w, "is of an earlier start", remove_log(&w);
         at = put_segment(&w, 1, w.run + 1, w.position, "*1\r\n$4\r\nPING\r\n");
         (void)put_segment(&w, 2, w.run, at, "*1\r\n$4\r\nPING\r\n"));
}

TEST(a_log_that_begins_behind_what_is_applied) {
    world w;
    CASE(&w, "the journal", remove_log(&w);
         (void)put_segment(&w, 1, w.run, w.position + 100, "*1\r\n$4\r\nPING\r\n"));
}

TEST(frames_that_hold_no_effects) {
    static const char *const effects[] = {"PING\r\n", "*1\r\n$4\r\nPIN", "*1\r\n=4\r\nPING\r\n",
                                          "*1\r\n$4\r\nPINGxx", "*1\r\n$4\r\nPING\r\n*"};
    world w;
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
        CASE(&w, "holds what is no effect", remove_log(&w);
             (void)put_segment(&w, 1, w.run, w.position, effects[i]));
    }
}

TEST(spools_that_the_log_names) {
    const char *const effect = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n=15\r\nspl:3,1000,2001\r\n";
    world w;
    char path[64];
    CASE(&w, "names spool/3.spool, which is not there", spool_path(&w, path); unlink(path));
    CASE(&w, "names spool/3.spool, which is cut off", spool_path(&w, path);
         CHECK_EQ(truncate(path, SPOOL_BYTES - 1), 0));
    CASE(&w, "names spool/3.spool, which is cut off", spool_path(&w, path);
         CHECK_EQ(truncate(path, 999), 0));
    /* Of a frame that data.mdbx has, nothing is needed. */
    prepare(&w);
    remove_log(&w);
    uint64_t at =
        put_segment(&w, 1, w.run, w.position - strlen(effect) - DBX_FRAME_HEADER_BYTES, effect);
    CHECK_EQ(at, w.position);
    (void)put_segment(&w, 2, w.run, at, "*1\r\n$4\r\nPING\r\n");
    spool_path(&w, path);
    (void)unlink(path);
    expect_good(&w);
    CHECK(strstr(check(&w).said, "1 named by the journal, 1 not needed") != NULL);
    scratch_remove(w.dir);
}
