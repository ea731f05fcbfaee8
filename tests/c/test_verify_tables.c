/* test_verify_tables.c: every check of collections (verify_record.c, verify_owners.c and
 * verify_tables.c) finds the damage that it is there for. To a good database one collection of each
 * type is added by hand, whole or with an entry left out. */
#include "damaged.h"

enum { HASH = 20, SET, ZSET, LIST, STREAM, NOBODY = 90, DUE_MS = 5000, MEMBER_KEY = 1008 };

static const char *left_out = ""; /* the entry that is not written */

/* --- Entries ------------------------------------------------------------------------------------
 */

static text entry_key(uint8_t table, uint64_t cid) {
    text t = {.len = 0};
    t.len = dbx_format_collection(t.bytes, table, cid);
    return t;
}

/* put_entry writes [table][cid]rest -> value. */
static void put_entry(const world *w, uint8_t table, uint64_t cid, dbx_slice rest,
                      dbx_slice value) {
    text key = entry_key(table, cid);
    add(&key, rest.ptr, rest.len);
    put(w, slice(&key), value);
}

#define BYTES(...)                                                                                 \
    dbx_slice_of((const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__})

/* add_entry is put_entry of a good collection. */
static void add_entry(const world *w, const char *label, uint8_t table, uint64_t cid,
                      dbx_slice rest, dbx_slice value) {
    if (strcmp(label, left_out) != 0) put_entry(w, table, cid, rest, value);
}

static void put_record(world *w, const char *name, dbx_meta meta, dbx_slice payload) {
    text key = key_in(w, w->ns, dbx_slice_str(name));
    text record = record_of(&meta, nothing, payload);
    put(w, slice(&key), slice(&record));
    w->keys++;
    put_counts(w, w->keys, w->expires);
}

static dbx_meta collection(uint8_t type, uint8_t encoding, uint64_t cid, uint64_t count) {
    dbx_meta meta = meta_of(encoding);
    meta.type = type;
    meta.cid = cid;
    meta.count = count;
    return meta;
}

/* --- Good ones ----------------------------------------------------------------------------------
 */

/* What is under 'h', 'H', 'z' and the like below. */
#define AT_A 0, 0, 0, 0, 0, 1, 'a' /* hash, member */
#define AT_B 0, 0, 0, 0, 0, 2, 'b'
#define DUE 0, 0, 0, 0, 0, 0, 0x13, 0x88 /* DUE_MS, big-endian */
#define ONE 0xBF, 0xF0, 0, 0, 0, 0, 0, 0 /* 1.0, and 2.0, in the order of scores */
#define TWO 0xC0, 0, 0, 0, 0, 0, 0, 0
#define SCORE_ONE 0, 0, 0, 0, 0, 0, 0xF0, 0x3F /* as they are kept */
#define SCORE_TWO 0, 0, 0, 0, 0, 0, 0, 0x40

static void add_hash(world *w) {
    dbx_meta meta = collection(DBX_HASH, DBX_ENCODING_HASHTABLE, HASH, 2);
    meta.due_ms[0] = DUE_MS;
    put_record(w, "hash", meta, nothing);
    text due, key = key_in(w, w->ns, dbx_slice_str("hash"));
    due.len = dbx_format_due_key(due.bytes, (dbx_expiry){.ms = DUE_MS}, slice(&key));
    put(w, slice(&due), nothing);
    add_entry(w, "field", 'H', HASH, BYTES(AT_A), BYTES(0, 2, 'v'));
    add_entry(w, "expiring", 'H', HASH, BYTES(AT_B), BYTES(1, 0x88, 0x27, 2, 'v'));
    add_entry(w, "field ttl", 'h', HASH, BYTES(1, DUE, AT_B), nothing);
}

static void add_zset(world *w) {
    dbx_meta meta = collection(DBX_ZSET, DBX_ENCODING_SKIPLIST, ZSET, 2);
    put_record(w, "zset", meta, BYTES(1));
    add_entry(w, "score a", 'z', ZSET, BYTES(AT_A), BYTES(SCORE_ONE));
    add_entry(w, "score b", 'z', ZSET, BYTES(AT_B), BYTES(SCORE_TWO));
    add_entry(w, "place a", 'Z', ZSET, BYTES(ONE, 'a'), nothing);
    add_entry(w, "place b", 'Z', ZSET, BYTES(TWO, 'b'), nothing);
    add_entry(w, "border", 'R', ZSET, BYTES(1, ONE, 'a'), BYTES(1, 0, 0, 0, 0, 0, 0, 0));
    add_entry(w, "last border", 'R', ZSET, BYTES(1, TWO, 'b'), nothing);
}

static void add_list(world *w) {
    uint8_t head[DBX_LIST_HEAD_BYTES] = {0};
    dbx_store16(head + DBX_LIST_LEFT_AT, 1);
    dbx_store16(head + DBX_LIST_RIGHT_AT, 2);
    dbx_meta meta = collection(DBX_LIST, DBX_ENCODING_QUICKLIST, LIST, 3 + 2);
    put_record(w, "list", meta, dbx_slice_of(head, sizeof head));
    add_entry(w, "node", 'L', LIST, BYTES(0x80, 0, 0, 0, 0, 0, 0, 0), BYTES(2, 0, 2, 'x', 2, 'y'));
}

static void collections(world *w, const char *without) {
    prepare(w);
    left_out = without;
    add_hash(w);
    add_zset(w);
    add_list(w);
    put_record(w, "set", collection(DBX_SETTYPE, DBX_ENCODING_HASHTABLE, SET, 2), nothing);
    add_entry(w, "member", 'S', SET, BYTES(AT_A), nothing);
    add_entry(w, "member b", 'S', SET, BYTES(AT_B), nothing);
    put_record(w, "stream", collection(DBX_STREAM, DBX_ENCODING_STREAM, STREAM, 1), BYTES(1));
    add_entry(w, "entry", 'E', STREAM, BYTES(5, 0), BYTES(0x80));
    add_entry(w, "group", 'G', STREAM, BYTES('g', 1, 'x'), BYTES(1));
    add_entry(w, "piece", 'W', HASH, BYTES(1, 0, 0, 0, 0), BYTES('p'));
}

/* says_at: this is said, among what else the same damage brings with it. */
static void says_at(const char *file, int line, const world *w, const char *what) {
    outcome o = check(w);
    if (o.rc == DBX_ECORRUPT && strstr(o.said, what) != NULL) return;
    check_failed(file, line, "\"%s\" is not said (%d) but\n%s%s", what, o.rc, o.said, o.error.text);
}

/* Good collections, one of them without an entry, or damaged by what follows. */
#define SAYS(w, what, without, ...)                                                                \
    do {                                                                                           \
        collections(w, without);                                                                   \
        __VA_ARGS__;                                                                               \
        says_at(__FILE__, __LINE__, w, what);                                                      \
        scratch_remove((w)->dir);                                                                  \
    } while (0)

TEST(collections_of_every_type_that_are_good) {
    world w;
    collections(&w, "");
    expect_good(&w);
    scratch_remove(w.dir);
}

/* --- Records ------------------------------------------------------------------------------------
 */

TEST(records_of_collections) {
    const char *const none = "is no collection of its type";
    world w;
    uint8_t head[DBX_LIST_HEAD_BYTES] = {0};
    dbx_slice list = dbx_slice_of(head, sizeof head);
    struct {
        dbx_meta meta;
        dbx_slice payload;
    } wrong[] = {
        {collection(DBX_HASH, DBX_ENCODING_INTSET, 0, 1), BYTES(2, 'f', 2, 'v')},
        {collection(DBX_SETTYPE, DBX_ENCODING_SKIPLIST, 0, 1), BYTES(2, 'm')},
        {collection(DBX_ZSET, DBX_ENCODING_HASHTABLE, 0, 1), BYTES(1)},
        {collection(DBX_LIST, DBX_ENCODING_STREAM, 0, 1), BYTES(1)},
        {collection(DBX_STREAM, DBX_ENCODING_LISTPACK, NOBODY, 0), BYTES(1)},
        {collection(DBX_SETTYPE, DBX_ENCODING_STREAM + 1, 0, 1), BYTES(2, 'm')},
        {collection(DBX_STREAM, DBX_ENCODING_STREAM, 0, 1), BYTES(1)}, /* not inline, ever */
        {collection(DBX_HASH, DBX_ENCODING_LISTPACK, 0, 0), BYTES(1)}, /* of nothing */
        {collection(DBX_SETTYPE, DBX_ENCODING_HASHTABLE, NOBODY, 0), nothing},
        {collection(DBX_HASH, DBX_ENCODING_LISTPACK, 0, 1), nothing},
        {collection(DBX_LIST, DBX_ENCODING_QUICKLIST, NOBODY, 3),
         dbx_slice_of(head, sizeof head - 1)},
        {collection(DBX_LIST, DBX_ENCODING_QUICKLIST, NOBODY, 2), list}, /* its ends have more */
    };
    dbx_store16(head + DBX_LIST_LEFT_AT, 1);
    dbx_store16(head + DBX_LIST_RIGHT_AT, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CASE(&w, none, put_record(&w, "wrong", wrong[i].meta, wrong[i].payload));
}

TEST(ids_of_collections) {
    const uint8_t type = DBX_SETTYPE, table = DBX_ENCODING_HASHTABLE;
    world w;
    CASE(&w, "is a long value with an id that was never given out",
         put_record(&w, "more", collection(type, table, IDS, 1), nothing));
    SAYS(&w, "is a long value that is going to be reclaimed", "",
         put_record(&w, "more", collection(type, table, RETIRED, 1), nothing));
    SAYS(&w, "two keys share the long value 21", "",
         put_record(&w, "more", collection(type, table, SET, 2), nothing));
}

TEST(hashes_of_which_fields_expire_are_in_an_index) {
    world w;
    dbx_meta meta = collection(DBX_HASH, DBX_ENCODING_LISTPACK, 0, 1);
    for (int clock = 0; clock < 2; clock++) {
        meta.due_ms[0] = clock == 0 ? DUE_MS : 0;
        meta.due_ms[1] = clock == 1 ? DUE_MS : 0;
        CASE(&w, "has elements that expire, but their index does not have it",
             put_record(&w, "more", meta, BYTES(2, 'f', 2, 'v')));
    }
}

/* --- How much there is --------------------------------------------------------------------------
 */

TEST(what_collections_say_they_have) {
    world w;
    SAYS(&w, "the hash 20 has 1 elements in its table and says 2", "field", (void)0);
    SAYS(&w, "the set 21 has 1 elements in its table and says 2", "member", (void)0);
    SAYS(&w, "the zset 22 has 1 elements in its table and says 2", "score b", (void)0);
    SAYS(&w, "the list 23 has 0 elements in its table and says 2", "node", (void)0);
    SAYS(&w, "the stream 24 has 0 elements in its table and says 1", "entry", (void)0);
    SAYS(&w, "the set 21 has 3 elements in its table and says 2", "",
         put_entry(&w, 'S', SET, BYTES(0, 0, 0, 0, 0, 3, 'c'), nothing));
}

TEST(what_two_tables_of_a_collection_have) {
    world w;
    SAYS(&w, "expires, but the index of fields does not have it", "field ttl", (void)0);
    SAYS(&w, "the hash 20 has 1 entries too few in its index", "field ttl", (void)0);
    SAYS(&w, "the hash 20 has 1 entries too many in its index", "",
         put_entry(&w, 'h', HASH, BYTES(1, DUE, AT_A), nothing));
    SAYS(&w, "is a member that the order by scores does not have", "place b", (void)0);
    SAYS(&w, "the zset 22 has 1 entries too few in its index", "place b", (void)0);
    SAYS(&w, "the zset 22 has 1 entries too many in its index", "",
         put_entry(&w, 'Z', ZSET, BYTES(TWO, 'c'), nothing));
    /* As many, but one at another time, or with another score. */
    SAYS(&w, "expires, but the index of fields does not have it", "field ttl",
         put_entry(&w, 'h', HASH, BYTES(2, DUE, AT_B), nothing));
    SAYS(&w, "is a member that the order by scores does not have", "place b",
         put_entry(&w, 'Z', ZSET, BYTES(ONE, 'b'), nothing));
}

TEST(borders_of_ranks) {
    world w;
    SAYS(&w, "the ranks of zset 22 lack the last border of level 1", "last border", (void)0);
    SAYS(&w, "is a border behind the last one", "border",
         put_entry(&w, 'R', ZSET, BYTES(1, ONE, 'a'), nothing));
    SAYS(&w, "is a border of a level above one without any", "",
         put_entry(&w, 'R', ZSET, BYTES(3, TWO, 'b'), nothing));
    SAYS(&w, "counts more members than there are", "border",
         put_entry(&w, 'R', ZSET, BYTES(1, ONE, 'a'), BYTES(2, 0, 0, 0, 0, 0, 0, 0)));
    SAYS(&w, "is a border where no member is", "border",
         put_entry(&w, 'R', ZSET, BYTES(1, ONE, 'c'), BYTES(1, 0, 0, 0, 0, 0, 0, 0)));
}

/* --- Entries that are none ----------------------------------------------------------------------
 */

TEST(entries_of_the_wrong_shape) {
    static const struct {
        const char *says;
        uint8_t table;
        uint8_t rest[24], rest_len, value[12], value_len;
    } wrong[] = {
        {"is no field of a hash", 'H', {0, 0, 0}, 3, {0, 2, 'v'}, 3},
        {"is no field of a hash", 'H', {AT_A}, 7, {3, 2, 'v'}, 3},
        {"is no field of a hash", 'H', {AT_A}, 7, {0}, 0},
        {"is no field of a hash", 'H', {AT_A}, 7, {1, 0xff}, 2}, /* no time */
        {"is no entry of the index of fields that expire", 'h', {1, DUE}, 9, {0}, 0},
        {"is no entry of the index of fields that expire", 'h', {3, DUE, AT_B}, 16, {0}, 0},
        {"is no entry of the index of fields that expire", 'h', {0, DUE, AT_B}, 16, {0}, 0},
        {"is no entry of the index of fields that expire", 'h', {1, DUE, AT_B}, 16, {'x'}, 1},
        {"is no member of a set", 'S', {0, 0, 0}, 3, {0}, 0},
        {"is no member of a set", 'S', {AT_A}, 7, {'x'}, 1},
        {"is no place in a sorted set", 'Z', {0xBF}, 1, {0}, 0},
        {"is no place in a sorted set", 'Z', {ONE, 'a'}, 9, {1, 2}, 2},
        {"is no member of a sorted set", 'z', {0, 0, 0}, 3, {SCORE_ONE}, 8},
        {"is no member of a sorted set", 'z', {AT_A}, 7, {SCORE_ONE}, 7},
        {"is no border of ranks", 'R', {0, ONE, 'a'}, 10, {1}, 8},
        {"is no border of ranks", 'R', {1, 0xBF}, 2, {1}, 8},
        {"is no border of ranks", 'R', {1, ONE, 'a'}, 10, {1}, 7},
        {"is no border of ranks", 'R', {1, ONE, 'a'}, 10, {0}, 8}, /* of no members */
        {"is no node of a list", 'L', {0x80, 0, 0, 0, 0, 0, 0}, 7, {2, 0, 2}, 3},
        {"is no node of a list", 'L', {0x80, 0, 0, 0, 0, 0, 0, 0}, 8, {2, 0}, 2},
        {"is no node of a list", 'L', {0x80, 0, 0, 0, 0, 0, 0, 0}, 8, {0, 0, 2}, 3},
        {"is no entry of a stream", 'E', {5}, 1, {1}, 1},
        {"is no entry of a stream", 'E', {5, 0, 0}, 3, {1}, 1},
        {"is no entry of a stream", 'E', {5, 0}, 2, {0}, 0},
        {"is nothing of a consumer group", 'G', {'g'}, 1, {1}, 1},
        {"is no part of a long element", 'W', {0, 0, 0, 0, 0}, 5, {'p'}, 1},
        {"is no part of a long element", 'W', {1, 0, 0, 0}, 4, {'p'}, 1},
    };
    world w;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        static const uint64_t cids[] = {
            ['H'] = HASH, ['h'] = HASH, ['S'] = SET,    ['Z'] = ZSET,   ['z'] = ZSET,
            ['R'] = ZSET, ['L'] = LIST, ['E'] = STREAM, ['G'] = STREAM, ['W'] = HASH};
        SAYS(&w, wrong[i].says, "",
             put_entry(&w, wrong[i].table, cids[wrong[i].table],
                       dbx_slice_of(wrong[i].rest, wrong[i].rest_len),
                       dbx_slice_of(wrong[i].value, wrong[i].value_len)));
    }
    /* An id that is cut off. */
    for (const char *table = "HhSZzRLEGW"; *table != '\0'; table++) {
        const uint8_t key[] = {(uint8_t)*table, 0xff, 0xff};
        SAYS(&w, *table == 'W' ? "is no part of a long element" : "is no", "",
             put(&w, dbx_slice_of(key, sizeof key), BYTES(1)));
    }
}

TEST(members_that_their_entry_keeps_whole) {
    uint8_t rest[DBX_MEMBER_HASH_BYTES + MEMBER_KEY] = {0};
    dbx_slice at = dbx_slice_of(rest, sizeof rest);
    world w;
    SAYS(&w, "is no member of a set", "", put_entry(&w, 'S', SET, at, nothing));
    SAYS(&w, "is no field of a hash", "", put_entry(&w, 'H', HASH, at, BYTES(4, 'x')));
    SAYS(&w, "is no field of a hash", "", put_entry(&w, 'H', HASH, at, BYTES(5, 0))); /* part 0 */
    SAYS(&w, "is no member of a sorted set", "",
         put_entry(&w, 'z', ZSET, at, BYTES(SCORE_ONE))); /* and no member */
    collections(&w, "field");                             /* a good one in the place of another */
    put_entry(&w, 'H', HASH, at, BYTES(4, 'x', 'y', 0, 2, 'v'));
    expect_good(&w);
    scratch_remove(w.dir);
}

/* --- Whose entries are --------------------------------------------------------------------------
 */

TEST(entries_of_nobody_and_of_another_type) {
    static const struct {
        const char *says;
        uint8_t table;
        uint8_t rest[24], rest_len, value[12], value_len;
    } entries[] = {
        {"is of a hash that no key has", 'H', {AT_A}, 7, {0, 2, 'v'}, 3},
        {"is of a hash that no key has", 'h', {1, DUE, AT_B}, 16, {0}, 0},
        {"is of a set that no key has", 'S', {AT_A}, 7, {0}, 0},
        {"is of a sorted set that no key has", 'Z', {ONE, 'a'}, 9, {0}, 0},
        {"is of a sorted set that no key has", 'z', {AT_A}, 7, {SCORE_ONE}, 8},
        {"is of a sorted set that no key has", 'R', {1, ONE, 'a'}, 10, {0}, 0},
        {"is of a list that no key has", 'L', {0x80, 0, 0, 0, 0, 0, 0, 0}, 8, {1, 0, 2}, 3},
        {"is of a stream that no key has", 'E', {5, 0}, 2, {1}, 1},
        {"is of a stream that no key has", 'G', {'g', 1, 'x'}, 3, {1}, 1},
        {"is of a collection that no key has", 'W', {1, 0, 0, 0, 0}, 5, {'p'}, 1},
    };
    world w;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        dbx_slice rest = dbx_slice_of(entries[i].rest, entries[i].rest_len);
        dbx_slice value = dbx_slice_of(entries[i].value, entries[i].value_len);
        SAYS(&w, entries[i].says, "", put_entry(&w, entries[i].table, NOBODY, rest, value));
        /* What waits for reclaim may have any; a long string has none of them. */
        collections(&w, "");
        put_entry(&w, entries[i].table, RETIRED, rest, value);
        expect_good(&w);
        put_entry(&w, entries[i].table, LONG, rest, value);
        says_at(__FILE__, __LINE__, &w, "is of another type than its key");
        scratch_remove(w.dir);
    }
    SAYS(&w, "is of another type than its key", "", put_chunk(&w, SET, 0, 1));
}
