#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds RaptorMQ, starts NameServer and Broker in one process, sends and receives messages through
# it, and keeps it running until Ctrl-C. Needs Debian 12, and root or sudo for missing packages.
# RAPTORMQ_STORE names the store directory (default: out/quickstart below this one).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
store=${RAPTORMQ_STORE:-$PWD/out/quickstart}
binary=build/release/bin/raptormq

echo "1/4 Packages"
./tools/setup/install_deps.sh
echo "2/4 Build (a first one takes a few minutes)"
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
cmake --preset release -Wno-dev --log-level=WARNING > /dev/null
cmake --build build/release --target raptormq

echo "3/4 Start"
namesrv_port=$(python3 tools/setup/free_port.py "NameServer" 9876)
# The broker also listens two ports below its own.
broker_port=$(python3 tools/setup/free_port.py "Broker" 10911 --with-offset=-2)
mkdir -p "$store"
log=$store/raptormq.log
: > "$store/ready"  # not the last run's
"$binary" standalone --store "$store" --namesrv-port "$namesrv_port" --set "listenPort=$broker_port" \
    --set "logFile=$log" > "$store/ready" &
server=$!
stopped=
stop() {
    [ -n "$stopped" ] || { stopped=1; kill -TERM "$server" 2> /dev/null || true; wait "$server" || true; }
}
trap 'echo; echo "Stopping"; stop; exit 0' INT TERM
trap stop EXIT
until grep -q '^raptormq_ready role=broker' "$store/ready"; do
    kill -0 "$server" 2> /dev/null || { echo "The server did not start; see above and $log" >&2; exit 1; }
    sleep 0.05
done
sed 's/^/    /' "$store/ready"

echo "4/4 Messages"
"$binary" demo -n "127.0.0.1:$namesrv_port"

cat << END

RaptorMQ is running. Store: $store   Log: $log
Point an existing client at it:
    Java    producer.setNamesrvAddr("127.0.0.1:$namesrv_port");
    any     export NAMESRV_ADDR=127.0.0.1:$namesrv_port
    tools   mqadmin clusterList -n 127.0.0.1:$namesrv_port
Ctrl-C stops it.
END
wait "$server" || true
