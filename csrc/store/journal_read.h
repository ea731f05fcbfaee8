/* journal_read.h: reading a journal's frames in order: at start, and for `dbx journal`.
 *
 * The reader decides what a frame that does not check out means. Behind it nothing can be relied
 * on. If some intact frame or header says that more than that was synced, synced bytes have been
 * damaged: an error. Otherwise it is the end: what a crash left half written (invariant 8). A group
 * cut off by the end is left out, and so is one whose beginning is not kept any more.
 *
 * Who does not own the directory may read while its owner writes, and drops what it needs no more:
 * what looks like damage is then looked at again before it is called so.
 */
#ifndef DBX_STORE_JOURNAL_READ_H
#define DBX_STORE_JOURNAL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "store/frame.h"

typedef struct dbx_journal_reader dbx_journal_reader;

/* dbx_journal_reader_open starts at position `from`, which must be a frame's beginning; a log that
 * begins later is damaged. DBX_JOURNAL_OLDEST: at the oldest frame there is. `dir` is the data
 * directory. */
#define DBX_JOURNAL_OLDEST UINT64_MAX
int dbx_journal_reader_open(const char *dir, uint64_t from, dbx_journal_reader **out,
                            dbx_error *error);
/* dbx_journal_reader_begins is the position of the oldest frame that there was at the open; 0: the
 * log is empty. */
uint64_t dbx_journal_reader_begins(const dbx_journal_reader *reader);
void dbx_journal_reader_close(dbx_journal_reader *reader);

/* dbx_journal_reader_next gives whole groups: the effects of one frame or of several joined ones.
 * Returns 1, 0 at the end, or a failure (DBX_ECORRUPT: damage; DBX_ENOTFOUND: the owner has dropped
 * what was to be read next). *frame is the last frame's header; `effects` stays valid until the
 * next call. */
int dbx_journal_reader_next(dbx_journal_reader *reader, dbx_frame *frame, dbx_slice *effects,
                            dbx_error *error);

/* dbx_journal_has_turn says whether the log has what lies from `turn`, where a turn begins or the
 * log ended before it, to `end`, where that turn ends: whole groups. Reads no more than that. */
bool dbx_journal_has_turn(const char *dir, uint64_t turn, uint64_t end);

/* After the end: the position after the last whole group, and the highest run met. */
uint64_t dbx_journal_reader_end(const dbx_journal_reader *reader);
uint64_t dbx_journal_reader_run(const dbx_journal_reader *reader);

/* dbx_journal_reader_sync, before anything is read, makes durable whatever will be, names of files
 * included: it may reach MDBX, which must not know of more than the log does. */
int dbx_journal_reader_sync(dbx_journal_reader *reader, dbx_error *error);
/* dbx_journal_reader_settle, after the end and before the log goes on: makes what lies behind the
 * end unreadable, durably, so that no later start takes a half-written group for a whole one. */
int dbx_journal_reader_settle(dbx_journal_reader *reader, dbx_error *error);

/* dbx_journal_print writes the effects of the data directory `dir` from position `from` on (0: the
 * oldest there are) to descriptor `fd` as plain RESP commands, each database selected, values that
 * lie in spools in full, deadlines within a day at the end (held.h). Locks nothing: it may run
 * beside the owner. It never leaves anything out: when something that was asked for is not kept any
 * more it ends with DBX_ENOTFOUND, after whole commands. In journal_print.c. */
int dbx_journal_print(const char *dir, uint64_t from, int fd, dbx_error *error);

#endif
