"""What must hold of every type: one key of n elements goes, or gets another name, at once."""

from __future__ import annotations

from tests.complexity.growth import CONSTANT, LINEAR, LOGARITHMIC, filled

SETUPS = {
    "hash": filled("HSET", "k", element="field:{i} value:{i}"),
    "list": filled("RPUSH", "k", element="element:{i}"),
    "set": filled("SADD", "k", element="member:{i}"),
    "zset": filled("ZADD", "k", element="{i} member:{i}"),
}

_OF_ANY = (("DEL k", True), ("UNLINK k", True), ("RENAME k l", True), ("SET k v", True),
           ("PEXPIRE k -1", True), ("EXPIRE k 1000", False), ("TYPE k", False),
           ("OBJECT ENCODING k", False))  # fmt: skip

# What is drawn at random costs more or less by chance, and less once places are remembered, after
# sixteen draws: fifteen at a time, each row in a database of its own.
ROWS = (
    *((command, kind, CONSTANT, spoils) for kind in SETUPS for command, spoils in _OF_ANY),
    ("HGET k field:{half}", "hash", CONSTANT),
    ("HSET k field:{half} new", "hash", CONSTANT),
    ("HDEL k field:0", "hash", CONSTANT),
    ("HLEN k", "hash", CONSTANT),
    ("HSCAN k 0 COUNT 10", "hash", CONSTANT),
    ("HRANDFIELD k 15 WITHVALUES", "hash", LOGARITHMIC, True),
    ("HRANDFIELD k -15", "hash", LOGARITHMIC, True),
    ("HRANDFIELD k {half}", "hash", LINEAR),
    ("HGETALL k", "hash", LINEAR),
    ("HEXPIRE k 1000 FIELDS 1 field:{half}", "hash", CONSTANT),
    ("HTTL k FIELDS 1 field:{half}", "hash", CONSTANT),
    ("HPERSIST k FIELDS 1 field:{half}", "hash", CONSTANT),
    ("LPUSH k a", "list", CONSTANT),
    ("RPOP k", "list", CONSTANT),
    ("LLEN k", "list", CONSTANT),
    ("LRANGE k 0 9", "list", CONSTANT),
    ("LRANGE k -10 -1", "list", CONSTANT),
    ("LTRIM k 1 -2", "list", CONSTANT),
    ("LMOVE k l LEFT RIGHT", "list", CONSTANT),
    ("SISMEMBER k member:{half}", "set", CONSTANT),
    ("SADD k new", "set", CONSTANT),
    ("SREM k member:0", "set", CONSTANT),
    ("SCARD k", "set", CONSTANT),
    ("SPOP k 15", "set", LOGARITHMIC, True),
    ("SRANDMEMBER k 15", "set", LOGARITHMIC, True),
    ("SRANDMEMBER k -15", "set", LOGARITHMIC, True),
    ("SSCAN k 0 COUNT 10", "set", CONSTANT),
    ("SMEMBERS k", "set", LINEAR),
    *(("DUMP k", kind, LINEAR) for kind in SETUPS),
    *(("MEMORY USAGE k", kind, CONSTANT) for kind in SETUPS),
    ("ZSCORE k member:{half}", "zset", CONSTANT),
    ("ZCARD k", "zset", CONSTANT),
    ("ZADD k 7 new", "zset", LOGARITHMIC),
    ("ZREM k member:0", "zset", LOGARITHMIC),
    ("ZINCRBY k 1 member:{half}", "zset", LOGARITHMIC),
    ("ZRANK k member:{half}", "zset", LOGARITHMIC),
    ("ZRANGE k {half} {half}", "zset", LOGARITHMIC),
    ("ZREVRANGE k 0 9", "zset", LOGARITHMIC),
    ("ZCOUNT k 10 {half}", "zset", LOGARITHMIC),
    ("ZRANGEBYSCORE k {half} +inf LIMIT 0 10", "zset", LOGARITHMIC),
    ("ZPOPMIN k", "zset", LOGARITHMIC),
    ("ZRANDMEMBER k 15 WITHSCORES", "zset", LOGARITHMIC, True),
    ("ZSCAN k 0 COUNT 10", "zset", CONSTANT),
    ("ZREMRANGEBYRANK k 0 9", "zset", LOGARITHMIC),
)
