/* store_info.c: what INFO store tells (invariant 24). */
#include <stdio.h>

#include "store/apply.h"
#include "store/internal.h"
#include "store/journal.h"

static void add_journal(dbx_store *store, dbx_store_info *info) {
    dbx_journal_stats stats;
    dbx_error error;
    if (store->journal == NULL) return;
    dbx_journal_get_stats(store->journal, &stats);
    info->position = dbx_journal_position(store->journal);
    info->durable = dbx_journal_durable(store->journal);
    info->journal_bytes = stats.bytes_on_disk;
    info->journal_segments = stats.segments;
    info->written_journal_bytes = stats.written_bytes;
    info->syncs = stats.syncs;
    info->sync_last_us = stats.sync_last_us;
    if (dbx_journal_refused(store->journal, &error)) {
        (void)snprintf(info->last_error, sizeof info->last_error, "%.*s",
                       (int)sizeof info->last_error - 1, error.text);
    }
}

static void add_room(dbx_store *store, dbx_store_info *info) {
    const dbx_room *room = &store->room;
    dbx_room_look(store);
    info->disk_free_bytes = room->free_bytes;
    info->disk_unused_bytes = room->unused_bytes;
    info->ballast_bytes = room->ballast_bytes;
    info->disk_low = room->low;
    info->disk_full = room->full;
    if (room->full && info->last_error[0] == '\0') {
        (void)snprintf(info->last_error, sizeof info->last_error, "the disk is full");
    }
}

static void add_applier(dbx_store *store, dbx_store_info *info) {
    dbx_applier_stats stats;
    if (store->applier == NULL) return;
    dbx_applier_get_stats(store->applier, &stats);
    info->applied = store->applied_position;
    info->early_commits = stats.early;
    info->early_entries = stats.early_entries;
    info->applies = stats.applies;
    info->apply_failures = stats.failures;
    info->apply_last_at_s = stats.last_at_s;
    info->apply_last_ms = stats.last_ms;
    info->apply_last_entries = stats.last_entries;
    info->apply_last_bytes = stats.last_bytes;
    info->written_apply_bytes = stats.written_bytes;
    info->vacuums = stats.vacuums;
    info->reclaimed = stats.reclaimed;
    info->moved_bytes = stats.moved_bytes;
    info->written_vacuum_bytes = stats.written_vacuum_bytes;
    info->vacuum_unused_bytes = stats.unused_bytes;
    info->litter = stats.litter;
    info->written_checkpoint_bytes += stats.saved_bytes;
    if (info->last_error[0] == '\0') {
        (void)snprintf(info->last_error, sizeof info->last_error, "%s", stats.last_error);
    }
}

void dbx_store_get_info(dbx_store *store, dbx_store_info *info) {
    const dbx_buffer *active = store->live.active, *frozen = store->live.frozen;
    *info = (dbx_store_info){.buffer_entries = active->entries,
                             .buffer_bytes = dbx_buffer_bytes(active),
                             .buffer_bytes_max = store->buffer_bytes_max,
                             .kept_bytes = dbx_arena_pool_bytes(store->pool),
                             .frozen_entries = frozen != NULL ? frozen->entries : 0,
                             .frozen_bytes = frozen != NULL ? dbx_buffer_bytes(frozen) : 0,
                             .replay_last_ms = store->replay_ms,
                             .replay_last_effects = store->replay_effects,
                             .replay_last_entries = store->loaded_entries,
                             .saved = store->saved_position,
                             .checkpoints = store->checkpoints,
                             .written_checkpoint_bytes = store->checkpoint_bytes,
                             .written_spool_bytes = store->spool_bytes,
                             .turns = store->turns,
                             .effects = store->effects,
                             .views = store->view_count,
                             .reclaimed = store->reclaimed,
                             .litter = store->litter,
                             .expired = store->expired,
                             .hits = store->hits,
                             .misses = store->misses,
                             .write_stalls = store->write_stalls,
                             .work_gets = store->work.gets,
                             .work_seeks = store->work.seeks,
                             .work_steps = store->work.steps,
                             .work_writes = store->work.writes,
                             .work_write_bytes = store->work.write_bytes,
                             .durability = store->options.durability,
                             .in_memory = store->env == NULL};
    if (store->env != NULL) dbx_env_size(store->env, &info->file_bytes, &info->map_bytes);
    add_journal(store, info);
    add_applier(store, info);
    add_room(store, info);
}

void dbx_store_reset_stats(dbx_store *store) {
    store->expired = store->hits = store->misses = store->write_stalls = 0;
}
