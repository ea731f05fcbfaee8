/* cmd_command.c: COMMAND: what commands there are, and where their keys stand. It shows the whole
 * table, the engine's families included. */
#include "commands/cmd_command.h"
#include "base/glob.h"
#include "commands/help.h"
#include "commands/keyspec.h"
#include "commands/table.h"

/* Commands between processes of DBX are nobody else's. */
static bool shown(const dbx_command *command) {
    return command != NULL && (command->flags & DBX_CMD_INTERNAL) == 0;
}

static size_t count_shown(void) {
    size_t count = 0;
    for (size_t i = 0; i < dbx_table_count(); i++)
        count += shown(dbx_table_at(i));
    return count;
}

/* find_full finds a command by its full name: "get", "object|freq". */
static const dbx_command *find_full(dbx_slice name) {
    const uint8_t *bar = name.len == 0 ? NULL : memchr(name.ptr, '|', name.len);
    size_t n = bar == NULL ? name.len : (size_t)(bar - name.ptr);
    const dbx_command *command = dbx_table_find(dbx_slice_of(name.ptr, n));
    if (!shown(command)) return NULL;
    if (bar == NULL) return command;
    return dbx_table_subcommand(command, dbx_slice_of(bar + 1, name.len - n - 1));
}

/* --- COMMAND, INFO, DOCS, COUNT -------------------------------------------------------------- */

static int cmd_command(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    (void)args;
    out->ops->open(out, DBX_ARRAY, count_shown());
    for (size_t i = 0; i < dbx_table_count(); i++) {
        if (shown(dbx_table_at(i))) dbx_command_reply_info(dbx_table_at(i), out);
    }
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_command_info(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (dbx_args_left(args) == 0) return cmd_command(ctx, args, out);
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (dbx_args_left(args) > 0) {
        const dbx_command *command = find_full(dbx_args_next(args));
        if (command == NULL) {
            out->ops->null(out);
        } else {
            dbx_command_reply_info(command, out);
        }
    }
    out->ops->close(out);
    return DBX_OK;
}

static void reply_doc(const dbx_command *command, dbx_reply *out) {
    dbx_reply_str(out, command->name);
    dbx_command_reply_docs(command, out);
}

static int cmd_command_docs(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    bool all = dbx_args_left(args) == 0;
    out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
    for (size_t i = 0; all && i < dbx_table_count(); i++) {
        if (shown(dbx_table_at(i))) reply_doc(dbx_table_at(i), out);
    }
    while (dbx_args_left(args) > 0) {
        const dbx_command *command = find_full(dbx_args_next(args));
        if (command != NULL) reply_doc(command, out);
    }
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_command_count(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    (void)args;
    out->ops->integer(out, (int64_t)count_shown());
    return DBX_OK;
}

/* --- LIST ------------------------------------------------------------------------------------ */

typedef struct filter {
    enum { ANY, MODULE, ACLCAT, PATTERN } by;
    dbx_slice text;
    uint32_t acl;
} filter;

static uint32_t acl_by_name(dbx_slice name) {
    const char *there;
    for (unsigned bit = 0; (there = dbx_table_acl_name(bit)) != NULL; bit++) {
        if (dbx_slice_eq_nocase(name, dbx_slice_str(there))) return 1u << bit;
    }
    return 0;
}

static bool filter_parse(dbx_args *args, filter *f, dbx_reply *out) {
    if (dbx_args_left(args) > 0) {
        if (!dbx_args_word(args, "FILTERBY")) {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        } else if (dbx_args_word(args, "MODULE")) {
            f->by = MODULE;
        } else if (dbx_args_word(args, "ACLCAT")) {
            f->by = ACLCAT;
        } else if (dbx_args_word(args, "PATTERN")) {
            f->by = PATTERN;
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
        f->text = dbx_args_next(args);
        f->acl = acl_by_name(f->text);
    }
    return dbx_args_end(args, out);
}

/* There are no modules: that filter lets nothing through. */
static bool filter_passes(const filter *f, const dbx_command *command) {
    if (f->by == ACLCAT) return (dbx_table_acl(command) & f->acl) != 0;
    if (f->by == PATTERN) return dbx_glob_match(f->text, dbx_slice_str(command->name), true);
    return f->by == ANY;
}

static int cmd_command_list(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    filter f = {.by = ANY};
    if (!filter_parse(args, &f, out)) return DBX_OK;
    out->ops->open(out, DBX_ARRAY, DBX_UNKNOWN);
    for (size_t i = 0; i < dbx_table_count(); i++) {
        const dbx_command *command = dbx_table_at(i), *row = command->subcommands;
        if (!shown(command)) continue;
        if (filter_passes(&f, command)) dbx_reply_str(out, command->name);
        for (; row != NULL && row->name != NULL; row++) {
            if (filter_passes(&f, row)) dbx_reply_str(out, row->name);
        }
    }
    out->ops->close(out);
    return DBX_OK;
}

/* --- GETKEYS --------------------------------------------------------------------------------- */

typedef struct keys_reply {
    dbx_reply *out;
    const dbx_slice *argv;
    bool with_flags;
    size_t found;
} keys_reply;

static void reply_key(void *arg, size_t index, uint32_t flags) {
    keys_reply *keys = arg;
    dbx_reply *out = keys->out;
    keys->found++;
    if (!keys->with_flags) {
        out->ops->bulk(out, keys->argv[index]);
        return;
    }
    out->ops->open(out, DBX_ARRAY, 2);
    out->ops->bulk(out, keys->argv[index]);
    dbx_command_reply_key_flags(flags, out);
    out->ops->close(out);
}

static int get_keys(dbx_args *args, bool with_flags, dbx_reply *out) {
    size_t argc = dbx_args_left(args);
    keys_reply keys = {.out = out, .argv = args->argv + args->at, .with_flags = with_flags};
    const dbx_command *command = dbx_table_resolve(argc, keys.argv);
    if (!shown(command)) {
        dbx_args_fail(args, "ERR Invalid command specified");
    } else if (!dbx_keyspec_any(command)) {
        dbx_args_fail(args, "ERR The command has no key arguments");
    } else if (!dbx_table_arity_fits(command, argc)) {
        dbx_args_fail(args, "ERR Invalid number of arguments specified for command");
    }
    if (!dbx_args_ok(args, out)) return DBX_OK;
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    out->ops->open(out, DBX_ARRAY, DBX_UNKNOWN);
    int rc = dbx_keyspec_walk(command, argc, keys.argv, reply_key, &keys);
    if (rc == DBX_OK && (keys.found > 0 || (command->flags & DBX_CMD_NO_MANDATORY_KEYS))) {
        out->ops->close(out);
        return DBX_OK;
    }
    dbx_reply_rollback(out, mark);
    dbx_reply_error(out, "ERR Invalid arguments specified for command");
    return DBX_OK;
}

static int cmd_command_getkeys(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    return get_keys(args, false, out);
}

static int cmd_command_getkeysandflags(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    return get_keys(args, true, out);
}

static int cmd_command_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    static const char *const lines[] = {"(no subcommand)",
                                        "    Return the facts about all commands.",
                                        "COUNT",
                                        "    Return the number of commands.",
                                        "LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <text>]",
                                        "    Return the names of commands.",
                                        "INFO [<command-name> ...]",
                                        "    Return the facts about some or all commands.",
                                        "DOCS [<command-name> ...]",
                                        "    Return the documentation of some or all commands.",
                                        "GETKEYS <full-command>",
                                        "    Return the keys in a command.",
                                        "GETKEYSANDFLAGS <full-command>",
                                        "    Return the keys in a command and how it uses them.",
                                        NULL};
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static const dbx_command command_subcommands[] = {
    {.name = "command|count",
     .group = "server",
     .syntax = "",
     .summary = "Returns the number of commands.",
     .since = "2.8.13",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_count,
     .acl = DBX_ACL_CONNECTION},
    {.name = "command|docs",
     .group = "server",
     .syntax = "[command-name [command-name ...]]",
     .summary = "Returns the documentation of some or all commands.",
     .since = "7.0.0",
     .complexity = "O(N) for N commands",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_docs,
     .acl = DBX_ACL_CONNECTION},
    {.name = "command|getkeys",
     .group = "server",
     .syntax = "command [arg [arg ...]]",
     .summary = "Finds the keys among the arguments of a command.",
     .since = "2.8.13",
     .complexity = "O(N) for N arguments",
     .arity = -3,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_getkeys,
     .acl = DBX_ACL_CONNECTION},
    {.name = "command|getkeysandflags",
     .group = "server",
     .syntax = "command [arg [arg ...]]",
     .summary = "Finds the keys among the arguments of a command, and what is done with them.",
     .since = "7.0.0",
     .complexity = "O(N) for N arguments",
     .arity = -3,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_getkeysandflags,
     .acl = DBX_ACL_CONNECTION},
    {.name = "command|help",
     .group = "server",
     .syntax = "",
     .summary = "Describes the subcommands.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_help,
     .acl = DBX_ACL_CONNECTION},
    {.name = "command|info",
     .group = "server",
     .syntax = "[command-name [command-name ...]]",
     .summary = "Returns the facts about some or all commands.",
     .since = "2.8.13",
     .complexity = "O(N) for N commands",
     .history = DBX_LIST("7.0.0", "No argument: all commands."),
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_info,
     .acl = DBX_ACL_CONNECTION},
    {.name = "command|list",
     .group = "server",
     .syntax = "[FILTERBY <filterby: MODULE module-name | ACLCAT category | PATTERN pattern>]",
     .summary = "Returns the names of commands.",
     .since = "7.0.0",
     .complexity = "O(N) for N commands",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command_list,
     .acl = DBX_ACL_CONNECTION},
    {.name = NULL},
};

const dbx_command dbx_cmd_command[] = {
    {.name = "command",
     .group = "server",
     .syntax = "",
     .summary = "Returns the facts about all commands.",
     .since = "2.8.13",
     .complexity = "O(N) for N commands",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -1,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_command,
     .subcommands = command_subcommands,
     .acl = DBX_ACL_CONNECTION},
    {.name = NULL},
};
