/* buffer.c: see buffer.h. */
#include "store/buffer.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "store/arena_marks.h"

enum {
    SAVE_IN_PLACE_MAX = 512, /* longer values get a new block rather than a copy of the old bytes */
    FILTER_WORDS_MIN = 1024,
    BASE_BYTES = 24 << 10 /* what the first entry brings with it: the index's first segment */
};

/* A value that an open view may still read although it has been replaced. */
typedef struct dbx_version {
    struct dbx_version *all_next, *older;
    dbx_entry *entry;
    uint8_t *value;
    uint32_t value_len, epoch;
    uint8_t flags;
} version;

dbx_buffer *dbx_buffer_new(size_t filter_bytes, dbx_arena_pool *pool) {
    dbx_buffer *buffer = dbx_alloc_zero(1, sizeof *buffer);
    if (buffer == NULL) return NULL;
    buffer->refs = 1;
    buffer->epoch = 1;
    buffer->arena.pool = pool;
    buffer->tree.arena = buffer->index.arena = &buffer->arena;
    dbx_map_init(&buffer->version_of, false);
    if (filter_bytes > 0) {
        size_t words = FILTER_WORDS_MIN;
        while (words * sizeof(uint64_t) < filter_bytes)
            words *= 2;
        buffer->filter = dbx_alloc_pages(words * sizeof(uint64_t));
        buffer->filter_words = words;
        if (buffer->filter == NULL) {
            dbx_alloc_free(buffer);
            return NULL;
        }
    }
    return buffer;
}

void dbx_buffer_unref(dbx_buffer *buffer) {
    if (buffer == NULL || --buffer->refs > 0) return;
    for (size_t i = 0; i < buffer->spool_count; i++)
        dbx_spool_unref(buffer->spools[i]);
    dbx_alloc_free(buffer->spools);
    dbx_alloc_free_pages(buffer->filter, buffer->filter_words * sizeof(uint64_t));
    dbx_arena_destroy(&buffer->arena);
    dbx_alloc_free(buffer);
}

size_t dbx_buffer_bytes(const dbx_buffer *buffer) {
    return buffer->arena.bytes + buffer->filter_words * sizeof(uint64_t);
}

size_t dbx_buffer_fill(const dbx_buffer *buffer) {
    size_t bytes = buffer->arena.bytes;
    return bytes > BASE_BYTES ? bytes - BASE_BYTES : 0;
}

/* Four bits of one word: one cache line a lookup, about one false hit in twenty when full. */
static uint64_t filter_bits(uint64_t hash) {
    return 1ull << (hash >> 58) | 1ull << (hash >> 52 & 63) | 1ull << (hash >> 46 & 63) |
           1ull << (hash >> 40 & 63);
}

static uint64_t *filter_word(const dbx_buffer *buffer, uint64_t hash) {
    return &buffer->filter[hash & (buffer->filter_words - 1)];
}

static void add_to_filter(dbx_buffer *buffer, uint64_t hash) {
    if (buffer->filter != NULL) *filter_word(buffer, hash) |= filter_bits(hash);
}

dbx_entry *dbx_buffer_find(const dbx_buffer *buffer, dbx_slice key, uint64_t hash) {
    if (buffer->filter != NULL) {
        uint64_t bits = filter_bits(hash);
        if ((*filter_word(buffer, hash) & bits) != bits) return NULL;
    }
    dbx_entry *entry = dbx_index_find(&buffer->index, key, hash);
    return entry != NULL || !buffer->index.partial ? entry : dbx_tree_find(&buffer->tree, key);
}

void dbx_buffer_prefetch(const dbx_buffer *buffer, const uint64_t *hashes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (buffer->filter != NULL) __builtin_prefetch(filter_word(buffer, hashes[i]));
        dbx_index_prefetch(&buffer->index, hashes[i]);
    }
    for (size_t i = 0; i < count; i++)
        dbx_index_prefetch_entry(&buffer->index, hashes[i]);
}

static const version *version_seen(const dbx_buffer *buffer, const dbx_entry *entry,
                                   uint32_t epoch) {
    const version *v = dbx_map_get(&buffer->version_of, dbx_slice_of(&entry, sizeof entry));
    while (v != NULL && v->epoch > epoch)
        v = v->older;
    return v;
}

bool dbx_buffer_see(const dbx_buffer *buffer, const dbx_entry *entry, uint32_t epoch,
                    dbx_state *state) {
    if (entry->epoch <= epoch) {
        *state = (dbx_state){dbx_entry_value(entry), entry->epoch, entry->flags};
        return true;
    }
    if ((entry->flags & DBX_ENTRY_VERSIONED) == 0) return false;
    const version *v = version_seen(buffer, entry, epoch);
    if (v == NULL) return false;
    *state = (dbx_state){dbx_slice_of(v->value, v->value_len), v->epoch, v->flags};
    return true;
}

bool dbx_buffer_in_gap(const dbx_buffer *buffer, dbx_slice key) {
    if (key.len == 0 || buffer->gaps[key.ptr[0]] == 0) return false;
    const dbx_entry *before = dbx_tree_before(&buffer->tree, key);
    return before != NULL && (before->flags & DBX_ENTRY_GAP) != 0;
}

static void set_flags(dbx_buffer *buffer, dbx_entry *entry, uint8_t flags) {
    if ((entry->flags & DBX_ENTRY_GAP) != 0) buffer->gaps[entry->key[0]]--;
    if ((flags & DBX_ENTRY_GAP) != 0) buffer->gaps[entry->key[0]]++;
    entry->flags = flags;
}

/* --- Old versions for open views -----------------------------------------------------------------
 */

uint32_t dbx_buffer_view_open(dbx_buffer *buffer) {
    buffer->refs++;
    buffer->views++;
    return buffer->epoch++;
}

static void drop_versions(dbx_buffer *buffer) {
    for (version *v = buffer->versions; v != NULL;) {
        version *next = v->all_next;
        dbx_alloc_free(v);
        v = next;
    }
    buffer->versions = NULL;
    dbx_map_free(&buffer->version_of);
}

void dbx_buffer_view_close(dbx_buffer *buffer) {
    /* Values kept for views stay in the arena until the buffer goes; their records must not, or an
     * entry that reuses an address would inherit them. */
    if (--buffer->views == 0) drop_versions(buffer);
    dbx_buffer_unref(buffer);
}

static bool seen_by_views(const dbx_buffer *buffer, const dbx_entry *entry) {
    return buffer->views > 0 && entry->epoch < buffer->epoch;
}

/* Keeps the entry's present state for the views that see it. Its value block then belongs to the
 * version: it is not reused before the buffer dies. */
static int keep_version(dbx_buffer *buffer, dbx_entry *entry) {
    version *v = dbx_alloc(sizeof *v);
    void *older = NULL;
    if (v == NULL) return DBX_ENOMEM;
    *v = (version){.entry = entry,
                   .value = entry->value,
                   .value_len = entry->value_len,
                   .epoch = entry->epoch,
                   .flags = entry->flags};
    if (dbx_map_put(&buffer->version_of, dbx_slice_of(&v->entry, sizeof v->entry), v, &older) !=
        DBX_OK) {
        dbx_alloc_free(v);
        return DBX_ENOMEM;
    }
    v->older = older;
    v->all_next = buffer->versions;
    buffer->versions = v;
    entry->flags |= DBX_ENTRY_VERSIONED;
    return DBX_OK;
}

/* --- Writing -------------------------------------------------------------------------------------
 */

static void free_value(dbx_buffer *buffer, const dbx_entry *entry, uint8_t *value, uint32_t room,
                       uint8_t flags) {
    if (value == NULL || value == entry->key + entry->key_len) return;
    if ((flags & (DBX_ENTRY_REFERS | DBX_ENTRY_VERSIONED)) != 0) return;
    dbx_arena_free(&buffer->arena, value, room);
}

static void free_entry(dbx_buffer *buffer, dbx_entry *entry) {
    dbx_arena_unmark(entry);
    free_value(buffer, entry, entry->value, entry->value_room, entry->flags);
    dbx_arena_free(&buffer->arena, entry, dbx_arena_class_bytes(entry->size_class));
}

/* An entry that is in no tree yet, with room for `room` bytes of value in place. */
static dbx_entry *new_entry(dbx_buffer *buffer, dbx_slice key, size_t room) {
    size_t need = sizeof(dbx_entry) + key.len + room;
    dbx_entry *entry = dbx_arena_alloc(&buffer->arena, need);
    if (entry == NULL) return NULL;
    unsigned size_class = dbx_arena_class(need);
    size_t have = dbx_arena_class_bytes(size_class) - sizeof(dbx_entry) - key.len;
    *entry = (dbx_entry){.value = entry->key + key.len,
                         .value_room = (uint32_t)have,
                         .epoch = buffer->epoch,
                         .key_len = (uint16_t)key.len,
                         .size_class = (uint8_t)size_class};
    memcpy(entry->key, key.ptr, key.len);
    return entry;
}

int dbx_buffer_hold_spool(dbx_buffer *buffer, dbx_spool *spool) {
    if (buffer->spool_count > 0 && buffer->spools[buffer->spool_count - 1] == spool) return DBX_OK;
    void *spools = dbx_alloc_room(buffer->spools, &buffer->spool_cap, buffer->spool_count + 1,
                                  sizeof(dbx_spool *));
    if (spools == NULL) return DBX_ENOMEM;
    buffer->spools = spools;
    dbx_spool_ref(spool);
    buffer->spools[buffer->spool_count++] = spool;
    return DBX_OK;
}

/* The tail may lie in the old value, which the new head would overwrite: so the tail goes first. */
static void fill_value(dbx_entry *entry, dbx_slice head, dbx_slice tail) {
    if (tail.len > 0) memmove(entry->value + head.len, tail.ptr, tail.len);
    if (head.len > 0) memmove(entry->value, head.ptr, head.len);
    entry->value_len = (uint32_t)(head.len + tail.len);
}

static void refer_value(dbx_entry *entry, dbx_slice tail) {
    entry->value = (uint8_t *)(uintptr_t)tail.ptr; /* never written: value_room is 0 */
    entry->value_len = (uint32_t)tail.len;
    entry->value_room = 0;
}

static int insert(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash, dbx_slice head,
                  dbx_slice tail, uint8_t flags, size_t room) {
    dbx_entry *entry = new_entry(buffer, key, room);
    if (entry == NULL) return DBX_ENOMEM;
    if ((flags & DBX_ENTRY_REFERS) != 0) {
        refer_value(entry, tail);
    } else {
        fill_value(entry, head, tail);
    }
    if (dbx_undo_reserve(undo, 0) != DBX_OK || !dbx_tree_insert(&buffer->tree, entry)) {
        entry->value = NULL;
        free_entry(buffer, entry);
        return DBX_ENOMEM;
    }
    /* An entry put into a gap splits it: what follows it is as dead as what went before. */
    if (entry->prev != NULL) flags |= entry->prev->flags & DBX_ENTRY_GAP;
    set_flags(buffer, entry, flags);
    dbx_index_add(&buffer->index, entry, hash);
    buffer->entries++;
    buffer->changes++;
    dbx_arena_mark(entry);
    add_to_filter(buffer, hash);
    dbx_undo_add(undo, DBX_UNDO_INSERTED, entry, 0);
    return DBX_OK;
}

static bool is_saved(const dbx_buffer *buffer, const dbx_entry *entry) {
    return (entry->flags & DBX_ENTRY_SAVED) != 0 || entry->epoch <= buffer->saved_epoch;
}

static void stamp(dbx_buffer *buffer, dbx_entry *entry) {
    if (is_saved(buffer, entry)) entry->flags |= DBX_ENTRY_SAVED;
    entry->epoch = buffer->epoch;
    buffer->changes++;
    dbx_arena_mark(entry);
}

/* Makes the entry's value writable with at least `room` bytes, after recording its present state;
 * the present bytes stay readable at the old place. Flags lose DEAD and REFERS. */
static int prepare(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, size_t room) {
    /* Without views there are no versions; its value is its own again. */
    if (buffer->views == 0) entry->flags &= (uint8_t)~DBX_ENTRY_VERSIONED;
    bool keep = seen_by_views(buffer, entry);
    bool in_place = !keep && (entry->flags & DBX_ENTRY_REFERS) == 0 && room <= entry->value_room &&
                    entry->value_len <= SAVE_IN_PLACE_MAX;
    uint8_t *block = NULL;
    if (dbx_undo_reserve(undo, in_place ? entry->value_len : 0) != DBX_OK) return DBX_ENOMEM;
    if (!in_place && room > 0) {
        block = dbx_arena_alloc(&buffer->arena, room);
        if (block == NULL) return DBX_ENOMEM;
    }
    dbx_undo_add(undo, in_place ? DBX_UNDO_CHANGED : DBX_UNDO_REPLACED, entry,
                 in_place ? entry->value_len : 0);
    if (keep && keep_version(buffer, entry) != DBX_OK) {
        undo->count--;
        if (block != NULL) dbx_arena_free(&buffer->arena, block, room);
        return DBX_ENOMEM;
    }
    if (!in_place) {
        entry->value = block;
        entry->value_room = (uint32_t)room;
        undo->records[undo->count - 1].flags |= entry->flags & DBX_ENTRY_VERSIONED;
    }
    stamp(buffer, entry);
    set_flags(buffer, entry, entry->flags & (uint8_t) ~(DBX_ENTRY_DEAD | DBX_ENTRY_REFERS));
    return DBX_OK;
}

int dbx_buffer_put(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                   dbx_entry *entry, dbx_slice head, dbx_slice tail, bool below, dbx_spool *spool) {
    bool refer = spool != NULL;
    uint8_t flags = (uint8_t)((below ? DBX_ENTRY_BELOW : 0) | (refer ? DBX_ENTRY_REFERS : 0));
    if (refer && dbx_buffer_hold_spool(buffer, spool) != DBX_OK) return DBX_ENOMEM;
    if (entry == NULL) {
        size_t room = refer ? 0 : head.len + tail.len;
        if (insert(buffer, undo, key, hash, head, tail, flags, room) != DBX_OK) return DBX_ENOMEM;
    } else {
        if (prepare(buffer, undo, entry, refer ? 0 : head.len + tail.len) != DBX_OK) {
            return DBX_ENOMEM;
        }
        if (refer) {
            refer_value(entry, tail);
            entry->flags |= DBX_ENTRY_REFERS;
        } else {
            fill_value(entry, head, tail);
        }
    }
    if (refer) buffer->spool_bytes += tail.len;
    return DBX_OK;
}

int dbx_buffer_bring_up(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                        const dbx_slice *value, size_t room) {
    dbx_slice none = {NULL, 0}, bytes = value != NULL ? *value : none;
    if (room < bytes.len) room = bytes.len;
    return insert(buffer, undo, key, hash, bytes, none,
                  value != NULL ? DBX_ENTRY_BELOW : DBX_ENTRY_DEAD, room);
}

int dbx_buffer_append(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, dbx_slice patch,
                      dbx_slice bytes) {
    size_t len = (size_t)entry->value_len + bytes.len;
    if (!seen_by_views(buffer, entry) && len <= entry->value_room) {
        /* Bytes beyond value_len belong to nobody: restoring length and patched bytes undoes this.
         */
        if (dbx_undo_reserve(undo, patch.len) != DBX_OK) return DBX_ENOMEM;
        dbx_undo_add(undo, DBX_UNDO_CHANGED, entry, patch.len);
        stamp(buffer, entry);
    } else {
        dbx_slice old = dbx_entry_value(entry);
        if (prepare(buffer, undo, entry, len + len / 2) != DBX_OK) return DBX_ENOMEM;
        if (entry->value != old.ptr && old.len > 0) memcpy(entry->value, old.ptr, old.len);
        entry->value_len = (uint32_t)old.len;
    }
    if (patch.len > 0) memcpy(entry->value, patch.ptr, patch.len);
    if (bytes.len > 0) memcpy(entry->value + entry->value_len, bytes.ptr, bytes.len);
    entry->value_len = (uint32_t)len;
    return DBX_OK;
}

/* The gap that ends here, if one does, goes on to where this entry's own ends: a change of the
 * entry where it begins, which the next checkpoint has to have. */
static int extend_gap(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *left) {
    if (left == NULL || (left->flags & DBX_ENTRY_GAP) == 0) return DBX_OK;
    if (dbx_undo_reserve(undo, 0) != DBX_OK) return DBX_ENOMEM;
    dbx_undo_add(undo, DBX_UNDO_CHANGED, left, 0);
    stamp(buffer, left);
    return DBX_OK;
}

static int remove_entry(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry) {
    if (extend_gap(buffer, undo, entry->prev) != DBX_OK) return DBX_ENOMEM;
    if (dbx_undo_reserve(undo, 0) != DBX_OK) return DBX_ENOMEM;
    dbx_undo_add(undo, DBX_UNDO_REMOVED, entry, 0);
    set_flags(buffer, entry, entry->flags & (uint8_t)~DBX_ENTRY_GAP);
    dbx_tree_remove(&buffer->tree, entry);
    dbx_index_remove(&buffer->index, entry, dbx_buffer_hash(dbx_entry_key(entry)));
    buffer->entries--;
    buffer->changes++;
    return DBX_OK;
}

int dbx_buffer_kill(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                    dbx_entry *entry, bool below) {
    dbx_slice none = {NULL, 0};
    if (entry == NULL) {
        if (!below) return DBX_OK;
        return insert(buffer, undo, key, hash, none, none, DBX_ENTRY_DEAD | DBX_ENTRY_BELOW, 0);
    }
    /* An entry where a gap begins or ends must stay: without it the gap would change its bounds. */
    uint8_t before = entry->prev != NULL ? entry->prev->flags : 0;
    bool bounds_gap = ((entry->flags ^ before) & DBX_ENTRY_GAP) != 0;
    if (!below && !bounds_gap && buffer->views == 0 && !is_saved(buffer, entry)) {
        return remove_entry(buffer, undo, entry);
    }
    if (prepare(buffer, undo, entry, 0) != DBX_OK) return DBX_ENOMEM;
    entry->value_len = 0;
    set_flags(buffer, entry, entry->flags | DBX_ENTRY_DEAD);
    return DBX_OK;
}

void dbx_buffer_fold(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *left, dbx_entry *middle) {
    if (buffer->views > 0 || left->key[0] != middle->key[0]) return;
    if (middle->next == NULL || middle->next->key[0] != left->key[0]) return;
    /* Folding saves later walks; without memory for the undo it can wait. */
    if (dbx_undo_reserve(undo, 0) != DBX_OK) return;
    dbx_undo_add(undo, DBX_UNDO_CHANGED, left, 0);
    set_flags(buffer, left, left->flags | DBX_ENTRY_GAP);
    (void)remove_entry(buffer, undo, middle);
}

/* --- Loading ---------------------------------------------------------------------------------- */

static void add_to_index(dbx_buffer *buffer, dbx_buffer_load *load) {
    for (size_t i = 0; i < load->count; i++) {
        uint64_t hash = load->hashes[i];
        dbx_index_add(&buffer->index, load->entries[i], hash);
        add_to_filter(buffer, hash);
    }
    load->count = 0;
}

int dbx_buffer_load_next(dbx_buffer *buffer, dbx_buffer_load *load, dbx_slice key, dbx_slice value,
                         uint8_t flags, dbx_spool *spool) {
    bool refers = (flags & DBX_ENTRY_REFERS) != 0;
    dbx_slice none = {NULL, 0};
    if (refers && dbx_buffer_hold_spool(buffer, spool) != DBX_OK) return DBX_ENOMEM;
    dbx_entry *entry = new_entry(buffer, key, refers ? 0 : value.len);
    if (entry == NULL) return DBX_ENOMEM;
    if (refers) {
        refer_value(entry, value);
        buffer->spool_bytes += value.len;
    } else {
        fill_value(entry, none, value);
    }
    if (!dbx_tree_insert(&buffer->tree, entry)) return DBX_ENOMEM;
    set_flags(buffer, entry, flags);
    buffer->entries++;
    buffer->changes++;
    uint64_t hash = dbx_buffer_hash(key);
    if (buffer->filter != NULL) __builtin_prefetch(filter_word(buffer, hash), 1);
    dbx_index_prefetch(&buffer->index, hash);
    load->entries[load->count] = entry;
    load->hashes[load->count++] = hash;
    if (load->count == DBX_BUFFER_LOAD_AHEAD) add_to_index(buffer, load);
    return DBX_OK;
}

void dbx_buffer_load_end(dbx_buffer *buffer, dbx_buffer_load *load) {
    add_to_index(buffer, load);
    buffer->saved_epoch = buffer->epoch++;
}

/* --- Undo ----------------------------------------------------------------------------------------
 */

void dbx_buffer_settle(dbx_buffer *buffer, const dbx_undo_record *record) {
    dbx_entry *entry = record->entry;
    if (record->kind == DBX_UNDO_REMOVED) {
        free_entry(buffer, entry);
    } else if (record->kind == DBX_UNDO_REPLACED) {
        free_value(buffer, entry, record->value, record->value_room, record->flags);
    }
}

void dbx_buffer_revert(dbx_buffer *buffer, const dbx_undo *undo, const dbx_undo_record *record) {
    dbx_entry *entry = record->entry;
    buffer->changes++;
    switch (record->kind) {
    case DBX_UNDO_INSERTED:
        set_flags(buffer, entry, entry->flags & (uint8_t)~DBX_ENTRY_GAP);
        dbx_tree_remove(&buffer->tree, entry);
        dbx_index_remove(&buffer->index, entry, dbx_buffer_hash(dbx_entry_key(entry)));
        buffer->entries--;
        free_entry(buffer, entry);
        return;
    case DBX_UNDO_REMOVED:
        /* Undoing goes through the same shapes backwards, so the nodes needed were freed before. */
        if (!dbx_tree_insert(&buffer->tree, entry)) abort();
        dbx_index_add(&buffer->index, entry, dbx_buffer_hash(dbx_entry_key(entry)));
        buffer->entries++;
        set_flags(buffer, entry, record->flags);
        return;
    case DBX_UNDO_REPLACED:
        free_value(buffer, entry, entry->value, entry->value_room, entry->flags & DBX_ENTRY_REFERS);
        break;
    case DBX_UNDO_CHANGED:
        if (record->saved_len > 0) {
            memcpy(record->value, undo->saved.ptr + record->saved, record->saved_len);
        }
        break;
    case DBX_UNDO_STATE:
        return;
    }
    entry->value = record->value;
    entry->value_len = record->value_len;
    entry->value_room = record->value_room;
    entry->epoch = record->epoch;
    set_flags(buffer, entry, record->flags);
}
