/* journal.h: the log of effects: frames in segment files, written once a turn, synced off the loop.
 * See store/README.md for the bytes on disk.
 */
#ifndef DBX_STORE_JOURNAL_H
#define DBX_STORE_JOURNAL_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

typedef struct dbx_journal dbx_journal;

#endif
