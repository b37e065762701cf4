#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the original's own integration tests (rocketmq-test 5.5.0) against servers that run as processes of their own:
ours, or the original's. suite/ has the base class that points them there, and the list of what cannot be run so.

    compat-tests/run_suite.py [--server raptormq|oracle] [--only PART]
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
from pathlib import Path

from harness import paths, servers

SUITE = paths.COMPAT / "suite"
EXPECTED = SUITE / "expected.json"
# Of the suite's own set-up of its brokers, what is visible to its tests.
SETTINGS = {
    "enablePropertyFilter": "true", "enableCalcFilterBitMap": "true", "recallMessageEnable": "true",
    "enableConsumeQueueExt": "true", "loadBalancePollNameServerInterval": 500, "appendAckAsync": "true",
    "appendCkAsync": "true", "maxTransferCountOnMessageInMemory": 1024, "maxTransferCountOnMessageInDisk": 1024,
    "popConsumerKVServiceInit": "true",
}
CLASS_SECONDS = 900


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
        if fnmatch.fnmatch(name, "org.apache.rocketmq.test." + pattern):
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
    short = name.removeprefix("org.apache.rocketmq.test.")
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


def run(server: str, binary: str, names: list, jobs: int) -> dict:
    if binary:
        servers.RaptorCluster.binary = binary
    cluster = servers.cluster_class(server)(brokers=3, settings=SETTINGS)
    waiting, results, lock = list(names), {}, threading.Lock()

    def work(number: int) -> None:
        directory = cluster.directory / f"suite-{number}"
        directory.mkdir()
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.pop(0)
            found = run_class(cluster, name, directory)
            with lock:
                results.update(found)
                for method, (outcome, seconds, text) in found.items():
                    print(f"{outcome:8}{seconds:7.1f} s  {method}  {text if outcome == 'fail' else ''}", flush=True)

    try:
        cluster.start()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if cluster.ended():
            print(f"fail {cluster.ended()}")
    finally:
        cluster.close()
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["raptormq", "oracle"], default="raptormq")
    parser.add_argument("--binary", default="", help="the raptormq program, if not the release build's")
    parser.add_argument("--only", default="", help="classes whose name contains this")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    expected = json.loads(EXPECTED.read_text())
    names = [name for name in classes() if options.only in name and not_run(name, expected) is None]
    begin = time.monotonic()
    results = run(options.server, options.binary, names, options.jobs)
    (paths.BUILD / f"suite-{options.server}.json").write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    passed = sum(outcome == "pass" for outcome, _, _ in results.values())
    excused = [method for method, (outcome, _, _) in results.items()
               if outcome == "fail" and reaches_in(method, expected)]
    failed = sum(outcome == "fail" for outcome, _, _ in results.values()) - len(excused)
    for method in sorted(excused):
        print(f"not counted: {method} {reaches_in(method, expected)}")
    print(f"{len(names)} classes in {time.monotonic() - begin:.0f} s\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
