/* test_syntax.c: the notation of rows' syntax: what it means, and what is refused. */

#include "base/buf.h"
#include "check.h"
#include "commands/syntax.h"

static dbx_syntax syntax;
static dbx_buf text;

static void print_slice(const char *before, dbx_slice s) {
    if (s.ptr == NULL) return;
    dbx_buf_str(&text, before);
    dbx_buf_add(&text, s.ptr, s.len);
}

static void print_nodes(int16_t first);

/* Prints a node as type(name token=... flags {children}). */
static void print_node(const dbx_syntax_node *n) {
    dbx_buf_str(&text, dbx_syntax_type_name(n->type));
    print_slice(" ", n->name);
    print_slice(" token=", n->token);
    print_slice(" display=", n->display);
    print_slice(" since=", n->since);
    print_slice(" deprecated=", n->deprecated_since);
    if (n->key_spec >= 0) dbx_buf_printf(&text, " spec=%d", n->key_spec);
    if (n->flags & DBX_SYNTAX_OPTIONAL) dbx_buf_str(&text, " optional");
    if (n->flags & DBX_SYNTAX_MULTIPLE) dbx_buf_str(&text, " multiple");
    if (n->flags & DBX_SYNTAX_MULTIPLE_TOKEN) dbx_buf_str(&text, " multiple_token");
    if (n->child < 0) return;
    dbx_buf_str(&text, " {");
    print_nodes(n->child);
    dbx_buf_str(&text, "}");
}

static void print_nodes(int16_t first) {
    for (int16_t i = first; i >= 0; i = syntax.nodes[i].next) {
        if (i != first) dbx_buf_str(&text, ", ");
        print_node(&syntax.nodes[i]);
    }
}

#define CHECK_TREE(notation, want)                                                                 \
    do {                                                                                           \
        text.len = 0;                                                                              \
        CHECK(dbx_syntax_parse(notation, &syntax));                                                \
        print_nodes(syntax.first);                                                                 \
        CHECK_TEXT(dbx_buf_slice(&text), want);                                                    \
    } while (0)

#define CHECK_REFUSED(notation, why)                                                               \
    do {                                                                                           \
        CHECK(!dbx_syntax_parse(notation, &syntax));                                               \
        CHECK_TEXT(dbx_slice_str(syntax.error), why);                                              \
    } while (0)

TEST(no_arguments_are_an_empty_tree) {
    CHECK_TREE("", "");
    CHECK_EQ(syntax.arguments, 0);
}

TEST(types_follow_from_names) {
    CHECK_TREE("key key1 newkey source destination",
               "key key spec=0, key key1 spec=1, key newkey spec=2, key source spec=3, "
               "key destination spec=4");
    CHECK_TREE("pattern get-pattern", "pattern pattern, pattern get-pattern");
    CHECK_TREE("unix-time-seconds", "unix-time unix-time-seconds");
    CHECK_TREE("count numkeys min-match-len destination-db seconds",
               "integer count, integer numkeys, integer min-match-len, integer destination-db, "
               "integer seconds");
    CHECK_TREE("score timeout", "double score, double timeout");
    CHECK_TREE("value member", "string value, string member");
}

TEST(suffixes_override_what_follows_from_the_name) {
    CHECK_TREE("increment:double key:string", "double increment, string key");
    CHECK_TREE("key2#0", "key key2 spec=0");
    CHECK_TREE("addr=ip:port@2.6.0!7.0.0",
               "string addr display=ip:port since=2.6.0 deprecated=7.0.0");
    CHECK_TREE("ALPHA:sorting@2.0.0", "pure-token sorting token=ALPHA since=2.0.0");
}

TEST(a_word_before_an_argument_is_its_token) {
    CHECK_TREE("EX seconds", "integer seconds token=EX");
    CHECK_TREE("KEEPTTL NX", "pure-token token=KEEPTTL, pure-token token=NX");
    CHECK_TREE("<NX> key", "pure-token token=NX, key key spec=0");
    CHECK_TREE("= ~ * \"\"",
               "pure-token token==, pure-token token=~, pure-token token=*, pure-token token=");
}

TEST(brackets_make_what_is_in_them_optional) {
    CHECK_TREE("[COUNT count]", "integer count token=COUNT optional");
    CHECK_TREE("[c: NX | XX]@2.6.12",
               "oneof c since=2.6.12 optional {pure-token token=NX, pure-token token=XX}");
    CHECK_TREE("[b: COUNT count [ANY]]",
               "block b optional {integer count token=COUNT, pure-token token=ANY optional}");
}

TEST(groups_are_named_and_may_have_a_word_in_front) {
    CHECK_TREE("<unit: M | KM>", "oneof unit {pure-token token=M, pure-token token=KM}");
    CHECK_TREE("[LIMIT <limit: offset count>]",
               "block limit token=LIMIT optional {integer offset, integer count}");
    CHECK_TREE("<where: a | <both: b c>>",
               "oneof where {string a, block both {string b, string c}}");
}

TEST(a_repetition_names_what_stands_before_it) {
    CHECK_TREE("key [key ...]", "key key spec=0 multiple");
    CHECK_TREE("[key [key ...]]", "key key spec=0 optional multiple");
    CHECK_TREE("<data: score member> [data ...]",
               "block data multiple {double score, string member}");
    CHECK_TREE("WEIGHTS weight [weight ...]", "integer weight token=WEIGHTS multiple");
    CHECK_TREE("[GET get-pattern=pattern [GET pattern ...]]",
               "pattern get-pattern token=GET display=pattern optional multiple multiple_token");
}

TEST(what_is_not_in_the_notation_is_refused) {
    CHECK_REFUSED("[a", "missing closing bracket");
    CHECK_REFUSED("[a>", "missing closing bracket");
    CHECK_REFUSED("a]", "unexpected bracket or '|'");
    CHECK_REFUSED("a | b", "unexpected bracket or '|'");
    CHECK_REFUSED("[]", "empty group");
    CHECK_REFUSED("[a b]", "several arguments in brackets need a name");
    CHECK_REFUSED("[a | b]", "a choice needs a name");
    CHECK_REFUSED("[n: a b | c]", "an alternative is one argument or a named group");
    CHECK_REFUSED("[n: a |]", "an alternative is one argument or a named group");
    CHECK_REFUSED("a:nothing", "unknown type");
    CHECK_REFUSED("key#x", "bad '#'");
}

TEST(size_and_nesting_are_limited) {
    char many[4 * DBX_SYNTAX_NODES_MAX + 8] = "";
    char deep[4 * DBX_SYNTAX_DEPTH_MAX + 8] = "";
    for (int i = 0; i <= DBX_SYNTAX_NODES_MAX; i++) {
        strcat(many, "a ");
    }
    for (int i = 0; i <= DBX_SYNTAX_DEPTH_MAX; i++) {
        strcat(deep, "<");
    }
    CHECK_REFUSED(many, "too many arguments");
    CHECK_REFUSED(deep, "nested too deeply");
}

TEST(arity_follows_from_the_syntax) {
    static const struct {
        const char *syntax;
        int arity;
    } cases[] = {
        {"", 1},
        {"key value", 3},
        {"key [key ...]", -2},
        {"[key [key ...]]", -1},
        {"<data: key value> [data ...]", -3},
        {"key [EX seconds]", -2},
        {"key EX seconds", 4},
        {"key <unit: M | KM>", 3},
        {"<a: one | <two: one two>>", -2},
        {"LIMIT <limit: offset count>", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(dbx_syntax_parse(cases[i].syntax, &syntax));
        CHECK_EQ(dbx_syntax_arity(&syntax, 1), cases[i].arity);
    }
}
