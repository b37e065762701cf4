# SPDX-License-Identifier: Apache-2.0
"""Messages that are delivered at a time of their own, and those that are taken back before it."""

import time

from ..drivers import DriverError
from ..history import CLOCK_MS


def _now_ms() -> int:
    return int(time.time() * 1000)


def timer(context):
    """Each of the three ways to ask for a time: never early. Past times at once, too far ones refused, levels win."""
    topic, driver = context.topic(), context.driver()
    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    producer, base = context.producer(driver), _now_ms()
    wanted = {"seconds": {"TIMER_DELAY_SEC": "3"}, "milliseconds": {"TIMER_DELAY_MS": "2300"},
              "moment": {"TIMER_DELIVER_MS": str(base + 4100)},
              "whole second": {"TIMER_DELIVER_MS": str(base // 1000 * 1000 + 6000)},
              "past": {"TIMER_DELIVER_MS": str(base - 5000)}}
    messages = [{"topic": topic, "body": body, "props": props} for body, props in wanted.items()]
    messages.append({"topic": topic, "body": "level", "delay": 1, "props": {"TIMER_DELAY_SEC": "3600"}})
    driver.call("producer.send", name=producer, mode="sync", messages=messages)
    for props in ({"TIMER_DELAY_SEC": "259260"}, {"TIMER_DELIVER_MS": str(_now_ms() + 259_260_000)}):
        try:
            driver.call("producer.send", name=producer, mode="sync",
                        messages=[{"topic": topic, "body": "too far", "props": props}])
        except DriverError:
            continue
        raise AssertionError(f"a time beyond timerMaxDelaySec was taken: {props}")
    got = {m["body"]: m for m in driver.wait_messages(len(messages), 60)}
    due = {"seconds": got["seconds"]["born"] + 3000, "milliseconds": got["milliseconds"]["born"] + 2300,
           "moment": base + 4100, "whole second": base // 1000 * 1000 + 6000, "past": 0,
           "level": got["level"]["born"] + 1000}
    for body, moment in due.items():
        assert got[body]["at"] >= moment - CLOCK_MS, f"{body}: {moment - got[body]['at']} ms early"
    stored = {m.body.decode(): m.properties for m in context.wait_stored(topic, len(messages))}
    for body in ("seconds", "milliseconds", "moment", "whole second"):
        properties = stored[body]
        out = int(properties["TIMER_OUT_MS"])
        assert out % 1000 == 0 and 0 < due[body] - out <= 1000 + 500, (body, properties, due[body])
        assert properties["REAL_TOPIC"] == topic and "REAL_QID" in properties, properties
        assert int(properties["TIMER_ENQUEUE_MS"]) <= int(properties["TIMER_DEQUEUE_MS"]), properties
        assert properties.items() >= wanted[body].items(), properties
    assert "TIMER_OUT_MS" not in stored["past"], stored["past"]
    assert "TIMER_DELAY_SEC" not in stored["level"], stored["level"]


def recall(context):
    """A message is taken back by the handle in the answer to its send; not after its time."""
    topic, driver = context.topic(), context.driver()
    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    producer = context.producer(driver)
    messages = [{"topic": topic, "body": f"{i}", "props": {"TIMER_DELAY_SEC": "6"}} for i in range(4)]
    messages.append({"topic": topic, "body": "now"})
    sent = driver.call("producer.send", name=producer, mode="sync", messages=messages)
    assert all(result.get("handle") for result in sent[:4]) and not sent[4].get("handle"), sent
    for index in (1, 2):
        answer = driver.call("producer.recall", name=producer, topic=topic, handle=sent[index]["handle"])
        assert answer == sent[index]["id"], (answer, sent[index])
    for bad in ("nonsense", sent[0]["handle"][:20]):
        try:
            driver.call("producer.recall", name=producer, topic=topic, handle=bad)
        except DriverError:
            continue
        raise AssertionError(f"recall by {bad} succeeded")
    got = driver.wait_messages(3, 60)
    # The slot was served as a whole: what was taken back would have come with the others.
    last = driver.call("producer.send", name=producer, mode="sync",
                       messages=[{"topic": topic, "body": "later", "props": {"TIMER_DELAY_SEC": "2"}}])
    got = driver.wait_messages(4, 60)
    assert sorted(m["body"] for m in got) == ["0", "3", "later", "now"], got
    try:
        driver.call("producer.recall", name=producer, topic=topic, handle=last[0]["handle"])
    except DriverError:
        return
    raise AssertionError("recall after the delivery succeeded")
