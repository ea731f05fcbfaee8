#!/bin/sh
# tsan.sh SERVER: puts a server built with the thread sanitizer under load, over all durability modes, and starts it
# again on the log that a kill -9 leaves; any report makes it exit with 66.
set -eu
server=$1
port=${TSAN_PORT:-16399}

start() {
    TSAN_OPTIONS=exitcode=66:halt_on_error=0 "$server" "$data" "$port" write-buffer-size=2mb &
    pid=$!
    for _ in $(seq 200); do
        redis-cli -p "$port" ping >/dev/null 2>&1 && break
        sleep 0.1
    done
}

for durability in everysec always no; do
    data=$(mktemp -d)
    start
    redis-cli -p "$port" config set appendfsync $durability
    redis-benchmark -p "$port" -q -c 50 -n 20000 -r 10000 -P 8 -t set,get,incr,mset
    redis-benchmark -p "$port" -q -c 20 -n 5000 -r 10000 -P 4 set key:__rand_int__ v:__rand_int__ px 20
    redis-benchmark -p "$port" -q -c 20 -n 40000 -r 40000 -P 16 set key:__rand_int__ v:__rand_int__
    redis-cli -p "$port" info >/dev/null
    redis-cli -p "$port" client list >/dev/null
    kill -9 $pid
    wait $pid || true
    start
    redis-cli -p "$port" info store | grep replay_last
    kill $pid
    wait $pid
    rm -rf "$data"
done
