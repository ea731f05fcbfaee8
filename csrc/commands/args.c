/* args.c: the argument cursor; see args.h. */
#include "commands/args.h"

#include "base/num.h"

void dbx_args_fail(dbx_args *a, const char *text) {
    if (a->error == NULL) a->error = text;
}

dbx_slice dbx_args_next(dbx_args *a) {
    if (a->at >= a->argc) {
        dbx_args_fail(a, DBX_SYNTAX_ERROR);
        return dbx_slice_of("", 0);
    }
    return a->argv[a->at++];
}

int64_t dbx_args_i64(dbx_args *a) {
    int64_t value = 0;
    dbx_slice text = dbx_args_next(a);
    if (!dbx_num_from_slice(text, &value)) dbx_args_fail(a, DBX_NOT_AN_INTEGER);
    return value;
}

double dbx_args_real(dbx_args *a) {
    double value = 0;
    dbx_slice text = dbx_args_next(a);
    if (!dbx_num_real_from_slice(text, &value)) dbx_args_fail(a, DBX_NOT_A_REAL);
    return value;
}

long double dbx_args_long_real(dbx_args *a) {
    long double value = 0;
    dbx_slice text = dbx_args_next(a);
    if (!dbx_num_long_real_from_slice(text, &value)) dbx_args_fail(a, DBX_NOT_A_REAL);
    return value;
}

bool dbx_args_word(dbx_args *a, const char *word) {
    if (a->at >= a->argc || !dbx_slice_eq_nocase(a->argv[a->at], dbx_slice_str(word))) return false;
    a->at++;
    return true;
}

bool dbx_args_ok(dbx_args *a, dbx_reply *out) {
    if (a->error == NULL) return true;
    dbx_reply_error(out, a->error);
    return false;
}

bool dbx_args_end(dbx_args *a, dbx_reply *out) {
    if (a->at < a->argc) dbx_args_fail(a, DBX_SYNTAX_ERROR);
    return dbx_args_ok(a, out);
}
