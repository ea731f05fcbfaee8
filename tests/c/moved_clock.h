/* moved_clock.h: the clocks of base/clock.h, which a test moves: passed_us goes on with all of
 * them, wall_off_ms sets the wall clock alone. A program's own functions go before the library's.
 * Included once in a program.
 */
#ifndef DBX_TESTS_MOVED_CLOCK_H
#define DBX_TESTS_MOVED_CLOCK_H

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

static _Atomic int64_t passed_us, wall_off_ms;

static int64_t moved_us(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + atomic_load(&passed_us);
}

int64_t dbx_clock_mono_us(void) {
    return moved_us(CLOCK_MONOTONIC);
}

int64_t dbx_clock_boot_ms(void) {
    return moved_us(CLOCK_BOOTTIME) / 1000;
}

int64_t dbx_clock_wall_us(void) {
    return moved_us(CLOCK_REALTIME) + atomic_load(&wall_off_ms) * 1000;
}

int64_t dbx_clock_wall_ms(void) {
    return dbx_clock_wall_us() / 1000;
}

#endif
