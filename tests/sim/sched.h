/* sched.h: threads and clocks of a simulated run: one thread runs at a time, and a seed decides
 * which.
 *
 * The program's calls of pthreads, clocks and sleeps are linked to this file (cmake/sim.cmake). A
 * thread goes on until it calls one of them, or one of the file's (calls.c): there the seed may
 * give the turn to another one. Time stands still while anything can run; when all wait, it moves
 * to the nearest end of a wait. So the same seed gives the same run, down to the order of system
 * calls and what they write, on every machine (machine.c sees to the rest), and a second of waiting
 * takes none.
 */
#ifndef DBX_TESTS_SIM_SCHED_H
#define DBX_TESTS_SIM_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"

/* sched_begin starts a run in the calling thread, at `now_us` of all clocks. */
void sched_begin(uint64_t seed, int64_t now_us);
/* sched_end: the calling thread is the only one left, and the calls are the system's again. */
void sched_end(void);
/* sched_on: the caller belongs to a run. */
bool sched_on(void);

int64_t sched_now_us(void);
/* sched_point is where another thread may get the turn. */
void sched_point(void);
/* sched_sleep lets others run for so long. */
void sched_sleep(int64_t us);
/* sched_rand is the run's random numbers: for whatever is not the workload's own. */
dbx_rand *sched_rand(void);

#endif
