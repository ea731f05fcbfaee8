/* txn.h: one ordered map: what types and commands see of the store.
 *
 * A get looks in the active write buffer, the frozen one, then an MDBX snapshot; cursors merge the
 * three in both directions. All of that is hidden here. Keys are the encoded bytes of
 * store/format.h, at most DBX_ENCODED_KEY_MAX. Slices returned are valid until the next write
 * through the same transaction, dbx_txn_let_go, or the end of the command, whichever comes first:
 * copy what must live longer.
 */
#ifndef DBX_STORE_TXN_H
#define DBX_STORE_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "base/slice.h"
#include "store/times.h"

typedef struct dbx_txn dbx_txn;
typedef struct dbx_view dbx_view;
typedef struct dbx_cursor dbx_cursor;

/* --- Commands and effects --------------------------------------------------------------------- */

typedef struct dbx_savepoint {
    size_t undo;    /* undo records */
    size_t effects; /* bytes of the turn's effects */
    size_t groups;  /* of effects, in the journal */
    uint64_t effect_count, writes;
    uint32_t effects_db;
} dbx_savepoint;

/* dbx_txn_command_begin starts a command, whose effects are one group: whole or absent in the
 * journal. Commands may be run within one (EXEC): their effects belong to its group. `writing`: it
 * may change data; meeting an expired key then removes it and journals the removal. */
dbx_savepoint dbx_txn_command_begin(dbx_txn *txn, bool writing);
/* dbx_txn_command_end closes the group of effects. */
void dbx_txn_command_end(dbx_txn *txn, dbx_savepoint savepoint);
/* dbx_txn_command_undo takes back everything since the savepoint: entries, counters, effects. */
void dbx_txn_command_undo(dbx_txn *txn, dbx_savepoint savepoint);
/* dbx_txn_let_go: what was returned so far is not needed any more. For commands that look up any
 * number of keys one after the other: some values take memory, see store/scratch.h. */
void dbx_txn_let_go(dbx_txn *txn);
/* dbx_txn_changed says whether anything was written since the savepoint. */
bool dbx_txn_changed(const dbx_txn *txn, dbx_savepoint savepoint);

/* dbx_txn_may_wait: what fails with DBX_EBUSY from now on is undone and run again when the apply
 * that is going on has ended; otherwise it waits by itself. */
void dbx_txn_may_wait(dbx_txn *txn, bool may_wait);

/* dbx_txn_effect journals one effect: a command that gives the same result whenever it is replayed.
 */
int dbx_txn_effect(dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv);
/* dbx_txn_effect_bytes is the size of the turn's effects so far: turns are bounded by it. */
size_t dbx_txn_effect_bytes(const dbx_txn *txn);

/* What types/ remembers; each is one file's. */
typedef enum dbx_memo { DBX_MEMO_SAMPLERS, DBX_MEMO_RANKS, DBX_MEMOS } dbx_memo;
/* dbx_txn_memo is what types/ has learnt of the live map, in memory alone, and dbx_txn_set_memo
 * keeps it: with the store, until `release` frees it. dbx_txn_undone grows when anything was taken
 * back, a command or a turn: what was learnt may be wrong then. */
void *dbx_txn_memo(const dbx_txn *txn, dbx_memo which);
void dbx_txn_set_memo(dbx_txn *txn, dbx_memo which, void *memo, void (*release)(void *memo));
uint64_t dbx_txn_undone(const dbx_txn *txn);

/* dbx_txn_times are the turn's times: metadata is stamped with the first, expiry is decided by
 * both, and the frame carries them. */
dbx_times dbx_txn_times(const dbx_txn *txn);
/* dbx_txn_replaying: limits, ACL and expiry by the clock do not apply; nothing is journalled. */
bool dbx_txn_replaying(const dbx_txn *txn);

/* --- The map ---------------------------------------------------------------------------------- */

/* dbx_txn_get returns DBX_OK and the value, DBX_ENOTFOUND, or a failure. */
int dbx_txn_get(dbx_txn *txn, dbx_slice key, dbx_slice *value);

/* dbx_txn_put stores head followed by tail as the value (either may be empty). A tail of 16 KB and
 * more that lies in the current input spool is referred to, not copied. */
int dbx_txn_put(dbx_txn *txn, dbx_slice key, dbx_slice head, dbx_slice tail);

/* dbx_txn_put_fresh stores the value of a key that was never put before, so that it lies nowhere:
 * deleting it again leaves nothing behind and looks nothing up. */
int dbx_txn_put_fresh(dbx_txn *txn, dbx_slice key, dbx_slice value);

/* dbx_txn_room gives memory for a value of up to DBX_VALUE_CHUNK_BYTES that a command makes itself:
 * put it from there and, if it is long, it is referred to and takes no room in the buffer (it lies
 * in a spool). Valid until the command ends. DBX_OK, or out of memory or of disk. */
int dbx_txn_room(dbx_txn *txn, size_t bytes, uint8_t **room);

/* dbx_txn_append adds bytes to the end of an existing value, in place when it lies in the active
 * buffer: amortised O(len). DBX_ENOTFOUND when the key is absent. */
int dbx_txn_append(dbx_txn *txn, dbx_slice key, dbx_slice bytes);

/* dbx_txn_patch overwrites bytes [at, at + bytes.len) of an existing value, which has them
 * (DBX_ELIMIT: it has not), in place when it lies in the active buffer: O(bytes). DBX_ENOTFOUND
 * when the key is absent. */
int dbx_txn_patch(dbx_txn *txn, dbx_slice key, size_t at, dbx_slice bytes);

/* dbx_txn_del deletes; deleting what is absent is DBX_OK and does nothing. */
int dbx_txn_del(dbx_txn *txn, dbx_slice key);

/* dbx_txn_new_id gives a 64-bit collection or namespace id, never used before or again. */
uint64_t dbx_txn_new_id(dbx_txn *txn);

/* dbx_txn_retire hands a collection id to the background reclaim: O(1) whatever its size. */
int dbx_txn_retire(dbx_txn *txn, uint64_t cid);

/* dbx_txn_seed is the database's own, 16 bytes: for hashes that are kept on disk. */
const uint8_t *dbx_txn_seed(const dbx_txn *txn);
/* dbx_txn_rand draws for commands whose result is random. What they chose is what they journal. */
dbx_rand *dbx_txn_rand(dbx_txn *txn);

/* --- Probed access: a lookup in the live view, so that a write can follow without looking again --
 */

typedef struct dbx_probe {
    uint64_t hash;
    uint64_t changes;        /* of the active buffer when `entry` was found */
    struct dbx_entry *entry; /* in the active buffer; NULL: none */
    bool below;              /* alive in a lower level, or not known */
    bool known;              /* `below` was looked up */
    bool found;
    dbx_slice value; /* when found */
    uint64_t clears; /* of the scratch memory, in which `value` may be, then */
} dbx_probe;

/* dbx_txn_probe looks a key up; fills probe->found, ->value. DBX_OK unless something failed. */
int dbx_txn_probe(dbx_txn *txn, dbx_slice key, dbx_probe *probe);
/* dbx_txn_probe_known is the same for a key that is there, as another entry or a cursor has said:
 * it is not looked for below, and its value is not given. DBX_ECORRUPT: it cannot be there. */
int dbx_txn_probe_known(dbx_txn *txn, dbx_slice key, dbx_probe *probe);
int dbx_txn_put_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe, dbx_slice head,
                       dbx_slice tail);
/* dbx_txn_edit_probed is dbx_txn_put_probed for a value most of which stays as it is: what changes
 * may be kept alone (delta.h). `head_was`: how long the head was in the value that was found. */
int dbx_txn_edit_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe, size_t head_was,
                        dbx_slice head, dbx_slice tail);
/* dbx_txn_del_probed deletes what the probe found. */
int dbx_txn_del_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe);

/* --- Views: a state that later writes do not change ---------------------------------------------
 */

/* dbx_txn_view is the live view: it sees this transaction's writes. Not to be closed. */
dbx_view *dbx_txn_view(dbx_txn *txn);

/* dbx_view_open pins the present state; NULL when out of memory or of reader slots. It keeps old
 * pages and buffers alive: whoever holds one needs a deadline. Close it under the engine lock. */
dbx_view *dbx_view_open(dbx_txn *txn);
void dbx_view_close(dbx_view *view);
int dbx_view_get(dbx_view *view, dbx_slice key, dbx_slice *value);

/* --- Cursors -------------------------------------------------------------------------------------
 * A cursor walks the live keys that begin with `prefix`, in order. After a write through the same
 * transaction it finds its place again by key, so deleting while walking is allowed. */

dbx_cursor *dbx_cursor_open(dbx_view *view, dbx_slice prefix);
void dbx_cursor_close(dbx_cursor *cursor);
/* Each returns DBX_OK with the cursor on an entry, DBX_ENOTFOUND past the end, or a failure. */
int dbx_cursor_first(dbx_cursor *cursor);
int dbx_cursor_last(dbx_cursor *cursor);
int dbx_cursor_seek(dbx_cursor *cursor, dbx_slice key);      /* first entry >= key */
int dbx_cursor_seek_back(dbx_cursor *cursor, dbx_slice key); /* last entry <= key */
int dbx_cursor_next(dbx_cursor *cursor);
int dbx_cursor_prev(dbx_cursor *cursor);
/* Valid while the cursor stands on an entry and nothing was written since. */
dbx_slice dbx_cursor_key(const dbx_cursor *cursor);
dbx_slice dbx_cursor_value(const dbx_cursor *cursor);

#endif
