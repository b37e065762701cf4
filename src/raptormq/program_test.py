#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the program as operators meet it: starting, stopping, printing settings, and failing in one line.

    program_test.py BINARY
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from program_server import DEADLINE, Server

BINARY = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else Path("raptormq")
ROOT = Path(__file__).resolve().parents[2]


class ProgramTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = directory.name

    def run_program(self, *arguments: str, program: Path = None) -> subprocess.CompletedProcess:
        environment = {**os.environ, "HOME": self.home}
        environment.pop("NAMESRV_ADDR", None)
        return subprocess.run([str(program or BINARY), *arguments], capture_output=True, text=True, timeout=DEADLINE,
                              check=False, env=environment)

    def start(self, *arguments: str) -> Server:
        server = Server(BINARY, self.home, *arguments)
        self.addCleanup(server.close)
        return server

    def start_standalone(self, *arguments: str) -> tuple:
        server = self.start("standalone", "--store", f"{self.home}/store", "--namesrv-port", "0", "--set", "listenPort=0",
                            "--set", "brokerIP1=127.0.0.1", "--set", "mappedFileSizeCommitLog=1048576", *arguments)
        return server, server.ready("namesrv"), server.ready("broker")

    def assert_refused(self, done: subprocess.CompletedProcess, *parts: str) -> None:
        """One line of the program's own on standard error, with cause and cure, and a status."""
        self.assertNotEqual(done.returncode, 0)
        self.assertGreater(done.returncode, 0, "ended by a signal")
        lines = done.stderr.rstrip("\n").split("\n")
        own = [line for line in lines if line.startswith("raptormq: ")]
        self.assertEqual(own, [lines[-1]], done.stderr)
        self.assertIn("; ", own[0])
        for part in parts:
            self.assertIn(part, own[0])

    @staticmethod
    def with_store(directory: str) -> list:
        """The command lines of the programs that keep a store, on free ports."""
        return [("broker", "--set", "listenPort=0", "--set", f"storePathRootDir={directory}"),
                ("standalone", "--namesrv-port", "0", "--set", "listenPort=0", "--store", directory)]

    def test_unknown_flags_and_programs_are_refused(self):
        for program in ("broker", "namesrv", "standalone", "demo"):
            self.assert_refused(self.run_program(program, "--frobnicate"), "--frobnicate")
        for name in ("mqbroker", "mqnamesrv"):
            self.assert_refused(self.run_program("--frobnicate", program=BINARY.parent / name), "--frobnicate")
        self.assert_refused(self.run_program("frobnicate"), "frobnicate")
        self.assert_refused(self.run_program())

    def test_an_unreadable_file_is_refused(self):
        for program in ("broker", "namesrv", "standalone"):
            self.assert_refused(self.run_program(program, "-c", f"{self.home}/none.conf"), "none.conf", "-c")
            self.assert_refused(self.run_program(program, "-c", self.home), self.home, "-c")

    def test_a_damaged_state_file_is_refused(self):
        kv_config = Path(self.home, "kvConfig.json")
        kv_config.write_text("{")
        self.assert_refused(self.run_program("namesrv", "--set", "listenPort=0", "--set", f"kvConfigPath={kv_config}"),
                            str(kv_config))
        topics = Path(self.home, "store/config/topics.json")
        topics.parent.mkdir(parents=True)
        topics.write_text("{")
        topics.with_name("topics.json.bak").write_text("{")
        for program in self.with_store(f"{self.home}/store"):
            self.assert_refused(self.run_program(*program), str(topics))

    def test_a_log_file_that_cannot_be_written_is_refused(self):
        for program in ("broker", "namesrv", "standalone"):
            self.assert_refused(self.run_program(program, "--set", "listenPort=0", "--set", "logFile=/proc/raptormq/log"),
                                "/proc/raptormq", "logFile")

    def test_a_bad_namesrv_address_is_refused(self):
        self.assert_refused(self.run_program("broker", "-n", "localhost"), "localhost", "127.0.0.1:9876")

    def test_a_taken_port_is_refused(self):
        with socket.socket() as taken:
            taken.bind(("0.0.0.0", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.assert_refused(self.run_program("namesrv", "--set", f"listenPort={port}"), port)
            self.assert_refused(self.run_program("broker", "--set", f"listenPort={port}", "--set",
                                                 f"storePathRootDir={self.home}/store"), port)
            self.assert_refused(self.run_program("standalone", "--namesrv-port", port), port)
            self.assert_refused(self.run_program("standalone", "--namesrv-port", "0", "--store", f"{self.home}/store",
                                                 "--set", f"listenPort={port}"), port)

    def test_a_locked_store_is_refused(self):
        self.start_standalone()
        for program in self.with_store(f"{self.home}/store"):
            self.assert_refused(self.run_program(*program), f"{self.home}/store")

    def test_a_store_that_cannot_be_written_is_refused(self):
        Path(self.home, "file").write_text("in the way")
        for place in ("/proc/raptormq", f"{self.home}/file/store"):
            for program in self.with_store(place):
                self.assert_refused(self.run_program(*program), place)

    def test_settings_are_printed(self):
        done = self.run_program("broker", "-p", "--set", "brokerName=b-7")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\nbrokerName=b-7\n", done.stdout)
        self.assertIn("\nmappedFileSizeCommitLog=1073741824\n", done.stdout)
        important = self.run_program("broker", "-m", "--set", "brokerName=b-7").stdout
        self.assertIn("\nbrokerName=b-7\n", important)
        self.assertLess(len(important), len(done.stdout) / 5)
        self.assertIn("scanNotActiveBrokerInterval=5000\n", self.run_program("namesrv", "-p").stdout)

    def test_keys_that_have_no_effect_are_named(self):
        done = self.run_program("broker", "-p", "--set", "transientStorePoolEnable=true", "--set", "nonsense=1", "--set",
                                "maxMessageSize=big")
        self.assertEqual(done.returncode, 0)
        self.assertIn("raptormq: transientStorePoolEnable=true is known but not honoured", done.stderr)
        self.assertIn("raptormq: nonsense is not a key", done.stderr)
        self.assertIn("raptormq: maxMessageSize=big is not a int, keeping maxMessageSize=4194304", done.stderr)

    def test_the_sample_files_are_understood(self):
        for program, file in (("broker", "broker.conf"), ("namesrv", "namesrv.properties")):
            done = self.run_program(program, "-p", "-c", str(ROOT / "conf" / file))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_names_of_the_original_stand_beside_the_binary(self):
        for name in ("mqnamesrv", "mqbroker"):
            done = self.run_program("-p", program=BINARY.parent / name)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_program("topicList", "-n", "127.0.0.1:9876", program=BINARY.parent / "mqadmin")
        self.assert_refused(done, "stock tool")

    def test_standalone_carries_messages_and_keeps_them(self):
        server, namesrv, _ = self.start_standalone()
        done = self.run_program("demo", "-n", f"127.0.0.1:{namesrv}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("received"), 8)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(Path(self.home, "store/abort").exists(), "a graceful stop removes the abort file")
        again, namesrv, _ = self.start_standalone()
        done = self.run_program("demo", "-n", f"127.0.0.1:{namesrv}")
        self.assertIn("received  queue=0 offset=2 ", done.stdout, "the first run's messages are still there")
        self.assertEqual(again.stop(signal.SIGINT), 0)

    def test_a_killed_server_starts_again(self):
        server, namesrv, _ = self.start_standalone()
        self.assertEqual(self.run_program("demo", "-n", f"127.0.0.1:{namesrv}").returncode, 0)
        server.stop(signal.SIGKILL)
        self.assertTrue(Path(self.home, "store/abort").exists())
        _, namesrv, _ = self.start_standalone()
        self.assertIn("received  queue=3 offset=3 ", self.run_program("demo", "-n", f"127.0.0.1:{namesrv}").stdout)

    def test_namesrv_and_broker_run_as_two_processes(self):
        namesrv = self.start("namesrv", "--set", "listenPort=0")
        address = f"127.0.0.1:{namesrv.ready('namesrv')}"
        broker = self.start("broker", "-n", address, "--set", "listenPort=0", "--set", "brokerIP1=127.0.0.1", "--set",
                            f"storePathRootDir={self.home}/store", "--set", "mappedFileSizeCommitLog=1048576")
        broker.ready("broker")
        done = self.run_program("demo", "-n", address)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(broker.stop(), 0)
        self.assertEqual(namesrv.stop(), 0)


if __name__ == "__main__":
    unittest.main()
