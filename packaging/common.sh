# Shared by run.sh and test.sh: install what is missing, configure, build. Sourced, never run.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
build=$root/build/release
started=$(date +%s)

say() { printf '\n[%4ss] %s\n' "$(($(date +%s) - started))" "$1"; }

# Installs what is not there yet: the packages named, or those of packages.txt. Needs root (or sudo) only when something is missing.
install_missing() { # install_missing [PACKAGE...]
    [ $# -gt 0 ] || set -- $(grep -v '^#' "$root/packaging/packages.txt")
    missing=
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "Installing with apt:$missing"
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "These packages are missing and you are not root. Please run as root: apt-get install$missing" >&2
            exit 1
        fi
        sudo=sudo
    fi
    log=$(mktemp)
    if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        echo "apt could not install the packages above. Check the network and the package sources, then run this again." >&2
        exit 1
    fi
    rm -f "$log"
}

# libtorch finds its BLAS through Debian's alternatives; the OpenMP build of OpenBLAS must be the one it finds.
prefer_openmp_blas() {
    for name in libblas.so.3 liblapack.so.3; do
        want=$(ls -d /usr/lib/*/openblas-openmp/$name 2>/dev/null | head -n 1)
        [ -n "$want" ] || continue
        link=$(update-alternatives --list "$name-$(dpkg-architecture -qDEB_HOST_MULTIARCH)" 2>/dev/null | grep -F "$want" || true)
        current=$(readlink -f "/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/$name" || true)
        if [ -n "$link" ] && [ "$current" != "$(readlink -f "$want")" ] && [ "$(id -u)" -eq 0 ]; then
            update-alternatives --set "$name-$(dpkg-architecture -qDEB_HOST_MULTIARCH)" "$want" >/dev/null || true
        fi
    done
}

configure_and_build() { # configure_and_build <ON|OFF for tests>
    if [ ! -f "$build/build.ninja" ] || ! grep -q "ATTUNE_TESTS:BOOL=$1" "$build/CMakeCache.txt" 2>/dev/null; then
        say "Configuring"
        cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DATTUNE_UNITY=ON -DATTUNE_TESTS="$1" >"$root/build/configure.log" 2>&1 || {
            tail -n 30 "$root/build/configure.log" >&2
            exit 1
        }
    fi
    say "Building (a first build takes some minutes, later ones seconds)"
    cmake --build "$build"
}

# Clang with libFuzzer, installed if need be. False, with the reason said, where there is none: only fuzzing is left out then.
prepare_fuzzing() {
    try_fuzzer || (install_missing clang libclang-rt-dev) || return 1
    try_fuzzer && return 0
    tail -n 5 "$root/build/fuzzer.log" >&2
    return 1
}

try_fuzzer() {
    printf 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n' |
        clang++ -x c++ -fsanitize=fuzzer,address,undefined -o "$root/build/fuzzer" - >"$root/build/fuzzer.log" 2>&1
}

mkdir -p "$root/build"
