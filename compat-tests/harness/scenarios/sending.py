# SPDX-License-Identifier: Apache-2.0
"""Scenarios about sending: modes, batches, keys, sizes, delay."""

import re
import zlib

from .. import remoting

_HEX_ID = re.compile(r"^[0-9A-F]{32}$")


def _messages(topic: str, count: int, **members) -> list:
    return [{"topic": topic, "body": f"body {i} \u00e9\u4e2d", **members} for i in range(count)]


def _check_results(results: list, count: int) -> None:
    """Every send succeeded, with ids that differ and positions that are dense in each queue."""
    assert len(results) == count, f"{len(results)} results for {count} sends"
    assert all(result["status"] == "SEND_OK" for result in results), results
    assert len({result["id"] for result in results}) == count, "message ids repeat"
    if results[0].get("offset_id"):
        assert all(_HEX_ID.match(result["offset_id"]) for result in results), results[0]
        assert len({result["offset_id"] for result in results}) == count, "offset ids repeat"
    if results[0].get("queue") is not None:
        by_queue = {}
        for result in results:
            by_queue.setdefault((result.get("broker"), result["queue"]), []).append(result["offset"])
        for queue, offsets in by_queue.items():
            assert sorted(offsets) == list(range(len(offsets))), f"positions of queue {queue}: {offsets}"


def _check_stored(context, topic: str, sent: list) -> None:
    stored = context.wait_stored(topic, len(sent))
    assert sorted(m.body.decode() for m in stored) == sorted(m["body"] for m in sent), "stored bodies differ"


def sync(context):
    """The topic does not exist: the first send makes it from the template."""
    topic = context.name("T") if context.offers("auto_create") else context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = _messages(topic, 20)
    _check_results(driver.call("producer.send", name=producer, mode="sync", messages=sent), 20)
    queues = remoting.route(context.cluster.namesrv, topic)["queueDatas"]
    assert [(q["readQueueNums"], q["writeQueueNums"], q["perm"]) for q in queues] == [(4, 4, 6)], queues
    _check_stored(context, topic, sent)
    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    got = driver.wait_messages(20, 40)
    assert sorted(m["body"] for m in got) == sorted(m["body"] for m in sent), "delivered bodies differ"
    # The consumer now waits at the broker; an arrival must wake it well before its 15 s are over.
    driver.call("producer.send", name=producer, mode="sync", messages=[{"topic": topic, "body": "wake up"}])
    late = driver.wait_messages(21, 5)[-1]
    assert late["body"] == "wake up", late
    driver.call("push.close", name="c")


def asynchronous(context):
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = _messages(topic, 50)
    _check_results(driver.call("producer.send", name=producer, mode="async", messages=sent), 50)
    _check_stored(context, topic, sent)


def oneway(context):
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = _messages(topic, 20)
    assert driver.call("producer.send", name=producer, mode="oneway", messages=sent) == []
    _check_stored(context, topic, sent)


def batch(context):
    """One request, one queue, adjacent positions, each part a message of its own."""
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = [{"topic": topic, "body": f"part {i}", "tags": f"tag{i % 2}", "keys": f"key{i}"} for i in range(10)]
    results = driver.call("producer.send", name=producer, mode="batch", messages=sent)
    assert len(results) == 1 and results[0]["status"] == "SEND_OK", results
    stored = context.wait_stored(topic, 10)
    assert len({m.queue for m in stored}) == 1, "the parts lie in several queues"
    assert [m.body.decode() for m in stored] == [m["body"] for m in sent], "order or content of the parts"
    assert [m.offset for m in stored] == list(range(10))
    assert [m.properties.get("TAGS") for m in stored] == [m["tags"] for m in sent]
    assert [m.properties.get("KEYS") for m in stored] == [m["keys"] for m in sent]
    offset_ids = (results[0].get("offset_id") or "").split(",")
    if offset_ids != [""]:
        assert len(offset_ids) == 10 and all(_HEX_ID.match(each) for each in offset_ids), offset_ids
    driver.call("push.start", name="c", group=context.name("G"), topic=topic, expression="tag1")
    got = driver.wait_messages(5, 40)
    assert sorted(m["body"] for m in got) == sorted(m["body"] for m in sent if m["tags"] == "tag1")


def keys(context):
    """Keys, tags and user properties arrive as they were sent, for the consumer and in the store."""
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = [{"topic": topic, "body": f"b{i}", "tags": "T", "keys": f"order-{i} customer-{i % 3}",
             "props": {"colour": "bl\u00e5", "number": str(i), "with-space": "a b"}} for i in range(6)]
    driver.call("producer.send", name=producer, mode="sync", messages=sent)
    wanted = {m["body"]: m for m in sent}
    for message in context.wait_stored(topic, 6):
        original = wanted[message.body.decode()]
        assert message.properties["KEYS"] == original["keys"], message.properties
        assert message.properties["TAGS"] == "T", message.properties
        assert message.properties.get("UNIQ_KEY"), "no unique key"
        for name, value in original["props"].items():
            assert message.properties.get(name) == value, message.properties
    driver.call("push.start", name="c", group=context.name("G"), topic=topic,
                want_props=list(sent[0]["props"]))
    for message in driver.wait_messages(6, 40):
        original = wanted[message["body"]]
        assert message["keys"] == original["keys"] and message["tags"] == "T", message
        for name, value in original["props"].items():
            assert message["props"].get(name) == value, message


def large_body(context):
    """Bodies over 4 KiB travel compressed and come back whole."""
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    bodies = ["x" * 4095, "0123456789" * 1000, "the quick brown fox " * 5000]
    driver.call("producer.send", name=producer, mode="sync",
                messages=[{"topic": topic, "body": body} for body in bodies])
    stored = context.wait_stored(topic, 3)
    assert sorted(m.body.decode() for m in stored) == sorted(bodies), "stored bodies differ once inflated"
    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    got = driver.wait_messages(3, 40)
    wanted = sorted((len(body), zlib.crc32(body.encode())) for body in bodies)
    assert sorted((m["size"], m["crc"]) for m in got) == wanted, "delivered bodies differ"


def delay(context):
    """Levels 1 (1 s) and 2 (5 s): never early."""
    topic = context.topic()
    driver = context.driver()
    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    producer = context.producer(driver)
    sent = [{"topic": topic, "body": "level 2", "delay": 2}, {"topic": topic, "body": "level 1", "delay": 1},
            {"topic": topic, "body": "at once"}]
    driver.call("producer.send", name=producer, mode="sync", messages=sent)
    got = driver.wait_messages(3, 40)
    got.sort(key=lambda m: ["at once", "level 1", "level 2"].index(m["body"]))
    for message, seconds in zip(got, (0, 1, 5)):
        waited = message["at"] - message["born"]
        assert waited >= seconds * 1000 - 5, f"{message['body']} came after {waited} ms"
    stored = {m.body.decode(): m for m in context.wait_stored(topic, 3)}
    for body, level in (("level 1", "1"), ("level 2", "2")):
        properties = stored[body].properties
        # The original writes the delivered copy with the property text of the waiting one.
        assert properties.get("DELAY") == level and properties.get("REAL_TOPIC") == topic, properties
        assert properties.get("UNIQ_KEY"), properties
    assert "REAL_TOPIC" not in stored["at once"].properties
