/* workload.h: a script of commands for tests that make one allocation after the other fail.
 *
 * It runs every command of the table. A first run notes each reply and what the database holds
 * after it. In later runs one allocation fails somewhere; then a command may be refused, or its
 * connection closed, once, and the database must hold what it held before it, or, when nothing was
 * said, what it holds after it. Whatever the transport, it is one function: workload_send.
 */
#ifndef DBX_TESTS_WORKLOAD_H
#define DBX_TESTS_WORKLOAD_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/hash.h"
#include "check.h"
#include "codec/resp_write.h"
#include "commands/table.h"
#include "engine/engine.h"
#include "payloads.h"

enum {
    WORKLOAD_WORDS_MAX = 12,
    WORKLOAD_STEPS_MAX = 400,
    WORKLOAD_BIG_BYTES = 1200 << 10, /* "@big": beyond DBX_ENGINE_SPOOL_MIN */
    WORKLOAD_NAME_BYTES = 400 << 10, /* "@a".."@c": KEYS streams its reply for three of them */
    WORKLOAD_OPEN_MAX = 4096         /* allocations that starting takes, at most */
};

typedef enum workload_kind {
    WORKLOAD_VARIES = 1,  /* only the kind of reply is the same each time */
    WORKLOAD_SESSION = 2, /* changes the session: a new connection repeats it */
    WORKLOAD_MULTI = 4    /* from MULTI to its end: what was noticed within begins it again */
} workload_kind;

typedef struct workload_step {
    unsigned kind;
    const char *words[WORKLOAD_WORDS_MAX];
} workload_step;

typedef enum workload_outcome {
    WORKLOAD_ANSWERED,
    WORKLOAD_CLOSED, /* nothing was said, and the session is gone */
    WORKLOAD_UNKNOWN /* nothing was said, and the session is there */
} workload_outcome;

/* workload_send runs a command and appends its whole reply; defined by the test. */
static workload_outcome workload_send(size_t argc, const dbx_slice *argv, dbx_buf *reply);
/* workload_connect makes a new session in the place of the old one; false: out of memory. */
static bool workload_connect(void);

#define STEP(...)                                                                                  \
    {                                                                                              \
        0, {                                                                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define STEP_VARIES(...)                                                                           \
    {                                                                                              \
        WORKLOAD_VARIES, {                                                                         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define STEP_SESSION(...)                                                                          \
    {                                                                                              \
        WORKLOAD_SESSION, {                                                                        \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

#define STEP_MULTI(...)                                                                            \
    {                                                                                              \
        WORKLOAD_MULTI, {                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const workload_step workload_steps[] = {
    {WORKLOAD_SESSION | WORKLOAD_VARIES, {"HELLO", "3", "SETNAME", "first"}},
    STEP("PING"),
    STEP("ECHO", "said"),
    STEP("NOSUCH", "a", "b"),
    STEP("AUTH", "x"),
    STEP_SESSION("SELECT", "1"),
    STEP_SESSION("CLIENT", "SETNAME", "second"),
    STEP_SESSION("CLIENT", "SETINFO", "lib-name", "workload"),
    STEP_SESSION("CLIENT", "NO-TOUCH", "ON"),
    STEP_SESSION("CLIENT", "NO-EVICT", "ON"),
    STEP_SESSION("CLIENT", "REPLY", "ON"),
    STEP("CLIENT", "GETNAME"),
    STEP("CLIENT", "KILL", "ID", "123456"),
    STEP("CLIENT", "HELP"),
    STEP_VARIES("CLIENT", "ID"),
    STEP_VARIES("CLIENT", "INFO"),
    STEP_VARIES("CLIENT", "LIST"),
    STEP("COMMAND"),
    STEP("COMMAND", "COUNT"),
    STEP("COMMAND", "DOCS"),
    STEP("COMMAND", "DOCS", "set", "nosuch"),
    STEP("COMMAND", "INFO", "get"),
    STEP("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2"),
    STEP("COMMAND", "GETKEYSANDFLAGS", "COPY", "a", "b"),
    STEP("COMMAND", "LIST", "FILTERBY", "PATTERN", "*get*"),
    STEP("COMMAND", "HELP"),
    STEP_VARIES("CONFIG", "GET", "*"),
    STEP("CONFIG", "SET", "tcp-keepalive", "60", "client-output-buffer-limit", "normal 0 0 0"),
    STEP("CONFIG", "SET", "tcp-keepalive", "61", "requirepass", "x", "maxclients", "0"),
    STEP("CONFIG", "GET", "requirepass", "tcp*"),
    STEP("CONFIG", "RESETSTAT"),
    STEP("CONFIG", "REWRITE"),
    STEP("CONFIG", "HELP"),
    STEP_VARIES("INFO", "everything"),
    STEP_VARIES("TIME"),
    STEP_VARIES("LASTSAVE"),
    STEP("SAVE"),
    STEP("BGSAVE"),
    STEP_VARIES("LOLWUT"),
    STEP("SET", "a", "1"),
    STEP("SET", "a", "2", "KEEPTTL", "GET"),
    STEP("GET", "a"),
    STEP("GET", "absent"),
    STEP("SETNX", "b", "two"),
    STEP("SETEX", "c", "1000", "three"),
    STEP("PSETEX", "d", "1000000", "four"),
    STEP("MSET", "m1", "1", "m2", "2", "m3", "3"),
    STEP("MSETNX", "m4", "1", "m5", "2"),
    STEP("MGET", "m1", "absent", "m2"),
    STEP("SADD", "s1", "1", "2", "3"),
    STEP("SADD", "s2", "2", "3", "four", "@a"),
    STEP("SREM", "s1", "1", "absent"),
    STEP("SMOVE", "s1", "s3", "2"),
    STEP("SCARD", "s2"),
    STEP("SISMEMBER", "s2", "@a"),
    STEP("SMISMEMBER", "s2", "2", "absent"),
    STEP("SMEMBERS", "s1"),
    STEP("SSCAN", "s1", "0", "MATCH", "*"),
    STEP("SINTER", "s1", "s2"),
    STEP_VARIES("SUNION", "s1", "s2", "s3"),
    STEP("SDIFF", "s1", "s2"),
    STEP("SINTERCARD", "2", "s1", "s2", "LIMIT", "1"),
    STEP("SINTERSTORE", "s4", "s1", "s2"),
    STEP("SUNIONSTORE", "s5", "s1", "s2"),
    STEP("SDIFFSTORE", "s6", "s2", "s1"),
    STEP_VARIES("SRANDMEMBER", "s2", "-3"),
    STEP("SPOP", "s3"),
    STEP("SPOP", "s1", "9"),
    STEP("GETSET", "m1", "one"),
    STEP("GETDEL", "m1"),
    STEP("GETEX", "m2", "PXAT", "99999999999999"),
    STEP("APPEND", "b", "more"),
    STEP("SETRANGE", "b", "70000", "far"),
    STEP("APPEND", "b", "further"),
    STEP("GETRANGE", "b", "0", "4"),
    STEP("SUBSTR", "b", "0", "4"),
    STEP("STRLEN", "b"),
    STEP("SETBIT", "bits", "9", "1"),
    STEP("SETBIT", "b", "560009", "1"),
    STEP("GETBIT", "b", "560009"),
    STEP("BITCOUNT", "b", "0", "-1", "BIT"),
    STEP("BITPOS", "b", "1", "2"),
    STEP("BITOP", "XOR", "bits2", "bits", "b"),
    STEP("BITOP", "NOT", "bits", "bits"),
    STEP("BITFIELD", "bits", "INCRBY", "u5", "30", "3", "GET", "i9", "#1"),
    STEP("BITFIELD_RO", "bits", "GET", "u8", "0"),
    STEP("PFADD", "hll", "x", "y"),
    STEP("PFADD", "hll2", "z"),
    STEP("PFCOUNT", "hll"),
    STEP("PFCOUNT", "hll", "hll2"),
    STEP("PFMERGE", "hll2", "hll"),
    STEP("PFDEBUG", "TODENSE", "hll"),
    STEP("PFADD", "hll", "x", "z"),
    STEP("PFSELFTEST"),
    STEP("XADD", "s", "1-1", "f", "v"),
    STEP("XADD", "s", "MAXLEN", "5", "2-1", "f", "v", "g", "w"),
    STEP("XADD", "s", "3-1", "long", "@big"),
    STEP("XADD", "s", "4-1", "f", "last"),
    STEP("XLEN", "s"),
    STEP("XRANGE", "s", "-", "+"),
    STEP("XREVRANGE", "s", "+", "-", "COUNT", "1"),
    STEP("XREAD", "STREAMS", "s", "absent", "0", "0"),
    STEP("XGROUP", "CREATE", "s", "@a", "0"),
    STEP("XGROUP", "CREATE", "s", "g", "0"),
    STEP("XGROUP", "CREATECONSUMER", "s", "g", "one"),
    STEP("XREADGROUP", "GROUP", "g", "one", "COUNT", "2", "STREAMS", "s", ">"),
    STEP("XREADGROUP", "GROUP", "g", "@b", "STREAMS", "s", ">"),
    STEP("XREADGROUP", "GROUP", "g", "one", "STREAMS", "s", "s", "0", ">"),
    STEP("XPENDING", "s", "g"),
    STEP_VARIES("XPENDING", "s", "g", "-", "+", "10"),
    STEP("XCLAIM", "s", "g", "two", "0", "1-1", "3-1", "RETRYCOUNT", "3"),
    STEP("XDEL", "s", "3-1", "9-9"),
    STEP("XAUTOCLAIM", "s", "g", "three", "0", "0", "COUNT", "3"),
    STEP("XACK", "s", "g", "1-1", "9-9"),
    STEP("XINFO", "STREAM", "s"),
    STEP_VARIES("XINFO", "STREAM", "s", "FULL"),
    STEP("XINFO", "GROUPS", "s"),
    STEP_VARIES("XINFO", "CONSUMERS", "s", "g"),
    STEP("XINFO", "HELP"),
    STEP("XGROUP", "HELP"),
    STEP("XGROUP", "SETID", "s", "g", "1-1"),
    STEP("COPY", "s", "s2"),
    STEP("XGROUP", "DELCONSUMER", "s", "g", "three"),
    STEP("XGROUP", "DESTROY", "s", "@a"),
    STEP("XTRIM", "s", "MAXLEN", "1"),
    STEP("XSETID", "s", "7-7"),
    STEP("INCR", "n"),
    STEP("INCRBY", "n", "5"),
    STEP("DECR", "n"),
    STEP("DECRBY", "n", "3"),
    STEP("INCRBYFLOAT", "n", "1.5"),
    STEP("INCR", "c"),
    STEP("LCS", "c", "d"),
    STEP("LCS", "c", "d", "IDX", "WITHMATCHLEN"),
    STEP("EXISTS", "a", "b", "absent"),
    STEP("TOUCH", "a", "b"),
    STEP("TYPE", "a"),
    STEP("OBJECT", "ENCODING", "a"),
    STEP("OBJECT", "FREQ", "a"),
    STEP("OBJECT", "REFCOUNT", "a"),
    STEP_VARIES("OBJECT", "IDLETIME", "a"),
    STEP("OBJECT", "HELP"),
    STEP("EXPIRE", "a", "100000"),
    STEP_VARIES("TTL", "a"),
    STEP_VARIES("PTTL", "a"),
    STEP("PERSIST", "a"),
    STEP("PEXPIRE", "a", "100000000"),
    STEP("EXPIREAT", "a", "99999999999"),
    STEP("PEXPIREAT", "a", "99999999999999"),
    STEP("HSET", "h1", "a", "1", "b", "2", "@a", "long"),
    STEP("HMSET", "h1", "c", "3"),
    STEP("HSETNX", "h1", "d", "4"),
    STEP("HINCRBY", "h1", "a", "5"),
    STEP("HINCRBYFLOAT", "h1", "b", "0.5"),
    STEP("HGET", "h1", "a"),
    STEP("HMGET", "h1", "a", "absent", "@a"),
    STEP("HEXISTS", "h1", "a"),
    STEP("HSTRLEN", "h1", "@a"),
    STEP("HLEN", "h1"),
    STEP_VARIES("HGETALL", "h1"),
    STEP_VARIES("HKEYS", "h1"),
    STEP_VARIES("HVALS", "h1"),
    STEP_VARIES("HSCAN", "h1", "0", "NOVALUES"),
    STEP_VARIES("HRANDFIELD", "h1"),
    STEP("HEXPIRE", "h1", "1000", "FIELDS", "1", "a"),
    STEP("HPEXPIRE", "h1", "1000000", "FIELDS", "1", "b"),
    STEP("HEXPIREAT", "h1", "9999999999", "FIELDS", "1", "c"),
    STEP("HPEXPIREAT", "h1", "9999999999000", "FIELDS", "1", "@a"),
    STEP_VARIES("HTTL", "h1", "FIELDS", "1", "a"),
    STEP_VARIES("HPTTL", "h1", "FIELDS", "1", "a"),
    STEP("HEXPIRETIME", "h1", "FIELDS", "1", "c"),
    STEP("HPEXPIRETIME", "h1", "FIELDS", "1", "c"),
    STEP_VARIES("HPERSIST", "h1", "FIELDS", "1", "c"),
    STEP("HGETEX", "h1", "PERSIST", "FIELDS", "1", "b"),
    STEP("HSETEX", "h1", "EX", "1000", "FIELDS", "1", "e", "5"),
    STEP("HGETDEL", "h1", "FIELDS", "1", "e"),
    STEP("HDEL", "h1", "a", "@a", "absent"),
    STEP("RPUSH", "l1", "1", "2", "3", "@a"),
    STEP("LPUSH", "l1", "0"),
    STEP("RPUSHX", "l1", "4"),
    STEP("LPUSHX", "absent", "4"),
    STEP("LLEN", "l1"),
    STEP("LINDEX", "l1", "1"),
    STEP("LRANGE", "l1", "0", "-1"),
    STEP("LSET", "l1", "1", "one"),
    STEP("LINSERT", "l1", "BEFORE", "2", "between"),
    STEP("LPOS", "l1", "2"),
    STEP("LREM", "l1", "0", "3"),
    STEP("LMOVE", "l1", "l2", "LEFT", "RIGHT"),
    STEP("RPOPLPUSH", "l1", "l2"),
    STEP("LPOP", "l1"),
    STEP("RPOP", "l1"),
    STEP("LMPOP", "2", "absent", "l2", "LEFT"),
    STEP("LTRIM", "l1", "0", "0"),
    STEP("SORT", "s2", "ALPHA"),
    STEP("SORT_RO", "s2", "ALPHA", "LIMIT", "0", "1"),
    STEP("RESTORE", "d:list", "0", "@payload:list"),
    STEP("DUMP", "d:list"),
    STEP("MEMORY", "USAGE", "d:list"),
    STEP("RESTORE", "d:set", "0", "@payload:set"),
    STEP("DUMP", "d:set"),
    STEP("MEMORY", "USAGE", "d:set"),
    STEP("RESTORE", "d:zset", "0", "@payload:zset"),
    STEP("DUMP", "d:zset"),
    STEP("MEMORY", "USAGE", "d:zset"),
    STEP("RESTORE", "d:hash", "0", "@payload:hash"),
    STEP_VARIES("DUMP", "d:hash"), /* spread: in another order in every directory */
    STEP("MEMORY", "USAGE", "d:hash"),
    STEP("RESTORE", "d:stream", "0", "@payload:stream"),
    STEP("DUMP", "d:stream"),
    STEP("MEMORY", "USAGE", "d:stream"),
    STEP("RESTORE", "d:list", "0", "@payload:damaged", "REPLACE"),
    STEP("RESTORE", "d:set", "99999999999999", "@payload:zset", "ABSTTL", "REPLACE"),
    STEP("RESTORE", "d:zset", "1", "@payload:set", "ABSTTL", "REPLACE"),
    STEP("DEL", "d:list", "d:set", "d:hash", "d:stream"),
    STEP_VARIES("DUMP", "s2"),
    STEP("RESTORE", "restored", "0", "@payload"),
    STEP("MEMORY", "USAGE", "s2"),
    STEP_VARIES("MEMORY", "STATS"),
    STEP_VARIES("MEMORY", "DOCTOR"),
    STEP_VARIES("MEMORY", "MALLOC-STATS"),
    STEP("MEMORY", "PURGE"),
    STEP("MEMORY", "HELP"),
    STEP("ZADD", "z1", "1", "a", "2", "b", "3", "c", "4", "d", "5", "@a"),
    STEP("ZADD", "z2", "1", "a", "9", "e"),
    STEP("ZINCRBY", "z1", "0.5", "a"),
    STEP("ZCARD", "z1"),
    STEP("ZSCORE", "z1", "a"),
    STEP("ZMSCORE", "z1", "a", "absent"),
    STEP("ZRANK", "z1", "b"),
    STEP("ZREVRANK", "z1", "b"),
    STEP("ZCOUNT", "z1", "1", "3"),
    STEP("ZLEXCOUNT", "z1", "-", "+"),
    STEP("ZRANGE", "z1", "0", "-1", "WITHSCORES"),
    STEP("ZREVRANGE", "z1", "0", "1"),
    STEP("ZRANGEBYSCORE", "z1", "1", "3"),
    STEP("ZREVRANGEBYSCORE", "z1", "3", "1"),
    STEP("ZRANGEBYLEX", "z1", "-", "+"),
    STEP("ZREVRANGEBYLEX", "z1", "+", "-"),
    STEP("ZRANGESTORE", "z3", "z1", "0", "2"),
    STEP_VARIES("ZSCAN", "z1", "0"),
    STEP_VARIES("ZRANDMEMBER", "z1"),
    STEP("ZINTER", "2", "z1", "z2"),
    STEP("ZUNION", "2", "z1", "z2"),
    STEP("ZDIFF", "2", "z1", "z2"),
    STEP("ZINTERCARD", "2", "z1", "z2"),
    STEP("ZINTERSTORE", "z4", "2", "z1", "z2"),
    STEP("ZUNIONSTORE", "z5", "2", "z1", "z2"),
    STEP("ZDIFFSTORE", "z6", "2", "z1", "z2"),
    STEP("ZPOPMIN", "z5"),
    STEP("ZPOPMAX", "z5"),
    STEP("ZMPOP", "1", "z5", "MIN"),
    STEP("ZREM", "z1", "d", "absent"),
    STEP("ZREMRANGEBYRANK", "z1", "0", "0"),
    STEP("ZREMRANGEBYSCORE", "z1", "2", "2"),
    STEP("ZREMRANGEBYLEX", "z3", "[a", "[b"),
    STEP("GEOADD", "g1", "13.361389", "38.115556", "p", "15.087269", "37.502669", "c"),
    STEP("GEODIST", "g1", "p", "c", "km"),
    STEP("GEOHASH", "g1", "p"),
    STEP("GEOPOS", "g1", "p", "absent"),
    STEP("GEORADIUS", "g1", "15", "37", "200", "km"),
    STEP("GEORADIUS_RO", "g1", "15", "37", "200", "km"),
    STEP("GEORADIUSBYMEMBER", "g1", "p", "200", "km"),
    STEP("GEORADIUSBYMEMBER_RO", "g1", "p", "200", "km"),
    STEP("GEOSEARCH", "g1", "FROMMEMBER", "p", "BYRADIUS", "200", "km"),
    STEP("GEOSEARCHSTORE", "g2", "g1", "FROMMEMBER", "p", "BYRADIUS", "200", "km"),
    STEP_VARIES("KEYINFO", "z1"),
    STEP("AUTOVACUUM"),
    STEP_VARIES("VACUUM"),
    STEP("EXPIRETIME", "a"),
    STEP("PEXPIRETIME", "a"),
    STEP("PEXPIRE", "m5", "0"),
    STEP("RENAME", "a", "a2"),
    STEP("RENAMENX", "a2", "a3"),
    STEP("COPY", "b", "b2"),
    STEP("COPY", "a3", "a4", "DB", "2"),
    STEP("MOVE", "m3", "2"),
    STEP("DBSIZE"),
    STEP("KEYS", "*"),
    STEP("KEYS", "m4"),
    STEP_VARIES("RANDOMKEY"),
    STEP_VARIES("SCAN", "0", "MATCH", "*", "COUNT", "3", "TYPE", "string"),
    STEP("SCAN", "0", "COUNT", "100"),
    STEP("SET", "big", "@big"),
    STEP("GET", "big"),
    STEP("MGET", "m4", "big", "absent", "m2"),
    STEP("APPEND", "big", "end"),
    STEP("DUMP", "big"),
    STEP("COPY", "big", "big2"),
    STEP("ECHO", "@big"),
    STEP("SET", "@a", "1"),
    STEP("MSET", "@b", "1", "@c", "2"),
    STEP("KEYS", "*"),
    STEP("UNLINK", "@a", "@b"),
    STEP("DEL", "@c", "big", "absent"),
    STEP("EXEC"),
    STEP("DISCARD"),
    STEP_MULTI("MULTI"),
    STEP_MULTI("SET", "queued", "never"),
    STEP_MULTI("DISCARD"),
    STEP_MULTI("MULTI"), /* one write: of two, one might be refused */
    STEP_MULTI("SET", "queued", "@big"),
    STEP_MULTI("GET", "queued"),
    STEP_MULTI("SELECT", "1"),
    STEP_MULTI("EXEC"),
    STEP("STRLEN", "queued"),
    STEP("SWAPDB", "1", "2"),
    STEP("FLUSHDB"),
    STEP("SET", "last", "1"),
    STEP_SESSION("RESET"),
    STEP("SET", "db0", "1"),
    STEP("FLUSHALL", "ASYNC"),
    STEP("SET", "left", "1", "EXAT", "99999999999"),
};

enum { WORKLOAD_STEPS = sizeof workload_steps / sizeof workload_steps[0] };

/* What a run without failures said and held. */
static dbx_buf workload_replies[WORKLOAD_STEPS];
static uint64_t workload_states[WORKLOAD_STEPS + 1];

/* Memory for the test itself: its own allocations do not count. */
static void workload_grow(dbx_buf *buf, size_t more) {
    if (buf->cap - buf->len >= more) return;
    buf->cap = (buf->len + more) * 2;
    buf->ptr = realloc(buf->ptr, buf->cap);
    if (buf->ptr == NULL) abort();
}

/* A set as Redis dumps it: its type, "1", "2", "3", version 10, checksum. */
static dbx_slice workload_payload(void) {
    static uint8_t set[] = {2, 3, 1, '1', 1, '2', 1, '3', 10, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    dbx_store64(set + sizeof set - 8, dbx_crc64(0, set, sizeof set - 8));
    return dbx_slice_of(set, sizeof set);
}

static dbx_slice workload_word(const char *word) {
    static uint8_t big[WORKLOAD_BIG_BYTES], names[3][WORKLOAD_NAME_BYTES];
    if (word[0] != '@') return dbx_slice_str(word);
    if (strncmp(word, "@payload:", 9) == 0) return payload_named(word + 9);
    if (strcmp(word, "@payload") == 0) return workload_payload();
    if (strcmp(word, "@big") == 0) {
        for (size_t i = 0; big[0] == 0 && i < sizeof big; i++)
            big[i] = (uint8_t)(1 + i * 7 + i / 251);
        return dbx_slice_of(big, sizeof big);
    }
    uint8_t *name = names[word[1] - 'a'];
    memset(name, word[1], WORKLOAD_NAME_BYTES);
    return dbx_slice_of(name, WORKLOAD_NAME_BYTES);
}

static workload_outcome workload_step_send(const workload_step *step, dbx_buf *reply) {
    dbx_slice argv[WORKLOAD_WORDS_MAX];
    size_t argc = 0;
    for (; argc < WORKLOAD_WORDS_MAX && step->words[argc] != NULL; argc++)
        argv[argc] = workload_word(step->words[argc]);
    reply->len = 0;
    return workload_send(argc, argv, reply);
}

/* --- What the database holds ---------------------------------------------------------------- */

/* Runs a command beside the transport under test, while no failure is armed. */
static void workload_ask(dbx_engine *engine, dbx_session *session, size_t argc,
                         const dbx_slice *argv, dbx_buf *out) {
    dbx_reply reply = {0};
    uint64_t position;
    dbx_error error = {0};
    out->len = 0;
    dbx_engine_lock(engine);
    dbx_engine_turn_begin(engine);
    dbx_resp_sink(&reply, 2, out);
    CHECK_EQ(dbx_engine_run(engine, session, argc, argv, NULL, &reply), 0);
    CHECK_EQ(dbx_engine_turn_end(engine, &position, &error), DBX_OK);
    CHECK_TEXT(dbx_slice_str(error.text), "");
    if (reply.source != NULL) {
        while (reply.source->produce(reply.source, &reply, 1 << 20) > 0) {
        }
        reply.source->destroy(reply.source);
    }
    dbx_engine_unlock(engine);
    CHECK(!out->failed);
}

#define WORKLOAD_ASK(out, ...)                                                                     \
    workload_ask(engine, session, sizeof((dbx_slice[]){__VA_ARGS__}) / sizeof(dbx_slice),          \
                 (const dbx_slice[]){__VA_ARGS__}, out)

static size_t workload_number(const dbx_buf *buf, size_t *at) {
    char *end;
    size_t n = strtoul((const char *)buf->ptr + *at + 1, &end, 10);
    *at = (size_t)(end - (const char *)buf->ptr) + 2;
    return n;
}

/* A digest of all keys with their values and expiry times. */
static uint64_t workload_state(dbx_engine *engine) {
    static const char *const databases[] = {"0", "1", "2"};
    const dbx_session_options options = {.trusted = true, .fd = -1};
    dbx_buf names = {0}, out = {0};
    uint64_t state = 0;
    dbx_engine_lock(engine);
    dbx_session *session = dbx_session_open(engine, &options);
    dbx_engine_unlock(engine);
    for (size_t db = 0; db < 3; db++) {
        WORKLOAD_ASK(&out, dbx_slice_str("SELECT"), dbx_slice_str(databases[db]));
        WORKLOAD_ASK(&names, dbx_slice_str("KEYS"), dbx_slice_str("*"));
        size_t at = 0, count = workload_number(&names, &at);
        for (size_t i = 0; i < count; i++) {
            size_t len = workload_number(&names, &at);
            dbx_slice name = dbx_slice_of(names.ptr + at, len);
            at += len + 2;
            WORKLOAD_ASK(&out, dbx_slice_str("GET"), name);
            state = dbx_hash_bytes(dbx_buf_slice(&out), state + db);
            state = dbx_hash_bytes(name, state);
            if (out.len > 0 && out.ptr[0] == '-') { /* of another type: all but one are errors */
                WORKLOAD_ASK(&out, dbx_slice_str("LRANGE"), name, dbx_slice_str("0"),
                             dbx_slice_str("-1"));
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("ZRANGE"), name, dbx_slice_str("0"),
                             dbx_slice_str("-1"), dbx_slice_str("WITHSCORES"));
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                /* Large ones have another order in every directory. */
                WORKLOAD_ASK(&out, dbx_slice_str("HMGET"), name, dbx_slice_str("a"),
                             dbx_slice_str("b"), dbx_slice_str("c"), dbx_slice_str("d"),
                             dbx_slice_str("e"));
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("HLEN"), name);
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("SMISMEMBER"), name, dbx_slice_str("1"),
                             dbx_slice_str("2"), dbx_slice_str("3"), dbx_slice_str("four"));
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("SCARD"), name);
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("XRANGE"), name, dbx_slice_str("-"),
                             dbx_slice_str("+"));
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("XINFO"), dbx_slice_str("GROUPS"), name);
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
                WORKLOAD_ASK(&out, dbx_slice_str("XPENDING"), name, dbx_slice_str("g"));
                state = dbx_hash_bytes(dbx_buf_slice(&out), state);
            }
            WORKLOAD_ASK(&out, dbx_slice_str("PTTL"), name);
            state += out.len > 1 && out.ptr[1] == '-';
        }
    }
    dbx_engine_lock(engine);
    dbx_session_close(session);
    dbx_engine_unlock(engine);
    dbx_buf_free(&names);
    dbx_buf_free(&out);
    return state;
}

/* --- Running it ------------------------------------------------------------------------------ */

static bool workload_has(const char *container, const char *name) {
    const char *bar = strchr(name, '|');
    for (size_t i = 0; i < WORKLOAD_STEPS; i++) {
        const char *const *words = workload_steps[i].words;
        if (strcasecmp(words[0], container) != 0) continue;
        if (bar == NULL || (words[1] != NULL && strcasecmp(words[1], bar + 1) == 0)) return true;
    }
    return false;
}

/* Every command of the table is among the steps, but the two that end the session or the server,
 * and those between processes. */
static void workload_check_complete(void) {
    const dbx_command *row;
    for (size_t i = 0; (row = dbx_table_at(i)) != NULL; i++) {
        if (strcmp(row->name, "quit") == 0 || strcmp(row->name, "shutdown") == 0) continue;
        if ((row->flags & DBX_CMD_INTERNAL) != 0) continue;
        if (row->run != NULL && !workload_has(row->name, row->name))
            check_failed(__FILE__, __LINE__, "%s is not in the workload", row->name);
        for (const dbx_command *sub = row->subcommands; sub != NULL && sub->name != NULL; sub++) {
            if (!workload_has(row->name, sub->name))
                check_failed(__FILE__, __LINE__, "%s is not in the workload", sub->name);
        }
    }
}

/* The run that the others are compared with. */
static void workload_learn(dbx_engine *engine) {
    CHECK(workload_connect());
    workload_check_complete();
    workload_states[0] = workload_state(engine);
    for (size_t i = 0; i < WORKLOAD_STEPS; i++) {
        CHECK_EQ(workload_step_send(&workload_steps[i], &workload_replies[i]), WORKLOAD_ANSWERED);
        workload_states[i + 1] = workload_state(engine);
    }
}

static void workload_forget(void) {
    for (size_t i = 0; i < WORKLOAD_STEPS; i++)
        dbx_buf_free(&workload_replies[i]);
}

static bool workload_as_learnt(size_t i, const dbx_buf *reply) {
    const dbx_buf *want = &workload_replies[i];
    if (reply->len == 0 || reply->ptr[0] != want->ptr[0]) return false;
    return (workload_steps[i].kind & WORKLOAD_VARIES) != 0 ||
           dbx_slice_eq(dbx_buf_slice(reply), dbx_buf_slice(want));
}

static bool workload_refused(size_t i, dbx_buf *reply) {
    static const char oom[] = "-OOM ", memory[] = " memory"; /* LCS has words of its own */
    if ((workload_steps[i].kind & WORKLOAD_MULTI) != 0)
        return memmem(reply->ptr, reply->len, memory, sizeof memory - 1) != NULL;
    return reply->len > sizeof oom && reply->ptr[0] == '-' &&
           (memcmp(reply->ptr, oom, sizeof oom - 1) == 0 ||
            memmem(reply->ptr, reply->len, memory, sizeof memory - 1) != NULL);
}

/* A new session that has done what the old one had; no failure is armed any more. */
static void workload_reconnect(size_t upto) {
    dbx_buf reply = {0};
    CHECK(workload_connect());
    for (size_t i = 0; i < upto; i++) {
        if ((workload_steps[i].kind & WORKLOAD_SESSION) == 0) continue;
        CHECK_EQ(workload_step_send(&workload_steps[i], &reply), WORKLOAD_ANSWERED);
        CHECK(workload_as_learnt(i, &reply));
    }
    dbx_buf_free(&reply);
}

/* The step to go on with after `i` was noticed: its transaction is begun again. */
static size_t workload_restart(size_t i) {
    const dbx_slice discard = dbx_slice_str("DISCARD");
    dbx_buf reply = {0};
    if ((workload_steps[i].kind & WORKLOAD_MULTI) == 0) return i;
    if (workload_send(1, &discard, &reply) == WORKLOAD_CLOSED) workload_reconnect(i);
    free(reply.ptr);
    while (strcmp(workload_steps[i].words[0], "MULTI") != 0)
        i--;
    return i;
}

/* One step went otherwise than it should: says whether it has to be sent again. */
static bool workload_again(dbx_engine *engine, size_t i, workload_outcome outcome, dbx_buf *reply) {
    if (outcome == WORKLOAD_ANSWERED && !workload_refused(i, reply)) {
        check_failed(__FILE__, __LINE__, "step %zu (%s) was answered otherwise:", i,
                     workload_steps[i].words[0]);
        check_print(dbx_buf_slice(reply));
    }
    uint64_t state = workload_state(engine);
    bool done = outcome != WORKLOAD_ANSWERED && state != workload_states[i] &&
                state == workload_states[i + 1];
    /* Of a transaction the write may be done, and another command be refused. */
    bool may_be_done =
        (workload_steps[i].kind & WORKLOAD_MULTI) != 0 && state == workload_states[i + 1];
    if (!done && !may_be_done && state != workload_states[i]) {
        check_failed(__FILE__, __LINE__, "after step %zu (%s) the database holds something else", i,
                     workload_steps[i].words[0]);
    }
    if (outcome == WORKLOAD_CLOSED) workload_reconnect(i);
    return !done;
}

/* workload_run repeats the steps while one allocation fails; true: it has failed. Only one step may
 * notice; it is refused, or its connection is lost, or first one and then the other. */
static bool workload_run(dbx_engine *engine) {
    size_t noticed = WORKLOAD_STEPS;
    dbx_buf reply = {0};
    if (!workload_connect()) CHECK(workload_connect());
    for (size_t i = 0; i < WORKLOAD_STEPS && check_failures == 0; i++) {
        for (unsigned tries = 0;; tries++) {
            workload_outcome outcome = workload_step_send(&workload_steps[i], &reply);
            if (outcome == WORKLOAD_ANSWERED && workload_as_learnt(i, &reply)) break;
            if (tries >= 2 || (noticed != WORKLOAD_STEPS && noticed != i)) {
                check_failed(__FILE__, __LINE__, "step %zu (%s) is answered otherwise after %zu", i,
                             workload_steps[i].words[0], noticed);
                check_print(dbx_buf_slice(&reply));
            }
            noticed = i;
            if (check_failures > 0 || !workload_again(engine, i, outcome, &reply)) break;
            i = workload_restart(i);
        }
    }
    bool failed = dbx_alloc_failed();
    dbx_alloc_fail_after(-1);
    CHECK(failed || noticed == WORKLOAD_STEPS);
    CHECK_EQ(workload_state(engine), workload_states[WORKLOAD_STEPS]);
    dbx_buf_free(&reply);
    return failed;
}

#endif
