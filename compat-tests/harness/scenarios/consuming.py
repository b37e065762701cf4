# SPDX-License-Identifier: Apache-2.0
"""Scenarios about consuming: filters, order, broadcast, retries, pulling, sharing a group, positions."""

import json
import time

from .. import remoting
from ..context import settle_two_consumers
from ..drivers import numbered_crc

TRACE_TOPIC = "RMQ_SYS_TRACE_TOPIC"


def tags(context):
    """Only the wanted tags arrive; AaAa and BBBB have one Java hash code, so the broker alone cannot tell them apart."""
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    sent = [{"topic": topic, "body": f"{tag} {i}", "tags": tag} for i in range(5) for tag in ("AaAa", "BBBB", "C", "D")]
    sent.append({"topic": topic, "body": "untagged"})
    driver.call("producer.send", name=producer, mode="sync", messages=sent)
    driver.call("push.start", name="c", group=context.name("G"), topic=topic, expression="AaAa || C")
    wanted = sorted(m["body"] for m in sent if m.get("tags") in ("AaAa", "C"))
    driver.wait_messages(len(wanted), 40)
    # A last message passes the filter after everything else: what was to come has come.
    driver.call("producer.send", name=producer, mode="sync", messages=[
        {"topic": topic, "body": "C last", "tags": "C"} for _ in range(1)])
    got = driver.wait_messages(len(wanted) + 1, 40)
    assert sorted(m["body"] for m in got) == sorted(wanted + ["C last"]), sorted(m["body"] for m in got)


def ordered(context):
    """Each shard stays in order even though the first try of its messages is turned down."""
    topic = context.topic()
    driver = context.driver()
    producer = context.producer(driver)
    shards, each = 4, 12
    sent = [{"topic": topic, "body": f"{shard}:{i}", "shard": shard} for i in range(each) for shard in range(shards)]
    driver.call("producer.send", name=producer, mode="ordered", messages=sent)
    stored = context.wait_stored(topic, shards * each)
    for shard in range(shards):
        mine = [m for m in stored if m.body.decode().startswith(f"{shard}:")]
        assert len({m.queue for m in mine}) == 1, f"shard {shard} lies in several queues"
        assert [m.body.decode() for m in mine] == [f"{shard}:{i}" for i in range(each)], "stored order"
    driver.call("push.start", name="c", group=context.name("G"), topic=topic, orderly=True, fail_first=True,
                suspend_ms=200)
    remoting.wait_until(lambda: len({m["body"] for m in driver.messages()}) == shards * each, 90,
                        "every ordered message is delivered")
    for shard in range(shards):
        seen = [m["body"] for m in driver.messages() if m["body"].startswith(f"{shard}:")]
        assert seen[:2] == [f"{shard}:0"] * 2, f"the refused message did not come again at once: {seen[:3]}"
        assert [b for i, b in enumerate(seen) if i == 0 or b != seen[i - 1]] == [f"{shard}:{i}" for i in range(each)], seen


def broadcast(context):
    """Each of two members gets everything, and the broker keeps no positions for the group."""
    topic = context.topic()
    group = context.name("G")
    drivers = [context.driver("one"), context.driver("two")]
    for index, driver in enumerate(drivers):
        driver.call("push.start", name=f"c{index}", group=group, topic=topic, model="broadcasting")
    producer = context.producer(drivers[0])

    def all_queues_open():
        # A member that starts at the end of the queues sees a probe of every queue once it pulls from all of them.
        drivers[0].call("producer.send_many", name=producer, topic=topic, first=90000000, count=8, size=64)
        return all(len({m["queue"] for m in driver.messages()}) == 4 for driver in drivers)
    remoting.wait_until(all_queues_open, 60, "both members pull from every queue", 0.3)
    sent = [{"topic": topic, "body": f"to all {i}"} for i in range(20)]
    drivers[0].call("producer.send", name=producer, mode="sync", messages=sent)


    def got(driver):
        return sorted(m["body"] for m in driver.messages() if m["body"].startswith("to all"))
    for driver in drivers:
        remoting.wait_until(lambda d=driver: len(got(d)) >= 20, 40, "each member gets all")
        assert got(driver) == sorted(m["body"] for m in sent), "a member missed something or got it twice"


def retry_dlq(context):
    """Turned down once: back after the 10 s step with reconsumeTimes 1. Turned down again: into the dead letter queue."""
    topic = context.topic()
    group = context.name("G")
    remoting.create_group(context.cluster.broker, group, retryMaxTimes=1)
    if not context.offers("late_retry_topic"):
        remoting.create_topic(context.cluster.namesrv, f"%RETRY%{group}", 1)
    driver = context.driver()
    driver.call("push.start", name="c", group=group, topic=topic, max_reconsume=1, fail_below=100)
    producer = context.producer(driver)
    driver.call("producer.send", name=producer, mode="sync",
                messages=[{"topic": topic, "body": "poison", "tags": "T", "keys": "K1", "props": {"p": "v"}}])
    first, second = driver.wait_messages(2, 60)[:2]
    assert (first["body"], first["reconsume"]) == ("poison", 0), first
    assert (second["body"], second["reconsume"]) == ("poison", 1), second
    waited = second["at"] - first["at"]
    assert waited >= 9900, f"the retry came after {waited} ms, the first step is 10 s"
    if not context.offers("dead_letter"):
        return
    dead = context.wait_stored(f"%DLQ%{group}", 1, 40)[0]
    assert dead.body == b"poison", dead
    assert dead.properties.get("RETRY_TOPIC") == topic, dead.properties
    assert dead.properties.get("ORIGIN_MESSAGE_ID"), dead.properties
    assert dead.properties.get("p") == "v" and dead.properties.get("KEYS") == "K1", dead.properties
    retried = context.stored(f"%RETRY%{group}")
    assert [m.reconsume_times for m in retried] == [1], retried
    assert len(driver.messages()) == 2, "delivered after it was declared dead"


def dead_letter_tools(context):
    """`raptormq admin` lists dead letters, sends one of them again, and leaves the other alone."""
    topic, group = context.topic(), context.name("G")
    remoting.create_group(context.cluster.broker, group, retryMaxTimes=0)
    driver = context.driver()
    driver.call("push.start", name="c", group=group, topic=topic, max_reconsume=0, fail_below=100)
    producer = context.producer(driver)
    driver.call("producer.send", name=producer, mode="sync", messages=[
        {"topic": topic, "body": f"poison {key}", "tags": "T", "keys": key, "props": {"p": "v"}} for key in ("K1", "K2")])
    driver.wait_messages(2, 60)
    context.wait_stored(f"%DLQ%{group}", 2, 40)
    driver.call("push.close", name="c")

    exported = [json.loads(line) for line in context.admin("exportDeadLetters", "-g", group)]
    assert sorted(each["body"] for each in exported) == ["poison K1", "poison K2"], exported
    assert {each["properties"]["RETRY_TOPIC"] for each in exported} == {topic}, exported
    assert context.admin("resendDeadLetters", "-g", group, "-k", "K1", "--dryRun")[-1] == "would send 1, skipped 0"
    assert len(context.stored(topic)) == 2, "a dry run sends nothing"
    assert context.admin("resendDeadLetters", "-g", group, "-k", "K1")[-1] == "sent 1, skipped 0"

    driver.call("push.start", name="again", group=group, topic=topic)
    back = driver.wait_messages(3, 60)[2]
    assert (back["body"], back["keys"], back["tags"], back["reconsume"]) == ("poison K1", "K1", "T", 0), back
    assert back["props"]["p"] == "v" and "RETRY_TOPIC" not in back["props"], back


def pull(context):
    """Pulling by position, the edges of a queue, search by time, and stored positions."""
    topic = context.topic(queues=1)
    group = context.name("G")
    driver = context.driver()
    producer = context.producer(driver)
    driver.call("producer.send", name=producer, mode="sync",
                messages=[{"topic": topic, "body": f"m{i}", "tags": "even" if i % 2 == 0 else "odd"} for i in range(10)])
    driver.call("pull.start", name="c", group=group, topic=topic)
    queues = driver.call("pull.queues", name="c", topic=topic)
    assert queues == [["broker-a", 0]], queues
    at = {"name": "c", "topic": topic, "broker": "broker-a", "queue": 0}

    def found(**more):
        return driver.call("pull.pull", **{**at, **more})
    whole = found(offset=0, max=32)
    assert whole["status"] == "FOUND" and whole["next"] == 10, whole
    assert [m["body"] for m in whole["messages"]] == [f"m{i}" for i in range(10)]
    some = found(offset=3, max=4)
    assert [m["body"] for m in some["messages"]] == ["m3", "m4", "m5", "m6"] and some["next"] == 7, some
    odd = found(offset=0, max=32, expression="odd")
    assert [m["body"] for m in odd["messages"]] == [f"m{i}" for i in range(1, 10, 2)], odd
    if context.offers("pull_plain"):
        end = found(offset=10, max=32)
        assert end["status"] == "NO_NEW_MSG" and end["next"] == 10, end
    beyond = found(offset=500, max=32)
    assert beyond["status"] == "OFFSET_ILLEGAL" and beyond["next"] == 10, beyond
    assert (whole["min"], whole["max"]) == (0, 10), whole
    if context.offers("pull_offsets"):
        assert driver.call("pull.min", **at) == 0
        assert driver.call("pull.max", **at) == 10
        stored = [m["stored"] for m in whole["messages"]]
        assert driver.call("pull.search", **at, timestamp=stored[0] - 1000) == 0
        assert driver.call("pull.search", **at, timestamp=stored[-1] + 1000) == 10
        position = driver.call("pull.search", **at, timestamp=stored[5])
        assert stored[position] == stored[5], f"{position} for {stored[5]} in {stored}"
        driver.call("pull.commit", **at, offset=7)
        remoting.wait_until(lambda: remoting.committed_offset(context.cluster.broker, group, topic, 0) == 7, 10,
                            "the committed position is stored")
        assert driver.call("pull.committed", **at) == 7
    if context.offers("pull_block"):
        request = driver.send("pull.pull", **at, offset=10, max=32, block=True)
        time.sleep(0.5)
        driver.call("producer.send", name=producer, mode="sync", messages=[{"topic": topic, "body": "late"}])
        held = driver.result(request, 15)
        assert [m["body"] for m in held["messages"]] == ["late"], held


def lite(context):
    """Lite pull: assigned queues with seek, then subscribed with commit and resume."""
    topic = context.topic(queues=2)
    driver = context.driver()
    producer = context.producer(driver)
    driver.call("producer.send", name=producer, mode="ordered",
                messages=[{"topic": topic, "body": f"{i % 2}:{i // 2}", "shard": i % 2} for i in range(20)])
    bodies = sorted(f"{q}:{i}" for q in range(2) for i in range(10))

    def poll(name, count):
        """Messages until `count` different bodies came: a pull under way during a seek may bring some twice."""
        got, end = {}, time.monotonic() + 40
        while len(got) < count and time.monotonic() < end:
            got |= {m["body"]: m for m in driver.call("lite.poll", name=name, timeout_ms=500)}
        return list(got.values())

    driver.call("lite.start", name="a", group=context.name("GA"))
    assert sorted(driver.call("lite.queues", name="a", topic=topic)) == [["broker-a", 0], ["broker-a", 1]]
    driver.call("lite.assign", name="a", topic=topic)
    at = {"name": "a", "topic": topic, "broker": "broker-a"}
    for queue in range(2):
        driver.call("lite.seek_begin", **at, queue=queue)
    assert sorted(m["body"] for m in poll("a", 20)) == bodies, "assigned queues"
    driver.call("lite.seek", **at, queue=1, offset=8)
    again = poll("a", 2)
    assert [m["body"] for m in again] == ["1:8", "1:9"], again
    assert driver.call("lite.timestamp", **at, queue=0, timestamp=again[0]["stored"] + 60000) == 10
    driver.call("lite.close", name="a")

    group = context.name("GS")
    driver.call("lite.start", name="s", group=group, topic=topic)
    assert sorted(m["body"] for m in poll("s", 20)) == bodies, "subscribed queues"
    driver.call("lite.commit", name="s")
    for queue in range(2):
        remoting.wait_until(lambda q=queue: remoting.committed_offset(context.cluster.broker, group, topic, q) == 10,
                            10, f"position of queue {queue}")
    driver.call("lite.close", name="s")
    driver.call("producer.send", name=producer, mode="ordered", messages=[{"topic": topic, "body": "more", "shard": 0}])
    driver.call("lite.start", name="r", group=group, topic=topic)
    assert [m["body"] for m in poll("r", 1)] == ["more"], "resumed at the stored position"
    driver.call("lite.close", name="r")


def share_leave(context):
    """Two members split the queues; when one leaves, by a goodbye or by a crash, the other takes over."""
    topic = context.topic()
    group = context.name("G")
    one, two = context.driver("one"), context.driver("two")
    one.call("push.start", name="c1", group=group, topic=topic)
    producer = context.producer(one)

    def join(driver, name):
        driver.call("push.start", name=name, group=group, topic=topic)
        remoting.wait_until(lambda: len(remoting.consumer_ids(context.cluster.broker, group)) == 2, 40, "two members")
        settle_two_consumers(one, producer, topic, [(one, "c1"), (driver, name)])

    def only_one_gets(label):
        # Three per queue, so that every queue is covered whichever way the client spreads its sends.
        sent = [{"topic": topic, "body": f"{label} {i}"} for i in range(12)]
        one.call("producer.send", name=producer, mode="sync", messages=sent)
        wanted = {m["body"] for m in sent}
        remoting.wait_until(lambda: wanted <= {m["body"] for m in one.messages()}, 60, f"c1 gets all of {label}")

    join(two, "c2")
    two.call("push.close", name="c2")
    remoting.wait_until(lambda: len(remoting.consumer_ids(context.cluster.broker, group)) == 1, 40, "one member left")
    only_one_gets("after the goodbye")
    three = context.driver("three")
    join(three, "c3")
    three.kill()
    remoting.wait_until(lambda: len(remoting.consumer_ids(context.cluster.broker, group)) == 1, 40,
                        "the crashed member is gone")
    only_one_gets("after the crash")


def throughput10k(context):
    """10,000 messages of 1 KiB to two members: none lost, none twice, each queue in order."""
    count, size = 10000, 1024
    topic = context.topic()
    group = context.name("G")
    sender, one, two = context.driver("sender"), context.driver("one"), context.driver("two")
    for driver in (one, two):
        driver.call("push.start", name="c", group=group, topic=topic, threads=1)
    producer = context.producer(sender)
    settle_two_consumers(sender, producer, topic, [(one, "c"), (two, "c")])
    sender.call("producer.send_many", name=producer, topic=topic, first=0, count=count, size=size, timeout=120)

    def numbered(driver):
        return [m for m in driver.messages("c") if m["body"][:1] != "9"]
    remoting.wait_until(lambda: len(numbered(one)) + len(numbered(two)) >= count, 120, f"{count} messages delivered", 0.25)
    seen = {}
    for member, driver in enumerate((one, two)):
        mine = numbered(driver)
        assert mine, "one member got nothing"
        last = {}
        for message in mine:
            number = int(message["body"][:8])
            place = (member, message["queue"], message["offset"], message["at"])
            assert number not in seen, f"message {number} was delivered twice: {seen[number]} and {place}"
            seen[number] = place
            assert (message["size"], message["crc"]) == (size, numbered_crc(number, size)), f"content of {number}"
            queue = (message.get("broker"), message["queue"])
            assert message["offset"] > last.get(queue, -1), f"queue {queue} out of order at {message['offset']}"
            last[queue] = message["offset"]
    assert sorted(seen) == list(range(count)), f"{count - len(seen)} of {count} lost"


def _consume_then_reset(context, admin_reset):
    """Consumes 12 messages, resets to the beginning, and expects all of them a second time."""
    topic = context.topic()
    group = context.name("G")
    driver = context.driver()
    producer = context.producer(driver)
    driver.call("producer.send", name=producer, mode="sync",
                messages=[{"topic": topic, "body": f"m{i}"} for i in range(12)])
    begin = min(m.store_timestamp for m in context.wait_stored(topic, 12))
    driver.call("push.start", name="c", group=group, topic=topic)
    driver.wait_messages(12, 40)

    def committed():
        return sum(max(remoting.committed_offset(context.cluster.broker, group, topic, q), 0) for q in range(4))
    remoting.wait_until(lambda: committed() == 12, 30, "the positions are stored")

    def counts():
        bodies = [m["body"] for m in driver.messages()]
        return {body: bodies.count(body) for body in sorted(set(bodies))}
    # A pull may be held for 15 s before its answer moves the position; the client then waits 10 s, and up to 20 s more
    # for its next rebalance. Clients that lose a reset get it again sooner.
    retries, patience = (0, 90) if context.offers("steady_reset") else (3, 40)
    for attempts_left in range(retries, -1, -1):
        admin_reset(driver, topic, group, begin - 10000)
        try:
            remoting.wait_until(lambda: len(counts()) == 12 and min(counts().values()) >= 2, patience, "all come again",
                                0.2)
            break
        except AssertionError:
            assert attempts_left, counts()
    assert not context.offers("steady_reset") or set(counts().values()) == {2}, counts()
    remoting.wait_until(lambda: committed() == 12, 40, "the positions are stored again")


def reset(context):
    """Reset by time while the consumer runs; the broker moves the positions itself (the default of 5.x)."""
    def admin_reset(driver, topic, group, timestamp):
        if context.offers("admin"):
            driver.call("admin.reset", topic=topic, group=group, timestamp=timestamp)
        else:
            _raw_reset(context, topic, group, timestamp)
    _consume_then_reset(context, admin_reset)


def reset_old(context):
    """The same where the broker pushes the new positions to the running clients (useServerSideResetOffset=false)."""
    reset(context)


def _raw_reset(context, topic, group, timestamp):
    # The broker writes what it pushes to clients in the dialect of the administrator's language.
    remoting.call(context.cluster.broker, remoting.INVOKE_BROKER_TO_RESET_OFFSET,
                  {"topic": topic, "group": group, "timestamp": timestamp, "isForce": True, "offset": -1, "queueId": -1},
                  language="CPP" if context.client == "cpp" else "JAVA")


def trace(context):
    """What the client tells about a message under its id, in the topic that consoles look into."""
    topic, group = context.topic(), context.name("G")
    driver = context.driver()
    driver.call("push.start", name="c", group=group, topic=topic, trace=True)
    producer = context.producer(driver, trace=True)
    sent = driver.call("producer.send", name=producer, mode="sync", messages=[{"topic": topic, "body": "b"}])[0]
    driver.wait_messages(1, 40)

    def steps():
        traces = [m for m in context.stored(TRACE_TOPIC) if sent["id"] in m.properties.get("KEYS", "").split()]
        return {line.split("\x01")[0] for m in traces for line in m.body.decode().split("\x02") if sent["id"] in line}
    remoting.wait_until(lambda: steps() == {"Pub", "SubBefore", "SubAfter"}, 40, "the trace of all three steps", 0.3)
