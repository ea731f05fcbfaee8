/* undo.c: see undo.h. */
#include "store/undo.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "store/buffer.h"
#include "store/format.h"

enum { UNDO_SAVED_KEEP = 1 << 16, UNDO_RECORDS_KEEP = 4096 };

int dbx_undo_reserve(dbx_undo *undo, size_t bytes) {
    void *records =
        dbx_alloc_room(undo->records, &undo->cap, undo->count + 1, sizeof *undo->records);
    if (records == NULL) return DBX_ENOMEM;
    undo->records = records;
    if (bytes > 0 && dbx_buf_reserve(&undo->saved, bytes) == NULL) {
        undo->saved.failed = false;
        return DBX_ENOMEM;
    }
    return DBX_OK;
}

static void add(dbx_undo *undo, dbx_undo_kind kind, dbx_entry *entry, dbx_slice value, size_t at,
                size_t len) {
    undo->records[undo->count++] = (dbx_undo_record){.kind = kind,
                                                     .flags = entry->flags,
                                                     .held = entry->held,
                                                     .epoch = entry->epoch,
                                                     .len = (uint32_t)value.len,
                                                     .entry = entry,
                                                     .saved = undo->saved.len,
                                                     .saved_len = (uint32_t)len,
                                                     .saved_at = (uint32_t)at};
    if (len > 0) dbx_buf_add(&undo->saved, value.ptr + at, len);
}

void dbx_undo_add(dbx_undo *undo, dbx_undo_kind kind, dbx_entry *entry, dbx_slice value,
                  size_t saved_len) {
    add(undo, kind, entry, value, 0, saved_len);
}

void dbx_undo_add_part(dbx_undo *undo, dbx_entry *entry, dbx_slice value, size_t at, size_t len) {
    add(undo, DBX_UNDO_CHANGED, entry, value, at, len);
}

int dbx_undo_state(dbx_undo *undo, void *at, size_t len) {
    if (dbx_undo_reserve(undo, len) != DBX_OK) return DBX_ENOMEM;
    undo->records[undo->count++] = (dbx_undo_record){
        .kind = DBX_UNDO_STATE, .state = at, .saved = undo->saved.len, .saved_len = (uint32_t)len};
    dbx_buf_add(&undo->saved, at, len);
    return DBX_OK;
}

void dbx_undo_revert(dbx_undo *undo, dbx_buffer *buffer, size_t from) {
    while (undo->count > from) {
        const dbx_undo_record *record = &undo->records[--undo->count];
        if (record->kind == DBX_UNDO_STATE) {
            memcpy(record->state, undo->saved.ptr + record->saved, record->saved_len);
        } else {
            dbx_buffer_revert(buffer, undo, record);
        }
        undo->saved.len = record->saved;
    }
}

void dbx_undo_drop_early(dbx_undo *undo, dbx_buffer *buffer, size_t from, uint64_t cid) {
    for (size_t i = from; i < undo->count; i++) {
        const dbx_undo_record *record = &undo->records[i];
        if (record->kind == DBX_UNDO_REMOVED &&
            dbx_format_since(dbx_entry_key(record->entry), cid)) {
            record->entry->epoch = DBX_EPOCH_LEAVING;
        }
    }
    /* That it was removed is an entry's last record: settling it frees the entry. */
    size_t kept = from, saved = from < undo->count ? undo->records[from].saved : undo->saved.len;
    for (size_t i = from; i < undo->count; i++) {
        dbx_undo_record record = undo->records[i];
        if (record.kind != DBX_UNDO_STATE && record.entry->epoch == DBX_EPOCH_LEAVING) {
            dbx_buffer_settle(buffer, &record);
            continue;
        }
        uint8_t *bytes = undo->saved.ptr;
        if (record.saved_len > 0) memmove(bytes + saved, bytes + record.saved, record.saved_len);
        record.saved = saved;
        saved += record.saved_len;
        undo->records[kept++] = record;
    }
    undo->count = kept;
    undo->saved.len = saved;
}

void dbx_undo_settle(dbx_undo *undo, dbx_buffer *buffer) {
    for (size_t i = 0; i < undo->count; i++) {
        if (undo->records[i].kind != DBX_UNDO_STATE) dbx_buffer_settle(buffer, &undo->records[i]);
    }
    undo->count = 0;
    undo->saved.len = 0;
    dbx_buf_shrink(&undo->saved, UNDO_SAVED_KEEP);
    if (undo->cap > UNDO_RECORDS_KEEP) {
        dbx_alloc_free(undo->records);
        undo->records = NULL;
        undo->cap = 0;
    }
}

void dbx_undo_free(dbx_undo *undo) {
    dbx_alloc_free(undo->records);
    dbx_buf_free(&undo->saved);
    memset(undo, 0, sizeof *undo);
}
