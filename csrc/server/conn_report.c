/* conn_report.c: a connection by which another process's server passes one of its clients on: its
 * replies leave with reports (report.h).
 *
 * Everything a turn, or a step of a streamed reply, adds to the output becomes one part; its head
 * is written before and filled in when the outcome is known, so nothing is told that was undone.
 */
#include <string.h>

#include "base/alloc.h"
#include "server/loop.h"
#include "server/report.h"

void dbx_conn_report_open(dbx_conn *conn) {
    dbx_conn_reports *reports = dbx_alloc_zero(1, sizeof *reports);
    /* What was said before would stand before the first head. */
    if (reports == NULL || conn->out.len != conn->turn_start || dbx_conn_pending(conn) > 0) {
        dbx_alloc_free(reports);
        dbx_conn_kill(conn);
        return;
    }
    dbx_loop_copy_settings(&reports->settings, dbx_session_config(conn->session));
    conn->reports = reports;
    conn->server->reporting++;
    dbx_conn_report_begin(conn);
}

void dbx_conn_report_close(dbx_conn *conn) {
    if (conn->reports == NULL) return;
    dbx_alloc_free(conn->reports);
    conn->reports = NULL;
    conn->server->reporting--;
}

void dbx_conn_report_begin(dbx_conn *conn) {
    static const uint8_t head[DBX_REPORT_HEAD_BYTES];
    if (conn->reports == NULL) return;
    dbx_buf_add(&conn->out, head, sizeof head);
    conn->head_bytes = sizeof head;
    conn->turn_start = conn->out.len;
}

/* All input is executed, all its replies are written, and the session has no more to it than its
 * state. */
static bool rests(const dbx_conn *conn) {
    bool all_used = conn->in.len == 0 && conn->request == NULL && conn->spool == NULL &&
                    !conn->skipping && !conn->backlog;
    return all_used && conn->stream == NULL && conn->parked_until_us == 0 && !conn->closing &&
           dbx_session_resting(conn->session);
}

void dbx_conn_report_end(dbx_conn *conn) {
    dbx_conn_reports *reports = conn->reports;
    if (reports == NULL || conn->head_bytes == 0 || conn->out.failed) return;
    size_t start = conn->turn_start - conn->head_bytes;
    bool resting = rests(conn), stops = dbx_session_stops(conn->session);
    uint64_t edits = dbx_session_edits(conn->session);
    dbx_report report = {.reply_bytes = conn->out.len - conn->turn_start};
    conn->turn_start = start;
    conn->head_bytes = 0;
    if (report.reply_bytes == 0 && !stops && (!resting || reports->told == conn->received)) {
        conn->out.len = start;
        return;
    }
    if (resting && edits != reports->edits) {
        size_t before = conn->out.len;
        dbx_session_print(conn->session, &conn->out);
        report.state_bytes = (uint32_t)(conn->out.len - before);
        report.flags |= DBX_REPORT_STATE;
        reports->edits = edits;
    }
    if (resting) {
        report.flags |= DBX_REPORT_RESTS;
        report.received = reports->told = conn->received;
    }
    if (stops) report.flags |= DBX_REPORT_STOP;
    if (conn->out.failed) {
        dbx_conn_kill(conn);
        return;
    }
    dbx_report_write(conn->out.ptr + start, &report);
}
