/* test_log.c: one line a message, whatever it says, and levels. */
#include "base/log.h"

#include <unistd.h>

#include "check.h"

/* What a call of dbx_log writes to stderr. */
static size_t logged(char *out, size_t room, dbx_log_level level, const char *text) {
    int pipes[2], saved = dup(STDERR_FILENO);
    if (pipe(pipes) != 0) abort();
    dup2(pipes[1], STDERR_FILENO);
    dbx_log(level, "%s", text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[1]);
    ssize_t len = read(pipes[0], out, room);
    close(pipes[0]);
    return len > 0 ? (size_t)len : 0;
}

TEST(a_message_is_one_line) {
    char out[4096];
    size_t len = logged(out, sizeof out, DBX_LOG_WARNING, "a\nb\x1b[c\x80");
    CHECK(len > 10 && out[len - 1] == '\n');
    CHECK(memchr(out, '\n', len - 1) == NULL);
    static const char want[] = " # a?b?[c\x80\n";
    size_t tail = sizeof want - 1;
    CHECK_BYTES(dbx_slice_of(out + len - tail, tail), dbx_slice_str(want));
}

TEST(long_messages_are_cut) {
    char text[3000], out[4096];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    size_t len = logged(out, sizeof out, DBX_LOG_NOTICE, text);
    CHECK(len <= DBX_LOG_LINE_MAX && len > DBX_LOG_LINE_MAX - 4 && out[len - 1] == '\n');
}

TEST(lower_levels_are_silent) {
    char out[4096];
    CHECK_EQ(dbx_log_get_level(), DBX_LOG_NOTICE);
    CHECK_EQ(logged(out, sizeof out, DBX_LOG_VERBOSE, "x"), 0);
    dbx_log_set_level(DBX_LOG_DEBUG);
    CHECK(logged(out, sizeof out, DBX_LOG_DEBUG, "x") > 0);
    dbx_log_set_level(DBX_LOG_NOTHING);
    CHECK_EQ(logged(out, sizeof out, DBX_LOG_WARNING, "x"), 0);
    dbx_log_set_level(DBX_LOG_NOTICE);
}
