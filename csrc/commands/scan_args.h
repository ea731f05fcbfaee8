/* scan_args.h: what SCAN, HSCAN, SSCAN and ZSCAN share: arguments, patterns, the reply. */
#ifndef DBX_COMMANDS_SCAN_ARGS_H
#define DBX_COMMANDS_SCAN_ARGS_H

#include "base/buf.h"
#include "commands/command.h"
#include "store/format.h"

enum {
    DBX_SCAN_COUNT_DEFAULT = 10,
    DBX_SCAN_COUNT_MAX = 10000,  /* what one call looks at, whatever its COUNT */
    DBX_SCAN_BYTES_MAX = 1 << 20 /* bytes found after which a call ends */
};

/* Cursors of HSCAN, SSCAN and ZSCAN are hashes, which are below this. */
#define DBX_SCAN_HASH_END ((uint64_t)1 << (8 * DBX_MEMBER_HASH_BYTES))

/* Options that only one of them has. */
enum dbx_scan_option { DBX_SCAN_PLAIN = 0, DBX_SCAN_TYPE = 1, DBX_SCAN_NOVALUES = 2 };

typedef struct dbx_scan_args {
    uint64_t cursor;
    dbx_slice match; /* "*" unless given */
    int64_t count;
    bool typed, novalues;
    uint8_t type; /* with `typed`; 0: a type that nothing has */
} dbx_scan_args;

static inline dbx_scan_args dbx_scan_args_default(void) {
    return (dbx_scan_args){.match = dbx_slice_of("*", 1), .count = DBX_SCAN_COUNT_DEFAULT};
}

/* dbx_scan_cursor takes the cursor; on failure the error is replied. */
bool dbx_scan_cursor(dbx_args *args, dbx_scan_args *s, dbx_reply *out);
/* dbx_scan_options takes the rest; `extra`: a set of enum dbx_scan_option. COUNT is at most
 * DBX_SCAN_COUNT_MAX afterwards. On failure the error is replied. */
bool dbx_scan_options(dbx_args *args, unsigned extra, dbx_scan_args *s, dbx_reply *out);
/* dbx_scan_matches says whether a name fits the pattern. "*" fits every name, where a glob alone
 * would not fit the empty one: as in Redis. It is also by far the most frequent. */
bool dbx_scan_matches(dbx_slice pattern, dbx_slice name);
/* What a call has found: [length][bytes] of each string. The cursor that comes before them is only
 * known afterwards. */
typedef struct dbx_scan_found {
    dbx_buf strings;
    size_t count;
} dbx_scan_found;

void dbx_scan_add(dbx_scan_found *found, dbx_slice string);
static inline bool dbx_scan_full(const dbx_scan_found *found) {
    return found->strings.len > DBX_SCAN_BYTES_MAX;
}
/* dbx_scan_reply replies with the cursor and what was found, unless `rc` is a failure; it returns
 * rc, or DBX_ENOMEM, and frees what was found. */
int dbx_scan_reply(int rc, uint64_t cursor, dbx_scan_found *found, dbx_reply *out);

#endif
