#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost against the original, in one run on one machine: prints broker CPU per message and rate of both, and of a bare
loop (remoting with nothing behind it), and their ratios. The servers take turns; each figure is the median of the
rounds. Needs a release build and what ./test.sh sets up for the original.

    tools/bench/compare.py [--rounds 3] [--seconds 5]
"""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "compat-tests"))

from harness import servers  # noqa: E402

BENCH = ROOT / "build" / "release" / "bin" / "rmq_bench"
# Name, arguments of rmq_bench, does the bare loop serve it.
ROWS = [
    ("send, 8 connections x 16 in flight", ["send", "--connections", "8", "--in-flight", "16"], True),
    ("send, 64 connections x 1 in flight", ["send", "--connections", "64", "--in-flight", "1"], True),
    ("pull of 32, 4 connections x 1", ["pull", "--connections", "4", "--in-flight", "1"], False),
]
# As operators run it: defaults for file sizes, the optimising compiler, the collector of the original's script.
SETTINGS = {"mappedFileSizeCommitLog": 1 << 30, "mappedFileSizeConsumeQueue": 20 * 300000,
            "maxHashSlotNum": 5000000, "maxIndexNum": 20000000, "waitTimeMillsInSendQueue": 200}
TEST_ONLY_FLAGS = {"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx700m"}
OPERATORS_FLAGS = ["-Xms4g", "-Xmx4g", "-XX:+UseG1GC"]


class Original(servers.OracleCluster):
    """The original with an operator's flags for the virtual machine."""

    def _broker(self, index, port):
        broker = super()._broker(index, port)
        command = [word for word in broker.command if word not in TEST_ONLY_FLAGS]
        broker.command = [command[0], *OPERATORS_FLAGS, *command[1:]]
        return broker


def bare_loop(port: int) -> subprocess.Popen:
    return subprocess.Popen([BENCH, "serve", "--port", str(port), "--io-threads", "1"])


def measure(arguments: list, address: str, pid: int, seconds: int, warm_up: int) -> tuple:
    """Broker CPU in µs per message, messages per second, client's p99 in µs."""
    out = subprocess.run([BENCH, *arguments, "--address", address, "--pid", str(pid), "--seconds", str(seconds),
                          "--warm-up", str(warm_up)], check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"(\w+)=([\d.]+)", out))
    return float(found["server_cpu_us"]), float(found["per_second"]), float(found["p99_us"])


def median(samples: list) -> tuple:
    return tuple(statistics.median(column) for column in zip(*samples))


def run(options) -> None:
    original, ours = Original(settings=SETTINGS), servers.RaptorCluster(settings=SETTINGS)
    bare_port = servers.free_ports(1)[0]
    bare = None
    samples = {}
    try:
        original.start(), ours.start()
        bare = bare_loop(bare_port)
        targets = [("original", original.broker, original.brokers[0].pid), ("ours", ours.broker, ours.brokers[0].pid),
                   ("bare", f"127.0.0.1:{bare_port}", bare.pid)]
        for turn in range(options.rounds):
            for name, arguments, is_served_bare in ROWS:
                for target, address, pid in targets:
                    if target != "bare" or is_served_bare:
                        # The first turn also waits until the virtual machine has compiled.
                        warm_up = 15 if turn == 0 and target == "original" else 1
                        sample = measure(arguments, address, pid, options.seconds, warm_up)
                        samples.setdefault((name, target), []).append(sample)
    finally:
        if bare is not None:
            bare.kill()
            bare.wait()
        original.close(), ours.close()
    report(samples)


def report(samples: dict) -> None:
    print(f"{'1 KiB messages':38}{'':10}{'CPU us/msg':>11}{'msg/s':>11}{'p99 us':>9}")
    for name, _, is_served_bare in ROWS:
        for target in ("original", "ours", "bare") if is_served_bare else ("original", "ours"):
            cpu, rate, p99 = median(samples[name, target])
            print(f"{name:38}{target:10}{cpu:11.2f}{rate:11.0f}{p99:9.0f}")
        theirs, ours = median(samples[name, "original"]), median(samples[name, "ours"])
        print(f"{'':38}{'ratio':10}{f'1/{theirs[0] / ours[0]:.1f}':>11}{ours[1] / theirs[1]:>10.1f}x"
              f"{f'1/{theirs[2] / ours[2]:.1f}':>9}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    run(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
