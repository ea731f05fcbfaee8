/* args.h: a cursor over a command's arguments that latches the first error.
 *
 * A handler takes its arguments one after the other without testing each, then asks dbx_args_ok()
 * once; the first error found (in Redis's words) has then been written to the reply.
 */
#ifndef DBX_COMMANDS_ARGS_H
#define DBX_COMMANDS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "codec/reply.h"

typedef struct dbx_args {
    const dbx_slice *argv; /* argv[0] is the command's name; a subcommand's is argv[1] */
    size_t argc;
    size_t at;         /* next argument; at first the one after the name */
    const char *error; /* first error, NULL while all is well; static text */
} dbx_args;

#define DBX_SYNTAX_ERROR "ERR syntax error"
#define DBX_NOT_AN_INTEGER "ERR value is not an integer or out of range"
#define DBX_RANGE_ERROR                                                                            \
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
#define DBX_NOT_A_REAL "ERR value is not a valid float"

static inline size_t dbx_args_left(const dbx_args *a) {
    return a->argc - a->at;
}
dbx_slice dbx_args_next(dbx_args *a); /* "syntax error" when there is none */
int64_t dbx_args_i64(dbx_args *a);    /* "value is not an integer or out of range" */
double dbx_args_real(dbx_args *a);    /* "value is not a valid float" */
long double dbx_args_long_real(dbx_args *a);
/* dbx_args_word takes the next argument if it is `word` (upper case given, any case matched). */
bool dbx_args_word(dbx_args *a, const char *word);
/* dbx_args_fail latches `text` ("ERR ..." in full) unless an error is there already. */
void dbx_args_fail(dbx_args *a, const char *text);
/* dbx_args_ok is true when nothing failed; otherwise it writes the error. */
bool dbx_args_ok(dbx_args *a, dbx_reply *out);
/* dbx_args_end is dbx_args_ok, and also fails with a syntax error when arguments are left. */
bool dbx_args_end(dbx_args *a, dbx_reply *out);

#endif
