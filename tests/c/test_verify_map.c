/* test_verify_map.c: every check of what the map holds finds the damage that it is there for, and
 * says so once. One entry at a time is written by hand. */
#include "damaged.h"

/* --- M ------------------------------------------------------------------------------------------
 */

TEST(a_format_that_is_not_known_or_not_there) {
    world w;
    outcome o;
    text value = {.len = 0};
    prepare(&w);
    add64(&value, DBX_FORMAT_VERSION + 1);
    value.len = 32;
    put(&w, dbx_slice_str("Mf"), slice(&value));
    o = check(&w);
    CHECK_EQ(o.rc, DBX_EVERSION);
    CHECK(strstr(o.error.text, "written by a newer DBX (format ") != NULL);
    scratch_remove(w.dir);
    CASE(&w, "says no format", PUT_TEXT(&w, "Mf", "short"));
    CASE(&w, "does not say what it contains", PUT_TEXT(&w, "Mp", "short"));
}

TEST(records_of_the_databases_own) {
    const char *const unknown = "is no record of the database's own that is known";
    world w;
    text key, value;
    CASE(&w, unknown, PUT_TEXT(&w, "Mz", ""));
    CASE(&w, unknown, PUT_TEXT(&w, "M", ""));
    CASE(&w, unknown, PUT_TEXT(&w, "Mfx", ""));
    CASE(&w, unknown, key = meta_key('s', 1); put(&w, slice(&key), dbx_slice_str("1234567")));
    CASE(&w, unknown, key = meta_key('l', 0); put(&w, slice(&key), dbx_slice_str("1234567")));
    CASE(&w, unknown, PUT_TEXT(&w, "Ms", "12345678"));
    CASE(&w, unknown, PUT_TEXT(&w, "Ml", "12345678"));
    CASE(&w, unknown, PUT_TEXT(&w, "Mi", "12345678"));
    CASE(&w, unknown, key = meta_key('i', 1); put(&w, slice(&key), dbx_slice_str("1234567")));
    CASE(&w, unknown, PUT_TEXT(&w, "Md", "123456781234567812345678"));
    /* A further database of its own contents is fine; a record of the wrong size is not. */
    prepare(&w);
    key = meta_key('d', 9);
    value = db_value(IDS - 1, 0, 0);
    put(&w, slice(&key), slice(&value));
    expect_good(&w);
    put(&w, slice(&key), dbx_slice_of(value.bytes, value.len - 1));
    EXPECT(&w, unknown);
    scratch_remove(w.dir);
}

TEST(what_a_database_says_it_has) {
    world w;
    text key, value;
    const dbx_meta meta = meta_of(DBX_STRING_RAW);
    CASE(&w, "db0 has 24 keys, 2 expire, and says 25 and 2", put_counts(&w, w.keys + 1, w.expires));
    CASE(&w, "db0 has 24 keys, 2 expire, and says 23 and 2", put_counts(&w, w.keys - 1, w.expires));
    CASE(&w, "db0 has 24 keys, 2 expire, and says 24 and 3", put_counts(&w, w.keys, w.expires + 1));
    CASE(&w, "db0 has 25 keys, 2 expire, and says 24 and 2",
         key = key_in(&w, w.ns, dbx_slice_str("more"));
         value = record_of(&meta, nothing, nothing); put(&w, slice(&key), slice(&value)));
    CASE(&w, "db9 has an id that was never given out", key = meta_key('d', 9);
         value = db_value(IDS, 0, 0); put(&w, slice(&key), slice(&value)));
}

/* --- K ------------------------------------------------------------------------------------------
 */

TEST(records_of_keys) {
    world w;
    dbx_meta meta = meta_of(DBX_STRING_RAW);
    text key, record;
    CASE(&w, "is no record of a key", key = key_in(&w, w.ns, dbx_slice_str("key00"));
         put(&w, slice(&key), dbx_slice_str("\x13")); put_counts(&w, w.keys - 1, w.expires));
    CASE(&w, "is no record of a key", PUT_TEXT(&w, "K", "")); /* of what database? */
    CASE(&w, "is no record of a key", record = record_of(&meta, nothing, nothing);
         key = (text){.len = DBX_ENCODED_KEY_MAX + 1}; key.bytes[0] = 'K'; key.bytes[1] = 1;
         put(&w, slice(&key), slice(&record)));
    CASE(&w, "is no record of a key", record = record_of(&meta, nothing, nothing);
         put(&w, dbx_slice_str("K\xff\xff"), slice(&record))); /* a number that is cut off */
    CASE(&w, "belongs to no database", key = key_in(&w, OLD_NS + 1, dbx_slice_str("lost"));
         record = record_of(&meta, nothing, nothing); put(&w, slice(&key), slice(&record)));
    CASE(&w, "is of a type that is not known", meta.type = DBX_STREAM + 1;
         put_key(&w, "list", &meta, ""));
}

TEST(names_that_records_keep) {
    const char *const other = "does not have the name that its record says";
    const dbx_meta meta = meta_of(DBX_STRING_RAW);
    world w;
    text key, record;
    CASE(&w, other, key = key_in(&w, w.ns, dbx_slice_str("key00"));
         record = record_of(&meta, dbx_slice_str("key00"), nothing);
         put(&w, slice(&key), slice(&record)));
    CASE(&w, other, key = key_in(&w, w.ns, w.large); w.large_bytes[1500] ^= 1;
         record = record_of(&meta, w.large, nothing); put(&w, slice(&key), slice(&record)));
    CASE(&w, other, key = key_in(&w, w.ns, w.large); record = record_of(&meta, nothing, nothing);
         put(&w, slice(&key), slice(&record)));
}

TEST(strings_of_every_encoding) {
    static const struct {
        uint8_t encoding;
        const char *payload;
        bool good;
    } strings[] = {
        {DBX_STRING_INT, "0", true},
        {DBX_STRING_INT, "-9223372036854775808", true},
        {DBX_STRING_INT, "", false},
        {DBX_STRING_INT, "-", false},
        {DBX_STRING_INT, "12a", false},
        {DBX_STRING_INT, "123456789012345678901", false},
        {DBX_STRING_EMBSTR, "", true},
        {DBX_STRING_EMBSTR, "12345678901234567890123456789012345678901234", true},
        {DBX_STRING_EMBSTR, "123456789012345678901234567890123456789012345", false},
        {DBX_STRING_RAW, "123456789012345678901234567890123456789012345", true},
        {DBX_STRING_CHUNKED + 1, "", false},
    };
    const char *const no_string = "is no string of its encoding";
    world w;
    dbx_meta meta;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        prepare(&w);
        meta = meta_of(strings[i].encoding);
        put_key(&w, "string", &meta, strings[i].payload);
        if (strings[i].good) {
            expect_good(&w);
        } else {
            EXPECT(&w, no_string);
        }
        scratch_remove(w.dir);
    }
    meta = meta_of(DBX_STRING_RAW);
    meta.cid = IDS - 1;
    CASE(&w, no_string, put_key(&w, "string", &meta, ""));
    meta = meta_of(DBX_STRING_CHUNKED);
    meta.cid = IDS - 1;
    meta.count = 1;
    CASE(&w, no_string, put_key(&w, "string", &meta, "payload"));
}

/* --- T ------------------------------------------------------------------------------------------
 */

TEST(keys_that_expire_are_in_the_index_of_their_clock) {
    const char *const missing = "expires, but the TTL index does not have it";
    world w;
    text ttl, key;
    for (int relative = 0; relative < 2; relative++) {
        dbx_meta meta = meta_of(DBX_STRING_RAW);
        meta.expiry = (dbx_expiry){.ms = 5000, .relative = relative != 0};
        CASE(&w, missing, put_key(&w, "expiring", &meta, ""));
        /* The other clock's index is no help, nor another time's entry; its own is. */
        prepare(&w);
        put_key(&w, "expiring", &meta, "");
        key = key_in(&w, w.ns, dbx_slice_str("expiring"));
        dbx_expiry others[] = {{.ms = 5000, .relative = relative == 0},
                               {.ms = 5001, .relative = relative != 0}};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            ttl.len = dbx_format_ttl_key(ttl.bytes, others[i], slice(&key));
            put(&w, slice(&ttl), nothing);
        }
        EXPECT(&w, missing);
        ttl.len = dbx_format_ttl_key(ttl.bytes, meta.expiry, slice(&key));
        put(&w, slice(&ttl), nothing);
        expect_good(&w);
        scratch_remove(w.dir);
    }
}

TEST(entries_of_the_ttl_indexes) {
    const char *const no_entry = "is no entry of the TTL index";
    world w;
    for (const char *tag = "Tt"; *tag != '\0'; tag++) {
        text key = {.len = 0};
        add(&key, tag, 1);
        add64_be(&key, 5000);
        CASE(&w, no_entry, put(&w, slice(&key), nothing));
        add(&key, "\xff\xff", 2); /* a number that is cut off */
        CASE(&w, no_entry, put(&w, slice(&key), nothing));
        key.bytes[key.len - 2] = 1;
        CASE(&w, no_entry, put(&w, slice(&key), dbx_slice_str("value")));
        prepare(&w); /* of a key that is not there, or has another time: a hint that is stale */
        put(&w, slice(&key), nothing);
        expect_good(&w);
        scratch_remove(w.dir);
    }
}

/* --- V ------------------------------------------------------------------------------------------
 */

TEST(long_values_and_their_ids) {
    const char *const never = "is a long value with an id that was never given out";
    world w;
    CASE(&w, never, put_long(&w, "more", 0, 70000));
    CASE(&w, never, put_long(&w, "more", IDS, 70000));
    CASE(&w, "is a long value that is going to be reclaimed", put_long(&w, "more", RETIRED, 70000));
    CASE(&w, "two keys share the long value 5", put_long(&w, "more", LONG, LONG_BYTES));
    prepare(&w); /* all zeros: it needs no chunk */
    put_long(&w, "more", IDS - 1, 70000);
    expect_good(&w);
    scratch_remove(w.dir);
}

TEST(chunks_and_whose_they_are) {
    const char *const no_part = "is no part of a long value";
    world w;
    text key;
    CASE(&w, no_part, key = chunk_key(LONG, 0); key.len--; put(&w, slice(&key), nothing));
    CASE(&w, no_part, key = chunk_key(LONG, 0); add(&key, "x", 1); put(&w, slice(&key), nothing));
    CASE(&w, no_part, put_chunk(&w, LONG, 0, DBX_VALUE_CHUNK_BYTES + 1));
    CASE(&w, "is part of a long value that no key has", put_chunk(&w, LONG + 10, 0, 1));
    CASE(&w, "lies behind the end of its value", put_chunk(&w, LONG, 1, 101));
    CASE(&w, "lies behind the end of its value", put_chunk(&w, LONG, 2, 1));
}

/* What is wrong with the map, known so many long values at a time. */
static unsigned wrong_with_map(const world *w, size_t known) {
    dbx_applied applied;
    outcome o = {.rc = 0};
    FILE *file = tmpfile();
    if (file == NULL) abort();
    dbx_report report = {.dir = w->dir, .fd = fileno(file), .progress_fd = -1, .percent = -1};
    reading r = read_begin(w);
    CHECK_EQ(dbx_verify_map(r.snapshot, known, &report, &applied, &o.error), DBX_OK);
    read_end(r);
    read_report(fileno(file), &o);
    (void)fclose(file);
    CHECK_EQ(report.wrong, o.wrong);
    return o.wrong;
}

TEST(more_long_values_than_are_known_at_a_time) {
    enum { VALUES = 12, FIRST = 20, STEP = 3, KNOWN_MAX = VALUES + 5 };
    static const uint64_t lost[] = {FIRST - 1, FIRST + 10, IDS - 1}; /* nobody's */
    world w;
    prepare(&w);
    for (unsigned i = 0; i < VALUES; i++) { /* ids in another order than names */
        char name[16];
        uint64_t cid = FIRST + STEP * (i * 5 % VALUES);
        (void)snprintf(name, sizeof name, "value%02u", i);
        put_long(&w, name, cid, 70000);
        put_chunk(&w, cid, 0, 1);
    }
    for (size_t known = 2; known <= KNOWN_MAX; known++)
        CHECK_EQ(wrong_with_map(&w, known), 0);
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
        put_chunk(&w, lost[i], 0, 1);
    put_chunk(&w, FIRST, 5, 1); /* behind its end */
    put_chunk(&w, FIRST + STEP * (VALUES - 1), 5, 1);
    put_long(&w, "shared", FIRST, 70000);
    put_long(&w, "value", FIRST + STEP * (VALUES - 1), 70000);
    for (size_t known = 2; known <= KNOWN_MAX; known++)
        CHECK_EQ(wrong_with_map(&w, known), 7);
    scratch_remove(w.dir);
}

/* --- X, and everything else ---------------------------------------------------------------------
 */

TEST(ids_that_wait_for_reclaim) {
    const char *const says_nothing = "says nothing that could be reclaimed";
    const char *const never = "retires an id never given out";
    world w;
    text key;
    CASE(&w, says_nothing, put_retired(&w, 'x', IDS - 1));
    CASE(&w, says_nothing, key = retired_key('c', IDS - 1); key.len--;
         put(&w, slice(&key), nothing));
    CASE(&w, says_nothing, key = retired_key('c', IDS - 1);
         put(&w, slice(&key), dbx_slice_str("value")));
    CASE(&w, says_nothing, PUT_TEXT(&w, "X", ""));
    CASE(&w, never, put_retired(&w, 'c', 0));
    CASE(&w, never, put_retired(&w, 'n', IDS));
    CASE(&w, "retires a database that is in use", put_retired(&w, 'n', w.ns));
    prepare(&w); /* a collection of the same number is something else */
    put_retired(&w, 'c', w.ns);
    expect_good(&w);
    scratch_remove(w.dir);
}

TEST(entries_of_no_table) {
    world w;
    CASE(&w, "belongs to no table that is known", PUT_TEXT(&w, "Y", ""));
    CASE(&w, "belongs to no table that is known", PUT_TEXT(&w, "", "no key at all"));
}

/* In the page of 'name200' all names get another first letter: in order among themselves, but not
 * behind those of the page before. */
static void misplace_a_page(const world *w) {
    enum { LEAF_MIN = 5 };
    uint8_t page[DBX_PAGE_BYTES];
    char path[64];
    unsigned changed = 0;
    (void)snprintf(path, sizeof path, "%s/data.mdbx", w->dir);
    int fd = open(path, O_RDWR);
    for (off_t at = 0; pread(fd, page, sizeof page, at) == sizeof page; at += DBX_PAGE_BYTES) {
        unsigned names = 0;
        if (memmem(page, sizeof page, "name200", 7) == NULL) continue;
        for (uint8_t *name = page;
             (name = memmem(name, (size_t)(page + sizeof page - name), "name", 4)) != NULL; names++)
            *name = 'l';
        if (names < LEAF_MIN) continue;
        CHECK_EQ(pwrite(fd, page, sizeof page, at), sizeof page);
        changed++;
    }
    CHECK(changed > 0);
    (void)close(fd);
}

/* A database of several pages. */
static void prepare_names(world *w) {
    enum { NAMES = 400 };
    *w = (world){.ns = 0};
    scratch_make(w->dir);
    dbx_store *store = open_store(w);
    for (int i = 0; i < NAMES; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "name%03d", i);
        write_key(store, 0, dbx_slice_str(name), dbx_expiry_never());
    }
    apply(store);
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
}

TEST(pages_that_are_not_in_order) {
    world w;
    prepare_names(&w);
    expect_good(&w);
    misplace_a_page(&w);
    EXPECT(&w, "is not in order");
    scratch_remove(w.dir);
}

/* In libmdbx's own records, which name no other number as large as this one. */
static void miscount(const world *w, uint64_t entries) {
    enum { METAS = 3 };
    uint8_t pages[METAS * DBX_PAGE_BYTES];
    char path[64];
    unsigned changed = 0;
    (void)snprintf(path, sizeof path, "%s/data.mdbx", w->dir);
    int fd = open(path, O_RDWR);
    CHECK_EQ(pread(fd, pages, sizeof pages, 0), sizeof pages);
    for (size_t at = 0; at + 8 <= sizeof pages; at += 4) {
        if (dbx_load64(pages + at) != entries) continue;
        dbx_store64(pages + at, entries + 1);
        changed++;
    }
    CHECK(changed >= 1 && changed <= METAS);
    CHECK_EQ(pwrite(fd, pages, sizeof pages, 0), sizeof pages);
    (void)close(fd);
}

TEST(how_many_entries_there_are) {
    world w;
    prepare_names(&w);
    reading r = read_begin(&w);
    uint64_t entries = dbx_snapshot_entries(r.snapshot);
    read_end(r);
    miscount(&w, entries);
    EXPECT(&w, "entries and says");
    scratch_remove(w.dir);
}
