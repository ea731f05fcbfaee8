/* buffer.h: one write buffer: what has changed since the last freeze, in key order, in memory.
 *
 * The active buffer takes writes; a frozen one never changes again and is read by the applier and
 * by views at the same time. Deleting leaves a tombstone only while the key may exist below. Runs
 * of tombstones are folded into gaps while cursors walk over them, so that nothing walks them
 * twice. Each change goes into an undo log; undoing restores the buffer exactly. What has changed
 * since the last checkpoint is marked (arena_marks.h), some of the rest may be.
 */
#ifndef DBX_STORE_BUFFER_H
#define DBX_STORE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/map.h"
#include "store/arena.h"
#include "store/entry.h"
#include "store/index.h"
#include "store/spool.h"
#include "store/tree.h"
#include "store/undo.h"

typedef struct dbx_buffer {
    dbx_arena arena;
    dbx_tree tree;       /* by order */
    dbx_index index;     /* by key */
    uint64_t *filter;    /* a Bloom filter of the keys, one word a key; NULL: none */
    size_t filter_words; /* a power of two */
    size_t entries;
    uint64_t changes;             /* moves with every write: cursors find their place again by it */
    size_t refs;                  /* the store's and the open views' */
    size_t views;                 /* open views that may see old versions */
    uint32_t epoch;               /* stamped on what is written; a new view closes it */
    uint32_t saved_epoch;         /* a checkpoint may have what was written up to it */
    uint32_t gaps[256];           /* entries with DBX_ENTRY_GAP, by the first byte of their key */
    size_t spool_bytes;           /* referred to by values */
    size_t delta_bytes;           /* of the values that deltas make, about: an apply writes them */
    struct dbx_version *versions; /* all kept versions */
    dbx_map version_of;           /* entry -> its newest kept version */
    dbx_spool **spools;           /* held open until the buffer is gone */
    size_t spool_count, spool_cap;
    int64_t oldest_ms; /* turn time of the first write; 0: none yet */
} dbx_buffer;

/* What a view sees of a key in this buffer. */
typedef struct dbx_state {
    dbx_slice value;
    uint32_t epoch; /* when it was written */
    uint8_t flags;  /* enum dbx_entry_flags */
} dbx_state;

enum { DBX_EPOCH_LIVE = UINT32_MAX }; /* sees everything */

/* dbx_buffer_new makes a buffer with one reference and a filter of about `filter_bytes` (0: none).
 * The pool (NULL: none) outlives it. */
dbx_buffer *dbx_buffer_new(size_t filter_bytes, dbx_arena_pool *pool);
void dbx_buffer_unref(dbx_buffer *buffer);
/* dbx_buffer_view_open pins the present state for a view, which then holds a reference, and returns
 * the epoch it sees; every write from now on keeps what it replaces. */
uint32_t dbx_buffer_view_open(dbx_buffer *buffer);
void dbx_buffer_view_close(dbx_buffer *buffer);
/* dbx_buffer_bytes is the anonymous memory the buffer occupies. */
size_t dbx_buffer_bytes(const dbx_buffer *buffer);

/* dbx_buffer_fill is what entries have added to that: what the bound is compared with. */
size_t dbx_buffer_fill(const dbx_buffer *buffer);

static inline uint64_t dbx_buffer_hash(dbx_slice key) {
    return dbx_hash_bytes(key, 0);
}

/* dbx_buffer_find returns the entry, tombstones included, or NULL. */
dbx_entry *dbx_buffer_find(const dbx_buffer *buffer, dbx_slice key, uint64_t hash);
/* dbx_buffer_prefetch loads what finding these hashes is going to read: many waits for memory at
 * the same time instead of one after the other. */
void dbx_buffer_prefetch(const dbx_buffer *buffer, const uint64_t *hashes, size_t count);
/* dbx_buffer_see fills *state with what a view of `epoch` sees of the entry; false: it was not
 * there. */
bool dbx_buffer_see(const dbx_buffer *buffer, const dbx_entry *entry, uint32_t epoch,
                    dbx_state *state);
/* dbx_buffer_in_gap: a key without an entry here is dead below, because it lies in a gap. */
bool dbx_buffer_in_gap(const dbx_buffer *buffer, dbx_slice key);
/* dbx_buffer_gap_before is the entry whose gap ends at this one, or NULL. */
dbx_entry *dbx_buffer_gap_before(const dbx_buffer *buffer, const dbx_entry *entry);

/* dbx_buffer_put stores head + tail under `key`. `entry` is what dbx_buffer_find gave. `flags`:
 * DBX_ENTRY_BELOW, if the key may exist in a lower level, and DBX_ENTRY_DELTA, if the value is one.
 * `spool`: when not NULL the tail lies in it and is referred to.
 * DBX_OK or DBX_ENOMEM (nothing changed). */
int dbx_buffer_put(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                   dbx_entry *entry, dbx_slice head, dbx_slice tail, uint8_t flags,
                   dbx_spool *spool);
/* dbx_buffer_bring_up notes what the lower levels have under a key that has no entry here (`value`;
 * NULL: nothing), with room for `room` bytes. It changes nothing that can be seen. DBX_OK or
 * DBX_ENOMEM. */
int dbx_buffer_bring_up(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                        const dbx_slice *value, size_t room);
/* dbx_buffer_hold_spool keeps a spool open until the buffer is gone. */
int dbx_buffer_hold_spool(dbx_buffer *buffer, dbx_spool *spool);
/* dbx_buffer_append adds bytes to the value of a live entry, which is no delta, and overwrites its
 * first bytes by `patch`.
 */
int dbx_buffer_append(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, dbx_slice patch,
                      dbx_slice bytes);
/* dbx_buffer_patch overwrites bytes [at, at + bytes.len) of a live entry's value, which has them
 * and is no delta. */
int dbx_buffer_patch(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, size_t at,
                     dbx_slice bytes);
/* dbx_buffer_kill makes the key dead here: a tombstone when it may exist below or in a checkpoint,
 * nothing otherwise. */
int dbx_buffer_kill(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                    dbx_entry *entry, bool below);
/* dbx_buffer_drop takes out and frees an entry of which a lower level has all: one where no gap
 * begins or ends, that no undo record names and that no view sees. */
void dbx_buffer_drop(dbx_buffer *buffer, dbx_entry *entry);
/* dbx_buffer_fold is told that `middle` is a tombstone, that left, middle and right are neighbours,
 * and that no lower key between left and right is alive: the tombstone becomes part of left's gap.
 * False: not now, nothing has changed.
 */
bool dbx_buffer_fold(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *left, dbx_entry *middle,
                     const dbx_entry *right);

/* Entries from checkpoints, in key order, into an empty buffer. */
enum { DBX_BUFFER_LOAD_AHEAD = 32 };
typedef struct dbx_buffer_load { /* zeroed to begin */
    dbx_entry *entries[DBX_BUFFER_LOAD_AHEAD];
    uint64_t hashes[DBX_BUFFER_LOAD_AHEAD];
    size_t count; /* of entries that the index does not have yet: their places are being fetched */
} dbx_buffer_load;
/* dbx_buffer_load_next adds one. `spool`: with DBX_ENTRY_REFERS, it holds `value`. DBX_OK or
 * DBX_ENOMEM, after which the buffer is good for nothing. */
int dbx_buffer_load_next(dbx_buffer *buffer, dbx_buffer_load *load, dbx_slice key, dbx_slice value,
                         uint8_t flags, dbx_spool *spool);
void dbx_buffer_load_end(dbx_buffer *buffer, dbx_buffer_load *load);

/* Gives back what a successful turn no longer needs, or takes a record of the turn back: undo.c. */
void dbx_buffer_settle(dbx_buffer *buffer, const dbx_undo_record *record);
void dbx_buffer_revert(dbx_buffer *buffer, const dbx_undo *undo, const dbx_undo_record *record);

#endif
