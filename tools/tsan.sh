#!/bin/sh
# tsan.sh SERVER: puts a server built with the thread sanitizer under load, over all durability modes; any report
# makes it exit with 66.
set -eu
server=$1
port=${TSAN_PORT:-16399}
for durability in everysec always no; do
    data=$(mktemp -d)
    TSAN_OPTIONS=exitcode=66:halt_on_error=0 "$server" "$data" "$port" &
    pid=$!
    for _ in $(seq 200); do
        redis-cli -p "$port" ping >/dev/null 2>&1 && break
        sleep 0.1
    done
    redis-cli -p "$port" config set appendfsync $durability
    redis-benchmark -p "$port" -q -c 50 -n 20000 -r 10000 -P 8 -t set,get,incr,mset
    redis-benchmark -p "$port" -q -c 20 -n 5000 -r 10000 -P 4 set key:__rand_int__ v:__rand_int__ px 20
    redis-cli -p "$port" info >/dev/null
    redis-cli -p "$port" client list >/dev/null
    kill $pid
    wait $pid
    rm -rf "$data"
done
