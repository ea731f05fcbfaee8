/* test_record.c: a record's metadata comes back as it was, and takes no more room when it is
 * written again. */
#include "check.h"
#include "store/record.h"

static const int64_t CREATED_MS = 1764000000000, YEAR_MS = 365ll * 24 * 3600 * 1000;

static size_t write_and_read(int64_t age_ms) {
    uint8_t bytes[DBX_RECORD_FIXED_MAX];
    dbx_slice name, payload;
    dbx_meta meta = {.type = 1,
                     .encoding = 2,
                     .created_ms = CREATED_MS,
                     .updated_ms = CREATED_MS + age_ms,
                     .expiry = dbx_expiry_never()};
    dbx_meta read;
    size_t len = dbx_record_fixed(bytes, &meta, false);
    CHECK(dbx_record_read(dbx_slice_of(bytes, len), &read, &name, &payload));
    CHECK_EQ(read.type, 1);
    CHECK_EQ(read.encoding, 2);
    CHECK_EQ(read.created_ms, CREATED_MS);
    CHECK_EQ(read.updated_ms, CREATED_MS + age_ms);
    CHECK_EQ(payload.len, 0);
    return len;
}

TEST(a_record_that_is_written_again_within_a_year_is_as_long_as_it_was) {
    size_t first = write_and_read(0);
    for (int64_t age_ms = 1; age_ms < YEAR_MS; age_ms *= 2)
        CHECK_EQ(write_and_read(age_ms), first);
    CHECK_EQ(write_and_read(YEAR_MS), first);
    CHECK(write_and_read(40 * YEAR_MS) <= first + 2);
}

/* What builds before this rule wrote. */
TEST(a_record_with_a_shorter_age_is_read) {
    uint8_t bytes[] = {0x12, 0, 0xE8, 0x07, 5, 'v'}; /* created at 1000, five ms old */
    dbx_slice name, payload;
    dbx_meta meta;
    CHECK(dbx_record_read(dbx_slice_of(bytes, sizeof bytes), &meta, &name, &payload));
    CHECK_EQ(meta.created_ms, 1000);
    CHECK_EQ(meta.updated_ms, 1005);
    CHECK_TEXT(payload, "v");
}
