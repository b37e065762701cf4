#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the same work on RaptorMQ and on the original, both with the Prometheus exporter, and compares what they export.

    ./compat-tests/metrics_compare.py                       # both servers, one line a family, exit 1 on a difference
    ./compat-tests/metrics_compare.py --server raptormq     # one server, prints the exported text
    ./compat-tests/metrics_compare.py --recorded            # the original's as recorded in oracle/metrics.json
    ./compat-tests/metrics_compare.py --record              # both servers, and records the original's

Compared are the families with their types, label names and buckets, and the values that follow from the work.
Needs what compat-tests/setup.sh builds. Ends with "N passed, N failed".
"""

import argparse
import contextlib
import json
import re
import sys
import time
import urllib.request
from pathlib import Path

from harness import drivers, paths, pop, remoting, servers

RECORDED = paths.COMPAT / "oracle" / "metrics.json"

# Families whose values must be equal, for the series that have one of the labels; all series when there is none named.
MEASURED = [("consumer_group", "Laggards"), ("consumer_group", "Poppers")]
EXACT = {
    "rocketmq_broker_permission": [], "rocketmq_topic_number": [], "rocketmq_consumer_group_number": [],
    "rocketmq_processor_watermark": [], "rocketmq_messages_in_total": [], "rocketmq_throughput_in_total": [],
    "rocketmq_message_size": [], "rocketmq_messages_out_total": [], "rocketmq_throughput_out_total": [],
    "rocketmq_producer_connections": [], "rocketmq_consumer_connections": [],
    # What the push consumer has not committed yet depends on the moment.
    "rocketmq_consumer_lag_messages": MEASURED, "rocketmq_consumer_inflight_messages": MEASURED,
    "rocketmq_consumer_ready_messages": MEASURED,
    "rocketmq_send_to_dlq_messages_total": [], "rocketmq_half_messages": [], "rocketmq_commit_messages_total": [],
    "rocketmq_rollback_messages_total": [], "rocketmq_finish_message_latency_milliseconds": [],
    "rocketmq_topic_create_execution_time_milliseconds": [],
    "rocketmq_consumer_group_create_execution_time_milliseconds": [],
    "rocketmq_pop_offset_buffer_size": [], "rocketmq_pop_checkpoint_buffer_size": [],
    "rocketmq_pop_revive_in_message_total": [], "rocketmq_timer_enqueue_total": [], "rocketmq_timer_dequeue_total": [],
    "rocketmq_timing_messages": [], "rocketmq_delay_message_latency_seconds": [],
    # The others are of clients that ask again and again.
    "rocketmq_rpc_latency_milliseconds": [("request_code", code) for code in (
        "ack_message", "consumer_send_msg_back", "end_transaction", "pop_message", "send_message_v2",
        "update_and_create_subscriptiongroup", "update_and_create_topic")],
    "target_info": [],
}
# Families that only RaptorMQ has begin so.
OWN = "raptormq_"
UPDATE_CONSUMER_OFFSET, CONSUMER_SEND_MSG_BACK = 15, 36
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)",?')


def parse(text: str) -> dict:
    """Family name to {"type", "samples": {(name, frozenset of labels): value}}."""
    families, family = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families, f"{name} is exported twice"
            family = families.setdefault(name, {"type": kind, "samples": {}})
        elif line and not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line}"
            key = (match[1], frozenset(LABEL.findall(match[2] or "")))
            assert key not in family["samples"], f"twice: {line}"
            family["samples"][key] = float(match[3])
    return families


class Rig:
    """One server, and clients that do the same to it as to the other."""

    def __init__(self, server: str, binary: str):
        cluster_class = servers.cluster_class(server)
        if server == "raptormq" and binary:
            cluster_class.binary = str(Path(binary).resolve())
        self.port = servers.free_ports(1)[0]
        self.cluster = cluster_class(settings={
            "metricsExporterType": "PROM", "metricsPromExporterHost": "127.0.0.1",
            "metricsPromExporterPort": self.port, "metricsLabel": "site:lab,team:core",
            "transactionCheckInterval": 600000}).start()
        self.broker = self.cluster.broker
        self.stack = contextlib.ExitStack()

    def scrape(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            return answer.read().decode()

    def value(self, name: str, **labels) -> float:
        """The sum over the series that have these labels; -1 when there is none."""
        family = parse(self.scrape()).get(name, {"samples": {}})
        found = [value for (_, series), value in family["samples"].items() if set(labels.items()) <= series]
        return sum(found) if found else -1

    def work(self) -> None:
        namesrv = self.cluster.namesrv
        for topic in ("Plain", "Popped", "Lagging"):
            remoting.create_topic(namesrv, topic, 2)
        for group in ("Pushers", "Poppers", "Laggards"):
            remoting.create_group(self.broker, group)
        client = drivers.Driver("java-5.5.0", namesrv, "metrics")
        self.stack.callback(client.close)
        client.call("producer.start", name="p", group="Producers", timeout_ms=20000, retries=0)
        self.send(client)
        self.consume(client)
        self.transact(client)
        self.pop()
        self.lag()
        revive = "rmq_sys_REVIVE_LOG_DefaultCluster"
        for name, topic, count in (("rocketmq_timer_enqueue_total", revive, 2), ("rocketmq_timer_dequeue_total", "Plain", 2),
                                   ("rocketmq_rollback_messages_total", "Plain", 1)):
            remoting.wait_until(lambda n=name, t=topic, c=count: self.value(n, topic=t) == c, 30, f"{name} of {topic}")

    def send(self, client) -> None:
        def messages(topic, count, **more):
            return [{"topic": topic, "body": f"body {i}", "tags": "A", "keys": f"key-{i}", "shard": i % 2, **more}
                    for i in range(count)]
        for batch in (messages("Plain", 6), messages("Popped", 6), messages("Lagging", 8),
                      messages("Plain", 2, props={"__SHARDINGKEY": "one"}),
                      messages("Plain", 1, delay=1), messages("Plain", 2, props={"TIMER_DELAY_MS": "1500"})):
            client.call("producer.send", name="p", mode="ordered", messages=batch)

    def consume(self, client) -> None:
        client.call("push.start", name="c", group="Pushers", topic="Plain", expression="*", model="clustering",
                    **{"from": "first"})
        client.wait_messages(11, 60)
        remoting.wait_until(lambda: sum(remoting.committed_offset(self.broker, "Pushers", "Plain", queue)
                                        for queue in (0, 1)) == 11, 30, "the consumer commits")
        message = remoting.read_queue(self.broker, "Plain", 0)[0]
        remoting.call(self.broker, CONSUMER_SEND_MSG_BACK, {
            "offset": 0, "group": "Pushers", "delayLevel": -1, "originTopic": "Plain",
            "originMsgId": message.properties["UNIQ_KEY"], "unitMode": False, "maxReconsumeTimes": 16})

    def transact(self, client) -> None:
        client.call("transaction.start", name="tx", group="Transactors", timeout_ms=20000, retries=0)
        fates = ["commit", "commit", "rollback", "unknown"]
        client.call("transaction.send", name="tx", timeout=90, messages=[
            {"topic": "Plain", "body": f"tx {fate}", "tags": "T", "keys": fate,
             "props": {"local": fate, "check": "unknown"}} for fate in fates])
        client.wait_messages(13, 60)
        remoting.wait_until(lambda: self.value("rocketmq_half_messages") == 1, 30, "one transaction is left open")

    def pop(self) -> None:
        self.heartbeat("Poppers", "Popped", "CONSUME_POP")
        consumer = pop.Consumer(self.broker, "Popped", "Poppers", queueId=0)
        popped = consumer.pop(maxMsgNums=2)
        assert len(popped) == 2, popped
        consumer.ack(popped[0])

    def lag(self) -> None:
        """One group with four messages taken from a queue of which it committed one, and three not taken."""
        self.heartbeat("Laggards", "Lagging", "CONSUME_ACTIVELY")
        for queue in (0, 1):
            remoting.call(self.broker, remoting.PULL_MESSAGE, {
                "consumerGroup": "Laggards", "topic": "Lagging", "queueId": queue, "queueOffset": 0,
                "maxMsgNums": 3 + queue, "sysFlag": 4, "commitOffset": 0, "suspendTimeoutMillis": 0,
                "subscription": "*", "subVersion": 0, "expressionType": "TAG"})
            remoting.call(self.broker, UPDATE_CONSUMER_OFFSET, {
                "consumerGroup": "Laggards", "topic": "Lagging", "queueId": queue, "commitOffset": 1 + queue})

    def heartbeat(self, group: str, topic: str, kind: str) -> None:
        """A member of `group`, until the end."""
        connection = self.stack.enter_context(remoting.Connection(self.broker))
        remoting.heartbeat(connection, f"127.0.0.1@{group}", group, topic, consume_type=kind)

    def close(self) -> None:
        self.stack.close()
        self.cluster.close()


def run(server: str, binary: str) -> str:
    """The text that `server` exports after the work."""
    started = time.monotonic()
    rig = Rig(server, binary)
    try:
        rig.work()
        text = rig.scrape()
    finally:
        rig.close()
    print(f"{server}: {len(parse(text))} families in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return text


def summary(text: str) -> dict:
    """What is compared, by family: type, names of labels, bounds of buckets, values."""
    families = {}
    for name, family in parse(text).items():
        wanted = EXACT.get(name)
        summed = families[name] = {"type": family["type"], "labels": set(), "bounds": set(), "values": {}}
        for (sample, labels), value in sorted(family["samples"].items(), key=str):
            summed["bounds"] |= {bound for label, bound in labels if label == "le"}
            summed["labels"].add(",".join(sorted(label for label, _ in labels if label != "le")))
            # Of a histogram only the count follows from the work.
            is_measured = sample == name + "_count" if family["type"] == "histogram" else True
            if wanted is not None and is_measured and (not wanted or not labels.isdisjoint(wanted)):
                summed["values"][",".join(sorted(f"{label}={value}" for label, value in labels))] = value
        summed["labels"], summed["bounds"] = sorted(summed["labels"]), sorted(summed["bounds"])
    return families


def compare(expected: dict, got: dict) -> int:
    """Prints one line a family and what differs; the number of families that differ."""
    different = 0
    for name, family in expected.items():
        other = got.get(name, {})
        lines = [f"{part}: original {family[part]}, raptormq {other.get(part)}" for part in ("type", "labels", "bounds")
                 if family[part] != other.get(part)]
        values = other.get("values", {})
        lines += [f"{labels}: original {family['values'].get(labels)}, raptormq {values.get(labels)}"
                  for labels in sorted(family["values"].keys() | values.keys())
                  if family["values"].get(labels) != values.get(labels)]
        different += bool(lines)
        print("\n    ".join([f"{'differs' if lines else 'same'}: {name}", *lines]))
    for name in sorted(name for name in got if name not in expected and not name.startswith(OWN)):
        different += 1
        print(f"differs: {name} is not the original's")
    return different


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["oracle", "raptormq"], help="only show the text of one server")
    parser.add_argument("--binary", help="the raptormq program")
    parser.add_argument("--recorded", action="store_true", help="compare with what was recorded of the original")
    parser.add_argument("--record", action="store_true", help="record what the original exports")
    arguments = parser.parse_args()
    if arguments.server:
        print(run(arguments.server, arguments.binary))
        return 0
    expected = json.loads(RECORDED.read_text()) if arguments.recorded else summary(run("oracle", arguments.binary))
    if arguments.record:
        RECORDED.write_text(json.dumps(expected, indent=1) + "\n")
    got = summary(run("raptormq", arguments.binary))
    different = compare(expected, got)
    print(f"{len(expected.keys() | {name for name in got if not name.startswith(OWN)}) - different} passed, "
          f"{different} failed")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
