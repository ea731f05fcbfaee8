/* test_num.c: numbers from and to text, as Redis 8.0 has them. */
#include "base/num.h"

#include <locale.h>
#include <math.h>

#include "base/rand.h"
#include "check.h"

static void expect_i64(const char *text, bool good, int64_t want) {
    int64_t got = 77;
    bool ok = dbx_num_from_slice(dbx_slice_str(text), &got);
    if (ok != good) check_failed(__FILE__, __LINE__, "\"%s\" is %s", text, ok ? "read" : "refused");
    CHECK_EQ(got, good ? want : 77);
}

TEST(only_canonical_integers_are_read) {
    expect_i64("0", true, 0);
    expect_i64("-1", true, -1);
    expect_i64("9223372036854775807", true, INT64_MAX);
    expect_i64("-9223372036854775808", true, INT64_MIN);
    static const char *const refused[] = {"",
                                          "-",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "01",
                                          "-0",
                                          "-01",
                                          "00",
                                          "1a",
                                          "a",
                                          "1.0",
                                          "0x10",
                                          "--1",
                                          "- 1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "18446744073709551616",
                                          "99999999999999999999",
                                          "123456789012345678901"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        expect_i64(refused[i], false, 0);
    }
    CHECK(!dbx_num_from_slice(dbx_slice_of("1\0", 2), &(int64_t){0}));
}

TEST(unsigned_integers_reach_their_limit) {
    uint64_t value = 0;
    CHECK(dbx_num_u64_from_slice(dbx_slice_str("18446744073709551615"), &value));
    CHECK(value == UINT64_MAX);
    CHECK(!dbx_num_u64_from_slice(dbx_slice_str("18446744073709551616"), &value));
    CHECK(!dbx_num_u64_from_slice(dbx_slice_str("-1"), &value));
    CHECK(!dbx_num_u64_from_slice(dbx_slice_str(""), &value));
}

TEST(integers_survive_the_round_trip) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (int i = 0; i < 200000; i++) {
        int64_t value = (int64_t)(dbx_rand_u64(&rand) >> dbx_rand_below(&rand, 64));
        if (i & 1) value = (int64_t)(0 - (uint64_t)value);
        if (i < 200) value = i % 2 != 0 ? INT64_MIN + i / 2 : INT64_MAX - i / 2;
        char text[DBX_NUM_TEXT_MAX], want[32];
        size_t len = dbx_num_to_text(value, text);
        snprintf(want, sizeof want, "%lld", (long long)value);
        CHECK_TEXT(dbx_slice_of(text, len), want);
        int64_t back = 0;
        CHECK(dbx_num_from_slice(dbx_slice_of(text, len), &back) && back == value);
    }
}

TEST(digits_count_at_every_power_of_ten) {
    uint64_t power = 1;
    for (unsigned digits = 1; digits <= 20; digits++) {
        CHECK_EQ(dbx_num_digits(power), digits);
        if (digits > 1) CHECK_EQ(dbx_num_digits(power - 1), digits - 1);
        power *= 10;
    }
    CHECK_EQ(dbx_num_digits(0), 1);
    CHECK_EQ(dbx_num_digits(UINT64_MAX), 20);
}

static void expect_real(double value, const char *want) {
    char text[DBX_NUM_REAL_TEXT_MAX];
    CHECK_TEXT(dbx_slice_of(text, dbx_num_real_to_text(value, text)), want);
}

TEST(reals_are_printed_as_redis_prints_them) { /* all tried with Redis 8.0.2 */
    expect_real(0.0, "0");
    expect_real(-0.0, "-0");
    expect_real((double)INFINITY, "inf");
    expect_real(-(double)INFINITY, "-inf");
    expect_real((double)NAN, "nan");
    expect_real(1.5, "1.5");
    expect_real(0.1, "0.1");
    expect_real(-3, "-3");
    expect_real(1e17, "100000000000000000");
    expect_real(1e18, "1000000000000000000");
    expect_real(1e19, "1e+19");
    expect_real(1e21, "1e+21");
    expect_real(123456789012345680000.0, "123456789012345680000");
    expect_real(1e-5, "0.00001");
    expect_real(1e-7, "1e-7");
    expect_real(1.5e-7, "1.5e-7");
    expect_real(1.7976931348623157e308, "1.7976931348623157e+308");
    expect_real(5e-324, "5e-324");
    expect_real(2.2250738585072014e-308, "2.2250738585072014e-308");
    expect_real(4611686018427387904.0, "4611686018427387904");
    expect_real(9223372036854775807.0, "9223372036854776000");
    expect_real(3.141592653589793, "3.141592653589793");
}

TEST(reals_read_back_as_themselves) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = dbx_rand_u64(&rand);
        double value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (i % 3 == 1) value = (double)(int64_t)bits / 1000;
        if (i % 3 == 2) value = (double)(bits % 1000000) / 10000;
        if (!isfinite(value)) continue;
        char text[DBX_NUM_REAL_TEXT_MAX];
        size_t len = dbx_num_real_to_text(value, text);
        CHECK(len <= sizeof text);
        CHECK(dbx_num_real_from_slice(dbx_slice_of(text, len), &back));
        CHECK(memcmp(&back, &value, sizeof back) == 0);
    }
}

TEST(reals_are_read_wholly_or_not_at_all) {
    double value = 7;
    static const char *const good[] = {"1",    "+1",       "-1",   "1e5",    "1E+5",
                                       ".5",   "5.",       "00.5", "inf",    "-Inf",
                                       "+inf", "infinity", "0x10", "1e-320", "-0"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(dbx_num_real_from_slice(dbx_slice_str(good[i]), &value));
    }
    static const char *const bad[] = {"",      " 1",     "1 ",     "\t1", "nan",   "-nan",
                                      "1e",    ".",      "-",      "1,5", "1.2.3", "--1",
                                      "1e400", "-1e400", "1e-400", "1x",  "infi"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 7;
        CHECK(!dbx_num_real_from_slice(dbx_slice_str(bad[i]), &value));
        CHECK(value == 7);
    }
    CHECK(!dbx_num_real_from_slice(dbx_slice_of("1\0", 2), &value));
}

static void expect_sum(const char *a, const char *b, const char *want) {
    long double x, y;
    char text[DBX_NUM_LONG_REAL_TEXT_MAX];
    CHECK(dbx_num_long_real_from_slice(dbx_slice_str(a), &x));
    CHECK(dbx_num_long_real_from_slice(dbx_slice_str(b), &y));
    size_t len = dbx_num_long_real_to_text(dbx_num_long_real_add(x, y), text);
    CHECK_TEXT(dbx_slice_of(text, len), want);
}

TEST(long_reals_add_and_print_as_incrbyfloat_does) { /* all tried with Redis 8.0.2 on x86 */
    expect_sum("10.50", "0.1", "10.6");
    expect_sum("5.0e3", "2.0e2", "5200");
    expect_sum("0.1", "0.2", "0.3");
    expect_sum("3", "-3", "0");
    expect_sum("-0", "-0", "0");
    expect_sum("1e17", "0.1", "100000000000000000.1015625");
    expect_sum("1e-17", "0", "0.00000000000000001");
    expect_sum("1e-18", "0", "0");
    expect_sum("inf", "1", "inf");
    expect_sum("-1e20", "0.5", "-100000000000000000000");
    long double value;
    CHECK(!dbx_num_long_real_from_slice(dbx_slice_str("nan"), &value));
    CHECK(!dbx_num_long_real_from_slice(dbx_slice_str("1e5000"), &value));
    CHECK(!dbx_num_long_real_from_slice(dbx_slice_str(" 1"), &value));
    CHECK(!dbx_num_long_real_from_slice(dbx_slice_str(""), &value));
}

TEST(the_locale_changes_nothing) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_ALL, names[i]) != NULL) break; /* none installed: nothing to see */
    }
    double value = 0;
    CHECK(dbx_num_real_from_slice(dbx_slice_str("1.5e1"), &value) && value == 15);
    CHECK(!dbx_num_real_from_slice(dbx_slice_str("1,5e1"), &value));
    expect_sum("0.1", "0.2", "0.3");
    expect_real(1.5, "1.5");
    setlocale(LC_ALL, "C");
}

TEST(memory_units_are_read) {
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {{"0", 0},           {"1024", 1024},
                {"1b", 1},          {"1k", 1000},
                {"1kb", 1024},      {"64MB", 64u << 20},
                {"2m", 2000000},    {"1Gb", 1u << 30},
                {"1g", 1000000000}, {"18446744073709551615", UINT64_MAX}};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(dbx_num_memory_from_slice(dbx_slice_str(good[i].text), &value));
        CHECK(value == good[i].want);
    }
    static const char *const bad[] = {"",
                                      "kb",
                                      "-1",
                                      "1 kb",
                                      "1tb",
                                      "1kbb",
                                      "0x1",
                                      "1.5gb",
                                      "18446744073709551616",
                                      "18446744073709551615kb"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!dbx_num_memory_from_slice(dbx_slice_str(bad[i]), &value));
    }
}
