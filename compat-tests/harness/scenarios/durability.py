# SPDX-License-Identifier: Apache-2.0
"""Scenarios that stop and kill servers. Every client takes part in the same run of one of these."""

import time

from .. import remoting
from ..context import kills

KILLS = kills(20)
ACKS_BETWEEN_KILLS = 40


def kill9(group):
    """A send loop through 20 times kill -9: every acknowledged message is there, in order, and consumers go on."""
    cluster, broker, state = group.cluster, group.cluster.brokers[0], {}

    def begin(context):
        driver = context.driver()
        topic = context.topic()
        driver.call("push.start", name="c", group=context.name("G"), topic=topic, threads=1)
        producer = context.producer(driver, timeout_ms=2000, retries=0)
        loop = driver.send("producer.loop", name=producer, topic=topic, shards=4, first=0, size=200)
        state[context.client] = (driver, topic, producer, loop)

    def progress(context):
        driver = state[context.client][0]
        target = driver.acked + ACKS_BETWEEN_KILLS
        remoting.wait_until(lambda: driver.acked >= target, 60, f"{ACKS_BETWEEN_KILLS} more messages acknowledged")

    def check(context):
        driver, topic, producer, loop = state[context.client]
        driver.call("producer.stop_loop", name=producer)
        acked = driver.result(loop, 60)["acked"]
        assert len(acked) >= KILLS * ACKS_BETWEEN_KILLS, f"only {len(acked)} messages were acknowledged"
        stored = {(m.queue, m.offset): int(m.body[:8]) for m in context.stored(topic)}
        wanted = {sequence for sequence, *_ in acked}
        for sequence, _, queue, offset in acked:
            if queue is not None:
                assert stored.get((queue, offset)) == sequence, \
                    f"message {sequence} acknowledged at {queue}/{offset}, there is {stored.get((queue, offset))}"
        missing = wanted - set(stored.values())
        assert not missing, f"{len(missing)} acknowledged messages lost, first {min(missing)}"
        for queue in range(4):
            # A send that was not acknowledged may be stored all the same, also twice; the others stay in order.
            order = [stored[key] for key in sorted(stored) if key[0] == queue and stored[key] in wanted]
            assert order == sorted(order), f"order of queue {queue}"
        remoting.wait_until(lambda: wanted <= {int(m["body"][:8]) for m in driver.messages()}, 60,
                            "the consumer has every acknowledged message", 0.5)

    group.each(begin)
    for _ in range(KILLS):
        group.each(progress)
        broker.kill()
        broker.start()
        cluster.wait_ready(broker, 90)
    group.each(progress)
    group.each(check)


def failover(group):
    """Two NameServers, two Brokers: one broker stops, comes back, is killed, comes back; then a NameServer goes."""
    cluster, state, second = group.cluster, {}, group.cluster.brokers[1]

    def send(context, label, count=16):
        driver, topic, producer, sent = state[context.client]
        messages = [{"topic": topic, "body": f"{label} {i}"} for i in range(count)]
        results = driver.call("producer.send", name=producer, mode="sync", messages=messages, timeout=90)
        assert all(result["status"] == "SEND_OK" for result in results), results
        sent += [m["body"] for m in messages]

    def held_by_second(context):
        topic = state[context.client][1]
        return sum(remoting.max_offset(second.address, topic, queue) for queue in range(4))

    def begin(context):
        driver = context.driver()
        topic = context.topic()
        driver.call("push.start", name="c", group=context.name("G"), topic=topic)
        state[context.client] = (driver, topic, context.producer(driver, timeout_ms=4000, retries=4), [])
        send(context, "both up", 32)
        # Positions are visible once the broker has put the messages into their queues, a moment after the answer.
        remoting.wait_until(lambda: 0 < held_by_second(context) < 32, 10, "the sends use both brokers")

    def delivered(context):
        driver, _, _, sent = state[context.client]
        remoting.wait_until(lambda: set(sent) <= {m["body"] for m in driver.messages()}, 90,
                            "everything sent is delivered", 0.25)

    def comes_back(context):
        before, end = held_by_second(context), time.monotonic() + 60
        while held_by_second(context) == before:
            assert time.monotonic() < end, "no send to the returned broker within two route refreshes"
            send(context, f"back {time.monotonic():.2f}", 8)
            time.sleep(1)

    group.each(begin)
    for label, halt in (("stopped", second.stop), ("killed", second.kill)):
        halt()
        remoting.wait_until(lambda: all(second.broker_name not in remoting.brokers(address)
                                        for address in cluster.namesrv_addresses), 30, "the routes forget the broker")
        group.each(lambda context, text=label: send(context, text))
        second.start()
        cluster.wait_ready(second)
        group.each(comes_back)
        group.each(delivered)
    cluster.namesrvs[0].kill()
    group.each(lambda context: send(context, "one NameServer"))
    group.each(delivered)


def takeover(group):
    """The original takes over the store and gives it back, four times, twice after kill -9, with delayed messages open."""
    cluster, broker, state = group.cluster, group.cluster.brokers[0], {}

    def begin(context):
        driver, topic = context.driver(), context.topic()
        driver.call("push.start", name="c", group=context.name("G"), topic=topic)
        state[context.client] = (driver, topic, context.producer(driver, timeout_ms=4000, retries=4), set())

    def send(context, label):
        driver, topic, producer, sent = state[context.client]
        messages = [{"topic": topic, "body": f"{label} {i}", "tags": "T", "keys": f"{label}-{i}"} for i in range(40)]
        messages += [{"topic": topic, "body": f"{label} late {i}", "delay": 2} for i in range(2)]
        if context.offers("timer"):
            messages += [{"topic": topic, "body": f"{label} late timer {i}", "props": {"TIMER_DELAY_SEC": str(4 * i + 4)}}
                         for i in range(4)]
        results = driver.call("producer.send", name=producer, mode="sync", messages=messages, timeout=90)
        assert all(result["status"] == "SEND_OK" for result in results), results
        sent |= {m["body"] for m in messages}

    def contents(context):
        topic, name = state[context.client][1], context.name("G")
        queues = [remoting.read_queue(broker.address, topic, queue) for queue in range(4)]
        return ([[(m.offset, m.body, m.properties) for m in queue] for queue in queues],
                [remoting.committed_offset(broker.address, name, topic, queue) for queue in range(4)])

    before = {}

    def note(context):
        before[context.client] = contents(context)

    def compare(context):
        # A delayed message may have arrived since; positions move on, and back only by what was not yet stored.
        old, new = before[context.client][0], contents(context)[0]
        for queue, (was, now) in enumerate(zip(old, new)):
            assert now[:len(was)] == was, f"queue {queue}: {len(was)} messages before, {len(now)} after, not the same"

    def delivered(context):
        driver, _, _, sent = state[context.client]
        remoting.wait_until(lambda: sent <= {m["body"] for m in driver.messages()}, 90, "everything sent is delivered", 0.25)

    def exactly(context):
        _, topic, _, sent = state[context.client]
        bodies = [body.decode() for queue in contents(context)[0] for _, body, _ in queue]
        assert set(bodies) == sent, "what is stored is what was acknowledged"
        fresh = [body for body in bodies if " late " not in body]
        assert len(fresh) == len(set(fresh)), "a message is stored twice"

    group.each(begin)
    for turn, kill in enumerate((False, False, True, True)):
        group.each(lambda context, label=f"turn {turn}": send(context, label))
        group.each(note)
        cluster.hand_over(broker, kill)
        group.each(compare)
    group.each(lambda context: send(context, "last"))
    group.each(delivered)
    group.each(exactly)
