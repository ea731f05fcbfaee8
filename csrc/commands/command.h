/* command.h: a command's row in the one table, and what a handler gets.
 *
 * RESP dispatch, COMMAND, COMMAND DOCS, ACL categories, later OpenAPI and SDK stubs, and the tests
 * "documented?" and "tested?" all read the rows; nothing about a command is written down twice.
 * Rows stand at the bottom of the file with their handlers; table.h joins the families.
 */
#ifndef DBX_COMMANDS_COMMAND_H
#define DBX_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "codec/reply.h"
#include "commands/args.h"
#include "store/txn.h"
#include "types/collection.h"

typedef struct dbx_command dbx_command;

/* What a command is executed with. No connection: handlers work on every transport. */
typedef struct dbx_ctx {
    dbx_txn *txn;
    struct dbx_session *session; /* opaque to commands/; engine/ knows it */
    struct dbx_engine *engine;   /* opaque to commands/ */
    const dbx_command *command;
    uint32_t db;                    /* the session's selected database */
    dbx_times times;                /* of the turn */
    uint64_t string_bytes_max;      /* proto-max-bulk-len: how long a command may make a string */
    const dbx_encodings *encodings; /* settings of the collection types */
    bool may_write;                 /* for a command that reads and keeps what it found: nothing is
                                       in the way of a write */
    bool can_wait; /* the reply may be long in coming: not within a transaction, nor at a replay */
    int resp;      /* protocol version, for HELLO-like introspection only; never for shapes */
} dbx_ctx;

/* A handler writes its reply, user errors included, and returns DBX_OK; a negative dbx_err is a
 * storage failure: dispatch then undoes the command and writes the error itself. */
typedef int dbx_handler(dbx_ctx *ctx, dbx_args *args, dbx_reply *out);

/* Flags as COMMAND INFO names them. ACL categories follow from group and flags (table.c). */
enum dbx_command_flags {
    DBX_CMD_WRITE = 1u << 0,
    DBX_CMD_READONLY = 1u << 1,
    DBX_CMD_DENYOOM = 1u << 2,
    DBX_CMD_ADMIN = 1u << 3,
    DBX_CMD_PUBSUB = 1u << 4,
    DBX_CMD_NOSCRIPT = 1u << 5,
    DBX_CMD_BLOCKING = 1u << 6,
    DBX_CMD_LOADING = 1u << 7,
    DBX_CMD_STALE = 1u << 8,
    DBX_CMD_SKIP_MONITOR = 1u << 9,
    DBX_CMD_SKIP_SLOWLOG = 1u << 10,
    DBX_CMD_ASKING = 1u << 11,
    DBX_CMD_FAST = 1u << 12,
    DBX_CMD_NO_AUTH = 1u << 13,
    DBX_CMD_MAY_REPLICATE = 1u << 14,
    DBX_CMD_NO_MANDATORY_KEYS = 1u << 15,
    DBX_CMD_PROTECTED = 1u << 16,
    DBX_CMD_NO_MULTI = 1u << 17,
    DBX_CMD_MOVABLEKEYS = 1u << 18,
    DBX_CMD_NO_ASYNC_LOADING = 1u << 19,
    DBX_CMD_ALLOW_BUSY = 1u << 20,
    DBX_CMD_DANGEROUS = 1u << 21, /* ACL category only: @dangerous where flags do not imply it */
    DBX_CMD_UNQUEUED = 1u << 22,  /* ours: runs at once inside a transaction */
    DBX_CMD_INTERNAL = 1u << 23,  /* between processes of DBX: unknown to everybody else */
    DBX_CMD_LONG = 1u << 24       /* ours: what it takes follows from the data, not its arguments */
};

/* ACL categories, in the order in which COMMAND INFO prints them. A command's own follow from its
 * group and flags (table.c); a row's `acl` adds what does not follow, and DBX_ACL_NOT_GROUP leaves
 * its group's out. */
enum dbx_acl {
    DBX_ACL_KEYSPACE = 1u << 0,
    DBX_ACL_READ = 1u << 1,
    DBX_ACL_WRITE = 1u << 2,
    DBX_ACL_SET = 1u << 3,
    DBX_ACL_SORTEDSET = 1u << 4,
    DBX_ACL_LIST = 1u << 5,
    DBX_ACL_HASH = 1u << 6,
    DBX_ACL_STRING = 1u << 7,
    DBX_ACL_BITMAP = 1u << 8,
    DBX_ACL_HYPERLOGLOG = 1u << 9,
    DBX_ACL_GEO = 1u << 10,
    DBX_ACL_STREAM = 1u << 11,
    DBX_ACL_PUBSUB = 1u << 12,
    DBX_ACL_ADMIN = 1u << 13,
    DBX_ACL_FAST = 1u << 14,
    DBX_ACL_SLOW = 1u << 15,
    DBX_ACL_BLOCKING = 1u << 16,
    DBX_ACL_DANGEROUS = 1u << 17,
    DBX_ACL_CONNECTION = 1u << 18,
    DBX_ACL_TRANSACTION = 1u << 19,
    DBX_ACL_SCRIPTING = 1u << 20,
    DBX_ACL_NOT_GROUP = 1u << 31
};

/* How a command's effect reaches the journal (store/README.md, invariant 10). */
typedef enum dbx_effect {
    DBX_EFFECT_NONE = 1, /* changes no data */
    DBX_EFFECT_ARGV, /* argv as it came gives the same result whenever replayed; only if it wrote */
    DBX_EFFECT_OWN   /* the handler calls dbx_txn_effect(); of a row that is READONLY, if it may */
} dbx_effect;

/* As COMMAND INFO names them in key specifications. */
enum dbx_key_flags {
    DBX_KEY_RW = 1u << 0,
    DBX_KEY_RO = 1u << 1,
    DBX_KEY_OW = 1u << 2,
    DBX_KEY_RM = 1u << 3,
    DBX_KEY_ACCESS = 1u << 4,
    DBX_KEY_UPDATE = 1u << 5,
    DBX_KEY_INSERT = 1u << 6,
    DBX_KEY_DELETE = 1u << 7,
    DBX_KEY_NOT_KEY = 1u << 8,
    DBX_KEY_INCOMPLETE = 1u << 9,
    DBX_KEY_VARIABLE_FLAGS = 1u << 10
};

/* Where keys stand among the arguments: Redis's key specifications. Indices count from the
 * command's name, a container's included. See keyspec.h. */
typedef struct dbx_keyspec {
    uint32_t flags; /* 0 ends the array */
    const char
        *keyword; /* NULL: begin at index `begin`; else after this word, searched from `begin` */
    int begin;
    enum { DBX_KEYS_RANGE, DBX_KEYS_KEYNUM, DBX_KEYS_UNKNOWN } find;
    int last, step, limit; /* RANGE: last is relative to begin, negative from the end */
    int keynum_index, keynum_first, keynum_step; /* KEYNUM */
    const char *notes;
} dbx_keyspec;

enum { DBX_KEYSPECS_MAX = 4 };

/* A list of strings in a row: history, tips. */
#define DBX_LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

struct dbx_command {
    const char *name;   /* lower case, as COMMAND prints it; a subcommand's is "container|name" */
    const char *group;  /* as COMMAND DOCS prints it: "string", "generic", "connection", "server" */
    const char *syntax; /* arguments in the documentation's notation; see syntax.h */
    const char *summary;
    const char *since;
    const char *complexity;
    const char *const *history; /* {"version", "change", ..., NULL}; may be NULL */
    const char *const *tips;    /* {"tip", ..., NULL}; may be NULL */
    int arity;                  /* Redis's: negative = at least */
    uint32_t flags;
    dbx_effect effect;
    dbx_keyspec keys[DBX_KEYSPECS_MAX];
    dbx_handler *run;               /* NULL: a container of subcommands only */
    const dbx_command *subcommands; /* array ended by a row without a name; may be NULL */
    const char *doc_flags;          /* "deprecated" or NULL; then the next two say more */
    const char *deprecated_since, *replaced_by;
    uint32_t acl; /* enum dbx_acl: what group and flags do not say */
    /* Flags of the first key of this very call, where a key specification says VARIABLE_FLAGS. */
    uint32_t (*key_flags)(size_t argc, const dbx_slice *argv);
};

#endif
