#!/bin/sh
# Fuzzes what reads other people's files, with libFuzzer under the address and undefined-behaviour sanitizers (needs clang++).
# Use: packaging/fuzz.sh [SECONDS [TARGET...]]   60 seconds and every target of tests/fuzz without; as many at a time as there are cores.
# What breaks is left in build/fuzz and printed.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
build=$root/build/fuzz

fuzz_one() { # fuzz_one SECONDS TARGET: fuzzes, then prints the outcome at once, since others print as well
    corpus=$root/tests/fuzz/corpus/$2
    log=$build/$2.log
    mkdir -p "$build/found/$2"
    # Clang 14's sanitizers cannot live with all address layouts of newer kernels.
    fixed=
    setarch -R true 2>/dev/null && fixed="setarch -R"
    # A leak search needs ptrace, which some containers forbid.
    leaks=1
    $fixed "$build/tests/fuzz/fuzz_$2" -runs=1 >"$log" 2>&1 || leaks=0
    broken=0
    touch "$build/$2.started"
    # The first folder takes what is new; the tree's corpus is only read.
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=$leaks $fixed "$build/tests/fuzz/fuzz_$2" \
        "$build/found/$2" "$corpus" -dict="$corpus/$2.dict" -max_total_time="$1" -timeout=5 -rss_limit_mb=1024 -max_len=8192 \
        -detect_leaks=$leaks -print_final_stats=1 -artifact_prefix="$build/$2-" >"$log" 2>&1 || broken=1
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $broken -eq 0 ]; then
        echo "$2: ${inputs:-no} inputs in $1 s, nothing found"
        return 0
    fi
    printf '%s: BROKEN after %s inputs; log in %s\n%s\n%s\n' "$2" "${inputs:-some}" "$log" \
        "$(grep -E 'ERROR|SUMMARY|broken promise|runtime error' "$log" | head -n 4)" \
        "$(find "$build" -maxdepth 1 -name "$2-*" -newer "$build/$2.started" -exec \
            sh -c 'echo "Input kept in $1, in base64:"; base64 -w 0 "$1" | head -c 12000' sh {} ';')"
    return 1
}

if [ "${1:-}" = --one ]; then
    fuzz_one "$2" "$3"
    exit
fi
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- safetensors gguf tokenizer sentencepiece template
mkdir -p "$build"
if [ ! -f "$build/build.ninja" ]; then
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_CXX_FLAGS=-O1 -DATTUNE_FUZZ=ON -DATTUNE_SANITIZE=address,undefined -DATTUNE_GUI=OFF -DATTUNE_UNITY=ON \
        -DATTUNE_WERROR=OFF -DATTUNE_PCH=OFF >"$build/configure.log" 2>&1 || {
        tail -n 30 "$build/configure.log" >&2
        exit 1
    }
fi
cmake --build "$build" --target $(printf 'fuzz_%s ' "$@") >"$build/build.log" 2>&1 || {
    tail -n 40 "$build/build.log" >&2
    exit 1
}
# Every target has its time even where one breaks; xargs fails when any did.
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc)" sh "$0" --one "$seconds"
