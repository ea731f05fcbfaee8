/* verify.h: `dbx verify`: checks a database that nobody uses, without changing it.
 *
 * Pages first, then one walk over the map, looking up what must belong together, then the
 * log. Memory is bounded, but for two bytes for each page, which libmdbx takes. What a page's free
 * space or a value's own bytes hold cannot be checked: they have no checksums.
 */
#ifndef DBX_STORE_VERIFY_H
#define DBX_STORE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/apply.h"
#include "store/env.h"

/* dbx_verify checks the data directory `dir` and writes one line for each part to descriptor `fd`,
 * and one for each thing that is wrong; how far it is, to `progress_fd` unless that is -1.
 * DBX_ECORRUPT: something is wrong; `error` says what to do. DBX_ELOCKED: in use. */
int dbx_verify(const char *dir, int fd, int progress_fd, dbx_error *error);

/* --- For the parts of the check ------------------------------------------------------------------
 */

typedef struct dbx_report {
    const char *dir;
    int fd, progress_fd;
    uint64_t wrong;
    int percent; /* shown last */
} dbx_report;

/* dbx_report_line writes the line of a part; dbx_report_wrong one for something that is wrong. */
void dbx_report_line(dbx_report *report, const char *part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void dbx_report_wrong(dbx_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void dbx_report_progress(dbx_report *report, const char *part, uint64_t done, uint64_t all);

/* dbx_verify_map checks what the map holds, knowing `values_max` (2 or more) large values at a
 * time, in forty bytes each: with more there are more walks. Fills *applied. In verify_map.c. A
 * negative result: it could not be checked. */
enum { DBX_VERIFY_VALUES_MAX = 1 << 17 };
int dbx_verify_map(dbx_snapshot *snapshot, size_t values_max, dbx_report *report,
                   dbx_applied *applied, dbx_error *error);

#endif
