#!/bin/sh
# From nothing to Attune on Debian 12: installs what is missing, builds, opens the program on the sample project.
# Without a display the sample runs end to end in the terminal: train, evaluate, gate, report.
. "$(dirname -- "$0")/common.sh"

install_missing
prefer_openmp_blas
configure_and_build "$(grep -q 'ATTUNE_TESTS:BOOL=ON' "$build/CMakeCache.txt" 2>/dev/null && echo ON || echo OFF)"

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    say "Opening Attune on the sample project"
    exec "$build/app/attune" --sample "$@"
fi
say "No display: running the sample in the terminal"
exec "$build/app/attune-cli" demo --out "$root/build/demo" "$@"
