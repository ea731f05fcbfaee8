#!/bin/sh
# packages.sh NAME[:COMMAND]...: makes sure that Debian packages are there: installs those missing when run by
# root, else says which to install. COMMAND from elsewhere will do as well. On systems without dpkg it trusts
# that the tools they hold are there.
set -eu
command -v dpkg-query >/dev/null || exit 0
missing=""
for wanted in "$@"; do
    name=${wanted%%:*}
    case $wanted in *:*) ! command -v "${wanted#*:}" >/dev/null || continue ;; esac
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "Please install:$missing  (sudo apt-get install$missing)" >&2
    exit 1
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
