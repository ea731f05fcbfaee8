/* restore_stream.c: streams from Redis's payloads (restore.h): listpacks of entries, and groups.
 *
 * A listpack has a master entry (how many entries are alive, how many deleted, the fields of the
 * first, a zero), then the entries: flags, id less the listpack's, the number of fields unless they
 * are the master's, fields and values, and of how many elements it is made. Deleted entries are
 * still there, and are left out. What is pending stands in the group with its deliveries, and then
 * by its id alone with the consumer whose it is.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "codec/packed.h"
#include "codec/rdb.h"
#include "types/restore.h"
#include "types/t_stream_pending.h"

enum {
    DELETED = 1,
    SAME_FIELDS = 2,
    ID_BYTES = 16,
    NEVER_ACTIVE = -1,
    STRINGS = 1 << 20 /* of one entry: no more than these, or than the payload has bytes */
};

/* A listpack that is being read. */
typedef struct node {
    dbx_packed packed;
    dbx_stream_id id;
    dbx_packed master;      /* stands at the fields of the master entry */
    int64_t fields;         /* of it */
    int64_t alive, deleted; /* entries still to come, as declared */
} node;

/* The strings of one entry. Digits of packed numbers lie in `digits`: until all are there the
 * slices of those have no place. */
typedef struct strings {
    dbx_slice *of;
    size_t count, cap;
    size_t max; /* what is packed by LZF may unfold to very many empty ones */
    dbx_buf digits;
} strings;

static void strings_free(strings *s) {
    dbx_alloc_free(s->of);
    dbx_buf_free(&s->digits);
}

static int add_string(strings *s, const dbx_packed_item *item) {
    if (s->count == s->max) return DBX_EINVAL;
    void *room = dbx_alloc_room(s->of, &s->cap, s->count + 1, sizeof *s->of);
    if (room == NULL) return DBX_ENOMEM;
    s->of = room;
    s->of[s->count++] = dbx_slice_of(item->is_number ? NULL : item->bytes.ptr, item->bytes.len);
    if (item->is_number) dbx_buf_add(&s->digits, item->bytes.ptr, item->bytes.len);
    return s->digits.failed ? DBX_ENOMEM : DBX_OK;
}

static void place_digits(strings *s) {
    const uint8_t *at = s->digits.ptr;
    for (size_t i = 0; i < s->count; i++) {
        if (s->of[i].ptr != NULL) continue;
        s->of[i].ptr = at;
        at += s->of[i].len;
    }
}

/* --- Entries --------------------------------------------------------------------------------- */

static bool read_number(dbx_packed *packed, int64_t *number) {
    dbx_packed_item item;
    return dbx_packed_next(packed, &item) == DBX_OK && dbx_packed_number(&item, number);
}

/* next_string reads the next element as a string of an entry. */
static int next_string(dbx_packed *packed, strings *s) {
    dbx_packed_item item;
    return dbx_packed_next(packed, &item) == DBX_OK ? add_string(s, &item) : DBX_EINVAL;
}

/* open_node reads a listpack's id and its master entry. */
static int open_node(dbx_restore *r, node *n) {
    dbx_slice id, all;
    dbx_packed_item item;
    int64_t zero;
    int rc = dbx_restore_string(r, 0, &id);
    if (rc == DBX_OK && id.len != ID_BYTES) rc = DBX_EINVAL;
    if (rc != DBX_OK) return rc;
    n->id = (dbx_stream_id){dbx_load64_be(id.ptr), dbx_load64_be(id.ptr + 8)};
    rc = dbx_restore_string(r, 1, &all);
    if (rc != DBX_OK) return rc;
    dbx_packed *p = &n->packed;
    if (!dbx_packed_open(p, DBX_LISTPACK, all) || !read_number(p, &n->alive) ||
        !read_number(p, &n->deleted) || !read_number(p, &n->fields)) {
        return DBX_EINVAL;
    }
    n->master = *p;
    if (n->alive < 0 || n->deleted < 0 || n->fields < 0) return DBX_EINVAL;
    for (int64_t i = 0; i < n->fields; i++)
        if (dbx_packed_next(p, &item) != DBX_OK) return DBX_EINVAL;
    return read_number(p, &zero) && zero == 0 ? DBX_OK : DBX_EINVAL;
}

/* read_strings reads fields and values, the fields perhaps from the master entry. */
static int read_strings(node *n, int64_t fields, bool same, strings *s) {
    dbx_packed master = n->master;
    int rc = DBX_OK;
    s->count = s->digits.len = 0;
    for (int64_t i = 0; rc == DBX_OK && i < fields; i++) {
        rc = next_string(same ? &master : &n->packed, s);
        if (rc == DBX_OK) rc = next_string(&n->packed, s);
    }
    if (rc == DBX_OK) place_digits(s);
    return rc;
}

/* next_entry reads an entry that begins with `flags`: *alive: it was not deleted. */
static int next_entry(node *n, int64_t flags, dbx_stream_id *id, bool *alive, strings *s) {
    int64_t ms, seq, fields = n->fields, elements;
    bool same = (flags & SAME_FIELDS) != 0;
    if (!read_number(&n->packed, &ms) || !read_number(&n->packed, &seq)) return DBX_EINVAL;
    if (!same && !read_number(&n->packed, &fields)) return DBX_EINVAL;
    if (fields < 0) return DBX_EINVAL;
    int rc = read_strings(n, fields, same, s);
    if (rc != DBX_OK) return rc;
    int64_t expected = same ? 3 + fields : 4 + 2 * fields;
    if (!read_number(&n->packed, &elements) || elements != expected) return DBX_EINVAL;
    *id = (dbx_stream_id){n->id.ms + (uint64_t)ms, n->id.seq + (uint64_t)seq};
    *alive = (flags & DELETED) == 0;
    return DBX_OK;
}

/* restore_node adds the entries of the next listpack, whose ids must grow. */
static int restore_node(dbx_restore *r, dbx_stream *stream, strings *s) {
    node n;
    int64_t flags;
    int rc = open_node(r, &n);
    while (rc == DBX_OK) {
        dbx_stream_id id;
        dbx_packed_item item;
        bool alive;
        rc = dbx_packed_next(&n.packed, &item);
        if (rc != DBX_OK) break;
        if (!dbx_packed_number(&item, &flags)) return DBX_EINVAL;
        rc = next_entry(&n, flags, &id, &alive, s);
        if (rc != DBX_OK) break;
        if (!alive) {
            n.deleted--;
            continue;
        }
        n.alive--;
        if (dbx_stream_id_cmp(id, stream->last) <= 0 || s->count == 0) return DBX_EINVAL;
        rc = dbx_stream_add(r->txn, r->k, stream, id, s->count, s->of);
    }
    if (rc != DBX_ENOTFOUND) return rc;
    return n.alive == 0 && n.deleted == 0 ? DBX_OK : DBX_EINVAL;
}

/* --- Groups ---------------------------------------------------------------------------------- */

/* What a group has pending, in the order of ids. */
typedef struct pendings {
    struct owed {
        dbx_stream_pending pending;
        bool taken;
    } * of;
    size_t count, cap;
} pendings;

static bool read_id(dbx_slice *in, dbx_stream_id *id) {
    const uint8_t *at;
    if (!dbx_rdb_read_raw(in, ID_BYTES, &at)) return false;
    *id = (dbx_stream_id){dbx_load64_be(at), dbx_load64_be(at + 8)};
    return true;
}

static bool read_id_numbers(dbx_slice *in, dbx_stream_id *id) {
    return dbx_rdb_read_len(in, &id->ms) && dbx_rdb_read_len(in, &id->seq);
}

/* read_time reads a time that can be one more. */
static bool read_time(dbx_slice *in, int64_t *ms) {
    return dbx_rdb_read_ms(in, ms) && *ms >= NEVER_ACTIVE && *ms < INT64_MAX;
}

static int read_pendings(dbx_restore *r, pendings *all) {
    uint64_t count;
    if (!dbx_rdb_read_len(&r->in, &count)) return DBX_EINVAL;
    for (all->count = 0; all->count < count; all->count++) {
        void *room = dbx_alloc_room(all->of, &all->cap, all->count + 1, sizeof *all->of);
        if (room == NULL) return DBX_ENOMEM;
        all->of = room;
        struct owed *owed = &all->of[all->count];
        *owed = (struct owed){.taken = false};
        dbx_stream_pending *p = &owed->pending;
        if (!read_id(&r->in, &p->id) || !read_time(&r->in, &p->time_ms) ||
            !dbx_rdb_read_len(&r->in, &p->count)) {
            return DBX_EINVAL;
        }
        if (all->count > 0 && dbx_stream_id_cmp(owed[-1].pending.id, p->id) >= 0) return DBX_EINVAL;
    }
    return DBX_OK;
}

/* take finds what is pending by its id; NULL: it is not, or another consumer has it. */
static dbx_stream_pending *take(pendings *all, dbx_stream_id id) {
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = dbx_stream_id_cmp(all->of[middle].pending.id, id);
        if (c == 0) {
            if (all->of[middle].taken) return NULL;
            all->of[middle].taken = true;
            return &all->of[middle].pending;
        }
        if (c < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* restore_consumer adds the next consumer with what it has pending; *taken counts that. */
static int restore_consumer(dbx_restore *r, uint8_t type, dbx_stream_group *group, pendings *all,
                            uint64_t *taken) {
    dbx_slice name;
    int64_t seen_ms, active_ms;
    uint64_t count;
    bool created;
    int rc = dbx_restore_string(r, 0, &name);
    if (rc != DBX_OK) return rc;
    if (!read_time(&r->in, &seen_ms)) return DBX_EINVAL;
    active_ms = seen_ms;
    if (type == DBX_RDB_STREAM_LISTPACKS_3 && !read_time(&r->in, &active_ms)) return DBX_EINVAL;
    if (!dbx_rdb_read_len(&r->in, &count)) return DBX_EINVAL;
    rc = dbx_stream_group_join(r->txn, group, name, true, seen_ms, &created);
    if (rc == DBX_OK && !created) rc = DBX_EINVAL;
    group->me.active_ms = active_ms;
    for (uint64_t i = 0; rc == DBX_OK && i < count; i++) {
        dbx_stream_id id;
        dbx_stream_pending *pending = read_id(&r->in, &id) ? take(all, id) : NULL;
        rc = pending == NULL ? DBX_EINVAL : dbx_stream_pending_give(r->txn, group, pending);
    }
    *taken += count;
    return rc == DBX_OK ? dbx_stream_group_close(r->txn, group) : rc;
}

static int restore_consumers(dbx_restore *r, uint8_t type, dbx_stream_group *group, pendings *all) {
    uint64_t count, taken = 0;
    int rc = read_pendings(r, all);
    if (rc != DBX_OK) return rc;
    if (!dbx_rdb_read_len(&r->in, &count)) return DBX_EINVAL;
    for (uint64_t i = 0; rc == DBX_OK && i < count; i++)
        rc = restore_consumer(r, type, group, all, &taken);
    return rc == DBX_OK && taken != all->count ? DBX_EINVAL : rc;
}

static int restore_group(dbx_restore *r, uint8_t type, dbx_stream *stream, pendings *all) {
    dbx_stream_group group;
    dbx_stream_id last;
    dbx_slice name;
    uint64_t read = (uint64_t)DBX_STREAM_ENTRIES_READ_UNKNOWN;
    bool created;
    int rc = dbx_restore_string(r, 0, &name);
    if (rc != DBX_OK) return rc;
    if (!read_id_numbers(&r->in, &last)) return DBX_EINVAL;
    if (type != DBX_RDB_STREAM_LISTPACKS && !dbx_rdb_read_len(&r->in, &read)) return DBX_EINVAL;
    rc = dbx_stream_group_create(r->txn, r->k, stream, name, last, (int64_t)read, &created);
    if (rc == DBX_OK && !created) return DBX_EINVAL;
    if (rc == DBX_OK) rc = dbx_stream_group_find(r->txn, r->k, name, &group);
    return rc == DBX_OK ? restore_consumers(r, type, &group, all) : rc;
}

/* --- The whole ------------------------------------------------------------------------------- */

/* restore_record reads what stands between entries and groups. */
static int restore_record(dbx_restore *r, uint8_t type, dbx_stream *stream) {
    uint64_t length;
    dbx_stream_id last, first;
    dbx_slice *in = &r->in;
    if (!dbx_rdb_read_len(in, &length) || length != r->k->meta.count) return DBX_EINVAL;
    if (!read_id_numbers(in, &last)) return DBX_EINVAL;
    stream->added = length;
    if (type != DBX_RDB_STREAM_LISTPACKS) {
        if (!read_id_numbers(in, &first) || !read_id_numbers(in, &stream->max_deleted) ||
            !dbx_rdb_read_len(in, &stream->added)) {
            return DBX_EINVAL;
        }
    }
    if (dbx_stream_id_cmp(last, stream->highest) > 0) stream->highest = last;
    stream->last = last;
    return DBX_OK;
}

int dbx_restore_stream(dbx_restore *r, uint8_t type) {
    dbx_stream stream;
    strings s = {.max = r->in.len > STRINGS ? r->in.len : STRINGS};
    pendings all = {.of = NULL};
    uint64_t nodes, groups = 0;
    if (!dbx_rdb_read_len(&r->in, &nodes)) return DBX_EINVAL;
    dbx_stream_create(r->txn, r->k, &stream);
    int rc = DBX_OK;
    for (uint64_t i = 0; rc == DBX_OK && i < nodes; i++)
        rc = restore_node(r, &stream, &s);
    if (rc == DBX_OK) rc = restore_record(r, type, &stream);
    if (rc == DBX_OK && !dbx_rdb_read_len(&r->in, &groups)) rc = DBX_EINVAL;
    if (rc == DBX_OK) rc = dbx_stream_write(r->txn, r->k, &stream); /* groups are found by it */
    for (uint64_t i = 0; rc == DBX_OK && i < groups; i++)
        rc = restore_group(r, type, &stream, &all);
    if (rc == DBX_OK && groups > 0) rc = dbx_stream_write(r->txn, r->k, &stream);
    strings_free(&s);
    dbx_alloc_free(all.of);
    return rc;
}
