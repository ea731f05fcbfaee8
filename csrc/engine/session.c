/* session.c: sessions: opening, finding, changing and undoing; see session.h. */
#include "engine/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "engine/relay.h"
#include "engine/state.h"

/* --- The registry --------------------------------------------------------------------------------
 */

/* Ids grow, so the array is sorted: the place of `id`, or where it would be. */
static size_t place_of(const dbx_sessions *sessions, uint64_t id) {
    size_t low = 0, high = sessions->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sessions->at[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

dbx_session *dbx_session_find(const dbx_sessions *sessions, uint64_t id) {
    size_t place = place_of(sessions, id);
    return place < sessions->count && sessions->at[place]->id == id ? sessions->at[place] : NULL;
}

static int enlist(dbx_sessions *sessions, dbx_session *session) {
    dbx_session **at =
        dbx_alloc_room(sessions->at, &sessions->cap, sessions->count + 1, sizeof *at);
    if (at == NULL) return DBX_ENOMEM;
    sessions->at = at;
    session->id = ++sessions->last_id;
    sessions->at[sessions->count++] = session;
    return DBX_OK;
}

static void strike(dbx_sessions *sessions, uint64_t id) {
    size_t place = place_of(sessions, id);
    sessions->count--;
    memmove(&sessions->at[place], &sessions->at[place + 1],
            (sessions->count - place) * sizeof sessions->at[0]);
}

/* --- Opening and closing -------------------------------------------------------------------------
 */

static char *copy_text(const char *ptr, size_t len) {
    char *copy = dbx_alloc(len + 1);
    if (copy == NULL) return NULL;
    if (len > 0) memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

static char *copy_option(const char *text) {
    if (text == NULL) text = "";
    return copy_text(text, strlen(text));
}

static void free_state(dbx_session_state *state) {
    dbx_alloc_free(state->name);
    dbx_alloc_free(state->lib_name);
    dbx_alloc_free(state->lib_ver);
    dbx_multi_free(state->multi);
}

static void free_session(dbx_session *session) {
    free_state(&session->state);
    dbx_alloc_free(session->peer);
    dbx_alloc_free(session->local);
    dbx_alloc_free(session);
}

/* Transports turn new clients of other machines away in protected mode. One that was there before
 * the password went, and has not given it, is not let in by that. */
static bool open_to_all(const dbx_session *session) {
    const dbx_config *config = dbx_session_config(session);
    if (session->trusted) return true;
    return config->requirepass[0] == '\0' && !(session->remote && dbx_config_guarded(config));
}

dbx_session *dbx_session_open(dbx_engine *engine, const dbx_session_options *options) {
    dbx_session *session = dbx_alloc_zero(1, sizeof *session);
    if (session == NULL) return NULL;
    session->engine = engine;
    session->trusted = options->trusted;
    session->remote = options->remote;
    session->fd = options->fd;
    session->transport = options->transport;
    session->kill = options->kill;
    session->state.resp = 2;
    session->state.authenticated = open_to_all(session);
    session->opened_us = session->active_us = dbx_clock_mono_us();
    session->peer = copy_option(options->peer);
    session->local = copy_option(options->local);
    if (session->peer == NULL || session->local == NULL ||
        enlist(&engine->sessions, session) != DBX_OK) {
        free_session(session);
        return NULL;
    }
    engine->stats.connections++;
    return session;
}

/* Undoes what the turn did to a transaction that was open before it. */
static void settle_multi(dbx_session_state *kept, const dbx_session_state *gone,
                         dbx_turn_outcome outcome) {
    if (kept->multi == NULL) return;
    if (outcome == DBX_TURN_FAILED && gone->multi != kept->multi) {
        dbx_multi_free(kept->multi);
        kept->multi = NULL;
        kept->queued = 0;
        kept->aborted = false;
        return;
    }
    dbx_multi_keep(kept->multi, kept->queued);
    if (outcome == DBX_TURN_FAILED) kept->aborted = true;
}

/* Forgets the savepoint: keeps the state as it is, or goes back to it. A text or transaction that
 * was not replaced is shared by both and must survive. */
static void settle(dbx_session *session, dbx_turn_outcome outcome) {
    bool undo = outcome != DBX_TURN_KEPT;
    dbx_session_state kept = undo ? *session->saved : session->state;
    dbx_session_state gone = undo ? session->state : *session->saved;
    if (undo) settle_multi(&kept, &gone, outcome);
    if (gone.multi == kept.multi) gone.multi = NULL;
    if (gone.name == kept.name) gone.name = NULL;
    if (gone.lib_name == kept.lib_name) gone.lib_name = NULL;
    if (gone.lib_ver == kept.lib_ver) gone.lib_ver = NULL;
    free_state(&gone);
    session->state = kept;
    dbx_alloc_free(session->saved);
    session->saved = NULL;
}

void dbx_session_turn_done(dbx_engine *engine, dbx_turn_outcome outcome) {
    dbx_session *next;
    for (dbx_session *session = engine->saved_sessions; session != NULL; session = next) {
        next = session->next_saved;
        settle(session, outcome);
    }
    engine->saved_sessions = NULL;
}

void dbx_session_close(dbx_session *session) {
    dbx_engine *engine = session->engine;
    if (session->saved != NULL) {
        dbx_session **link = &engine->saved_sessions;
        while (*link != session)
            link = &(*link)->next_saved;
        *link = session->next_saved;
        settle(session, DBX_TURN_KEPT);
    }
    strike(&engine->sessions, session->id);
    dbx_relay_unref(engine, session->relay);
    dbx_relay_unref(engine, session->serves);
    free_session(session);
}

bool dbx_session_is_process(const dbx_session *session) {
    return session->trusted && session->kill != NULL;
}

int dbx_session_relay(dbx_session *session, dbx_relay *relay, dbx_slice peer, dbx_slice local) {
    char *own_peer = copy_text((const char *)peer.ptr, peer.len);
    char *own_local = copy_text((const char *)local.ptr, local.len);
    bool used = session->edits > 0 || session->relay != NULL || session->serves != NULL;
    session->trusted = false;
    if (used || own_peer == NULL || own_local == NULL) {
        dbx_alloc_free(own_peer);
        dbx_alloc_free(own_local);
        return used ? DBX_EINVAL : DBX_ENOMEM;
    }
    dbx_alloc_free(session->peer);
    dbx_alloc_free(session->local);
    session->peer = own_peer;
    session->local = own_local;
    session->relay = relay;
    relay->refs++;
    session->state.authenticated = open_to_all(session);
    return DBX_OK;
}

/* --- Changing
 * ---------------------------------------------------------------------------------------- */

dbx_session_state *dbx_session_edit(dbx_session *session) {
    session->edits++;
    if (session->saved == NULL) {
        session->saved = dbx_alloc(sizeof *session->saved);
        if (session->saved == NULL) return NULL;
        *session->saved = session->state;
        session->next_saved = session->engine->saved_sessions;
        session->engine->saved_sessions = session;
    }
    return &session->state;
}

/* Whether the savepoint still needs this text. */
static bool text_is_saved(const dbx_session *session, const char *text) {
    const dbx_session_state *saved = session->saved;
    return text == saved->name || text == saved->lib_name || text == saved->lib_ver;
}

int dbx_session_put_text(dbx_session *session, char **field, dbx_slice text) {
    char *copy = NULL;
    if (text.len > 0) {
        copy = copy_text((const char *)text.ptr, text.len);
        if (copy == NULL) return DBX_ENOMEM;
    }
    if (*field != NULL && !text_is_saved(session, *field)) dbx_alloc_free(*field);
    *field = copy;
    return DBX_OK;
}

bool dbx_session_reset(dbx_session *session) {
    dbx_session_state *state = dbx_session_edit(session);
    if (state == NULL) return false;
    (void)dbx_session_put_text(session, &state->name, dbx_slice_of(NULL, 0)); /* needs no memory */
    dbx_multi_end(session);
    state->db = 0;
    state->resp = 2;
    if (state->reply != DBX_REPLY_SKIP)
        state->reply = DBX_REPLY_ON; /* as Redis: SKIP skips RESET */
    state->no_evict = state->no_touch = false;
    state->authenticated = open_to_all(session);
    return true;
}

bool dbx_session_needs_auth(const dbx_session *session) {
    return !session->state.authenticated && !open_to_all(session);
}

bool dbx_session_kill(dbx_session *session, bool now) {
    if (session->kill == NULL) return false;
    session->killed = true;
    session->kill(session->transport, now);
    return true;
}

int dbx_session_resp(const dbx_session *session) {
    return session->calls ? 3 : session->state.resp;
}

bool dbx_session_calls(const dbx_session *session) {
    return session->calls;
}

void dbx_session_refused(dbx_session *session) {
    if (session->state.multi != NULL) session->state.aborted = true;
}

uint64_t dbx_session_edits(const dbx_session *session) {
    return session->edits;
}

bool dbx_session_stops(const dbx_session *session) {
    return session->stops;
}

void dbx_session_active(dbx_session *session) {
    session->active_us = session->engine->turn.now_us;
}

void dbx_session_set_measure(dbx_session *session, dbx_session_measure_fn *measure) {
    session->measure = measure;
}
