#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stock mqadmin against RaptorMQ and against the original and compares what it prints.

    ./compat-tests/mqadmin_compare.py                       # both servers, prints a table, exit 1 on a difference
    ./compat-tests/mqadmin_compare.py --server raptormq     # one server, prints the output of every command
    ./compat-tests/mqadmin_compare.py --command topicStatus
    ./compat-tests/mqadmin_compare.py --recorded            # the original's output as recorded in oracle/mqadmin.json
    ./compat-tests/mqadmin_compare.py --record              # both servers, and records the original's output

What must differ (addresses, times, identifiers, sizes of this machine) is replaced by a word before the comparison.
Needs what compat-tests/setup.sh builds. Ends with "N passed, N failed".
"""

import argparse
import concurrent.futures
import difflib
import json
import re
import subprocess
import sys
import time

from harness import drivers, paths, remoting, servers

# Keys of the runtime table that only the named server prints, with the reason.
RUNTIME_EXTRA = {
    "brokerVersion": "left out by the original since 5.4, kept for the exporter",
}
# Commands left out: those of users and permissions (listUser and the like), of pop (setConsumeMode) and of controllers,
# which RaptorMQ answers with REQUEST_CODE_NOT_SUPPORTED.
#
# Settings that only RaptorMQ has (ioThreads, blockingThreads, logLevel, defaultsProfile), those whose value depends on
# the program, its directories and the number of cores; RaptorMQ has no installation folder unless it is told one.
CONFIG_IGNORED = re.compile(
    r"(?i)threadpool|threadpoolnums|selectorthreads|workerthreads|callbackexecutor|ioThreads|blockingThreads|logFile|"
    r"logLevel|defaultsProfile|path|rocketmqHome|Thread.*Nums|coresize|cpus")

ARCHIVE = paths.BUILD / "mqadmin.jsa"
RECORDED = paths.COMPAT / "oracle" / "mqadmin.json"
# Most of a command's time is the client's waits. Commands without a lane run first, side by side; then the lane that
# needs topics unchanged, as the next registration after a change gives back a permission; then the other lanes, each in
# its order; then the lane that needs them done.
WORKERS = 6
FIRST, LAST = "first", "last"
# As tools.sh does: without it the tool takes the broker's logging settings from the jar and prints them.
LOGBACK = '<configuration><root level="OFF"/></configuration>'

COMMANDS = [
    # name, arguments, sort the lines, and for what changes something or looks at a change: its lane
    ("clusterList", "-n {ns}", False),
    ("clusterList -m", "-m -n {ns}", False),
    ("topicList", "-n {ns}", True),
    ("topicList -c", "-c -n {ns}", True),
    ("topicClusterList", "-t T -n {ns}", False),
    ("topicRoute", "-t T -n {ns}", False),
    ("topicStatus", "-t T -n {ns}", False),
    ("updateTopic", "-t New -b {broker} -r 3 -w 2 -a +message.type=FIFO -n {ns}", False, "topic"),
    ("updateTopic bad attribute", "-t New -b {broker} -a +nope=1 -n {ns}", False),
    ("updateTopic illegal name", "-t a^b -b {broker} -n {ns}", False),
    ("updateTopic system topic", "-t TBW102 -b {broker} -n {ns}", False),
    ("updateTopicPerm", "-t New -b {broker} -p 4 -n {ns}", False, "topic"),
    ("topicRoute of New", "-t New -n {ns}", False, "topic"),
    ("updateSubGroup", "-g NewGroup -b {broker} -s false -r 3 -n {ns}", False, "group"),
    ("getConsumerConfig", "-g NewGroup -n {ns}", False, "group"),
    ("updateSubGroup illegal name", "-g a^b -b {broker} -n {ns}", False),
    ("deleteSubGroup", "-g NewGroup -b {broker} -n {ns}", False, "group"),
    ("deleteTopic", "-t New -c DefaultCluster -n {ns}", False, "topic"),
    ("topicRoute of nothing", "-t New -n {ns}", False, "topic"),
    ("topicStatus of nothing", "-t New -n {ns}", False, "topic"),
    ("consumerProgress", "-n {ns}", True),
    ("consumerProgress of one", "-g G -n {ns}", False),
    ("consumerConnection", "-g G -n {ns}", True),
    ("consumerConnection of nothing", "-g Nobody -n {ns}", False),
    ("producerConnection", "-g P -t T -n {ns}", True),
    ("producerConnection of nothing", "-g Nobody -t T -n {ns}", False),
    ("producer", "-b {broker} -n {ns}", True),
    ("consumerStatus", "-g G -n {ns}", True),
    ("brokerStatus", "-b {broker} -n {ns}", True),
    ("getBrokerConfig", "-b {broker} -n {ns}", True),
    ("updateBrokerConfig", "-b {broker} -k traceOn -v false -n {ns}", False, "broker"),
    ("updateBrokerConfig protected", "-b {broker} -k brokerConfigPath -v x -n {ns}", False),
    ("brokerConsumeStats", "-b {broker} -n {ns}", True),
    ("queryMsgById", "-t T -i {offset_id} -n {ns}", False),
    ("queryMsgByKey", "-t T -k key-3 -n {ns}", False),
    ("queryMsgByUniqueKey", "-t T -i {unique_id} -n {ns}", False),
    ("queryMsgByOffset", "-t T -b {broker_name} -i 0 -o 0 -n {ns}", False),
    ("queryCq", "-t T -q 0 -i 0 -c 2 -b {broker} -n {ns}", False),
    ("printMsg", "-t T -n {ns}", True),
    ("statsAll", "-n {ns}", True),
    ("resetOffsetByTime", "-g G -t T -s 0 -f true -n {ns}", True, "positions"),
    ("resetOffsetByTime to now", "-g G -t T -s now -n {ns}", True, "positions"),
    ("resetOffsetByTime of nothing", "-g Nobody -t T -s now -n {ns}", True),
    ("cloneGroupOffset", "-s G -d Copy -t T -o true -n {ns}", False, "positions"),
    ("cleanUnusedTopic", "-b {broker} -n {ns}", False, "broker"),
    ("cleanExpiredCQ", "-b {broker} -n {ns}", False, "broker"),
    ("deleteExpiredCommitLog", "-b {broker} -n {ns}", False, "broker"),
    ("topicRoute as a table", "-l -t T -n {ns}", False),
    ("allocateMQ", "-t T -i 10.0.0.1,10.0.0.2 -n {ns}", False),
    ("consumerStatus of one", "-g G -i {client} -n {ns}", True),
    ("consumerProgress with clients", "-g G -s true -n {ns}", False),
    ("haStatus", "-b {broker} -n {ns}", False),
    ("getBrokerEpoch", "-b broker-a -n {ns}", False),
    ("getColdDataFlowCtrInfo", "-b {broker} -n {ns}", False, "cold"),
    ("updateColdDataFlowCtrGroupConfig", "-b {broker} -g G -v 1000 -n {ns}", False, "cold"),
    ("getColdDataFlowCtrInfo with a limit", "-b {broker} -n {ns}", False, "cold"),
    ("removeColdDataFlowCtrGroupConfig", "-b {broker} -g G -n {ns}", False, "cold"),
    ("getColdDataFlowCtrInfo without it again", "-b {broker} -n {ns}", False, "cold"),
    ("getNamesrvConfig", "-n {ns}", True),
    ("updateNamesrvConfig", "-k orderMessageEnable -v true -n {ns}", False, "namesrv"),
    ("updateNamesrvConfig protected", "-k kvConfigPath -v x -n {ns}", False),
    ("updateKvConfig", "-s Space -k key -v value -n {ns}", False, "namesrv"),
    ("deleteKvConfig", "-s Space -k key -n {ns}", False, "namesrv"),
    ("updateOrderConf", "-t Ordered -m put -v broker-a:2 -n {ns}", False, "namesrv"),
    ("updateOrderConf get", "-t Ordered -m get -n {ns}", False, "namesrv"),
    ("updateOrderConf delete", "-t Ordered -m delete -n {ns}", False, "namesrv"),
    ("wipeWritePerm", "-b broker-a -n {ns}", False, "first"),
    ("wipeWritePerm of nothing", "-b broker-x -n {ns}", False),
    ("topicRoute without the right to write", "-t T -n {ns}", False, "first"),
    ("addWritePerm", "-b broker-a -n {ns}", False, "first"),
    ("topicRoute with it again", "-t T -n {ns}", False, "first"),
    ("updateTopicList", "-b {broker} -f {home}/topics.json -n {ns}", False, "lists"),
    ("topicRoute of the list's first", "-t Listed1 -n {ns}", False, "lists"),
    ("updateSubGroupList", "-b {broker} -f {home}/groups.json -n {ns}", False, "lists"),
    ("getConsumerConfig of the list's second", "-g ListedGroup2 -n {ns}", False, "lists"),
    ("sendMessage", "-t T -p hello -k key-9 -c B -b broker-a -i 0 -n {ns}", False, "positions"),
    ("sendMessage to nothing", "-t a^b -p hello -n {ns}", False),
    ("consumeMessage", "-t T -b broker-a -i 0 -o 0 -c 4 -n {ns}", False, "positions"),
    ("printMsgByQueue", "-t T -a broker-a -i 0 -p true -d true -f true -n {ns}", False, "positions"),
    ("queryMsgById pushed", "-t T -i {offset_id} -g G -d {client} -n {ns}", False, "positions"),
    ("queryMsgTraceById", "-i {unique_id} -n {ns}", False),
    ("checkMsgSendRT", "-t T -a 3 -s 64 -n {ns}", False, "positions"),
    ("sendMsgStatus", "-b broker-a -s 64 -c 3 -n {ns}", False, "lists"),
    ("skipAccumulatedMessage", "-g G -t T -n {ns}", True, "positions"),
    ("skipAccumulatedMessage of nothing", "-g Nobody -t T -n {ns}", True),
    ("exportMetadata", "-c DefaultCluster -f {home}/export -n {ns}", False, "last"),
    ("exportConfigs", "-c DefaultCluster -f {home}/export -n {ns}", False, "last"),
    ("exportMetrics", "-c DefaultCluster -f {home}/export -n {ns}", False, "last"),
    ("deleteSubGroup with positions", "-g Copy -b {broker} -r true -n {ns}", False, "group"),
    ("clusterList of nothing", "-c Nowhere -n {ns}", False),
    ("updateTopic for lite topics", "-t Lite -b {broker} -r 1 -w 1 -a +message.type=LITE -n {ns}", False, "last"),
    ("updateSubGroup for lite topics", "-g LiteGroup -b {broker} -a +lite.bind.topic=Lite -n {ns}", False, "last"),
    ("getBrokerLiteInfo of lite topics", "-b {broker} -d -n {ns}", False, "last"),
    ("getParentTopicInfo of lite topics", "-p Lite -n {ns}", False, "last"),
    ("getParentTopicInfo of no lite topic", "-p T -n {ns}", False, "last"),
    ("getLiteTopicInfo of a lite topic", "-p Lite -l a -s -n {ns}", False, "last"),
    ("getLiteClientInfo of lite topics", "-p Lite -g LiteGroup -c nobody -s -n {ns}", False, "last"),
    ("getLiteClientInfo of another lite group", "-p Lite -g G -c nobody -n {ns}", False, "last"),
    ("getLiteGroupInfo of lite topics", "-p Lite -g LiteGroup -n {ns}", False, "last"),
    ("getLiteGroupInfo of a lite topic", "-p Lite -g LiteGroup -l a -n {ns}", False, "last"),
    ("triggerLiteDispatch of lite topics", "-p Lite -g LiteGroup -n {ns}", False, "last"),
    ("triggerLiteDispatch of no lite group", "-p Lite -g G -n {ns}", False, "last"),
]


class Rig:
    """One server with the same topics, groups, messages and clients as the other."""

    def __init__(self, server: str, binary: str):
        cluster_class = servers.cluster_class(server)
        if server == "raptormq" and binary:
            cluster_class.binary = binary
        self.cluster = cluster_class().start()
        self.clients = []
        self.values = {"ns": self.cluster.namesrv, "broker": self.cluster.broker, "broker_name": "broker-a"}

    def prepare(self) -> None:
        namesrv, broker = self.cluster.namesrv, self.cluster.broker
        home = self.cluster.directory / "mqadmin-home"
        home.mkdir()
        self.values["home"] = home
        (home / "logback.xml").write_text(LOGBACK)
        for name, member, prefix in (("topics", "topicName", "Listed"), ("groups", "groupName", "ListedGroup")):
            (home / f"{name}.json").write_text(json.dumps([{member: f"{prefix}{number}"} for number in (1, 2)]))
        remoting.create_topic(namesrv, "T", 2)
        remoting.create_group(broker, "G")
        client = drivers.Driver("java-5.5.0", namesrv, "mqadmin")
        self.clients.append(client)
        client.call("producer.start", name="p", group="P")
        messages = [{"topic": "T", "body": f"body {i}", "tags": "A", "keys": f"key-{i}", "shard": i % 2}
                    for i in range(6)]
        sent = client.call("producer.send", name="p", mode="ordered", messages=messages)
        self.values["offset_id"], self.values["unique_id"] = sent[3]["offset_id"], sent[3]["id"]
        client.call("push.start", name="c", group="G", topic="T", expression="A", model="clustering",
                    **{"from": "first"})
        client.wait_messages(6, 60)
        remoting.wait_until(lambda: all(remoting.committed_offset(broker, "G", "T", queue) == 3 for queue in (0, 1)),
                            30, "the consumer commits")
        # The client takes up the group's retry topic with its next look at the routes.
        remoting.wait_until(lambda: remoting.committed_offset(broker, "G", "%RETRY%G", 0) == 0, 90,
                            "the consumer knows the retry topic")
        self.values["client"] = remoting.consumer_ids(broker, "G")[0]

        # Classes of the tool, kept in mapped form: halves the time that a command needs of a core.
        if not ARCHIVE.exists():
            self.run_java([f"-XX:ArchiveClassesAtExit={ARCHIVE}"], ["topicRoute", "-t", "T", "-n", namesrv])

    def mqadmin(self, name: str, arguments: str) -> str:
        text = self.run_java([f"-XX:SharedArchiveFile={ARCHIVE}"],
                             [name.split()[0], *arguments.format(**self.values).split()])
        for path in sorted((self.values["home"] / "export").glob("**/*.json")):
            text += f"{path.name}:\n{path.read_text()}\n"
            path.unlink()
        return text

    def run_java(self, options: list, arguments: list) -> str:
        """What the tool prints."""
        home = self.values["home"]
        command = ["java", "-Xmx128m", "-Xlog:disable", *options, *servers.JAVA_COMMON, f"-Duser.home={home}",
                   f"-Drocketmq.home.dir={home}", f"-Drmq.logback.configurationFile={home / 'logback.xml'}",
                   "-cp", (paths.BUILD / "oracle.cp").read_text().strip(),
                   "org.apache.rocketmq.tools.command.MQAdminStartup", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=home,
                                  env={"PATH": "/usr/bin:/bin", "ROCKETMQ_HOME": str(home)})
        except subprocess.TimeoutExpired as expired:
            return (expired.stdout or b"").decode() + "(did not end)\n"
        return done.stdout + done.stderr

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.cluster.close()


def normalise(rig: Rig, name: str, text: str) -> list:
    """The lines with whatever must differ replaced."""
    for value, word in ((rig.cluster.broker, "BROKER"), (rig.cluster.namesrv, "NAMESRV"),
                        (str(rig.cluster.directory), "DIR"), (rig.values["offset_id"], "OFFSET_ID"),
                        (rig.values["unique_id"], "UNIQUE_ID")):
        text = text.replace(value, word)
    rules = [
        (r"\d{4}-\d\d-\d\d[ #]\d\d:\d\d:\d\d([,:]\d+)?", "TIME"),
        (r"\b[0-9A-F]{32,58}\b", "ID"),
        (r"[\w.]+@\d+#\d+", "CLIENT"),
        (r"([\w.]+@)?\d+@\w+@(\w)\b", r"CLIENT-\2"),
        (r"@[0-9a-f]{5,8}\b", "@HASH"),
        (r"\b20\d{12}\b", "TIME"),
        (r"(listenPort|haListenPort)(\W+)\d+", r"\1\2PORT"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\b1\d{12}\b", "MS"),
        (r"(?m)^\s*at [\w.$]+\(.*\)$\n", ""),
        (r"0x[0-9a-f]+", "HEX"),
        (r"\brt=\d+ms", "rt=N"),
        (r"(?i)(cost|costTime|took|spent)[^\d]*\d+", r"\1 N"),
        (r"[ \t]+", " "),
    ]
    for pattern, word in rules:
        text = re.sub(pattern, word, text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return SPECIAL.get(name, lambda given: given)(lines)


def runtime_keys(lines: list) -> list:
    keys = [line.split(":")[0].strip() for line in lines if ":" in line]
    return [key for key in keys if key not in RUNTIME_EXTRA]


def config_lines(lines: list) -> list:
    return [line for line in lines if "=" in line and not CONFIG_IGNORED.search(line.split("=")[0])]


def rates_away(lines: list) -> list:
    return [re.sub(r"\b\d+\.\d+(E-?\d+)?\b", "RATE", line) for line in lines]


def client_state_away(lines: list) -> list:
    """What the client tells of itself, without its clocks and rates."""
    return [re.sub(r"ProcessQueueInfo \[.*", "ProcessQueueInfo", line) for line in rates_away(lines)
            if not line.startswith("clientCallbackExecutorThreads")]


def exported_configs(lines: list) -> list:
    return [line for line in lines if not CONFIG_IGNORED.search(line.split(":")[0])]


def counts_away(lines: list) -> list:
    """A day's count is that of the last minute until the first hour is over."""
    return [re.sub(r"RATE \d+ \d+$", "RATE N N", line) for line in rates_away(lines)]


def exported_metadata(lines: list) -> list:
    # While it deletes a group, the original asks whether it is a lite one, which creates it again with the defaults.
    # RaptorMQ does not.
    start = lines.index("{")
    metadata = json.loads("".join(lines[start:]).replace(":MS", ":0"))
    metadata["subscriptionGroupTable"].pop("NewGroup", None)
    return lines[:start] + json.dumps(metadata, indent=1, sort_keys=True).splitlines()


def round_trips_away(lines: list) -> list:
    return [re.sub(r"\d+(\.\d+)?$", "N", line) for line in lines]


def positions_away(lines: list) -> list:
    return [re.sub(r"\b\d+\b", "N", line) for line in lines]


def queue_table_away(lines: list) -> list:
    """The original counts queues of its own topics too, which it makes at its start."""
    return [re.sub(r"^(BROKER( \S+){5}) \d+", r"\1 N", line) for line in lines]


SPECIAL = {"getBrokerLiteInfo of lite topics": queue_table_away,
           "brokerStatus": runtime_keys, "getBrokerConfig": config_lines, "clusterList": rates_away,
           "clusterList -m": positions_away, "statsAll": counts_away, "consumerProgress": rates_away,
           "consumerProgress of one": rates_away, "brokerConsumeStats": rates_away, "consumerStatus": rates_away,
           "consumerProgress with clients": rates_away, "consumerStatus of one": client_state_away,
           "getNamesrvConfig": config_lines, "checkMsgSendRT": round_trips_away,
           "exportMetadata": exported_metadata, "exportMetrics": positions_away, "exportConfigs": exported_configs}


def stages(commands: list) -> list:
    """The commands as lists of lanes, one list after the other."""
    lanes = {}
    for command in commands:
        if len(command) > 3:
            lanes.setdefault(command[3], []).append(command)
    first, last = lanes.pop(FIRST, []), lanes.pop(LAST, [])
    return [[[command] for command in commands if len(command) == 3], [first], list(lanes.values()), [last]]


def run(server: str, binary: str, only: str, show: bool) -> dict:
    started = time.monotonic()
    rig = Rig(server, binary)
    outputs = {}
    try:
        rig.prepare()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for lanes in stages([command for command in COMMANDS if not only or only in command[0]]):
                for lane in pool.map(lambda lane: [(command, rig.mqadmin(*command[:2])) for command in lane], lanes):
                    for (name, _, is_sorted, *_), text in lane:
                        lines = normalise(rig, name, text)
                        outputs[name] = sorted(lines) if is_sorted else lines
                        if show:
                            print(f"=== {name}\n{text}", flush=True)
        print(f"{server}: {len(outputs)} commands in {time.monotonic() - started:.0f} s", file=sys.stderr)
    finally:
        rig.close()
    return outputs


def compare(expected: dict, got: dict) -> int:
    """Prints one line a command and what differs; the number of commands that differ."""
    different = 0
    for name, lines in expected.items():
        if lines == got[name]:
            print(f"same: {name}")
            continue
        different += 1
        print(f"differs: {name}")
        for line in difflib.unified_diff(lines, got[name], "original", "raptormq", lineterm="", n=1):
            print("    " + line)
    return different


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["oracle", "raptormq"], help="only show the output of one server")
    parser.add_argument("--binary", help="the raptormq program")
    parser.add_argument("--command", help="only commands whose name contains this")
    parser.add_argument("--recorded", action="store_true", help="compare with the recorded output of the original")
    parser.add_argument("--record", action="store_true", help="record the output of the original")
    arguments = parser.parse_args()
    if arguments.server:
        run(arguments.server, arguments.binary, arguments.command, True)
        return 0
    if arguments.recorded:
        expected = {name: lines for name, lines in json.loads(RECORDED.read_text()).items()
                    if not arguments.command or arguments.command in name}
    else:
        expected = run("oracle", arguments.binary, arguments.command, False)
    if arguments.record and not arguments.command:
        RECORDED.write_text(json.dumps(expected, indent=1) + "\n")
    different = compare(expected, run("raptormq", arguments.binary, arguments.command, False))
    print(f"{len(expected) - different} passed, {different} failed")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
