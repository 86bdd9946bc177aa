#!/bin/sh
# From nothing to a tested Attune on Debian 12: installs what is missing, builds, runs every test.
# The tests replay the fuzzers' corpora; ATTUNE_FUZZ_SECONDS=60 fuzzes each target that long as well (installs Clang).
. "$(dirname -- "$0")/common.sh"

install_missing
prefer_openmp_blas
configure_and_build ON
fuzzing=
if [ "${ATTUNE_FUZZ_SECONDS:-0}" -gt 0 ]; then
    if prepare_fuzzing; then
        say "Fuzzing, $ATTUNE_FUZZ_SECONDS s for each target"
        sh "$root/packaging/fuzz.sh" "$ATTUNE_FUZZ_SECONDS" || fuzzing="Fuzzing failed, see above: the inputs are kept in $root/build/fuzz."
    else
        fuzzing="Nothing was fuzzed: there is no Clang with libFuzzer here (Debian packages clang and libclang-rt-dev)."
    fi
    [ -z "$fuzzing" ] || say "$fuzzing"
fi
say "Testing"
# One test at a time: the engine's tests use all cores themselves.
status=0
ctest --test-dir "$build" --output-on-failure "$@" || status=$?
case $fuzzing in
'') ;;
Nothing*) say "$fuzzing" ;;
*) say "$fuzzing" && exit 1 ;;
esac
exit $status
