"""`make bare`: this checkout on a bare Debian 12, built and served by the commands of the README.

    python -m tests.support.bare [pip] [make]

Each way gets a fresh copy of a root that debootstrap made, with the files that a clone would have,
and tools/bare.sh runs in it, as in CI. How pip and apt find what they fetch is up to this machine:
its configuration of pip, names and proxies is passed on; nothing that it has built or fetched is.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support import debian
from tests.support.servers import free_port

ROOT = Path(__file__).parents[2]
SUITE = "bookworm"
WAYS = ("pip", "make")
PIP_FILES = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf")
CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")  # names of variables
COPY_OF_CERTIFICATES = "/root/certificates.pem"  # where no package puts others in their place
PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def environment() -> dict[str, str]:
    """What the commands are given: a login's variables, and how to reach the network."""
    mine = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower() in PROXIES}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    login = {"HOME": "/root", "PATH": path, "LANG": "C.UTF-8", "DBX_PORT": str(free_port())}
    return mine | login | ({"PIP_CERT": COPY_OF_CERTIFICATES} if certificates() else {})


def certificates() -> Path | None:
    """The certificates that this machine tells its programs to trust instead of their own."""
    parser = configparser.RawConfigParser()
    parser.read(Path(name).expanduser() for name in PIP_FILES)
    configured = [parser[s]["cert"] for s in parser.sections() if "cert" in parser[s]]
    named = [os.environ[name] for name in CERTIFICATES if name in os.environ] + configured
    return next((Path(name) for name in named if Path(name).is_file()), None)


def pass_on_configuration(system: Path) -> None:
    """Copies pip's configuration, how names are found, and certificates."""
    for name in (*PIP_FILES, *NETWORK_FILES):
        file = Path(name).expanduser()
        if file.is_file():
            put(file, system / name.replace("~", "/root").lstrip("/"))
    if trusted := certificates():
        put(trusted, system / COPY_OF_CERTIFICATES.lstrip("/"))


def put(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    shutil.copy(file, to)


def clone(to: Path) -> None:
    """The files under version control, and new ones that are not ignored, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            put(ROOT / name, to / name)


def follow(way: str, root: Path) -> bool:
    """Goes one way in a copy of the root; whether it led to a server."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dbx-bare-") as scratch:
        system = Path(scratch) / SUITE
        subprocess.run(["cp", "-a", str(root), str(system)], check=True)
        pass_on_configuration(system)
        clone(system / "root" / "checkout")
        # Mounts and processes of its own: they end with it, whatever happens.
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        argv += [f"--mount-proc={system}/proc", "chroot", str(system)]
        argv += ["/root/checkout/tools/bare.sh", way]
        done = subprocess.run(argv, env=environment(), stdin=subprocess.DEVNULL, check=False)
    verdict = "served" if done.returncode == 0 else f"failed with exit code {done.returncode}"
    print(f"== {way}: {verdict} after {time.monotonic() - begun:.0f} s in all", flush=True)
    return done.returncode == 0


def main() -> int:
    ways = sys.argv[1:] or list(WAYS)
    if unknown := set(ways) - set(WAYS):
        print(f"no such way: {' '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    try:
        root = debian.ensure(debian.cached(SUITE), SUITE, packages=(), programs=("apt-get", "bash"))
    except debian.Unavailable as why:
        print(why, file=sys.stderr)
        return 1
    led = [follow(way, root) for way in ways]
    return 0 if all(led) else 1


if __name__ == "__main__":
    sys.exit(main())
