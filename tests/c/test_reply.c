/* test_reply.c: what all sinks share: marks, rollbacks, conveniences, the bound on open containers.
 */
#include "codec/reply.h"

#include "check.h"
#include "codec/resp_write.h"

static dbx_reply reply;
static dbx_buf out;

static void begin(int version) {
    dbx_buf_free(&out);
    dbx_resp_sink(&reply, version, &out);
}

static void end(const char *want) {
    CHECK_TEXT(dbx_buf_slice(&out), want);
    CHECK_EQ(reply.depth, 0);
    CHECK(!out.failed);
    dbx_buf_free(&out);
}

static int destroyed;

static void destroy_source(dbx_source *source) {
    (void)source;
    destroyed++;
}

TEST(rollback_undoes_values_containers_errors_and_sources) {
    begin(3);
    reply.ops->open(&reply, DBX_ARRAY, DBX_UNKNOWN);
    reply.ops->integer(&reply, 1);
    dbx_reply_mark mark = dbx_reply_mark_take(&reply);
    reply.ops->open(&reply, DBX_MAP, DBX_UNKNOWN);
    dbx_reply_error(&reply, "ERR x");
    dbx_source source = {NULL, destroy_source};
    dbx_reply_stream(&reply, &source);
    (void)dbx_buf_reserve(&out, SIZE_MAX);
    CHECK(reply.errored && out.failed);
    dbx_reply_rollback(&reply, mark);
    CHECK(!reply.errored && !out.failed && reply.source == NULL);
    CHECK_EQ(destroyed, 1);
    reply.ops->integer(&reply, 2);
    reply.ops->close(&reply);
    end("*2\r\n:1\r\n:2\r\n");
}

TEST(too_many_open_containers_fail_the_buffer_and_nothing_else) {
    begin(3);
    for (int i = 0; i < DBX_REPLY_DEPTH_MAX + 3; i++) {
        reply.ops->open(&reply, DBX_ARRAY, DBX_UNKNOWN);
    }
    for (int i = 0; i < DBX_REPLY_DEPTH_MAX + 3; i++) {
        reply.ops->close(&reply);
    }
    CHECK(out.failed);
    CHECK_EQ(reply.depth, 0);
    dbx_buf_free(&out);
}

TEST(rollback_within_pairs_keeps_their_rhythm) {
    begin(3);
    reply.ops->open(&reply, DBX_PAIRS, DBX_UNKNOWN);
    dbx_reply_str(&reply, "k");
    dbx_reply_mark mark = dbx_reply_mark_take(&reply);
    dbx_reply_str(&reply, "dropped");
    dbx_reply_rollback(&reply, mark);
    dbx_reply_str(&reply, "v");
    reply.ops->close(&reply);
    end("*1\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
}

TEST(a_mark_forgets_earlier_errors) {
    begin(2);
    dbx_reply_error(&reply, "ERR x");
    CHECK(reply.errored);
    (void)dbx_reply_mark_take(&reply);
    CHECK(!reply.errored);
    dbx_buf_free(&out);
}

TEST(formatted_errors_have_any_length) {
    char name[2001];
    memset(name, 'n', sizeof name);
    name[2000] = '\0';
    begin(2);
    dbx_reply_errorf(&reply, "ERR unknown '%s'", name);
    CHECK_EQ(out.len, 1 + 13 + 2000 + 1 + 2);
    CHECK_EQ(out.ptr[0], '-');
    dbx_buf_free(&out);
}
