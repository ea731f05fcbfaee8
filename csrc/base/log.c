/* log.c: one-line messages on stderr; see log.h. A line is one write, so lines never interleave. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int threshold = DBX_LOG_NOTICE;

void dbx_log_set_level(dbx_log_level level) {
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

dbx_log_level dbx_log_get_level(void) {
    return (dbx_log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

static size_t put_head(char *line, size_t room, dbx_log_level level) {
    static const char marks[] = ".-*#";
    struct timespec now;
    struct tm local;
    char date[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local) == NULL) memset(&local, 0, sizeof local);
    if (strftime(date, sizeof date, "%d %b %Y %H:%M:%S", &local) == 0) date[0] = '\0';
    int len = snprintf(line, room, "%ld:M %s.%03d %c ", (long)getpid(), date,
                       (int)(now.tv_nsec / 1000000), marks[level]);
    return len > 0 ? (size_t)len : 0;
}

void dbx_log(dbx_log_level level, const char *format, ...) {
    if (level < dbx_log_get_level() || level >= DBX_LOG_NOTHING) return;
    char line[DBX_LOG_LINE_MAX];
    size_t head = put_head(line, sizeof line / 2, level);
    size_t room = sizeof line - 1 - head; /* one byte for the newline */
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(line + head, room, format, args);
    va_end(args);
    if (wanted < 0) return;
    size_t len = head + ((size_t)wanted < room ? (size_t)wanted : room - 1);
    for (size_t i = head; i < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = '?';
    }
    line[len++] = '\n';
    ssize_t done = write(STDERR_FILENO, line, len);
    (void)done; /* a log that cannot be written has nowhere to say so */
}
