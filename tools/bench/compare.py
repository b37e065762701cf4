#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RaptorMQ against the original, in one run on one machine: every row of tools/bench/grid.py, the servers taking turns,
medians of the rounds. Prints a line for each row, and writes the raw data.

    tools/bench/compare.py [--quick] [--rounds 3] [--seconds 3] [--only TEXT] [--write]

--quick is one round of a second each, for a rough look. --write puts table and charts into docs/performance.md and
docs/performance/, which is done on a machine that does nothing else. Needs a release build, and what ./test.sh sets up
for the original. Takes about 12 minutes; --quick 4.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "compat-tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import gate  # noqa: E402
import grid  # noqa: E402
import report  # noqa: E402
from harness import remoting, servers  # noqa: E402

BINARIES = ROOT / "build" / "release" / "bin"
RAW = ROOT / "build" / "bench" / "comparison.json"
TOPIC = "rmq_bench"
# As operators run it: defaults for file sizes, the optimising compiler, the collector of the original's script.
DEFAULTS = {"mappedFileSizeCommitLog": 1 << 30, "mappedFileSizeConsumeQueue": 20 * 300000,
            "maxHashSlotNum": 5000000, "maxIndexNum": 20000000, "waitTimeMillsInSendQueue": 200}
SETTINGS = {"default": {}, "flush": {"flushDiskType": "SYNC_FLUSH"}, "topics": {}}
TEST_ONLY_FLAGS = {"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx700m"}
OPERATORS_FLAGS = ["-Xms4g", "-Xmx4g", "-XX:+UseG1GC"]
# A store that is larger than this is thrown away between two measurements, so that the disk does not fill.
STORE_BYTES = 6 << 30
REGISTER_BROKER = 103  # Source: RequestCode
JAVA_WARM_UP = 12  # seconds until the virtual machine has compiled what a row needs


class Original(servers.OracleCluster):
    """The original with an operator's flags for the virtual machine."""

    def _broker(self, index, port):
        broker = super()._broker(index, port)
        command = [word for word in broker.command if word not in TEST_ONLY_FLAGS]
        broker.command = [command[0], *OPERATORS_FLAGS, *command[1:]]
        return broker


CLUSTERS = {"original": Original, "raptormq": servers.RaptorCluster}


def bench(arguments: list, seconds: int, warm_up: int, *more) -> dict:
    """One run of `raptormq bench`. Failed requests are a figure here, anything else that goes wrong is an error."""
    done = subprocess.run([BINARIES / "raptormq", "bench", *map(str, arguments), "-d", str(seconds), "--warm-up",
                           str(warm_up), "--json", *map(str, more)], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"raptormq bench {' '.join(map(str, arguments))}: {done.stderr}")
    return json.loads(done.stdout)


def figures(raw: dict) -> dict:
    return {"rate": raw["per_second"], "cpu_us": raw["server"]["cpu_us_per_message"],
            "p50_us": raw["latency_us"]["p50"], "p99_us": raw["latency_us"]["p99"],
            "p99.9_us": raw["latency_us"]["p99.9"], "failures": sum(raw["failures"].values()),
            "own_mib": raw["server"]["own_kib"] / 1024}


class BrokerTarget:
    """A broker under load, begun anew when its store has grown too large."""

    def __init__(self, kind: str, setup: str):
        self.kind, self.setup, self.cluster, self.is_warm, self.prefilled = kind, setup, None, set(), set()

    @property
    def pid(self) -> int:
        return self.cluster.brokers[0].pid

    def begin(self) -> None:
        self.cluster = CLUSTERS[self.kind](settings={**DEFAULTS, **SETTINGS[self.setup]}).start()
        self.is_warm, self.prefilled = set(), set()
        many = ["--topics", 1000, "--queues", 8] if self.setup == "topics" else ["--queues", 8]
        bench(["send", *self._address(), "--create", *many, "-c", 1], 1, 0, "--count", 1)

    def _address(self) -> list:
        return ["-b", self.cluster.broker, "-n", self.cluster.namesrv, "-t", TOPIC]

    def ready_for(self, row: grid.Row) -> int:
        """Warm-up seconds that the next measurement needs."""
        if self.cluster is not None and store_bytes(self.cluster.directory) > STORE_BYTES:
            self.close()
        if self.cluster is None:
            self.begin()
        if row.prefill and row.prefill not in self.prefilled:
            bench(["send", *self._address(), "-c", 4, "-i", 16], 1, 0, "--count", row.prefill)
            self.prefilled.add(row.prefill)
        is_first = self.kind == "original" and row.arguments[0] not in self.is_warm
        self.is_warm.add(row.arguments[0])
        return JAVA_WARM_UP if is_first else 1

    def measure(self, row: grid.Row, seconds: int) -> dict:
        warm_up = self.ready_for(row)
        beside = None
        if row.beside:
            beside = subprocess.Popen([BINARIES / "raptormq", "bench", *map(str, row.beside), *self._address(), "-d",
                                       str(seconds + warm_up + 2)], stdout=subprocess.DEVNULL)
        try:
            return bench([*row.arguments, *self._address()], seconds, warm_up, "--pid", self.pid)
        finally:
            if beside is not None:
                beside.kill()
                beside.wait()

    def close(self) -> None:
        if self.cluster is not None:
            self.cluster.close()
            self.cluster = None


class NamesrvTarget:
    """A NameServer that one made-up broker has told of its topics."""

    def __init__(self, kind: str, setup: str):
        self.directory = Path(tempfile.mkdtemp(prefix="bench-namesrv-"))
        self.topics, self.kind, self.is_warm = int(setup.split()[1]), kind, False
        self.cluster = CLUSTERS[kind](brokers=0)
        self.cluster.namesrvs[0].start()
        self.address = self.cluster.namesrv_addresses[0]
        remoting.wait_until(lambda: servers._answers(self.address), 60, "the NameServer answers")  # noqa: SLF001
        self.broker = remoting.Connection(self.address, timeout=60)  # a broker is known while it is connected
        width = len(str(self.topics - 1))
        table = {name: {"topicName": name, "readQueueNums": 8, "writeQueueNums": 8, "perm": 6, "order": False,
                        "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0}
                 for name in [TOPIC, *(f"{TOPIC}_{i:0{width}}" for i in range(self.topics - 1)),
                              f"{TOPIC}_{self.topics - 1}"]}
        version = {"counter": 1, "timestamp": int(time.time() * 1000), "stateVersion": 0}
        self.broker.request(REGISTER_BROKER, {
            "brokerName": "broker-a", "brokerAddr": "127.0.0.1:10911", "clusterName": "DefaultCluster",
            "haServerAddr": "127.0.0.1:10912", "brokerId": 0, "compressed": False, "bodyCrc32": 0},
            json.dumps({"topicConfigSerializeWrapper": {"topicConfigTable": table, "dataVersion": version},
                        "filterServerList": []}).encode())

    def measure(self, row: grid.Row, seconds: int) -> dict:
        warm_up = JAVA_WARM_UP // 2 if self.kind == "original" and not self.is_warm else 1
        self.is_warm = True
        return bench([*row.arguments, "-n", self.address, "-t", TOPIC], seconds, warm_up, "--pid",
                     self.cluster.namesrvs[0].pid)

    def close(self) -> None:
        self.broker.__exit__()
        self.cluster.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class BareLoop:
    """Remoting with nothing behind it."""

    kind = "bare loop"

    def __init__(self):
        port = servers.free_ports(1)[0]
        self.address = f"127.0.0.1:{port}"
        self.process = subprocess.Popen([BINARIES / "rmq_null_server", str(port)], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def measure(self, row: grid.Row, seconds: int) -> dict:
        return bench([*row.arguments, "-b", self.address, "--queues", 8], seconds, 1, "--pid", self.process.pid)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def store_bytes(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def measure_start(kind: str) -> dict:
    """Milliseconds from the start of an empty broker to its first acknowledged message, and its memory then."""
    cluster = CLUSTERS[kind](settings=DEFAULTS)
    broker = cluster.brokers[0]
    try:
        cluster.namesrvs[0].start()
        remoting.wait_until(lambda: servers._answers(cluster.namesrv_addresses[0]), 60, "NameServer")  # noqa: SLF001
        begin = time.monotonic()
        broker.start()
        fields = {"a": "bench", "b": TOPIC, "c": "TBW102", "d": 4, "e": 0, "f": 0, "g": int(time.time() * 1000), "h": 0,
                  "i": "", "j": 0, "k": False, "m": False}
        while True:
            try:
                remoting.call(broker.address, 310, fields, b"x" * 1024)
                break
            except (OSError, remoting.RemotingError):
                if time.monotonic() > begin + 60:
                    raise
                time.sleep(0.001)
        start_ms = (time.monotonic() - begin) * 1000
        time.sleep(3)  # idle
        status = dict(line.split(":", 1) for line in Path(f"/proc/{broker.pid}/status").read_text().splitlines())
        return {"start_ms": start_ms, "own_mib": int(status["RssAnon"].split()[0]) / 1024}
    finally:
        cluster.close()


def fill_page_cache() -> None:
    """Reads a file of nothing as large as the free memory, so that a virtual machine has its memory from its host."""
    free_kib = int(next(line for line in open("/proc/meminfo") if line.startswith("MemFree")).split()[1])
    size = max(0, free_kib * 1024 - (1 << 30))
    with tempfile.TemporaryFile(dir=ROOT / "build") as file:
        if size > 0 and shutil.disk_usage(ROOT).free > size + (10 << 30):
            os.posix_fallocate(file.fileno(), 0, size)
            buffer = bytearray(8 << 20)
            while os.readv(file.fileno(), [buffer]):
                pass


def medians(samples: list) -> dict:
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}


def run_setup(setup: str, rows: list, options, results: dict) -> None:
    """All rows of one setup, round by round."""
    with ExitStack() as stack:
        targets = []
        for kind in CLUSTERS:
            targets.append((NamesrvTarget if setup.startswith("routes") else BrokerTarget)(kind, setup))
            stack.callback(targets[-1].close)
        if any(row.bare for row in rows):
            targets.append(BareLoop())
            stack.callback(targets[-1].close)
        for row in rows:
            for _ in range(options.rounds):
                for target in targets:
                    if target.kind != "bare loop" or row.bare:
                        raw = target.measure(row, options.seconds)
                        results["rows"].setdefault(row.name, {}).setdefault(target.kind, []).append(raw)
            print(report.line(row, {kind: medians([figures(raw) for raw in samples])
                                    for kind, samples in results["rows"][row.name].items()}), flush=True)


def run(options) -> dict:
    begin = time.monotonic()
    results = {"rows": {}, "machine": report.machine(), "rounds": options.rounds, "seconds": options.seconds}
    if not options.quick:
        fill_page_cache()
    rows = [row for row in grid.ROWS if options.only in row.name]
    for setup in dict.fromkeys(row.setup for row in rows):
        run_setup(setup, [row for row in rows if row.setup == setup], options, results)
    if not options.only:
        results["start"] = {kind: [measure_start(kind) for _ in range(options.rounds)] for kind in CLUSTERS}
        results["cost"] = gate.measure(BINARIES / "raptormq", 1000)
    results["minutes"] = (time.monotonic() - begin) / 60
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of a second each")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md")
    parser.add_argument("--from", dest="raw", type=Path, help="raw data of an earlier run instead of a new one")
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.seconds = 1
    if options.raw:
        results = json.loads(options.raw.read_text())
    else:
        results = run(options)
        RAW.parent.mkdir(parents=True, exist_ok=True)
        RAW.write_text(json.dumps(results))
        print(f"raw data: {RAW}; took {results['minutes']:.1f} minutes")
    summary = {name: {kind: medians([figures(raw) for raw in samples]) for kind, samples in by_kind.items()}
               for name, by_kind in results["rows"].items()}
    if options.write:
        report.write(ROOT / "docs", summary, results)
    print(report.verdicts(summary, results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
