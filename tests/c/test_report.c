/* test_report.c: the head of a report is what was written, and nothing else is taken for one. */
#include "server/report.h"

#include "check.h"

TEST(a_head_is_read_as_it_was_written) {
    uint8_t head[DBX_REPORT_HEAD_BYTES];
    const dbx_report written = {.flags = DBX_REPORT_RESTS | DBX_REPORT_STOP,
                                .state_bytes = DBX_REPORT_STATE_BYTES_MAX,
                                .reply_bytes = UINT64_MAX,
                                .received = UINT64_MAX - 1};
    dbx_report report;
    dbx_report_write(head, &written);
    CHECK(dbx_report_begins(head[0]));
    CHECK(dbx_report_read(head, &report));
    CHECK_EQ(report.flags, written.flags);
    CHECK_EQ(report.state_bytes, written.state_bytes);
    CHECK(report.reply_bytes == written.reply_bytes);
    CHECK(report.received == written.received);
}

TEST(a_reply_does_not_begin_as_a_head_does) {
    static const char kinds[] = "+-:$*_,#!=(%~>|";
    for (size_t i = 0; i < sizeof kinds - 1; i++)
        CHECK(!dbx_report_begins((uint8_t)kinds[i]));
}

TEST(a_state_that_would_be_too_long_is_refused) {
    uint8_t head[DBX_REPORT_HEAD_BYTES];
    const dbx_report written = {.state_bytes = DBX_REPORT_STATE_BYTES_MAX + 1};
    dbx_report report;
    dbx_report_write(head, &written);
    CHECK(!dbx_report_read(head, &report));
}
