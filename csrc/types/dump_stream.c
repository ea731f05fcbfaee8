/* dump_stream.c: streams as Redis 7.0 DUMPs them (dump.h): listpacks of some entries each, behind
 * them the groups.
 *
 * A listpack begins with the fields of its first entry, and entries that have the same ones leave
 * them out. Here it is closed at as many entries or bytes as Redis's defaults make it; an entry
 * whose strings lie in chunks has one of its own, and goes through it string by string. How many
 * listpacks there are stands before them: it is counted while the value is measured.
 */
#include "types/dump.h"

#include "codec/packed.h"
#include "codec/rdb.h"

enum {
    NODE_ENTRIES = 100,
    NODE_BYTES = 4096,
    DELETED = 1, /* flags of an entry */
    SAME_FIELDS = 2,
    ID_BYTES = 16
};

static void put_id(dbx_buf *out, dbx_stream_id id) {
    uint8_t bytes[ID_BYTES];
    dbx_store64_be(bytes, id.ms);
    dbx_store64_be(bytes + 8, id.seq);
    dbx_buf_add(out, bytes, sizeof bytes);
}

static void put_id_numbers(dbx_buf *out, dbx_stream_id id) {
    dbx_rdb_put_len(out, id.ms);
    dbx_rdb_put_len(out, id.seq);
}

/* --- Nodes ----------------------------------------------------------------------------------- */

/* A node on its way. Its master entry begins with two counts, which are known at the end and so
 * are put there then: what follows them is in stream->node. */
typedef struct node {
    dbx_stream_id first;
    uint64_t entries;  /* of the stream */
    uint64_t elements; /* of the listpack */
    uint64_t fields;   /* of the first entry, which lie in stream->fields as a listpack does */
} node;

/* add_strings adds an entry's strings: all, or with `fields` only those, or only the values. */
static int add_strings(dbx_dump *d, dbx_buf *out, bool fields, bool values) {
    dbx_stream_entry entry = d->walk.stream.entry;
    bool is_field = true;
    while (entry.left > 0) {
        dbx_stream_string string;
        int rc = dbx_stream_entry_next(&entry, d->view, &string);
        if (rc != DBX_OK) return rc;
        if (is_field ? fields : values)
            dbx_listpack_add_string(out, dbx_slice_of(string.ptr, (size_t)string.len));
        is_field = !is_field;
    }
    return out->failed ? DBX_ENOMEM : DBX_OK;
}

/* An entry's id stands as what it is more than the node's first; that wraps, as Redis reads it. */
static void put_entry_head(dbx_buf *out, int64_t flags, dbx_stream_id id, dbx_stream_id first) {
    dbx_listpack_add_number(out, flags);
    dbx_listpack_add_number(out, (int64_t)(id.ms - first.ms));
    dbx_listpack_add_number(out, (int64_t)(id.seq - first.seq));
}

/* add_entry adds the short entry that was read. */
static int add_entry(dbx_dump *d, node *n) {
    dbx_dump_stream *s = &d->walk.stream;
    uint64_t fields = s->entry.left / 2, elements;
    dbx_buf own = {0};
    int rc = add_strings(d, &own, true, false);
    bool same = false;
    if (rc == DBX_OK && n->entries == 0) {
        n->first = s->id;
        n->fields = fields;
        n->elements = 4 + fields; /* with both counts, and the zero that ends it */
        s->node.len = s->fields.len = 0;
        dbx_buf_add(&s->fields, own.ptr, own.len);
        dbx_listpack_add_number(&s->node, (int64_t)fields);
        dbx_buf_add(&s->node, own.ptr, own.len);
        dbx_listpack_add_number(&s->node, 0);
        same = true;
    } else if (rc == DBX_OK) {
        same = dbx_slice_eq(dbx_buf_slice(&own), dbx_buf_slice(&s->fields));
    }
    dbx_buf_free(&own);
    if (rc != DBX_OK || s->fields.failed) return rc != DBX_OK ? rc : DBX_ENOMEM;
    put_entry_head(&s->node, same ? SAME_FIELDS : 0, s->id, n->first);
    if (!same) dbx_listpack_add_number(&s->node, (int64_t)fields);
    rc = add_strings(d, &s->node, !same, true);
    elements = same ? 3 + fields : 4 + 2 * fields;
    dbx_listpack_add_number(&s->node, (int64_t)elements);
    n->elements += elements + 1;
    n->entries++;
    return rc;
}

/* begin_node writes all of a node that comes before the fields of its master entry; `rest` bytes
 * follow. */
static int begin_node(dbx_dump *d, const node *n, uint64_t rest) {
    dbx_buf *out = &d->piece;
    uint64_t bytes = DBX_LISTPACK_HEAD_BYTES + dbx_listpack_number_size((int64_t)n->entries) +
                     dbx_listpack_number_size(0) + rest;
    if (bytes > UINT32_MAX) return DBX_ELIMIT;
    dbx_rdb_put_len(out, ID_BYTES);
    put_id(out, n->first);
    dbx_rdb_put_len(out, bytes);
    dbx_listpack_head(out, (uint32_t)bytes, n->elements);
    dbx_listpack_add_number(out, (int64_t)n->entries);
    dbx_listpack_add_number(out, 0);
    d->walk.stream.nodes++;
    return DBX_OK;
}

/* next_entry reads the next entry, unless one is waiting. */
static int next_entry(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_slice value;
    if (s->entry_due) return DBX_OK;
    if (s->walk.cursor == NULL) return DBX_ENOTFOUND;
    int rc = dbx_stream_walk_next(&s->walk, &s->id, &value);
    if (rc == DBX_ENOTFOUND) dbx_stream_walk_close(&s->walk);
    if (rc == DBX_OK) rc = dbx_stream_entry_open(&s->entry, d->view, d->cid, value);
    s->entry_due = rc == DBX_OK;
    return rc;
}

/* long_strings adds up what the strings of a long entry take. */
static int long_strings(dbx_dump *d, uint64_t *bytes) {
    dbx_stream_entry entry = d->walk.stream.entry;
    *bytes = 0;
    while (entry.left > 0) {
        dbx_stream_string string;
        int rc = dbx_stream_entry_next(&entry, d->view, &string);
        if (rc != DBX_OK) return rc;
        if (string.len > UINT32_MAX - 2 * DBX_LISTPACK_AROUND_MAX) return DBX_ELIMIT;
        *bytes += dbx_listpack_string_size((uint32_t)string.len);
    }
    return DBX_OK;
}

/* begin_long begins the node of a long entry: its master entry has no fields, and it brings its
 * own. */
static int begin_long(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    uint64_t strings;
    int rc = long_strings(d, &strings);
    if (rc != DBX_OK) return rc;
    s->strings = s->entry.left;
    node n = {.first = s->id, .entries = 1, .elements = 4 + 4 + s->strings + 1};
    dbx_buf *head = &s->node;
    head->len = 0;
    dbx_listpack_add_number(head, 0); /* fields of the master entry */
    dbx_listpack_add_number(head, 0);
    put_entry_head(head, 0, s->id, s->id);
    dbx_listpack_add_number(head, (int64_t)(s->strings / 2));
    if (head->failed) return DBX_ENOMEM;
    uint64_t end = dbx_listpack_number_size((int64_t)(4 + s->strings)) + 1;
    rc = begin_node(d, &n, head->len + strings + end);
    dbx_buf_add(&d->piece, head->ptr, head->len);
    s->stage = DBX_DUMP_LONG_NODE;
    return rc;
}

static int step_long(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_stream_string string;
    if (s->entry.left == 0) {
        dbx_listpack_add_number(&d->piece, (int64_t)(4 + s->strings));
        dbx_listpack_end(&d->piece);
        s->entry_due = false;
        s->stage = DBX_DUMP_NODES;
        return DBX_OK;
    }
    int rc = dbx_stream_entry_next(&s->entry, d->view, &string);
    if (rc != DBX_OK) return rc;
    dbx_listpack_string_begin(&d->piece, (uint32_t)string.len);
    dbx_dump_chunks(d, s->entry.chunks, string.at, string.at + string.len);
    dbx_listpack_string_end(&d->piece, (uint32_t)string.len);
    return DBX_OK;
}

/* end_nodes writes what is known of the stream, and begins its groups. */
static int end_nodes(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_buf *out = &d->piece;
    dbx_rdb_put_len(out, s->length);
    put_id_numbers(out, s->record.last);
    put_id_numbers(out, s->record.first);
    put_id_numbers(out, s->record.max_deleted);
    dbx_rdb_put_len(out, s->record.added);
    dbx_rdb_put_len(out, s->record.groups);
    s->stage = DBX_DUMP_GROUPS;
    return dbx_stream_group_walk_open(&s->groups, d->view, d->cid, 0);
}

static int step_nodes(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    node n = {.entries = 0};
    int rc;
    while ((rc = next_entry(d)) == DBX_OK) {
        if (dbx_stream_entry_is_long(&s->entry)) {
            if (n.entries == 0) return begin_long(d);
            break; /* it waits for a node of its own */
        }
        rc = add_entry(d, &n);
        if (rc != DBX_OK) return rc;
        s->entry_due = false;
        if (n.entries == NODE_ENTRIES || s->node.len >= NODE_BYTES) break;
    }
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    if (n.entries == 0) return end_nodes(d);
    dbx_listpack_end(&s->node);
    if (s->node.failed) return DBX_ENOMEM;
    rc = begin_node(d, &n, s->node.len);
    dbx_buf_add(&d->piece, s->node.ptr, s->node.len);
    return rc;
}

/* --- Groups ---------------------------------------------------------------------------------- */

static int open_pending(dbx_dump *d, uint64_t consumer, uint64_t count) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_rdb_put_len(&d->piece, count);
    s->stage = consumer == 0 ? DBX_DUMP_PENDING : DBX_DUMP_CONSUMER_PENDING;
    return dbx_stream_pending_walk_open(&s->pending, d->view, d->cid, s->group.number, consumer,
                                        (dbx_stream_id){0, 0}, false);
}

static int step_groups(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_cell name;
    int rc = dbx_stream_group_walk_group(&s->groups, d->view, &name, &s->group);
    if (rc != DBX_OK) return rc;
    dbx_dump_cell(d, &name);
    put_id_numbers(&d->piece, s->group.last);
    dbx_rdb_put_len(&d->piece, (uint64_t)s->group.entries_read);
    return open_pending(d, 0, s->group.pending);
}

/* step_pending gives one of the group's, with its deliveries, or one of a consumer's. */
static int step_pending(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_stream_pending pending;
    bool of_group = s->stage == DBX_DUMP_PENDING;
    int rc = dbx_stream_pending_walk_next(&s->pending, d->view, &pending);
    if (rc == DBX_OK) {
        put_id(&d->piece, pending.id);
        if (!of_group) return DBX_OK;
        dbx_rdb_put_ms(&d->piece, pending.time_ms);
        dbx_rdb_put_len(&d->piece, pending.count);
        return DBX_OK;
    }
    if (rc != DBX_ENOTFOUND) return rc;
    dbx_stream_pending_walk_close(&s->pending);
    s->stage = DBX_DUMP_CONSUMERS;
    if (!of_group) return DBX_OK;
    dbx_rdb_put_len(&d->piece, s->group.consumers);
    return dbx_stream_group_walk_open(&s->consumers, d->view, d->cid, s->group.number);
}

static int step_consumers(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_cell name;
    int rc = dbx_stream_group_walk_consumer(&s->consumers, d->view, &name, &s->consumer);
    if (rc == DBX_ENOTFOUND) {
        dbx_stream_group_walk_close(&s->consumers);
        s->stage = DBX_DUMP_GROUPS;
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    dbx_dump_cell(d, &name);
    dbx_rdb_put_ms(&d->piece, s->consumer.seen_ms);
    return open_pending(d, s->consumer.number, s->consumer.pending);
}

/* --- As dump.c sees it ----------------------------------------------------------------------- */

int dbx_dump_stream_open(dbx_dump *d, const dbx_key *k) {
    dbx_dump_stream *s = &d->walk.stream;
    uint64_t nodes = s->nodes; /* of the walk before, which measured */
    memset(s, 0, sizeof *s);
    int rc = dbx_stream_read(k, &s->record);
    if (rc != DBX_OK) return rc;
    s->length = k->meta.count;
    dbx_buf_byte(&d->piece, DBX_RDB_STREAM_LISTPACKS_2);
    dbx_rdb_put_count(&d->piece, nodes);
    return dbx_stream_walk_open(&s->walk, d->view, d->cid, (dbx_stream_id){0, 0}, DBX_STREAM_ID_MAX,
                                false);
}

int dbx_dump_stream_step(dbx_dump *d) {
    switch (d->walk.stream.stage) {
    case DBX_DUMP_NODES:
        return step_nodes(d);
    case DBX_DUMP_LONG_NODE:
        return step_long(d);
    case DBX_DUMP_GROUPS:
        return step_groups(d);
    case DBX_DUMP_PENDING:
    case DBX_DUMP_CONSUMER_PENDING:
        return step_pending(d);
    case DBX_DUMP_CONSUMERS:
        return step_consumers(d);
    default:
        return DBX_ENOTFOUND;
    }
}

int dbx_dump_stream_move(dbx_dump *d, dbx_view *view) {
    dbx_dump_stream *s = &d->walk.stream;
    int rc = s->walk.cursor != NULL ? dbx_stream_walk_move(&s->walk, view) : DBX_OK;
    if (rc == DBX_OK && s->groups.cursor != NULL) rc = dbx_stream_group_walk_move(&s->groups, view);
    if (rc == DBX_OK && s->consumers.cursor != NULL)
        rc = dbx_stream_group_walk_move(&s->consumers, view);
    if (rc == DBX_OK && s->pending.cursor != NULL)
        rc = dbx_stream_pending_walk_move(&s->pending, view);
    return rc;
}

void dbx_dump_stream_close(dbx_dump *d) {
    dbx_dump_stream *s = &d->walk.stream;
    dbx_stream_walk_close(&s->walk);
    dbx_stream_group_walk_close(&s->groups);
    dbx_stream_group_walk_close(&s->consumers);
    dbx_stream_pending_walk_close(&s->pending);
    dbx_buf_free(&s->node);
    dbx_buf_free(&s->fields);
}
