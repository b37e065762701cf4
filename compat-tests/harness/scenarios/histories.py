# SPDX-License-Identifier: Apache-2.0
"""Histories: producers and consumers at once, members that join, leave and crash, a broker that is killed at random.

A run prints its seed; RMQ_COMPAT_SEED=n makes its choices again (not its timing), RMQ_COMPAT_KILLS=n makes it long.
harness/history.py says what must not be seen afterwards.
"""

import contextlib
import json
import os
import random
import threading
import time

from .. import history, pop, remoting
from ..context import kills
from ..drivers import DriverError, numbered_crc
from .popping import SET_MESSAGE_REQUEST_MODE
from .transactions import HALF

KILLS = kills(3)
SIZE = 100  # bytes of a numbered body
INVISIBLE_MS = 6000
MOST_MEMBERS = 4
LEVELS_MS = (0, 1000, 5000, 10_000)  # by their numbers; 0 is none
# Longer than a message that was turned down or forgotten takes to come again.
QUIET_SECONDS = 16


@contextlib.contextmanager
def _seeded(group, name: str):
    """The choices of one run; a failure names their seed."""
    seed = os.environ.get("RMQ_COMPAT_SEED") or str(random.SystemRandom().randrange(1 << 31))
    print(f"     {name}: {KILLS} kills, seed {seed}", flush=True)
    try:
        yield random.Random(seed)
    except AssertionError as failure:
        raise AssertionError(f"seed {seed}: {failure}") from failure
    finally:
        for client, text in group.failures.items():
            group.failures[client] = f"seed {seed}: {text}"


def _start(driver, op: str, name: str, **fields) -> str:
    """Starts a client of a driver; returns its name. Without an answer in its own time limit a client does not start: on
    a busy machine it is tried again."""
    for attempt in range(5):
        try:
            driver.call(op, name=f"{name}.{attempt}", timeout=90, **fields)
            return f"{name}.{attempt}"
        except DriverError as problem:
            failure = problem
    raise failure


def _judge(*faults: list) -> None:
    found = [fault for each in faults for fault in each]
    assert not found, f"{len(found)} faults: " + "; ".join(found[:4])


def _kill(group, chance, while_down=lambda: None) -> None:
    """Kills the broker, now and then once more while it starts, and returns when it is back."""
    broker = group.cluster.brokers[0]
    broker.kill()
    while_down()
    broker.start()
    while chance.random() < 0.25:
        time.sleep(chance.random() * 0.1)
        broker.kill()
        broker.start()
    group.cluster.wait_ready(broker, 90)


def _settle(count, what: str, deadline: float = 150) -> None:
    """Returns when count() has not changed for a while."""
    end, known, since = time.monotonic() + deadline, count(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        assert time.monotonic() < end, f"redelivery does not stop: {what}"
        time.sleep(0.25)
        if count() != known:
            known, since = count(), time.monotonic()


class _Members:
    """The members of a group, two or so in each client process. They join, leave and crash."""

    def __init__(self, context, chance, topic: str, group: str, **options):
        self._context, self._chance = context, chance
        self._options = {"topic": topic, "group": group, **options}
        self._hosts, self._all, self._count = [], [], 0
        self.left = self.crashed = 0

    def join(self) -> None:
        if not self._hosts or self._chance.random() < 0.5:
            self._hosts.append((self._context.driver(f"host{len(self._all)}"), []))
            self._all.append(self._hosts[-1][0])
        driver, names = self._hosts[-1]
        self._count += 1
        names.append(_start(driver, "push.start", f"c{self._count}", **self._options))

    def change(self) -> None:
        """One joins, one leaves, or a process crashes; one stays."""
        present = sum(len(names) for _, names in self._hosts)
        what = self._chance.choice(["join", "leave", "crash"])
        if present < 2 or (what == "join" and present < MOST_MEMBERS) or (what == "crash" and len(self._hosts) < 2):
            self.join()
            return
        driver, names = host = self._chance.choice(self._hosts)
        if what == "crash":
            self._hosts.remove(host)
            self.crashed += len(names)
            driver.kill()
            return
        self.left += 1
        driver.call("push.close", name=names.pop(), timeout=90)
        if not names:
            self._hosts.remove(host)
            driver.end()

    def __str__(self) -> str:
        return f"{self.received()} deliveries to {self._count} members, {self.left} left, {self.crashed} crashed"

    def received(self) -> int:
        return sum(driver.received for driver in self._all)

    def accepted(self) -> set:
        return {int(m["body"][:8]) for m in self._messages() if m["accepted"]}

    def contents(self) -> set:
        return {(int(m["body"][:8]), m["crc"]) for m in self._messages()}

    def deliveries(self) -> list:
        return [history.Delivery(f"{host}:{m['consumer']}", index, m["at"], m["queue"], m["offset"], m["body"][:8],
                                 m["accepted"])
                for host, driver in enumerate(self._all) for index, m in enumerate(driver.messages())]

    def _messages(self) -> list:
        return [message for driver in self._all for message in driver.messages()]


class _Loops:
    """Two producers of numbered messages in a process of their own."""

    FIRST = (0, 10_000_000)

    def __init__(self, context, topic: str):
        self._driver, self.topic = context.driver("producers"), topic
        self._running = []
        for first in self.FIRST:
            name = context.producer(self._driver, timeout_ms=2000, retries=0)
            self._running.append((name, first, self._driver.send("producer.loop", name=name, topic=topic, shards=4,
                                                                 first=first, size=SIZE, pause_ms=10)))
        self.begun, self.acknowledged = set(), {}

    def stop(self) -> set:
        """The numbers that were acknowledged."""
        for name, first, request in self._running:
            self._driver.call("producer.stop_loop", name=name)
            result = self._driver.result(request, 60)
            self.begun |= set(range(first, first + len(result["acked"]) + result["errors"]))
            self.acknowledged |= {(queue, offset): sequence for sequence, _, queue, offset in result["acked"]}
        return set(self.acknowledged.values())


def _consumption(group, name: str, check=lambda members: [], prepare=lambda topic, group: None, **options):
    """The history of one way to consume with stock members; returns the context, topic and group when all is consumed."""
    context = group.contexts[0]
    with _seeded(group, name) as chance:
        topic, members_group = context.topic(), context.name("G")
        prepare(topic, members_group)
        members = _Members(context, chance, topic, members_group, fail_every=16, **options)
        members.join()
        members.join()
        loops = _Loops(context, topic)
        for _ in range(KILLS):
            target = members.received() + 60
            remoting.wait_until(lambda t=target: members.received() >= t, 120, "60 more messages are delivered")
            changes = [members.change, lambda: None]
            chance.shuffle(changes)
            changes[0]()
            time.sleep(chance.uniform(0, 2))
            _kill(group, chance, changes[1])
        acknowledged = loops.stop()
        with contextlib.suppress(AssertionError):  # what is missing is told below
            remoting.wait_until(lambda: acknowledged <= members.accepted(), 180, "all is consumed", 0.5)
        print(f"     {name}: {len(acknowledged)} acknowledged, {members}", flush=True)
        _judge(history.lost(acknowledged, members.accepted()))
        _settle(members.received, name)
        stored = {(m.queue, m.offset): int(m.body[:8]) for m in context.stored(topic)}
        sent = {(number, numbered_crc(number, SIZE)) for number in loops.begun}
        _judge(history.misplaced(loops.acknowledged, stored), history.uncalled_for(members.contents(), sent),
               check(members))
        return context, topic, members_group


def _committed_to_the_end(context, topic: str, name: str) -> None:
    broker = context.cluster.broker
    remoting.wait_until(lambda: all(remoting.committed_offset(broker, name, topic, queue) ==
                                    remoting.max_offset(broker, topic, queue) for queue in range(4)), 60,
                        "the positions are at the end", 0.5)


def history_push(group):
    """Concurrent consumers: nothing acknowledged is lost, nothing comes that was not sent, and it ends."""
    _committed_to_the_end(*_consumption(group, "history_push"))


def history_ordered(group):
    """Ordered consumers: a message comes when the one before it was accepted, whoever holds the queue."""
    _committed_to_the_end(*_consumption(group, "history_ordered", lambda members: history.disorder(members.deliveries()),
                                        orderly=True, suspend_ms=200))


def history_pop(group):
    """Stock consumers that work by pop: nothing is lost, what was not acknowledged comes again, and it ends."""
    broker = group.cluster.broker

    def by_pop(topic, name):
        remoting.create_group(broker, name)
        remoting.call(broker, SET_MESSAGE_REQUEST_MODE, {}, json.dumps(
            {"topic": topic, "consumerGroup": name, "mode": "POP", "popShareQueueNum": 0}).encode())
    _consumption(group, "history_pop", prepare=by_pop, broker_rebalance=True, invisible_ms=INVISIBLE_MS)


class _PopMember(threading.Thread):
    """Pops in order until told to stop, through any failure; it forgets to acknowledge now and then."""

    def __init__(self, consumer, record, seed: int):
        super().__init__(daemon=True)
        self._consumer, self._record, self._random = consumer, record, random.Random(seed)
        self._attempt = 0
        self.forgetful, self.stopping = True, False

    def run(self):
        while not self.stopping:
            try:
                self._turn()
            except (OSError, remoting.RemotingError):
                time.sleep(0.2)

    def _turn(self):
        self._attempt += 1
        popped = self._consumer.pop(attemptId=f"{id(self)}-{self._attempt}")
        self._record.popped(popped)
        for each in popped:
            if self.stopping or (self.forgetful and self._random.random() < 0.05):
                return
            self._record.acknowledge(each)
            self._consumer.ack(each)


class _PopRecord:
    """What all ordered pop members did, in one order."""

    def __init__(self):
        self._lock = threading.Lock()
        self.events, self.accepted, self.count = [], set(), 0

    def popped(self, messages: list) -> None:
        with self._lock:
            self.count += len(messages)
            queues = {}
            for each in messages:
                queues.setdefault((each.topic, each.message.queue), []).append(each.message.offset)
            self.events += [history.Popped(queue, tuple(offsets)) for queue, offsets in queues.items()]

    def acknowledge(self, each) -> None:
        with self._lock:
            self.accepted.add(int(each.body[:8]))
            self.events.append(history.Popped((each.topic, each.message.queue), (each.message.offset,), acked=True))


def history_pop_orderly(group):
    """Ordered pop, which no stock remoting client asks for: members come and go; order holds, nothing is lost."""
    context, broker, record = group.contexts[0], group.cluster.brokers[0], _PopRecord()
    topic, name = context.topic(), context.name("G")
    remoting.create_group(broker.address, name, consumeMessageOrderly=True)

    with _seeded(group, "history_pop_orderly") as chance:
        def join():
            members.append(_PopMember(pop.Consumer(broker.address, topic, name, order=True, maxMsgNums=8, pollTime=1000,
                                                   invisibleTime=3000), record, chance.randrange(1 << 31)))
            members[-1].start()

        def change():
            if len(members) < 2 or (len(members) < MOST_MEMBERS and chance.random() < 0.5):
                join()
            else:
                members.pop(chance.randrange(len(members))).stopping = True
        members = []
        join()
        join()
        loops = _Loops(context, topic)
        for _ in range(KILLS):
            target = record.count + 60
            remoting.wait_until(lambda t=target: record.count >= t, 60, "60 more messages are popped")
            change()
            time.sleep(chance.uniform(0, 2))
            _kill(group, chance)
        acknowledged = loops.stop()
        for member in members:
            member.forgetful = False
        with contextlib.suppress(AssertionError):  # what is missing is told below
            remoting.wait_until(lambda: acknowledged <= record.accepted, 180, "all is acknowledged", 0.5)
        print(f"     history_pop_orderly: {len(acknowledged)} acknowledged, {record.count} deliveries", flush=True)
        _judge(history.lost(acknowledged, record.accepted), history.uncalled_for(record.accepted, loops.begun),
               history.pop_disorder(record.events))
        _settle(lambda: record.count, "ordered pop")
        for member in members:
            member.stopping = True
        _judge(history.pop_disorder(record.events))


class _Second:
    """A second member of a consumer's group, which joins and leaves."""

    def __init__(self, driver, group: str, topic: str):
        self._driver, self._group, self._topic, self._joined, self._count = driver, group, topic, None, 0

    def change(self) -> None:
        if self._joined:
            self._driver.call("push.close", name=self._joined, timeout=90)
            self._joined = None
        else:
            self._count += 1
            self._joined = _start(self._driver, "push.start", f"second{self._count}", group=self._group,
                                  topic=self._topic)


def history_timers(group):
    """Timers and delay levels: none lost, none early, and repetition ends."""
    state = {}

    def begin(context):
        driver, topic, name = context.driver(), context.topic(), context.name("G")
        driver.call("push.start", name="c", group=name, topic=topic)
        state[context.client] = (driver, topic, context.producer(driver, timeout_ms=4000, retries=4), {},
                                 _Second(driver, name, topic))

    def send(context, moments):
        driver, topic, producer, due, _ = state[context.client]
        messages = []
        for _ in range(60):
            body, level, delay = f"{len(due)}", moments.randrange(0, len(LEVELS_MS)), moments.randrange(200, 9000)
            due[body] = LEVELS_MS[level] or delay
            how = {"delay": level} if level else {"props": {"TIMER_DELAY_MS": str(delay)}}
            messages.append({"topic": topic, "body": body, **how})
        results = driver.call("producer.send", name=producer, mode="sync", messages=messages, timeout=120)
        assert all(result["status"] == "SEND_OK" for result in results), results

    def check(context):
        driver, topic, _, due, _ = state[context.client]

        def delivered():
            return {m["body"] for m in driver.messages()}
        with contextlib.suppress(AssertionError):  # what is missing is told below
            remoting.wait_until(lambda: set(due) <= delivered(), 120, "every timer message is delivered", 0.25)
        seen = [history.Delivery(m["consumer"], index, m["at"] - m["born"], m["queue"], m["offset"], m["body"])
                for index, m in enumerate(driver.messages())]
        _judge(history.lost(set(due), delivered()), history.uncalled_for(delivered(), set(due)), history.early(seen, due))
        before = len(context.stored(topic))
        time.sleep(5)
        assert len(context.stored(topic)) == before, "messages are still being delivered again"

    with _seeded(group, "history_timers") as chance:
        group.each(begin)
        for _ in range(KILLS):
            group.each(lambda context: send(context, chance))
            group.each(lambda context: state[context.client][4].change())
            time.sleep(chance.uniform(0.1, 4))
            _kill(group, chance)
        group.each(lambda context: send(context, chance))
        group.each(check)


class _Transactions:
    """Four transactional producers of one client, whose process may crash, and the consumers of what they commit."""

    PRODUCERS = 4

    def __init__(self, context, chance):
        self._context, self._chance = context, chance
        self._consumer, self.topic = context.driver(), context.topic()
        self._consumer.call("push.start", name="c", group=context.name("G"), topic=self.topic)
        self.second = _Second(self._consumer, context.name("G"), self.topic)
        self.fates = {}  # by body: how it ends, and whether the half message was acknowledged
        self._start()

    def _start(self) -> None:
        self._driver = self._context.driver("transactions")
        self._producers = [_start(self._driver, "transaction.start", f"tx{number}", group=self._context.name("PG"),
                                  timeout_ms=2000, retries=0) for number in range(self.PRODUCERS)]

    def some(self, crash: bool = False) -> None:
        """A batch of every producer; returns when all have been answered or have failed."""
        asked = [self._batch(producer) for producer in self._producers]
        if crash:
            time.sleep(self._chance.random() * 0.2)
            self._driver.kill()
            self._start()
            return
        for batch, number in asked:
            for message, result in zip(batch, self._driver.result(number, 120)):
                self.fates[message["body"]][1] = result["status"] == "SEND_OK"

    def _batch(self, producer: str) -> tuple:
        batch = []
        for _ in range(20):
            local, check = self._chance.choice(["commit", "rollback", "unknown"]), self._chance.choice(["commit", "rollback"])
            # A check, which a lost end leads to, decides as the local transaction did.
            check = check if local == "unknown" else local
            batch.append({"topic": self.topic, "body": f"{len(self.fates)}", "props": {"local": local, "check": check}})
            self.fates[batch[-1]["body"]] = [check, False]
        return batch, self._driver.send("transaction.send", name=producer, messages=batch, tolerant=True)

    def delivered(self) -> set:
        return {m["body"] for m in self._consumer.messages()}

    def check(self) -> None:
        wanted = {body for body, (fate, is_stored) in self.fates.items() if fate == "commit" and is_stored}
        committed = {body for body, (fate, _) in self.fates.items() if fate == "commit"}
        assert len(wanted) >= 20, f"only {len(wanted)} commits"
        with contextlib.suppress(AssertionError):  # what is missing is told below
            remoting.wait_until(lambda: wanted <= self.delivered(), 120, "every committed message is delivered", 0.5)
        _judge(history.lost(wanted, self.delivered(), "committed"),
               history.uncalled_for(self.delivered(), committed, "were rolled back"))


def transactions_history(group):
    """Four producers of each client commit, roll back, leave open and crash: no commit is missing, no roll back visible."""
    broker, state = group.cluster.brokers[0], {}

    def settled():
        """Nothing is open any more: the position in the half queue is at its end."""
        return remoting.committed_offset(broker.address, "CID_RMQ_SYS_TRANS", HALF, 0) == \
            remoting.max_offset(broker.address, HALF, 0)

    with _seeded(group, "transactions_history") as chance:
        def begin(context):
            state[context.client] = _Transactions(context, random.Random(f"{seed} {context.client}"))

        def each(action):
            group.each(lambda context: action(state[context.client]))
        seed = chance.randrange(1 << 31)
        group.each(begin)
        for _ in range(KILLS):
            each(lambda t: t.some())
            each(lambda t: t.second.change())
            killer = threading.Timer(chance.uniform(0, 2), broker.kill)
            killer.start()
            crash = chance.random() < 0.3
            each(lambda t, c=crash: t.some(c))
            killer.join()
            _kill(group, chance)
        each(lambda t: t.some())
        each(lambda t: t.check())
        remoting.wait_until(settled, 120, "no transaction is open in the end", 0.5)
        each(lambda t: t.check())
