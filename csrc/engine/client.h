/* client.h: sessions as CLIENT LIST prints and CLIENT KILL selects them. */
#ifndef DBX_ENGINE_CLIENT_H
#define DBX_ENGINE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "commands/args.h"
#include "engine/session.h"

/* dbx_client_check_text checks a name: no blanks, nothing unprintable, at most DBX_SESSION_TEXT_MAX
 * bytes. False: the error, which begins with `what`, is written. */
bool dbx_client_check_text(dbx_slice text, dbx_slice what, dbx_reply *out);

/* dbx_client_print appends one line of CLIENT LIST, without its newline. */
void dbx_client_print(const dbx_session *session, dbx_buf *out);

/* What CLIENT KILL and CLIENT LIST select by; what was not given matches everything. */
typedef struct dbx_client_filter {
    uint64_t id;           /* 0: any */
    dbx_slice addr, laddr; /* NULL pointer: any */
    int class;             /* DBX_CLASS_*, or one of the two below */
    int64_t age_s;         /* older than this; 0: any */
    bool skip_me;
} dbx_client_filter;

enum { DBX_CLIENT_ANY = -1, DBX_CLIENT_MASTER = -2 };

/* dbx_client_class reads a type's name: DBX_CLASS_*, DBX_CLIENT_MASTER, or DBX_CLIENT_ANY for none.
 */
int dbx_client_class(dbx_slice name);
bool dbx_client_matches(const dbx_client_filter *filter, const dbx_session *session,
                        const dbx_session *me);

#endif
