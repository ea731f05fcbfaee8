/* damaged.h: for tests of `dbx verify`: a good database with something of everything, writers that
 * damage it one entry at a time, and what the check then says.
 */
#ifndef DBX_TESTS_DAMAGED_H
#define DBX_TESTS_DAMAGED_H

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "check.h"
#include "no_sync.h"
#include "scratch.h"
#include "store/file.h"
#include "store/frame.h"
#include "store/keyspace.h"
#include "store/record.h"
#include "store/verify.h"

enum {
    DATABASES = 2,
    IDS = 100, /* given out by the database, most of them to nobody */
    LONG = 5,
    RETIRED = 6, /* of them: a value in chunks, one that waits for reclaim */
    LONG_BYTES = DBX_VALUE_CHUNK_BYTES + 100,
    OLD_NS = 7, /* a database that was flushed */
    WAIT_MS_MAX = 60000,
    SPOOL = 3,
    SPOOL_BYTES = 3000,
    KEY_BYTES_MAX = 2 * DBX_ENCODED_KEY_MAX,
    TEXT_MAX = 16384
};

static const char long_name[] =
    "a name that does not fit into a key of the map, for it has to be more than a thousand bytes";

typedef struct world {
    char dir[SCRATCH_BYTES];
    uint8_t seed[16];
    uint64_t ns;            /* of database 0 */
    uint64_t keys, expires; /* in it */
    uint64_t position;      /* of the log that data.mdbx has */
    uint64_t run;
    dbx_slice large; /* a long name */
    uint8_t large_bytes[2000];
} world;

/* A key or value being put together. */
typedef struct text {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t len;
} text;

static inline dbx_slice slice(const text *t) {
    return dbx_slice_of(t->bytes, t->len);
}

static inline void add(text *t, const void *bytes, size_t len) {
    CHECK(len <= sizeof t->bytes - t->len);
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static inline void add64(text *t, uint64_t value) {
    uint8_t bytes[8];
    dbx_store64(bytes, value);
    add(t, bytes, sizeof bytes);
}

static inline void add64_be(text *t, uint64_t value) {
    uint8_t bytes[8];
    dbx_store64_be(bytes, value);
    add(t, bytes, sizeof bytes);
}

static inline void add32_be(text *t, uint32_t value) {
    uint8_t bytes[4];
    dbx_store32_be(bytes, value);
    add(t, bytes, sizeof bytes);
}

static const dbx_slice nothing = {NULL, 0};

/* --- The map -----------------------------------------------------------------------------------
 */

static inline void put(const world *w, dbx_slice key, dbx_slice value) {
    char path[64];
    dbx_env *env = NULL;
    dbx_error error = {0};
    (void)snprintf(path, sizeof path, "%s/data.mdbx", w->dir);
    if (dbx_env_open(path, &env, &error) != DBX_OK) abort();
    CHECK_EQ(dbx_apply_put_now(env, key, value, &error), DBX_OK);
    dbx_env_close(env, false);
}

static inline text meta_key(char what, uint32_t number) {
    text t = {.len = 0};
    add(&t, "M", 1);
    add(&t, &what, 1);
    add32_be(&t, number);
    return t;
}

static inline text db_value(uint64_t ns, uint64_t keys, uint64_t expires) {
    text t = {.len = 0};
    add64(&t, ns);
    add64(&t, keys);
    add64(&t, expires);
    return t;
}

/* What the database says it has. */
static inline void put_counts(const world *w, uint64_t keys, uint64_t expires) {
    text key = meta_key('d', 0), value = db_value(w->ns, keys, expires);
    put(w, slice(&key), slice(&value));
}

static inline text key_in(const world *w, uint64_t ns, dbx_slice name) {
    text t = {.len = 0};
    bool is_long;
    t.len = dbx_format_key(t.bytes, ns, name, w->seed, &is_long);
    return t;
}

static inline dbx_meta meta_of(uint8_t encoding) {
    return (dbx_meta){.type = DBX_STRING,
                      .encoding = encoding,
                      .created_ms = 1,
                      .updated_ms = 1,
                      .expiry = dbx_expiry_never()};
}

/* `name`: empty unless the record has to keep it. */
static inline text record_of(const dbx_meta *meta, dbx_slice name, dbx_slice payload) {
    text t = {.len = 0};
    uint8_t len[DBX_VARINT_MAX];
    t.len = dbx_record_fixed(t.bytes, meta, name.len > 0);
    if (name.len > 0) {
        add(&t, len, dbx_format_varint(len, name.len));
        add(&t, name.ptr, name.len);
    }
    if (payload.len > 0) add(&t, payload.ptr, payload.len);
    return t;
}

/* A further key of database 0, which the counts tell of. */
static inline void put_key(world *w, const char *name, const dbx_meta *meta, const char *payload) {
    text key = key_in(w, w->ns, dbx_slice_str(name));
    text record = record_of(meta, nothing, dbx_slice_str(payload));
    put(w, slice(&key), slice(&record));
    w->keys++;
    w->expires += dbx_expiry_set(meta->expiry);
    put_counts(w, w->keys, w->expires);
}

static inline text chunk_key(uint64_t cid, uint32_t number) {
    text t = {.len = 0};
    add(&t, "V", 1);
    add64_be(&t, cid);
    add32_be(&t, number);
    return t;
}

static inline void put_chunk(const world *w, uint64_t cid, uint32_t number, size_t len) {
    static const uint8_t bytes[DBX_VALUE_CHUNK_BYTES + 1];
    text key = chunk_key(cid, number);
    put(w, slice(&key), dbx_slice_of(bytes, len));
}

static inline void put_long(world *w, const char *name, uint64_t cid, uint64_t bytes) {
    dbx_meta meta = meta_of(DBX_STRING_CHUNKED);
    meta.cid = cid;
    meta.count = bytes;
    put_key(w, name, &meta, "");
}

static inline text retired_key(char kind, uint64_t id) {
    text t = {.len = 0};
    add(&t, "X", 1);
    add(&t, &kind, 1);
    add64_be(&t, id);
    return t;
}

static inline void put_retired(const world *w, char kind, uint64_t id) {
    text key = retired_key(kind, id);
    put(w, slice(&key), nothing);
}

/* --- The log -----------------------------------------------------------------------------------
 */

static inline void write_file(const char *path, const void *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    (void)close(fd);
}

/* A segment of one frame with these effects, as the log's `number`th; returns where it ends. */
static inline uint64_t put_segment(const world *w, unsigned number, uint64_t run, uint64_t start,
                                   const char *effects) {
    uint8_t bytes[4096] = {0};
    char path[64];
    size_t len = strlen(effects);
    dbx_segment_header header = {
        .run = run, .start = start, .previous = start, .durable = start, .sequence = number};
    dbx_frame frame = {.len = (uint32_t)len,
                       .effects = 1,
                       .run = run,
                       .position = start,
                       .time_ms = 1,
                       .wall_ms = 1,
                       .durable = start};
    uint8_t *at = bytes + DBX_SEGMENT_HEADER_BYTES;
    dbx_segment_header_seal(bytes, &header);
    memcpy(at + DBX_FRAME_HEADER_BYTES, effects, len);
    dbx_frame_seal(at, &frame);
    (void)snprintf(path, sizeof path, "%s/journal/%08u.log", w->dir, number);
    write_file(path, bytes, sizeof bytes);
    return start + DBX_FRAME_HEADER_BYTES + len;
}

static inline void remove_log(const world *w) {
    char command[64];
    (void)snprintf(command, sizeof command, "rm -f %s/journal/*.log", w->dir);
    CHECK_EQ(system(command), 0);
}

static inline void spool_path(const world *w, char path[64]) {
    (void)snprintf(path, 64, "%s/spool/%d.spool", w->dir, SPOOL);
}

/* A log of two starts; the second one's frame names a spool that is there. */
static inline void put_log(const world *w) {
    static const uint8_t bytes[SPOOL_BYTES];
    char path[64];
    remove_log(w);
    uint64_t at = put_segment(w, 1, w->run, w->position, "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n");
    (void)put_segment(w, 2, w->run + 1, at,
                      "*3\r\n$3\r\nSET\r\n$1\r\na\r\n=15\r\nspl:3,1000,2000\r\n");
    spool_path(w, path);
    write_file(path, bytes, sizeof bytes);
}

/* --- A good database ---------------------------------------------------------------------------
 */

static inline int run(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                      dbx_error *error) {
    (void)arg, (void)txn, (void)db, (void)argc, (void)argv, (void)error;
    return DBX_OK;
}

static inline void write_key(dbx_store *store, uint32_t db, dbx_slice name, dbx_expiry expiry) {
    dbx_key k;
    dbx_error error;
    dbx_txn *txn = dbx_store_turn_begin(store, dbx_store_now_ms(store));
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_key_find(txn, db, name, &k), DBX_OK);
    dbx_key_reset(&k, DBX_STRING, DBX_STRING_EMBSTR);
    k.meta.expiry = expiry;
    CHECK_EQ(dbx_key_write(txn, &k, dbx_slice_str("value")), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, db, 1, &name), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
}

static inline void apply(dbx_store *store) {
    dbx_store_info info;
    (void)dbx_store_freeze(store, false);
    for (int ms = 0; ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(store);
        dbx_store_get_info(store, &info);
        if (info.applied == info.position && info.frozen_entries == 0) return;
        pause_ms(1);
    }
    check_failed(__FILE__, __LINE__, "nothing was applied");
}

/* What the store itself writes: names of all lengths, expiry on both clocks, two databases. */
static inline dbx_store *open_store(const world *w) {
    const dbx_store_options options = {.path = w->dir, .databases = DATABASES};
    const dbx_replay_calls calls = {.run = run};
    dbx_store *store = NULL;
    dbx_error error = {0};
    if (dbx_store_open(&options, &store, &error) != DBX_OK) abort();
    CHECK_EQ(dbx_store_replay(store, &calls, &error), DBX_OK);
    return store;
}

static inline void write_store(const world *w) {
    dbx_store *store = open_store(w);
    int64_t hour_ms = dbx_store_now_ms(store) + 3600000;
    for (int i = 0; i < 20; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "key%02d", i);
        write_key(store, 0, dbx_slice_str(name), dbx_expiry_never());
    }
    write_key(store, 0, dbx_slice_str("life"), (dbx_expiry){.ms = hour_ms, .relative = true});
    write_key(store, 0, dbx_slice_str("date"), (dbx_expiry){.ms = hour_ms});
    write_key(store, 0, w->large, dbx_expiry_never());
    write_key(store, 1, dbx_slice_str("other"), dbx_expiry_never());
    apply(store);
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
}

typedef struct reading {
    dbx_env *env;
    dbx_snapshot *snapshot;
} reading;

static inline reading read_begin(const world *w) {
    reading r = {NULL, NULL};
    char path[64];
    dbx_error error;
    (void)snprintf(path, sizeof path, "%s/data.mdbx", w->dir);
    if (dbx_env_open_unchanged(path, &r.env, &error) != DBX_OK) abort();
    if (dbx_snapshot_open(r.env, &r.snapshot) != DBX_OK) abort();
    return r;
}

static inline void read_end(reading r) {
    dbx_snapshot_close(r.snapshot);
    dbx_env_close(r.env, false);
}

static inline void read_own(world *w) {
    dbx_slice value = nothing;
    dbx_applied applied = {0};
    text key = meta_key('d', 0);
    reading r = read_begin(w);
    CHECK_EQ(dbx_snapshot_get(r.snapshot, slice(&key), &value), DBX_OK);
    w->ns = dbx_load64(value.ptr);
    w->keys = dbx_load64(value.ptr + 8);
    w->expires = dbx_load64(value.ptr + 16);
    CHECK_EQ(dbx_snapshot_get(r.snapshot, dbx_slice_str("Mf"), &value), DBX_OK);
    memcpy(w->seed, value.ptr + 16, sizeof w->seed);
    CHECK_EQ(dbx_apply_read_position(r.snapshot, &applied), DBX_OK);
    w->position = applied.position;
    w->run = applied.run;
    read_end(r);
}

static inline void make(world *w) {
    scratch_make(w->dir);
    for (size_t i = 0; i < sizeof w->large_bytes; i++)
        w->large_bytes[i] = (uint8_t)long_name[i % (sizeof long_name - 1)];
    w->large = dbx_slice_of(w->large_bytes, sizeof w->large_bytes);
    write_store(w);
    read_own(w);
    CHECK(w->ns < LONG);
    text key = meta_key('i', 0), value = {.len = 0};
    add64(&value, IDS);
    put(w, slice(&key), slice(&value));
    put_long(w, "long", LONG, LONG_BYTES);
    put_chunk(w, LONG, 0, 10);
    put_chunk(w, LONG, 1, 100);
    put_retired(w, 'c', RETIRED);
    put_chunk(w, RETIRED, 0, 1);
    put_retired(w, 'n', OLD_NS);
    dbx_meta meta = meta_of(DBX_STRING_RAW);
    key = key_in(w, OLD_NS, dbx_slice_str("flushed"));
    value = record_of(&meta, nothing, nothing);
    put(w, slice(&key), slice(&value));
    put_log(w);
}

static world good; /* made once */

static inline void remove_good(void) {
    scratch_remove(good.dir);
}

/* A copy of it. */
static inline void prepare(world *w) {
    char command[96];
    if (good.ns == 0) {
        make(&good);
        (void)atexit(remove_good);
    }
    *w = good;
    w->large = dbx_slice_of(w->large_bytes, sizeof w->large_bytes);
    scratch_make(w->dir);
    (void)snprintf(command, sizeof command, "cp -R %s/. %s", good.dir, w->dir);
    CHECK_EQ(system(command), 0);
}

/* --- The check ---------------------------------------------------------------------------------
 */

typedef struct outcome {
    int rc;
    dbx_error error;
    unsigned wrong; /* lines */
    char said[TEXT_MAX];
} outcome;

static inline void read_report(int fd, outcome *o) {
    ssize_t n = pread(fd, o->said, sizeof o->said - 1, 0);
    o->said[n > 0 ? n : 0] = '\0';
    for (const char *at = o->said; (at = strstr(at, "  wrong:")) != NULL; at++)
        o->wrong++;
}

static inline outcome check(const world *w) {
    outcome o = {.rc = 0};
    FILE *file = tmpfile();
    if (file == NULL) abort();
    o.rc = dbx_verify(w->dir, fileno(file), -1, &o.error);
    read_report(fileno(file), &o);
    (void)fclose(file);
    return o;
}

static inline void expect_good(const world *w) {
    outcome o = check(w);
    CHECK_EQ(o.rc, DBX_OK);
    if (o.rc != DBX_OK || o.wrong > 0) fprintf(stderr, "%s%s\n", o.said, o.error.text);
    CHECK_EQ(o.wrong, 0);
}

/* One thing is wrong, and this is said of it. */
static inline void expect_at(const char *file, int line, const world *w, const char *what) {
    outcome o = check(w);
    if (o.rc == DBX_ECORRUPT && o.wrong == 1 && strstr(o.said, what) != NULL) return;
    check_failed(file, line, "not once wrong with \"%s\" (%d) but\n%s%s", what, o.rc, o.said,
                 o.error.text);
}

#define EXPECT(w, what) expect_at(__FILE__, __LINE__, w, what)

/* Begins with a good database each time. */
#define CASE(w, what, ...)                                                                         \
    do {                                                                                           \
        prepare(w);                                                                                \
        __VA_ARGS__;                                                                               \
        EXPECT(w, what);                                                                           \
        scratch_remove((w)->dir);                                                                  \
    } while (0)

#define PUT_TEXT(w, key, value) put(w, dbx_slice_str(key), dbx_slice_str(value))

#endif
