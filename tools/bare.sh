#!/bin/bash
# bare.sh pip|make: on a bare Debian, as root, follows one of the two ways of README.md to a server, with the very
# commands that it gives there, and sets and gets a key. Everything must come from those commands: nothing is installed
# for them but, for the second, make itself. CI runs it in a container, `make bare` in a root of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
way=$1
READY_SECONDS_MAX=1200

# The blocks of README.md whose mark names this way, as one script.
blocks() {
    awk -v mark="tools/bare.sh $1)" '
        /^<!-- not run by the tests: / { chosen = index($0, mark) > 0; next }
        /^```sh$/ { inside = chosen; chosen = 0; next }
        /^```$/ { inside = 0 }
        inside' README.md
}

export DEBIAN_FRONTEND=noninteractive DBX_PORT=${DBX_PORT:-6379}
APT_CONFIG=$(mktemp)
export APT_CONFIG
echo 'APT::Get::Assume-Yes "true"; quiet "2"; DPkg::Use-Pty "false";' >"$APT_CONFIG"
for name in gcc cc cmake ninja pip dbx; do
    ! command -v $name >/dev/null || { echo "this system is not bare: it has $name"; exit 1; }
done
script=$(blocks "$way")
[ -n "$script" ] || { echo "README.md marks nothing for $way"; exit 1; }
apt-get update >/dev/null
[ "$way" = pip ] || apt-get install --no-install-recommends "$way"

echo "$script" | sed 's/^/+ /'
begun=$SECONDS
setsid bash -euc "$script" &
group=$!
trap 'kill -- -$group 2>/dev/null || true' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$DBX_PORT") 2>/dev/null; do
    kill -0 $group 2>/dev/null || { echo "it ended without serving"; exit 1; }
    [ $((SECONDS - begun)) -lt $READY_SECONDS_MAX ] || { echo "it does not serve"; exit 1; }
    sleep 0.2
done
echo "serves after $((SECONDS - begun)) s"

exec 3<>"/dev/tcp/127.0.0.1/$DBX_PORT"
printf 'SET greeting hello EX 60\r\nGET greeting\r\nSHUTDOWN\r\n' >&3
replies=$(timeout 30 cat <&3 | tr -d '\r' | tr '\n' ' ')
echo "replies: $replies"
[ "$replies" = '+OK $5 hello ' ] || exit 1
wait $group
echo "stopped: set and got a key on $(. /etc/os-release; echo "$PRETTY_NAME") by way of $way"
