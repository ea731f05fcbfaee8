/* judge.h: what a database must hold after a power loss: the past of a history that ran, with what
 * was promised when, and starts of what is left on the disk.
 */
#ifndef DBX_TESTS_SIM_JUDGE_H
#define DBX_TESTS_SIM_JUDGE_H

#include "disk.h"
#include "history.h"

typedef struct turn {
    size_t begun, done; /* moments of the record */
    int64_t done_us;
    contents after;
} turn;

/* At `moment` the turns up to and with `turn` had been promised to survive power loss. */
typedef struct promise {
    size_t moment, turn;
} promise;

typedef struct past {
    turn *turns; /* turns[0]: before the first */
    size_t count;
    promise *promises;
    size_t promise_count;
    bool everysec; /* what is older than a second is promised, too */
    bool faulty;   /* calls have failed */
} past;

typedef struct failure {
    char text[512];
    size_t moment;
    disk_loss loss;
    unsigned states; /* that had been drawn */
} failure;

/* judge_fail sets the text and returns false. */
bool judge_fail(failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

void past_free(past *p);
/* past_add adds a turn that began at a moment, with what the database holds after it. */
bool past_add(past *p, world *w, size_t begun, failure *f);
/* past_promise: from a moment on the last turn survives power loss. */
void past_promise(past *p, size_t moment);
/* past_close is a clean stop, which saves everything. */
bool past_close(past *p, world *w, failure *f);
/* past_look: what was there after the last turn is there still. */
bool past_look(const past *p, world *w, failure *f);
/* past_step does one step of a history, which must succeed. */
bool past_step(past *p, world *w, const history *h, const history_step *step, failure *f);

/* judge_seed makes the draws that follow repeatable. */
void judge_seed(uint64_t seed);
bool judge_one_in(uint64_t n);
/* judge_trace is a digest of all that was done and drawn since then, and of what was found, if
 * judge_trace_on was called before. */
void judge_trace_on(void);
uint64_t judge_trace(void);

/* judge_begin begins a simulated and recorded run of `h` on an empty disk; judge_end ends the
 * simulation; the record stays for judge_states, and is forgotten by judge_forget. */
void judge_begin(const history *h);
void judge_end(void);
void judge_forget(void);

/* judge_states draws `count` states of the disk that a power loss after moment `from` may have left
 * and starts them. False: *f says what is wrong with the last one. */
bool judge_states(const history *h, const past *p, size_t from, unsigned count, failure *f);

/* --- Programs of their own ----------------------------------------------------------------------
 */

/* judge_data is the data directory of a run: in memory where there is room for it, or below what
 * the variable DBX_SIM_DIR names. */
const char *judge_data(void);

/* judge_apart calls `run` in a child process with a directory of its own; 0: it returned 0. A crash
 * or a hang is said on stderr, with `name`. */
int judge_apart(const char *name, int (*run)(void *arg), void *arg);

/* judge_doing says what begins now, and that it may take a while. */
void judge_doing(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* judge_option is the number behind `name` on the command line; judge_flag: whether it is there. */
uint64_t judge_option(int argc, char **argv, const char *name, uint64_t otherwise);
bool judge_flag(int argc, char **argv, const char *name);

#endif
