/* test_config.c: settings: what is accepted, what is refused and why, and how values are printed.
 */
#include "engine/config.h"

#include "check.h"

static dbx_config config;

static int put(const char *name, const char *value, bool starting, const char **why) {
    const dbx_setting_row *row = dbx_config_find(dbx_slice_str(name));
    CHECK(row != NULL);
    return dbx_config_put(&config, row, dbx_slice_str(value), starting, why);
}

static void check_printed(const char *name, const char *text) {
    dbx_buf out = {0};
    dbx_config_print(&config, dbx_config_find(dbx_slice_str(name)), &out);
    CHECK_TEXT(dbx_buf_slice(&out), text);
    dbx_buf_free(&out);
}

TEST(every_row_accepts_its_own_value_and_prints_it_again) {
    const char *why;
    CHECK_EQ(dbx_config_init(&config), DBX_OK);
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        dbx_buf before = {0}, after = {0};
        dbx_config_print(&config, row, &before);
        CHECK_EQ(dbx_config_put(&config, row, dbx_buf_slice(&before), true, &why), DBX_OK);
        dbx_config_print(&config, row, &after);
        CHECK(dbx_slice_eq(dbx_buf_slice(&before), dbx_buf_slice(&after)));
        dbx_buf_free(&before);
        dbx_buf_free(&after);
    }
    dbx_config_free(&config);
}

TEST(every_row_that_does_nothing_says_why) {
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if ((row->flags & (DBX_SETTING_FIXED | DBX_SETTING_KEPT)) != 0) CHECK(row->note != NULL);
    }
}

TEST(names_and_aliases_are_found_in_any_case_and_are_unique) {
    CHECK(dbx_config_find(dbx_slice_str("TimeOut")) != NULL);
    CHECK(dbx_config_find(dbx_slice_str("lua-time-limit")) ==
          dbx_config_find(dbx_slice_str("busy-reply-threshold")));
    CHECK(dbx_config_find(dbx_slice_str("time")) == NULL);
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        CHECK(dbx_config_find(dbx_slice_str(row->name)) == row);
        if (row->alias != NULL) CHECK(dbx_config_find(dbx_slice_str(row->alias)) == row);
    }
}

TEST(what_is_refused_changes_nothing_and_says_why) {
    static const struct {
        const char *name, *value, *why;
    } cases[] = {{"timeout", "-1", "argument must be between 0 and 2147483647 inclusive"},
                 {"timeout", "1k", "argument couldn't be parsed into an integer"},
                 {"proto-max-bulk-len", "99999999999gb", "argument must be a memory value"},
                 {"appendfsync", "sometimes",
                  "argument(s) must be one of the following: everysec, always, no"},
                 {"latency-tracking", "1", "argument must be 'yes' or 'no'"},
                 {"databases", "4", "can't set immutable config"},
                 {"dir", "x", "can't set protected config"},
                 {"io-threads", "2", "can't set immutable config"},
                 {"maxmemory", "2", "the data set lives on disk, not in memory"},
                 {"port", "70000", "argument must be between 0 and 65535 inclusive"},
                 {"port", "7000", "can't set immutable config"},
                 {"client-output-buffer-limit", "nobody 1 2 3",
                  "Invalid client class specified in buffer limit configuration."},
                 {"client-output-buffer-limit", "normal 1 2 -3",
                  "Error in hard, soft or soft_seconds setting in buffer limit configuration."}};
    const char *why;
    CHECK_EQ(dbx_config_init(&config), DBX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t generation = config.generation;
        CHECK_EQ(put(cases[i].name, cases[i].value, false, &why), DBX_EINVAL);
        CHECK_TEXT(dbx_slice_str(why), cases[i].why);
        CHECK_EQ(config.generation, generation);
    }
    dbx_config_free(&config);
}

TEST(values_are_kept_as_numbers_and_printed_as_redis_does) {
    const char *why;
    CHECK_EQ(dbx_config_init(&config), DBX_OK);
    CHECK_EQ(put("client-query-buffer-limit", "2mb", false, &why), DBX_OK);
    CHECK_EQ(config.query_buffer_limit, 2 << 20);
    check_printed("client-query-buffer-limit", "2097152");
    CHECK_EQ(put("unixsocketperm", "750", true, &why), DBX_OK);
    CHECK_EQ(config.unixsocketperm, 0750);
    check_printed("unixsocketperm", "750");
    CHECK_EQ(put("client-output-buffer-limit", "pubsub 1mb 1kb 9", false, &why), DBX_OK);
    CHECK_EQ(config.output_limit[DBX_CLASS_PUBSUB].hard_bytes, 1 << 20);
    check_printed("client-output-buffer-limit",
                  "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 1024 9");
    dbx_config_free(&config);
}
