"""Puts libmdbx's mdbx.c and mdbx.h, its mistakes repaired and mdbx_more.c added, into the directory
given first.

They come from the directory given second, or from the source distribution of the PyPI package
libmdbx, fetched by pip (so mirrors, proxies and certificates are those the user has configured),
pinned by version and checksum, and kept in the user's cache. Nothing of the package is built or run
but its metadata, which pip insists on.
Runs on the bare Python that CMake found; needs pip, and the network once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "0.3.2"
SHA256 = "7b38f8104bfd982777fa2ca00f99b4f7cc88e7bab31ce853b480f81420427045"
ARCHIVE = f"libmdbx-{VERSION}.tar.gz"
MEMBERS = ("mdbx.c", "mdbx.h", "LICENSE")
# Mistakes of this release: what must stand there once, and what stands there instead.
REPAIRS = (
    # page_split: a key behind the last of a full page gets a page of its own, for which the branch
    # above is split, too. The cursor kept the old branch with the index in the new: MDBX_NEXT led
    # astray, and what was put next could be lost. Found by tests/c/test_apply.c.
    (
        "    if (pure_right) {\n      for (intptr_t i = 0; i < mc->top; i++)\n"
        "        mc->ki[i] = mn->ki[i];\n",
        "    if (pure_right) {\n      for (intptr_t i = 0; i < mc->top; i++) {\n"
        "        mc->pg[i] = mn->pg[i];\n        mc->ki[i] = mn->ki[i];\n      }\n",
    ),
    # mdbx_txn_begin: the list of dirty pages could not be allocated, and is released all the same.
    # That ended the process where memory is short. Found by tests/sim/faults.c.
    (
        "  dpl_t *const dl = txn->tw.dirtylist;\n\n  for (size_t i = 1; i <= dl->length; i++)\n"
        "    page_shadow_release(env, dl->items[i].ptr, dpl_npages(dl, i));\n",
        "  dpl_t *const dl = txn->tw.dirtylist;\n  if (!dl)\n    return;\n\n"
        "  for (size_t i = 1; i <= dl->length; i++)\n"
        "    page_shadow_release(env, dl->items[i].ptr, dpl_npages(dl, i));\n",
    ),
)
# What stands behind all of it: what DBX needs and libmdbx has only inside.
ADDED = "\n" + (Path(__file__).parent / "mdbx_more.c").read_text()
STAMP = SHA256 + hashlib.sha256(repr((REPAIRS, ADDED)).encode()).hexdigest()


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "dbx-edge"


def _intact(archive: Path) -> bool:
    return archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256


def _download(directory: Path) -> Path:
    """pip prepares the package's metadata after the download, with the package's build backend;
    when that is here already (pyproject.toml requires it) no second environment is made for it."""
    requirement = directory / "requirements.txt"
    requirement.write_text(f"libmdbx=={VERSION} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", "libmdbx", "--require-hashes", "-r", str(requirement)]
    try:
        import poetry.core  # noqa: F401
    except ImportError:
        pass
    else:
        command.append("--no-build-isolation")
    print(f"-- Fetching the source of libmdbx {VERSION} with pip", flush=True)
    subprocess.run([*command, "-d", str(directory)], check=True)
    return directory / ARCHIVE


def _archive() -> Path:
    cached = _cache() / ARCHIVE
    if _intact(cached):
        return cached
    with tempfile.TemporaryDirectory() as scratch:
        fetched = _download(Path(scratch))
        if not _intact(fetched):
            raise ValueError(f"{ARCHIVE} does not have the pinned checksum")
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(f".{os.getpid()}")
        shutil.copyfile(fetched, partial)
        os.replace(partial, cached)
    return cached


def _repaired(source: bytes) -> bytes:
    text = source.decode()
    for wrong, right in REPAIRS:
        if text.count(right) == 1:
            continue
        if text.count(wrong) != 1:
            raise ValueError(f"mdbx.c is not that of libmdbx {VERSION}: its repairs do not fit")
        text = text.replace(wrong, right)
    return (text if text.endswith(ADDED) else text + ADDED).encode()


def _put(target: Path, name: str, content: bytes) -> None:
    """_put leaves a file as it is that needs no change: or it would be compiled again."""
    content = _repaired(content) if name == "mdbx.c" else content
    file = target / name
    if not file.is_file() or file.read_bytes() != content:
        file.write_bytes(content)


def _extract(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for name in MEMBERS:
            source = tar.extractfile(f"libmdbx-{VERSION}/libmdbx/dist/{name}")
            if source is None:
                raise ValueError(f"{ARCHIVE} holds no {name}")
            _put(target, name, source.read())
    (target / "version").write_text(STAMP)


def _copy(directory: Path, target: Path) -> None:
    (target / "version").unlink(missing_ok=True)
    for name in ("mdbx.c", "mdbx.h"):
        _put(target, name, (directory / name).read_bytes())


def main(target: Path, directory: Path | None = None) -> int:
    stamp = target / "version"
    try:
        target.mkdir(parents=True, exist_ok=True)
        if directory is not None:
            _copy(directory, target)
        elif not stamp.is_file() or stamp.read_text() != STAMP:
            _extract(_archive(), target)
    except (OSError, ValueError, subprocess.CalledProcessError) as failure:
        print(f"DBX: cannot get the source of libmdbx {VERSION}: {failure}", file=sys.stderr)
        print(
            f"DBX: without a network, put {ARCHIVE} into {_cache()}, or unpack it and give"
            " -DDBX_MDBX_DIR=<directory with mdbx.c and mdbx.h> to CMake"
            " (with pip: -Ccmake.define.DBX_MDBX_DIR=<directory>).",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
