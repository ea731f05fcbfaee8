#!/bin/sh
# tsan.sh SERVER: puts a server built with the thread sanitizer under load, over all durability modes, and starts it
# again on the log that a kill -9 leaves; any report makes it exit with 66.
set -euf # no globbing: commands have asterisks
server=$1
port=${TSAN_PORT:-16399}

pid=
trap 'kill $pid 2>/dev/null || true' EXIT

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
    # Collections inline and spread, on one key and on many, with fields that expire and keys that go at once.
    redis-benchmark -p "$port" -q -c 20 -n 5000 -r 5000 -P 8 -t lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin
    for command in "hset hash:__rand_int__ field:__rand_int__ v:__rand_int__" \
        "hsetex hash PX 20 FIELDS 1 field:__rand_int__ v:__rand_int__" \
        "rpush mylist v:__rand_int__" "linsert mylist before v:000000000001 v:__rand_int__" \
        "sadd set:__rand_int__ m:__rand_int__" "zincrby myzset 1 m:__rand_int__" \
        "xadd stream maxlen 1000 * f v:__rand_int__" "pfadd hll m:__rand_int__"; do
        redis-benchmark -p "$port" -q -c 20 -n 2000 -r 1000 -P 4 $command
    done
    redis-benchmark -p "$port" -q -c 20 -n 40 -r 40 copy myhash copy:__rand_int__
    redis-benchmark -p "$port" -q -c 20 -n 40 -r 40 unlink copy:__rand_int__
    redis-benchmark -p "$port" -q -c 20 -n 40000 -r 40000 -P 16 set key:__rand_int__ v:__rand_int__
    redis-cli -p "$port" info >/dev/null
    redis-cli -p "$port" client list >/dev/null
    kill -9 $pid
    wait $pid || true
    start
    redis-cli -p "$port" info store | grep replay_last
    kill $pid
    wait $pid
    pid=
    rm -rf "$data"
done
