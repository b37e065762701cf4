# SPDX-License-Identifier: Apache-2.0
"""Scenarios about pop: a raw pop consumer shows what the broker does, the stock one that it works with it."""

import json
import threading
import time

from .. import pop, remoting

SET_MESSAGE_REQUEST_MODE = 401
QUERY_ASSIGNMENT = 400


def _send(context, topic: str, bodies: list, **more) -> None:
    driver = context.driver(f"sender{len(bodies)}_{time.monotonic_ns()}")
    driver.call("producer.send", name=context.producer(driver), mode="sync",
                messages=[{"topic": topic, "body": body, **more} for body in bodies])
    driver.close()


def _bodies(popped: list) -> list:
    return sorted(each.body for each in popped)


def _drain(consumer, deadline: float = 20) -> None:
    """Until a pop finds nothing, so that the next message is the one looked for."""
    end = time.monotonic() + deadline
    while consumer.pop():
        assert time.monotonic() < end, "there is no end of messages"


def pop_basic(context):
    """Popped messages are invisible to others; acknowledged ones are gone; handles and peeking are the original's."""
    topic, group = context.topic(), context.name("G")
    wanted = [f"m{i:02d}" for i in range(40)]
    _send(context, topic, wanted)
    consumer = pop.Consumer(context.cluster.broker, topic, group)
    assert consumer.peek(), "a new group sees messages"
    came = []
    while len(came) < len(wanted):
        more = consumer.pop(pollTime=5000)
        assert more, f"only {len(came)} came"
        came += more
    assert _bodies(came) == wanted, _bodies(came)
    assert consumer.last["popTime"].isdigit() and consumer.last["invisibleTime"] == "60000", consumer.last
    assert consumer.pop() == [] and consumer.peek() == [], "all are invisible or gone"
    for each in came[:20]:
        consumer.ack(each)
    consumer.batch_ack(came[20:])
    consumer.ack(came[0])  # again: succeeds quietly
    try:
        bad = pop.Popped(came[0].message, came[0].topic, came[0].handle)
        bad.message.offset = 10 ** 6
        consumer.ack(bad)
        raise AssertionError("an offset beyond the queue was acknowledged")
    except remoting.RemotingError as refused:
        assert refused.code == pop.NO_MESSAGE, refused
    begin = time.monotonic()
    assert consumer.pop(pollTime=2000) == [], "nothing comes"
    assert time.monotonic() - begin > 1.5, "the pop did not wait"


def pop_wait(context):
    """A waiting pop and a waiting notification are woken by a message, and counted while they wait."""
    topic, group = context.topic(), context.name("G")
    consumer = pop.Consumer(context.cluster.broker, topic, group)
    consumer.pop()
    results = {}

    def wait(name, call):
        results[name] = (call(), time.monotonic())
    threads = [threading.Thread(target=wait, args=("pop", lambda: consumer.pop(pollTime=20000))),
               threading.Thread(target=wait, args=("note", lambda: pop.Consumer(
                   context.cluster.broker, topic, context.name("N")).notification(20000)))]
    for thread in threads:
        thread.start()
    remoting.wait_until(lambda: consumer.polling_count() == 1, 10, "the waiting pop is counted")
    _send(context, topic, ["wake up"])
    for thread in threads:
        thread.join(30)
    assert _bodies(results["pop"][0]) == ["wake up"], results
    assert results["note"][0] is True, results
    assert consumer.polling_count() == 0, "nobody waits any more"


def pop_filter(context):
    """Tags are filtered at the broker, in pops and in what wakes them."""
    topic, group = context.topic(queues=2), context.name("G")
    _send(context, topic, [f"a{i}" for i in range(6)], tags="A")
    _send(context, topic, [f"b{i}" for i in range(6)], tags="B")
    consumer = pop.Consumer(context.cluster.broker, topic, group, exp="B", expType="TAG")
    came = consumer.pop_until(6, 20)
    assert _bodies(came) == [f"b{i}" for i in range(6)], _bodies(came)


def pop_revive(context):
    """Not acknowledged in time: back through the retry topic, one try more; acknowledged ones stay away."""
    topic, group = context.topic(), context.name("G")
    wanted = [f"r{i}" for i in range(12)]
    _send(context, topic, wanted)
    consumer = pop.Consumer(context.cluster.broker, topic, group)
    first = []
    while len(first) < 12:
        first += consumer.pop(invisibleTime=4000, pollTime=5000)
    for each in first[:6]:
        consumer.ack(each)
    back = consumer.pop_until(6, 60, invisibleTime=30000)
    assert _bodies(back) == sorted(each.body for each in first[6:]), _bodies(back)
    for each in back:
        assert each.message.reconsume_times == 1, each
        assert each.topic == f"%RETRY%{group}_{topic}" and each.message.topic == topic, each
        assert each.message.properties["1ST_POP_TIME"].isdigit(), each.message.properties
    time.sleep(12)
    assert consumer.pop() == [], "an acknowledged message came again"


def pop_change(context):
    """Changing the invisible time moves the end either way; the old handle is void."""
    topic, group = context.topic(queues=1), context.name("G")
    _send(context, topic, ["sooner", "later"])
    consumer = pop.Consumer(context.cluster.broker, topic, group)
    context.wait_stored(topic, 2)
    popped = {each.body: each for each in consumer.pop(invisibleTime=8000)}
    assert sorted(popped) == ["later", "sooner"], sorted(popped)
    later = consumer.change(popped["later"], 40000)
    consumer.change(popped["sooner"], 2000)
    back = consumer.pop_until(1, 30, invisibleTime=30000)
    assert _bodies(back) == ["sooner"], _bodies(back)
    consumer.ack(popped["later"])  # the old handle
    time.sleep(10)
    assert consumer.pop() == [], "the prolonged message came before its time"
    consumer.ack(later)
    time.sleep(1)


def pop_orderly(context):
    """A queue gives nothing while an earlier message is open; the same attempt gets the same messages."""
    topic, group = context.topic(queues=1), context.name("G")
    remoting.create_group(context.cluster.broker, group, consumeMessageOrderly=True)
    _send(context, topic, [f"o{i}" for i in range(6)])
    context.wait_stored(topic, 6)
    consumer = pop.Consumer(context.cluster.broker, topic, group, order=True)
    first = consumer.pop(maxMsgNums=2, attemptId="one", invisibleTime=60000)
    assert [each.body for each in first] == ["o0", "o1"], first
    assert consumer.pop(attemptId="two") == [], "the queue is blocked"
    again = consumer.pop(maxMsgNums=2, attemptId="one", invisibleTime=60000)
    assert [each.body for each in again] == ["o0", "o1"], again
    consumer.ack(again[0])
    assert consumer.pop(attemptId="two") == [], "half acknowledged is blocked"
    consumer.ack(again[1])
    second = consumer.pop(maxMsgNums=2, attemptId="three", invisibleTime=3000, pollTime=3000)
    assert [each.body for each in second] == ["o2", "o3"], second
    third = consumer.pop(maxMsgNums=3, attemptId="four", invisibleTime=60000, pollTime=15000)
    assert [each.body for each in third] == ["o2", "o3", "o4"], third
    assert third[0].order_count == 1 and third[2].order_count == 0, third
    consumer.change(third[0], 1000)
    for each in third[1:]:
        consumer.ack(each)
    last = consumer.pop(maxMsgNums=32, attemptId="five", invisibleTime=60000, pollTime=15000)
    assert [each.body for each in last] == ["o2", "o3", "o4", "o5"], last
    for each in last:
        consumer.ack(each)
    assert remoting.committed_offset(context.cluster.broker, group, topic, 0) == 6


def pop_push(context):
    """A stock push consumer that leaves balancing to the broker works by pop: consumes, acknowledges, tries again."""
    topic, group = context.topic(), context.name("G")
    broker = context.cluster.broker
    remoting.create_group(broker, group)
    remoting.call(broker, SET_MESSAGE_REQUEST_MODE, {}, json.dumps(
        {"topic": topic, "consumerGroup": group, "mode": "POP", "popShareQueueNum": 0}).encode())
    driver = context.driver()
    wanted = [f"p{i:02d}" for i in range(40)]
    driver.call("push.start", name="c", group=group, topic=topic, broker_rebalance=True, fail_first=True,
                **{"from": "first"})
    _send(context, topic, wanted)

    def assigned():
        _, _, body = remoting.call(broker, QUERY_ASSIGNMENT, {}, json.dumps({
            "topic": topic, "consumerGroup": group, "clientId": remoting.consumer_ids(broker, group)[0],
            "strategyName": "AVG", "messageModel": "CLUSTERING"}).encode())
        return json.loads(body).get("messageQueueAssignments")
    remoting.wait_until(lambda: remoting.consumer_ids(broker, group), 30, "the member is known")
    assignments = remoting.wait_until(assigned, 30, "the broker assigns")
    assert [(a["mode"], a["messageQueue"]["queueId"]) for a in assignments] == [("POP", -1)], assignments

    def seen(times):
        got = [m["body"] for m in driver.messages()]
        return all(got.count(body) >= times for body in wanted)
    remoting.wait_until(lambda: seen(1), 60, "everything is popped once")
    remoting.wait_until(lambda: seen(2), 120, "what was turned down comes again")
    time.sleep(15)
    got = [m["body"] for m in driver.messages()]
    assert all(got.count(body) == 2 for body in wanted), {b: got.count(b) for b in wanted if got.count(b) != 2}
    again = [m for m in driver.messages() if m["reconsume"] > 0]
    assert {m["body"] for m in again} == set(wanted) and all(m["reconsume"] == 1 for m in again), again[:3]


def pop_takeover(group):
    """What was popped under one server is acknowledged and revived under the other, on one store, and back."""
    cluster, broker, context = group.cluster, group.cluster.brokers[0], group.contexts[0]
    topic, name, ordered = context.topic(), context.name("G"), context.name("O")
    remoting.create_group(broker.address, ordered, consumeMessageOrderly=True)
    sent = 0

    def popped_under_one():
        nonlocal sent
        consumer = pop.Consumer(broker.address, topic, name)
        took = []
        # Eight are acknowledged in time, however slowly the other server starts; four come back.
        for count, invisible in ((8, 600_000), (4, 45_000)):
            _send(context, topic, [f"{number:08d}" for number in range(sent, sent + count)])
            sent += count
            end = len(took) + count
            while len(took) < end:
                took += consumer.pop(invisibleTime=invisible, pollTime=5000)
        for each in took[:4]:
            consumer.ack(each)
        in_order = pop.Consumer(broker.address, topic, ordered, order=True, maxMsgNums=2, queueId=0)
        first = in_order.pop(attemptId=f"a{sent}", invisibleTime=600000, pollTime=5000)
        time.sleep(6)  # positions are written every 5 s
        return took, first

    def goes_on_under_other(took, first):
        consumer = pop.Consumer(broker.address, topic, name)
        for each in took[4:8]:
            consumer.ack(each)
        back = consumer.pop_until(4, 120, invisibleTime=60000)
        assert _bodies(back) == _bodies(took[8:]), (_bodies(back), _bodies(took[8:]))
        assert all(each.message.reconsume_times == 1 for each in back), back
        in_order = pop.Consumer(broker.address, topic, ordered, order=True, maxMsgNums=2, queueId=0)
        assert in_order.pop(attemptId="other") == [], "the queue is blocked"
        for each in first:
            in_order.ack(each)
        assert remoting.committed_offset(broker.address, ordered, topic, 0) == first[-1].message.offset + 1

    for _ in range(2):
        state = popped_under_one()
        cluster.hand_over(broker)
        goes_on_under_other(*state)
