#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/compatibility.md: clients by scenarios, and the feature ledger.

A ledger row is ticked when a passing test names its ID, and by nothing else. Tests are the scenarios of the last run
against RaptorMQ and the unit tests, whose tags are read from Catch2's XML reports (`-r xml`). A scenario counts when
every client that offers the feature passed; a test that failed anywhere unticks what it alone would have proven.
"""

import argparse
import csv
import glob
import json
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

from harness import paths

GROUPS = {
    "M": "Messaging", "C": "Consumption", "F": "Filtering", "D": "Delay and timer", "R": "Retry and dead letters",
    "T": "Transactions", "O": "Order", "P": "Pop", "L": "Lite topics", "H": "Replication and failover",
    "N": "NameServer", "S": "Security", "V": "Observability", "K": "Storage", "A": "Operations",
    "G": "Built-in gRPC proxy", "X": "Promises of managed services",
}
UNIT_REPORTS = "build/*/test-results/*.xml"
SUITE = paths.COMPAT / "suite"
RECORDED_ORACLE = paths.COMPAT / "oracle" / "results.json"
_ID = re.compile(r"\[([A-Z]-\d+)\]")
_SHOWN_PROOFS = 6


def read_ledger() -> list:
    with open(paths.LEDGER, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_outcomes(server: str) -> dict:
    """(client, scenario) to outcome; the recorded run of the original stands in when there was none here."""
    path = paths.results_file(server)
    if server == "oracle" and not path.exists():
        path = RECORDED_ORACLE
    if not path.exists():
        return {}
    return {(o["client"], o["scenario"]): o for o in json.loads(path.read_text())["outcomes"]}


def scenario_proofs(scenarios: list, outcomes: dict) -> dict:
    """Ledger IDs to the scenarios that passed with every client that offers them."""
    proofs = {}
    for scenario in scenarios:
        statuses = [o["status"] for (_, name), o in outcomes.items() if name == scenario["id"]]
        if "pass" in statuses and "fail" not in statuses:
            for identifier in scenario["ledger"]:
                proofs.setdefault(identifier, []).append(f"scenario `{scenario['id']}`")
    return proofs


def unit_proofs(pattern: str) -> dict:
    """Ledger IDs to unit tests that passed in every report that has them."""
    passed, failed = {}, set()
    for path in sorted(glob.glob(pattern)):
        try:
            root = xml.parse(path).getroot()
        except xml.ParseError as problem:
            print(f"{path} is not a whole report and proves nothing: {problem}", file=sys.stderr)
            continue
        for case in root.iter("TestCase"):
            result = case.find("OverallResult")
            if result is not None and result.get("success") == "true":
                passed.setdefault(case.get("name"), set()).update(_ID.findall(case.get("tags", "")))
            else:
                failed.add(case.get("name"))
    proofs = {}
    for name in sorted(set(passed) - failed):
        for identifier in passed[name]:
            proofs.setdefault(identifier, []).append(f"unit \u201c{name}\u201d")
    return proofs


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _outcome_cell(outcome, client: dict, scenario: dict) -> str:
    for feature in scenario["needs"]:
        if feature in client["lacks"]:
            return "\u2013"
    return {None: "not run", "pass": "pass", "fail": "**fail**", "not offered": "\u2013"}[
        outcome["status"] if outcome else None]


def _client_tables(clients: list, scenarios: list, ours: dict, oracle: dict) -> list:
    lines = ["## Stock clients", ""]
    lines += [f"- **{c['title']}**: {c['package']}" for c in clients]
    lines += ["", "Each cell is RaptorMQ / the original 5.5.0, both with `defaultsProfile=java`; "
              "\u2013 means that the client does not offer it.", "",
              "| scenario | " + " | ".join(c["title"] for c in clients) + " | what it does |",
              "|---|" + "---|" * (len(clients) + 1)]
    for scenario in scenarios:
        cells = []
        for client in clients:
            key = (client["id"], scenario["id"])
            mine, theirs = (_outcome_cell(table.get(key), client, scenario) for table in (ours, oracle))
            cells.append(mine if mine == theirs == "\u2013" else f"{mine} / {theirs}")
        lines.append(f"| `{scenario['id']}` | " + " | ".join(cells) + f" | {_cell(scenario['description'])} |")
    missing = [f"- {c['title']}: {feature} \u2013 {reason}" for c in clients
               for feature, reason in c["lacks"].items() if any(feature in s["needs"] for s in scenarios)]
    return lines + ["", "Not offered by a client:", "", *missing, ""]


def _examples_table() -> list:
    recorded = paths.COMPAT / "examples" / "results.json"
    path = paths.EXAMPLES if paths.EXAMPLES.exists() else recorded
    if not path.exists():
        return []
    lines = ["## Example programs of the original", "",
             "`org.apache.rocketmq.example` of 5.5.0, unchanged, by `compat-tests/examples/run_examples.py`.", "",
             "| program | RaptorMQ | original 5.5.0 | same outcome |", "|---|---|---|---|"]
    for row in json.loads(path.read_text()):
        lines.append(f"| {row['example']} | {_cell(row['raptormq'])} | {_cell(row['oracle'])} | "
                     f"{'yes' if row['same'] else '**no**'} |")
    return lines + [""]


def _suite_counts(outcomes: dict, methods: list) -> str:
    found = [outcomes.get(method, "not run") for method in methods]
    return ", ".join(f"{found.count(each)} {f'**{each}**' if each == 'fail' else each}"
                     for each in ("pass", "fail", "ignored", "reaches in", "not run") if each in found)


def _suite_tables() -> list:
    """The original's own integration tests by class, and why some do not run or do not count."""
    recorded = json.loads((SUITE / "results.json").read_text())
    expected = json.loads((SUITE / "expected.json").read_text())
    ours, oracle = recorded.get("raptormq", {}), recorded.get("oracle", {})
    by_class = {}
    for method in sorted({*ours, *oracle}):
        by_class.setdefault(method.rpartition(".")[0], []).append(method)
    lines = ["## Integration tests of the original", "",
             "`org.apache.rocketmq:rocketmq-test` 5.5.0, whose base class `compat-tests/suite` replaces by one that uses "
             "servers in processes of their own; run by `compat-tests/run_suite.py`. *Ignored* is what the suite itself "
             "leaves out; a method that *reaches in* needs its broker in its own process.", "",
             "| class | RaptorMQ | original 5.5.0 |", "|---|---|---|"]
    lines += [f"| {name} | {_suite_counts(ours, methods)} | {_suite_counts(oracle, methods)} |"
              for name, methods in by_class.items()]
    lines += [f"| all | {_suite_counts(ours, [*ours])} | {_suite_counts(oracle, [*oracle])} |", "", "Not run:", ""]
    lines += [f"- `{pattern}`: {reason}" for pattern, reason in expected["not_run"].items()]
    lines += ["", "Reach into the broker's process:", ""]
    return lines + [f"- `{pattern}`: {reason}" for pattern, reason in expected["reaches_in"].items()] + [""]


def _ledger_tables(rows: list, proofs: dict) -> list:
    done = sum(row["id"] in proofs for row in rows)
    first = [row for row in rows if row["priority"] == "1"]
    lines = ["## Ledger", "",
             f"{done} of {len(rows)} rows are proven, {sum(r['id'] in proofs for r in first)} of {len(first)} of "
             "priority 1. A row is ticked by a passing test that names it and by nothing else.", "",
             "| group | proven | of |", "|---|---|---|"]
    for letter, title in GROUPS.items():
        mine = [row for row in rows if row["id"].startswith(letter)]
        lines.append(f"| {letter} {title} | {sum(row['id'] in proofs for row in mine)} | {len(mine)} |")
    for letter, title in GROUPS.items():
        lines += ["", f"### {letter}. {title}", "", "| | ID | P | feature | behaviour | proof |", "|---|---|---|---|---|---|"]
        for row in (row for row in rows if row["id"].startswith(letter)):
            tests = proofs.get(row["id"], [])
            shown = "; ".join(tests[:_SHOWN_PROOFS])
            if len(tests) > _SHOWN_PROOFS:
                shown += f"; and {len(tests) - _SHOWN_PROOFS} more"
            tick = "\u2611" if tests else "\u2610"
            lines.append(f"| {tick} | {row['id']} | {row['priority']} | {_cell(row['feature'])} | "
                         f"{_cell(row['behaviour'])} | {_cell(shown)} |")
    return lines


def write_compatibility(unit_reports: str = str(paths.ROOT / UNIT_REPORTS)) -> Path:
    """Generates the page and returns its path. Unknown IDs in tests end the program: they prove nothing."""
    rows = read_ledger()
    clients, scenarios = json.loads(paths.CLIENTS.read_text()), json.loads(paths.SCENARIOS.read_text())
    ours, oracle = read_outcomes("raptormq"), read_outcomes("oracle")
    proofs = scenario_proofs(scenarios, ours)
    for identifier, tests in unit_proofs(unit_reports).items():
        proofs.setdefault(identifier, []).extend(tests)
    unknown = set(proofs) - {row["id"] for row in rows}
    if unknown:
        sys.exit(f"tests name IDs that the ledger does not have: {', '.join(sorted(unknown))}")
    lines = ["# Compatibility", "",
             "Generated by `compat-tests/run.py --update-docs` (or `compat-tests/ledger.py`); do not edit.", ""]
    lines += _client_tables(clients, scenarios, ours, oracle)
    lines += _examples_table()
    lines += _suite_tables()
    lines += _ledger_tables(rows, proofs)
    paths.COMPATIBILITY.parent.mkdir(parents=True, exist_ok=True)
    paths.COMPATIBILITY.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths.COMPATIBILITY


def record_oracle() -> None:
    """Keeps the last run against the original beside its launcher, for machines that do not run it."""
    results = json.loads(paths.results_file("oracle").read_text())
    for outcome in results["outcomes"]:
        outcome.pop("seconds")
    results.pop("seconds")
    RECORDED_ORACLE.write_text(json.dumps(results, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit-reports", default=str(paths.ROOT / UNIT_REPORTS), help="glob of Catch2 XML reports")
    print(write_compatibility(parser.parse_args().unit_reports))


if __name__ == "__main__":
    main()
