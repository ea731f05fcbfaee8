/* scan.c: see scan.h. */
#include "store/scan.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "store/internal.h"
#include "store/keyspace.h"

/* A cursor is 21 bits of the run and 32 of a counter: below 2^53, what every client can hold. */
enum { COUNTER_BITS = 32, RUN_BITS = 21 };

typedef struct place {
    uint64_t cursor; /* 0: free */
    dbx_buf name;
    bool dirty;
} place;

struct dbx_scan_table {
    uint64_t run, counter;
    uint32_t next;       /* slot the next cursor takes */
    uint32_t dirty_from; /* slots below were walked */
    bool any_dirty;
    size_t bytes; /* of all names */
    place places[DBX_SCAN_SLOTS];
};

dbx_scan_table *dbx_scan_table_new(void) {
    return dbx_alloc_zero(1, sizeof(dbx_scan_table));
}

void dbx_scan_table_set_run(dbx_scan_table *table, uint64_t run) {
    table->run = run & ((1u << RUN_BITS) - 1);
}

static void forget(dbx_scan_table *table, place *p) {
    table->bytes -= p->name.cap;
    dbx_buf_free(&p->name);
    p->cursor = 0;
}

void dbx_scan_table_free(dbx_scan_table *table) {
    if (table == NULL) return;
    for (size_t i = 0; i < DBX_SCAN_SLOTS; i++)
        dbx_buf_free(&table->places[i].name);
    dbx_alloc_free(table);
}

static bool fill(dbx_scan_table *table, place *p, uint64_t cursor, dbx_slice name) {
    forget(table, p);
    if (dbx_buf_reserve(&p->name, name.len + 1) == NULL) return false;
    dbx_buf_add(&p->name, name.ptr, name.len);
    table->bytes += p->name.cap;
    p->cursor = cursor;
    return true;
}

uint64_t dbx_scan_table_add(dbx_scan_table *table, dbx_slice name) {
    table->counter = (table->counter + 1) & (((uint64_t)1 << COUNTER_BITS) - 1);
    uint64_t cursor = table->run << COUNTER_BITS | table->counter;
    /* Long names count double: the oldest places go until the names fit again. */
    for (uint32_t i = 0; table->bytes > DBX_SCAN_NAMES_BYTES_MAX && i < DBX_SCAN_SLOTS; i++) {
        forget(table, &table->places[(table->next + i) % DBX_SCAN_SLOTS]);
    }
    place *p = &table->places[table->next];
    if (cursor == 0 || !fill(table, p, cursor, name)) return 0;
    p->dirty = true;
    table->any_dirty = true;
    table->next = (table->next + 1) % DBX_SCAN_SLOTS;
    return cursor;
}

bool dbx_scan_table_find(const dbx_scan_table *table, uint64_t cursor, dbx_slice *name) {
    /* Looked for from the newest back: a scan comes back with the cursor it was given last. */
    for (uint32_t i = 1; i <= DBX_SCAN_SLOTS && cursor != 0; i++) {
        const place *p = &table->places[(table->next + DBX_SCAN_SLOTS - i) % DBX_SCAN_SLOTS];
        if (p->cursor != cursor) continue;
        *name = dbx_buf_slice(&p->name);
        return true;
    }
    return false;
}

void dbx_scan_table_restore(dbx_scan_table *table, uint32_t slot, uint64_t cursor, dbx_slice name) {
    if (slot < DBX_SCAN_SLOTS) (void)fill(table, &table->places[slot], cursor, name);
}

bool dbx_scan_table_dirty(dbx_scan_table *table, uint32_t *slot, uint64_t *cursor,
                          dbx_slice *name) {
    while (table->any_dirty && table->dirty_from < DBX_SCAN_SLOTS) {
        place *p = &table->places[table->dirty_from++];
        if (!p->dirty) continue;
        p->dirty = false;
        *slot = table->dirty_from - 1;
        *cursor = p->cursor;
        *name = dbx_buf_slice(&p->name);
        return true;
    }
    table->dirty_from = 0;
    table->any_dirty = false;
    return false;
}

/* --- keyspace.h ----------------------------------------------------------------------------------
 */

uint64_t dbx_scan_save(dbx_txn *txn, dbx_slice name) {
    return dbx_scan_table_add(txn->store->scans, name);
}

bool dbx_scan_load(dbx_txn *txn, uint64_t cursor, dbx_buf *name) {
    dbx_slice found;
    if (!dbx_scan_table_find(txn->store->scans, cursor, &found)) return false;
    name->len = 0;
    if (dbx_buf_reserve(name, found.len + 1) == NULL) return false;
    dbx_buf_add(name, found.ptr, found.len);
    return true;
}
