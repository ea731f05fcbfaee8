/* multi.c: the queue of a transaction; see multi.h. */
#include "engine/multi.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/session.h"
#include "store/spool.h"

dbx_multi *dbx_multi_new(void) {
    return dbx_alloc_zero(1, sizeof(dbx_multi));
}

static void free_calls(dbx_multi_call *call) {
    while (call != NULL) {
        dbx_multi_call *next = call->next;
        if (call->input != NULL) dbx_spool_unref(call->input);
        dbx_alloc_free(call);
        call = next;
    }
}

void dbx_multi_free(dbx_multi *multi) {
    if (multi == NULL) return;
    free_calls(multi->first);
    dbx_alloc_free(multi);
}

static void append(dbx_multi *multi, dbx_multi_call *call) {
    if (multi->last != NULL) {
        multi->last->next = call;
    } else {
        multi->first = call;
    }
    multi->last = call;
    multi->bytes += call->bytes;
    multi->spooled += call->spooled;
    multi->flags |= call->row->flags;
}

void dbx_multi_keep(dbx_multi *multi, size_t count) {
    dbx_multi_call *call = multi->first;
    *multi = (dbx_multi){.bytes = 0};
    for (; call != NULL && count > 0; count--) {
        dbx_multi_call *next = call->next;
        call->next = NULL;
        append(multi, call);
        call = next;
    }
    free_calls(call);
}

static bool stays(dbx_spool *input, dbx_slice arg) {
    return input != NULL && dbx_spool_holds(input, arg);
}

/* Counts what a call would take; false: more than there may be. */
static bool measure(const dbx_multi *multi, dbx_multi_call *call, const dbx_slice *argv,
                    uint64_t bytes_max) {
    enum { ARGS_MAX = DBX_MULTI_BYTES_MAX / sizeof(dbx_slice) };
    uint64_t bytes = multi->bytes + sizeof *call, spooled = multi->spooled;
    if (call->argc > ARGS_MAX) return false;
    bytes += call->argc * sizeof *argv;
    for (size_t i = 0; i < call->argc; i++)
        *(stays(call->input, argv[i]) ? &spooled : &bytes) += argv[i].len;
    if (bytes > DBX_MULTI_BYTES_MAX || spooled > bytes_max || bytes > bytes_max - spooled)
        return false;
    call->bytes = (size_t)bytes - multi->bytes;
    call->spooled = (size_t)spooled - multi->spooled;
    return true;
}

int dbx_multi_add(dbx_multi *multi, const dbx_command *row, size_t argc, const dbx_slice *argv,
                  dbx_spool *input, uint64_t bytes_max) {
    dbx_multi_call head = {.row = row, .input = input, .argc = argc};
    if (!measure(multi, &head, argv, bytes_max)) return DBX_ELIMIT;
    dbx_multi_call *call = dbx_alloc(head.bytes);
    if (call == NULL) return DBX_ENOMEM;
    *call = head;
    uint8_t *at = (uint8_t *)&call->argv[argc];
    for (size_t i = 0; i < argc; i++) {
        call->argv[i] = argv[i];
        if (stays(input, argv[i])) continue;
        if (argv[i].len > 0) memcpy(at, argv[i].ptr, argv[i].len);
        call->argv[i].ptr = at;
        at += argv[i].len;
    }
    if (input != NULL) dbx_spool_ref(input);
    append(multi, call);
    return DBX_OK;
}

void dbx_multi_end(dbx_session *session) {
    dbx_session_state *state = &session->state;
    /* What a failed turn may bring back is freed when the turn is done. Without memory for the
     * savepoint nothing is brought back. */
    (void)dbx_session_edit(session);
    if (session->saved == NULL || session->saved->multi != state->multi)
        dbx_multi_free(state->multi);
    state->multi = NULL;
    state->queued = 0;
    state->aborted = false;
}
