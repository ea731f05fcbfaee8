/* internal.h: the store's own structures, for the files of store/ only. */
#ifndef DBX_STORE_INTERNAL_H
#define DBX_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rand.h"
#include "store/buffer.h"
#include "store/ends.h"
#include "store/env.h"
#include "store/format.h"
#include "store/room.h"
#include "store/scratch.h"
#include "store/store.h"
#include "store/txn.h"
#include "store/undo.h"

struct dbx_view {
    dbx_store *store;
    dbx_buffer *active;
    dbx_buffer *frozen;    /* NULL: none */
    dbx_snapshot *below;   /* NULL: in memory */
    uint32_t active_epoch; /* DBX_EPOCH_LIVE for the live view */
    /* `below` has what the frozen buffer has, which is not dropped yet: see dbx_view_compare. */
    bool frozen_below;
    dbx_scratch scratch; /* values put together for whoever asked */
    /* Of the live view, within a command: see early.h. */
    dbx_snapshot *early; /* for keys of collections from this id on; NULL: `below` is */
    uint64_t early_from;
    dbx_view *prev, *next; /* open views, for the list in the store */
};

/* What was done on the map since the start. A loop that reads an open view may not hold the engine
 * lock, so a count may be lost; it never tears. */
typedef struct dbx_work {
    _Atomic uint64_t gets, seeks, steps, writes, write_bytes;
} dbx_work;

/* dbx_work_add costs a load and a store, no locked instruction. */
static inline void dbx_work_add(_Atomic uint64_t *count, uint64_t n) {
    uint64_t before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, before + n, memory_order_relaxed);
}

/* One database number: the namespace it stands for now, and what is in it. */
typedef struct dbx_db {
    uint64_t ns;
    uint64_t keys;    /* expired ones that are still there included */
    uint64_t expires; /* keys with an expiry */
} dbx_db;

/* The indexes by time: of keys, of keys with elements that expire; each on both clocks, wall time
 * first. */
enum { DBX_INDEX_KEYS = 0, DBX_INDEX_DUE = 2, DBX_INDEXES = 4 };

/* When the first of one index expires. */
typedef struct dbx_next_expiry {
    bool known;
    int64_t ms; /* when known: no entry of the index is earlier (one later may be the first) */
} dbx_next_expiry;

struct dbx_txn {
    dbx_store *store;
    int64_t now_ms, wall_ms; /* see times.h */
    bool writing;            /* the current command may change data */
    bool replaying;          /* effects are being executed again: none is recorded */
    uint64_t writes;         /* grows with every change: what dbx_txn_changed compares */
    dbx_spool *input;        /* where the command's long arguments, or what it makes itself, lie */
    dbx_spool *room;         /* the command's own, see dbx_txn_room */
    size_t room_used;
    dbx_undo undo;
    uint64_t undone; /* grows when anything is taken back */
    struct {
        void *memo; /* of types/, owned; NULL: nothing */
        void (*release)(void *memo);
    } memos[DBX_MEMOS];
    size_t command_undo; /* undo records before the command */
    uint64_t own_from;   /* the command's own ids: no key has them yet, see early.h */
    size_t early_at;     /* what the buffer holds when a part of that is to be committed */
    bool may_wait;       /* for an apply to end: the command can be run again then */
    dbx_buf head;        /* scratch: the header of a record with a long name or an extension */
    dbx_buf delta;       /* scratch: one that is being made */
    dbx_buf effects;     /* the turn's effects, RESP, without frame headers */
    uint32_t effects_db; /* the database the last effect selected */
    uint64_t effect_count;
    struct dbx_journal_group *groups; /* of commands' effects: where a frame may end */
    size_t group_count, group_cap;
};

struct dbx_store {
    dbx_store_options options; /* path: the copy below */
    char *path;                /* owned; NULL: in memory */
    dbx_txn txn;
    dbx_view live;
    dbx_view *views; /* open ones, the live one not included */
    size_t view_count;
    dbx_cursor *cursors;     /* of the live view, open */
    dbx_cursor *idle_cursor; /* of the live view and its snapshot; NULL: none is kept */
    dbx_ends ends;           /* of the live view */
    dbx_db *dbs;             /* options.databases of them */
    uint64_t next_id;
    uint8_t seed[16]; /* of this database, for long names */
    struct dbx_scan_table *scans;
    dbx_rand rand;
    dbx_env *env; /* NULL: in memory */
    struct dbx_journal *journal;
    struct dbx_applier *applier;
    struct dbx_lock *lock;
    dbx_room room;
    uint64_t last_spool;     /* id */
    uint64_t spool_bytes;    /* written to spools since start */
    atomic_bool keep_spools; /* closing: the next start needs what the journal names */
    size_t buffer_bytes_max, filter_bytes;
    dbx_arena_pool *pool; /* the buffers' */
    int64_t kept_ms;      /* when the pool was last told what to keep, or the active buffer has
                             grown; 0: it is empty */
    size_t kept_beside;   /* the active buffer's memory then */
    bool urged;           /* what the applier was told of the room */
    bool litter;          /* in memory: ids are retired */
    bool freeze_wanted;
    bool unpublished;          /* something was committed early, and may be nobody's now */
    uint64_t freezes;          /* since start; the frozen buffer's is the last */
    uint64_t hurried_freeze;   /* up to this one somebody waits for the apply */
    int64_t anew_at_ms;        /* when a refused journal may next be begun anew */
    int64_t mend_at_ms;        /* when a broken environment may next be reopened */
    bool finish_wanted;        /* an apply is done but could not be taken in yet */
    uint64_t frozen_position;  /* end of the log at the last freeze */
    int64_t spent_us;          /* executing what the log holds since the last freeze or
                                  checkpoint */
    int64_t checkpoint_due_us; /* spent_us at which the next one begins */
    uint64_t saved_position;   /* freezes and checkpoints have what the log holds up to it */
    uint32_t saved_epoch;      /* of the active buffer, the same; 0: nothing of it */
    bool marks_lost;           /* a checkpoint of the active buffer failed: it gets no other */
    struct dbx_checkpoint *checkpoint;                    /* being made; NULL: none */
    uint64_t buffer_checkpoints, buffer_checkpoint_bytes; /* of the active buffer */
    uint64_t checkpoints, checkpoint_bytes, loaded_entries;
    uint64_t replay_turn;      /* the log's end before the last turn that was loaded or
                                  replayed */
    uint64_t applied_position; /* what MDBX holds */
    uint64_t replay_position;  /* end of the log, until the journal is open */
    uint64_t run;              /* of this start */
    dbx_next_expiry next_expiry[DBX_INDEXES];
    dbx_times last;         /* of the last commit or frame before the start; or 0 */
    int64_t boot_ahead_ms;  /* database time less CLOCK_BOOTTIME, from the start on */
    int64_t clock_base_ms;  /* database time never runs back below this */
    int64_t wall_ahead_ms;  /* wall time less database time, when last read */
    int64_t noted_ahead_ms; /* as the last frame has it: see note_step() */
    uint64_t reclaimed;     /* in memory */
    uint64_t expired, hits, misses, write_stalls, turns, effects;
    dbx_work work;
    uint64_t replay_ms, replay_effects;
    char last_error[128];
};

/* --- The levels below the active buffer ------------------------------------------------------- */

/* dbx_view_frozen_get looks the key up in the frozen buffer: DBX_OK, DBX_ENOTFOUND when it is dead
 * there, 1 when the next level decides, 2 when that has a part of it: *value is a delta. */
int dbx_view_frozen_get(dbx_view *view, dbx_slice key, uint64_t hash, dbx_slice *value);
/* dbx_view_below_get looks the key up in the frozen buffer or the snapshot. */
int dbx_view_below_get(dbx_view *view, dbx_slice key, uint64_t hash, dbx_slice *value);

/* dbx_view_value gives the value of a key of which `state` is what the active buffer has: itself,
 * or put together from that and what is below, in the view's scratch memory. */
int dbx_view_value(dbx_view *view, dbx_slice key, uint64_t hash, const dbx_state *state,
                   dbx_slice *value);
/* dbx_view_compare notes whether the snapshot has what the frozen buffer has, which was frozen at
 * this position: a delta must not be applied twice. After either has changed. */
void dbx_view_compare(dbx_view *view, uint64_t frozen_position);

/* dbx_view_snapshot is what a view finds below its buffers under a key or a prefix. */
dbx_snapshot *dbx_view_snapshot(const dbx_view *view, dbx_slice key);
/* dbx_cursors_leave has cursors of the live view on collections from this id on let go of entries
 * and snapshot, which are going to change. They go on from the key they stand on. */
void dbx_cursors_leave(dbx_store *store, uint64_t cid);
/* dbx_cursor_forget_idle frees the cursor that is kept: before the live view's snapshot is renewed
 * or closed. */
void dbx_cursor_forget_idle(dbx_store *store);

/* dbx_txn_append_patched appends like dbx_txn_append and overwrites the value's first bytes by
 * `patch`. */
int dbx_txn_append_patched(dbx_txn *txn, dbx_slice key, dbx_slice patch, dbx_slice bytes);
/* dbx_txn_patch_headed is dbx_txn_patch, and overwrites the value's first bytes by `head`. */
int dbx_txn_patch_headed(dbx_txn *txn, dbx_slice key, dbx_slice head, size_t at, dbx_slice bytes);

#endif
