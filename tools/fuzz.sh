#!/bin/sh
# fuzz.sh DIRECTORY SECONDS: runs every libFuzzer target of a directory for a while; the corpus is kept beside it.
set -eu
for target in "$1"/fuzz_*; do
    corpus="$1/../corpus/$(basename "$target")"
    mkdir -p "$corpus"
    echo "== $(basename "$target"), $2 s"
    "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
        -dict=tests/fuzz/resp.dict -print_final_stats=1 "$corpus"
done
