# SPDX-License-Identifier: Apache-2.0
"""One store goes from server to server and back with traffic of every kind in it, request by request."""

import hashlib
import os
import struct
import subprocess
import time
from pathlib import Path

from .. import pop, raw_producer, remoting, servers

ROUND_TRIPS = int(os.environ.get("RMQ_COMPAT_ROUND_TRIPS", "2"))
UPDATE_CONSUMER_OFFSET = 15
MAX_BODY = 4 << 20
QUEUES = 4
HALF, OPS = "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"
SCHEDULE, WHEEL, REVIVE = "SCHEDULE_TOPIC_XXXX", "rmq_sys_wheel_timer", "rmq_sys_REVIVE_LOG_DefaultCluster"
# Delay levels: delivered under the other server, however long this one takes to stop; in an hour.
SOON, SOON_AFTER_STOP, HOUR = 2, 3, 17


class _Traffic:
    """Everything that is sent, and where all of it has to be."""

    def __init__(self, context, cluster):
        self.cluster, self.process = cluster, cluster.brokers[0]
        self.broker, self.name = cluster.broker, context.name
        self.store = Path(cluster.directory) / "store-0"
        self.plain, self.big, self.popped = (context.topic(what, queues) for what, queues in
                                             (("Plain", QUEUES), ("Big", 1), ("Popped", 1)))
        self.whole = context.topic("Whole", 1, "+queue.type=BatchCQ")
        self.group, self.long_group = context.name("G"), f"{context.name('L'):L<120}"
        for group in (self.group, self.long_group):
            remoting.create_group(self.broker, group)
        self.again, self.dead = f"%RETRY%{self.group}", f"%DLQ%{self.group}"
        self.long_again = f"%RETRY%{self.long_group}_{self.popped}"
        self.producer = raw_producer.Producer(self.broker, context.name("PG"), "A")
        sixth = f"[::1]:{self.broker.rsplit(':', 1)[1]}"
        self.sixth = raw_producer.Producer(sixth, context.name("PG"), "B")
        self.open = []  # half messages with their bodies
        self.expected = {self.plain: [], self.again: [], self.dead: [], self.long_again: []}
        self.taken = []  # popped, and acknowledged after the hand-over
        self.consumed, self.keyed, self.revived = [], [], set()

    # --- sending

    def send_all(self, turn: int, is_slow_to_stop: bool) -> None:
        """One of every kind; some of it is still under way when this returns."""
        plain, send = self.plain, self.producer.send
        level = SOON_AFTER_STOP if is_slow_to_stop else SOON
        for number in range(8):
            self._plain(send, f"{turn} normal {number}", {"WAIT": "true"}, queue=number % QUEUES)
            self._plain(send, f"{turn} tagged {number}", {"TAGS": f"Tag{number % 3}"}, queue=number % QUEUES)
            self._plain(send, f"{turn} keyed {number}", {"KEYS": f"key-{turn} key-{turn}-{number}"}, queue=number % QUEUES)
            self._plain(send, f"{turn} ordered {number}", {"__SHARDINGKEY": "shard"}, queue=1)
        self._plain(self.sixth.send, f"{turn} IPv6", {"KEYS": f"key-{turn}-six"})
        self._plain(self.producer.send_compressed, f"{turn} squeezed {'squeezed ' * 1000}", {"TAGS": "Z"})
        batch = [f"{turn} batch {number}" for number in range(5)]
        self.producer.send_batch(plain, [(body, {"TAGS": "B", "KEYS": f"key-{turn}-b"}) for body in batch], queue=2)
        self.expected[plain] += batch
        self.producer.send_batch(self.whole, [(f"{turn} whole {number}", {}) for number in range(3)])
        self.producer.send(self.big, (f"{turn} ".encode() * MAX_BODY)[:MAX_BODY])
        self._turn_down(turn, level)
        self._pop(turn)
        for number in range(3):
            self.open.append((f"{turn} half {number}", self.producer.send_half(plain, f"{turn} half {number}")))
        self._plain(send, f"{turn} delayed", {"DELAY": level})
        self._plain(send, f"{turn} timer", {"TIMER_DELAY_SEC": "6" if level == SOON else "11"})
        send(plain, f"{turn} in an hour", {"DELAY": HOUR})
        send(plain, f"{turn} in two hours", {"TIMER_DELAY_SEC": 7200})

    def _plain(self, send, body: str, properties: dict, **options) -> None:
        answer = send(self.plain, body, properties, **options)
        self.expected[self.plain].append(body)
        if "KEYS" in properties:
            self.keyed.append((properties["KEYS"].split(" ")[-1], raw_producer.physical_of(answer["msgId"])))

    def _consume(self) -> list:
        """A consumer takes what is new, and commits."""
        fresh = []
        for queue in range(QUEUES):
            offset = max(remoting.committed_offset(self.broker, self.group, self.plain, queue), 0)
            came = remoting.read_queue(self.broker, self.plain, queue, offset=offset)
            assert [m.offset for m in came] == list(range(offset, offset + len(came))), "positions are missing"
            remoting.call(self.broker, UPDATE_CONSUMER_OFFSET, {
                "consumerGroup": self.group, "topic": self.plain, "queueId": queue, "commitOffset": offset + len(came)})
            fresh += came
        self.consumed += [m.body.decode() for m in fresh]
        return fresh

    def _turn_down(self, turn: int, level: int) -> None:
        """Of what is consumed, one message is to be tried again, and one is dead."""
        self._wait_for_exactly(self.plain, 20)
        fresh = [m for m in self._consume() if m.body.decode().startswith(f"{turn} normal")]
        for message, how, where in ((fresh[0], level, self.again), (fresh[1], -1, self.dead)):
            raw_producer.send_back(self.broker, self.group, message, how)
            self.expected[where].append(message.body.decode())

    def _pop(self, turn: int) -> None:
        """Two are popped and acknowledged after the hand-over; in some turns one is not, and comes again."""
        count = 3 if turn % 3 == 0 else 2
        before = remoting.max_offset(self.broker, self.popped, 0)
        for number in range(count):
            self.producer.send(self.popped, f"{turn} pop {number}")
        remoting.wait_until(lambda: remoting.max_offset(self.broker, self.popped, 0) == before + count, 20, "what to pop")
        consumer = pop.Consumer(self.broker, self.popped, self.long_group, queueId=0)
        self.taken = [*consumer.pop(maxMsgNums=1, invisibleTime=3600_000), *consumer.pop(maxMsgNums=1, invisibleTime=3600_000)]
        assert [each.body for each in self.taken] == [f"{turn} pop 0", f"{turn} pop 1"], self.taken
        consumer.ack(self.taken.pop())
        if count == 3:
            lost = consumer.pop(maxMsgNums=1, invisibleTime=15_000)  # it is not to come before the hand-over
            assert [each.body for each in lost] == [f"{turn} pop 2"], lost
            self.expected[self.long_again].append(f"{turn} pop 2")

    # --- under the other server

    def settle(self) -> None:
        """Ends what was begun under the other server, and waits for all that is due, until it is on the disk."""
        (first, one), (_, two), *_ = self.open[-3:]
        self.producer.end(one, raw_producer.COMMIT)
        self.producer.end(two, raw_producer.ROLLBACK)
        self.expected[self.plain].append(first)
        consumer = pop.Consumer(self.broker, self.popped, self.long_group, queueId=0)
        for each in self.taken:
            consumer.ack(each)
        for topic in self.expected:
            self._wait_for_exactly(topic, 60)
        while len(self.revived) < len(self.expected[self.long_again]):
            for each in consumer.pop(pollTime=5000):
                assert each.topic == self.long_again and each.body not in self.revived, f"{each.body} was popped again"
                consumer.ack(each)
                self.revived.add(each.body)
        remoting.wait_until(lambda: self._deliveries_are_written() and self.positions_are_written(), 30,
                            "what is done is on the disk", 0.1)

    def _wait_for_exactly(self, topic: str, deadline: float) -> None:
        """Returns when a topic has as many messages as are due; tells what is missing or too much if it never has."""
        try:
            remoting.wait_until(lambda: self._count(topic) == len(self.expected[topic]), deadline, f"all of {topic}", 0.2)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self._difference(topic)}") from None

    def _difference(self, topic: str) -> str:
        wanted, stored = self.expected[topic], self._read(topic)
        bodies = [m.body.decode() for m in stored]
        surplus = _surplus(bodies, wanted)[:5]
        shown = [(m.queue, m.offset, m.store_timestamp, m.properties_text) for m in stored if m.body.decode() in surplus]
        return f"lost {_surplus(wanted, bodies)[:5]}, too much {surplus}, which are at {shown[:10]}"

    def _count(self, topic: str) -> int:
        try:
            return sum(remoting.max_offset(self.broker, topic, queue) for queue in range(QUEUES if topic == self.plain else 1))
        except remoting.RemotingError:
            return 0  # made when it is needed

    # What is in memory only, both servers do again after a kill. Here they have written it, so that nothing may repeat.

    def _offset_table(self, name: str) -> dict:
        try:
            return remoting.parse_java_json((self.store / "config" / name).read_bytes())["offsetTable"]
        except (OSError, ValueError):
            return {}  # not written yet, or being replaced

    def _timer_check(self) -> tuple:
        """Up to which second timers were read, to where the timer log was flushed, and what has entered the wheel, twice."""
        return struct.unpack_from(">4q", (self.store / "config" / "timercheck").read_bytes())

    def positions_are_written(self) -> bool:
        stored = self._offset_table("consumerOffset.json")
        groups = [(self.plain, self.group, queue) for queue in range(QUEUES)]
        groups += [(self.popped, self.long_group, 0), (self.long_again, self.long_group, 0),
                   (REVIVE, "CID_RMQ_SYS_REVIVE_GROUP", 0)]
        _, _, entered, masters = self._timer_check()
        if not entered == masters == remoting.max_offset(self.broker, WHEEL, 0):
            return False
        return all(stored.get(f"{topic}@{group}", {}).get(str(queue), -1) ==
                   remoting.committed_offset(self.broker, group, topic, queue) for topic, group, queue in groups)

    def _deliveries_are_written(self) -> bool:
        delays = self._offset_table("delayOffset.json")
        read_to = self._timer_check()[0]
        timers = [int(m.properties["TIMER_OUT_MS"]) for m in self._read(self.plain) if "TIMER_OUT_MS" in m.properties]
        return read_to > max(timers, default=0) + 1000 and all(
            delays.get(str(level), 0) == remoting.max_offset(self.broker, SCHEDULE, level - 1)
            for level in (SOON, SOON_AFTER_STOP))

    # --- looking

    def _read(self, topic: str) -> list:
        try:
            return [m for queue in range(QUEUES if topic == self.plain else 1)
                    for m in remoting.read_queue(self.broker, topic, queue)]
        except remoting.RemotingError:
            return []

    def contents(self) -> dict:
        """Each queue's records with everything in them, the positions of groups, and what is found by key, id and time."""
        queues = [(self.plain, queue) for queue in range(QUEUES)]
        queues += [(topic, 0) for topic in (self.big, self.whole, self.popped, HALF)]
        queues += [(SCHEDULE, level - 1) for level in (SOON, SOON_AFTER_STOP, HOUR)] + [(WHEEL, 0)]
        queues += [(topic, 0) for topic in (self.again, self.dead, self.long_again) if self._count(topic)]
        seen = {}
        for topic, queue in queues:
            records = remoting.read_queue(self.broker, topic, queue)
            seen[topic, queue] = [(m.offset, m.physical, m.size, m.magic, hashlib.sha1(m.stored_body).hexdigest(), m.flag,
                                   m.sys_flag, m.born_timestamp, m.born_host, m.store_timestamp, m.store_host,
                                   m.reconsume_times, m.prepared, m.properties_text) for m in records]
        return seen

    def positions(self) -> list:
        return [remoting.committed_offset(self.broker, self.group, self.plain, queue) for queue in range(QUEUES)] + \
            [remoting.committed_offset(self.broker, self.long_group, self.popped, 0)]

    def lookups(self) -> dict:
        found = {}
        for key, physical in self.keyed[::5] + self.keyed[-3:]:
            message = raw_producer.view(self.broker, physical)
            unique = message.properties["UNIQ_KEY"]
            by_key = [m.physical for m in raw_producer.query(self.broker, self.plain, key)]
            by_id = [m.physical for m in raw_producer.query(self.broker, self.plain, unique, unique=True)]
            window = [m.physical for m in raw_producer.query(self.broker, self.plain, key, message.store_timestamp - 1000,
                                                             message.store_timestamp)]
            assert physical in by_key and physical in window and by_id == [physical], \
                f"{key} of {physical}: by key {by_key}, by id {by_id}, by time {window}"
            found[key] = (by_key, window, raw_producer.search(self.broker, self.plain, message.queue, message.store_timestamp))
        return found

    def is_indexed(self) -> bool:
        return bool(raw_producer.query(self.broker, self.plain, self.keyed[-1][0]))

    def check_offline(self) -> None:
        done = subprocess.run([servers.RaptorCluster.binary, "store", "check", str(self.store)], capture_output=True,
                              text=True, check=False, timeout=120)
        assert done.returncode == 0 and "\n0 damaged, 0 warnings" in done.stdout, done.stdout[-1500:] + done.stderr[-300:]

    def is_exact(self) -> None:
        """Everything is there once, and nothing else."""
        self._consume()
        for topic, wanted in self.expected.items():
            bodies = [m.body.decode() for m in self._read(topic)]
            assert sorted(bodies) == sorted(wanted), f"{topic}: {self._difference(topic)}"
        assert sorted(self.consumed) == sorted(self.expected[self.plain]), "the consumer's share differs"
        levels = [m.body.decode() for m in remoting.read_queue(self.broker, SCHEDULE, HOUR - 1)]
        assert len(levels) == len(set(levels)) and all("in an hour" in body for body in levels), levels
        assert pop.Consumer(self.broker, self.popped, self.long_group, queueId=0).pop() == [], "popped again"


def _surplus(bodies: list, wanted: list) -> list:
    left = list(wanted)
    return [body for body in bodies if body not in left or left.remove(body)]


def takeover_all(group):
    """Traffic of every kind, under way at each hand-over; stopped and killed in turns; nothing lost, nothing repeated."""
    cluster, context = group.cluster, group.contexts[0]
    traffic, is_original = _Traffic(context, cluster), cluster.kind == "oracle"
    begin = time.monotonic()
    for turn in range(2 * ROUND_TRIPS):
        kill = turn // 2 % 2 == 1
        traffic.send_all(turn, is_original and not kill)
        remoting.wait_until(traffic.is_indexed, 20, "the last message is in the index")
        before, positions, found = traffic.contents(), traffic.positions(), traffic.lookups()
        if kill:
            remoting.wait_until(lambda: traffic.positions_are_written(), 20, "positions are on the disk")
        cluster.hand_over(traffic.process, kill, traffic.check_offline)
        is_original = cluster.kind == "oracle" or not is_original
        after = traffic.contents()
        for queue, records in before.items():
            assert after[queue][:len(records)] == records, f"turn {turn}: {queue} differs after the hand-over"
        assert traffic.positions() == positions, f"turn {turn}: {positions} became {traffic.positions()}"
        assert traffic.lookups() == found, f"turn {turn}: what is found differs"
        traffic.settle()
        print(f"takeover_all: {turn + 1} of {2 * ROUND_TRIPS} hand-overs, {time.monotonic() - begin:.0f} s", flush=True)
    traffic.is_exact()
