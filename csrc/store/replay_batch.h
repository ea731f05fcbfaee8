/* replay_batch.h: a part of the log, read and looked up ahead of its execution.
 *
 * An effect looks its key up and then has a place made for it in the buffer's tree: over millions
 * of keys both are walks through memory that no cache holds, and after a power cut through pages
 * that are still on the disk. In key order they are not. So the keys of a batch of effects are
 * sorted and looked for in MDBX, by another thread than the one that executes; before it executes
 * them, that one copies what was found, as it is, into the active buffer: the state stays the
 * same, and the effects find everything there by its hash.
 */
#ifndef DBX_STORE_REPLAY_BATCH_H
#define DBX_STORE_REPLAY_BATCH_H

#include "store/effect.h"
#include "store/frame.h"
#include "store/internal.h"
#include "store/journal_read.h"

/* A whole group: what one command or one EXEC did, or a turn of such. */
typedef struct dbx_replay_group {
    dbx_frame frame;
    size_t offset, len; /* its effects, in the batch's bytes */
    uint64_t end;       /* position behind it */
    size_t keys;        /* noted by the groups before it */
} dbx_replay_group;

typedef struct dbx_replay_batch {
    dbx_store *store;
    dbx_buf bytes;
    dbx_replay_group *groups;
    size_t count, cap;
    dbx_buf names;  /* the encoded keys, each behind its length and the room it asks for */
    dbx_buf hashes; /* theirs, a uint64_t each, in the order of the log */
    struct dbx_replay_key *keys; /* the same, sorted, and what MDBX has of them */
    size_t key_count, key_cap;
    uint64_t *ns;        /* the databases' namespaces that they were encoded with */
    dbx_snapshot *below; /* in which they were looked up */
    bool looked_up;
} dbx_replay_batch;

/* dbx_replay_batch_init makes an empty batch; DBX_OK or DBX_ENOMEM. */
int dbx_replay_batch_init(dbx_replay_batch *batch, dbx_store *store);
/* dbx_replay_batch_read fills the batch with about `bytes_max` of the log, one group at least, and
 * looks its keys up; batch->ns is the caller's to fill in before. Returns 1, 0 when the log has no
 * more, or a failure to read it. Touches nothing of the store that changes. */
int dbx_replay_batch_read(dbx_replay_batch *batch, dbx_journal_reader *reader,
                          const dbx_replay_calls *calls, size_t bytes_max, dbx_error *error);
/* dbx_replay_batch_bring_up copies what was found into the active buffer, about `bytes_max` of it,
 * unless an apply has been taken in or a database flushed since: what is left out is looked up by
 * the effects themselves. Outside turns. */
void dbx_replay_batch_bring_up(dbx_replay_batch *batch, size_t bytes_max);
/* dbx_replay_batch_fetch loads the entries of a group's keys into the caches. */
void dbx_replay_batch_fetch(const dbx_replay_batch *batch, size_t group);
void dbx_replay_batch_free(dbx_replay_batch *batch);

/* dbx_replay_select follows an effect that selects a database: 1, a failure when there is no such
 * database, 0 when it is another effect. */
int dbx_replay_select(const dbx_store *store, const dbx_effect_reader *effects, uint32_t *db);

#endif
