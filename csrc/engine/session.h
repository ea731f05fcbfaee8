/* session.h: who talks to the engine: a client's own state, and the registry of all clients.
 *
 * What commands change of a session (selected database, protocol, name, user, reply mode) lives in
 * dbx_session_state and has a savepoint per turn: a handler calls dbx_session_edit() before it
 * changes anything, and a failed turn puts the state back. Guarded by the engine lock.
 */
#ifndef DBX_ENGINE_SESSION_H
#define DBX_ENGINE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "commands/command.h"
#include "engine/engine.h"
#include "engine/multi.h"

enum { DBX_SESSION_TEXT_MAX = 4096 }; /* bytes of a client name, library name or version */

typedef enum dbx_reply_mode {
    DBX_REPLY_ON,
    DBX_REPLY_OFF,
    DBX_REPLY_SKIP,     /* the command that comes now says nothing */
    DBX_REPLY_SKIP_NEXT /* CLIENT REPLY SKIP is running; becomes SKIP when it is done */
} dbx_reply_mode;

typedef struct dbx_session_state {
    uint32_t db;
    uint8_t resp;
    uint8_t reply; /* dbx_reply_mode */
    bool authenticated, no_evict, no_touch;
    bool aborted;                    /* EXEC will refuse: a command could not be queued */
    char *name, *lib_name, *lib_ver; /* owned; NULL: none */
    dbx_multi *multi;                /* owned; NULL: not in a transaction */
    size_t queued;                   /* calls in it */
} dbx_session_state;

struct dbx_session {
    dbx_engine *engine;
    uint64_t id;
    dbx_session_state state;
    dbx_session_state *saved; /* owned: as the turn found it; NULL while nothing was changed */
    dbx_session *next_saved;  /* in engine->saved_sessions */
    char *peer, *local;       /* owned */
    int fd;
    bool trusted, remote;     /* as in dbx_session_options */
    bool killed;              /* CLIENT KILL or a timeout has asked the transport to close */
    bool calls;               /* a program's: every command is answered, in RESP3, as in local.h */
    bool stops;               /* SHUTDOWN of the server that relays it was executed */
    struct dbx_relay *relay;  /* a reference: it is a client of that server; NULL: of this one */
    struct dbx_relay *serves; /* a reference: it is that server; NULL: it is a client */
    uint64_t edits;           /* how often the state was opened for changes */
    void *transport;
    void (*kill)(void *transport, bool now);
    dbx_session_measure_fn *measure;      /* NULL: nothing to measure */
    int64_t opened_us, active_us;         /* dbx_clock_mono_us */
    const struct dbx_command_stats *last; /* the last command, NULL: none yet */
    int64_t held_until_us;                /* a write is held back until then; 0: none */
    uint64_t paid_turn;                   /* the delay was waited for: this turn's writes may run */
    struct {
        uint32_t asked; /* how often it has asked whether its SAVE is done; 0: it runs none */
        uint64_t number, failures; /* dbx_store_saved's, and applies that had failed before */
    } save;
    struct {
        uint64_t number, failures; /* the same, of the apply that its command waits for; 0: none */
    } apply;
    struct {
        uint32_t asked;   /* how often it has asked whether its VACUUM is done; 0: it runs none */
        unsigned phase;   /* see cmd_vacuum.c */
        int64_t begun_ms; /* database time: what has expired by then is to be gone */
        uint64_t number;  /* dbx_store_saved's, then dbx_store_vacuumed's */
        uint64_t failures, expired, reclaimed, file_bytes; /* figures from before it */
    } vacuum;
    bool together; /* what it sends now is one turn, as if in a transaction: see local.h */
};

/* The registry: open sessions in the order of their ids. */
typedef struct dbx_sessions {
    dbx_session **at; /* owned array, not the sessions */
    size_t count, cap;
    uint64_t last_id;
} dbx_sessions;

dbx_session *dbx_session_find(const dbx_sessions *sessions, uint64_t id); /* NULL: not open */

/* dbx_session_edit returns the state for changing; NULL when out of memory. */
dbx_session_state *dbx_session_edit(dbx_session *session);
/* dbx_session_put_text replaces one of the state's texts by a copy, or by none when `text` is
 * empty. Between edit and the end of the turn. DBX_OK or DBX_ENOMEM. */
int dbx_session_put_text(dbx_session *session, char **field, dbx_slice text);
/* dbx_session_reset puts the state back to a new connection's (RESET); false: out of memory. */
bool dbx_session_reset(dbx_session *session);

/* dbx_session_turn_done keeps or takes back what the turn changed in all sessions. A turn that
 * failed has answered every command with an error: EXEC and DISCARD have ended their transaction
 * all the same, and one that was to be added to is lost. */
typedef enum dbx_turn_outcome {
    DBX_TURN_KEPT,
    DBX_TURN_FAILED,
    DBX_TURN_AGAIN /* nothing was answered: its commands come again */
} dbx_turn_outcome;
void dbx_session_turn_done(dbx_engine *engine, dbx_turn_outcome outcome);

/* dbx_session_is_process: it came by the data directory's socket, and so may say what is internal.
 */
bool dbx_session_is_process(const dbx_session *session);
/* dbx_session_relay makes it a client of `relay`'s server, with that one's addresses, whatever it
 * returns: DBX_OK; DBX_ENOMEM; DBX_EINVAL: it has been used for something else before. */
int dbx_session_relay(dbx_session *session, struct dbx_relay *relay, dbx_slice peer,
                      dbx_slice local);

/* dbx_session_needs_auth: only commands for everybody may run. */
bool dbx_session_needs_auth(const dbx_session *session);

/* dbx_session_kill asks the transport to close; false when it cannot be asked (in-process). */
bool dbx_session_kill(dbx_session *session, bool now);

#endif
