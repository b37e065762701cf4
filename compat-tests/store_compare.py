#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the same requests to RaptorMQ and to the original, stops both, and compares every file of their stores.

    ./compat-tests/store_compare.py                       # both servers, one line a file and a kind, exit 1 on a difference
    ./compat-tests/store_compare.py --server raptormq     # one server, prints what its files hold
    ./compat-tests/store_compare.py --recorded            # the original's as recorded in oracle/store.json
    ./compat-tests/store_compare.py --record              # both servers, and records the original's

The files are equal byte for byte once clocks, addresses and identifiers are masked, field by field (harness/store_view.py).
Needs what compat-tests/setup.sh builds. Ends with "N passed, N failed".
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

from harness import paths, pop, raw_producer, remoting, servers, store_view

RECORDED = paths.COMPAT / "oracle" / "store.json"
MAX_BODY = 4 << 20
SETTINGS = {
    "bindAddress": "::",  # both protocols
    "enableLmq": "true", "enableMultiDispatch": "true", "enablePropertyFilter": "true", "reviveQueueNum": 1,
    "mappedFileSizeCommitLog": 12 << 20,  # so that large bodies go on to a second file
    "mappedFileSizeTimerLog": 52 * 2000, "mapperFileSizeBatchConsumeQueue": 46 * 1000,
    "maxHashSlotNum": 5000, "maxIndexNum": 20000,
    "transactionCheckInterval": 1000, "transactionTimeOut": 3600_000, "transactionOpBatchInterval": 300,
}
UPDATE_CONSUMER_OFFSET, SET_MESSAGE_REQUEST_MODE, DELETE_TOPIC = 15, 401, 215
LONG_GROUP = "G" * 120  # the retry topic of its pops has more than 127 letters

# Files that the original alone has, with the reason. Nothing else may differ.
ONLY_THE_ORIGINALS = {
    "compaction/": "compaction topics are not served: their work area stays as it is, and is not made",
    "rocksdbstore/": "opened, and left without a message, for options that RaptorMQ does not have",
}


class Rig:
    """One server, and the requests that the other gets as well."""

    def __init__(self, server: str, binary: str):
        cluster_class = servers.cluster_class(server)
        if server == "raptormq" and binary:
            cluster_class.binary = str(Path(binary).resolve())
        self.cluster = cluster_class(settings=SETTINGS).start()
        self.broker = self.cluster.broker
        self.producer = raw_producer.Producer(self.broker, "Producers", store_view.UNIQUE, store_view.BORN)
        self.kinds, self.answers = [], []
        self.stack = contextlib.ExitStack()

    def end_of_log(self) -> int:
        _, _, body = remoting.call(self.broker, remoting.GET_BROKER_RUNTIME_INFO)
        return int(json.loads(body)["table"]["commitLogMaxOffset"])

    def work(self) -> None:
        for topic, attributes in (("Plain", ""), ("Popped", ""), ("Whole", "+queue.type=BatchCQ"), ("Ordered", "")):
            remoting.create_topic(self.cluster.namesrv, topic, 1, attributes=attributes)
        for group, more in (("Group", {}), ("Poppers", {}), ("InOrder", {"consumeMessageOrderly": True}), (LONG_GROUP, {})):
            remoting.create_group(self.broker, group, **more)
        for kind in (self.normal, self.batches, self.whole_batches, self.light, self.sizes, self.delayed, self.turned_down,
                     self.timers, self.transactions, self.popped, self.long_topic, self.in_order, self.configuration):
            kind()
            self.kinds.append((kind.__doc__.rstrip("."), self.end_of_log()))

    def reached(self, topic: str, end: int, queue: int = 0, deadline: float = 40) -> None:
        remoting.wait_until(lambda: remoting.max_offset(self.broker, topic, queue) >= end, deadline,
                            f"{end} messages in {topic}")

    def normal(self) -> None:
        """messages with tags, keys, properties and flags, over IPv4 and IPv6."""
        send = self.producer.send
        send("Plain", "plain")
        send("Plain", "tag", {"TAGS": "TagA", "WAIT": "true"})
        send("Plain", "tags of many letters", {"TAGS": "\u6807\u7b7e\U0001f600"}, sys_flag=2)
        send("Plain", "keys", {"KEYS": "one two  three", "TAGS": "TagB"}, flag=5)
        send("Plain", "own", {"a": "1", "\u5c5e\u6027": "\u503c", "__SHARDINGKEY": "s", "KEYS": "k", "z" * 40: "y" * 300})
        send("Plain", "many", {f"p{number}": number for number in range(120)})
        send("Plain", "not ended", text=f"UNIQ_KEY\x01{self.producer.unique_key()}\x02TAGS\x01x")
        # An id that the broker makes has the length of the machine's address, so that each message brings its own.
        broken = f"TAGS\x01a\x02KEYS\x02b\x01\x02c\x01d\x02c\x01e\x02UNIQ_KEY\x01{self.producer.unique_key()}"
        send("Plain", "broken", text=broken)
        send("Plain", "again", {"RETRY_TOPIC": "Plain"}, reconsume=3)
        send("Plain", "unwaited", {"WAIT": "false", "BUYER_ID": "b", "INSTANCE_ID": "i", "TRANSFER_FLAG": "t"})
        send("Plain", "internal", {"UNIQ_KEY": self.producer.unique_key(), "CLUSTER": "other", "POP_CK": "x",
                                   "__CRC32#": "1", "TRACE_ON": "false", "MSG_REGION": "r"})
        self.producer.send_compressed("Plain", "squeezed " * 100, {"TAGS": "z"})
        port = self.broker.rsplit(":", 1)[1]
        sixth = raw_producer.Producer(f"[::1]:{port}", "Producers", store_view.UNIQUE + "6", store_view.BORN)
        sixth.send("Plain", "from IPv6", {"KEYS": "six"})
        sixth.send_batch("Plain", [("in a batch", {})])
        send("Fresh", "makes its topic", queue=3)

    def batches(self) -> None:
        """batches taken apart."""
        parts = [(f"part {number}", {"TAGS": f"t{number % 3}", "KEYS": f"b{number}"}) for number in range(7)]
        self.producer.send_batch("Plain", parts, flag=3)
        self.producer.send_batch("Plain", [("one", {})], {"TAGS": "outer"})

    def whole_batches(self) -> None:
        """batches kept whole."""
        for size in (3, 1, 12):
            parts = [(f"part {number}", {"TAGS": f"t{number % 2}", "KEYS": f"w{number}"}) for number in range(size)]
            self.producer.send_batch("Whole", parts, {"KEYS": f"all{size}"})
        self.producer.send("Whole", "by itself", {"KEYS": "single"})

    def light(self) -> None:
        """light queues."""
        for names in ("%LMQ%a", "%LMQ%a,%LMQ%b", "%LMQ%b,%LMQ%c,%LMQ%a"):
            self.producer.send("Plain", names, {"INNER_MULTI_DISPATCH": names, "KEYS": "light", "WAIT": "true"})

    def sizes(self) -> None:
        """bodies from 0 bytes to 4 MiB, refused beyond; a log file filled up."""
        for size in (0, 1, 255, 4095, 4096, 65536, 1 << 20, MAX_BODY, MAX_BODY, MAX_BODY + 1):
            body = bytes(number % 251 for number in range(1000)) * (size // 1000) + b"e" * (size % 1000)
            answer = self.producer.send("Plain", body, ok=(0, 1, 13))
            self.answers.append(f"{size} bytes are answered {answer['code']}")

    def delayed(self) -> None:
        """delay levels, delivered and pending."""
        self.producer.send("Plain", "a second", {"DELAY": 1, "TAGS": "TagA", "KEYS": "d1", "WAIT": "true"})
        before = remoting.max_offset(self.broker, "Plain", 0)
        self.reached("Plain", before + 1)
        self.producer.send("Plain", "an hour", {"DELAY": 17})
        self.producer.send("Plain", "the highest", {"DELAY": 99})
        self.producer.send("Plain", "level and timer", {"DELAY": 16, "TIMER_DELAY_SEC": 5})

    def origin(self) -> dict:
        """What RaptorMQ adds to dead letters, and the original only reads: it is in these messages from the start."""
        key = self.producer.unique_key()
        return {"UNIQ_KEY": key, "DLQ_ORIGIN_TOPIC": "Plain", "DLQ_ORIGIN_MESSAGE_ID": key}

    def turned_down(self) -> None:
        """messages turned down: to be tried again, pending, dead."""
        self.producer.send("Plain", "dies", self.origin())
        one, two, *others = remoting.read_queue(self.broker, "Plain", 0)
        raw_producer.send_back(self.broker, "Group", one, 1)
        self.reached("%RETRY%Group", 1)
        again = remoting.read_queue(self.broker, "%RETRY%Group", 0)[0]
        raw_producer.send_back(self.broker, "Group", again, 1)
        self.reached("%RETRY%Group", 2)
        raw_producer.send_back(self.broker, "Group", next(each for each in others if each.reconsume_times == 3), 0)
        raw_producer.send_back(self.broker, "Group", two, 17)
        raw_producer.send_back(self.broker, "Group", next(each for each in others if "DLQ_ORIGIN_TOPIC" in each.properties), -1)
        self.reached("%DLQ%Group", 1)
        self.producer.send("%RETRY%Group", "by the client", {"RETRY_TOPIC": "Plain", "DELAY": 18}, reconsume=2, max_reconsume=5)
        self.producer.send("%RETRY%Group", "dead by the client", {"RETRY_TOPIC": "Plain", **self.origin()}, reconsume=6,
                           max_reconsume=5)
        self.reached("%DLQ%Group", 2)

    def timers(self) -> None:
        """timer messages, delivered and pending."""
        before = remoting.max_offset(self.broker, "Plain", 0)
        for count, (body, name, value) in enumerate((
                ("seconds", "TIMER_DELAY_SEC", lambda: 1), ("milliseconds", "TIMER_DELAY_MS", lambda: 1100),
                ("a moment", "TIMER_DELIVER_MS", lambda: int(time.time() * 1000) + 1100),
                ("the past", "TIMER_DELIVER_MS", lambda: int(time.time() * 1000) - 100000)), 1):
            self.producer.send("Plain", body, {name: value(), "TAGS": "TagA", "KEYS": "tm"})
            self.reached("Plain", before + count)
        self.producer.send("Plain", "an hour", {"TIMER_DELAY_SEC": 3600, "WAIT": "true"})
        # Beyond the window of two days it is rolled.
        self.producer.send("Plain", "three days", {"TIMER_DELAY_SEC": 3600 * 70})
        self.reached("rmq_sys_wheel_timer", 5)

    def transactions(self) -> None:
        """half messages, ends and what notes the ends."""
        ops = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
        # Not of the past: that would be given up.
        producer = raw_producer.Producer(self.broker, "Producers", store_view.UNIQUE + "7")
        halves = [producer.send_half("Plain", f"half {number}", {"TAGS": "tx", "KEYS": f"h{number}"}) for number in range(4)]
        for count, (half, how) in enumerate(((halves[0], raw_producer.COMMIT), (halves[1], raw_producer.ROLLBACK)), 1):
            producer.end(half, how)
            self.reached(ops, count)
        for topic in ("RMQ_SYS_TRANS_HALF_TOPIC", ops):
            remoting.wait_until(lambda: remoting.committed_offset(self.broker, "CID_RMQ_SYS_TRANS", topic, 0) == 2, 20,
                                f"the check has passed what is done in {topic}")

    def popped(self) -> None:
        """pops, acknowledgements and changes."""
        for number in range(10):
            self.producer.send("Popped", f"pop {number}", {"TAGS": "P", "KEYS": f"pop{number}"})
        self.reached("Popped", 10)
        consumer = pop.Consumer(self.broker, "Popped", "Poppers", queueId=0)
        timer = "rmq_sys_wheel_timer"
        before = remoting.max_offset(self.broker, timer, 0)

        def wrote(count):
            nonlocal before
            before += count
            self.reached(timer, before)
        first = consumer.pop(maxMsgNums=8, invisibleTime=5000_000)
        wrote(1)
        consumer.ack(first[0])
        wrote(1)
        consumer.batch_ack(first[1:4])
        wrote(1)
        consumer.change(first[4], 1800_000)
        wrote(2)

    def long_topic(self) -> None:
        """a pop that is not acknowledged comes again in a topic of more than 127 bytes."""
        consumer = pop.Consumer(self.broker, "Popped", LONG_GROUP, queueId=0)
        assert len(consumer.pop(maxMsgNums=1, invisibleTime=2000)) == 1
        self.reached(f"%RETRY%{LONG_GROUP}_Popped", 1)

    def in_order(self) -> None:
        """pops in order."""
        for number in range(5):
            self.producer.send("Ordered", f"order {number}", {"__SHARDINGKEY": "s"})
        self.reached("Ordered", 5)
        consumer = pop.Consumer(self.broker, "Ordered", "InOrder", queueId=0, order=True, invisibleTime=3600_000)
        taken = consumer.pop(maxMsgNums=3, attemptId="attempt")
        consumer.ack(taken[0])

    def configuration(self) -> None:
        """positions, modes, expressions, topics and groups that go."""
        for group, topic, offset in (("Group", "Plain", 7), ("Group", "%RETRY%Group", 1), (LONG_GROUP, "Plain", 2),
                                     ("%LMQ%Group", "%LMQ%a", 2)):
            remoting.call(self.broker, UPDATE_CONSUMER_OFFSET,
                          {"consumerGroup": group, "topic": topic, "queueId": 0, "commitOffset": offset})
        remoting.call(self.broker, SET_MESSAGE_REQUEST_MODE, {}, json.dumps(
            {"topic": "Popped", "consumerGroup": "Group", "mode": "POP", "popShareQueueNum": 2}).encode())
        connection = self.stack.enter_context(remoting.Connection(self.broker))
        remoting.heartbeat(connection, "127.0.0.1@filters", "Group", "Plain", expression="a > 1 AND TAGS IS NOT NULL",
                           expression_type="SQL92")
        remoting.create_topic(self.cluster.namesrv, "Gone", 2)
        remoting.call(self.broker, DELETE_TOPIC, {"topic": "Gone"})
        remoting.create_group(self.broker, "GoneGroup")
        remoting.call(self.broker, remoting.DELETE_SUBSCRIPTIONGROUP, {"groupName": "GoneGroup", "cleanOffset": True})

    def files(self) -> dict:
        """Stops the server; what its store holds."""
        self.stack.close()
        status = self.cluster.brokers[0].stop()
        assert status in (0, 143), f"the broker ended with {status}"
        files = store_view.StoreView(self.cluster.directory / "store-0", self.kinds, SETTINGS).files
        return {**files, "answers": {"lines": self.answers, "digest": ""}}

    def close(self) -> None:
        self.stack.close()
        self.cluster.close()


def run(server: str, binary: str) -> dict:
    """The files of `server` after the work."""
    started = time.monotonic()
    rig = Rig(server, binary)
    try:
        rig.work()
        worked = time.monotonic() - started
        files = rig.files()
    finally:
        rig.close()
    files = {name: held for name, held in files.items() if not name.startswith(tuple(ONLY_THE_ORIGINALS))}
    print(f"{server}: {len(files)} files and kinds in {worked:.0f} s, stopped after {time.monotonic() - started:.0f} s",
          file=sys.stderr)
    return files


def compare(expected: dict, got: dict) -> int:
    """Prints one line a file or kind and what differs; the number of those that differ."""
    different = 0
    for name in sorted(expected.keys() | got.keys()):
        wanted, found = expected.get(name), got.get(name)
        lines = []
        if wanted is None or found is None:
            lines = ["only the original has it" if found is None else "only raptormq has it"]
        elif wanted != found:
            lines = difference(wanted["lines"], found["lines"]) or ["bytes that the lines do not show"]
        different += bool(lines)
        print("\n    ".join([f"{'differs' if lines else 'same'}: {name}", *lines[:12]]))
    return different


def difference(wanted: list, found: list) -> list:
    lines = []
    for number in range(max(len(wanted), len(found))):
        one, other = (side[number] if number < len(side) else "-" for side in (wanted, found))
        if one != other:
            lines += [f"original {one}", f"raptormq {other}"]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["oracle", "raptormq"], help="only show the files of one server")
    parser.add_argument("--binary", help="the raptormq program")
    parser.add_argument("--recorded", action="store_true", help="compare with what was recorded of the original")
    parser.add_argument("--record", action="store_true", help="record what the original's files hold")
    arguments = parser.parse_args()
    if arguments.server:
        print(json.dumps(run(arguments.server, arguments.binary), indent=1, ensure_ascii=False))
        return 0
    expected = json.loads(RECORDED.read_text()) if arguments.recorded else run("oracle", arguments.binary)
    if arguments.record:
        RECORDED.write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    got = run("raptormq", arguments.binary)
    different = compare(expected, got)
    print(f"{len(expected.keys() | got.keys()) - different} passed, {different} failed")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
