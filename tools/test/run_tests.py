#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds RaptorMQ and runs its tests. The last line is "N passed, N failed".

Counted are the cases of each Catch2 program, every other ctest test as one, tidy as one, every life of a store that is
killed or loses power, every client by scenario, every example program, every mqadmin command, every metric, every file of
a store, and with --suite the methods of the original's own integration tests but for its slow classes.
What could not be built or started has failed; nothing is skipped silently.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Tally:
    """Outcomes so far, and the names of what failed."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def add(self, passed: int, failed: list) -> None:
        self.passed += passed
        self.failed += failed

    def print(self) -> None:
        for name in self.failed:
            print(f"failed: {name}")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def run(command: list, **options) -> int:
    try:
        return subprocess.run(command, cwd=ROOT, check=False, **options).returncode
    except OSError as problem:
        print(f"{command[0]}: {problem}", file=sys.stderr)
        return 1


def build(preset: str, targets: list) -> bool:
    """Configures and builds; shows ninja's progress."""
    say(f"build {preset}")
    begin = time.monotonic()
    cache = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    done = run(["cmake", "--preset", preset, "-Wno-dev", "--log-level=WARNING"], env=cache) == 0 and \
        run(["cmake", "--build", f"build/{preset}", "--target", *targets], env=cache) == 0
    print(f"{'built' if done else 'FAILED after'} {preset}: {time.monotonic() - begin:.0f} s", flush=True)
    return done


def catch_results(report: Path) -> tuple:
    """Passed count and failed names in one Catch2 XML report; a report cut short by a crash counts as a failure."""
    passed, failed = 0, []
    try:
        cases = list(xml.parse(report).getroot().iter("TestCase"))
    except (OSError, xml.ParseError) as problem:
        return 0, [f"{report.stem}: the report is not complete: {problem}"]
    for case in cases:
        overall = case.find("OverallResult")
        if overall is not None and overall.get("success") == "true":
            passed += 1
        else:
            failed.append(f"{report.stem}: {case.get('name')}")
    return passed, failed


def ctest_results(directory: Path, junit: Path) -> tuple:
    """Sums up one ctest run: Catch2 programs by their cases, other tests as one each."""
    try:
        tests = list(xml.parse(junit).getroot().iter("testcase"))
    except (OSError, xml.ParseError) as problem:
        return 0, [f"ctest: no results: {problem}"]
    passed, failed = 0, []
    for test in tests:
        name, good = test.get("name"), test.get("status") == "run"
        report = directory / "test-results" / f"{name}.xml"
        if report.exists():
            case_passed, case_failed = catch_results(report)
            passed, failed = passed + case_passed, failed + case_failed
            if not good and not case_failed:
                failed.append(f"{name}: ended badly after its last case")
        elif good:
            passed += 1
        else:
            failed.append(name)
    return passed, failed if tests else ["ctest: there are no tests"]


def tidy(tally: Tally) -> None:
    """What the compiler does not check; one check, its findings are printed."""
    say("tidy")
    good = run([sys.executable, str(ROOT / "tools" / "tidy" / "tidy.py")]) == 0
    tally.add(int(good), [] if good else ["tidy: see its findings above"])


def unit_tests(tally: Tally, preset: str) -> None:
    if not build(preset, ["all"]):
        tally.add(0, [f"build {preset}"])
        return
    say(f"unit tests {preset}")
    directory = ROOT / "build" / preset
    for old in directory.glob("test-results/*.xml"):
        old.unlink()
    junit = directory / "ctest.xml"
    junit.unlink(missing_ok=True)
    run(["ctest", "--test-dir", str(directory), "--output-on-failure", "--output-junit", str(junit), "--timeout", "600",
         "-j", str(os.cpu_count() or 1)])
    passed, failed = ctest_results(directory, junit)
    tally.add(passed, [f"{preset}: {name}" for name in failed])


def compatibility(tally: Tally, server: str, extra: list) -> None:
    """The stock clients; counts come from the results file that the run writes."""
    say(f"compatibility tests against {server}")
    if run([str(ROOT / "compat-tests" / "setup.sh")]) != 0:
        tally.add(0, [f"{server}: compat-tests/setup.sh"])
        return
    results = ROOT / "build" / "compat" / f"results-{server}.json"
    results.unlink(missing_ok=True)
    status = run([sys.executable, str(ROOT / "compat-tests" / "run.py"), "--server", server, *extra])
    try:
        outcomes = json.loads(results.read_text())["outcomes"]
    except (OSError, ValueError, KeyError) as problem:
        tally.add(0, [f"{server}: no results: {problem}"])
        return
    failed = [f"{server}: {o['client']} {o['scenario']}: {o['detail']}" for o in outcomes if o["status"] == "fail"]
    passed = sum(o["status"] == "pass" for o in outcomes)
    if not failed and (status != 0 or not passed):
        failed = [f"{server}: the run ended with status {status} and {passed} passed"]
    tally.add(passed, failed)


def counted(tally: Tally, title: str, command: list) -> None:
    """A program that prints "differs: <what>" for each failure and ends with "N passed, N failed"."""
    say(title)
    last, failed = "", []
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line
            if line.startswith("differs: "):
                failed.append(f"{title}: {line.removeprefix('differs: ').strip()}")
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed\n?", last)
    if not counts or int(counts[2]) != len(failed) or (process.returncode != 0 and not failed):
        failed.append(f"{title}: ended with status {process.returncode} and \"{last.strip()}\"")
    tally.add(int(counts[1]) if counts else 0, failed)


def options():
    parser = argparse.ArgumentParser(prog="test.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit", action="store_true", help="only the unit tests of the release build, and tidy")
    parser.add_argument("--oracle", action="store_true", help="only the scenarios, against the original server")
    parser.add_argument("--sanitizers", default="asan,tsan", help="presets besides release; empty for none")
    parser.add_argument("--no-compat", action="store_true", help="leave the stock clients out")
    parser.add_argument("--suite", action="store_true", help="only the original's own integration tests")
    parser.add_argument("compat", nargs="*", help="options for compat-tests/run.py, after --")
    return parser.parse_args()


def main() -> int:
    chosen, tally = options(), Tally()
    if chosen.oracle:
        compatibility(tally, "oracle", chosen.compat)
    elif chosen.suite:
        if not build("release", ["raptormq"]) or run([str(ROOT / "compat-tests" / "setup.sh")]) != 0:
            tally.add(0, ["build release and compat-tests/setup.sh"])
        counted(tally, "integration tests of the original", ["compat-tests/run_suite.py", "--quick"])
    else:
        tidy(tally)
        unit_tests(tally, "release")
        if not chosen.unit:
            for preset in filter(None, chosen.sanitizers.split(",")):
                unit_tests(tally, preset)
            counted(tally, "what requests cost", ["tools/bench/gate.py"])
            counted(tally, "kills and losses of power", ["tools/torture/torture.py"])
            counted(tally, "a disk that lies is noticed", ["tools/torture/torture.py", "--blind", "--kills=0", "--power=20"])
            if not chosen.no_compat:
                compatibility(tally, "raptormq", chosen.compat)
                counted(tally, "example programs", ["compat-tests/examples/run_examples.py", "--recorded"])
                counted(tally, "mqadmin", ["compat-tests/mqadmin_compare.py", "--recorded"])
                counted(tally, "metrics", ["compat-tests/metrics_compare.py", "--recorded"])
                counted(tally, "store files", ["compat-tests/store_compare.py", "--recorded"])
    say("summary")
    tally.print()
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
