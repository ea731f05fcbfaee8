"""A process that opens a database and executes what it is told, a thread for each connection.

    python -m tests.crash.child DIRECTORY SOCKET DURABILITY NAME=VALUE...

It listens when the database is open. SIGTERM closes the database while threads use it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading

import dbx
from tests.crash.calls import execute, receive_object, send_object


def serve(end: socket.socket, db: dbx.DBX) -> None:
    with contextlib.suppress(OSError):
        while True:
            commands, together = receive_object(end)
            results = execute(db, commands, together)
            if db.closed:
                return  # nothing was acknowledged
            send_object(end, results)


def main(directory: str, path: str, durability: str, *pairs: str) -> None:
    settings = dict(pair.split("=", 1) for pair in pairs)
    db = dbx.open(directory, durability=durability, **settings)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    signal.signal(signal.SIGTERM, lambda *_: listener.shutdown(socket.SHUT_RDWR))
    with contextlib.suppress(OSError):
        while True:
            end, _ = listener.accept()
            threading.Thread(target=serve, args=(end, db), daemon=True).start()
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
