#!/bin/sh
# Fuzzes what reads other people's files, with libFuzzer under the address and undefined-behaviour sanitizers (needs clang++).
# Use: packaging/fuzz.sh [SECONDS [TARGET...]]   60 seconds and every target of tests/fuzz without. What breaks is left in build/fuzz.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
build=$root/build/fuzz
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- safetensors gguf tokenizer sentencepiece template
mkdir -p "$build"
if [ ! -f "$build/build.ninja" ]; then
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_CXX_FLAGS=-O1 -DATTUNE_FUZZ=ON -DATTUNE_SANITIZE=address,undefined -DATTUNE_GUI=OFF -DATTUNE_UNITY=ON \
        -DATTUNE_WERROR=OFF -DATTUNE_PCH=OFF >"$build/configure.log"
fi
cmake --build "$build" --target $(printf 'fuzz_%s ' "$@")
status=0
for target; do
    printf '\n%s, %s s\n' "$target" "$seconds"
    mkdir -p "$build/found/$target"
    corpus=$root/tests/fuzz/corpus/$target
    # The first folder takes what is new; the tree's corpus is only read.
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/tests/fuzz/fuzz_$target" "$build/found/$target" "$corpus" \
        -dict="$corpus/$target.dict" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 \
        -artifact_prefix="$build/$target-" >"$build/$target.log" 2>&1 || status=1
    grep -E 'number_of_executed_units|cov:|ERROR|SUMMARY|broken promise|runtime error' "$build/$target.log" | tail -4
done
exit $status
