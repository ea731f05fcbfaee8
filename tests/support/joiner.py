"""A process that opens a database, counts in it, and says how far it has come.

`python -m tests.support.joiner DIR KEY` prints "open" (or "joined") and what KEY holds; then a line
for each INCR, until its input ends: its reply or "unknown", and how many milliseconds it took.
"""

from __future__ import annotations

import os
import select
import sys
import time

import dbx
from dbx import errors


def main(path: str, key: str) -> None:
    with dbx.open(path) as db:
        print("joined" if db.joined else "open", int(db.get(key) or 0), flush=True)
        while not select.select([0], [], [], 0)[0]:
            begun = time.monotonic()
            try:
                line = b"%d" % db.incr(key)
            except errors.ConnectionError:
                line = b"unknown"
            os.write(1, b"%s %d\n" % (line, (time.monotonic() - begun) * 1000))


if __name__ == "__main__":
    main(*sys.argv[1:])
