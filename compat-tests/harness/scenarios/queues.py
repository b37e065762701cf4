# SPDX-License-Identifier: Apache-2.0
"""Scenarios about queues of other kinds: batches kept whole (BatchCQ), light message queues."""

import time

from .. import raw_producer, remoting

BATCH_QUEUE = "+queue.type=BatchCQ"
_NEED_UNWRAP, _INNER_BATCH = 0x40, 0x80


def _send_batches(driver, producer: str, topic: str, label: str, sizes: list) -> list:
    """Batches of these sizes, one after the other, all to queue 0. Returns the bodies in order."""
    bodies = []
    for number, size in enumerate(sizes):
        messages = [{"topic": topic, "body": f"{label} {number}-{i}", "tags": f"tag{i % 2}", "keys": f"{label}-{number}-{i}"}
                    for i in range(size)]
        results = driver.call("producer.send", name=producer, mode="batch", messages=messages)
        assert len(results) == 1 and results[0]["status"] == "SEND_OK", results
        bodies += [m["body"] for m in messages]
    return bodies


def inner_batch(context):
    """A topic whose batches stay whole in the store; consumers get the parts, from any position inside."""
    broker, topic = context.cluster.broker, context.topic(queues=1, attributes=BATCH_QUEUE)
    driver = context.driver()
    producer = context.producer(driver)
    sent = _send_batches(driver, producer, topic, "b", [10, 3, 7])

    remoting.wait_until(lambda: remoting.max_offset(broker, topic, 0) == 20, 15, "20 positions are taken")
    records = remoting.read_queue(broker, topic, 0)
    assert [m.offset for m in records] == [0, 10, 13], records
    assert [m.properties["INNER_NUM"] for m in records] == ["10", "3", "7"]
    assert [m.properties["INNER_BASE"] for m in records] == ["0", "10", "13"]
    assert all(m.sys_flag & (_NEED_UNWRAP | _INNER_BATCH) == _NEED_UNWRAP | _INNER_BATCH for m in records)
    assert all(m.properties.get("UNIQ_KEY") and m.properties.get("CLUSTER") for m in records)

    driver.call("pull.start", name="p", group=context.name("PULL"), topic=topic)
    at = {"name": "p", "topic": topic, "broker": "broker-a", "queue": 0}
    whole = driver.call("pull.pull", **at, offset=0, max=32)
    assert whole["status"] == "FOUND" and whole["next"] == 20, whole
    assert [m["body"] for m in whole["messages"]] == sent
    assert [m["offset"] for m in whole["messages"]] == list(range(20))
    inside = driver.call("pull.pull", **at, offset=11, max=5)
    assert inside["next"] == 13, inside
    assert [m["body"] for m in inside["messages"]] == sent[10:13], "a position inside a batch gives that batch"
    few = driver.call("pull.pull", **at, offset=0, max=12)
    assert few["next"] == 10, "a batch that does not fit is left for the next pull"
    assert (whole["min"], whole["max"]) == (0, 20), whole
    assert driver.call("pull.min", **at) == 0
    assert driver.call("pull.max", **at) == 20
    stored = [m.store_timestamp for m in records]
    assert driver.call("pull.search", **at, timestamp=stored[0] - 1000) == 0
    assert driver.call("pull.search", **at, timestamp=stored[-1] + 1000) == 13
    assert driver.call("pull.pull", **at, offset=500, max=32)["next"] == 20

    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    got = driver.wait_messages(20, 40)
    assert sorted(m["body"] for m in got) == sorted(sent)
    late = _send_batches(driver, producer, topic, "late", [5])
    got = driver.wait_messages(25, 40)
    assert sorted(m["body"] for m in got) == sorted(sent + late)
    remoting.wait_until(lambda: remoting.committed_offset(broker, context.name("G"), topic, 0) == 25, 20,
                        "the position behind the last batch is stored")

    # The broker does not take a part back, as it has only the whole; the client then sends it by itself.
    driver.call("push.start", name="r", group=context.name("R"), topic=topic, fail_below=1)
    remoting.wait_until(lambda: sum(m["reconsume"] == 1 for m in driver.messages("r")) >= 25, 60, "every part comes again", 0.25)
    again = [m["body"] for m in driver.messages("r") if m["reconsume"] == 1]
    assert sorted(again) == sorted(sent + late), again


def inner_batch_takeover(group):
    """Batches kept whole go to the original and back, after a stop and after kill -9."""
    cluster, broker, state = group.cluster, group.cluster.brokers[0], {}

    def begin(context):
        driver, topic = context.driver(), context.topic(queues=1, attributes=BATCH_QUEUE)
        state[context.client] = (driver, topic, context.producer(driver, timeout_ms=4000, retries=4), [])

    def send(context, label):
        driver, topic, producer, sent = state[context.client]
        sent += _send_batches(driver, producer, topic, label, [4, 1, 8])
        remoting.wait_until(lambda: remoting.max_offset(broker.address, topic, 0) == len(sent), 30, "all is in the queue")

    def compare(context):
        topic, sent = state[context.client][1], state[context.client][3]
        records = remoting.read_queue(broker.address, topic, 0)
        assert sum(int(m.properties["INNER_NUM"]) for m in records) == len(sent), "a batch is missing"
        ends = [m.offset + int(m.properties["INNER_NUM"]) for m in records]
        assert [0] + ends[:-1] == [m.offset for m in records], "the batches do not follow each other"

    def delivered(context):
        driver, topic, _, sent = state[context.client]
        driver.call("push.start", name="c", group=context.name("G"), topic=topic)
        got = driver.wait_messages(len(sent), 60)
        assert sorted(m["body"] for m in got) == sorted(sent)

    group.each(begin)
    for turn, kill in enumerate((False, True, True, False)):
        group.each(lambda context, label=f"turn {turn}": send(context, label))
        cluster.hand_over(broker, kill)
        group.each(compare)
    group.each(lambda context: send(context, "last"))
    group.each(compare)
    group.each(delivered)


def lmq(context):
    """One message in several light queues, read and committed by pulling; positions survive a restart."""
    broker, topic = context.cluster.broker, context.topic(queues=1)
    driver = context.driver()
    producer = context.producer(driver)
    light = [f"%LMQ%{context.name(each)}" for each in ("a", "b")]
    sent = [{"topic": topic, "body": f"m{i}", "tags": "T",
             "props": {"INNER_MULTI_DISPATCH": ",".join(light if i % 2 == 0 else light[:1])}} for i in range(6)]
    results = driver.call("producer.send", name=producer, mode="sync", messages=sent)
    assert all(result["status"] == "SEND_OK" for result in results), results
    remoting.wait_until(lambda: remoting.max_offset(broker, light[0], 0) == 6, 15, "six messages in the first light queue")
    remoting.wait_until(lambda: remoting.max_offset(broker, light[1], 0) == 3, 15, "three in the second")
    records = remoting.read_queue(broker, topic, 0)
    assert [m.body.decode() for m in records] == [m["body"] for m in sent]
    offsets = [m.properties["INNER_MULTI_QUEUE_OFFSET"] for m in records]
    assert offsets == ["0,0", "1", "2,1", "3", "4,2", "5"], offsets

    group = f"%LMQ%{context.name('G')}"
    driver.call("pull.start", name="p", group=group, topic=topic)
    second = {"name": "p", "topic": light[1], "broker": "broker-a", "queue": 0}
    # A light queue has no route: the client knows the broker only once it has pulled from the parent topic.
    assert driver.call("pull.pull", **{**second, "topic": topic}, offset=0, max=1)["status"] == "FOUND"
    found = driver.call("pull.pull", **second, offset=0, max=32)
    assert found["status"] == "FOUND" and found["next"] == 3, found
    assert [m["body"] for m in found["messages"]] == ["m0", "m2", "m4"], found
    assert (found["min"], found["max"]) == (0, 3), found
    assert driver.call("pull.pull", **second, offset=7, max=32)["status"] == "OFFSET_ILLEGAL"
    driver.call("pull.commit", **second, offset=2)
    remoting.wait_until(lambda: remoting.committed_offset(broker, group, light[1], 0) == 2, 10, "the position is stored")

    member = context.cluster.brokers[0]
    member.stop()
    member.start()
    context.cluster.wait_ready(member, 90)
    assert remoting.committed_offset(broker, group, light[1], 0) == 2
    assert [m.body for m in remoting.read_queue(broker, light[1], 0)] == [b"m0", b"m2", b"m4"]
    more = [{"topic": topic, "body": "again", "props": {"INNER_MULTI_DISPATCH": light[1]}}]
    remoting.wait_until(lambda: _sent(driver, producer, more), 60, "a send after the restart", 0.5)
    remoting.wait_until(lambda: remoting.max_offset(broker, light[1], 0) == 4, 15, "the fourth message")
    assert [m.body for m in remoting.read_queue(broker, light[1], 0)][-1] == b"again"


def _sent(driver, producer: str, messages: list) -> bool:
    try:
        return driver.call("producer.send", name=producer, mode="sync", messages=messages)[0]["status"] == "SEND_OK"
    except Exception:  # noqa: BLE001 - the client has not noticed yet that the broker is back
        return False


def lmq_quota(context):
    """With the quota on, no message makes one light queue too many."""
    topic = context.topic(queues=1)
    broker = context.cluster.broker
    light = [f"%LMQ%{context.name(str(each))}" for each in range(3)]

    sender = raw_producer.Producer(broker, "PG", context.name("id")[-12:])

    def send(names):
        return sender.send(topic, "body", {"INNER_MULTI_DISPATCH": names}, ok=(0, 2017))["code"]

    assert send(light[0]) == 0
    remoting.wait_until(lambda: remoting.max_offset(broker, light[0], 0) == 1, 15, "the first light queue")
    assert send(light[1]) == 0
    remoting.wait_until(lambda: remoting.max_offset(broker, light[1], 0) == 1, 15, "the second light queue")
    assert send(light[2]) == 2017, "a third light queue was made"
    assert send(light[0]) == 0, "the light queues that exist take more"
