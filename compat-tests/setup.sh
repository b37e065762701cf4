#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs and builds what the compatibility tests need: the original server, the stock clients and their drivers.
# Safe to run again: what is there and up to date is left alone. Quiet unless something is done or fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
build=${RMQ_COMPAT_BUILD:-$root/build/compat}
log=$build/setup.log
mkdir -p "$build"
: > "$log"

say() { printf 'compat: %s\n' "$*"; }

fail() {
    say "$* failed; the last lines of $log:"
    tail -n 25 "$log"
    exit 1
}

# run WHAT COMMAND...: runs quietly, shows the log when it fails; registries are asked up to three times.
run() {
    local what=$1 try
    shift
    say "$what"
    for try in 1 2 3; do
        if "$@" >> "$log" 2>&1; then return 0; fi
        sleep "$try"
    done
    fail "$what"
}

# stamped NAME FILE...: true when NAME was already made from exactly these files.
stamped() {
    local name=$1
    shift
    [ "$(cat "$@" | sha256sum)" = "$(cat "$build/.$name.stamp" 2> /dev/null || true)" ]
}

stamp() {
    local name=$1
    shift
    cat "$@" | sha256sum > "$build/.$name.stamp"
}

install_packages() {
    local missing=()
    command -v javac > /dev/null || missing+=(openjdk-17-jdk-headless)
    command -v mvn > /dev/null || missing+=(maven)
    command -v go > /dev/null || [ -x /usr/lib/go-1.19/bin/go ] || missing+=(golang-go)
    command -v node > /dev/null || missing+=(nodejs)
    command -v npm > /dev/null || missing+=(npm)
    command -v g++ > /dev/null || missing+=(g++)
    command -v unzip > /dev/null || missing+=(unzip)
    [ -e /usr/include/nlohmann/json.hpp ] || missing+=(nlohmann-json3-dev)
    python3 -m pip --version > /dev/null 2>&1 || missing+=(python3-pip)
    [ ${#missing[@]} -eq 0 ] && return 0
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    run "package lists" "${sudo[@]}" apt-get update -q
    run "packages ${missing[*]}" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# classpath POM FILE [MAVEN OPTION...]: resolves with Maven unless FILE names jars that are all there.
classpath() {
    local pom=$1 file=$2
    shift 2
    if [ -s "$file" ] && stamped "$(basename "$file")" "$pom" && tr ':' '\n' < "$file" | xargs ls > /dev/null 2>&1; then
        return 0
    fi
    run "Maven resolves $(basename "$file" .cp)" mvn -q -B -f "$pom" "$@" dependency:build-classpath \
        "-Dmdep.outputFile=$file"
    stamp "$(basename "$file")" "$pom"
}

build_java() {
    local version dialect
    for version in 4.9.8 5.5.0; do
        dialect=$here/java/v${version%%.*}/compat
        classpath "$here/java/pom.xml" "$build/java-$version.cp" "-Drocketmq.version=$version"
        stamped "java-$version" "$here"/java/src/compat/*.java "$dialect"/*.java && continue
        rm -rf "$build/java-$version"
        mkdir -p "$build/java-$version"
        run "Java $version driver" javac -nowarn -Xlint:-options --release 8 -cp "$(cat "$build/java-$version.cp")" \
            -d "$build/java-$version" "$here"/java/src/compat/*.java "$dialect"/*.java
        stamp "java-$version" "$here"/java/src/compat/*.java "$dialect"/*.java
    done
}

build_suite() {
    local sources
    mapfile -t sources < <(find "$here/suite/src" -name '*.java')
    classpath "$here/suite/pom.xml" "$build/suite.cp"
    stamped suite "${sources[@]}" && return 0
    rm -rf "$build/suite"
    mkdir -p "$build/suite"
    run "the original's integration tests" javac -nowarn -Xlint:-options --release 8 -cp "$(cat "$build/suite.cp")" \
        -d "$build/suite" "${sources[@]}"
    stamp suite "${sources[@]}"
}

build_go() {
    stamped go "$here"/go/* && return 0
    local go
    go=$(command -v go || echo /usr/lib/go-1.19/bin/go)
    run "Go driver" env GOFLAGS=-mod=readonly GOTOOLCHAIN=local "$go" build -C "$here/go" -o "$build/go-driver" .
    stamp go "$here"/go/*
}

build_cpp() {
    stamped cpp "$here"/cpp/* && return 0
    local wheel=$build/cpp-wheel
    if [ ! -e "$wheel/rocketmq/librocketmq.so" ]; then
        run "C++ client library" python3 -m pip download -q --no-deps --no-binary=:none: -d "$build" rocketmq==0.4.4
        run "unpacking it" unzip -qo "$build"/rocketmq-0.4.4-*.whl -d "$wheel"
    fi
    run "C++ driver" g++ -std=c++20 -O1 -Wall -Wextra "$here"/cpp/*.cc -o "$build/cpp-driver" \
        -L"$wheel/rocketmq" -lrocketmq -lz -pthread "-Wl,-rpath,$wheel/rocketmq"
    stamp cpp "$here"/cpp/*
}

build_node() {
    stamped node "$here"/node/* && return 0
    mkdir -p "$build/node"
    cp "$here"/node/*.js "$here"/node/package*.json "$build/node/"
    run "Node.js client" npm --prefix "$build/node" ci --no-audit --no-fund --ignore-scripts
    stamp node "$here"/node/*
}

install_packages
classpath "$here/oracle/pom.xml" "$build/oracle.cp"
build_java
build_suite
for part in go cpp node; do
    if compgen -G "$here/$part/driver.*" > /dev/null || compgen -G "$here/$part/main.*" > /dev/null; then
        "build_$part"
    fi
done
