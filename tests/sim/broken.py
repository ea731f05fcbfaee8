"""Builds of the simulation with one thing deliberately broken: in the store, or in the system."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "c"
BIN = ROOT / ".venv" / "bin"


@dataclass(frozen=True)
class Fault:
    """A file in which `right`, which must be there once, becomes `wrong`."""

    file: str
    right: str
    wrong: str
    directory: str = "csrc/store"
    how: str = ""  # calls fail so that it is noticed: a number of tests/sim/calls.h
    states: int = 2000  # at most: most are caught within the first twenty-five, the last at 425
    seed: int = 1  # of the first history: another where that takes long


FAULTS = {
    "the log is not synced": Fault(
        "journal_sync.c",
        "return rc != DBX_OK ? rc : dbx_file_sync(fd, j->dir, error);",
        "(void)fd; return rc;",
    ),
    "closed segments are not synced": Fault(
        "journal_sync.c",
        "int rc = dbx_file_sync(closed[i].fd, j->dir, error);",
        "int rc = DBX_OK; (void)closed; (void)error;",
    ),
    "a reply waits for the sync of what came before it": Fault(
        "journal_sync.c",
        "while (atomic_load(&j->durable) < position && !j->stop)\n        sync_or_wait(j);",
        "while (0)\n        sync_or_wait(j);\n    position = 0;",
    ),
    "a new segment's name is not synced": Fault(
        "journal_sync.c",
        "if (!atomic_exchange(&j->names_unsynced, false)) return DBX_OK;",
        "(void)error; if (j != NULL) return DBX_OK;",
    ),
    "directories are not synced": Fault(
        "file.c",
        "rc = fsync(fd);\n    } while",
        "rc = 0;\n    } while",
    ),
    "data.mdbx gets its name before it is durable": Fault(
        "env.c",
        "if (rc == DBX_OK) rc = sync_file(made, error);",
        "(void)sync_file;",
    ),
    "commits are not synced": Fault(
        "env.c",
        "return open_file(path, MDBX_LIFORECLAIM, out, error);",
        "return open_file(path, MDBX_LIFORECLAIM | MDBX_UTTERLY_NOSYNC, out, error);",
    ),
    "checksums are ignored": Fault(
        "frame.c",
        "return dbx_load32(header) == dbx_crc32c(0, header + 4, covered);",
        "return covered > 0;",
    ),
    "a group is replayed although its end is missing": Fault(
        "journal_read.c",
        "if (goes_on) continue;",
        "",
    ),
    "a freeze in the middle of a turn": Fault(
        "txn.c",
        "int dbx_txn_put(dbx_txn *txn, dbx_slice key, dbx_slice head, dbx_slice tail) {",
        "void dbx_freeze_step(dbx_store *store);\n"
        "int dbx_txn_put(dbx_txn *txn, dbx_slice key, dbx_slice head, dbx_slice tail) {\n"
        "    if (txn->store->journal != NULL) dbx_freeze_step(txn->store);",
    ),
    "the frozen buffer is released before it is applied": Fault(
        "freeze.c",
        "if (store->live.frozen == NULL && time_to_freeze(store)) freeze(store);",
        "if (store->live.frozen == NULL && time_to_freeze(store)) {\n"
        "        freeze(store);\n"
        "        if (store->live.frozen != NULL) {\n"
        "            store->live.frozen->refs++;\n"
        "            store->frozen_position = store->applied_position;\n"
        "            finish_apply(store);\n"
        "        }\n"
        "    }",
    ),
    "the snapshot is not renewed": Fault(
        "freeze.c",
        "if (renew(store) != DBX_OK || !store->live.frozen_below) {",
        "if (store->live.below == NULL) {",
    ),
    "the position is recorded wrongly": Fault(
        "apply.c",
        "dbx_store64(out, applied->position);",
        "dbx_store64(out, applied->position + 1);",
    ),
    "the log is dropped before it is applied": Fault(
        "journal.c",
        "i < j->live_count && j->live[i].end <= position; i++",
        "i < j->live_count; i++",
    ),
    "applied before the log has it": Fault(
        "apply.c",
        "if (w->frozen != NULL && w->log != NULL) dbx_journal_settle(w->log, w->applied.position);",
        "",
    ),
    "a start does not sync what it replays": Fault(
        "replay.c",
        "rc = dbx_journal_reader_sync(reader, error);\n    if (rc == DBX_OK) rc =",
        "rc =",
    ),
    "a large value is named before it is durable": Fault(
        "spool.c",
        "if (rc == DBX_OK) rc = dbx_file_sync(spool->fd, part, NULL);",
        "",
    ),
    "a key that a checkpoint has leaves nothing behind when it is deleted": Fault(
        "buffer.c",
        "buffer->views == 0 && !is_saved(buffer, entry)",
        "buffer->views == 0",
    ),
    "a checkpoint is loaded wherever it begins": Fault(
        "checkpoint.c",
        "if (spans[i].from != from || spans[i].to <= from) continue;",
        "if (spans[i].to <= from) continue;",
    ),
    "a checkpoint has more than the log": Fault(
        "checkpoint.c",
        "dbx_journal_settle(log, to);\n        if (dbx_journal_durable(log) < to) {",
        "if (to == 0) {",
        seed=60,
    ),
    "a checkpoint lacks what was changed since the one before": Fault(
        "checkpoint.c",
        "store->saved_epoch = c->upto;",
        "store->saved_epoch = c->upto + 1;",
    ),
    "a delta of a checkpoint is added to an earlier state of itself": Fault(
        "checkpoint_read.c",
        "if (!m->open || m->bases[older->file] >= m->base) return DBX_OK;",
        "if (!m->open) return DBX_OK;",
    ),
    "deltas of a checkpoint are of another map": Fault(
        "checkpoint.c",
        ".base = store->frozen_position,",
        ".base = dbx_store_position(store),",
    ),
    "what was committed early is published without its record": Fault(
        "apply.c",
        "if (id != marked) rc = mark_unpublished(txn, dbi, id);",
        "(void)mark_unpublished; (void)dbi; (void)txn;",
    ),
    "a start goes on where the log was cut off": Fault(
        "journal_read.c",
        "if (rc == DBX_OK) rc = dbx_file_sync(fd, path, error);\n"
        "    (void)close(fd);\n    return rc;\n}\n",
        "(void)close(fd);\n    return DBX_OK;\n}\n",
    ),
}

# What the system must not do, so that the judge is seen to notice it.
LOSSES = {
    "what a killed process has written is lost": Fault(
        "disk.c",
        "case DISK_KILLED:\n        return 100;",
        "case DISK_KILLED:\n        return at + 1 < moment ? 100 : 0;",
        "tests/sim",
    ),
    "what was synced is lost": Fault(
        "disk.c",
        "return r->steps[at].settled < moment &&",
        "return at % 50 != 0 && r->steps[at].settled < moment &&",
        "tests/sim",
    ),
    "the log is synced every other second": Fault(
        "journal_sync.c",
        "SYNC_EVERY_US = 1000000,",
        "SYNC_EVERY_US = 2000000,",
    ),
}

IO_ERROR, SHORT, FULL = "2", "4", "8"

# Of these the power may be cut as often as one likes: they are wrong only when something fails.
WHEN_CALLS_FAIL = {
    "a failed sync is taken for a success": Fault(
        "file.c",
        'return rc == 0 ? DBX_OK : dbx_file_error(errno, "sync", path, error);',
        "(void)path; (void)error; return DBX_OK;",
        how=IO_ERROR,
    ),
    "a failed sync is tried again": Fault(
        "journal_sync.c",
        "if (rc != DBX_OK) dbx_journal_refuse(j, &error);",
        "if (rc != DBX_OK) rc = dbx_file_sync(j->current.fd, j->dir, &error);",
        how=IO_ERROR,
    ),
    "a failed turn is not undone": Fault(
        "store.c",
        'undo_turn(store);\n            return dbx_error_set(error, rc, "MISCONF the journal',
        '(void)undo_turn;\n            return dbx_error_set(error, rc, "MISCONF the journal',
        how=IO_ERROR,
    ),
    "a short write is taken for a whole one": Fault(
        "file.c",
        "from += n;\n        at += (uint64_t)n;\n        len -= (size_t)n;",
        "len = 0;",
        how=SHORT,
    ),
    "data.mdbx is not opened anew after a failed sync": Fault(
        "freeze.c",
        "if (dbx_applier_broken(store->applier) && store->journal != NULL) mend(store);",
        "(void)mend;",
        how=IO_ERROR,
    ),
    "what is refused for want of room is refused for ever": Fault(
        "room.c",
        "if (full != room->full) {",
        "if (room->full) return;\n    if (full != room->full) {",
        how=FULL,
    ),
}


def make(*programs: str) -> None:
    """make builds the programs of the right build, as `make test-c` does."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["make", "test-c"], cwd=ROOT, check=True)
    subprocess.run([BIN / "cmake", "--build", BUILD, "--target", *programs], check=True)


def _command(output: str) -> list[str]:
    """The command line that makes a file of the build directory."""
    lines = subprocess.run(
        [BIN / "ninja", "-C", BUILD, "-t", "commands", "-s", output],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    return shlex.split(lines[-1].removeprefix(": &&").removesuffix("&& :"))


def build(fault: Fault, program: str, to: Path) -> Path:
    """build compiles the broken file and links `program` with it, in the place of the right one."""
    source = ROOT / fault.directory / fault.file
    text = source.read_text()
    assert text.count(fault.right) == 1, f"{fault.file} is not as this fault knows it"
    broken = to / fault.file
    broken.write_text(text.replace(fault.right, fault.wrong))
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    compile_it = next(
        shlex.split(each["command"]) for each in entries if each["file"] == str(source)
    )
    part = to / "broken.o"
    compile_it[compile_it.index("-o") + 1] = str(part)
    compile_it[compile_it.index("-c") + 1] = str(broken)
    subprocess.run([*compile_it, "-w", "-I", source.parent], cwd=BUILD, check=True)
    link = _command(f"bin/{program}")
    whole = [word for word in link if Path(word).name == f"{fault.file}.o"]
    if whole:
        link[link.index(whole[0])] = str(part)
    else:  # in a library: what comes before it is taken instead
        link.insert(next(i for i, word in enumerate(link) if word.endswith(".a")), str(part))
    link[link.index("-o") + 1] = str(to / program)
    subprocess.run(link, cwd=BUILD, check=True)
    return to / program
