# SPDX-License-Identifier: Apache-2.0
"""Scenarios about looking and managing, through each client's own administration library."""

import time

from .. import remoting


def query(context):
    """By key, by unique id and by offset id."""
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = [{"topic": topic, "body": f"b{i}", "keys": f"all-keys single-{i}"} for i in range(5)]
    results = driver.call("producer.send", name=producer, mode="sync", messages=sent)

    def by_key(key):
        try:
            return driver.call("admin.query_key", topic=topic, key=key, begin=0, end=int(time.time() * 1000) + 60000)
        except Exception as failure:  # noqa: BLE001 - the index is built behind the send: "no message" at first
            if "no message" not in str(failure).lower():
                raise
            return []
    remoting.wait_until(lambda: len(by_key("all-keys")) == 5, 15, "five messages with one key", 0.2)
    assert sorted(m["body"] for m in by_key("all-keys")) == sorted(m["body"] for m in sent)
    assert [m["body"] for m in by_key("single-3")] == ["b3"]
    assert by_key("no-such-key") == []
    for result, message in zip(results, sent):
        viewed = driver.call("admin.view", topic=topic, message_id=result["id"])
        assert (viewed["body"], viewed["keys"]) == (message["body"], message["keys"]), viewed
        viewed = driver.call("admin.view", topic=topic, message_id=result["offset_id"])
        assert (viewed["body"], viewed["queue"], viewed["offset"]) == \
            (message["body"], result["queue"], result["offset"]), viewed


def manage(context):
    """Topics, groups, settings, statistics and client inspection."""
    driver = context.driver()
    broker, topic, group = context.cluster.broker, context.name("T"), context.name("G")
    assert driver.call("admin.brokers") == ["broker-a"]
    driver.call("admin.create_topic", broker=broker, topic=topic, read=3, write=2)
    assert driver.call("admin.topic_queues", broker=broker, topic=topic) == [3, 2, 6]
    remoting.wait_until(lambda: topic in driver.call("admin.topics"), 15, "the topic is listed")
    driver.call("admin.create_topic", broker=broker, topic=topic, read=4, write=4)
    assert driver.call("admin.topic_queues", broker=broker, topic=topic) == [4, 4, 6]
    remoting.wait_until(lambda: (remoting.route(context.cluster.namesrv, topic) or {"queueDatas": [{}]})["queueDatas"][0]
                        .get("writeQueueNums") == 4, 15, "the new queues are in the route")
    driver.call("admin.create_group", broker=broker, group=group, retry_max=3)
    assert driver.call("admin.group", broker=broker, group=group) == 3
    driver.call("admin.create_group", broker=broker, group=group, retry_max=5)
    assert driver.call("admin.group", broker=broker, group=group) == 5

    driver.call("push.start", name="c", group=group, topic=topic)
    producer = context.producer(driver)
    sent = driver.call("producer.send", name=producer, mode="sync",
                       messages=[{"topic": topic, "body": f"m{i}"} for i in range(10)])
    driver.wait_messages(10, 40)
    assert driver.call("admin.topic_total", topic=topic) == 10
    remoting.wait_until(lambda: driver.call("admin.lag", topic=topic, group=group) == 0, 30, "no lag")
    clients = driver.call("admin.connections", group=group)
    assert len(clients) == 1, clients
    # Four queues of the topic; the one of the retry topic joins them at the client's next route poll.
    assert driver.call("admin.running_info", group=group, client=clients[0]) in (4, 5)
    again = driver.call("admin.consume_directly", topic=topic, group=group, client=clients[0],
                        message_id=sent[0]["offset_id"])
    assert again == "CR_SUCCESS", again
    assert driver.wait_messages(11, 20)[-1]["body"] == "m0"
    driver.call("push.close", name="c")

    runtime = driver.call("admin.runtime", broker=broker)
    assert int(runtime["putTps"].split()[0].split(".")[0]) >= 0 and "bootTimestamp" in runtime, runtime
    assert driver.call("admin.config", broker=broker, key="brokerName") == "broker-a"
    driver.call("admin.set_config", broker=broker, key="commercialBaseCount", value="2")
    assert driver.call("admin.config", broker=broker, key="commercialBaseCount") == "2"
    driver.call("admin.set_config", broker=broker, key="commercialBaseCount", value="1")

    # A group that was never consumed with: a held pull that is looked at again would make a deleted group anew.
    idle = context.name("IDLE")
    driver.call("admin.create_group", broker=broker, group=idle, retry_max=2)
    assert driver.call("admin.group", broker=broker, group=idle) == 2
    driver.call("admin.delete_group", broker=broker, group=idle)
    # Clients before 5.0 do not say cleanOffset, and then the original makes the group anew with its defaults.
    left = driver.call("admin.group", broker=broker, group=idle)
    assert left is None or (left == 16 and context.client == "java-4.9.8"), left

    def route_gone():
        # A registration that was under way when the topic was deleted puts the route back; deleting again is the cure.
        driver.call("admin.delete_topic", broker=broker, topic=topic)
        return remoting.route(context.cluster.namesrv, topic) is None
    remoting.wait_until(route_gone, 15, "the route is gone", 0.5)
    assert driver.call("admin.topic_queues", broker=broker, topic=topic) is None
