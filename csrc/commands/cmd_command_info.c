/* cmd_command_info.c: a row as COMMAND INFO shows it; see cmd_command.h. */
#include "commands/cmd_command.h"
#include "commands/keyspec.h"
#include "commands/table.h"

/* By bit of enum dbx_command_flags; NULL: shown only as an ACL category. */
static const char *const FLAG_NAMES[] = {
    "write",      "readonly",     "denyoom",       "admin",
    "pubsub",     "noscript",     "blocking",      "loading",
    "stale",      "skip_monitor", "skip_slowlog",  "asking",
    "fast",       "no_auth",      "may_replicate", "no_mandatory_keys",
    "protected",  "no_multi",     "movablekeys",   "no_async_loading",
    "allow_busy", NULL,
};

/* By bit of enum dbx_key_flags. */
static const char *const KEY_FLAG_NAMES[] = {
    "RW",     "RO",     "OW",      "RM",         "access",         "update",
    "insert", "delete", "not_key", "incomplete", "variable_flags",
};

/* reply_names writes a set of the names of the bits that are set. */
static void reply_names(uint32_t bits, const char *const *names, size_t count, dbx_reply *out) {
    out->ops->open(out, DBX_SET, DBX_UNKNOWN);
    for (size_t bit = 0; bit < count; bit++) {
        if ((bits >> bit & 1) && names[bit] != NULL) dbx_reply_line(out, names[bit]);
    }
    out->ops->close(out);
}

void dbx_command_reply_key_flags(uint32_t flags, dbx_reply *out) {
    reply_names(flags, KEY_FLAG_NAMES, sizeof KEY_FLAG_NAMES / sizeof KEY_FLAG_NAMES[0], out);
}

static void reply_categories(uint32_t acl, dbx_reply *out) {
    const char *name;
    out->ops->open(out, DBX_SET, DBX_UNKNOWN);
    for (unsigned bit = 0; (name = dbx_table_acl_name(bit)) != NULL; bit++) {
        char text[32] = "@";
        if ((acl >> bit & 1) == 0) continue;
        strncat(text, name, sizeof text - 2);
        dbx_reply_line(out, text);
    }
    out->ops->close(out);
}

static void reply_tips(const char *const *tips, dbx_reply *out) {
    out->ops->open(out, DBX_SET, DBX_UNKNOWN);
    for (; tips != NULL && *tips != NULL; tips++) {
        dbx_reply_str(out, *tips);
    }
    out->ops->close(out);
}

/* --- Key specifications ---------------------------------------------------------------------- */

static void reply_number(const char *name, int value, dbx_reply *out) {
    dbx_reply_str(out, name);
    out->ops->integer(out, value);
}

/* open_search begins {type, spec: {`fields` fields}}, which close_search ends. */
static void open_search(const char *type, size_t fields, dbx_reply *out) {
    out->ops->open(out, DBX_MAP, 2);
    dbx_reply_str(out, "type");
    dbx_reply_str(out, type);
    dbx_reply_str(out, "spec");
    out->ops->open(out, DBX_MAP, fields);
}

static void close_search(dbx_reply *out) {
    out->ops->close(out);
    out->ops->close(out);
}

static void reply_begin_search(const dbx_keyspec *spec, dbx_reply *out) {
    if (spec->keyword != NULL) {
        open_search("keyword", 2, out);
        dbx_reply_str(out, "keyword");
        dbx_reply_str(out, spec->keyword);
        reply_number("startfrom", spec->begin, out);
    } else if (spec->begin != 0) {
        open_search("index", 1, out);
        reply_number("index", spec->begin, out);
    } else {
        open_search("unknown", 0, out);
    }
    close_search(out);
}

static void reply_find_keys(const dbx_keyspec *spec, dbx_reply *out) {
    if (spec->find == DBX_KEYS_RANGE) {
        open_search("range", 3, out);
        reply_number("lastkey", spec->last, out);
        reply_number("keystep", spec->step, out);
        reply_number("limit", spec->limit, out);
    } else if (spec->find == DBX_KEYS_KEYNUM) {
        open_search("keynum", 3, out);
        reply_number("keynumidx", spec->keynum_index, out);
        reply_number("firstkey", spec->keynum_first, out);
        reply_number("keystep", spec->keynum_step, out);
    } else {
        open_search("unknown", 0, out);
    }
    close_search(out);
}

static void reply_keyspecs(const dbx_command *command, dbx_reply *out) {
    out->ops->open(out, DBX_SET, DBX_UNKNOWN);
    for (int i = 0; i < DBX_KEYSPECS_MAX && command->keys[i].flags != 0; i++) {
        const dbx_keyspec *spec = &command->keys[i];
        out->ops->open(out, DBX_MAP, spec->notes != NULL ? 4 : 3);
        if (spec->notes != NULL) {
            dbx_reply_str(out, "notes");
            dbx_reply_str(out, spec->notes);
        }
        dbx_reply_str(out, "flags");
        dbx_command_reply_key_flags(spec->flags, out);
        dbx_reply_str(out, "begin_search");
        reply_begin_search(spec, out);
        dbx_reply_str(out, "find_keys");
        reply_find_keys(spec, out);
        out->ops->close(out);
    }
    out->ops->close(out);
}

/* --- The whole ------------------------------------------------------------------------------- */

/* Everything but the subcommands, which would be recursion. */
static void reply_row(const dbx_command *command, dbx_reply *out) {
    int first, last, step;
    dbx_keyspec_legacy(command, &first, &last, &step);
    dbx_reply_str(out, command->name);
    out->ops->integer(out, command->arity);
    reply_names(command->flags, FLAG_NAMES, sizeof FLAG_NAMES / sizeof FLAG_NAMES[0], out);
    out->ops->integer(out, first);
    out->ops->integer(out, last);
    out->ops->integer(out, step);
    reply_categories(dbx_table_acl(command), out);
    reply_tips(command->tips, out);
    reply_keyspecs(command, out);
}

static void reply_no_subcommands(dbx_reply *out) {
    out->ops->open(out, DBX_SET, 0);
    out->ops->close(out);
}

void dbx_command_reply_info(const dbx_command *command, dbx_reply *out) {
    const dbx_command *row = command->subcommands;
    out->ops->open(out, DBX_ARRAY, 10);
    reply_row(command, out);
    if (row == NULL) {
        reply_no_subcommands(out);
    } else {
        out->ops->open(out, DBX_ARRAY, DBX_UNKNOWN);
        for (; row->name != NULL; row++) {
            out->ops->open(out, DBX_ARRAY, 10);
            reply_row(row, out);
            reply_no_subcommands(out);
            out->ops->close(out);
        }
        out->ops->close(out);
    }
    out->ops->close(out);
}
