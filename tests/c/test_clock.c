/* test_clock.c: the clocks run forward and in the units they say. */
#include "base/clock.h"

#include <time.h>

#include "check.h"

TEST(clocks_agree_with_the_system) {
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    CHECK(dbx_clock_wall_ms() >= now_ms && dbx_clock_wall_ms() < now_ms + 60000);
    CHECK(dbx_clock_wall_us() / 1000000 >= now_ms / 1000);
    int64_t mono = dbx_clock_mono_us(), boot = dbx_clock_boot_ms();
    CHECK(mono > 0 && dbx_clock_mono_us() >= mono);
    CHECK(boot >= mono / 1000 - 1 && dbx_clock_boot_ms() >= boot);
}
