#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a target needs, and only those that are missing.
#   tools/setup.sh run      to build and run till
#   tools/setup.sh test     to run everything that must be green
#   tools/setup.sh interop  the test set, Go, a JDK, Maven and Python's venv, for the SDKs that are run against the sandbox
#   tools/setup.sh soak     the test set, valgrind, and what counts branches
# Idempotent and quiet; needs root or sudo only when something is missing.
set -eu

what=${1:-run}
run_packages="gcc libc6-dev make pkg-config meson ninja-build python3 ca-certificates
 libmicrohttpd-dev libcurl4-openssl-dev libssl-dev libjansson-dev libsqlite3-dev libqrencode-dev
 libcyaml-dev libyaml-dev libzip-dev zlib1g-dev"
# llvm gives the symbolizer that makes sanitizer reports readable.
test_packages="libcmocka-dev clang llvm clang-format clang-tidy cppcheck openssl curl procps strace faketime patch mount util-linux git chromium fonts-noto-cjk haproxy nginx"
soak_packages="valgrind gcovr"

wanted=$run_packages
case $what in
run) ;;
test | interop) wanted="$wanted $test_packages" ;;
soak) wanted="$wanted $test_packages $soak_packages" ;;
*) echo "setup: unknown set '$what'; use run, test, interop or soak" >&2; exit 2 ;;
esac
# The contract's page is made of YAML, and tests hold answers to its schemas: whatever python3 is here must have the modules.
has_module() {
    python3 -c "import $1" >/dev/null 2>&1
}
has_module yaml || wanted="$wanted python3-yaml"
[ "$what" = run ] || has_module jsonschema || wanted="$wanted python3-jsonschema"
# Node comes from wherever the machine has it; the distribution's only when there is none.
if [ "$what" != run ]; then
    command -v node >/dev/null 2>&1 || wanted="$wanted nodejs"
    command -v npm >/dev/null 2>&1 || wanted="$wanted npm"
fi
# So do the toolchains of the other SDKs.
if [ "$what" = interop ]; then
    command -v go >/dev/null 2>&1 || wanted="$wanted golang-go"
    command -v javac >/dev/null 2>&1 || wanted="$wanted default-jdk-headless"
    command -v mvn >/dev/null 2>&1 || wanted="$wanted maven"
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || wanted="$wanted python3-venv"
fi

is_installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

missing=""
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
# The sanitizer and fuzzer runtimes carry the compiler's version in their name.
runtime_missing() {
    [ "$what" != run ] || return 1
    version=$(clang --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p' | head -n 1)
    [ -n "$version" ] || return 0
    ! is_installed "libclang-rt-$version-dev"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "setup: these packages are missing and neither root nor sudo is at hand:$missing" >&2
        echo "setup: run as root: apt-get install$missing" >&2
        exit 1
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Servers among the packages are for tests, which start them by themselves: their services stay down.
quiet=/usr/sbin/policy-rc.d
hold_services() {
    [ -e "$quiet" ] || { printf '#!/bin/sh\nexit 101\n' | as_root tee "$quiet" >/dev/null && as_root chmod 755 "$quiet" && held=yes; }
}
release_services() {
    [ -z "${held:-}" ] || as_root rm -f "$quiet"
}
install() {
    echo "setup: installing$1"
    hold_services
    trap 'rm -f "$log"; release_services' EXIT
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 ||
        ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $1 >>"$log" 2>&1; then
        cat "$log" >&2
        echo "setup: the package manager failed; its words are above" >&2
        exit 1
    fi
}

[ -z "$missing" ] || install "$missing"
if runtime_missing; then
    version=$(clang --version | sed -n 's/.*version \([0-9]*\).*/\1/p' | head -n 1)
    install " libclang-rt-$version-dev"
fi
for module in yaml $([ "$what" = run ] || echo jsonschema); do
    has_module "$module" && continue
    echo "setup: $(command -v python3) is not the distribution's and has no module $module; install it there (pip install PyYAML jsonschema)" >&2
    exit 1
done
exit 0
