#!/bin/sh
# From nothing to a tested Attune on Debian 12: installs what is missing, builds, runs every test.
. "$(dirname -- "$0")/common.sh"

install_missing
prefer_openmp_blas
configure_and_build ON
say "Testing"
# One test at a time: the engine's tests use all cores themselves.
exec ctest --test-dir "$build" --output-on-failure "$@"
