/* history.h: what a simulated program does to a database: turns of random commands, waiting,
 * stopping and starting; and what the database holds, to be compared.
 *
 * Commands are made from the command table's syntax, so that a new one takes part by itself. A
 * history is drawn whole before it runs: the same seed gives the same, and a part of it is one,
 * too.
 */
#ifndef DBX_TESTS_SIM_HISTORY_H
#define DBX_TESTS_SIM_HISTORY_H

#include <stdio.h>

#include "base/buf.h"
#include "base/rand.h"
#include "engine/local.h"

enum { HISTORY_WORDS_MAX = 24, HISTORY_DATABASES = 3, HISTORY_SETTINGS_MAX = 8 };

/* Of a command's result: most are committed in parts. */
enum { HISTORY_EARLY_BYTES = 256 };

typedef struct history_call {
    size_t argc;
    dbx_slice argv[HISTORY_WORDS_MAX];
} history_call;

typedef struct history_step {
    enum { HISTORY_TURN, HISTORY_WAIT, HISTORY_RESTART } kind;
    history_call *calls; /* of a turn: executed together, or as a transaction */
    size_t call_count;
    bool transaction;
    bool hasty; /* the next one does not wait until this turn is durable: another client's */
    int64_t wait_us;
    bool vacuum; /* before it waits */
} history_step;

typedef struct history {
    uint64_t seed;
    const char *durability;
    dbx_setting settings[HISTORY_SETTINGS_MAX];
    char texts[HISTORY_SETTINGS_MAX][24];
    history_step *steps;
    size_t step_count;
    size_t delta_bytes; /* see store/delta.h: 0: longer values alone are changed in part */
    size_t early_bytes; /* see store/early.h: 0: results are committed with their turns */
} history;

/* history_make draws one of `count` steps; what its steps hold lives as long as the program. A calm
 * one does the same however long its steps take and however often one is tried: nothing expires,
 * and no command draws lots. */
history *history_make(uint64_t seed, size_t count, bool calm);
/* history_without is a copy that lacks `count` steps from `from` on. Owned; shares the steps'. */
history *history_without(const history *h, size_t from, size_t count);
void history_free(history *h);
void history_print(const history *h, FILE *out);

/* --- What a database holds ----------------------------------------------------------------------
 */

typedef struct holding {
    uint64_t name, value; /* digests */
    int64_t expires_ms;   /* wall time; 0: never */
} holding;

typedef struct contents {
    holding *at; /* ordered */
    size_t count;
} contents;

void contents_free(contents *c);
/* contents_equal ignores what has expired at `now_ms`, or is about to; contents_alike ignores when
 * keys expire, but not whether they do. */
bool contents_equal(const contents *a, const contents *b, int64_t now_ms);
bool contents_alike(const contents *a, const contents *b);

/* --- A database in use --------------------------------------------------------------------------
 */

typedef struct world {
    dbx_local *local;
    dbx_session *session, *reader;
    bool durable;  /* the last turn's replies said that it survives power loss */
    char why[256]; /* what went wrong, or what the last turn was refused with; empty: nothing */
} world;

/* world_open opens the database in `dir` with a history's settings. */
bool world_open(world *w, const history *h, const char *dir);
/* world_close is a clean stop; false: not all was saved. */
bool world_close(world *w);
typedef enum world_result {
    WORLD_DONE,    /* its replies may be believed */
    WORLD_REFUSED, /* nothing of it was done, and w->why says why */
    WORLD_UNKNOWN, /* it was done, but may not survive */
    WORLD_UNSAID   /* it was done or not: there was no memory to say it */
} world_result;

/* world_vacuum waits for a VACUUM, whatever comes of it. */
void world_vacuum(world *w);
world_result world_turn(world *w, const history_step *step);
/* world_read reads everything, with checks of the counts; false: w->why says what is wrong. */
bool world_read(world *w, contents *out);

#endif
