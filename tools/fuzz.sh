#!/bin/sh
# fuzz.sh DIRECTORY SECONDS: runs every libFuzzer target of a directory for a while; the corpus is kept beside it.
# A target that sees no more than its own lines has been built wrongly and is an error.
set -eu
COVERAGE_MIN=150
for target in "$1"/fuzz_*; do
    corpus="$1/../corpus/$(basename "$target")"
    mkdir -p "$corpus"
    echo "== $(basename "$target"), $2 s"
    log="$1/$(basename "$target").log"
    "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
        -dict=tests/fuzz/resp.dict -print_final_stats=1 "$corpus" 2>"$log" || { tail -n 40 "$log"; exit 1; }
    tail -n 8 "$log"
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    [ "${coverage:-0}" -ge $COVERAGE_MIN ] || { echo "$target covers only ${coverage:-0} edges"; exit 1; }
done
