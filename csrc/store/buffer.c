/* buffer.c: see buffer.h. */
#include "store/buffer.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "store/arena_marks.h"
#include "store/delta.h"

enum {
    SAVE_IN_PLACE_MAX = 512, /* longer values get a new block rather than a copy of the old bytes */
    FILTER_WORDS_MIN = 1024,
    BASE_BYTES = 1 << 10 /* what the first entry brings with it: the index's first segment */
};

/* A value that an open view may still read although it has been replaced. */
typedef struct dbx_version {
    struct dbx_version *all_next, *older;
    dbx_entry *entry;
    dbx_slice value;
    uint32_t epoch;
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
        *state = (dbx_state){dbx_entry_value(&buffer->arena, entry), entry->epoch, entry->flags};
        return true;
    }
    if ((entry->flags & DBX_ENTRY_VERSIONED) == 0) return false;
    const version *v = version_seen(buffer, entry, epoch);
    if (v == NULL) return false;
    *state = (dbx_state){v->value, v->epoch, v->flags};
    return true;
}

bool dbx_buffer_in_gap(const dbx_buffer *buffer, dbx_slice key) {
    if (key.len == 0 || buffer->gaps[key.ptr[0]] == 0) return false;
    const dbx_entry *before = dbx_tree_before(&buffer->tree, key);
    return before != NULL && (before->flags & DBX_ENTRY_GAP) != 0;
}

dbx_entry *dbx_buffer_gap_before(const dbx_buffer *buffer, const dbx_entry *entry) {
    if (buffer->gaps[entry->key[0]] == 0) return NULL; /* both its ends lie in one table */
    dbx_entry *before = dbx_tree_prev(&buffer->tree, entry);
    return before != NULL && (before->flags & DBX_ENTRY_GAP) != 0 ? before : NULL;
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

/* Keeps the entry's present state for the views that see it. The place of its value then belongs to
 * the version: it is not used again before the buffer dies. */
static int keep_version(dbx_buffer *buffer, dbx_entry *entry) {
    version *v = dbx_alloc(sizeof *v);
    void *older = NULL;
    if (v == NULL) return DBX_ENOMEM;
    *v = (version){.entry = entry,
                   .value = dbx_entry_value(&buffer->arena, entry),
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

/* Gives back the block of a value that is away, if there is one and it is not a version's. */
static void free_value(dbx_buffer *buffer, uint32_t held, uint8_t flags) {
    if ((flags & DBX_ENTRY_AWAY) == 0 || (flags & DBX_ENTRY_VERSIONED) != 0 || held == 0) return;
    dbx_entry_block *block = dbx_arena_at(&buffer->arena, held);
    size_t bytes = block->room > 0 ? block->room : sizeof(const uint8_t *);
    dbx_arena_free(&buffer->arena, block, sizeof *block + bytes);
}

static void free_entry(dbx_buffer *buffer, dbx_entry *entry) {
    dbx_arena_unmark(entry);
    free_value(buffer, entry->held, entry->flags);
    dbx_arena_free(&buffer->arena, entry, dbx_arena_class_bytes(entry->size_class));
}

/* A block for a value, with room for as many bytes or a few more; 0: out of memory. */
static uint32_t new_block(dbx_buffer *buffer, size_t room) {
    if (room > DBX_ENTRY_ROOM_MAX) return 0;
    size_t bytes = dbx_arena_class_bytes(dbx_arena_class(sizeof(dbx_entry_block) + room));
    dbx_entry_block *block = dbx_arena_alloc(&buffer->arena, bytes);
    if (block == NULL) return 0;
    *block = (dbx_entry_block){.room = (uint32_t)(bytes - sizeof *block)};
    return dbx_arena_reference(block);
}

/* A block for a value that lies in a spool; 0: out of memory. */
static uint32_t new_reference(dbx_buffer *buffer, dbx_slice value) {
    dbx_entry_block *block = dbx_arena_alloc(&buffer->arena, sizeof *block + sizeof value.ptr);
    if (block == NULL) return 0;
    *block = (dbx_entry_block){.len = (uint32_t)value.len};
    memcpy(block->bytes, &value.ptr, sizeof value.ptr);
    return dbx_arena_reference(block);
}

/* Where an entry's value is. */
typedef struct place {
    uint8_t *at;
    size_t len, room; /* bytes of the value, and how many may be written there */
    uint32_t *len_at; /* where its length is kept; NULL: nowhere, it is empty */
} place;

static inline place place_of(const dbx_buffer *buffer, dbx_entry *entry) {
    if ((entry->flags & DBX_ENTRY_AWAY) == 0) {
        size_t have = dbx_arena_class_bytes(entry->size_class) - sizeof *entry;
        return (place){entry->key + entry->key_len, entry->held, have - entry->key_len,
                       &entry->held};
    }
    if (entry->held == 0) return (place){NULL, 0, 0, NULL};
    dbx_entry_block *block = dbx_arena_at(&buffer->arena, entry->held);
    dbx_slice value = dbx_entry_value(&buffer->arena, entry);
    return (place){(uint8_t *)(uintptr_t)value.ptr, block->len, block->room, &block->len};
}

static inline void set_len(place p, size_t len) {
    if (p.len_at != NULL) *p.len_at = (uint32_t)len;
}

/* The tail may lie in the old value, which the new head would overwrite: so the tail goes first. */
static inline void fill_value(place p, dbx_slice head, dbx_slice tail) {
    if (tail.len > 0) memmove(p.at + head.len, tail.ptr, tail.len);
    if (head.len > 0) memmove(p.at, head.ptr, head.len);
    set_len(p, head.len + tail.len);
}

/* An entry that is in no tree yet, empty, with room for `room` bytes of value; or with a value that
 * lies in a spool. */
static dbx_entry *new_entry(dbx_buffer *buffer, dbx_slice key, size_t room,
                            const dbx_slice *refer) {
    size_t need = sizeof(dbx_entry) + key.len + room;
    if (need > DBX_ARENA_BLOCK_MAX) return NULL;
    dbx_entry *entry = dbx_arena_alloc(&buffer->arena, need);
    if (entry == NULL) return NULL;
    *entry = (dbx_entry){.epoch = buffer->epoch,
                         .key_len = (uint16_t)key.len,
                         .size_class = (uint8_t)dbx_arena_class(need)};
    memcpy(entry->key, key.ptr, key.len);
    if (refer != NULL) {
        entry->held = new_reference(buffer, *refer);
        entry->flags = DBX_ENTRY_AWAY | DBX_ENTRY_REFERS;
        if (entry->held == 0) {
            free_entry(buffer, entry);
            return NULL;
        }
    }
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

static int insert(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, uint64_t hash,
                  uint8_t flags) {
    dbx_slice none = {NULL, 0};
    if (entry == NULL) return DBX_ENOMEM;
    if (dbx_undo_reserve(undo, 0) != DBX_OK || !dbx_tree_insert(&buffer->tree, entry)) {
        free_entry(buffer, entry);
        return DBX_ENOMEM;
    }
    /* An entry put into a gap splits it: what follows it is as dead as what went before. */
    if (dbx_buffer_gap_before(buffer, entry) != NULL) flags |= DBX_ENTRY_GAP;
    set_flags(buffer, entry, entry->flags | flags);
    dbx_index_add(&buffer->index, entry, hash);
    buffer->entries++;
    buffer->changes++;
    dbx_arena_mark(entry);
    add_to_filter(buffer, hash);
    dbx_undo_add(undo, DBX_UNDO_INSERTED, entry, none, 0);
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

/* Makes the entry's value, which is at *p, writable with at least `room` bytes, or one that lies in
 * a spool, after recording its present state; the present bytes stay readable where they are. Flags
 * lose DEAD and DELTA; *p becomes the place to write to. */
static int prepare(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, size_t room,
                   const dbx_slice *refer, place *p) {
    /* Without views there are no versions; its value is its own again. */
    if (buffer->views == 0) entry->flags &= (uint8_t)~DBX_ENTRY_VERSIONED;
    bool keep = seen_by_views(buffer, entry);
    bool same_place = !keep && refer == NULL && (entry->flags & DBX_ENTRY_REFERS) == 0 &&
                      room <= p->room && p->len <= SAVE_IN_PLACE_MAX;
    uint32_t block = 0;
    if (dbx_undo_reserve(undo, same_place ? p->len : 0) != DBX_OK) return DBX_ENOMEM;
    if (!same_place && (room > 0 || refer != NULL)) {
        block = refer != NULL ? new_reference(buffer, *refer) : new_block(buffer, room);
        if (block == 0) return DBX_ENOMEM;
    }
    dbx_undo_add(undo, same_place ? DBX_UNDO_CHANGED : DBX_UNDO_REPLACED, entry,
                 dbx_slice_of(p->at, p->len), same_place ? p->len : 0);
    if (keep && keep_version(buffer, entry) != DBX_OK) {
        undo->count--;
        free_value(buffer, block, DBX_ENTRY_AWAY);
        return DBX_ENOMEM;
    }
    uint8_t flags = entry->flags & (uint8_t) ~(DBX_ENTRY_DEAD | DBX_ENTRY_DELTA);
    if (!same_place) {
        undo->records[undo->count - 1].flags |= entry->flags & DBX_ENTRY_VERSIONED;
        undo->records[undo->count - 1].kept = keep;
        flags = (uint8_t)((flags & ~DBX_ENTRY_REFERS) | DBX_ENTRY_AWAY |
                          (refer != NULL ? DBX_ENTRY_REFERS : 0));
        entry->held = block;
    }
    set_flags(buffer, entry, flags);
    stamp(buffer, entry);
    if (!same_place) *p = place_of(buffer, entry);
    return DBX_OK;
}

int dbx_buffer_put(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                   dbx_entry *entry, dbx_slice head, dbx_slice tail, uint8_t flags,
                   dbx_spool *spool) {
    const dbx_slice *refer = spool != NULL ? &tail : NULL;
    size_t room = refer != NULL ? 0 : head.len + tail.len;
    if (refer != NULL && dbx_buffer_hold_spool(buffer, spool) != DBX_OK) return DBX_ENOMEM;
    if (entry == NULL) {
        entry = new_entry(buffer, key, room, refer);
        if (entry != NULL && refer == NULL) fill_value(place_of(buffer, entry), head, tail);
        if (insert(buffer, undo, entry, hash, flags) != DBX_OK) {
            return DBX_ENOMEM;
        }
    } else {
        place p = place_of(buffer, entry);
        if (prepare(buffer, undo, entry, room, refer, &p) != DBX_OK) return DBX_ENOMEM;
        if (refer == NULL) fill_value(p, head, tail);
        set_flags(buffer, entry, entry->flags | (flags & DBX_ENTRY_DELTA));
    }
    if (refer != NULL) buffer->spool_bytes += tail.len;
    return DBX_OK;
}

int dbx_buffer_bring_up(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                        const dbx_slice *value, size_t room) {
    dbx_slice none = {NULL, 0}, bytes = value != NULL ? *value : none;
    dbx_entry *entry = new_entry(buffer, key, room > bytes.len ? room : bytes.len, NULL);
    if (entry != NULL) fill_value(place_of(buffer, entry), none, bytes);
    return insert(buffer, undo, entry, hash, value != NULL ? DBX_ENTRY_BELOW : DBX_ENTRY_DEAD);
}

/* Half as much again, so that what is appended next finds room. */
static size_t append_room(size_t len) {
    size_t room = len + len / 2;
    return room <= DBX_ENTRY_ROOM_MAX || len > DBX_ENTRY_ROOM_MAX ? room
                                                                  : (size_t)DBX_ENTRY_ROOM_MAX;
}

int dbx_buffer_append(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, dbx_slice patch,
                      dbx_slice bytes) {
    place p = place_of(buffer, entry), old = p;
    size_t len = old.len + bytes.len;
    if (!seen_by_views(buffer, entry) && len <= p.room) {
        /* Bytes beyond its length belong to nobody: restoring that and the patched bytes undoes
         * this. */
        if (dbx_undo_reserve(undo, patch.len) != DBX_OK) return DBX_ENOMEM;
        dbx_undo_add(undo, DBX_UNDO_CHANGED, entry, dbx_slice_of(old.at, old.len), patch.len);
        stamp(buffer, entry);
    } else {
        if (prepare(buffer, undo, entry, append_room(len), NULL, &p) != DBX_OK) return DBX_ENOMEM;
        if (p.at != old.at && old.len > 0) memcpy(p.at, old.at, old.len);
    }
    if (patch.len > 0) memcpy(p.at, patch.ptr, patch.len);
    if (bytes.len > 0) memcpy(p.at + old.len, bytes.ptr, bytes.len);
    set_len(p, len);
    return DBX_OK;
}

int dbx_buffer_patch(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, size_t at,
                     dbx_slice bytes) {
    place p = place_of(buffer, entry), old = p;
    if (!seen_by_views(buffer, entry) && (entry->flags & DBX_ENTRY_REFERS) == 0) {
        if (dbx_undo_reserve(undo, bytes.len) != DBX_OK) return DBX_ENOMEM;
        dbx_undo_add_part(undo, entry, dbx_slice_of(p.at, p.len), at, bytes.len);
        stamp(buffer, entry);
    } else {
        if (prepare(buffer, undo, entry, old.len, NULL, &p) != DBX_OK) return DBX_ENOMEM;
        if (old.len > 0) memcpy(p.at, old.at, old.len);
        set_len(p, old.len);
    }
    if (bytes.len > 0) memcpy(p.at + at, bytes.ptr, bytes.len);
    return DBX_OK;
}

/* The gap that ends at an entry, if one does (it begins at `left`), goes on to where the entry's
 * own ends: a change of the entry where it begins, which the next checkpoint has to have. */
static int extend_gap(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *left) {
    if (left == NULL) return DBX_OK;
    if (dbx_undo_reserve(undo, 0) != DBX_OK) return DBX_ENOMEM;
    dbx_undo_add(undo, DBX_UNDO_CHANGED, left, dbx_entry_value(&buffer->arena, left), 0);
    stamp(buffer, left);
    return DBX_OK;
}

/* What putting the entry back takes, one node at most, which removing it has freed: kept until the
 * turn is over, lest it be cut up for something smaller when there is no other memory. If there is
 * none now, none was freed, and none will be needed. */
static void keep_spare(dbx_buffer *buffer, dbx_undo_record *record) {
    const void *spare = dbx_arena_alloc(&buffer->arena, DBX_TREE_FORK_BYTES);
    record->held = spare != NULL ? dbx_arena_reference(spare) : 0;
}

static void free_spare(dbx_buffer *buffer, const dbx_undo_record *record) {
    if (record->held == 0) return;
    dbx_arena_free(&buffer->arena, dbx_arena_at(&buffer->arena, record->held), DBX_TREE_FORK_BYTES);
}

/* Only without views. `gap` is the entry whose gap ends here, or NULL. */
static int remove_entry(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *entry, dbx_entry *gap) {
    if (extend_gap(buffer, undo, gap) != DBX_OK) return DBX_ENOMEM;
    if (dbx_undo_reserve(undo, 0) != DBX_OK) return DBX_ENOMEM;
    entry->flags &= (uint8_t)~DBX_ENTRY_VERSIONED; /* its value is its own again */
    dbx_undo_add(undo, DBX_UNDO_REMOVED, entry, dbx_entry_value(&buffer->arena, entry), 0);
    set_flags(buffer, entry, entry->flags & (uint8_t)~DBX_ENTRY_GAP);
    dbx_tree_remove(&buffer->tree, entry);
    keep_spare(buffer, &undo->records[undo->count - 1]);
    dbx_index_remove(&buffer->index, entry, dbx_buffer_hash(dbx_entry_key(entry)));
    buffer->entries--;
    buffer->changes++;
    return DBX_OK;
}

int dbx_buffer_kill(dbx_buffer *buffer, dbx_undo *undo, dbx_slice key, uint64_t hash,
                    dbx_entry *entry, bool below) {
    if (entry == NULL) {
        if (!below) return DBX_OK;
        return insert(buffer, undo, new_entry(buffer, key, 0, NULL), hash,
                      DBX_ENTRY_DEAD | DBX_ENTRY_BELOW);
    }
    /* An entry where a gap begins or ends must stay: without it the gap would change its bounds. */
    bool begins = (entry->flags & DBX_ENTRY_GAP) != 0;
    bool removable = !below && buffer->views == 0 && !is_saved(buffer, entry);
    if (removable) {
        dbx_entry *gap = dbx_buffer_gap_before(buffer, entry);
        if (begins == (gap != NULL)) return remove_entry(buffer, undo, entry, gap);
    }
    place p = place_of(buffer, entry);
    if (prepare(buffer, undo, entry, 0, NULL, &p) != DBX_OK) return DBX_ENOMEM;
    set_len(p, 0);
    set_flags(buffer, entry, entry->flags | DBX_ENTRY_DEAD);
    return DBX_OK;
}

void dbx_buffer_drop(dbx_buffer *buffer, dbx_entry *entry) {
    if ((entry->flags & DBX_ENTRY_REFERS) != 0) {
        buffer->spool_bytes -= dbx_entry_value(&buffer->arena, entry).len;
    }
    dbx_tree_remove(&buffer->tree, entry);
    dbx_index_remove(&buffer->index, entry, dbx_buffer_hash(dbx_entry_key(entry)));
    buffer->entries--;
    buffer->changes++;
    free_entry(buffer, entry);
}

bool dbx_buffer_fold(dbx_buffer *buffer, dbx_undo *undo, dbx_entry *left, dbx_entry *middle,
                     const dbx_entry *right) {
    if (buffer->views > 0) return false;
    if (left->key[0] != middle->key[0] || right->key[0] != left->key[0]) return false;
    /* Folding saves later walks; without memory for the undo it can wait. */
    if (dbx_undo_reserve(undo, 0) != DBX_OK) return false;
    dbx_undo_add(undo, DBX_UNDO_CHANGED, left, dbx_entry_value(&buffer->arena, left), 0);
    set_flags(buffer, left, left->flags | DBX_ENTRY_GAP);
    return remove_entry(buffer, undo, middle, left) == DBX_OK;
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
    dbx_entry *entry = new_entry(buffer, key, refers ? 0 : value.len, refers ? &value : NULL);
    if (entry == NULL) return DBX_ENOMEM;
    if (refers) {
        buffer->spool_bytes += value.len;
    } else {
        fill_value(place_of(buffer, entry), none, value);
    }
    if (!dbx_tree_insert(&buffer->tree, entry)) return DBX_ENOMEM;
    set_flags(buffer, entry, entry->flags | flags);
    if ((flags & DBX_ENTRY_DELTA) != 0) buffer->delta_bytes += DBX_DELTA_VALUE_MAX; /* at most */
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
        free_spare(buffer, record);
        free_entry(buffer, entry);
    } else if (record->kind == DBX_UNDO_REPLACED && !record->kept) {
        free_value(buffer, record->held, record->flags & (uint8_t)~DBX_ENTRY_VERSIONED);
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
        free_spare(buffer, record); /* it needs that at most */
        if (!dbx_tree_insert(&buffer->tree, entry)) abort();
        dbx_index_add(&buffer->index, entry, dbx_buffer_hash(dbx_entry_key(entry)));
        buffer->entries++;
        set_flags(buffer, entry, record->flags);
        return;
    case DBX_UNDO_REPLACED:
        free_value(buffer, entry->held, entry->flags & (uint8_t)~DBX_ENTRY_VERSIONED);
        break;
    case DBX_UNDO_CHANGED:
        break;
    case DBX_UNDO_STATE:
        return;
    }
    entry->held = record->held;
    entry->epoch = record->epoch;
    set_flags(buffer, entry, record->flags);
    place p = place_of(buffer, entry);
    set_len(p, record->len);
    if (record->saved_len > 0) {
        memcpy(p.at + record->saved_at, undo->saved.ptr + record->saved, record->saved_len);
    }
}
