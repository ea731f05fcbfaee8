"""Sorted sets."""

from __future__ import annotations

from tests.differential.normal import (
    Harmless,
    Normals,
    Options,
    Pools,
    Value,
    Values,
    one_scan_step,
    shape,
)
from tests.differential.words import NUMKEYS, Command, many, sized

DATA = True

_LEX_KEYS = (b"lex:1", b"lex:2")

POOLS: Pools = {
    "lex-key": _LEX_KEYS,
    "own": (b"zset:1", b"zset:1", b"zset:2"),
    "at": (
        b"0", b"0", b"1", b"2", b"-1", b"-1", b"-2", b"50", b"-50", b"1000",
        b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"abc", b"",
    ),
    "bound": (
        b"-inf", b"+inf", b"-inf", b"+inf", b"inf", b"0", b"1", b"(1", b"(0", b"2", b"-1", b"(-1",
        b"1.5", b"(2.5", b"(inf", b"(-inf", b"1e308", b"nan", b"(nan", b"abc", b"(", b"", b"((1",
        b"[1",
    ),
    "lex": (
        b"-", b"+", b"-", b"+", b"[a", b"(a", b"[b", b"(c", b"[", b"(", b"[1", b"(\xff",
        b"[m5", b"a", b"", b"--", b"+a", b"[" + sized(64),
    ),
}  # fmt: skip

_RANGE = (
    "BYSCORE", "BYLEX", "REV", "LIMIT <at> <at>", "WITHSCORES", "byscore", "rev", "LIMIT 0 -1",
    "LIMIT 0", "<word>",
)  # fmt: skip
_COMBINE = (
    "WEIGHTS <score>", "WEIGHTS <score> <score>", "WEIGHTS 2 3", "AGGREGATE SUM", "AGGREGATE MIN",
    "aggregate max", "AGGREGATE AVG", "WITHSCORES", "WEIGHTS", "<word>",
)  # fmt: skip

OPTIONS: Options = {
    "scored": ("<score> <member>",),
    "zero": ("0 <member>",),
    "zeros": ("<zero>+", "<zero> <zero> <zero> <zero>", many("0 m{0}", 5), many("0 m{0}", 130)),
    "all-scored": (
        "<scored>+", "<scored>+", "<scored> <scored> <scored> <scored> <scored> <scored>",
        "0 a 0 b 0 c 0 d", "<scored> <score>", many("{0} m{0}", 5), many("0 m{0}", 5),
        many("0 m{0}", 130), many("{0} {0}", 300), many("1.5 member:{0}", 300),
    ),
    "zadd-option": ("NX", "XX", "GT", "LT", "CH", "INCR", "nx", "ch", "incr", "<word>"),
    "keys": NUMKEYS,
    "range-option": _RANGE,
    "store-option": _RANGE,
    "combine-option": _COMBINE,
    "limit": ("LIMIT <at> <at>", "LIMIT 0 2", "WITHSCORES", "withscores", "LIMIT 0", "<word>"),
    "withscores": ("WITHSCORES", "withscores", "<word>"),
    "withscore": ("WITHSCORE", "withscore", "<word>"),
    "card-option": ("LIMIT <many>", "limit 1", "LIMIT", "<word>"),
    "end": ("MIN", "MAX", "min", "MID"),
    "zmpop-option": ("COUNT <many>", "count 2", "COUNT", "<word>"),
    "scan-option": ("MATCH <pattern>", "COUNT <count>", "MATCH", "COUNT", "<word>"),
}  # fmt: skip

TEMPLATES = (
    "ZADD <key> <all-scored>", "ZADD <key> <all-scored>", "ZADD <key> <all-scored>",
    "ZADD <key> <all-scored>", "ZADD <key> <zadd-option>* <all-scored>",
    "ZADD <key> <zadd-option>* <scored>", "ZINCRBY <key> <score> <member>",
    "ZINCRBY <key> <score> <member>", "ZREM <key> <member>+", "ZREM <key> <member>+",
    "ZCARD <key>", "ZSCORE <key> <member>", "ZMSCORE <key> <member>+", "ZRANK <key> <member>",
    "ZRANK <key> <member> <withscore>", "ZREVRANK <key> <member>",
    "ZREVRANK <key> <member> <withscore>", "ZCOUNT <key> <bound> <bound>",
    "ZLEXCOUNT <lex-key> <lex> <lex>", "ZLEXCOUNT <key> - +",
    "ZRANGE <key> <at> <at> <withscores>?",
    "ZRANGE <key> <at> <at> <range-option>*",
    "ZRANGE <key> <bound> <bound> BYSCORE <range-option>*",
    "ZRANGE <lex-key> <lex> <lex> BYLEX <range-option>*",
    "ZRANGE <lex-key> <lex> <lex> BYLEX REV LIMIT <at> <at>", "ZRANGE <key> - + BYLEX",
    "ZADD <lex-key> <zeros>", "ZADD <lex-key> <zeros>", "SET <lex-key> a", "DEL <lex-key>",
    "ZREM <lex-key> <member>+", "EXPIRE <lex-key> <seconds>",
    "ZRANGESTORE <key> <key> <at> <at> <store-option>*",
    "ZRANGESTORE <key> <key> <bound> <bound> BYSCORE <store-option>*",
    "ZRANGESTORE <key> <lex-key> <lex> <lex> BYLEX <store-option>*",
    "ZREVRANGE <key> <at> <at> <withscores>?", "ZRANGEBYSCORE <key> <bound> <bound> <limit>*",
    "ZREVRANGEBYSCORE <key> <bound> <bound> <limit>*",
    "ZRANGEBYLEX <lex-key> <lex> <lex> <limit>?",
    "ZREVRANGEBYLEX <lex-key> <lex> <lex> <limit>?", "ZREVRANGEBYLEX <key> + -",
    "ZREMRANGEBYRANK <key> <at> <at>",
    "ZREMRANGEBYSCORE <key> <bound> <bound>", "ZREMRANGEBYLEX <lex-key> <lex> <lex>",
    "ZPOPMIN <key>", "ZPOPMIN <key> <many>", "ZPOPMAX <key>", "ZPOPMAX <key> <many>",
    "ZMPOP <keys> <end>", "ZMPOP <keys> <end> <zmpop-option>*", "ZRANDMEMBER <key>",
    "ZRANDMEMBER <key> <few>", "ZRANDMEMBER <key> <few> <withscores>",
    "ZUNION <keys> <combine-option>*", "ZINTER <keys> <combine-option>*",
    "ZDIFF <keys> <withscores>?", "ZUNIONSTORE <key> <keys> <combine-option>*",
    "ZUNIONSTORE <key> <keys> <combine-option>*", "ZINTERSTORE <key> <keys> <combine-option>*",
    "ZDIFFSTORE <key> <keys>", "ZINTERCARD <keys> <card-option>*",
    "ZSCAN <key> <cursor> <scan-option>*",
    # What is right in every word, most of the time.
    "ZUNION 2 <own> <key> WITHSCORES", "ZUNION 2 <own> <own> WEIGHTS 2 <score>",
    "ZINTER 2 <own> <own> WEIGHTS -1 0.5 AGGREGATE MAX WITHSCORES",
    "ZINTER 2 <own> <key> AGGREGATE MIN WITHSCORES",
    "ZUNIONSTORE <own> 2 <key> <own> WEIGHTS <score> 1",
    "ZUNIONSTORE <key> 2 <own> <own> AGGREGATE MIN", "ZINTERSTORE <own> 2 <own> <key>",
    "ZINTERSTORE <own> 2 <own> <own> AGGREGATE MAX", "ZDIFFSTORE <key> 2 <own> <key>",
    "ZMPOP 2 <key> <own> MIN COUNT 2", "ZMPOP 1 <own> MAX", "ZINTERCARD 2 <own> <key>",
    "ZINTERCARD 2 <own> <own> LIMIT 2", "ZRANGESTORE <key> <own> 0 2",
    "ZRANGESTORE <own> <own> (1 +inf BYSCORE LIMIT 0 3", "ZRANGESTORE <key> <lex-key> - [c BYLEX",
    "ZREVRANGEBYLEX <lex-key> + - LIMIT 1 2", "ZREVRANGEBYLEX <lex-key> [c (a",
)  # fmt: skip

NORMAL: Normals = {"ZRANDMEMBER": shape, "ZSCAN": one_scan_step}

_LEX = tuple((key,) for key in _LEX_KEYS)


def _same_scores(command: Command) -> bool:
    """Redis leaves open what ranges by member have when scores differ: such ranges, but for all of
    a set, are only of keys that have members of the score 0, or none."""
    words = [word.upper() for word in command]
    if words[0] == b"ZADD":
        return command[1:2] not in _LEX or set(words[2::2]) <= {b"0"}
    by_member = words[0].endswith((b"LEX", b"LEXCOUNT")) or b"BYLEX" in words
    at = 2 if words[0] == b"ZRANGESTORE" else 1
    everything = sorted(words[at + 1 : at + 3]) == [b"+", b"-"] and b"LIMIT" not in words
    return not by_member or everything or command[at : at + 1] in _LEX


HARMLESS: Harmless = dict.fromkeys(
    (
        "ZADD", "ZLEXCOUNT", "ZRANGE", "ZRANGESTORE", "ZRANGEBYLEX", "ZREVRANGEBYLEX",
        "ZREMRANGEBYLEX",
    ),
    _same_scores,
)  # fmt: skip

# SORT, of which the sorted set is only read, makes it a skiplist in Redis.
VALUES: Values = {
    b"zset": Value("ZRANGE <key> 0 -1 WITHSCORES", encodings=((b"skiplist", b"listpack"),))
}

SCANS = {"ZSCAN": 2}
