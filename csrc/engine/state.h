/* state.h: the engine's own state, for the files of engine/ alone; the rest sees engine.h.
 *
 * Everything here is guarded by `lock`, except what is marked.
 */
#ifndef DBX_ENGINE_STATE_H
#define DBX_ENGINE_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/version.h"
#include "codec/reply.h"
#include "codec/resp_read.h"
#include "engine/config.h"
#include "engine/engine.h"
#include "engine/multi.h"
#include "engine/session.h"
#include "engine/stats.h"
#include "store/store.h"
#include "store/txn.h"

#define DBX_REDIS_VERSION "8.0.2" /* the Redis whose behaviour is ours: clients ask for it */

/* A turn ends when it has done this much of anything (invariant 9, store/README.md). */
enum {
    DBX_TURN_COMMANDS_MAX = 16384,
    DBX_TURN_EFFECT_BYTES_MAX = 1 << 20,
    DBX_TURN_REPLY_BYTES_MAX = 8 << 20,
    DBX_TURN_US_MAX = 10000
};

/* Expired keys are removed in steps, so that nobody waits long for them. */
enum {
    DBX_EXPIRE_STEP_KEYS = 128,
    DBX_RECLAIM_STEP_ENTRIES = 256, /* in memory, the same */
    DBX_EXPIRE_RETRY_MS = 1000,
    DBX_HOLD_US_MIN = 200,    /* a command that waits for its spool asks again after this */
    DBX_APPLY_HOLD_US = 5000, /* one that waits for an apply */
    DBX_SAVE_FAILURES = 3,    /* of its apply: one for want of room has the ballast given up */
    DBX_SAVE_ASKS = 7         /* SAVE after twice that, then twice that, so many times: to 26 ms */
};
/* `timeout` is looked after this often, when it is set at all. */
enum { DBX_TIMEOUT_CHECK_MS = 1000 };

enum { DBX_RUN_ID_CHARS = 40 };

/* What one turn has done so far. */
typedef struct dbx_turn {
    uint64_t number;
    int64_t now_us; /* monotonic: when the last command ended */
    int64_t begun_us;
    int64_t write_us; /* spent in writing commands */
    uint32_t commands;
    size_t reply_bytes;
    uint32_t delay_us;  /* how long writers are held back */
    bool write_checked; /* refusal and refusal_code are known */
    int refusal_code;   /* why writes are refused, DBX_OK: they are not */
    dbx_error refusal;
} dbx_turn;

struct dbx_engine {
    pthread_mutex_t lock;
    dbx_store *store;
    dbx_txn *txn; /* NULL between turns */
    dbx_turn turn;
    dbx_config config;
    dbx_resp_limits limits, limits_noauth;
    dbx_stats stats;
    dbx_sessions sessions;
    dbx_session *saved_sessions; /* those the turn has changed */
    bool reclaim_asked;          /* in memory: by a VACUUM */
    uint64_t bgsave;             /* dbx_store_saved's number of the last BGSAVE */
    int64_t saved_at_s;          /* when SAVE or BGSAVE last found all saved; 0: not yet */
    int64_t clients_max;         /* as many as can be connected; 0: nobody has said */
    size_t relays_timed;         /* servers that have joined and have a timeout for their clients */
    bool shutdown_wanted;
    bool embedded; /* see dbx_engine_options */
    bool in_memory;
    char *listeners; /* owned: INFO server's listener lines */

    void (*wake)(void *arg); /* any thread */
    void *wake_arg;

    /* timed work: see dbx_engine_tick */
    int64_t expire_at_ms;    /* when the next key expires, database time; DBX_NO_EXPIRY: never */
    int64_t expire_ahead_ms; /* the distance of the clocks for which that holds */
    bool expire_unknown;     /* expire_at_ms has to be asked for */
    int64_t expire_retry_us; /* after a failure: not before */
    int64_t timeouts_at_us;  /* next look at idle clients */
    int64_t tick_at_ms;      /* the transport looks again then, database time; INT64_MAX: never */
    bool wake_on_unlock;     /* and has to be told that this is too late */

    /* figures */
    int64_t started_s, started_us;
    char run_id[DBX_RUN_ID_CHARS + 1];
};

/* dbx_engine_settings_changed brings everything derived from settings up to date. */
void dbx_engine_settings_changed(dbx_engine *engine);
/* dbx_engine_now_us is the monotonic time of the running command, without reading a clock. */
static inline int64_t dbx_engine_now_us(const dbx_engine *engine) {
    return engine->turn.now_us;
}

/* dbx_engine_saved_s is LASTSAVE's answer: when the last apply ended or a save found nothing to do,
 * or when the engine was opened. */
static inline int64_t dbx_engine_saved_s(const dbx_engine *engine, const dbx_store_info *store) {
    int64_t at_s = store->apply_last_at_s;
    if (engine->saved_at_s > at_s) at_s = engine->saved_at_s;
    return at_s != 0 ? at_s : engine->started_s;
}

/* The calls of a replay (dbx_replay_calls), whose argument is this. */
typedef struct dbx_replayer {
    dbx_engine *engine;
    dbx_buf text; /* the last reply, read only when it is an error */
    dbx_reply reply;
} dbx_replayer;
int dbx_dispatch_replay(void *replayer, dbx_txn *txn, uint32_t db, size_t argc,
                        const dbx_slice *argv, dbx_error *error);
void dbx_dispatch_replay_keys(void *replayer, size_t argc, const dbx_slice *argv,
                              dbx_replay_found_fn *found, void *found_arg);

/* dbx_dispatch_queued runs a command of a transaction; its reply is an element of EXEC's, null when
 * CLIENT REPLY silenced it. `mark` was taken before it. Returns DBX_OK or DBX_RUN_CLOSE. */
int dbx_dispatch_queued(dbx_engine *engine, dbx_session *session, const dbx_multi_call *call,
                        dbx_reply *out, dbx_reply_mark mark);

/* The families of engine/. */
extern const dbx_command dbx_cmd_connection[];
extern const dbx_command dbx_cmd_client[];
extern const dbx_command dbx_cmd_config[];
extern const dbx_command dbx_cmd_server[];
extern const dbx_command dbx_cmd_multi[];
extern const dbx_command dbx_cmd_memory[];
extern const dbx_command dbx_cmd_vacuum[];
extern const dbx_command dbx_cmd_relay[];

#endif
