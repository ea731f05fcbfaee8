"""What redis-py makes of a command's reply, by command: the Python values people expect.

Replies arrive as the RESP3 codec gives them; a name that is missing here needs no change. Shapes
are those of redis-py's defaults (its "legacy responses"), with decode_responses on or off.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

__all__ = ["PARSERS", "Parser"]

Parser = Callable[..., Any]

_CLIENT_INTEGERS = {"id", "age", "idle", "db", "sub", "psub", "multi", "qbuf", "qbuf-free", "obl"}
_CLIENT_INTEGERS |= {"argv-mem", "oll", "omem", "tot-mem"}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _ok(reply: Any, **_: Any) -> bool:
    return reply in (b"OK", "OK")


def _set(reply: Any, *, get: bool = False, **_: Any) -> Any:
    if get or not reply:
        return reply
    return reply in (b"OK", "OK")


def _ping(reply: Any, **_: Any) -> bool:
    return reply in (b"PONG", "PONG")


def _flat_pairs(reply: Any, *, withvalues: bool = False, **_: Any) -> Any:
    if not withvalues or not reply:
        return reply
    return [part for pair in reply for part in pair]


def _hscan(reply: Any, *, no_values: bool | None = None, **_: Any) -> tuple[int, Any]:
    cursor, found = reply
    if no_values or len(found) % 2:  # NOVALUES, among the words of execute_command
        return int(cursor), found or []
    return int(cursor), dict(zip(found[::2], found[1::2], strict=True))


def _scan(reply: Any, **_: Any) -> tuple[int, list[Any]]:
    cursor, items = reply
    return int(cursor), items


def _members(reply: Any, **_: Any) -> set[Any]:
    return set(reply)


def _sorted(reply: Any, *, groups: int | None = None, **_: Any) -> Any:
    """SORT's: with groups each element's values as a tuple."""
    if not reply or not groups:
        return reply
    return list(zip(*(reply[i::groups] for i in range(groups)), strict=False))


def _time(reply: Any, **_: Any) -> tuple[int, int]:
    return int(reply[0]), int(reply[1])


def _lcs(reply: Any, **_: Any) -> Any:
    if not isinstance(reply, dict):
        return reply
    return [part for pair in reply.items() for part in pair]


def _texts(reply: Any, **_: Any) -> list[Any]:
    return [_text(item) for item in reply]


def _config(reply: Any, **_: Any) -> dict[Any, Any]:
    return {_text(name): _text(value) for name, value in (reply or {}).items()}


def _info_value(value: str) -> Any:
    if "=" in value:
        fields: dict[str, Any] = {}
        for item in filter(None, value.split(",")):
            name, equals, rest = item.rpartition("=")
            fields[name if equals else item] = _info_value(rest) if equals else True
        return fields
    if "," in value:
        return [_info_value(item) for item in value.split(",") if item]
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


def _info(reply: Any, **_: Any) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for line in _text(reply).splitlines():
        if not line or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if not colon:
            info.setdefault("__raw__", []).append(line)
        elif name == "module":
            info.setdefault("modules", []).append(_info_value(value))
        else:
            info[name] = _info_value(value)
    return info


def _client(line: str) -> dict[str, Any]:
    """One line of CLIENT LIST; a blank inside a value (a socket's path) belongs to it."""
    fields: dict[str, Any] = {}
    last = ""
    for token in line.split(" "):
        name, equals, value = token.partition("=")
        if equals:
            fields[name] = value
            last = name
        elif last:
            fields[last] += f" {token}"
    return fields


def _client_list(reply: Any, **_: Any) -> list[dict[str, Any]]:
    return [_client(line) for line in _text(reply).splitlines() if line]


def _client_info(reply: Any, **_: Any) -> dict[str, Any]:
    fields = _client(_text(reply).strip())
    return {name: int(v) if name in _CLIENT_INTEGERS else v for name, v in fields.items()}


def _client_kill(reply: Any, **_: Any) -> int | bool:
    return reply if isinstance(reply, int) else _ok(reply)


def _command(reply: Any, **_: Any) -> dict[str, dict[str, Any]]:
    commands = {}
    for row in reply:
        name = _text(row[0])
        commands[name] = {
            "name": name,
            "arity": int(row[1]),
            "flags": [_text(flag) for flag in row[2]],
            "first_key_pos": row[3],
            "last_key_pos": row[4],
            "step_count": row[5],
            "acl_categories": [_text(category) for category in row[6]],
            "tips": row[7],
            "key_specifications": row[8],
            "subcommands": row[9],
        }
    return commands


def _own_map(reply: Any, **_: Any) -> Any:
    """A map whose names, and words among its values, are DBX's own."""
    if not isinstance(reply, dict):
        return _ok(reply) if reply is not None else None
    return {_text(name): _text(value) for name, value in reply.items()}


def _each(names: str, parser: Parser) -> dict[str, Parser]:
    return dict.fromkeys(names.split(), parser)


def _bool(reply: Any, **_: Any) -> bool:
    return bool(reply)


def _float(reply: Any, **_: Any) -> float:
    return float(reply)


def _moment(reply: Any, **_: Any) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(reply))


def _cast(score: Any, func: Callable[[Any], Any]) -> Any:
    """A score as RESP2 has it, given to the caller's function: what redis-py does."""
    text = _score_text(score)
    try:
        return func(text)
    except (TypeError, ValueError):
        return func(float(text))


def _score_text(score: Any) -> Any:
    return format(score, ".17g").encode() if isinstance(score, float) else score


def _scored(reply: Any, *, withscores: bool = False, **options: Any) -> Any:
    """Members with scores, as pairs."""
    if not reply or not withscores:
        return reply
    func = options.get("score_cast_func", float)
    return [(member, _cast(score, func)) for member, score in reply]


def _scored_flat(reply: Any, *, withscores: bool = False, **_: Any) -> Any:
    if not reply or not withscores:
        return reply
    return [part for member, score in reply for part in (member, _score_text(score))]


def _popped(reply: Any, **_: Any) -> Any:
    if not reply:
        return reply
    found = reply if isinstance(reply[0], list) else [reply]
    return [(member, float(score)) for member, score in found]


def _popped_of(reply: Any, **_: Any) -> Any:
    if not reply:
        return reply
    return [reply[0], [[member, _score_text(score)] for member, score in reply[1]]]


def _ranked(reply: Any, *, withscore: bool = False, **options: Any) -> Any:
    if not reply or not withscore:
        return reply
    return [reply[0], _cast(reply[1], options.get("score_cast_func", float))]


def _zscan(reply: Any, **options: Any) -> tuple[int, list[Any]]:
    cursor, items = reply
    func = options.get("score_cast_func", float)
    pairs = zip(items[::2], items[1::2], strict=True)
    return int(cursor), [(member, _cast(score, func)) for member, score in pairs]


def _point(reply: Any) -> tuple[float, float] | None:
    return None if reply is None else (float(reply[0]), float(reply[1]))


def _points(reply: Any, **_: Any) -> list[Any]:
    return [_point(point) for point in reply]


def _places(reply: Any, *, places: Any = (), **_: Any) -> Any:
    """What a search found, with what it was asked to tell: in the server's order."""
    casts = [
        cast
        for word, cast in (("WITHDIST", float), ("WITHHASH", int), ("WITHCOORD", _point))
        if word in places
    ]
    if not casts:
        return reply
    return [
        [member, *(cast(part) for cast, part in zip(casts, more, strict=True))]
        for member, *more in reply
    ]


def _float_or_none(reply: Any, **_: Any) -> float | None:
    return None if reply is None else float(reply)


def _true(reply: Any, **_: Any) -> bool:
    return True


def _as_text(reply: Any, **_: Any) -> Any:
    return _text(reply)


# --- Streams --------------------------------------------------------------------------------------


def _fields(strings: Any) -> dict[Any, Any]:
    return dict(zip(strings[::2], strings[1::2], strict=True)) if strings else {}


def _entries(reply: Any, **_: Any) -> Any:
    if reply is None:
        return None
    return [(id, _fields(strings)) for id, strings in reply]


def _streams(reply: Any, **_: Any) -> list[Any]:
    return [[name, _entries(entries)] for name, entries in (reply or {}).items()]


# Of these commands a word changes the reply's shape, which tells: whoever passes the words to
# execute_command need not name it again, as redis-py's options do.


def _claimed(reply: Any, **_: Any) -> Any:
    """Of XCLAIM: entries, or ids for JUSTID."""
    return _entries(reply) if reply and isinstance(reply[0], list) else reply


def _autoclaimed(reply: Any, *, parse_justid: bool = False, **_: Any) -> Any:
    following, claimed, deleted = reply
    return claimed if parse_justid else [following, _claimed(claimed), deleted]


def _pending(reply: Any, **_: Any) -> Any:
    """Of XPENDING: entries one by one for a range, otherwise a summary."""
    if not reply or isinstance(reply[0], list):
        names = ("message_id", "consumer", "time_since_delivered", "times_delivered")
        return [dict(zip(names, entry, strict=True)) for entry in reply]
    count, least, greatest, consumers = reply
    return {
        "pending": count,
        "min": least,
        "max": greatest,
        "consumers": [{"name": name, "pending": int(n)} for name, n in consumers or ()],
    }


def _named(reply: Any) -> dict[Any, Any]:
    return {_text(name): value for name, value in reply.items()}


def _infos(reply: Any, **_: Any) -> list[Any]:
    return [_named(item) for item in reply]


def _stream_info(reply: Any, **_: Any) -> dict[Any, Any]:
    info = _named(reply)
    if "entries" in info:  # FULL
        info["entries"] = dict(_entries(info["entries"]))
        info["groups"] = _infos(info["groups"])
        return info
    for edge in ("first-entry", "last-entry"):
        if info[edge] is not None:
            info[edge] = (info[edge][0], _fields(info[edge][1]))
    return info


PARSERS: dict[str, Parser] = {
    **_each(
        "AUTH COPY EXPIRE EXPIREAT HEXISTS MOVE MSETNX PERSIST PEXPIRE PEXPIREAT PSETEX RENAMENX"
        " SETEX SETNX SMOVE",
        _bool,
    ),
    **_each(
        "FLUSHALL FLUSHDB HMSET LSET LTRIM MSET PFMERGE QUIT RENAME SAVE SELECT SHUTDOWN SWAPDB",
        _ok,
    ),
    **_each("SDIFF SINTER SMEMBERS SUNION", _members),
    **_each("ZINTER ZRANGE ZRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZUNION", _scored),
    **_each("ZDIFF ZRANDMEMBER", _scored_flat),
    **_each("ZPOPMAX ZPOPMIN", _popped),
    **_each("ZRANK ZREVRANK", _ranked),
    **_each("GEORADIUS GEORADIUSBYMEMBER GEOSEARCH", _places),
    **_each("AUTOVACUUM KEYINFO VACUUM", _own_map),
    "BGSAVE": _true,
    "CLIENT GETNAME": _as_text,
    "CLIENT INFO": _client_info,
    "CLIENT KILL": _client_kill,
    "CLIENT LIST": _client_list,
    "CLIENT SETINFO": _ok,
    "CLIENT SETNAME": _ok,
    "COMMAND": _command,
    "COMMAND GETKEYS": _texts,
    "CONFIG GET": _config,
    "CONFIG RESETSTAT": _ok,
    "CONFIG SET": _ok,
    "GEODIST": _float_or_none,
    "GEOHASH": _texts,
    "GEOPOS": _points,
    "HINCRBYFLOAT": _float,
    "HRANDFIELD": _flat_pairs,
    "HSCAN": _hscan,
    "INCRBYFLOAT": _float,
    "INFO": _info,
    "LASTSAVE": _moment,
    "LCS": _lcs,
    "MEMORY PURGE": _ok,
    "MEMORY STATS": _own_map,
    "PING": _ping,
    "RESET": _as_text,
    "SCAN": _scan,
    "SET": _set,
    "SORT": _sorted,
    "SSCAN": _scan,
    "TIME": _time,
    "ZMPOP": _popped_of,
    "ZSCAN": _zscan,
    **_each("XRANGE XREVRANGE", _entries),
    **_each("XREAD XREADGROUP", _streams),
    "XAUTOCLAIM": _autoclaimed,
    "XCLAIM": _claimed,
    "XGROUP CREATE": _ok,
    "XGROUP DESTROY": _bool,
    "XGROUP SETID": _ok,
    "XINFO CONSUMERS": _infos,
    "XINFO GROUPS": _infos,
    "XINFO STREAM": _stream_info,
    "XPENDING": _pending,
}
