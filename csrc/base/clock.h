/* clock.h: the clocks, in the units the rest uses. */
#ifndef DBX_BASE_CLOCK_H
#define DBX_BASE_CLOCK_H

#include <stdint.h>

/* dbx_clock_mono_us never runs back and stands still in suspend: durations. */
int64_t dbx_clock_mono_us(void);
/* dbx_clock_boot_ms never runs back and counts suspend: relative expiry. */
int64_t dbx_clock_boot_ms(void);
/* dbx_clock_wall_us and dbx_clock_wall_ms are time since 1970, as set: may jump. */
int64_t dbx_clock_wall_us(void);
int64_t dbx_clock_wall_ms(void);

#endif
