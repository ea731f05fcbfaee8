/* table.c: the command table: one index by name and one list in name order over all families' rows.
 *
 * Rows are constant and outlive everything; the index is built while the first engine opens and
 * only read afterwards, so lookups take no lock.
 */
#include "commands/table.h"

#include "base/alloc.h"
#include "base/map.h"

static dbx_map by_name = {.nocase = true};
static const dbx_command **in_order; /* by_name.count of them */
static size_t in_order_cap;

const dbx_command *const dbx_table_families[] = {
    dbx_cmd_string,       dbx_cmd_string_edit,
    dbx_cmd_lcs,          dbx_cmd_bitmap,
    dbx_cmd_bitfield,     dbx_cmd_hll,
    dbx_cmd_key,          dbx_cmd_expire,
    dbx_cmd_scan,         dbx_cmd_db,
    dbx_cmd_hash,         dbx_cmd_hash_all,
    dbx_cmd_hash_expire,  dbx_cmd_set,
    dbx_cmd_set_random,   dbx_cmd_set_algebra,
    dbx_cmd_list,         dbx_cmd_list_range,
    dbx_cmd_list_edit,    dbx_cmd_zset,
    dbx_cmd_zset_range,   dbx_cmd_zset_pop,
    dbx_cmd_zset_ops,     dbx_cmd_geo,
    dbx_cmd_stream,       dbx_cmd_stream_read,
    dbx_cmd_stream_group, dbx_cmd_stream_claim,
    dbx_cmd_stream_info,  dbx_cmd_sort,
    dbx_cmd_dump,         dbx_cmd_command,
    dbx_cmd_keyinfo,      NULL,
};

static int add_row(const dbx_command *row) {
    size_t count = by_name.count, at = count;
    void *room = dbx_alloc_room(in_order, &in_order_cap, count + 1, sizeof *in_order);
    if (room == NULL) return DBX_ENOMEM;
    in_order = room;
    /* The map only hands out what it is given; rows stay constant. */
    int rc = dbx_map_put(&by_name, dbx_slice_str(row->name), (void *)(uintptr_t)row, NULL);
    if (rc != DBX_OK) return rc;
    while (at > 0 && strcmp(in_order[at - 1]->name, row->name) > 0) {
        in_order[at] = in_order[at - 1];
        at--;
    }
    in_order[at] = row;
    return DBX_OK;
}

int dbx_table_add(const dbx_command *family) {
    for (const dbx_command *row = family; row->name != NULL; row++) {
        const dbx_command *there = dbx_table_find(dbx_slice_str(row->name));
        if (there == row) continue;
        if (there != NULL) return DBX_EINVAL;
        int rc = add_row(row);
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

const dbx_command *dbx_table_find(dbx_slice name) {
    return dbx_map_get(&by_name, name);
}

const dbx_command *dbx_table_subcommand(const dbx_command *command, dbx_slice name) {
    const dbx_command *row = command->subcommands;
    size_t skip = strlen(command->name) + 1; /* "container|" */
    for (; row != NULL && row->name != NULL; row++) {
        if (dbx_slice_eq_nocase(dbx_slice_str(row->name + skip), name)) return row;
    }
    return NULL;
}

const dbx_command *dbx_table_resolve(size_t argc, const dbx_slice *argv) {
    const dbx_command *command = argc == 0 ? NULL : dbx_table_find(argv[0]);
    if (command == NULL || command->subcommands == NULL || argc == 1) return command;
    return dbx_table_subcommand(command, argv[1]);
}

const dbx_command *dbx_table_at(size_t index) {
    return index < by_name.count ? in_order[index] : NULL;
}

size_t dbx_table_count(void) {
    return by_name.count;
}

/* --- ACL categories -------------------------------------------------------------------------- */

static const char *const ACL_NAMES[] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
};

const char *dbx_table_acl_name(unsigned bit) {
    return bit < sizeof ACL_NAMES / sizeof ACL_NAMES[0] ? ACL_NAMES[bit] : NULL;
}

static uint32_t acl_of_group(const char *group) {
    static const struct {
        const char *group;
        uint32_t acl;
    } groups[] = {
        {"string", DBX_ACL_STRING},
        {"generic", DBX_ACL_KEYSPACE},
        {"list", DBX_ACL_LIST},
        {"set", DBX_ACL_SET},
        {"sorted-set", DBX_ACL_SORTEDSET},
        {"hash", DBX_ACL_HASH},
        {"bitmap", DBX_ACL_BITMAP},
        {"hyperloglog", DBX_ACL_HYPERLOGLOG},
        {"geo", DBX_ACL_GEO},
        {"stream", DBX_ACL_STREAM},
        {"pubsub", DBX_ACL_PUBSUB},
        {"connection", DBX_ACL_CONNECTION},
        {"transactions", DBX_ACL_TRANSACTION},
        {"scripting", DBX_ACL_SCRIPTING},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (strcmp(groups[i].group, group) == 0) return groups[i].acl;
    }
    return 0;
}

uint32_t dbx_table_acl(const dbx_command *command) {
    uint32_t flags = command->flags;
    uint32_t acl = command->acl & ~(uint32_t)DBX_ACL_NOT_GROUP;
    /* A mere container of subcommands belongs to no group, as in Redis. */
    if (command->run != NULL && (command->acl & DBX_ACL_NOT_GROUP) == 0) {
        acl |= acl_of_group(command->group);
    }
    if (flags & DBX_CMD_WRITE) acl |= DBX_ACL_WRITE;
    if ((flags & DBX_CMD_READONLY) && strcmp(command->group, "scripting") != 0) acl |= DBX_ACL_READ;
    if (flags & DBX_CMD_ADMIN) acl |= DBX_ACL_ADMIN | DBX_ACL_DANGEROUS;
    if (flags & DBX_CMD_DANGEROUS) acl |= DBX_ACL_DANGEROUS;
    if (flags & DBX_CMD_PUBSUB) acl |= DBX_ACL_PUBSUB;
    if (flags & DBX_CMD_BLOCKING) acl |= DBX_ACL_BLOCKING;
    return acl | (flags & DBX_CMD_FAST ? DBX_ACL_FAST : DBX_ACL_SLOW);
}
