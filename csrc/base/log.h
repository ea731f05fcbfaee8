/* log.h: one-line messages on stderr, in Redis's form and with its levels. Any thread. */
#ifndef DBX_BASE_LOG_H
#define DBX_BASE_LOG_H

typedef enum dbx_log_level {
    DBX_LOG_DEBUG,
    DBX_LOG_VERBOSE,
    DBX_LOG_NOTICE,
    DBX_LOG_WARNING,
    DBX_LOG_NOTHING /* as a threshold only */
} dbx_log_level;

enum { DBX_LOG_LINE_MAX = 1024 }; /* longer messages are cut */

/* dbx_log_set_level lets messages of `level` and above through; DBX_LOG_NOTICE at start. */
void dbx_log_set_level(dbx_log_level level);
dbx_log_level dbx_log_get_level(void);

/* dbx_log writes one line: "pid date time mark message". Bytes that would break the line or the
 * terminal become '?'. */
__attribute__((format(printf, 2, 3))) void dbx_log(dbx_log_level level, const char *format, ...);

#endif
