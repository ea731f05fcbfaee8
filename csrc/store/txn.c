/* txn.c: writing to the map: commands, effects and undo. */
#include <string.h>

#include "base/alloc.h"
#include "codec/resp_write.h"
#include "store/delta.h"
#include "store/early.h"
#include "store/effect.h"
#include "store/frame.h"
#include "store/internal.h"
#include "store/journal.h"
#include "store/limits.h"

/* --- Commands and effects ------------------------------------------------------------------------
 */

dbx_savepoint dbx_txn_command_begin(dbx_txn *txn, bool writing) {
    txn->writing = writing;
    dbx_txn_let_go(txn);
    dbx_early_begin(txn);
    return (dbx_savepoint){.undo = txn->undo.count,
                           .effects = txn->effects.len,
                           .effect_count = txn->effect_count,
                           .groups = txn->group_count,
                           .writes = txn->writes,
                           .effects_db = txn->effects_db};
}

static void leave_room(dbx_txn *txn) {
    if (txn->room == NULL) return;
    dbx_spool_seal(txn->room, txn->room_used);
    dbx_spool_unref(txn->room);
    txn->room = NULL;
    txn->room_used = 0;
}

void dbx_txn_command_end(dbx_txn *txn, dbx_savepoint savepoint) {
    txn->writing = false;
    txn->input = NULL;
    leave_room(txn);
    dbx_early_end(txn);
    if (txn->effects.len == savepoint.effects) return;
    /* Room was made by dbx_txn_effect, so that ending a command cannot fail. The groups of commands
     * within this one become part of its own. */
    txn->groups[savepoint.groups] = (dbx_journal_group){
        .end = txn->effects.len - DBX_FRAME_HEADER_BYTES, .db = savepoint.effects_db};
    txn->group_count = savepoint.groups + 1;
}

void dbx_txn_command_undo(dbx_txn *txn, dbx_savepoint savepoint) {
    txn->undone++;
    dbx_ends_forget(&txn->store->ends);
    dbx_undo_revert(&txn->undo, txn->store->live.active, savepoint.undo);
    txn->effects.len = savepoint.effects;
    /* A turn that had no memory for its frame's header stays without: it ends with an error. */
    txn->effects.failed = txn->effects.len < DBX_FRAME_HEADER_BYTES;
    txn->effects_db = savepoint.effects_db;
    txn->writes = savepoint.writes;
    txn->effect_count = savepoint.effect_count;
    txn->group_count = savepoint.groups;
}

void dbx_txn_let_go(dbx_txn *txn) {
    dbx_scratch_clear(&txn->store->live.scratch);
}

bool dbx_txn_changed(const dbx_txn *txn, dbx_savepoint savepoint) {
    return txn->writes != savepoint.writes;
}

void *dbx_txn_memo(const dbx_txn *txn, dbx_memo which) {
    return txn->memos[which].memo;
}

void dbx_txn_set_memo(dbx_txn *txn, dbx_memo which, void *memo, void (*release)(void *memo)) {
    txn->memos[which].memo = memo;
    txn->memos[which].release = release;
}

uint64_t dbx_txn_undone(const dbx_txn *txn) {
    return txn->undone;
}

int dbx_txn_effect(dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv) {
    if (txn->replaying || txn->store->env == NULL) return DBX_OK;
    void *groups =
        dbx_alloc_room(txn->groups, &txn->group_cap, txn->group_count + 1, sizeof *txn->groups);
    if (groups == NULL) return DBX_ENOMEM;
    txn->groups = groups;
    if (txn->effects_db != db) dbx_effect_select(&txn->effects, db);
    txn->effects_db = db;
    if (txn->input != NULL) {
        if (dbx_spool_effect(&txn->effects, txn->input, argc, argv) &&
            dbx_buffer_hold_spool(txn->store->live.active, txn->input) != DBX_OK) {
            return DBX_ENOMEM;
        }
    } else {
        dbx_resp_command(&txn->effects, argc, argv);
    }
    txn->effect_count++;
    return txn->effects.failed ? DBX_ENOMEM : DBX_OK;
}

size_t dbx_txn_effect_bytes(const dbx_txn *txn) {
    return txn->effects.len > DBX_FRAME_HEADER_BYTES ? txn->effects.len - DBX_FRAME_HEADER_BYTES
                                                     : 0;
}

dbx_times dbx_txn_times(const dbx_txn *txn) {
    return (dbx_times){txn->now_ms, txn->wall_ms};
}

const uint8_t *dbx_txn_seed(const dbx_txn *txn) {
    return txn->store->seed;
}

dbx_rand *dbx_txn_rand(dbx_txn *txn) {
    return &txn->store->rand;
}

bool dbx_txn_replaying(const dbx_txn *txn) {
    return txn->replaying;
}

void dbx_txn_may_wait(dbx_txn *txn, bool may_wait) {
    txn->may_wait = may_wait;
}

void dbx_txn_input(dbx_txn *txn, dbx_spool *spool) {
    txn->input = spool;
}

int dbx_txn_room(dbx_txn *txn, size_t bytes, uint8_t **room) {
    if (txn->room == NULL || bytes > DBX_ROOM_BYTES - txn->room_used) {
        dbx_error error;
        leave_room(txn);
        if (!txn->replaying && !dbx_room_fits(txn->store, DBX_ROOM_BYTES)) return DBX_ENOSPC;
        int rc = dbx_spool_open(txn->store, &txn->room, &error);
        if (rc != DBX_OK) return rc;
        /* All at once: what refers to it must not be moved. */
        if (dbx_spool_reserve(txn->room, 0, DBX_ROOM_BYTES, &error) == NULL) return error.code;
    }
    dbx_slice at;
    if (!dbx_spool_part(txn->room, txn->room_used, bytes, &at)) return DBX_ELIMIT;
    txn->input = txn->room;
    txn->room_used += bytes;
    *room = (uint8_t *)(uintptr_t)at.ptr;
    return DBX_OK;
}

/* --- The map -------------------------------------------------------------------------------------
 */

int dbx_txn_get(dbx_txn *txn, dbx_slice key, dbx_slice *value) {
    return dbx_view_get(&txn->store->live, key, value);
}

int dbx_txn_probe(dbx_txn *txn, dbx_slice key, dbx_probe *probe) {
    dbx_view *view = &txn->store->live;
    *probe = (dbx_probe){.hash = dbx_buffer_hash(key),
                         .changes = view->active->changes,
                         .clears = view->scratch.clears};
    probe->entry = dbx_buffer_find(view->active, key, probe->hash);
    dbx_work_add(&txn->store->work.gets, 1);
    if (probe->entry != NULL) {
        probe->below = (probe->entry->flags & DBX_ENTRY_BELOW) != 0;
        probe->found = (probe->entry->flags & DBX_ENTRY_DEAD) == 0;
        if (!probe->found) return DBX_OK;
        const dbx_state state = {dbx_entry_value(&view->active->arena, probe->entry),
                                 probe->entry->epoch, probe->entry->flags};
        return dbx_view_value(view, key, probe->hash, &state, &probe->value);
    }
    probe->known = true;
    if (dbx_buffer_in_gap(view->active, key)) return DBX_OK;
    int rc = dbx_view_below_get(view, key, probe->hash, &probe->value);
    probe->found = probe->below = rc == DBX_OK;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_txn_probe_known(dbx_txn *txn, dbx_slice key, dbx_probe *probe) {
    const dbx_view *view = &txn->store->live;
    *probe =
        (dbx_probe){.hash = dbx_buffer_hash(key), .changes = view->active->changes, .found = true};
    probe->entry = dbx_buffer_find(view->active, key, probe->hash);
    probe->known = probe->entry == NULL;
    probe->below = probe->known || (probe->entry->flags & DBX_ENTRY_BELOW) != 0;
    bool there = probe->known ? view->below != NULL || view->frozen != NULL
                              : (probe->entry->flags & DBX_ENTRY_DEAD) == 0;
    return there ? DBX_OK : DBX_ECORRUPT;
}

/* Other keys were written since the probe: the entry may have come or gone. */
static void refresh(dbx_txn *txn, dbx_slice key, dbx_probe *probe) {
    dbx_buffer *active = txn->store->live.active;
    if (probe->changes == active->changes) return;
    probe->entry = dbx_buffer_find(active, key, probe->hash);
    if (probe->entry != NULL) {
        probe->below = (probe->entry->flags & DBX_ENTRY_BELOW) != 0;
    } else if (dbx_view_snapshot(&txn->store->live, key) != txn->store->live.below) {
        probe->below = true; /* it may have gone below since */
        probe->known = false;
    }
}

static void wrote(dbx_txn *txn, dbx_probe *probe, size_t bytes) {
    dbx_buffer *active = txn->store->live.active;
    txn->writes++;
    dbx_work_add(&txn->store->work.writes, 1);
    dbx_work_add(&txn->store->work.write_bytes, bytes);
    if (active->oldest_ms == 0) active->oldest_ms = txn->now_ms;
    probe->changes = active->changes - 1; /* look again before the next write */
}

static int put_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe, dbx_slice head,
                      dbx_slice tail) {
    if (key.len == 0 || key.len > DBX_ENCODED_KEY_MAX || head.len > DBX_VALUE_BYTES_MAX ||
        tail.len > DBX_VALUE_BYTES_MAX - head.len) {
        return DBX_ELIMIT;
    }
    refresh(txn, key, probe);
    dbx_ends_put(&txn->store->ends, key);
    dbx_spool *spool = txn->input;
    bool refer =
        spool != NULL && head.len == 0 && tail.len >= DBX_REFER_MIN && dbx_spool_holds(spool, tail);
    int rc = dbx_buffer_put(txn->store->live.active, &txn->undo, key, probe->hash, probe->entry,
                            head, tail, probe->below ? DBX_ENTRY_BELOW : 0, refer ? spool : NULL);
    if (rc == DBX_OK) wrote(txn, probe, head.len + tail.len);
    return rc;
}

int dbx_txn_put_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe, dbx_slice head,
                       dbx_slice tail) {
    int rc = put_probed(txn, key, probe, head, tail);
    return rc == DBX_OK ? dbx_early_room(txn) : rc;
}

/* Whether what the probe found is what the map has. Of a command that changes two keys the one was
 * written since the other was found: then it is looked up again. */
static bool still_there(dbx_txn *txn, dbx_slice key, dbx_probe *probe) {
    dbx_probe now;
    if (!probe->found || probe->clears != txn->store->live.scratch.clears) return false;
    if (probe->changes == txn->store->live.active->changes) return true;
    if (dbx_txn_probe(txn, key, &now) != DBX_OK || !now.found ||
        !dbx_slice_eq(now.value, probe->value)) {
        return false;
    }
    *probe = now;
    return true;
}

/* Makes a delta of what the probe found and what it is to become, in txn->delta. */
static bool make_delta(dbx_txn *txn, dbx_slice key, dbx_probe *probe, size_t head_was,
                       dbx_slice head, dbx_slice tail) {
    const dbx_buffer *active = txn->store->live.active;
    dbx_slice delta = {NULL, 0}, was = probe->value;
    if (!dbx_delta_suits(head, tail) || !still_there(txn, key, probe) || head_was > was.len) {
        return false;
    }
    if (probe->entry != NULL) {
        if ((probe->entry->flags & DBX_ENTRY_DELTA) == 0) return false;
        delta = dbx_entry_value(&active->arena, probe->entry);
    }
    const dbx_delta_change change = {.delta = delta,
                                     .head_was = head_was,
                                     .was = dbx_slice_of(was.ptr + head_was, was.len - head_was),
                                     .head = head,
                                     .tail = tail};
    return dbx_delta_make(&txn->delta, &change);
}

int dbx_txn_edit_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe, size_t head_was,
                        dbx_slice head, dbx_slice tail) {
    const dbx_slice none = {NULL, 0};
    if (!make_delta(txn, key, probe, head_was, head, tail)) {
        return dbx_txn_put_probed(txn, key, probe, head, tail);
    }
    dbx_slice delta = dbx_buf_slice(&txn->delta);
    dbx_buffer *active = txn->store->live.active;
    dbx_ends_put(&txn->store->ends, key);
    int rc = dbx_buffer_put(active, &txn->undo, key, probe->hash, probe->entry, none, delta,
                            DBX_ENTRY_BELOW | DBX_ENTRY_DELTA, NULL);
    if (rc != DBX_OK) return rc;
    if (probe->entry == NULL) active->delta_bytes += head.len + tail.len;
    wrote(txn, probe, delta.len);
    return dbx_early_room(txn);
}

int dbx_txn_put(dbx_txn *txn, dbx_slice key, dbx_slice head, dbx_slice tail) {
    dbx_view *view = &txn->store->live;
    dbx_probe probe = {.hash = dbx_buffer_hash(key), .changes = view->active->changes};
    probe.entry = dbx_buffer_find(view->active, key, probe.hash);
    /* Not looked up below: a later deletion does that, if there is one. */
    probe.below = probe.entry != NULL ? (probe.entry->flags & DBX_ENTRY_BELOW) != 0
                                      : view->below != NULL || view->frozen != NULL;
    return dbx_txn_put_probed(txn, key, &probe, head, tail);
}

int dbx_txn_put_fresh(dbx_txn *txn, dbx_slice key, dbx_slice value) {
    dbx_view *view = &txn->store->live;
    dbx_probe probe = {.hash = dbx_buffer_hash(key), .changes = view->active->changes};
    return dbx_txn_put_probed(txn, key, &probe, value, (dbx_slice){NULL, 0});
}

/* Finds a value that is to be changed where it lies, and brings it up when it, or a part of it,
 * lies below. */
static int probe_own(dbx_txn *txn, dbx_slice key, dbx_probe *probe) {
    int rc = dbx_txn_probe(txn, key, probe);
    if (rc != DBX_OK) return rc;
    if (!probe->found) return DBX_ENOTFOUND;
    if (probe->entry != NULL && (probe->entry->flags & DBX_ENTRY_DELTA) == 0) return DBX_OK;
    dbx_slice none = {NULL, 0};
    rc = put_probed(txn, key, probe, probe->value, none);
    if (rc == DBX_OK) refresh(txn, key, probe);
    return rc;
}

int dbx_txn_append_patched(dbx_txn *txn, dbx_slice key, dbx_slice patch, dbx_slice bytes) {
    dbx_probe probe;
    int rc = probe_own(txn, key, &probe);
    if (rc != DBX_OK) return rc;
    if (bytes.len > DBX_VALUE_BYTES_MAX - probe.value.len) return DBX_ELIMIT;
    rc = dbx_buffer_append(txn->store->live.active, &txn->undo, probe.entry, patch, bytes);
    if (rc != DBX_OK) return rc;
    wrote(txn, &probe, bytes.len);
    return dbx_early_room(txn);
}

int dbx_txn_append(dbx_txn *txn, dbx_slice key, dbx_slice bytes) {
    return dbx_txn_append_patched(txn, key, (dbx_slice){NULL, 0}, bytes);
}

int dbx_txn_patch_headed(dbx_txn *txn, dbx_slice key, dbx_slice head, size_t at, dbx_slice bytes) {
    dbx_probe probe;
    dbx_undo *undo = &txn->undo;
    int rc = probe_own(txn, key, &probe);
    if (rc != DBX_OK) return rc;
    size_t len = probe.value.len;
    if (head.len > len || at > len || bytes.len > len - at) return DBX_ELIMIT;
    if (head.len > 0) {
        rc = dbx_buffer_patch(txn->store->live.active, undo, probe.entry, 0, head);
    }
    if (rc == DBX_OK) rc = dbx_buffer_patch(txn->store->live.active, undo, probe.entry, at, bytes);
    if (rc != DBX_OK) return rc;
    wrote(txn, &probe, head.len + bytes.len);
    return dbx_early_room(txn);
}

int dbx_txn_patch(dbx_txn *txn, dbx_slice key, size_t at, dbx_slice bytes) {
    return dbx_txn_patch_headed(txn, key, (dbx_slice){NULL, 0}, at, bytes);
}

int dbx_txn_del_probed(dbx_txn *txn, dbx_slice key, dbx_probe *probe) {
    refresh(txn, key, probe);
    if (probe->entry != NULL && probe->below && !probe->known) {
        dbx_slice value;
        int rc = dbx_view_below_get(&txn->store->live, key, probe->hash, &value);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
        probe->below = rc == DBX_OK;
    }
    int rc = dbx_buffer_kill(txn->store->live.active, &txn->undo, key, probe->hash, probe->entry,
                             probe->below);
    if (rc == DBX_OK) wrote(txn, probe, 0);
    return rc;
}

int dbx_txn_del(dbx_txn *txn, dbx_slice key) {
    dbx_probe probe;
    int rc = dbx_txn_probe(txn, key, &probe);
    if (rc != DBX_OK || !probe.found) return rc;
    return dbx_txn_del_probed(txn, key, &probe);
}

/* --- Ids -----------------------------------------------------------------------------------------
 */

uint64_t dbx_txn_new_id(dbx_txn *txn) {
    dbx_early_expect(txn);
    /* Never given back, not even by an undo: an id must not name two things. */
    return txn->store->next_id++;
}

int dbx_txn_retire(dbx_txn *txn, uint64_t id) {
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    dbx_slice none = {NULL, 0};
    txn->store->litter = txn->store->env == NULL;
    return dbx_txn_put(txn, dbx_format_retired_key(key, DBX_RETIRED_COLLECTION, id), none, none);
}
