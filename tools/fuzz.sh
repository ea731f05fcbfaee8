#!/bin/sh
# fuzz.sh DIRECTORY SECONDS: runs every libFuzzer target of a directory for a while; the corpus is kept beside it.
# The words of the command table are added to the dictionary, and each begins an input, so that every command is met.
# Databases that targets open are kept in memory. A target that sees no more than its own lines has been built wrongly and is an error.
set -eu
COVERAGE_MIN=150
rows=$(cat csrc/commands/cmd_*.c csrc/engine/cmd_*.c)
words=$({
    printf '%s\n' "$rows" | grep -oE '\.name = "[a-z-]+"' | cut -d'"' -f2 | tr a-z A-Z
    printf '%s\n' "$rows" | grep -oE '"[^"]*"' | grep -oE '\b[A-Z][A-Z0-9_-]+\b'
} | sort -u)
dictionary="$1/fuzz.dict"
{ cat tests/fuzz/resp.dict; printf '"%s "\n' $words; } >"$dictionary"
large=$(head -c 20000 /dev/zero | tr '\0' x)
[ -w /dev/shm ] && memory=/dev/shm || memory=$1
TMPDIR=$(mktemp -d "$memory/dbx-fuzz-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
for target in "$1"/fuzz_*; do
    case $target in *.log | *.dict) continue ;; esac
    name=$(basename "$target")
    corpus="$1/../corpus/$name"
    log="$1/$name.log"
    mkdir -p "$corpus"
    for word in $words; do # fuzz_dispatch takes the first byte for: in memory, on disk
        for first in '\370' '\367'; do
            printf "$first"'%s a 1 b 2\r\n%s a\r\n%s\r\n' "$word" "$word" "$word" \
                >"$corpus/$word-${first#?}"
        done
    done
    # A long value in a spool, one that is made in place and copied, and a restart.
    printf '\377*3\r\n$3\r\nSET\r\n$1\r\na\r\n$20000\r\n%s\r\nSETRANGE b 99999 x\r\nCOPY b c\r\nGET a\r\n' \
        "$large" >"$corpus/large"
    echo "== $name, $2 s"
    "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -dict="$dictionary" \
        -print_final_stats=1 "$corpus" 2>"$log" || { tail -n 40 "$log"; exit 1; }
    tail -n 8 "$log"
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    echo "edges covered: ${coverage:-0}"
    [ "${coverage:-0}" -ge $COVERAGE_MIN ] || { echo "$name sees nothing but itself"; exit 1; }
done
