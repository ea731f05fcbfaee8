#!/bin/sh
# fuzz.sh DIRECTORY SECONDS: runs every libFuzzer target of a directory for a while; the corpus is kept beside it.
# The words of the command table are added to the dictionary, and each begins an input, so that every command is met.
# A target that sees no more than its own lines has been built wrongly and is an error.
set -eu
COVERAGE_MIN=150
rows=$(cat csrc/commands/cmd_*.c csrc/engine/cmd_*.c)
words=$({
    echo "$rows" | grep -oE '\.name = "[a-z-]+"' | cut -d'"' -f2 | tr a-z A-Z
    echo "$rows" | grep -oE '"[^"]*"' | grep -oE '\b[A-Z][A-Z0-9_-]+\b'
} | sort -u)
dictionary="$1/fuzz.dict"
{ cat tests/fuzz/resp.dict; printf '"%s "\n' $words; } >"$dictionary"
for target in "$1"/fuzz_*; do
    case $target in *.log | *.dict) continue ;; esac
    name=$(basename "$target")
    corpus="$1/../corpus/$name"
    log="$1/$name.log"
    mkdir -p "$corpus"
    for word in $words; do
        printf '\377%s a 1 b 2\r\n%s a\r\n%s\r\n' "$word" "$word" "$word" >"$corpus/$word"
    done
    echo "== $name, $2 s"
    "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -dict="$dictionary" \
        -print_final_stats=1 "$corpus" 2>"$log" || { tail -n 40 "$log"; exit 1; }
    tail -n 8 "$log"
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    echo "edges covered: ${coverage:-0}"
    [ "${coverage:-0}" -ge $COVERAGE_MIN ] || { echo "$name sees nothing but itself"; exit 1; }
done
