/* client.c: printing and selecting sessions; see client.h. */
#include "engine/client.h"

#include <inttypes.h>
#include <string.h>

#include "engine/auth.h"
#include "engine/state.h"

bool dbx_client_check_text(dbx_slice text, dbx_slice what, dbx_reply *out) {
    bool plain = text.len <= DBX_SESSION_TEXT_MAX;
    for (size_t i = 0; plain && i < text.len; i++)
        plain = text.ptr[i] >= '!' && text.ptr[i] <= '~';
    if (plain) return true;
    dbx_reply_errorf(out, "ERR %.*s cannot contain spaces, newlines or special characters.",
                     (int)what.len, (const char *)what.ptr);
    return false;
}

/* --- Printing
 * -------------------------------------------------------------------------------------- */

/* One letter a property, in the order of Redis's catClientInfoString. */
static void print_flags(const dbx_session *session, bool closing, dbx_buf *out) {
    size_t before = out->len;
    if (session->state.multi != NULL) dbx_buf_byte(out, 'x');
    if (closing) dbx_buf_byte(out, 'c');
    if (session->killed) dbx_buf_byte(out, 'A');
    if (session->peer[0] == '/') dbx_buf_byte(out, 'U');
    if (session->state.no_evict) dbx_buf_byte(out, 'e');
    if (session->state.no_touch) dbx_buf_byte(out, 'T');
    if (out->len == before) dbx_buf_byte(out, 'N');
}

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

void dbx_client_print(const dbx_session *session, dbx_buf *out) {
    const dbx_session_state *state = &session->state;
    int64_t now_us = dbx_engine_now_us(session->engine);
    dbx_session_buffers b = {0};
    if (session->measure != NULL) session->measure(session->transport, &b);
    int64_t queued = state->multi != NULL ? (int64_t)state->queued : -1;
    size_t queue_bytes = state->multi != NULL ? state->multi->bytes : 0;
    size_t memory = sizeof *session + b.input + b.input_free + b.output_room + queue_bytes;
    dbx_buf_printf(
        out, "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%" PRId64 " idle=%" PRId64,
        session->id, session->peer, session->local, session->fd, or_empty(state->name),
        (now_us - session->opened_us) / 1000000, (now_us - session->active_us) / 1000000);
    dbx_buf_str(out, " flags=");
    print_flags(session, b.closing, out);
    dbx_buf_printf(out,
                   " db=%" PRIu32 " sub=0 psub=0 ssub=0 multi=%" PRId64
                   " watch=0 qbuf=%zu qbuf-free=%zu"
                   " argv-mem=0 multi-mem=%zu rbs=%zu rbp=%zu obl=%zu oll=0 omem=0 tot-mem=%zu"
                   " events=%s",
                   state->db, queued, b.input, b.input_free, queue_bytes, b.output_room,
                   b.output_room, b.output, memory, b.writing ? "rw" : "r");
    dbx_buf_printf(out, " cmd=%s user=%s redir=-1 resp=%d lib-name=%s lib-ver=%s io-thread=0",
                   session->last != NULL ? session->last->row->name : "NULL", DBX_AUTH_USER,
                   (int)state->resp, or_empty(state->lib_name), or_empty(state->lib_ver));
}

/* --- Selecting
 * ------------------------------------------------------------------------------------- */

int dbx_client_class(dbx_slice name) {
    static const struct {
        const char *name;
        int class;
    } names[] = {{"normal", DBX_CLASS_NORMAL},
                 {"slave", DBX_CLASS_REPLICA},
                 {"replica", DBX_CLASS_REPLICA},
                 {"pubsub", DBX_CLASS_PUBSUB},
                 {"master", DBX_CLIENT_MASTER}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (dbx_slice_eq_nocase(dbx_slice_str(names[i].name), name)) return names[i].class;
    }
    return DBX_CLIENT_ANY;
}

static bool text_matches(dbx_slice wanted, const char *text) {
    return wanted.ptr == NULL || dbx_slice_eq(wanted, dbx_slice_str(text));
}

bool dbx_client_matches(const dbx_client_filter *filter, const dbx_session *session,
                        const dbx_session *me) {
    int64_t age_s = (dbx_engine_now_us(session->engine) - session->opened_us) / 1000000;
    if (filter->id != 0 && filter->id != session->id) return false;
    if (filter->skip_me && session == me) return false;
    /* Every session is a normal one: there are no replicas and no subscribers. */
    if (filter->class != DBX_CLIENT_ANY && filter->class != DBX_CLASS_NORMAL) return false;
    if (filter->age_s > 0 && age_s < filter->age_s) return false;
    return text_matches(filter->addr, session->peer) && text_matches(filter->laddr, session->local);
}
