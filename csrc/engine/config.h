/* config.h: the settings: one table says each one's name, kind, bounds and when it may change.
 *
 * CONFIG GET and SET, start-up options and every reader of a setting go through the table in
 * config_table.c. Values live in dbx_config as numbers and strings, so that hot paths read a field.
 * All of it is guarded by the engine lock.
 */
#ifndef DBX_ENGINE_CONFIG_H
#define DBX_ENGINE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "types/collection.h"

enum { DBX_FSYNC_EVERYSEC, DBX_FSYNC_ALWAYS, DBX_FSYNC_NO }; /* words of appendfsync, in order */

enum { DBX_CLASS_NORMAL, DBX_CLASS_REPLICA, DBX_CLASS_PUBSUB, DBX_CLASS_COUNT };

/* In microseconds it can still be added to a clock. */
#define DBX_OUTPUT_SOFT_S_MAX (INT64_MAX / 2000000)

typedef struct dbx_output_limit { /* client-output-buffer-limit of one class; 0: no limit */
    int64_t hard_bytes, soft_bytes, soft_s;
} dbx_output_limit;

/* Current values. Fields are filled through the table alone. */
typedef struct dbx_config {
    /* connections */
    char *bind, *unixsocket, *requirepass;
    int64_t port, unixsocketperm, tcp_backlog, tcp_keepalive_s, timeout_s, maxclients,
        protected_mode;
    int64_t proto_max_bulk_len, query_buffer_limit;
    dbx_output_limit output_limit[DBX_CLASS_COUNT];
    /* data */
    char *dir;
    int64_t databases, appendfsync;
    int64_t buffer_bytes, journal_bytes, journal_keep_bytes, buffer_age_ms, disk_warning_bytes;
    int64_t checkpoint_us;
    int64_t autovacuum, autovacuum_ms;
    /* the process */
    int64_t loglevel;
    char *logfile;
    /* reported, with or without a reader: see each row's note */
    char *save, *dbfilename, *appendfilename, *notify_events, *slaveof, *aclfile;
    int64_t appendonly, maxmemory, maxmemory_policy, maxmemory_samples, io_threads, hz, daemonize;
    int64_t busy_reply_threshold, slowlog_slower_than, slowlog_max_len, latency_threshold;
    int64_t latency_tracking, rdbcompression, cluster_enabled, activedefrag, repl_backlog_size;
    int64_t lazyfree_eviction, lazyfree_expire, lazyfree_del, lazyfree_user_del, lazyfree_flush;
    dbx_encodings encodings;
    uint64_t generation; /* grows with every change: readers that keep a copy compare it */
} dbx_config;

enum dbx_setting_kind {
    DBX_SETTING_INT,
    DBX_SETTING_MEMORY, /* "1mb"; printed as bytes */
    DBX_SETTING_OCTAL,
    DBX_SETTING_BOOL,
    DBX_SETTING_ENUM,
    DBX_SETTING_STRING,
    DBX_SETTING_LIMITS /* client-output-buffer-limit */
};

enum dbx_setting_flags {
    DBX_SETTING_START = 1u << 0,     /* only before the engine is open */
    DBX_SETTING_FIXED = 1u << 1,     /* named because tools read it; no other value is possible */
    DBX_SETTING_KEPT = 1u << 2,      /* stored and reported; the note says who will read it */
    DBX_SETTING_PROTECTED = 1u << 3, /* START, in the words Redis has for protected settings */
    DBX_SETTING_CHECKED = 1u << 5,   /* START, but a value that it could not have is said first */
    DBX_SETTING_CONNECTION = 1u << 4 /* of the server that a client is connected to, not of the
                                        data: see engine/relay.h */
};

typedef struct dbx_setting_row {
    const char *name, *alias; /* alias: an older name, NULL: none */
    enum dbx_setting_kind kind;
    uint32_t flags;
    size_t field; /* offset in dbx_config: int64_t, char * or dbx_output_limit[] */
    const char *initial;
    int64_t min, max;
    const char *const *words; /* ENUM: ended by NULL */
    const char *note;         /* FIXED and KEPT: why */
    int64_t low, high;        /* a number beyond them is taken for them; both 0: none is */
} dbx_setting_row;

/* dbx_config_rows is the table, ended by a row without a name. */
extern const dbx_setting_row dbx_config_rows[];

/* dbx_config_init gives every setting its initial value. DBX_ENOMEM, or DBX_OK. */
int dbx_config_init(dbx_config *config);
/* dbx_config_copy makes a second one with the same values. DBX_ENOMEM: there is nothing to free. */
int dbx_config_copy(dbx_config *copy, const dbx_config *config);
void dbx_config_free(dbx_config *config);

/* dbx_config_find finds a row by name or alias, in any case; NULL when there is none. */
const dbx_setting_row *dbx_config_find(dbx_slice name);

/* dbx_config_put parses `text` and stores it. DBX_EINVAL: *why (static text) says what is wrong
 * with it, in Redis's words, and nothing changed. `starting`: START settings may change. */
int dbx_config_put(dbx_config *config, const dbx_setting_row *row, dbx_slice text, bool starting,
                   const char **why);

/* dbx_config_immutable is why CONFIG SET cannot change the row whatever the value; NULL: it can, or
 * dbx_config_put says it with the value. */
const char *dbx_config_immutable(const dbx_setting_row *row);

/* dbx_config_guarded: protected mode: there is no password, so clients of other machines are turned
 * away. */
static inline bool dbx_config_guarded(const dbx_config *config) {
    return config->protected_mode != 0 && config->requirepass[0] == '\0';
}

/* dbx_config_print appends the value as CONFIG GET shows it. */
void dbx_config_print(const dbx_config *config, const dbx_setting_row *row, dbx_buf *out);

#endif
