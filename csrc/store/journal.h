/* journal.h: the log of effects: written once a turn, synced by a thread of its own.
 *
 * The engine's thread appends; the syncer makes what was appended durable, keeps an empty segment
 * ready, and deletes files, so that the loop does none of it. See store/README.md for the bytes on
 * disk and for what must hold: invariants 2, 3, 7, 8 and 17.
 */
#ifndef DBX_STORE_JOURNAL_H
#define DBX_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/frame.h"
#include "store/store.h"
#include "store/times.h"

typedef struct dbx_journal dbx_journal;

typedef struct dbx_journal_options {
    const char *dir; /* the data directory */
    dbx_durability durability;
    uint64_t run;      /* of this start, higher than any before */
    uint64_t position; /* where the log ends: everything before is durable */
    uint64_t turn;     /* where the last turn begins that was loaded or replayed */
    size_t segment_bytes;
    size_t keep_bytes; /* applied log kept for readers */
    void (*on_progress)(void *arg);
    void *arg;
} dbx_journal_options;

/* dbx_journal_open begins a new segment at position + 1 and starts the syncer. */
int dbx_journal_open(const dbx_journal_options *options, dbx_journal **out, dbx_error *error);
/* dbx_journal_close syncs what is there, whatever the durability, and stops the syncer. */
int dbx_journal_close(dbx_journal *journal, dbx_error *error);
/* dbx_journal_close_forked closes descriptors only. */
void dbx_journal_close_forked(dbx_journal *journal);

/* Where one command's effects end, from the first effect byte on, and the database that was
 * selected where they begin: each frame begins with database 0, so one that begins there has to say
 * so. */
typedef struct dbx_journal_group {
    size_t end;
    uint32_t db;
} dbx_journal_group;

/* dbx_journal_append writes a turn: `effects` begins with DBX_FRAME_HEADER_BYTES of room, effects
 * follow. Returns DBX_OK, or a failure with the log as it was before. */
int dbx_journal_append(dbx_journal *journal, dbx_buf *effects, const dbx_journal_group *groups,
                       size_t group_count, uint64_t effect_count, dbx_times times,
                       dbx_error *error);

/* dbx_journal_position is where the last turn ends. A start that has appended none is where the one
 * before it ended: nothing lies in between, and what ends there is found there by the next start.
 */
uint64_t dbx_journal_position(const dbx_journal *journal);
/* dbx_journal_turn is where the last turn begins, of whichever start. What was applied before this
 * one counts for nothing: then it is 0. */
uint64_t dbx_journal_turn(const dbx_journal *journal);
uint64_t dbx_journal_durable(dbx_journal *journal); /* any thread */
/* dbx_journal_wait returns when `position` is durable, or DBX_ESTOPPED at close. Who waits first
 * syncs for all who wait. Any thread, without the engine lock. */
int dbx_journal_wait(dbx_journal *journal, uint64_t position);
/* dbx_journal_settle returns when `position` is durable, or will not become so because the journal
 * was refused. Any thread, without the engine lock. */
void dbx_journal_settle(dbx_journal *journal, uint64_t position);
/* dbx_journal_push has what was appended synced now: by the syncer, or right here if this device
 * syncs quicker than threads can hand work to each other (`always` only). Then it returns true, and
 * on_progress is called only if it failed: the caller looks itself. Without the engine lock. */
bool dbx_journal_push(dbx_journal *journal);
/* dbx_journal_lag_us is how long the oldest unsynced frame has waited; 0: none, or durability
 * `none`. */
int64_t dbx_journal_lag_us(dbx_journal *journal);
void dbx_journal_set_durability(dbx_journal *journal, dbx_durability durability);

/* dbx_journal_refused: a sync failed, or a failed write could not be taken back: nothing more may
 * be appended until everything so far is applied; fills `error` with why. */
bool dbx_journal_refused(dbx_journal *journal, dbx_error *error);
/* dbx_journal_applied says that MDBX durably holds everything up to `position`: segments before it
 * are dropped, as far as they need not be kept for readers, and if the journal was refused and this
 * covers all of it, it begins anew. */
int dbx_journal_applied(dbx_journal *journal, uint64_t position, dbx_error *error);

/* Spools' files that kept segments name belong to what is kept: they count and go with them.
 * dbx_journal_name_spool says that the turn being made names a spool of so many bytes, and returns
 * a position that is not behind the frame which will. dbx_journal_keep_spool hands a file over that
 * no buffer needs any more; it goes when all segments up to `named` have gone. Any thread. */
uint64_t dbx_journal_name_spool(dbx_journal *journal, uint64_t bytes);
void dbx_journal_keep_spool(dbx_journal *journal, uint64_t id, uint64_t bytes, uint64_t named);

/* dbx_journal_request_job has the syncer call job(arg), and then on_progress; DBX_ELIMIT: too many
 * wait. */
int dbx_journal_request_job(dbx_journal *journal, void (*job)(void *arg), void *arg);

typedef struct dbx_journal_stats {
    uint64_t bytes_on_disk, written_bytes, segments, syncs, sync_last_us; /* segments: begun */
} dbx_journal_stats;
void dbx_journal_get_stats(dbx_journal *journal, dbx_journal_stats *stats);

#endif
