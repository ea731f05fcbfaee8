"""A test's pair of servers: the real one, DBX, and what both have to draw from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest

from tests.differential.commands import Mix, mix_of, taking_part
from tests.differential.pair import Pair, configure, names_of
from tests.support import servers
from tests.support.servers import DbxServer, Server

SUBJECT = os.environ.get("DBX_TEST_SUBJECT", "dbx")

# So small that collections change their encoding all the time.
ENCODING_SETTINGS = {
    "hash-max-listpack-entries": 4, "hash-max-listpack-value": 16, "list-max-listpack-size": 4,
    "set-max-intset-entries": 4, "set-max-listpack-entries": 4, "set-max-listpack-value": 16,
    "zset-max-listpack-entries": 4, "zset-max-listpack-value": 16, "hll-sparse-max-bytes": 100,
}  # fmt: skip
NONE: Mapping[str, int] = MappingProxyType({})


def subject(**options: object) -> Server:
    """subject is DBX, not started, or what DBX_TEST_SUBJECT has in its place."""
    if SUBJECT == "dbx":
        return DbxServer(**options)  # type: ignore[arg-type]
    server: Server = getattr(servers, SUBJECT)()
    return server


@contextlib.contextmanager
def paired(
    oracle: Server, ours: Server, *, most: str | None = None, encodings: Mapping[str, int] = NONE
) -> Iterator[tuple[Pair, Mix]]:
    """paired starts `ours`; of `most`, a family, are most of the commands."""
    before: Mapping[str, int] = {}
    pair = Pair(oracle, ours, encodings)
    ours.start()
    try:
        families = taking_part(names_of(oracle), names_of(ours))
        if most is not None and most not in families:
            pytest.skip(f"not both servers have the family {most}")
        before = configure(oracle, encodings)
        configure(ours, encodings)
        yield pair, mix_of(families, most)
    except BaseException:
        print(ours.tail())
        raise
    finally:
        pair.close()
        configure(oracle, before)
        ours.close()
        print(f"{pair.compared} commands compared; {pair.parted} runs parted at a known difference")
