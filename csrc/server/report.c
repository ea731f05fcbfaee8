/* report.c: the head's bytes; see report.h.
 *
 *     'R' | flags << 8 u32   state_bytes u32   reply_bytes u64   received u64     little-endian,
 *
 * with the top bit of the first byte set.
 */
#include "server/report.h"

#include "base/bytes.h"

enum { MARK = 'R' | 0x80 };

void dbx_report_write(uint8_t head[DBX_REPORT_HEAD_BYTES], const dbx_report *report) {
    dbx_store32(head, (uint32_t)MARK | report->flags << 8);
    dbx_store32(head + 4, report->state_bytes);
    dbx_store64(head + 8, report->reply_bytes);
    dbx_store64(head + 16, report->received);
}

bool dbx_report_begins(uint8_t byte) {
    return byte == MARK;
}

bool dbx_report_read(const uint8_t head[DBX_REPORT_HEAD_BYTES], dbx_report *report) {
    report->flags = dbx_load32(head) >> 8;
    report->state_bytes = dbx_load32(head + 4);
    report->reply_bytes = dbx_load64(head + 8);
    report->received = dbx_load64(head + 16);
    return dbx_report_begins(head[0]) && report->state_bytes <= DBX_REPORT_STATE_BYTES_MAX;
}
