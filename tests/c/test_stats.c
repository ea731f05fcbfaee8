/* test_stats.c: counters, error codes, percentiles and rates. */
#include "engine/stats.h"

#include "base/alloc.h"
#include "check.h"

static dbx_stats stats;

TEST(errors_are_counted_by_their_first_word) {
    CHECK_EQ(dbx_stats_init(&stats), 0);
    dbx_stats_error(&stats, dbx_slice_str("ERR one"));
    dbx_stats_error(&stats, dbx_slice_str("WRONGTYPE two"));
    dbx_stats_error(&stats, dbx_slice_str("ERR three"));
    dbx_stats_error(&stats, dbx_slice_str("ERRX"));
    dbx_stats_error(&stats, dbx_slice_str(""));
    CHECK_EQ(stats.errors, 5);
    CHECK_EQ(stats.error_count, 3);
    CHECK_EQ(stats.error[0].count, 2);
    dbx_stats_free(&stats);
}

TEST(distinct_error_codes_are_bounded) {
    CHECK_EQ(dbx_stats_init(&stats), 0);
    for (int i = 0; i < 2 * DBX_STATS_ERRORS_MAX; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "E%d x", i);
        dbx_stats_error(&stats, dbx_slice_str(code));
    }
    CHECK_EQ(stats.error_count, DBX_STATS_ERRORS_MAX);
    dbx_stats_free(&stats);
}

TEST(percentiles_are_right_within_an_eighth_for_times_of_any_size) {
    dbx_command_stats slot = {0};
    CHECK_EQ(dbx_stats_percentile(&slot, 50), 0);
    for (uint64_t us = 1; us <= 100000; us++)
        dbx_stats_called(&slot, us, true);
    static const double percents[] = {1, 50, 99, 99.9, 100};
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        double got = dbx_stats_percentile(&slot, percents[i]), want = 1000 * percents[i];
        CHECK(got >= want && got <= want * 1.07);
    }
    CHECK_EQ(slot.calls, 100000);
    CHECK_EQ(slot.us, 5000050000);
    dbx_stats_called(&slot, UINT64_MAX / 2, true); /* beyond the last bucket */
    CHECK(dbx_stats_percentile(&slot, 100) > 1e9);
    dbx_alloc_free(slot.times);
}

TEST(rates_are_over_the_time_that_passed_not_the_number_of_samples) {
    CHECK_EQ(dbx_stats_init(&stats), 0);
    CHECK(dbx_stats_rates(&stats, 5).commands < 1e-9);
    for (int64_t now_us = 0; now_us <= 3000000; now_us += 10000) {
        stats.commands += 10;
        stats.net_in += 1000;
        stats.cycles += 2;
        stats.cycles_us += 80;
        dbx_stats_sample(&stats, now_us);
    }
    dbx_rates rates = dbx_stats_rates(&stats, 3000000);
    CHECK(rates.commands > 990 && rates.commands < 1010);
    CHECK(rates.net_in > 99000 && rates.net_in < 101000);
    CHECK(rates.cycles > 198 && rates.cycles < 202);
    CHECK(rates.cycle_us > 39 && rates.cycle_us < 41);
    rates = dbx_stats_rates(&stats, 103000000); /* nothing happened for long */
    CHECK(rates.commands < 20);
    dbx_stats_free(&stats);
}
