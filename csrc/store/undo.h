/* undo.h: what a turn changed, newest last, so that a command or the whole turn can be taken back.
 */
#ifndef DBX_STORE_UNDO_H
#define DBX_STORE_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/entry.h"

typedef enum dbx_undo_kind {
    DBX_UNDO_INSERTED, /* entry is new */
    DBX_UNDO_CHANGED,  /* value overwritten where it lies; old bytes are in `saved` */
    DBX_UNDO_REPLACED, /* the value is in another place now; the old bytes are still in theirs */
    DBX_UNDO_REMOVED,  /* entry left the tree; its memory is still there */
    DBX_UNDO_STATE     /* bytes of the store's own state; old bytes are in `saved` */
} dbx_undo_kind;

typedef struct dbx_undo_record {
    dbx_undo_kind kind;
    uint8_t flags;  /* the entry's, before */
    bool kept;      /* the value's place, before, is an old version's now */
    uint32_t held;  /* before; DBX_UNDO_REMOVED: a block for undoing it, or 0 */
    uint32_t epoch; /* before */
    uint32_t len;   /* of the value, before */
    union {
        dbx_entry *entry;
        uint8_t *state; /* DBX_UNDO_STATE: where the bytes belong */
    };
    size_t saved;       /* offset of saved bytes in dbx_undo.saved */
    uint32_t saved_len; /* how many */
    uint32_t saved_at;  /* where in the value they begin */
} dbx_undo_record;

typedef struct dbx_undo {
    dbx_undo_record *records;
    size_t count, cap;
    dbx_buf saved;
} dbx_undo;

struct dbx_buffer;

/* dbx_undo_reserve makes room for one more record and `bytes` saved bytes: DBX_OK or DBX_ENOMEM.
 * Call it before changing anything; dbx_undo_add then cannot fail. */
int dbx_undo_reserve(dbx_undo *undo, size_t bytes);
/* dbx_undo_add records an entry and its value as they are now, saving the first `saved_len` bytes
 * of that. */
void dbx_undo_add(dbx_undo *undo, dbx_undo_kind kind, dbx_entry *entry, dbx_slice value,
                  size_t saved_len);
/* dbx_undo_add_part is for a DBX_UNDO_CHANGED that overwrites bytes [at, at + len) of the value. */
void dbx_undo_add_part(dbx_undo *undo, dbx_entry *entry, dbx_slice value, size_t at, size_t len);
/* dbx_undo_state records `len` bytes of the store's state at `at` before they change. */
int dbx_undo_state(dbx_undo *undo, void *at, size_t len);
/* dbx_undo_revert takes back every record from `from` on, newest first. */
void dbx_undo_revert(dbx_undo *undo, struct dbx_buffer *buffer, size_t from);
/* dbx_undo_drop_early forgets the records from `from` on of entries that are DBX_EPOCH_LEAVING,
 * which are about to be freed, and of those that have left the tree and were of a collection with
 * the id `cid` or a later one. */
void dbx_undo_drop_early(dbx_undo *undo, struct dbx_buffer *buffer, size_t from, uint64_t cid);
/* dbx_undo_settle forgets everything: the turn is in the journal. */
void dbx_undo_settle(dbx_undo *undo, struct dbx_buffer *buffer);
void dbx_undo_free(dbx_undo *undo);

#endif
