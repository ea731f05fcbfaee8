/* cmd_command_docs.c: a row as COMMAND DOCS shows it: redis-cli's hints come from here. The tree of
 * arguments is made from the row's syntax. */
#include "commands/cmd_command.h"
#include "commands/keyspec.h"
#include "commands/syntax.h"

static void reply_text(const char *name, const char *value, dbx_reply *out) {
    if (value == NULL) return;
    dbx_reply_str(out, name);
    dbx_reply_str(out, value);
}

static void reply_slice(const char *name, dbx_slice value, dbx_reply *out) {
    if (value.ptr == NULL) return;
    dbx_reply_str(out, name);
    out->ops->bulk(out, value);
}

/* --- Arguments ------------------------------------------------------------------------------- */

typedef struct docs {
    dbx_syntax syntax;
    int8_t key_specs; /* how many the command has */
} docs;

/* name_of is a node's name; a token without one is named by its lower case, written to `lower`. */
static dbx_slice name_of(const dbx_syntax_node *node, uint8_t lower[64]) {
    if (node->name.ptr != NULL) return node->name;
    size_t n = node->token.len < 64 ? node->token.len : 64;
    for (size_t i = 0; i < n; i++) {
        lower[i] = dbx_slice_lower(node->token.ptr[i]);
    }
    return dbx_slice_of(lower, n);
}

static void reply_argument_flags(uint8_t flags, dbx_reply *out) {
    if (flags == 0) return;
    dbx_reply_str(out, "flags");
    out->ops->open(out, DBX_SET, DBX_UNKNOWN);
    if (flags & DBX_SYNTAX_OPTIONAL) dbx_reply_line(out, "optional");
    if (flags & DBX_SYNTAX_MULTIPLE) dbx_reply_line(out, "multiple");
    if (flags & DBX_SYNTAX_MULTIPLE_TOKEN) dbx_reply_line(out, "multiple_token");
    out->ops->close(out);
}

static void reply_arguments(const docs *d, int16_t first, size_t count, dbx_reply *out);

/* Recursion is as deep as the syntax is nested: DBX_SYNTAX_DEPTH_MAX. */
static void reply_argument(const docs *d, const dbx_syntax_node *node, dbx_reply *out) {
    uint8_t lower[64];
    dbx_slice name = name_of(node, lower);
    bool group = node->type == DBX_SYNTAX_ONEOF || node->type == DBX_SYNTAX_BLOCK;
    out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
    reply_slice("name", name, out);
    reply_text("type", dbx_syntax_type_name(node->type), out);
    if (!group) reply_slice("display_text", node->display.ptr != NULL ? node->display : name, out);
    if (node->key_spec >= 0 && d->key_specs > 0) {
        int8_t spec = node->key_spec < d->key_specs ? node->key_spec : (int8_t)(d->key_specs - 1);
        dbx_reply_str(out, "key_spec_index");
        out->ops->integer(out, spec);
    }
    reply_slice("token", node->token, out);
    reply_slice("since", node->since, out);
    reply_slice("deprecated_since", node->deprecated_since, out);
    reply_argument_flags(node->flags, out);
    if (group) {
        dbx_reply_str(out, "arguments");
        reply_arguments(d, node->child, node->children, out);
    }
    out->ops->close(out);
}

static void reply_arguments(const docs *d, int16_t first, size_t count, dbx_reply *out) {
    out->ops->open(out, DBX_ARRAY, count);
    for (int16_t i = first; i >= 0; i = d->syntax.nodes[i].next) {
        reply_argument(d, &d->syntax.nodes[i], out);
    }
    out->ops->close(out);
}

/* --- The whole ------------------------------------------------------------------------------- */

static void reply_syntax(const dbx_command *command, dbx_reply *out) {
    docs d = {.key_specs = 0};
    if (command->syntax == NULL || !dbx_syntax_parse(command->syntax, &d.syntax)) return;
    if (d.syntax.arguments == 0) return;
    while (d.key_specs < DBX_KEYSPECS_MAX && command->keys[d.key_specs].flags != 0) {
        d.key_specs++;
    }
    dbx_reply_str(out, "arguments");
    reply_arguments(&d, d.syntax.first, d.syntax.arguments, out);
}

static void reply_history(const char *const *history, dbx_reply *out) {
    if (history == NULL) return;
    dbx_reply_str(out, "history");
    out->ops->open(out, DBX_SET, DBX_UNKNOWN);
    for (; history[0] != NULL; history += 2) {
        out->ops->open(out, DBX_ARRAY, 2);
        dbx_reply_str(out, history[0]);
        dbx_reply_str(out, history[1]);
        out->ops->close(out);
    }
    out->ops->close(out);
}

static void reply_doc_flags(const char *flags, dbx_reply *out) {
    if (flags == NULL) return;
    dbx_reply_str(out, "doc_flags");
    out->ops->open(out, DBX_SET, 1);
    dbx_reply_line(out, flags);
    out->ops->close(out);
}

/* Everything but the subcommands. */
static void reply_row(const dbx_command *command, dbx_reply *out) {
    reply_text("summary", command->summary, out);
    reply_text("since", command->since, out);
    reply_text("group", command->group, out);
    reply_text("complexity", command->complexity, out);
    reply_doc_flags(command->doc_flags, out);
    reply_text("deprecated_since", command->deprecated_since, out);
    reply_text("replaced_by", command->replaced_by, out);
    reply_history(command->history, out);
    reply_syntax(command, out);
}

void dbx_command_reply_docs(const dbx_command *command, dbx_reply *out) {
    const dbx_command *row = command->subcommands;
    out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
    reply_row(command, out);
    if (row != NULL) {
        dbx_reply_str(out, "subcommands");
        out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
        for (; row->name != NULL; row++) {
            dbx_reply_str(out, row->name);
            out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
            reply_row(row, out);
            out->ops->close(out);
        }
        out->ops->close(out);
    }
    out->ops->close(out);
}
