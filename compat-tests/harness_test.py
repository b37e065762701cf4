#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the runner itself: decoding, parsing, judging and the ledger. No server and no client is needed."""

import argparse
import contextlib
import io
import json
import struct
import tempfile
import unittest
import zlib
from pathlib import Path

import ledger
import run as runner
from harness import paths, remoting, scenarios
from harness.drivers import numbered_body, numbered_crc


def record(topic: bytes, body: bytes, properties: bytes, sys_flag: int = 0) -> bytes:
    fixed = struct.pack(">iiiiqqiq8sq8siqi", 0, 0, 3, 0, 7, 1000, sys_flag, 1, b"h" * 8, 2, b"h" * 8, 4, 0, len(body))
    rest = fixed + body + bytes([len(topic)]) + topic + struct.pack(">h", len(properties)) + properties
    return struct.pack(">i", len(rest) + 4) + rest


class SecondAttempts(unittest.TestCase):
    """What is run once more, and what is not."""

    class Run(runner.Run):
        def __init__(self, good):
            super().__init__(argparse.Namespace(server="raptormq"), [], [])
            self.good, self.tried = good, []

        def own(self, client, scenario):
            self.tried.append(scenario["id"])
            self.record(client["id"], scenario["id"], "pass" if scenario["id"] in self.good else "fail", "again")

    def run_with(self, statuses: dict, good=()):
        run = self.Run(good)
        with contextlib.redirect_stdout(io.StringIO()):
            for scenario, status in statuses.items():
                run.record("go", scenario, status, "first")
            run._second_attempts([({"id": "go"}, {"id": scenario}) for scenario in statuses if scenario != "grouped"])
        return run

    def test_a_failure_counts_unless_it_passes_alone(self):
        run = self.run_with({"a": "fail", "b": "pass", "c": "fail", "grouped": "fail"}, good=["c"])
        self.assertEqual(run.tried, ["a", "c"])
        self.assertEqual({o["scenario"]: o["status"] for o in run.outcomes},
                         {"a": "fail", "b": "pass", "c": "pass", "grouped": "fail"})
        self.assertEqual(run.unsteady, ["go c: first"])

    def test_many_failures_stay(self):
        run = self.run_with({str(each): "fail" for each in range(runner.MOST_UNSTEADY + 1)})
        self.assertEqual(run.tried, [])


class Decoding(unittest.TestCase):
    def test_records_one_after_another(self):
        data = record(b"T", b"one", b"KEYS\x01k\x02TAGS\x01a\x02") + record(b"T", zlib.compress(b"two"), b"", 1)
        one, two = remoting.decode_messages(data)
        self.assertEqual((one.topic, one.queue, one.offset, one.body, one.reconsume_times), ("T", 3, 7, b"one", 4))
        self.assertEqual(one.properties, {"KEYS": "k", "TAGS": "a"})
        self.assertEqual(two.body, b"two")

    def test_json_with_bare_integer_keys(self):
        self.assertEqual(remoting.parse_java_json(b'{"a":{0:"x,1:",12:"y"},"b":[{3:1}]}'),
                         {"a": {"0": "x,1:", "12": "y"}, "b": [{"3": 1}]})

    def test_numbered_bodies(self):
        self.assertEqual(numbered_body(27, 12), b"00000027|bbb")
        self.assertEqual(numbered_crc(27, 12), zlib.crc32(b"00000027|bbb"))

    def test_waiting_has_an_end(self):
        with self.assertRaisesRegex(AssertionError, "not within"):
            remoting.wait_until(lambda: False, 0, "never")


class Lists(unittest.TestCase):
    def setUp(self):
        self.scenarios = json.loads(paths.SCENARIOS.read_text())
        self.clients = json.loads(paths.CLIENTS.read_text())

    def test_every_scenario_has_its_function_and_the_other_way_round(self):
        self.assertEqual({s["id"] for s in self.scenarios}, set(scenarios.FUNCTIONS))

    def test_scenarios_name_ids_of_the_ledger(self):
        known = {row["id"] for row in ledger.read_ledger()}
        self.assertEqual(len(known), 242)
        for scenario in self.scenarios:
            self.assertTrue(scenario["ledger"] and set(scenario["ledger"]) <= known, scenario["id"])

    def test_what_a_client_lacks_has_a_reason(self):
        for client in self.clients:
            for feature, reason in client["lacks"].items():
                self.assertTrue(reason, f"{client['id']} {feature}")


class Ledger(unittest.TestCase):
    SCENARIOS = [{"id": "s", "ledger": ["M-01"]}, {"id": "t", "ledger": ["M-02"]}]

    def test_a_scenario_proves_only_when_no_client_failed(self):
        outcomes = {("a", "s"): {"status": "pass"}, ("b", "s"): {"status": "not offered"},
                    ("a", "t"): {"status": "pass"}, ("b", "t"): {"status": "fail"}}
        self.assertEqual(ledger.scenario_proofs(self.SCENARIOS, outcomes), {"M-01": ["scenario `s`"]})

    def test_a_scenario_that_was_not_run_proves_nothing(self):
        self.assertEqual(ledger.scenario_proofs(self.SCENARIOS, {}), {})

    def test_unit_tests_prove_unless_they_failed_in_any_report(self):
        def case(name, good):
            return (f'<TestCase name="{name}" tags="[store][K-01]"><OverallResult success="{good}"/></TestCase>')
        with tempfile.TemporaryDirectory() as directory:
            for number, cases in enumerate((case("x", "true") + case("y", "true"), case("y", "false"))):
                Path(directory, f"{number}.xml").write_text(f"<Catch>{cases}</Catch>")
            Path(directory, "cut.xml").write_text("<Catch><TestCase")
            self.assertEqual(ledger.unit_proofs(f"{directory}/*.xml"), {"K-01": ["unit \u201cx\u201d"]})


if __name__ == "__main__":
    unittest.main()
