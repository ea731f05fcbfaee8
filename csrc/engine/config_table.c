/* config_table.c: the settings, one row each; see config.h.
 *
 * Names and defaults are Redis's where Redis has the setting. A row that changes nothing says so in
 * its flags and its note: FIXED refuses other values with the note, KEPT stores what it is given.
 */
#include "engine/config.h"

#include <stddef.h>

#include "store/limits.h"

#define FIELD(f) offsetof(dbx_config, f)
#define I64_MAX INT64_MAX
#define ON_DISK "the data set lives on disk, not in memory"
#define NO_FORK "there are no snapshots to schedule: every write is in the journal"
#define NO_REPLICA "replication is not available"
#define SLOWLOG "read by SLOWLOG"
#define LAZY "deletion is always in the background"

#define NUM(name, alias, kind, flags, field, initial, min, max, note)                              \
    { name, alias, DBX_SETTING_##kind, flags, FIELD(field), initial, min, max, NULL, note, 0, 0 }
/* What lies beyond `low` and `high` is taken for them. */
#define CLAMPED(name, kind, flags, field, initial, min, max, low, high, note)                      \
    {                                                                                              \
        name, NULL, DBX_SETTING_##kind, flags, FIELD(field), initial, min, max, NULL, note, low,   \
            high                                                                                   \
    }
#define BOOL(name, flags, field, initial, note)                                                    \
    { name, NULL, DBX_SETTING_BOOL, flags, FIELD(field), initial, 0, 1, NULL, note, 0, 0 }
#define WORD(name, flags, field, initial, words, note)                                             \
    { name, NULL, DBX_SETTING_ENUM, flags, FIELD(field), initial, 0, 0, words, note, 0, 0 }
#define TEXT(name, alias, flags, field, initial, note)                                             \
    { name, alias, DBX_SETTING_STRING, flags, FIELD(field), initial, 0, 0, NULL, note, 0, 0 }

static const char *const fsync_words[] = {"everysec", "always", "no", NULL};
static const char *const log_words[] = {"debug", "verbose", "notice", "warning", "nothing", NULL};
static const char *const policy_words[] = {"volatile-lru",   "volatile-lfu", "volatile-random",
                                           "volatile-ttl",   "allkeys-lru",  "allkeys-lfu",
                                           "allkeys-random", "noeviction",   NULL};

enum {
    START = DBX_SETTING_START,
    FIXED = DBX_SETTING_FIXED,
    KEPT = DBX_SETTING_KEPT,
    CONN = DBX_SETTING_CONNECTION,
    NEVER = DBX_SETTING_FIXED | DBX_SETTING_START, /* Redis cannot change it while it runs either */
    GUARDED = DBX_SETTING_START | DBX_SETTING_PROTECTED
};

const dbx_setting_row dbx_config_rows[] = {
    /* connections */
    TEXT("bind", NULL, CONN | START, bind, "127.0.0.1 -::1", NULL),
    NUM("port", NULL, INT, CONN | START | DBX_SETTING_CHECKED, port, "6379", 0, 65535, NULL),
    TEXT("unixsocket", NULL, CONN | START, unixsocket, "", NULL),
    NUM("unixsocketperm", NULL, OCTAL, CONN | START, unixsocketperm, "0", 0, 0777, NULL),
    NUM("tcp-backlog", NULL, INT, CONN | START, tcp_backlog, "511", 0, INT32_MAX, NULL),
    NUM("tcp-keepalive", NULL, INT, CONN, tcp_keepalive_s, "300", 0, INT32_MAX, NULL),
    NUM("timeout", NULL, INT, CONN, timeout_s, "0", 0, INT32_MAX, NULL),
    NUM("maxclients", NULL, INT, CONN, maxclients, "10000", 1, UINT32_MAX, NULL),
    BOOL("protected-mode", CONN, protected_mode, "yes", NULL),
    TEXT("requirepass", NULL, CONN, requirepass, "", NULL),
    NUM("proto-max-bulk-len", NULL, MEMORY, CONN, proto_max_bulk_len, "512mb", 1 << 20, I64_MAX,
        NULL),
    NUM("client-query-buffer-limit", NULL, MEMORY, CONN, query_buffer_limit, "1gb", 1 << 20,
        I64_MAX, NULL),
    {"client-output-buffer-limit", NULL, DBX_SETTING_LIMITS, CONN, FIELD(output_limit),
     "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", 0, 0, NULL, NULL, 0, 0},

    /* data */
    TEXT("dir", NULL, GUARDED, dir, "", NULL),
    NUM("databases", NULL, INT, START, databases, "16", 1, INT32_MAX, NULL),
    WORD("appendfsync", 0, appendfsync, "everysec", fsync_words, NULL),
    NUM("write-buffer-size", NULL, MEMORY, START, buffer_bytes, "0", 0, I64_MAX, NULL),
    NUM("journal-freeze-size", NULL, MEMORY, START, journal_bytes, "0", 0, I64_MAX, NULL),
    NUM("journal-keep-size", NULL, MEMORY, START, journal_keep_bytes, "0", 0, I64_MAX, NULL),
    NUM("checkpoint-after", NULL, INT, START, checkpoint_us, "0", 0, INT32_MAX, NULL),
    NUM("disk-warning-size", NULL, MEMORY, 0, disk_warning_bytes, "0", 0, I64_MAX, NULL),
    BOOL("autovacuum", 0, autovacuum, "yes", NULL),
    NUM("autovacuum-interval", NULL, INT, 0, autovacuum_ms, "60000", DBX_AUTOVACUUM_MS_MIN,
        INT32_MAX, NULL),
    NUM("write-buffer-age", NULL, INT, START, buffer_age_ms, "0", 0, UINT32_MAX, NULL),

    /* the process */
    WORD("loglevel", 0, loglevel, "notice", log_words, NULL),
    TEXT("logfile", NULL, NEVER, logfile, "", "the log goes to standard error"),
    BOOL("daemonize", NEVER, daemonize, "no", "use the system's service manager"),
    TEXT("aclfile", NULL, NEVER, aclfile, "", "there is one user, see requirepass"),

    /* what Redis has for durability; the journal is always on */
    TEXT("save", NULL, FIXED, save, "", NO_FORK),
    BOOL("appendonly", FIXED, appendonly, "yes", "the journal is always on"),
    TEXT("dbfilename", NULL, GUARDED, dbfilename, "dump.rdb", NO_FORK),
    TEXT("appendfilename", NULL, START, appendfilename, "appendonly.aof",
         "the journal has its own name"),
    BOOL("rdbcompression", KEPT, rdbcompression, "yes", NO_FORK),

    /* memory */
    NUM("maxmemory", NULL, MEMORY, FIXED, maxmemory, "0", 0, I64_MAX, ON_DISK),
    WORD("maxmemory-policy", FIXED, maxmemory_policy, "noeviction", policy_words, ON_DISK),
    NUM("maxmemory-samples", NULL, INT, KEPT, maxmemory_samples, "5", 1, 64, ON_DISK),
    BOOL("activedefrag", FIXED, activedefrag, "no", ON_DISK),
    BOOL("lazyfree-lazy-eviction", KEPT, lazyfree_eviction, "no", LAZY),
    BOOL("lazyfree-lazy-expire", KEPT, lazyfree_expire, "no", LAZY),
    BOOL("lazyfree-lazy-server-del", KEPT, lazyfree_del, "no", LAZY),
    BOOL("lazyfree-lazy-user-del", KEPT, lazyfree_user_del, "no", LAZY),
    BOOL("lazyfree-lazy-user-flush", KEPT, lazyfree_flush, "no", LAZY),

    /* working */
    NUM("io-threads", NULL, INT, NEVER, io_threads, "1", 1, 128,
        "one thread serves all connections"),
    CLAMPED("hz", INT, KEPT, hz, "10", 0, INT32_MAX, 1, 500, "nothing is polled"),
    NUM("busy-reply-threshold", "lua-time-limit", INT, KEPT, busy_reply_threshold, "5000", 0,
        I64_MAX, "read by scripts"),
    NUM("slowlog-log-slower-than", NULL, INT, KEPT, slowlog_slower_than, "10000", -1, I64_MAX,
        SLOWLOG),
    NUM("slowlog-max-len", NULL, INT, KEPT, slowlog_max_len, "128", 0, I64_MAX, SLOWLOG),
    NUM("latency-monitor-threshold", NULL, INT, KEPT, latency_threshold, "0", 0, I64_MAX,
        "read by LATENCY"),
    BOOL("latency-tracking", 0, latency_tracking, "yes", NULL),
    TEXT("notify-keyspace-events", NULL, FIXED, notify_events, "", "there is no pub/sub yet"),
    BOOL("cluster-enabled", NEVER, cluster_enabled, "no", "one server holds everything"),
    TEXT("replicaof", "slaveof", NEVER, slaveof, "", NO_REPLICA),
    CLAMPED("repl-backlog-size", MEMORY, KEPT, repl_backlog_size, "1mb", 1, I64_MAX, 16384, I64_MAX,
            NO_REPLICA),

    /* types: bounds of their compact encodings */
    NUM("collection-inline-size", NULL, MEMORY, 0, encodings.inline_bytes, "4096", 0, 16384, NULL),
    NUM("hash-max-listpack-entries", "hash-max-ziplist-entries", INT, 0, encodings.hash_entries,
        "512", 0, I64_MAX, NULL),
    NUM("hash-max-listpack-value", "hash-max-ziplist-value", MEMORY, 0, encodings.hash_value, "64",
        0, I64_MAX, NULL),
    NUM("list-max-listpack-size", "list-max-ziplist-size", INT, 0, encodings.list_size, "-2",
        INT32_MIN, INT32_MAX, NULL),
    NUM("list-compress-depth", NULL, INT, KEPT, encodings.list_depth, "0", 0, INT32_MAX,
        "nothing is compressed"),
    NUM("set-max-intset-entries", NULL, INT, 0, encodings.set_ints, "512", 0, I64_MAX, NULL),
    NUM("set-max-listpack-entries", NULL, INT, 0, encodings.set_entries, "128", 0, I64_MAX, NULL),
    NUM("set-max-listpack-value", NULL, INT, 0, encodings.set_value, "64", 0, I64_MAX, NULL),
    NUM("zset-max-listpack-entries", "zset-max-ziplist-entries", INT, 0, encodings.zset_entries,
        "128", 0, I64_MAX, NULL),
    NUM("zset-max-listpack-value", "zset-max-ziplist-value", MEMORY, 0, encodings.zset_value, "64",
        0, I64_MAX, NULL),
    NUM("hll-sparse-max-bytes", NULL, MEMORY, 0, encodings.hll_bytes, "3000", 0, I64_MAX, NULL),
    NUM("stream-node-max-bytes", NULL, MEMORY, 0, encodings.stream_bytes, "4096", 0, I64_MAX, NULL),
    NUM("stream-node-max-entries", NULL, INT, 0, encodings.stream_entries, "100", 0, I64_MAX, NULL),
    {NULL, NULL, DBX_SETTING_INT, 0, 0, NULL, 0, 0, NULL, NULL, 0, 0}};
