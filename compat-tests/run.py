#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the compatibility scenarios with the stock clients against the original server or against RaptorMQ.

Exits with 1 when a scenario failed, 2 when the run could not start. A scenario that could not run has failed.

Clients find out about routes, members and lost connections on timers of their own, so on a busy machine a scenario can run
out of time beside three others. What failed there runs once more by itself when the others are done, and is reported as
unsteady if it passes then. Scenarios that kill servers and look for loss have no second attempt.
"""

import argparse
import json
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import ledger
from harness import paths, scenarios, servers
from harness.context import Context, Group


MOST_UNSTEADY = 6  # more failures than this are not the machine's


class Run:
    """One run: the chosen clients and scenarios, the shared cluster, and the outcomes so far."""

    def __init__(self, options, clients: list, chosen: list):
        self.options, self.clients, self.chosen = options, clients, chosen
        self.outcomes = []
        self.unsteady = []  # what failed beside others and passed alone
        self.reports = []  # of sanitizers, when the servers were built with one
        self._lock = threading.Lock()
        self._cluster_class = servers.cluster_class(options.server)
        self._clusters = []

    def record(self, client: str, scenario: str, status: str, detail: str = "", seconds: float = 0.0) -> None:
        with self._lock:
            self.outcomes.append({"client": client, "scenario": scenario, "status": status, "detail": detail,
                                  "seconds": round(seconds, 1)})
        mark = {"pass": "ok  ", "fail": "FAIL", "not offered": "-   "}[status]
        print(f"{mark} {client:11} {scenario:14} {seconds:6.1f} s  {detail}".rstrip(), flush=True)

    def missing_feature(self, client: dict, scenario: dict):
        for feature in scenario["needs"]:
            if feature in client["lacks"]:
                return client["lacks"][feature]
        return None

    def start_cluster(self, scenario=None):
        spec = scenario or {}
        cluster = self._cluster_class(spec.get("namesrvs", 1), spec.get("brokers", 1), spec.get("settings"))
        with self._lock:
            self._clusters.append(cluster)
        return cluster.start()

    def stop_cluster(self, cluster) -> None:
        cluster.close(keep=self.options.keep)
        with self._lock:
            self._clusters.remove(cluster)
            self.reports += cluster.reports

    def one(self, client: dict, scenario: dict, cluster) -> None:
        """One client in one scenario, bounded in time; always leaves an outcome."""
        context = Context(client["id"], client["lacks"], cluster, scenario["id"])
        begin = time.monotonic()
        failure = _bounded(lambda: scenarios.FUNCTIONS[scenario["id"]](context), scenario["seconds"],
                           lambda: context.close(self.options.keep))
        if failure and cluster.ended():
            failure = f"{cluster.ended()}: {failure}"
        self.record(client["id"], scenario["id"], "fail" if failure else "pass", failure or "", time.monotonic() - begin)

    def group(self, clients: list, scenario: dict) -> None:
        """All clients together in a scenario that disturbs the cluster."""
        begin, contexts, group = time.monotonic(), [], None
        try:
            cluster = self.start_cluster(scenario)
        except Exception as problem:  # noqa: BLE001
            for client in clients:
                self.record(client["id"], scenario["id"], "fail", f"the servers did not start: {problem}")
            return
        contexts = [Context(client["id"], client["lacks"], cluster, scenario["id"]) for client in clients]
        group = Group(contexts, cluster)

        def close():
            for context in contexts:
                context.close(self.options.keep)
        failure = _bounded(lambda: scenarios.FUNCTIONS[scenario["id"]](group), scenario["seconds"], close)
        for client in clients:
            detail = group.failures.get(client["id"]) or failure
            self.record(client["id"], scenario["id"], "fail" if detail else "pass", detail or "",
                        time.monotonic() - begin)
        self.stop_cluster(cluster)

    def own(self, client: dict, scenario: dict) -> None:
        try:
            cluster = self.start_cluster(scenario)
        except Exception as problem:  # noqa: BLE001
            self.record(client["id"], scenario["id"], "fail", f"the servers did not start: {problem}")
            return
        self.one(client, scenario, cluster)
        self.stop_cluster(cluster)

    def execute(self) -> None:
        pairs, grouped = [], []
        for scenario in self.chosen:
            able = []
            for client in self.clients:
                reason = self.missing_feature(client, scenario)
                if reason is not None:
                    self.record(client["id"], scenario["id"], "not offered", reason)
                else:
                    able.append(client)
            if scenario.get("cluster") == "group":
                if able:
                    grouped.append((able, scenario))
            else:
                pairs += [(client, scenario) for client in able]
        if pairs:
            self._execute_pairs(pairs)
        for able, scenario in grouped:
            self.group(able, scenario)

    def _execute_pairs(self, pairs: list) -> None:
        shared = [(c, s) for c, s in pairs if s.get("cluster", "shared") == "shared"]
        shared.sort(key=lambda pair: -pair[1]["seconds"])
        cluster = self.start_cluster() if shared else None
        with ThreadPoolExecutor(self.options.jobs) as pool:
            futures = [pool.submit(self.one, client, scenario, cluster) for client, scenario in shared]
            futures += [pool.submit(self.own, client, scenario) for client, scenario in pairs
                        if scenario.get("cluster") == "own"]
            for future in futures:
                future.result()
        if cluster is not None:
            self.stop_cluster(cluster)
        self._second_attempts(pairs)

    def _second_attempts(self, pairs: list) -> None:
        """Runs what failed once more, one after the other, each with servers of its own."""
        failed = [o for o in self.outcomes if o["status"] == "fail"]
        if not failed or len(failed) > MOST_UNSTEADY:
            return
        for client, scenario in pairs:
            first = next((o for o in failed if (o["client"], o["scenario"]) == (client["id"], scenario["id"])), None)
            if first is None:
                continue
            self.outcomes.remove(first)
            self.own(client, scenario)
            if self.outcomes[-1]["status"] == "pass":
                self.unsteady.append(f"{client['id']} {scenario['id']}: {first['detail']}")

    def close(self) -> None:
        for cluster in list(self._clusters):
            self.stop_cluster(cluster)


def _bounded(action, seconds: float, close):
    """Runs action; returns None or one line that says what went wrong. `close` is called in the end, also on time-out."""
    box = []

    def body():
        try:
            action()
            box.append(None)
        except Exception as failure:  # noqa: BLE001
            where = traceback.extract_tb(failure.__traceback__)
            lines = [f"{frame.name}:{frame.lineno}" for frame in where if "scenarios" in frame.filename]
            text = " ".join(str(failure).split()) or "assertion"
            box.append(f"{type(failure).__name__} in {' '.join(lines)}: {text}"[:600])
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(seconds)
    result = box[0] if box else f"not done within {seconds} s"
    try:
        close()
    except Exception as failure:  # noqa: BLE001
        result = result or f"clean-up: {failure}"
    return result


def _select(known: list, wanted, kind: str) -> list:
    if not wanted:
        return known
    names = [name for each in wanted for name in each.split(",")]
    unknown = set(names) - {each["id"] for each in known}
    if unknown:
        sys.exit(f"unknown {kind} {', '.join(sorted(unknown))}; known: {', '.join(each['id'] for each in known)}")
    return [each for each in known if each["id"] in names]


def _save(options, run: Run, seconds: float) -> None:
    """Merges the outcomes into the results of this server, so that a partial run replaces only what it ran."""
    path = paths.results_file(options.server)
    old = json.loads(path.read_text())["outcomes"] if path.exists() else []
    ran = {(o["client"], o["scenario"]) for o in run.outcomes}
    merged = [o for o in old if (o["client"], o["scenario"]) not in ran] + run.outcomes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        "server": options.server, "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "seconds": round(seconds, 1), "outcomes": sorted(merged, key=lambda o: (o["scenario"], o["client"]))}, indent=1))


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["oracle", "raptormq"], default="raptormq")
    parser.add_argument("--binary", default=servers.RaptorCluster.binary, help="the raptormq program to test")
    parser.add_argument("--client", action="append", help="only these clients (repeat, or separate with commas)")
    parser.add_argument("--scenario", action="append", help="only these scenarios")
    parser.add_argument("--except-scenario", action="append", default=[], help="all scenarios but these")
    parser.add_argument("--jobs", type=int, default=max(2, 2 * (os.cpu_count() or 1)), help="scenarios side by side")
    parser.add_argument("--list", action="store_true", help="show clients and scenarios and end")
    parser.add_argument("--keep", action="store_true", help="keep the servers' directories")
    parser.add_argument("--update-docs", action="store_true", help="write docs/compatibility.md from the results")
    return parser.parse_args()


def main() -> int:
    options = _options()
    every_client, every_scenario = json.loads(paths.CLIENTS.read_text()), json.loads(paths.SCENARIOS.read_text())
    if options.list:
        for client in every_client:
            print(f"client   {client['id']:14} {client['package']}")
        for scenario in every_scenario:
            print(f"scenario {scenario['id']:14} {scenario['description']} [{' '.join(scenario['ledger'])}]")
        return 0
    servers.RaptorCluster.binary = os.path.abspath(options.binary)
    if options.server == "raptormq" and not os.access(servers.RaptorCluster.binary, os.X_OK):
        print(f"no program at {servers.RaptorCluster.binary}: build it, or name it with --binary", file=sys.stderr)
        return 2
    left_out = {name for each in options.except_scenario for name in each.split(",")}
    usual = every_scenario if options.scenario else [s for s in every_scenario if not s.get("on_request")]
    run = Run(options, _select(every_client, options.client, "client"),
              [s for s in _select(usual, options.scenario, "scenario") if s["id"] not in left_out])
    begin = time.monotonic()
    try:
        run.execute()
    finally:
        run.close()
    _save(options, run, time.monotonic() - begin)
    if options.update_docs:
        if options.server == "oracle":
            ledger.record_oracle()
        ledger.write_compatibility()
    failed = [outcome for outcome in run.outcomes if outcome["status"] == "fail"]
    passed = sum(outcome["status"] == "pass" for outcome in run.outcomes)
    print(f"\n{options.server}: {time.monotonic() - begin:.0f} s")
    for outcome in failed:
        print(f"failed: {outcome['client']} {outcome['scenario']}: {outcome['detail']}")
    for note in run.unsteady:
        print(f"unsteady: {note}")
    for report in run.reports:
        print(f"sanitizer: {report}")
    print(f"{passed} passed, {len(failed)} failed" + (f", {len(run.reports)} sanitizer reports" if run.reports else ""))
    return 1 if failed or run.reports or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
