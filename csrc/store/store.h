/* store.h: one data directory, from the engine's side: open, replay, turns, durability, figures.
 *
 * Everything in this file except dbx_store_durable() and dbx_store_wait_durable() is called with
 * the engine lock held: the store has one user at a time, plus its own two background threads
 * (the applier, MDBX's only writer, and the syncer), which never call out except on_progress().
 *
 * The life of a write: dbx_store_turn_begin(), commands through txn.h and keyspace.h, each between
 * dbx_txn_command_begin() and dbx_txn_command_end(); dbx_store_turn_end() writes the turn's effects
 * to the journal with one write. Only when it returned DBX_OK may replies leave, and with
 * durability `always` only when dbx_store_durable() has reached dbx_store_position().
 */
#ifndef DBX_STORE_STORE_H
#define DBX_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct dbx_store dbx_store;
typedef struct dbx_txn dbx_txn;
typedef struct dbx_spool dbx_spool;

typedef enum dbx_durability {
    DBX_DURABILITY_NONE,     /* never synced by us before an apply */
    DBX_DURABILITY_EVERYSEC, /* a reply survives kill -9; power loss costs at most a second */
    DBX_DURABILITY_ALWAYS    /* a reply survives power loss */
} dbx_durability;

typedef struct dbx_store_options {
    const char *path; /* directory, made when missing; NULL: in memory, keeps nothing */
    const char
        *socket; /* the owner's Unix socket, told to those who find the path locked; or NULL */
    bool server; /* told, too: the owner is there to serve others */
    dbx_durability durability;
    uint32_t databases;        /* how many database numbers there are */
    size_t buffer_bytes;       /* write buffer bound; 0: follows the machine, see store/limits.h */
    size_t journal_bytes;      /* journal bytes that force a freeze; 0: default */
    size_t journal_keep_bytes; /* applied journal kept for readers of the log; 0: none */
    /* microseconds that executing the journal took since it was last saved, after which the buffer
     * is: store/checkpoint.h; 0: default */
    int64_t checkpoint_us;
    uint32_t buffer_age_ms; /* oldest entry's age that forces a freeze; 0: default */
    bool no_autovacuum;     /* see dbx_store_set_autovacuum */
    int64_t autovacuum_ms;  /* 0: default */
    /* Called by a background thread, holding no lock, when dbx_store_durable() or
     * dbx_store_write_delay_us() may have changed. Must only wake somebody. May be NULL. */
    void (*on_progress)(void *arg);
    void *arg;
} dbx_store_options;

/* dbx_store_open takes the lock, opens or creates the MDBX file and finds the journal's end. The
 * store is not usable before dbx_store_replay(). Errors: DBX_ELOCKED (text names the owner),
 * DBX_EVERSION, DBX_ECORRUPT, DBX_EIO, DBX_ENOSPC, DBX_ENOMEM. */
int dbx_store_open(const dbx_store_options *options, dbx_store **out, dbx_error *error);

/* What a replay asks of whoever knows the commands. */
typedef void dbx_replay_found_fn(void *arg, size_t index, uint32_t flags);
typedef struct dbx_replay_calls {
    /* Executes one journalled effect, inside a turn opened by the store; returns 0 or a negative
     * dbx_err, which ends the replay and the open. `db` is the database number. */
    int (*run)(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
               dbx_error *error);
    /* Calls `found` with the index of each key the effect names, as far as it can tell. Called in
     * another thread than the one that replays. NULL: nothing is prepared ahead. */
    void (*keys)(void *arg, size_t argc, const dbx_slice *argv, dbx_replay_found_fn *found,
                 void *found_arg);
    void *arg;
} dbx_replay_calls;

/* dbx_store_bounds has the options with what is in force where the caller left it to the store. */
dbx_store_options dbx_store_bounds(const dbx_store *store);
/* dbx_store_replay executes every frame after MDBX's recorded position, in order. */
int dbx_store_replay(dbx_store *store, const dbx_replay_calls *calls, dbx_error *error);

/* dbx_store_close syncs the journal (durability allowing), stops the threads and frees everything.
 * Nothing is applied: the next start replays. Takes well under a second however full the buffer. */
int dbx_store_close(dbx_store *store, dbx_error *error);

/* dbx_store_close_forked is for the child of a fork: closes descriptors, unlocks and writes
 * nothing. */
void dbx_store_close_forked(dbx_store *store);

/* dbx_store_now_ms reads both clocks (times.h) and returns database time, which never runs back
 * (invariant 22). As of the last reading: dbx_store_read_ms is the same, and
 * dbx_store_wall_ahead_ms how much later wall time was. */
int64_t dbx_store_now_ms(dbx_store *store);
int64_t dbx_store_read_ms(const dbx_store *store);
int64_t dbx_store_wall_ahead_ms(const dbx_store *store);

/* dbx_store_turn_begin opens a turn at the database time `now_ms`, and the wall time that is as far
 * from it as when the clocks were last read, and returns its transaction. Freezing, releasing an
 * applied buffer and renewing the snapshot happen here, so slices from before a turn are dead. */
dbx_txn *dbx_store_turn_begin(dbx_store *store, int64_t now_ms);

/* dbx_store_spent, within a turn, tells how long executing its writing commands took. The log is
 * kept so short that a start executes it again in a bounded time. */
void dbx_store_spent(dbx_store *store, int64_t us);

/* dbx_store_turn_end writes the effects. On failure everything the turn did is undone and every
 * reply of the turn must become an error: `error` holds its text. */
int dbx_store_turn_end(dbx_store *store, dbx_error *error);

/* dbx_store_tick, between turns, after on_progress(), when its time has come and when the machine's
 * clock was set: takes in a finished apply and freezes a buffer that is old enough. Returns
 * milliseconds until it wants to be called again, or -1. */
int64_t dbx_store_tick(dbx_store *store);

/* dbx_store_position is the journal position after the last turn: what a reply has seen. */
uint64_t dbx_store_position(const dbx_store *store);

/* dbx_store_durable is the position up to which everything survives power loss. Any thread. In
 * memory everything is: UINT64_MAX. */
uint64_t dbx_store_durable(dbx_store *store);

/* dbx_store_wait_durable blocks until `position` is durable, or the sync failed (DBX_EIO). Any
 * thread, without the engine lock. */
int dbx_store_wait_durable(dbx_store *store, uint64_t position);

/* dbx_store_push has what was written made durable now, for those whose replies wait for it; true:
 * that was tried before it returned, and on_progress() is called only if it failed. Any thread,
 * without the engine lock. */
bool dbx_store_push(dbx_store *store);

/* dbx_store_write_delay_us says how long writers must be held back now: 0 when the applier and the
 * disk keep up, rising smoothly before memory or the unsynced second would be exceeded. */
uint32_t dbx_store_write_delay_us(dbx_store *store);

/* dbx_store_writable returns DBX_OK, or why writes are refused now, with the reply's text in
 * `error` (after a failed sync: DBX_EREADONLY; disk full: DBX_ENOSPC). */
int dbx_store_writable(dbx_store *store, dbx_error *error);

/* What a write is told on a full disk: Redis's words, and what to do. */
#define DBX_DISK_FULL_TEXT                                                                         \
    "MISCONF Errors writing to the AOF file: No space left on device. Reads and deletes go on; "   \
    "free space on the disk, or delete keys."

/* dbx_store_set_disk_warning: free space below which INFO and the log warn; 0: follows the disk. */
void dbx_store_set_disk_warning(dbx_store *store, uint64_t bytes);

void dbx_store_set_durability(dbx_store *store, dbx_durability durability);

/* dbx_store_freeze asks for the active buffer to be frozen and applied after this turn, whatever
 * its size (tests, SAVE and BGSAVE); after one that is going on. Returns a number to ask
 * dbx_store_saved about; 0: there is nothing to apply. `hurry`: somebody waits for it. */
uint64_t dbx_store_freeze(dbx_store *store, bool hurry);
/* dbx_store_saved: all that was written before dbx_store_freeze gave that number is durably in
 * data.mdbx, and seen there. */
bool dbx_store_saved(const dbx_store *store, uint64_t number);
/* dbx_store_hurry says that somebody waits for the apply that is going on; returns its number. */
uint64_t dbx_store_hurry(dbx_store *store);

/* dbx_store_vacuum asks for a vacuum (vacuum.h) of what has been applied by now. Returns a number
 * for dbx_store_vacuumed, which says whether it has ended; 0, which always has: there is no file.
 * Nobody waits for it but who asks. */
uint64_t dbx_store_vacuum(dbx_store *store);
bool dbx_store_vacuumed(const dbx_store *store, uint64_t number);
/* dbx_store_apply_failures is how many commits have failed. */
uint64_t dbx_store_apply_failures(const dbx_store *store);
/* dbx_store_set_autovacuum: whether vacuums begin by themselves, and how many milliseconds after
 * the end of the last. */
void dbx_store_set_autovacuum(dbx_store *store, bool enabled, int64_t interval_ms);
/* dbx_store_litter: in memory, ids are retired, and what they hold is to be removed. On disk that
 * is the applier's. dbx_store_reclaim, within a turn, removes up to `max` entries of them; returns
 * how many, or a failure. It is not for the journal: there is none. */
bool dbx_store_litter(const dbx_store *store);
int dbx_store_reclaim(dbx_txn *txn, uint32_t max);

/* What INFO store reports (invariant 24). Bytes unless said otherwise. */
typedef struct dbx_store_info {
    uint64_t position, durable, applied; /* journal positions */
    uint64_t saved;                      /* the same: a start replays what follows */
    uint64_t journal_bytes;              /* on disk, live segments */
    uint64_t journal_segments;           /* begun since start */
    uint64_t buffer_entries, buffer_bytes, buffer_bytes_max;
    uint64_t kept_bytes;                   /* of dead buffers, for the one that fills */
    uint64_t frozen_entries, frozen_bytes; /* 0 when nothing is frozen */
    uint64_t early_commits, early_entries; /* of results larger than the buffer: see early.h */
    uint64_t applies, apply_last_ms, apply_last_entries, apply_last_bytes;
    uint64_t apply_failures;
    int64_t apply_last_at_s; /* Unix time; 0: not since the start */
    uint64_t checkpoints;    /* of active buffers, since start */
    /* The last start: how long it took, effects executed, entries loaded from checkpoints. */
    uint64_t replay_last_ms, replay_last_effects, replay_last_entries;
    /* Since start. */
    uint64_t written_journal_bytes, written_checkpoint_bytes, written_apply_bytes;
    uint64_t written_spool_bytes;
    uint64_t syncs, sync_last_us, turns, effects;
    uint64_t map_bytes, file_bytes; /* MDBX: address space, and file size */
    uint64_t disk_free_bytes, disk_unused_bytes, ballast_bytes; /* see room.h */
    bool disk_low, disk_full;
    /* Vacuums (vacuum.h), since start: how many, entries reclaimed, bytes moved to make the file
     * shorter, bytes written for it all; what of the file held nothing after the last. */
    uint64_t vacuums, reclaimed, moved_bytes, written_vacuum_bytes, vacuum_unused_bytes;
    bool litter;                    /* one is due, or runs */
    uint64_t views;                 /* open views besides the live one */
    uint64_t expired, hits, misses; /* keys */
    uint64_t write_stalls;          /* turns in which a delay was asked for */
    /* Work on the map: lookups, places found by a cursor, its steps from there, writes. */
    uint64_t work_gets, work_seeks, work_steps, work_writes, work_write_bytes;
    dbx_durability durability;
    bool in_memory;
    char last_error[128]; /* of the journal or the applier; empty when all is well */
} dbx_store_info;
/* dbx_store_views_cost is what is kept in buffers that only open views still need, in halves of
 * what a buffer in use may take. */
size_t dbx_store_views_cost(const dbx_store *store);
void dbx_store_get_info(dbx_store *store, dbx_store_info *info);
void dbx_store_reset_stats(dbx_store *store);

/* --- Input that is too large for memory ------------------------------------------------------
 * A spool is a file in the data directory mapped shared: its pages are the page cache's, not the
 * process's. Transports receive large commands into one; argv then points into it, and a value
 * stored from it is taken over by reference (invariant 13). In memory it is ordinary memory. */
enum { DBX_SPOOL_MIN = 1 << 20 }; /* commands of more bytes than this belong in a spool */

int dbx_spool_open(dbx_store *store, dbx_spool **out, dbx_error *error);
/* dbx_spool_reserve makes `len + more` bytes addressable; returns the base (which may have moved)
 * or NULL with `error` set: a full disk is an error here, never a SIGBUS later. */
uint8_t *dbx_spool_reserve(dbx_spool *spool, size_t len, size_t more, dbx_error *error);
/* dbx_spool_ready says whether a command that uses the spool may run: 1: its bytes are durable; 0:
 * not yet, ask again after on_progress(); negative: they could not be made so. The first call
 * starts it, unless enough such values wait for the applier already. */
int dbx_spool_ready(dbx_spool *spool);
/* dbx_spool_close drops the transport's reference; the file goes when no value refers to it. */
void dbx_spool_close(dbx_spool *spool);
/* dbx_txn_input names the spool that the current command's argv points into, or NULL. */
void dbx_txn_input(dbx_txn *txn, dbx_spool *spool);

#endif
