/* test_table.c: the command table of commands/: finding rows, what follows from them, and where
 * keys stand. */
#include "check.h"
#include "commands/keyspec.h"
#include "commands/syntax.h"
#include "commands/table.h"

static void fill(void) {
    for (size_t i = 0; dbx_table_families[i] != NULL; i++) {
        CHECK_EQ(dbx_table_add(dbx_table_families[i]), DBX_OK);
    }
}

static const dbx_command *find(const char *name) {
    return dbx_table_find(dbx_slice_str(name));
}

TEST(adding_a_family_again_does_nothing) {
    fill();
    size_t count = dbx_table_count();
    fill();
    CHECK_EQ(dbx_table_count(), count);
}

TEST(a_name_that_is_taken_is_refused) {
    static const dbx_command family[] = {{.name = "get"}, {.name = NULL}};
    fill();
    CHECK_EQ(dbx_table_add(family), DBX_EINVAL);
}

TEST(commands_are_found_in_any_case) {
    fill();
    CHECK(find("get") != NULL);
    CHECK(find("GET") == find("get") && find("gEt") == find("get"));
    CHECK(find("ge") == NULL && find("gett") == NULL && find("") == NULL);
}

TEST(subcommands_are_found_behind_their_container) {
    dbx_slice argv[] = {dbx_slice_str("OBJECT"), dbx_slice_str("Freq")};
    fill();
    const dbx_command *object = find("object");
    CHECK_TEXT(dbx_slice_str(dbx_table_subcommand(object, argv[1])->name), "object|freq");
    CHECK(dbx_table_subcommand(object, dbx_slice_str("fre")) == NULL);
    CHECK(dbx_table_subcommand(find("get"), argv[1]) == NULL);
    CHECK(dbx_table_resolve(2, argv) == dbx_table_subcommand(object, argv[1]));
    CHECK(dbx_table_resolve(1, argv) == object);
    CHECK(dbx_table_resolve(0, argv) == NULL);
    argv[1] = dbx_slice_str("nothing");
    CHECK(dbx_table_resolve(2, argv) == NULL);
}

TEST(rows_are_walked_in_name_order) {
    fill();
    for (size_t i = 1; i < dbx_table_count(); i++) {
        CHECK(strcmp(dbx_table_at(i - 1)->name, dbx_table_at(i)->name) < 0);
    }
    CHECK(dbx_table_at(dbx_table_count()) == NULL);
}

TEST(categories_follow_from_group_and_flags) {
    fill();
    CHECK_EQ(dbx_table_acl(find("get")), DBX_ACL_READ | DBX_ACL_STRING | DBX_ACL_FAST);
    CHECK_EQ(dbx_table_acl(find("del")), DBX_ACL_WRITE | DBX_ACL_KEYSPACE | DBX_ACL_SLOW);
    CHECK_EQ(dbx_table_acl(find("object")), DBX_ACL_SLOW);
    CHECK_EQ(dbx_table_acl(find("flushall")),
             DBX_ACL_WRITE | DBX_ACL_KEYSPACE | DBX_ACL_SLOW | DBX_ACL_DANGEROUS);
}

/* --- Keys ------------------------------------------------------------------------------------ */

typedef struct found {
    char text[256]; /* "index:flags " of each */
} found;

static void note(void *arg, size_t index, uint32_t flags) {
    found *f = arg;
    size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof f->text - n, "%zu:%x ", index, flags);
}

static const char *keys_of(const dbx_command *command, const char *words) {
    static found f;
    dbx_slice argv[16];
    size_t argc = 0;
    f.text[0] = '\0';
    while (*words != '\0' && argc < 16) {
        size_t n = strcspn(words, " ");
        argv[argc++] = dbx_slice_of(words, n);
        words += n + (words[n] == ' ');
    }
    return dbx_keyspec_walk(command, argc, argv, note, &f) == DBX_OK ? f.text : "refused";
}

#define CHECK_KEYS(command, words, want)                                                           \
    CHECK_TEXT(dbx_slice_str(keys_of((command), (words))), (want))

TEST(keys_stand_where_ranges_say) {
    fill();
    CHECK_KEYS(find("get"), "get k", "1:12 ");
    CHECK_KEYS(find("mset"), "mset a 1 b 2", "1:24 3:24 ");
    CHECK_KEYS(find("lcs"), "lcs a b LEN", "1:12 2:12 ");
    CHECK_KEYS(find("copy"), "copy a b", "1:12 2:24 ");
    CHECK_KEYS(find("dbsize"), "dbsize", "");
    CHECK(!dbx_keyspec_any(find("dbsize")) && dbx_keyspec_any(find("get")));
}

TEST(flags_may_depend_on_the_call) {
    fill();
    CHECK_KEYS(find("set"), "set k v", "1:24 ");
    CHECK_KEYS(find("set"), "set k v XX get", "1:31 ");
}

TEST(keys_counted_by_an_argument_must_be_there) {
    static const dbx_command zunion = {
        .name = "zunion",
        .keys = {{.flags = DBX_KEY_RO,
                  .begin = 1,
                  .find = DBX_KEYS_KEYNUM,
                  .keynum_first = 1,
                  .keynum_step = 1}},
    };
    CHECK_KEYS(&zunion, "zunion 2 a b", "2:2 3:2 ");
    CHECK_KEYS(&zunion, "zunion 0 a b", "");
    CHECK_KEYS(&zunion, "zunion 3 a b", "refused");
    CHECK_KEYS(&zunion, "zunion 18446744073709551615 a b", "refused");
    CHECK_KEYS(&zunion, "zunion x a b", "refused");
}

TEST(keys_may_begin_after_a_word) {
    static const dbx_command xread = {
        .name = "xread",
        .keys = {{.flags = DBX_KEY_RO,
                  .keyword = "STREAMS",
                  .begin = 1,
                  .last = -1,
                  .step = 1,
                  .limit = 2}},
    };
    CHECK_KEYS(&xread, "xread COUNT 1 streams a b 0 0", "4:2 5:2 ");
    CHECK_KEYS(&xread, "xread COUNT 1 a b", "");
    CHECK_KEYS(&xread, "xread COUNT 1 STREAMS", "refused");
}

TEST(old_fields_of_key_positions_are_derived) {
    int first, last, step;
    fill();
    dbx_keyspec_legacy(find("mset"), &first, &last, &step);
    CHECK(first == 1 && last == -1 && step == 2);
    dbx_keyspec_legacy(find("copy"), &first, &last, &step);
    CHECK(first == 1 && last == 2 && step == 1);
    dbx_keyspec_legacy(find("dbsize"), &first, &last, &step);
    CHECK(first == 0 && last == 0 && step == 0);
}

/* --- Rows ------------------------------------------------------------------------------------ */

static void check_row(const dbx_command *row, int name_words) {
    dbx_syntax syntax;
    CHECK(row->summary != NULL && row->since != NULL && row->complexity != NULL);
    CHECK(row->effect >= DBX_EFFECT_NONE && row->effect <= DBX_EFFECT_OWN);
    bool writes = (row->flags & DBX_CMD_WRITE) != 0;
    /* One that reads may keep what it found; its effect is then another command. */
    bool keeps = (row->flags & DBX_CMD_READONLY) != 0 && row->effect == DBX_EFFECT_OWN;
    CHECK((row->effect != DBX_EFFECT_NONE) == (writes || keeps));
    if (row->subcommands != NULL) return;
    CHECK(row->run != NULL);
    CHECK(dbx_syntax_parse(row->syntax, &syntax));
    if (dbx_syntax_arity(&syntax, name_words) != row->arity) {
        check_failed(__FILE__, __LINE__, "arity of %s", row->name);
    }
}

TEST(every_row_is_complete_and_its_arity_follows_from_its_syntax) {
    fill();
    for (size_t i = 0; i < dbx_table_count(); i++) {
        const dbx_command *row = dbx_table_at(i), *sub = row->subcommands;
        check_row(row, 1);
        for (; sub != NULL && sub->name != NULL; sub++) {
            check_row(sub, 2);
        }
    }
}
