/* test_glob.c: patterns as Redis's stringmatchlen has them; every line was tried with Redis 8.0.2.
 */
#include "base/glob.h"

#include "base/rand.h"
#include "check.h"

static bool match(const char *pattern, const char *text) {
    return dbx_glob_match(dbx_slice_str(pattern), dbx_slice_str(text), false);
}

TEST(literals_stars_and_question_marks) {
    CHECK(match("abc", "abc") && !match("abc", "abd") && !match("abc", "ab"));
    CHECK(match("a*", "a") && match("a*", "abc") && match("*c", "abc") && match("a*c", "ac"));
    CHECK(match("a**b***c", "a1b2c") && !match("a*c", "ab"));
    CHECK(match("a?c", "abc") && !match("a?c", "ac") && !match("?", ""));
    CHECK(match("*a*b*", "xxaxxbxx") && !match("*a*b*", "bbba"));
    CHECK(match("", "") && !match("", "a"));
}

TEST(even_a_star_needs_a_byte_of_text) {
    CHECK(!match("*", "") && !match("**", ""));
}

TEST(classes) {
    CHECK(match("[abc]", "b") && !match("[abc]", "d") && match("[^abc]", "d"));
    CHECK(match("[a-c]x", "bx") && match("[c-a]", "b") && !match("[a-c]", "d"));
    CHECK(match("[\\]]", "]") && match("[\\-]", "-") && match("[a\\-c]", "-"));
    CHECK(!match("[]", "]") && match("[^]", "x") && !match("[", "x"));
    CHECK(match("[ab", "a") && match("[ab", "b") && !match("[ab", "c"));
    CHECK(match("[a-", "-") && match("[a-", "a") && match("[a-]", "_"));
    CHECK(match("[\x80-\xff]", "\x90") && !match("[\x01-\x7f]", "\x90"));
}

TEST(backslash_takes_the_next_byte_as_it_is) {
    CHECK(match("\\*", "*") && !match("\\*", "a") && match("a\\", "a\\") && match("\\\\", "\\"));
}

TEST(nocase_ignores_ascii_case_outside_escaped_class_members) {
    dbx_slice text = dbx_slice_str("MaxMemory");
    CHECK(dbx_glob_match(dbx_slice_str("maxm*"), text, true));
    CHECK(dbx_glob_match(dbx_slice_str("[l-n]AX*"), text, true));
    CHECK(dbx_glob_match(dbx_slice_str("[LM]ax*"), text, true));
    CHECK(!dbx_glob_match(dbx_slice_str("[\\m]ax*"), text, true));
    CHECK(!dbx_glob_match(dbx_slice_str("maxm*"), text, false));
}

TEST(abusive_patterns_end) {
    char pattern[4100], text[5000];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[sizeof pattern - 1] = 'b';
    dbx_slice all = dbx_slice_of(text, sizeof text);
    CHECK(!dbx_glob_match(dbx_slice_of(pattern, sizeof pattern), all, false));
    CHECK(!dbx_glob_match(dbx_slice_of(pattern, 2 * DBX_GLOB_STARS_MAX + 2), all, false));
    CHECK(dbx_glob_match(dbx_slice_of(pattern, 2 * DBX_GLOB_STARS_MAX), all, false));
}

static void expect_prefix(const char *pattern, const char *want, bool want_exact) {
    uint8_t out[64];
    bool exact = !want_exact;
    size_t len = dbx_glob_prefix(dbx_slice_str(pattern), out, &exact);
    CHECK_TEXT(dbx_slice_of(out, len), want);
    CHECK_EQ(exact, want_exact);
}

TEST(prefix_is_what_every_match_begins_with) {
    expect_prefix("user:*", "user:", false);
    expect_prefix("user:1", "user:1", true);
    expect_prefix("*", "", false);
    expect_prefix("", "", true);
    expect_prefix("a\\*b?c", "a*b", false);
    expect_prefix("ab[c]", "ab", false);
    expect_prefix("ab\\", "ab\\", true);
    CHECK_EQ(dbx_glob_prefix(dbx_slice_str("abc*"), (uint8_t[4]){0}, NULL), 3);
}

TEST(random_matches_begin_with_the_prefix) {
    static const char alphabet[] = "aab*?[]^-\\";
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    unsigned matches = 0;
    for (int round = 0; round < 300000; round++) {
        uint8_t pattern[8], text[6], prefix[8];
        size_t p = dbx_rand_below(&rand, sizeof pattern), t = dbx_rand_below(&rand, sizeof text);
        for (size_t i = 0; i < p; i++) {
            pattern[i] = (uint8_t)alphabet[dbx_rand_below(&rand, sizeof alphabet - 1)];
        }
        for (size_t i = 0; i < t; i++) {
            text[i] = (uint8_t)alphabet[dbx_rand_below(&rand, 4)];
        }
        bool exact;
        size_t len = dbx_glob_prefix(dbx_slice_of(pattern, p), prefix, &exact);
        CHECK(len <= p);
        bool same = len == t && memcmp(prefix, text, len) == 0;
        if (dbx_glob_match(dbx_slice_of(pattern, p), dbx_slice_of(text, t), false)) {
            matches++;
            CHECK(len <= t && memcmp(prefix, text, len) == 0);
            CHECK(!exact || same);
        } else {
            CHECK(!exact || !same);
        }
    }
    CHECK(matches > 1000);
}
