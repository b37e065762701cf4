#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the original's own integration tests (rocketmq-test 5.5.0) against servers that run as processes of their own:
ours, or the original's. suite/ has the base class that points them there, and the list of what cannot be run so.

    compat-tests/run_suite.py [--server raptormq|oracle] [--only PART] [--quick] [--record]

The last line is "N passed, N failed"; above it is one line "differs: METHOD: TEXT" for each failure.
"""

import argparse
import fnmatch
import json
import re
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import paths, servers

SUITE = paths.COMPAT / "suite"
EXPECTED = SUITE / "expected.json"
RECORDED = SUITE / "results.json"
# Of the suite's own set-up of its brokers, what is visible to its tests.
SETTINGS = {
    "enablePropertyFilter": "true", "enableCalcFilterBitMap": "true", "recallMessageEnable": "true",
    "enableConsumeQueueExt": "true", "loadBalancePollNameServerInterval": 500, "appendAckAsync": "true",
    "appendCkAsync": "true", "maxTransferCountOnMessageInMemory": 1024, "maxTransferCountOnMessageInDisk": 1024,
    "popConsumerKVServiceInit": "true",
}
CLASS_SECONDS = 900
PACKAGE = "org.apache.rocketmq.test."


def classes() -> list:
    """All test classes of the suite by their names, in order."""
    jar = next(path for path in _classpath().split(":") if path.endswith("-tests.jar") and "rocketmq-test" in path)
    names = [name[:-6].replace("/", ".") for name in zipfile.ZipFile(jar).namelist()
             if re.search(r"(IT|Test)\.class$", name)]
    return sorted(names)


def _classpath() -> str:
    return (paths.BUILD / "suite.cp").read_text().strip()


def not_run(name: str, expected: dict):
    """Why a class is not run, None when it is."""
    for pattern, reason in expected["not_run"].items():
        if fnmatch.fnmatch(name, PACKAGE + pattern):
            return reason
    return None


def reaches_in(method: str, expected: dict):
    """Why a method fails against the original in a process of its own too; None when it must pass."""
    return next((reason for pattern, reason in expected["reaches_in"].items() if fnmatch.fnmatch(method, pattern)), None)


def java_command(cluster: servers.Cluster, names: list, directory: Path) -> list:
    brokers = ",".join(f"{broker.broker_name}@{broker.address}" for broker in cluster.brokers)
    return ["java", "-Xmx512m", *servers.JAVA_COMMON, f"-Duser.home={directory}", f"-Djava.io.tmpdir={directory}",
            f"-Dsuite.namesrv={cluster.namesrv}", f"-Dsuite.brokers={brokers}",
            "-cp", f"{paths.BUILD / 'suite'}:{_classpath()}", "suite.Runner", *names]


def run_class(cluster: servers.Cluster, name: str, directory: Path) -> dict:
    """Outcome of each method: [pass|fail|ignored, seconds, text]."""
    short = name.removeprefix(PACKAGE)
    try:
        out = subprocess.run(java_command(cluster, [name], directory), capture_output=True, text=True, check=False,
                             timeout=CLASS_SECONDS, errors="replace").stdout
    except subprocess.TimeoutExpired:
        return {f"{short}.(class)": ["fail", CLASS_SECONDS, "did not end"]}
    found = {}
    for line in out.splitlines():
        if line.startswith("RESULT\t"):
            _, _, method, outcome, ms, text = line.split("\t", 5)
            found[f"{short}.{method}"] = [outcome, round(int(ms) / 1000, 1), text]
    return found or {f"{short}.(class)": ["fail", 0, "no method ran"]}


class Run:
    """Classes side by side, each worker with servers of its own: tests change settings of their brokers."""

    def __init__(self, server: str, names: list):
        self.results = {}
        self._cluster_class = servers.cluster_class(server)
        self._waiting, self._lock = list(names), threading.Lock()

    def execute(self, jobs: int) -> dict:
        with ThreadPoolExecutor(jobs) as pool:
            for worker in [pool.submit(self._work) for _ in range(jobs)]:
                worker.result()
        return self.results

    def _work(self) -> None:
        cluster = self._cluster_class(brokers=3, settings=SETTINGS)
        directory = cluster.directory / "suite"
        directory.mkdir()
        try:
            cluster.start()
            while (name := self._next()) and not cluster.ended():
                self._keep(run_class(cluster, name, directory))
            if cluster.ended():
                self._keep({"servers": ["fail", 0, cluster.ended()]})
        finally:
            cluster.close()

    def _next(self) -> str:
        with self._lock:
            return self._waiting.pop(0) if self._waiting else ""

    def _keep(self, found: dict) -> None:
        with self._lock:
            self.results.update(found)
            for method, (outcome, seconds, text) in found.items():
                print(f"{outcome:8}{seconds:7.1f} s  {method}  {text if outcome == 'fail' else ''}".rstrip(), flush=True)


def outcomes(results: dict, expected: dict) -> dict:
    """Of each method: pass, fail, ignored (by the suite itself), or reaches in (failed, as expected.json foresees)."""
    return {method: "reaches in" if outcome == "fail" and reaches_in(method, expected) else outcome
            for method, (outcome, _, _) in results.items()}


def record(server: str, found: dict, names: list) -> None:
    """Keeps the outcomes of the classes `names` with those of earlier runs, for docs/compatibility.md."""
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    ran = tuple(name.removeprefix(PACKAGE) + "." for name in names)
    kept = {method: outcome for method, outcome in recorded.get(server, {}).items() if not method.startswith(ran)}
    recorded[server] = {**kept, **found}
    RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["raptormq", "oracle"], default="raptormq")
    parser.add_argument("--binary", default="", help="the raptormq program, if not the release build's")
    parser.add_argument("--only", default="", help="classes whose name contains this")
    parser.add_argument("--quick", action="store_true", help="leave out the slow classes of suite/expected.json")
    parser.add_argument("--jobs", type=int, default=0, help="classes side by side; 4, or 1 with the original")
    parser.add_argument("--record", action="store_true", help="keep the outcomes in suite/results.json")
    options = parser.parse_args()
    expected = json.loads(EXPECTED.read_text())
    names = [name for name in classes() if options.only in name and not_run(name, expected) is None
             and not (options.quick and name.removeprefix(PACKAGE) in expected["slow"])]
    begin = time.monotonic()
    if options.binary:
        servers.RaptorCluster.binary = str(Path(options.binary).resolve())
    results = Run(options.server, names).execute(options.jobs or (1 if options.server == "oracle" else 4))
    (paths.BUILD / f"suite-{options.server}.json").write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    found = outcomes(results, expected)
    if options.record:
        record(options.server, found, names)
    print(f"{len(names)} classes in {time.monotonic() - begin:.0f} s")
    for method in sorted(method for method, outcome in found.items() if outcome == "reaches in"):
        print(f"not counted: {method}: {reaches_in(method, expected)}")
    failed = sorted(method for method, outcome in found.items() if outcome == "fail")
    for method in failed:
        print(f"differs: {method}: {results[method][2]}")
    print(f"{sum(outcome == 'pass' for outcome in found.values())} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
