#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the runner itself: decoding, parsing, judging and the ledger. No server and no client is needed."""

import argparse
import contextlib
import io
import json
import struct
import tempfile
import types
import unittest
import unittest.mock
import zlib
from pathlib import Path

import ledger
import run as runner
from harness import history, paths, remoting, scenarios
from harness.drivers import numbered_body, numbered_crc
from harness.scenarios import histories


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


def delivered(member: str, index: int, offset: int, *, at: int = 0, accepted: bool = True) -> history.Delivery:
    return history.Delivery(member, index, at or 100 * index, 0, offset, f"{offset}", accepted)


class Histories(unittest.TestCase):
    """Each kind of fault is planted and found, and nothing else is."""

    def only(self, pattern: str, faults: list):
        self.assertEqual(len(faults), 1, faults)
        self.assertRegex(faults[0], pattern)

    def test_a_loss_is_found(self):
        self.assertEqual(history.lost({1, 2}, {1, 2, 3}), [], "a send without an answer may be there")
        self.only(r"2 of 3 acknowledged messages are missing, such as \[1, 3\]", history.lost({1, 2, 3}, {2}))
        self.only("1 of 1 committed", history.lost({1}, set(), "committed"))

    def test_what_nobody_sent_is_found(self):
        self.assertEqual(history.uncalled_for({1, 1}, {1, 2}), [])
        self.only("1 messages were never sent and delivered", history.uncalled_for({1, 9}, {1, 2}))
        self.only("were rolled back", history.uncalled_for({9}, {1}, "were rolled back"))

    def test_what_is_elsewhere_is_found(self):
        told = {(0, 0): 1, (0, 1): 2, (1, 0): 3}
        self.assertEqual(history.misplaced(told, {**told, (1, 1): 4}), [])
        self.only(r"1 messages .* 2 at \(0, 1\): there is None", history.misplaced(told, {(0, 0): 1, (1, 0): 3}))
        self.only("there is 2", history.misplaced(told, {**told, (1, 0): 2}))

    def test_order_within_a_member(self):
        self.assertEqual(history.disorder([delivered("a", i, i) for i in range(4)]), [])
        self.only("0/2 came to a before 1", history.disorder([delivered("a", 0, 0), delivered("a", 1, 2, at=100),
                                                              delivered("a", 2, 1, at=100)]))
        self.only("0/1 came to a before 0", history.disorder([delivered("a", 0, 0, accepted=False), delivered("a", 1, 1)]))

    def test_what_was_turned_down_comes_again_first(self):
        self.assertEqual(history.disorder([delivered("a", 0, 0, accepted=False), delivered("a", 1, 0),
                                           delivered("a", 2, 1)]), [])

    def test_order_over_a_change_of_the_member(self):
        first = [delivered("a", i, i) for i in range(4)]
        again = [delivered("b", i, i + 2, at=500 + i) for i in range(4)]
        self.assertEqual(history.disorder(first + again), [], "b goes on from a stored position")
        self.only("0/5 came to b before 4", history.disorder(first + [delivered("b", 0, 5, at=900)]))
        self.only("0/4 came to b before 3", history.disorder(first + [delivered("b", 0, 4, at=250)]))

    def test_ordered_pops(self):
        queue = ("T", 0)

        def popped(*offsets):
            return history.Popped(queue, offsets)

        def acked(offset):
            return history.Popped(queue, (offset,), acked=True)
        good = [popped(0, 1), acked(0), popped(0, 1), acked(0), acked(1), popped(2), acked(2), popped(2, 3)]
        self.assertEqual(history.pop_disorder(good), [])
        self.only(r"\[2\] came while \[1\] were open", history.pop_disorder([popped(0, 1), acked(0), popped(2)]))
        self.only("popped as", history.pop_disorder([popped(1, 0)]))
        self.only(r"\[3\] came where 2 was due", history.pop_disorder([popped(0, 1), acked(0), acked(1), popped(3)]))
        self.assertEqual(history.pop_disorder([popped(0), history.Popped(("T", 1), (0,))]), [], "queues are their own")

    def test_an_early_timer_is_found(self):
        self.assertEqual(history.early([delivered("a", 1, 7, at=2000)], {"7": 2000}), [])
        self.only("'7' came 500 ms early", history.early([delivered("a", 1, 7, at=1500)], {"7": 2000}))


class Settling(unittest.TestCase):
    """Redelivery that does not stop is found, on a clock of the test's own."""

    def settle(self, count):
        now = [0.0]
        clock = types.SimpleNamespace(monotonic=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
        with unittest.mock.patch.object(histories, "time", clock):
            histories._settle(lambda: count(now[0]), "test")
        return now[0]

    def test_it_waits_for_a_quiet_time(self):
        self.assertGreaterEqual(self.settle(lambda now: min(int(now), 30)), 30 + histories.QUIET_SECONDS)

    def test_it_gives_up(self):
        with self.assertRaisesRegex(AssertionError, "redelivery does not stop"):
            self.settle(lambda now: int(now // 10))


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
