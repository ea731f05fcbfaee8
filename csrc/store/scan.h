/* scan.h: the store's side of SCAN cursors (keyspace.h has the commands'): the table of places.
 *
 * A cursor names the last key given out. The table is a ring: a new cursor takes the place of the
 * oldest. It is saved with each apply, so that a restart keeps the cursors it can; numbers are
 * never given twice, not even across a crash, so a lost one is unknown rather than wrong.
 */
#ifndef DBX_STORE_SCAN_H
#define DBX_STORE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

typedef struct dbx_scan_table dbx_scan_table;

enum { DBX_SCAN_SLOTS = 4096, DBX_SCAN_NAMES_BYTES_MAX = 1 << 20 };

dbx_scan_table *dbx_scan_table_new(void);
/* dbx_scan_table_set_run: new cursors' numbers begin with `run`, a number of this start. */
void dbx_scan_table_set_run(dbx_scan_table *table, uint64_t run);
void dbx_scan_table_free(dbx_scan_table *table);
uint64_t dbx_scan_table_add(dbx_scan_table *table, dbx_slice name); /* 0: out of memory */
bool dbx_scan_table_find(const dbx_scan_table *table, uint64_t cursor, dbx_slice *name);
/* dbx_scan_table_restore puts back a place read from disk. */
void dbx_scan_table_restore(dbx_scan_table *table, uint32_t slot, uint64_t cursor, dbx_slice name);
/* dbx_scan_table_dirty walks slots changed since they were last walked: true with the next one. */
bool dbx_scan_table_dirty(dbx_scan_table *table, uint32_t *slot, uint64_t *cursor, dbx_slice *name);

#endif
