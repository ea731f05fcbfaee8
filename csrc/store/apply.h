/* apply.h: the applier: the one thread that writes to MDBX.
 *
 * It takes a frozen buffer and puts it into the file, in key order, in a single durable commit that
 * also records the journal position (invariant 4). Between applies it reclaims retired collections
 * and namespaces and makes the file shorter, in bounded pieces (vacuum.h). A commit that fails is
 * tried again, with growing pauses; nothing is lost meanwhile.
 */
#ifndef DBX_STORE_APPLY_H
#define DBX_STORE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/buffer.h"
#include "store/env.h"
#include "store/journal.h"
#include "store/times.h"

typedef struct dbx_applier dbx_applier;

/* What a commit contains, recorded with it. */
typedef struct dbx_applied {
    uint64_t position; /* of the journal */
    uint64_t run;
    dbx_times times; /* at the freeze */
    uint64_t base;   /* what its deltas are of: the position at the freeze before */
    /* Before it is applied, what was written after this epoch is to be saved, in a checkpoint that
     * goes on from this position. */
    bool save;
    uint32_t saved_epoch;
    uint64_t saved, turn; /* turn: where the last one begins */
} dbx_applied;

/* dbx_applier_open starts the thread. It touches nothing before dbx_applier_release: a replay comes
 * first, which wants the processor, the disk and an MDBX that stays as it is. */
int dbx_applier_open(dbx_env *env, const char *dir, void (*on_progress)(void *arg), void *arg,
                     dbx_applier **out, dbx_error *error);
void dbx_applier_release(dbx_applier *applier);
/* dbx_applier_close stops the thread; an apply in progress is abandoned, the journal still has it.
 */
void dbx_applier_close(dbx_applier *applier);

/* dbx_applier_start hands over a frozen buffer, which must not change or go before it is collected.
 * It is committed when `log` has it durably, so that the log never has a gap; NULL: it has. */
void dbx_applier_start(dbx_applier *applier, const dbx_buffer *frozen, const dbx_applied *applied,
                       dbx_journal *log);
/* dbx_applier_early commits the buffer's entries of collections with the id `from` or a later one,
 * marked as unpublished, durably; the buffer must not change meanwhile. Waits until that is done,
 * first for an apply that is under way; it is tried once. */
typedef struct dbx_early {
    const dbx_buffer *buffer;
    uint64_t from;
} dbx_early;
int dbx_applier_early(dbx_applier *applier, const dbx_early *early, dbx_error *error);
/* dbx_applier_tell, once a turn, says how full the buffer is that fills while an apply goes on, in
 * parts of DBX_APPLY_WHOLE: how much of a hurry there is. Cheap. */
enum { DBX_APPLY_WHOLE = 1 << 16 };
void dbx_applier_tell(dbx_applier *applier, uint64_t filled);
/* dbx_applier_saved: checkpoints have all of the buffer handed over last. Cheap. */
bool dbx_applier_saved(dbx_applier *applier);
/* dbx_applier_collect is true once, when the buffer handed over last is durably in MDBX. */
bool dbx_applier_collect(dbx_applier *applier);
/* dbx_applier_committed is true once after each commit of any kind: snapshots should be renewed,
 * for old ones keep pages from being used again. Cheap. */
bool dbx_applier_committed(dbx_applier *applier);
/* dbx_applier_lacks_room is true once after an apply that found the disk full. */
bool dbx_applier_lacks_room(dbx_applier *applier);
/* dbx_applier_retry: what made the last commit fail may be over, so that it does not wait on. */
void dbx_applier_retry(dbx_applier *applier);
/* dbx_applier_broken: a commit's sync failed, so that the environment must be reopened; until
 * dbx_applier_mended the thread leaves it alone. Then it commits again. */
bool dbx_applier_broken(dbx_applier *applier);
void dbx_applier_mended(dbx_applier *applier);
/* dbx_applier_seen: snapshots have been renewed since dbx_applier_committed was true. A vacuum
 * waits for it before it uses pages that its last commit has given up. */
void dbx_applier_seen(dbx_applier *applier);
/* dbx_applier_vacuum asks for a vacuum (vacuum.h) of all that has been applied by now; returns its
 * number, for dbx_applier_vacuumed, which says whether it has ended; on_progress() is called then.
 */
uint64_t dbx_applier_vacuum(dbx_applier *applier);
bool dbx_applier_vacuumed(dbx_applier *applier, uint64_t number);
/* dbx_applier_set_autovacuum: whether vacuums begin by themselves, and how long after the last. */
void dbx_applier_set_autovacuum(dbx_applier *applier, bool enabled, int64_t interval_us);
/* dbx_applier_urge: the disk is full, so what can be reclaimed is, at once; or no longer. */
void dbx_applier_urge(dbx_applier *applier, bool urgent);
/* dbx_applier_bury frees a buffer in the applier's thread: unmapping takes milliseconds. */
void dbx_applier_bury(dbx_applier *applier, dbx_buffer *buffer);

typedef struct dbx_applier_stats {
    uint64_t early, early_entries; /* commits before their turn's end, and what was in them */
    uint64_t applies, last_ms, last_entries, last_bytes, written_bytes, saved_bytes, failures;
    int64_t last_at_s; /* wall-clock time at which the last one was durable; 0: none yet */
    /* Of vacuums: runs that did something, entries reclaimed (with applies, too), bytes of pages
     * moved, bytes written, what of the file held nothing after the last. */
    uint64_t vacuums, reclaimed, moved_bytes, written_vacuum_bytes, unused_bytes;
    bool litter; /* one is due some time, or runs */
    char last_error[128];
} dbx_applier_stats;
void dbx_applier_get_stats(dbx_applier *applier, dbx_applier_stats *stats);

/* dbx_apply_read_position reads what the last commit recorded; DBX_ENOTFOUND in an empty file. */
int dbx_apply_read_position(dbx_snapshot *snapshot, dbx_applied *applied);
/* dbx_apply_put_now commits one entry durably, without the thread: the format record of a new file.
 */
int dbx_apply_put_now(dbx_env *env, dbx_slice key, dbx_slice value, dbx_error *error);

#endif
