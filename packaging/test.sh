#!/bin/sh
# From nothing to a tested Attune on Debian 12: installs what is missing, builds, runs every test.
. "$(dirname -- "$0")/common.sh"

install_missing
prefer_openmp_blas
configure_and_build ON
say "Testing"
# One test at a time: the engine's tests use all cores themselves.
ctest --test-dir "$build" --output-on-failure "$@"
# The ordinary tests replay the fuzzers' corpora. Fuzzing itself is asked for: ATTUNE_FUZZ_SECONDS=60 sh packaging/test.sh
if [ "${ATTUNE_FUZZ_SECONDS:-0}" -gt 0 ] && command -v clang++ >/dev/null; then
    say "Fuzzing"
    sh "$root/packaging/fuzz.sh" "$ATTUNE_FUZZ_SECONDS"
fi
