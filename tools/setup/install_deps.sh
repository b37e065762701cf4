#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that RaptorMQ is built from; what is there is left alone.
#   install_deps.sh          compiler, build tools and libraries
#   install_deps.sh --test   and what ./test.sh needs beyond them
set -euo pipefail

packages=(g++ cmake ninja-build ccache mold pkg-config python3
    libboost1.81-dev nlohmann-json3-dev libdeflate-dev libmicrohttpd-dev libspdlog-dev libfmt-dev libcli11-dev
    catch2)
[ "${1:-}" != --test ] || packages+=(git clang-format-16 valgrind)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
    echo "raptormq: this is not Debian 12; install these packages, or their like, by hand: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || {
        echo "raptormq: run this as root, or install sudo; missing: ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# apt's own progress is pages long: show one moving line instead, and all of it when something fails.
quietly() {
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" 2>&1 | tee -a "$log" |
        awk '/^(Get|Unpacking|Setting up)/ { printf "\r  %-4d %.70s\033[K", ++n, $0; fflush() }
             END { if (n) print "" }'; then
        tail -n 30 "$log" >&2
        return 1
    fi
}
set -o pipefail
quietly apt-get update -q
quietly apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}"
