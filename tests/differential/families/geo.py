"""Places in sorted sets. What is in no order is sorted before it is compared."""

from __future__ import annotations

from tests.differential.normal import Normals, Options, Pools, in_any_order, masked, shape
from tests.differential.words import Command
from tests.support.resp import Reply

DATA = True

POOLS: Pools = {
    "own": (b"geo:1", b"geo:1", b"geo:2"),
    "near": (b"10", b"150", b"200", b"500", b"3000", b"0"),
    "longitude": (
        b"13.361389", b"15.087269", b"13.583333", b"2.349014", b"0", b"-0.1", b"180", b"-180",
        b"179.999999", b"-122.4194", b"181", b"nan", b"abc", b"", b"13.361389",
    ),
    "latitude": (
        b"38.115556", b"37.502669", b"37.316667", b"48.864716", b"0", b"51.5", b"85.05112878",
        b"-85.05112878", b"85.06", b"90", b"nan", b"abc", b"", b"38.115556",
    ),
    "place": (b"p", b"c", b"e", b"rome", b"", b"\x00\xff", b"nowhere", b"p", b"c"),
    "length": (
        b"0", b"1", b"100", b"200", b"500", b"2000", b"20000", b"0.5", b"-1", b"abc", b"",
        b"1e308", b"nan",
    ),
    "unit": (b"m", b"km", b"km", b"KM", b"ft", b"mi", b"cm", b""),
    "most": (b"1", b"2", b"3", b"100", b"0", b"-1", b"abc", b"9223372036854775807"),
}  # fmt: skip

OPTIONS: Options = {
    "with": (
        "ASC", "DESC", "ASC COUNT 2", "DESC WITHCOORD WITHDIST", "ASC WITHHASH", "WITHDIST",
        "ASC WITHDIST WITHHASH WITHCOORD",
    ),
    "middle": ("FROMLONLAT 15 37", "FROMMEMBER p", "FROMMEMBER c", "FROMLONLAT 179.9 0"),
    "spot": ("<longitude> <latitude> <place>",),
    "spots": (
        "<spot>", "<spot>+", "13.361389 38.115556 p 15.087269 37.502669 c",
        "13.361389 38.115556 p 15.087269 37.502669 c 12.5 41.9 rome 13.58 37.31 e",
        "13.361389 38.115556",
    ),
    "add-option": ("NX", "XX", "CH", "nx", "ch", "GT", "<word>"),
    "from": (
        "FROMLONLAT 15 37", "FROMLONLAT <longitude> <latitude>", "FROMMEMBER <place>",
        "FROMMEMBER p", "frommember c", "FROMLONLAT 15", "<word>",
    ),
    "by": (
        "BYRADIUS <length> <unit>", "BYRADIUS 200 km", "BYBOX 400 400 km",
        "BYBOX <length> <length> <unit>", "byradius 500 km", "BYBOX 400 km", "<word>",
    ),
    "order": ("ASC", "DESC", "asc"),
    "search-option": (
        "ASC", "DESC", "COUNT <most>", "COUNT 2 ASC", "COUNT 1 ANY", "WITHCOORD", "WITHDIST",
        "WITHHASH", "withdist", "ANY", "COUNT", "<word>",
    ),
    "store-option": ("ASC", "DESC", "COUNT <most>", "STOREDIST", "storedist", "WITHDIST", "<word>"),
    "radius-option": (
        "ASC", "DESC", "COUNT <most>", "WITHCOORD", "WITHDIST", "WITHHASH", "STORE <key>",
        "STOREDIST <key>", "STORE", "COUNT 1 ANY", "<word>",
    ),
}  # fmt: skip

TEMPLATES = (
    "GEOADD <key> <spots>", "GEOADD <key> <spots>", "GEOADD <key> <spots>", "GEOADD <key> <spots>",
    "GEOADD <key> <add-option>* <spots>", "GEODIST <key> <place> <place>",
    "GEODIST <key> <place> <place> <unit>", "GEOHASH <key> <place>*", "GEOPOS <key> <place>*",
    "ZREM <key> <place>", "ZSCORE <key> <place>", "GEOSEARCH <key> <from> <by> <search-option>*",
    "GEOSEARCH <key> <from> <by> <order> <search-option>*",
    "GEOSEARCH <key> <by> <from> <order> COUNT 2", "GEOSEARCH <key> <from> <from> <by>",
    "GEOSEARCHSTORE <key> <key> <from> <by> <store-option>*",
    "GEOSEARCHSTORE <key> <key> <from> <by> <store-option>*",
    "GEORADIUS <key> <longitude> <latitude> <length> <unit> <radius-option>*",
    "GEORADIUS_RO <key> <longitude> <latitude> <length> <unit> <search-option>*",
    "GEORADIUSBYMEMBER <key> <place> <length> <unit> <radius-option>*",
    "GEORADIUSBYMEMBER_RO <key> <place> <length> <unit> <search-option>*",
    # What is right in every word, most of the time.
    "GEOADD <own> 13.361389 38.115556 p 15.087269 37.502669 c 12.5 41.9 rome -179.9 1 <place>",
    "GEOSEARCH <own> <middle> BYRADIUS <near> km <with>",
    "GEOSEARCH <own> <middle> BYBOX <near> <near> km <with>",
    "GEOSEARCHSTORE <key> <own> <middle> BYRADIUS <near> km",
    "GEOSEARCHSTORE <key> <own> <middle> BYBOX <near> 500 km ASC COUNT 2 STOREDIST",
    "GEORADIUS <own> 15 37 <near> km <with>", "GEORADIUS <own> 15 37 <near> km STORE <key>",
    "GEORADIUS_RO <own> 13 38 <near> mi <with>",
    "GEORADIUSBYMEMBER <own> p <near> km STOREDIST <key>",
    "GEORADIUSBYMEMBER_RO <own> c <near> km <with>",
)  # fmt: skip


def _found(command: Command, reply: Reply) -> Reply:
    words = {word.upper() for word in command}
    if b"ANY" in words:
        return shape(command, reply) if words & {b"ASC", b"DESC"} else masked(command, reply)
    return reply if words & {b"ASC", b"DESC", b"COUNT"} else in_any_order(command, reply)


_SEARCHES = (
    "GEOSEARCH", "GEORADIUS", "GEORADIUS_RO", "GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO",
)  # fmt: skip
NORMAL: Normals = dict.fromkeys(_SEARCHES, _found)
