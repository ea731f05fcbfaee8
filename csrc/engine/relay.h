/* relay.h: servers of other processes that have joined this one and pass their clients on to it.
 * (A program that has joined says RELAY PROGRAM, and is no more than dbx_session_calls.)
 *
 * Such a server comes by the data directory's socket, which is trusted, and says RELAY SERVER with
 * its settings for connections. For each of its clients it opens a connection that says RELAY
 * CLIENT and from then on is that client: as little trusted as it, held to that server's password
 * and limits, not to this process's. Everything here is guarded by the engine lock, but a relay's
 * settings never change, so that whoever has a session of it may read them without.
 */
#ifndef DBX_ENGINE_RELAY_H
#define DBX_ENGINE_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "codec/resp_read.h"
#include "engine/config.h"
#include "engine/engine.h"

typedef struct dbx_relay {
    dbx_config config; /* only settings that are DBX_SETTING_CONNECTION */
    dbx_resp_limits limits, limits_noauth;
    size_t refs; /* the server's own session and those of its clients */
    bool timed;  /* counted in engine->relays_timed */
} dbx_relay;

/* dbx_relay_new makes one with one reference and the initial settings; NULL: out of memory. */
dbx_relay *dbx_relay_new(void);
/* dbx_relay_settle is called when its settings are complete. */
void dbx_relay_settle(dbx_engine *engine, dbx_relay *relay);
/* dbx_relay_unref gives a reference back; NULL is fine. */
void dbx_relay_unref(dbx_engine *engine, dbx_relay *relay);

/* dbx_relay_limits are what the parser of requests needs of settings. */
void dbx_relay_limits(const dbx_config *config, dbx_resp_limits *limits,
                      dbx_resp_limits *limits_noauth);

#endif
