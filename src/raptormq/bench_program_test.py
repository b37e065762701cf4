#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of `raptormq bench` against a running standalone: what it counts, creates and refuses; never how fast it is.

    bench_program_test.py BINARY
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from program_server import DEADLINE, Server

BINARY = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else Path("raptormq")


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.server = Server(BINARY, directory.name, "standalone", "--store", f"{directory.name}/store", "--namesrv-port",
                            "0", "--set", "listenPort=0", "--set", "brokerIP1=127.0.0.1", "--set",
                            "mappedFileSizeCommitLog=1048576", "--set", "waitTimeMillsInSendQueue=60000")
        cls.addClassCleanup(cls.server.close)
        cls.namesrv = f"127.0.0.1:{cls.server.ready('namesrv')}"
        cls.broker = f"127.0.0.1:{cls.server.ready('broker')}"

    @staticmethod
    def run_bench(*arguments) -> subprocess.CompletedProcess:
        environment = {key: value for key, value in os.environ.items() if key != "NAMESRV_ADDR"}
        return subprocess.run([BINARY, "bench", *map(str, arguments)], capture_output=True, text=True, timeout=2 * DEADLINE,
                              check=False, env=environment)

    def measured(self, *arguments) -> dict:
        done = self.run_bench(*arguments, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        result = json.loads(done.stdout)
        self.assertEqual((result["failures"], result["unanswered"]), ({}, 0))
        self.assertEqual(result["latency_us"]["max"] * 1000 // 1, max(us for us, _ in result["histogram_us"]) * 1000 // 1)
        return result

    def pulled(self, messages: int, *arguments) -> dict:
        """Pulls until so many are there at once: what was stored can be read a moment later."""
        deadline = time.monotonic() + DEADLINE
        while True:
            done = self.run_bench("pull", *arguments, "--json")
            result = json.loads(done.stdout)
            if result["messages"] >= messages or time.monotonic() > deadline:
                return result

    def refused(self, *arguments) -> str:
        done = self.run_bench(*arguments)
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("raptormq: ") and "; " in lines[0], lines[0])
        return lines[0]

    def test_what_was_sent_is_pulled(self):
        sent = self.measured("send", "-n", self.namesrv, "-t", "sent", "--create", "--queues", 4, "-c", 2, "-i", 8,
                             "--count", 100, "--size", 300)
        self.assertEqual((sent["requests"], sent["messages"]), (100, 100))
        self.assertEqual(sum(count for _, count in sent["histogram_us"]), 100)
        # Each of four connections reads the 25 messages of its queue.
        pulled = self.pulled(100, "-n", self.namesrv, "-t", "sent", "-c", 4, "--count", 4)
        self.assertEqual((pulled["requests"], pulled["messages"]), (4, 100))

    def test_batches_with_keys(self):
        sent = self.measured("send", "-b", self.broker, "-n", self.namesrv, "-t", "batches", "--create", "--queues", 1,
                             "-c", 1, "--batch", 8, "--keys", "--no-wait", "--count", 5)
        self.assertEqual((sent["requests"], sent["messages"]), (5, 40))
        self.assertEqual(self.pulled(40, "-b", self.broker, "-t", "batches", "-c", 1, "--count", 2)["messages"], 40)

    def test_a_tail_receives_all_it_sends(self):
        for arguments in (["--count", 100, "-i", 4], ["--count", 100, "-r", 1000, "--batch", 2, "--consume-ms", 1]):
            seen = self.measured("tail", "-n", self.namesrv, "-t", "tail", "--topics", 2, "--queues", 3, "--create",
                                 "--consumers", 2, *arguments)
            messages = 200 if "--batch" in arguments else 100
            self.assertEqual((seen["requests"], seen["sent"], seen["messages"]), (100, messages, messages))

    def test_routes(self):
        self.measured("route", "-n", self.namesrv, "-t", "routed", "--topics", 3, "--create", "--count", 1)
        asked = self.measured("route", "-n", self.namesrv, "-t", "routed", "--topics", 3, "--count", 50)
        self.assertEqual((asked["requests"], asked["messages"]), (50, 50))

    def test_an_open_loop_sends_what_is_due(self):
        """However late the answers are."""
        sent = self.measured("send", "-n", self.namesrv, "-t", "open", "--create", "-r", 200, "-d", 1, "--warm-up", 0)
        self.assertEqual(sent["requests"], 200)
        bounded = self.measured("send", "-n", self.namesrv, "-t", "open", "-r", 300, "-i", 1, "-c", 1, "-d", 1,
                                "--warm-up", 0)
        self.assertEqual(bounded["requests"], 300)

    def test_the_server_process_is_looked_at(self):
        sent = self.measured("send", "-n", self.namesrv, "-t", "pid", "--create", "--count", 10, "--pid",
                             self.server.process.pid)
        self.assertGreater(sent["server"]["resident_kib"], 1000)
        self.assertIn("no process", self.refused("send", "-b", self.broker, "-t", "pid", "--count", 10, "--pid", 2 ** 22 + 1))

    def test_it_creates_nothing_unless_asked(self):
        for mode in ("send", "pull", "tail"):
            for place in (("-b", self.broker), ("-n", self.namesrv)):
                self.assertIn("topic nowhere does not exist", self.refused(mode, *place, "-t", "nowhere", "--count", 1))
        self.assertIn("topic nowhere does not exist", self.refused("route", "-n", self.namesrv, "-t", "nowhere"))

    def test_what_cannot_be_done_is_refused(self):
        self.measured("send", "-n", self.namesrv, "-t", "small", "--create", "--queues", 2, "--count", 1)
        self.assertIn("lower --queues", self.refused("send", "-b", self.broker, "-t", "small", "--queues", 3))
        self.measured("send", "-n", self.namesrv, "-t", "empty", "--create", "--queues", 1, "-c", 1, "--count", 1)
        self.assertIn("127.0.0.1:1", self.refused("send", "-b", "127.0.0.1:1", "--count", 1))
        self.assertIn("raptormq bench send --help", self.refused("send", "--frobnicate"))
        self.assertIn("unknown mode", self.refused("shout"))
        self.assertIn("usage:", self.run_bench("--help").stdout)


if __name__ == "__main__":
    unittest.main()
