#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile input against a running server: it stays up within its memory, and other clients notice nothing.

    hostile_test.py BINARY [--memory-mib N] [--large-bytes N]

RMQ_SEED=… repeats a run with the same random input.
"""

import argparse
import collections
import os
import random
import resource
import select
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import hostile_input as hostile
from program_server import Server

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "compat-tests"))
from harness import remoting  # noqa: E402

BINARY = Path("raptormq")
MEMORY_MIB = 256  # growth of the anonymous memory over the whole test
LARGE_BYTES = hostile.LARGE  # of the largest requests in a storm
DEADLINE = 120
LINES_PER_EVENT = 8
GUARD_LINES, GUARD_SECONDS = 20, 10  # LogFloodGuard
LINE_BYTES = 2200
SEND_MESSAGE = 10
UPDATE_CONSUMER_OFFSET = 15


class Peer:
    """A hostile connection."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """False when the server closed the connection."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def send_until_blocked(self, data: bytes, limit: int) -> int:
        """Sends `data` over and over without reading, until the server stops reading; returns the bytes sent."""
        sent = 0
        while sent < limit and select.select([], [self.socket], [], 1)[1]:
            sent += self.socket.send(data[sent % len(data):], socket.MSG_DONTWAIT)
        return sent

    def is_closed_by_server(self) -> bool:
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True

    def drain_until(self, opaque: int) -> bytes:
        """Reads answers until the one to `opaque`; returns its header."""
        reader = self.socket.makefile("rb")
        while True:
            head = reader.read(8)
            if len(head) < 8:
                raise AssertionError("the server closed the connection")
            length, mark = struct.unpack(">iI", head)
            if not 0 <= mark & 0xFFFFFF <= length - 4:
                raise AssertionError(f"an answer of {length} bytes with a header of {mark:#x}")
            header = reader.read(mark & 0xFFFFFF)
            reader.read(length - 4 - len(header))
            if b'"opaque":%d,' % opaque in header or b'"opaque":%d}' % opaque in header:
                return header


class Bystander(threading.Thread):
    """A well-behaved client: sends, pulls what it sent, commits, asks for routes. Any surprise is kept in `failure`."""

    TOPIC, GROUP = "bystander", "bystander_group"

    def __init__(self, namesrv: str, broker: str):
        super().__init__(daemon=True)
        self.namesrv, self.broker = namesrv, broker
        self.acknowledged, self.rounds, self.failure = [], 0, None
        self.slowest = 0.0
        self._ending = threading.Event()

    def run(self):
        try:
            with remoting.Connection(self.namesrv, DEADLINE) as names, remoting.Connection(self.broker, DEADLINE) as broker:
                while not self._ending.wait(0.002):
                    begin = time.monotonic()
                    self._round(names, broker)
                    self.slowest = max(self.slowest, time.monotonic() - begin)
                    self.rounds += 1
        except Exception as failure:  # noqa: BLE001
            self.failure = f"round {self.rounds}: {type(failure).__name__}: {failure}"

    def _round(self, names, broker) -> None:
        number = len(self.acknowledged)
        body = f"message {number} ".encode() * 20
        names.request(remoting.GET_ROUTEINFO_BY_TOPIC, {"topic": self.TOPIC})
        _, fields, _ = broker.request(SEND_MESSAGE, {
            "producerGroup": self.GROUP, "topic": self.TOPIC, "defaultTopic": "TBW102", "defaultTopicQueueNums": 4,
            "queueId": 0, "sysFlag": 0, "bornTimestamp": 1, "flag": 0, "properties": "", "reconsumeTimes": 0,
            "unitMode": False}, body)
        offset = int(fields["queueOffset"])
        if offset != number:
            raise AssertionError(f"message {number} was stored at {offset}")
        self.acknowledged.append(body)
        code, _, answer = broker.request(remoting.PULL_MESSAGE, {
            "consumerGroup": self.GROUP, "topic": self.TOPIC, "queueId": 0, "queueOffset": offset, "maxMsgNums": 1,
            "sysFlag": 6, "commitOffset": 0, "suspendTimeoutMillis": 1000 * DEADLINE, "subscription": "*",
            "subVersion": 1, "expressionType": "TAG"})
        if remoting.decode_messages(answer)[0].body != body:
            raise AssertionError(f"message {number} came back changed, code {code}")
        position = {"consumerGroup": self.GROUP, "topic": self.TOPIC, "queueId": 0}
        broker.request(UPDATE_CONSUMER_OFFSET, {**position, "commitOffset": offset})
        _, fields, _ = broker.request(remoting.QUERY_CONSUMER_OFFSET, position)
        if int(fields["offset"]) != offset:
            raise AssertionError(f"position {fields['offset']} instead of {offset}")

    def wait_rounds(self, count: int) -> None:
        """Returns when it has done `count` more rounds."""
        goal = self.rounds + count
        remoting.wait_until(lambda: self.failure or self.rounds >= goal, DEADLINE, f"the bystander does {count} rounds", 0.005)
        if self.failure:
            raise AssertionError(self.failure)

    def stop(self) -> None:
        self._ending.set()
        self.join()


class HostileTest(unittest.TestCase):
    """One server for all kinds; each kind meets both the NameServer and the Broker."""

    @classmethod
    def setUpClass(cls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16384), most))
        cls.seed = int(os.environ.get("RMQ_SEED") or random.randrange(1 << 32))
        print(f"RMQ_SEED={cls.seed}", flush=True)
        cls.random = random.Random(cls.seed)
        cls.directory = tempfile.TemporaryDirectory()
        cls.start()
        remoting.create_topic(f"127.0.0.1:{cls.namesrv}", Bystander.TOPIC)
        remoting.create_topic(f"127.0.0.1:{cls.namesrv}", "big")
        cls.bystander = Bystander(f"127.0.0.1:{cls.namesrv}", f"127.0.0.1:{cls.broker}")
        cls.bystander.start()
        cls.bystander.wait_rounds(50)
        cls.memory_before = cls.anonymous_memory()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.directory.cleanup()

    @classmethod
    def start(cls) -> None:
        cls.server = Server(
            BINARY, cls.directory.name, "standalone", "--store", f"{cls.directory.name}/store", "--namesrv-port", "0",
            "--set", "listenPort=0", "--set", "brokerIP1=127.0.0.1", "--set", "mappedFileSizeCommitLog=16777216",
            "--set", "waitTimeMillsInSendQueue=60000", "--set", "diskMaxUsedSpaceRatio=95")
        cls.server.is_stopped = False
        cls.namesrv, cls.broker = cls.server.ready("namesrv"), cls.server.ready("broker")

    @classmethod
    def anonymous_memory(cls) -> int:
        """In MiB."""
        for line in Path(f"/proc/{cls.server.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) >> 10
        raise AssertionError("no RssAnon")

    def setUp(self):
        self.assert_runs()
        self.lines_before = len(self.server.errors)
        self.is_storm, self.begin = False, time.monotonic()

    def tearDown(self):
        """After every kind: the process is up, the bystander goes on, and the log did not run away."""
        if self.server.is_stopped:
            return
        self.assert_runs()
        self.bystander.wait_rounds(5)
        lines = [line for line in self.server.errors[self.lines_before:] if line.strip()]
        events = collections.Counter(" ".join(line.split()[1:4]) for line in lines)
        allowed = LINES_PER_EVENT
        if self.is_storm:  # thousands of requests, some of which an operator may want to see
            allowed = GUARD_LINES * (2 + int((time.monotonic() - self.begin) / GUARD_SECONDS))
        self.assertLessEqual(max(events.values(), default=0), allowed, events)
        self.assertLess(max(map(len, lines), default=0), LINE_BYTES)

    def stop_server(self):
        self.server.is_stopped = True
        self.assertEqual(self.server.stop(), 0)

    def assert_runs(self):
        status = self.server.process.poll()
        self.assertIsNone(status, f"the server ended with {status}: {''.join(self.server.errors[-5:])}")

    def ports(self) -> tuple:
        return self.namesrv, self.broker

    def assert_closes(self, *inputs: bytes) -> None:
        """Each input costs its sender the connection, on both ports."""
        for port in self.ports():
            for data in inputs:
                with Peer(port) as peer:
                    peer.send(data)
                    self.assertTrue(peer.is_closed_by_server(), data[:60])

    def test_random_bytes(self):
        for port in self.ports():
            for index in range(300):
                data = self.random.randbytes(self.random.randrange(3000))
                if index % 2 and len(data) > 40:
                    kind = self.random.choice([0, 1 << 24])
                    data = hostile.words(len(data) - 4, kind | self.random.randrange(40)) + data[8:]
                with Peer(port) as peer:
                    peer.send(data)

    def test_impossible_lengths(self):
        words = hostile.words
        self.assert_closes(*([words(0x7FFFFFFF, 0)] * 50), words(0x80000000), words(-1, -1), words(0, 0), words(3),
                           words(16 << 20, 0), words(100, 97), words(100, 0xFFFFFF), *([words(8, 5)] * 50),
                           words((16 << 20) - 4, 0x200000))

    def test_headers_that_are_none(self):
        frame = hostile.frame
        self.assert_closes(
            frame(b""), frame(b"null"), frame(b"[]"), frame(b"no JSON"), frame(b'{"code":1', b"unfinished"),
            frame(b'{"code":"ten"}'), frame(b'{"code":99999999999}'), frame(b'{"code":[1]}'), frame(b'{"extFields":7}'),
            frame(b'{"code":1}', b"", 7), frame(b"\xff" * 5, b"", 1), frame(b"\xff" * 40, b"", 1),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x0c\x01\x00\x02\x08\x03\x03")

    def test_deep_json_headers(self):
        self.assert_closes(hostile.frame(hostile.deep()), hostile.frame(b'{"code":10,"x":' + hostile.deep(400_000, b"[")),
                           hostile.frame(b'{"code":10,"extFields":{"topic":' + hostile.deep(hostile.DEEP, b"[", b"]") + b"}}"))

    def test_numbers_where_strings_belong(self):
        for port in self.ports():
            with Peer(port) as peer:
                peer.send(hostile.frame(b'{"code":"10","remark":5,"language":9,"opaque":"7","version":"513","extFields":'
                                        b'{"topic":5,"queueId":{"deep":[1,2]},"producerGroup":true,"sysFlag":null}}'))
                peer.send(hostile.request(hostile.NO_SUCH_CODE, opaque=8))
                peer.drain_until(8)

    def test_a_frame_cut_at_every_byte(self):
        whole = hostile.request(34, {"clientID": "hostile"}, b'{"clientID":"hostile"}')
        for port in self.ports():
            for at in range(len(whole)):
                with Peer(port) as peer:
                    peer.send(whole[:at])
            with Peer(port) as peer:
                peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in hostile.request(hostile.NO_SUCH_CODE, opaque=12345):
                    peer.send(bytes([byte]))
                peer.drain_until(12345)

    def test_frames_that_never_finish(self):
        peers = [Peer(port) for port in self.ports() for _ in range(30)]
        for peer in peers:
            peer.send(hostile.words((16 << 20) - 4, 20) + b"x" * (1 << 20))
        self.bystander.wait_rounds(30)
        for peer in peers:
            peer.socket.close()

    def test_slow_readers_of_much(self):
        with remoting.Connection(f"127.0.0.1:{self.broker}", DEADLINE) as writer:
            for _ in range(40):
                writer.request(SEND_MESSAGE, {
                    "producerGroup": "hostile_group", "topic": "big", "defaultTopic": "TBW102",
                    "defaultTopicQueueNums": 4, "queueId": 0, "sysFlag": 0, "bornTimestamp": 1, "flag": 0,
                    "properties": "", "reconsumeTimes": 0, "unitMode": False}, b"b" * 100_000)
        pull = {"consumerGroup": "hostile_group", "topic": "big", "queueId": "0", "queueOffset": "0", "maxMsgNums": "32",
                "sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "1",
                "expressionType": "TAG"}
        before, peers, limit = self.anonymous_memory(), [], 64 << 20
        for port, data in ((self.broker, hostile.request(remoting.PULL_MESSAGE, pull)),
                           (self.namesrv, hostile.request(remoting.GET_BROKER_CLUSTER_INFO))):
            for _ in range(4):
                peers.append(Peer(port))
                self.assertLess(peers[-1].send_until_blocked(data * 100, limit), limit, "the server reads without end")
        self.bystander.wait_rounds(30)
        self.assertLess(self.anonymous_memory() - before, len(peers) * 16 + MEMORY_MIB)
        for peer in peers:
            peer.socket.close()

    def test_two_thousand_idle_connections(self):
        peers = [Peer(port) for port in self.ports() for _ in range(2000)]
        self.bystander.wait_rounds(50)
        for peer in peers[::200]:
            peer.send(hostile.request(hostile.NO_SUCH_CODE, opaque=3))
            peer.drain_until(3)
        for peer in peers:
            peer.socket.close()

    def test_every_request_code(self):
        self.is_storm = True
        codes = hostile.request_codes()
        self.assertGreater(len(codes), 100)
        codes += [self.random.randrange(-1 << 31, 1 << 31) for _ in range(5)]
        for port, at_least in ((self.namesrv, 20), (self.broker, 50)):
            served = [code for code in codes if self.is_served(port, code)]
            self.assertGreater(len(served), at_least)
            for code in served:
                self.storm(port, code)

    def is_served(self, port: int, code: int) -> bool:
        """Unknown codes are refused as such, whatever comes with them."""
        spoiled = [hostile.request(code, hostile.BELIEVABLE, hostile.deep(), flag=2), hostile.request(code, {}, b"{}", 5)]
        with Peer(port) as peer:
            peer.send(b"".join(spoiled))
            return b'"code":3,' not in peer.drain_until(5)

    def storm(self, port: int, code: int) -> None:
        """Well-formed frames never cost the connection."""
        fence = 77_000_001
        requests = hostile.Mutator(self.seed ^ code, LARGE_BYTES).requests(code)
        requests.append(hostile.request(hostile.NO_SUCH_CODE, opaque=fence))
        with Peer(port) as peer:
            sender = threading.Thread(target=peer.send, args=[b"".join(requests)])
            sender.start()
            try:
                peer.drain_until(fence)
            except (AssertionError, OSError) as failure:
                raise AssertionError(f"code {code}: {failure}; log: {self.server.errors[-1:]}") from failure
            sender.join()

    def test_zz_what_is_left_behind(self):
        """Runs last: memory, files, messages, a clean stop, and everything acknowledged after a restart."""
        self.bystander.wait_rounds(20)
        grown = self.anonymous_memory() - self.memory_before
        print(f"memory_grown_mib={grown} rounds={self.bystander.rounds} slowest_round_s={self.bystander.slowest:.2f}")
        self.assertLess(grown, MEMORY_MIB)
        log = "".join(self.server.errors)
        for port in (self.namesrv, self.broker):
            self.assertRegex(log, rf"malformed_frame .*port={port} ")
        escaped = [path for path in Path(self.directory.name).rglob("*hostile_escape*")
                   if "config" not in path.parts]
        self.assertEqual(escaped, [])
        type(self).bystander.stop()
        self.assertIsNone(self.bystander.failure)
        self.stop_server()
        self.start()
        stored = remoting.read_queue(f"127.0.0.1:{self.broker}", Bystander.TOPIC, 0)
        self.assertEqual([message.body for message in stored], self.bystander.acknowledged)
        type(self).bystander = Bystander(f"127.0.0.1:{self.namesrv}", f"127.0.0.1:{self.broker}")
        self.bystander.acknowledged = [message.body for message in stored]
        self.bystander.start()
        self.bystander.wait_rounds(5)
        self.bystander.stop()
        self.stop_server()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("binary", type=Path)
    options.add_argument("--memory-mib", type=int, default=MEMORY_MIB)
    options.add_argument("--large-bytes", type=int, default=LARGE_BYTES)
    chosen, rest = options.parse_known_args()
    BINARY, MEMORY_MIB, LARGE_BYTES = chosen.binary.resolve(), chosen.memory_mib, chosen.large_bytes
    unittest.main(argv=[sys.argv[0], *rest])
