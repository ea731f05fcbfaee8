/* syntax.c: the recursive-descent parser for the notation described in syntax.h. It allocates
 * nothing: nodes lie in a fixed array and point into the text. */
#include "commands/syntax.h"

#include <string.h>

typedef struct parser {
    const char *at;
    dbx_syntax *out;
    int depth;
    int keys; /* key arguments so far */
} parser;

/* A list of siblings under construction. */
typedef struct siblings {
    int16_t first, last;
    uint8_t count;
} siblings;

static bool fail(parser *p, const char *why) {
    if (p->out->error == NULL) p->out->error = why;
    return false;
}

static bool parse_arguments(parser *p, siblings *list);

/* --- Types by name --------------------------------------------------------------------------- */

static bool begins(dbx_slice s, const char *with) {
    size_t n = strlen(with);
    return s.len >= n && memcmp(s.ptr, with, n) == 0;
}

static bool ends(dbx_slice s, const char *with) {
    size_t n = strlen(with);
    return s.len >= n && memcmp(s.ptr + s.len - n, with, n) == 0;
}

static bool is_one_of(dbx_slice s, const char *const *words) {
    for (; *words != NULL; words++) {
        if (dbx_slice_eq(s, dbx_slice_str(*words))) return true;
    }
    return false;
}

static bool names_key(dbx_slice s) {
    static const char *const keys[] = {"source", "destination", NULL};
    dbx_slice stem = s;
    if (s.len > 1 && s.ptr[s.len - 1] >= '0' && s.ptr[s.len - 1] <= '9') stem.len--;
    return ends(stem, "key") || is_one_of(s, keys);
}

static dbx_syntax_type type_of_name(dbx_slice name) {
    static const char *const reals[] = {"radius",   "width", "height",  "longitude",
                                        "latitude", "score", "timeout", NULL};
    static const char *const integers[] = {
        "start",        "stop",      "end",       "offset", "cursor", "seconds",
        "milliseconds", "increment", "decrement", "rank",   "weight", "db",
        "index",        "port",      "slot",      "limit",  NULL};
    if (names_key(name)) return DBX_SYNTAX_KEY;
    if (ends(name, "pattern")) return DBX_SYNTAX_PATTERN;
    if (begins(name, "unix-time")) return DBX_SYNTAX_UNIX_TIME;
    if (is_one_of(name, reals)) return DBX_SYNTAX_DOUBLE;
    if (is_one_of(name, integers) || ends(name, "count") || ends(name, "-db") ||
        ends(name, "-len") || begins(name, "num")) {
        return DBX_SYNTAX_INTEGER;
    }
    return DBX_SYNTAX_STRING;
}

static const char *const TYPE_NAMES[] = {
    [DBX_SYNTAX_STRING] = "string",    [DBX_SYNTAX_INTEGER] = "integer",
    [DBX_SYNTAX_DOUBLE] = "double",    [DBX_SYNTAX_KEY] = "key",
    [DBX_SYNTAX_PATTERN] = "pattern",  [DBX_SYNTAX_UNIX_TIME] = "unix-time",
    [DBX_SYNTAX_TOKEN] = "pure-token", [DBX_SYNTAX_ONEOF] = "oneof",
    [DBX_SYNTAX_BLOCK] = "block",
};

const char *dbx_syntax_type_name(dbx_syntax_type type) {
    return TYPE_NAMES[type];
}

static bool type_by_word(dbx_slice word, uint8_t *type) {
    for (int t = DBX_SYNTAX_STRING; t <= DBX_SYNTAX_UNIX_TIME; t++) {
        if (dbx_slice_eq(word, dbx_slice_str(TYPE_NAMES[t]))) {
            *type = (uint8_t)t;
            return true;
        }
    }
    return false;
}

/* --- Words ----------------------------------------------------------------------------------- */

static void skip_blanks(parser *p) {
    while (*p->at == ' ')
        p->at++;
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool ends_word(char c) {
    return c == '\0' || strchr(" []<>|", c) != NULL;
}

/* take_until reads up to the end of the word or one of `stops`, whatever its first character. */
static dbx_slice take_until(parser *p, const char *stops) {
    const char *from = p->at;
    while (!ends_word(*p->at) && (p->at == from || strchr(stops, *p->at) == NULL))
        p->at++;
    return dbx_slice_of(from, (size_t)(p->at - from));
}

static bool take_char(parser *p, char c) {
    if (*p->at != c) return false;
    p->at++;
    return true;
}

static int16_t new_node(parser *p, dbx_syntax_type type) {
    dbx_syntax *s = p->out;
    if (s->count == DBX_SYNTAX_NODES_MAX) {
        (void)fail(p, "too many arguments");
        return -1;
    }
    s->nodes[s->count] =
        (dbx_syntax_node){.type = (uint8_t)type, .key_spec = -1, .child = -1, .next = -1};
    return s->count++;
}

static void append(parser *p, siblings *list, int16_t node) {
    if (list->count == 0) {
        list->first = node;
    } else {
        p->out->nodes[list->last].next = node;
    }
    list->last = node;
    list->count++;
}

static void parse_versions(parser *p, dbx_syntax_node *node) {
    if (take_char(p, '@')) node->since = take_until(p, "!");
    if (take_char(p, '!')) node->deprecated_since = take_until(p, "");
}

/* take_token reads a word that is typed as it is, with its suffixes, into a node not yet in the
 * tree. */
static dbx_syntax_node take_token(parser *p) {
    dbx_syntax_node n = {.type = DBX_SYNTAX_TOKEN, .key_spec = -1, .child = -1, .next = -1};
    if (p->at[0] == '"' && p->at[1] == '"') {
        n.token = dbx_slice_of(p->at, 0);
        p->at += 2;
    } else {
        n.token = take_until(p, ":@!");
    }
    if (take_char(p, ':')) n.name = take_until(p, "@!");
    parse_versions(p, &n);
    return n;
}

static bool parse_placeholder(parser *p, int16_t *node) {
    *node = new_node(p, DBX_SYNTAX_STRING);
    if (*node < 0) return false;
    dbx_syntax_node *n = &p->out->nodes[*node];
    n->name = take_until(p, ":#=@!");
    n->type = (uint8_t)type_of_name(n->name);
    if (take_char(p, ':') && !type_by_word(take_until(p, "#=@!"), &n->type)) {
        return fail(p, "unknown type");
    }
    if (n->type == DBX_SYNTAX_KEY) n->key_spec = (int8_t)p->keys++;
    if (take_char(p, '#')) {
        dbx_slice digit = take_until(p, "=@!");
        if (digit.len != 1 || *digit.ptr < '0' || *digit.ptr > '9') return fail(p, "bad '#'");
        n->key_spec = (int8_t)(*digit.ptr - '0');
    }
    if (take_char(p, '=')) n->display = take_until(p, "@!");
    parse_versions(p, n);
    return true;
}

/* --- Groups ---------------------------------------------------------------------------------- */

/* parse_label reads "name: " at the start of a group, when there is one. */
static dbx_slice parse_label(parser *p) {
    const char *start = p->at;
    dbx_slice label = take_until(p, ":");
    if (is_lower(*start) && p->at[0] == ':' && p->at[1] == ' ') {
        p->at++;
        return label;
    }
    p->at = start;
    return (dbx_slice){NULL, 0};
}

static bool wrap(parser *p, dbx_syntax_type type, dbx_slice label, const siblings *list,
                 int16_t *node) {
    *node = new_node(p, type);
    if (*node < 0) return false;
    dbx_syntax_node *n = &p->out->nodes[*node];
    n->name = label;
    n->child = list->first;
    n->children = list->count;
    return true;
}

/* parse_choices reads `b | c`, what follows the first alternative. */
static bool parse_choices(parser *p, siblings *choices) {
    do {
        siblings list = {-1, -1, 0};
        if (!parse_arguments(p, &list)) return false;
        if (list.count != 1) return fail(p, "an alternative is one argument or a named group");
        append(p, choices, list.first);
    } while (take_char(p, '|'));
    return true;
}

/* parse_body reads what stands between brackets: one argument, a named block or a named choice. */
static bool parse_body(parser *p, int16_t *node) {
    siblings list = {-1, -1, 0};
    skip_blanks(p);
    dbx_slice label = parse_label(p);
    if (!parse_arguments(p, &list)) return false;
    if (list.count == 0) return fail(p, "empty group");
    if (take_char(p, '|')) {
        if (label.ptr == NULL) return fail(p, "a choice needs a name");
        if (list.count > 1) return fail(p, "an alternative is one argument or a named group");
        return parse_choices(p, &list) && wrap(p, DBX_SYNTAX_ONEOF, label, &list, node);
    }
    *node = list.first;
    if (label.ptr != NULL) return wrap(p, DBX_SYNTAX_BLOCK, label, &list, node);
    return list.count == 1 || fail(p, "several arguments in brackets need a name");
}

static bool parse_group(parser *p, char close, int16_t *node) {
    if (p->depth == DBX_SYNTAX_DEPTH_MAX) return fail(p, "nested too deeply");
    p->at++;
    p->depth++;
    if (!parse_body(p, node)) return false;
    p->depth--;
    if (!take_char(p, close)) return fail(p, "missing closing bracket");
    parse_versions(p, &p->out->nodes[*node]);
    if (close == ']') p->out->nodes[*node].flags |= DBX_SYNTAX_OPTIONAL;
    return true;
}

/* --- Repetition: `[name ...]` and `[TOKEN name ...]` ----------------------------------------- */

/* repeats says whether p stands at a repetition of `node`, and if so skips it and marks the node.
 */
static bool repeats(parser *p, dbx_syntax_node *node) {
    parser ahead = *p;
    bool with_token = false;
    if (!take_char(&ahead, '[')) return false;
    dbx_slice word = take_until(&ahead, "");
    if (node->token.ptr != NULL && dbx_slice_eq(word, node->token)) {
        with_token = true;
        skip_blanks(&ahead);
        word = take_until(&ahead, "");
    }
    dbx_slice shown = node->display.ptr != NULL ? node->display : node->name;
    if (!dbx_slice_eq(word, node->name) && !dbx_slice_eq(word, shown)) return false;
    if (strncmp(ahead.at, " ...]", 5) != 0) return false;
    p->at = ahead.at + 5;
    node->flags |= DBX_SYNTAX_MULTIPLE;
    if (with_token) node->flags |= DBX_SYNTAX_MULTIPLE_TOKEN;
    return true;
}

/* --- Arguments ------------------------------------------------------------------------------- */

/* parse_worded reads a word and, when an argument or a <group> follows directly, that as well. */
static bool parse_worded(parser *p, int16_t *node) {
    dbx_syntax_node token = take_token(p);
    skip_blanks(p);
    if (is_lower(*p->at) || *p->at == '<') {
        if (!(*p->at == '<' ? parse_group(p, '>', node) : parse_placeholder(p, node))) return false;
        p->out->nodes[*node].token = token.token;
        return true;
    }
    *node = new_node(p, DBX_SYNTAX_TOKEN);
    if (*node >= 0) p->out->nodes[*node] = token;
    return *node >= 0;
}

static bool parse_argument(parser *p, int16_t *node) {
    if (*p->at == '[') return parse_group(p, ']', node);
    if (*p->at == '<') return parse_group(p, '>', node);
    if (is_lower(*p->at)) return parse_placeholder(p, node);
    return parse_worded(p, node);
}

static bool parse_arguments(parser *p, siblings *list) {
    for (;;) {
        int16_t node;
        skip_blanks(p);
        if (*p->at == '\0' || strchr("]>|", *p->at) != NULL) return true;
        if (!parse_argument(p, &node)) return false;
        skip_blanks(p);
        (void)repeats(p, &p->out->nodes[node]);
        append(p, list, node);
    }
}

bool dbx_syntax_parse(const char *text, dbx_syntax *out) {
    parser p = {.at = text, .out = out};
    siblings list = {-1, -1, 0};
    out->count = 0;
    out->error = NULL;
    if (!parse_arguments(&p, &list)) return false;
    if (*p.at != '\0') return fail(&p, "unexpected bracket or '|'");
    out->first = list.first;
    out->arguments = list.count;
    return true;
}

/* --- Arity ----------------------------------------------------------------------------------- */

/* words_of is how many words a node needs at least; *varies is set when it may be more. Recursion
 * is as deep as the syntax is nested: DBX_SYNTAX_DEPTH_MAX. */
static int words_of(const dbx_syntax *s, const dbx_syntax_node *node, bool *varies) {
    int words = 0, least = -1;
    for (int16_t i = node->child; i >= 0; i = s->nodes[i].next) {
        int n = words_of(s, &s->nodes[i], varies);
        if (node->type == DBX_SYNTAX_ONEOF && least >= 0 && n != least) *varies = true;
        if (least < 0 || n < least) least = n;
        words += n;
    }
    if (node->type == DBX_SYNTAX_ONEOF) words = least;
    if (node->child < 0) words = 1;
    if (node->token.ptr != NULL && node->type != DBX_SYNTAX_TOKEN) words++;
    if (node->flags != 0) *varies = true;
    return node->flags & DBX_SYNTAX_OPTIONAL ? 0 : words;
}

int dbx_syntax_arity(const dbx_syntax *syntax, int name_words) {
    bool varies = false;
    for (int16_t i = syntax->first; i >= 0; i = syntax->nodes[i].next) {
        name_words += words_of(syntax, &syntax->nodes[i], &varies);
    }
    return varies ? -name_words : name_words;
}
