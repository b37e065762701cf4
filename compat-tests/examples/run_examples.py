#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the original's own example programs, unchanged, against RaptorMQ and the original and compares the outcomes.

    ./compat-tests/examples/run_examples.py               # both servers
    ./compat-tests/examples/run_examples.py --recorded    # RaptorMQ, compared with the recorded outcomes of the original
    ./compat-tests/examples/run_examples.py --record      # both, and records the outcomes

Two examples name the NameServer 127.0.0.1:9876 themselves, so everything runs on the well-known ports inside a network
namespace of its own. Without the right to make one, the ports must be free. Exits with 1 when an outcome differs.
"""

import argparse
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import paths, remoting, servers  # noqa: E402

PACKAGE = "org.apache.rocketmq.example."
RECORDED = paths.COMPAT / "examples" / "results.json"
NAMESRV_PORT, BROKER_PORT = 9876, 10911
_INSIDE = "RMQ_COMPAT_IN_NAMESPACE"
_MESSAGE_ID = re.compile(r"\bmsgId=([0-9A-F]{32,})")


def enter_namespace() -> None:
    """Starts this program again inside a network namespace whose loopback is up."""
    if os.environ.get(_INSIDE):
        _loopback_up()
        return
    for command in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[_INSIDE] = "1"
            os.execvp(command[0], [*command, sys.executable, *sys.argv])
    print("no network namespace here: the examples use the machine's ports 9876 and 10911", file=sys.stderr)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of <linux/if.h>.
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, 0x8913, request))[1]
        fcntl.ioctl(control, 0x8914, struct.pack("16sh", b"lo", flags | 1))


class Example:
    """One example program as a child process with its output in a file."""

    def __init__(self, name: str, *arguments: str):
        self.name = name
        self.home = tempfile.TemporaryDirectory(prefix="compat-example-")
        self._out = Path(self.home.name) / "out"
        classpath = (paths.BUILD / "oracle.cp").read_text().strip()
        with open(self._out, "wb") as out:
            self._process = subprocess.Popen(
                ["java", "-Xmx512m", f"-Duser.home={self.home.name}", *servers.JAVA_COMMON, "-cp", classpath,
                 PACKAGE + name, *arguments], stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self.home.name,
                env={**os.environ, "NAMESRV_ADDR": f"127.0.0.1:{NAMESRV_PORT}"})

    def output(self) -> str:
        return self._out.read_text(errors="replace")

    def finish(self, seconds: float = 120) -> str:
        """Waits for a program that ends by itself; the output, or an error when it does not end well."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"{self.name} did not end within {seconds:g} s") from None
        assert status == 0, f"{self.name} ended with {status}: {self.output()[-300:]}"
        return self.output()

    def wait_output(self, condition, seconds: float, what: str) -> str:
        remoting.wait_until(lambda: condition(self.output()), seconds, f"{self.name}: {what}", 0.25)
        return self.output()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def message_ids(text: str) -> list:
    return [found.group(1) for found in _MESSAGE_ID.finditer(text)]


def distinct(text: str) -> int:
    return len(set(message_ids(text)))


def send_ok(text: str) -> int:
    return text.count("sendStatus=SEND_OK")


def stored(cluster, topic: str) -> int:
    """How many messages a topic holds."""
    data = remoting.route(cluster.namesrv, topic)
    queues = data["queueDatas"][0]["readQueueNums"] if data else 0
    return sum(remoting.max_offset(cluster.broker, topic, queue) for queue in range(queues))


def _until_quiet(example: Example, count, wanted: int, seconds: float) -> int:
    """Waits for `wanted`, then a little longer, so that one too many would be seen."""
    try:
        example.wait_output(lambda text: count(text) >= wanted, seconds, f"{wanted} messages")
        time.sleep(2)
    finally:
        found = count(example.output())
        example.stop()
    return found


def quickstart(_cluster):
    sent = send_ok(Example("quickstart.Producer").finish())
    got = _until_quiet(Example("quickstart.Consumer"), distinct, 1000, 60)
    return f"{sent} sent, {got} received"


def ordermessage(_cluster):
    text = Example("ordermessage.Producer").finish()
    sent, queues = send_ok(text), re.findall(r"queueId=(\d+)", text)
    spread = "/".join(str(queues.count(str(queue))) for queue in range(4))
    consumer = Example("ordermessage.Consumer")
    # It suspends a queue for 3 s at every fifth odd call: a hundred of the thousand say enough.
    text = consumer.wait_output(lambda out: distinct(out) >= 100, 120, "100 messages")
    consumer.stop()
    last, in_order = {}, True
    for queue, offset in re.findall(r"queueId=(\d+).*?queueOffset=(\d+)", text):
        in_order &= int(offset) >= last.get(queue, 0)
        last[queue] = int(offset)
    return f"{sent} sent by queue {spread}, {'in' if in_order else 'out of'} order"


def broadcast(_cluster):
    members = [Example("broadcast.PushConsumer") for _ in range(2)]
    got = [_until_quiet(member, distinct, 1000, 60) for member in members]
    return f"members received {got[0]} and {got[1]}"


def schedule(_cluster):
    consumer = Example("schedule.ScheduledMessageConsumer")
    begin = time.time()
    Example("schedule.ScheduledMessageProducer").finish()
    consumer.wait_output(lambda text: "Receive message" in text, 60, "the first message")
    early = time.time() - begin < 10
    got = _until_quiet(consumer, lambda text: text.count("Receive message"), 100, 60)
    return f"{got} received, {'early' if early else 'not before 10 s'}"


def tag_filter(_cluster):
    sent = send_ok(Example("filter.TagFilterProducer").finish())
    got = _until_quiet(Example("filter.TagFilterConsumer"), distinct, 40, 60)
    return f"{sent} sent, {got} received"


def simple_batch(cluster):
    # Neither batch producer shuts down, so they do not end by themselves.
    sent = _until_quiet(Example("batch.SimpleBatchProducer"), send_ok, 1, 60)
    return f"{sent} answer, {stored(cluster, 'BatchTest')} stored"


def split_batch(cluster):
    before, producer = stored(cluster, "BatchTest"), Example("batch.SplitBatchProducer")
    try:
        remoting.wait_until(lambda: stored(cluster, "BatchTest") - before >= 100000, 60, "100,000 messages stored", 0.5)
    finally:
        producer.stop()
    return f"{stored(cluster, 'BatchTest') - before} stored"


def simple(_cluster):
    sent = send_ok(Example("simple.Producer").finish())
    got = _until_quiet(Example("simple.PushConsumer"), distinct, 1128, 60)
    return f"{sent} sent, {got} received"


def simple_async(_cluster):
    text = Example("simple.AsyncProducer").finish()
    return f"{len(re.findall(r'OK [0-9A-F]{32}', text))} callbacks"


def simple_oneway(cluster):
    before = stored(cluster, "TopicTest")
    Example("simple.OnewayProducer").finish()
    return f"{stored(cluster, 'TopicTest') - before} stored"


def simple_pull(cluster):
    # It shows nothing; what it received is what it commits.
    consumer, group, wanted = Example("simple.PullConsumer"), "please_rename_unique_group_name_5", stored(cluster, "TopicTest")

    def committed():
        return sum(max(remoting.committed_offset(cluster.broker, group, "TopicTest", queue), 0) for queue in range(4))
    try:
        remoting.wait_until(lambda: committed() >= wanted, 60, f"{wanted} positions committed", 0.5)
    finally:
        consumer.stop()
    return f"{committed()} received"


def simple_lite_pull(_cluster):
    # With automatic commit it starts at the end or the beginning of a queue as the broker says.
    got = _until_quiet(Example("simple.LitePullConsumerSubscribe"), distinct, 1228, 60)
    return f"{got} received"


def benchmark(cluster):
    consumer = Example("benchmark.Consumer", "-n", f"127.0.0.1:{NAMESRV_PORT}", "-ri", "1000")
    begin = stored(cluster, "BenchmarkTest")
    text = Example("benchmark.Producer", "-n", f"127.0.0.1:{NAMESRV_PORT}", "-q", "4000", "-w", "8", "-s", "256",
                   "-ri", "1000").finish()
    failed = [int(n) for n in re.findall(r"Send Failed: (\d+)", text)] + \
        [int(n) for n in re.findall(r"Response Failed: (\d+)", text)]
    consumer.wait_output(lambda out: any(int(n) > 0 for n in re.findall(r"TPS: (\d+)", out)), 60, "messages arrive")
    consumer.stop()
    return f"{stored(cluster, 'BenchmarkTest') - begin} stored, {sum(failed)} failed, consumed"


EXAMPLES = [
    ("quickstart Producer and Consumer", quickstart),
    ("ordermessage Producer and Consumer", ordermessage),
    ("broadcast PushConsumer, twice", broadcast),
    ("schedule Producer and Consumer", schedule),
    ("filter by tag, Producer and Consumer", tag_filter),
    ("batch SimpleBatchProducer", simple_batch),
    ("batch SplitBatchProducer", split_batch),
    ("simple Producer and PushConsumer", simple),
    ("simple AsyncProducer", simple_async),
    ("simple OnewayProducer", simple_oneway),
    ("simple PullConsumer", simple_pull),
    ("simple LitePullConsumerSubscribe", simple_lite_pull),
    ("benchmark Producer and Consumer", benchmark),
]


def run_server(server: str) -> dict:
    """Outcomes of all examples, in order, against one fresh server; what went wrong is an outcome, too."""
    outcomes = {}
    cluster = servers.cluster_class(server)(namesrv_ports=[NAMESRV_PORT], broker_ports=[BROKER_PORT])
    try:
        cluster.start()
        for title, example in EXAMPLES:
            begin = time.monotonic()
            try:
                outcomes[title] = example(cluster)
            except Exception as failure:  # noqa: BLE001
                outcomes[title] = f"failed: {' '.join(str(failure).split())[:200]}"
            print(f"{server:9} {title:38} {time.monotonic() - begin:5.1f} s  {outcomes[title]}", flush=True)
    finally:
        cluster.close()
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["oracle", "raptormq"], help="only show the outcomes of one server")
    parser.add_argument("--recorded", action="store_true", help="compare with the recorded outcomes of the original")
    parser.add_argument("--record", action="store_true", help="record the outcomes of both")
    parser.add_argument("--binary", default=servers.RaptorCluster.binary)
    options = parser.parse_args()
    enter_namespace()
    servers.RaptorCluster.binary = os.path.abspath(options.binary)
    if options.server:
        outcomes = run_server(options.server)
        failed = sum(outcome.startswith("failed") for outcome in outcomes.values())
        print(f"{len(outcomes) - failed} passed, {failed} failed")
        return 1 if failed else 0
    if options.recorded:
        oracle = {row["example"]: row["oracle"] for row in json.loads(RECORDED.read_text())}
    else:
        oracle = run_server("oracle")
    ours = run_server("raptormq")
    rows = [{"example": title, "oracle": oracle.get(title, "not recorded"), "raptormq": ours[title],
             "same": oracle.get(title) == ours[title] and not ours[title].startswith("failed")}
            for title, _ in EXAMPLES]
    text = json.dumps(rows, indent=1) + "\n"
    paths.EXAMPLES.write_text(text)
    if options.record:
        RECORDED.write_text(text)
    differing = [row for row in rows if not row["same"]]
    for row in differing:
        print(f"differs: {row['example']}: original: {row['oracle']}; RaptorMQ: {row['raptormq']}")
    print(f"{len(rows) - len(differing)} passed, {len(differing)} failed")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
