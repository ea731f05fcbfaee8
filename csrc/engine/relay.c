/* relay.c: the settings of servers that have joined, and how a client's state is told from one
 * owner to the next; see relay.h.
 *
 * A state is text: words such as "db=3" with blanks between them, and none for what is as in a new
 * connection. Names have no blanks (dbx_client_check_text).
 */
#include "engine/relay.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"
#include "engine/client.h"
#include "engine/session.h"
#include "engine/state.h"

/* --- Settings
 * -------------------------------------------------------------------------------------- */

void dbx_relay_limits(const dbx_config *config, dbx_resp_limits *limits,
                      dbx_resp_limits *limits_noauth) {
    uint64_t bulk_max = (uint64_t)config->proto_max_bulk_len;
    *limits = (dbx_resp_limits){.bulk_bytes_max = bulk_max < SIZE_MAX ? (size_t)bulk_max : SIZE_MAX,
                                .args_max = DBX_RESP_ARGS_MAX,
                                .inline_bytes_max = DBX_RESP_INLINE_BYTES_MAX};
    *limits_noauth = *limits;
    limits_noauth->unauthenticated = true;
}

dbx_relay *dbx_relay_new(void) {
    dbx_relay *relay = dbx_alloc_zero(1, sizeof *relay);
    if (relay == NULL) return NULL;
    if (dbx_config_init(&relay->config) != DBX_OK) {
        dbx_alloc_free(relay);
        return NULL;
    }
    relay->refs = 1;
    return relay;
}

void dbx_relay_settle(dbx_engine *engine, dbx_relay *relay) {
    dbx_relay_limits(&relay->config, &relay->limits, &relay->limits_noauth);
    relay->timed = relay->config.timeout_s != 0;
    if (!relay->timed) return;
    engine->relays_timed++;
    engine->timeouts_at_us = 0;
    engine->wake_on_unlock = true;
}

void dbx_relay_unref(dbx_engine *engine, dbx_relay *relay) {
    if (relay == NULL || --relay->refs > 0) return;
    if (relay->timed) engine->relays_timed--;
    dbx_config_free(&relay->config);
    dbx_alloc_free(relay);
}

const dbx_config *dbx_session_config(const dbx_session *session) {
    return session->relay != NULL ? &session->relay->config : &session->engine->config;
}

/* --- A client's state
 * ------------------------------------------------------------------------------ */

bool dbx_session_resting(const dbx_session *session) {
    return session->state.multi == NULL && !session->killed &&
           (session->state.reply == DBX_REPLY_ON || session->state.reply == DBX_REPLY_OFF);
}

static void print_text(dbx_buf *out, const char *name, const char *text) {
    if (text != NULL) dbx_buf_printf(out, "%s=%s ", name, text);
}

void dbx_session_print(const dbx_session *session, dbx_buf *out) {
    const dbx_session_state *state = &session->state;
    if (state->db != 0) dbx_buf_printf(out, "db=%" PRIu32 " ", state->db);
    if (state->resp != 2) dbx_buf_printf(out, "resp=%d ", (int)state->resp);
    if (state->authenticated) dbx_buf_str(out, "auth=yes ");
    if (state->reply == DBX_REPLY_OFF) dbx_buf_str(out, "reply=off ");
    if (state->no_evict) dbx_buf_str(out, "no-evict=on ");
    if (state->no_touch) dbx_buf_str(out, "no-touch=on ");
    print_text(out, "name", state->name);
    print_text(out, "lib-name", state->lib_name);
    print_text(out, "lib-ver", state->lib_ver);
}

static bool read_number(dbx_slice value, int64_t min, int64_t max, int64_t *number) {
    return dbx_num_from_slice(value, number) && *number >= min && *number <= max;
}

static bool read_text(dbx_session *session, char **field, dbx_slice value, int *rc) {
    if (value.len == 0 || value.len > DBX_SESSION_TEXT_MAX || *field != NULL) return false;
    *rc = dbx_session_put_text(session, field, value);
    return true;
}

/* One word of a state; false: it is none that this version knows. */
static bool read_word(dbx_session *session, dbx_slice name, dbx_slice value, int *rc) {
    dbx_session_state *state = &session->state;
    int64_t number;
    if (dbx_slice_eq(name, dbx_slice_str("db"))) {
        if (!read_number(value, 0, session->engine->config.databases - 1, &number)) return false;
        state->db = (uint32_t)number;
    } else if (dbx_slice_eq(name, dbx_slice_str("resp"))) {
        if (!read_number(value, 2, 3, &number)) return false;
        state->resp = (uint8_t)number;
    } else if (dbx_slice_eq(name, dbx_slice_str("auth"))) {
        state->authenticated = true;
    } else if (dbx_slice_eq(name, dbx_slice_str("reply"))) {
        state->reply = DBX_REPLY_OFF;
    } else if (dbx_slice_eq(name, dbx_slice_str("no-evict"))) {
        state->no_evict = true;
    } else if (dbx_slice_eq(name, dbx_slice_str("no-touch"))) {
        state->no_touch = true;
    } else if (dbx_slice_eq(name, dbx_slice_str("name"))) {
        return read_text(session, &state->name, value, rc);
    } else if (dbx_slice_eq(name, dbx_slice_str("lib-name"))) {
        return read_text(session, &state->lib_name, value, rc);
    } else if (dbx_slice_eq(name, dbx_slice_str("lib-ver"))) {
        return read_text(session, &state->lib_ver, value, rc);
    } else {
        return false;
    }
    return true;
}

static size_t find_byte(dbx_slice text, uint8_t byte) {
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.ptr, byte, text.len);
    return at == NULL ? text.len : (size_t)(at - text.ptr);
}

int dbx_session_restore(dbx_session *session, dbx_slice text) {
    int rc = DBX_OK;
    /* No savepoint: a turn that fails must not leave the client with a new connection's state. */
    while (text.len > 0 && rc == DBX_OK) {
        size_t end = find_byte(text, ' ');
        dbx_slice word = dbx_slice_of(text.ptr, end);
        size_t equals = find_byte(word, '=');
        text = end < text.len ? dbx_slice_of(text.ptr + end + 1, text.len - end - 1)
                              : dbx_slice_of(NULL, 0);
        if (equals == word.len) return DBX_EINVAL;
        if (!read_word(session, dbx_slice_of(word.ptr, equals),
                       dbx_slice_of(word.ptr + equals + 1, word.len - equals - 1), &rc))
            return DBX_EINVAL;
    }
    return rc;
}
