/* clock.c: the clocks; see clock.h. */
#include "base/clock.h"

#include <time.h>

static struct timespec read_clock(clockid_t id) {
    struct timespec now = {0};
    (void)clock_gettime(id, &now); /* cannot fail for these ids */
    return now;
}

static int64_t read_us(clockid_t id) {
    struct timespec now = read_clock(id);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t read_ms(clockid_t id) {
    struct timespec now = read_clock(id);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t dbx_clock_mono_us(void) {
    return read_us(CLOCK_MONOTONIC);
}

int64_t dbx_clock_boot_ms(void) {
    return read_ms(CLOCK_BOOTTIME);
}

int64_t dbx_clock_wall_us(void) {
    return read_us(CLOCK_REALTIME);
}

int64_t dbx_clock_wall_ms(void) {
    return read_ms(CLOCK_REALTIME);
}
