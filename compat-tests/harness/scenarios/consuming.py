# SPDX-License-Identifier: Apache-2.0
"""Scenarios about consuming: filters, order, broadcast, retries, pulling, sharing a group, positions."""

import json
import time

from .. import remoting
from ..context import settle_two_consumers
from ..drivers import DriverError, numbered_crc

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


SQL_PROPS = [{"a": str(a), "region": region} for a in range(6) for region in ("north", "south")] + [{"region": "north"}]
SQL_BODIES = {"a BETWEEN 2 AND 4 AND region = 'north'": ["2 north", "3 north", "4 north"],
              "a IS NULL OR a > 4 AND region NOT IN ('north', 'east')": ["5 south", "- north"],
              "NOT (a < 5) AND region CONTAINS 'out' -- and no more\n": ["5 south"]}


def _send_for_sql(context, driver, producer, topic):
    driver.call("producer.send", name=producer, mode="sync", messages=[
        {"topic": topic, "body": f"{props.get('a', '-')} {props['region']}", "props": props} for props in SQL_PROPS])
    context.wait_stored(topic, len(SQL_PROPS))


def sql(context):
    """Push consumers with SQL92 expressions get what matches, before and while they wait; a tag consumer gets its own."""
    driver = context.driver()
    producer = context.producer(driver)
    topic = context.topic()
    _send_for_sql(context, driver, producer, topic)
    for index, (expression, wanted) in enumerate(SQL_BODIES.items()):
        name = f"c{index}"
        driver.call("push.start", name=name, group=context.name(f"G{index}"), topic=topic, expression=expression, sql=True)
        remoting.wait_until(lambda n=name, w=wanted: len(driver.messages(n)) >= len(w), 40, f"messages for {expression}")
    # Held pulls are woken by what they want; a last message for all shows that nothing else was on its way.
    driver.call("producer.send", name=producer, mode="sync", messages=[
        {"topic": topic, "body": "3 north last", "props": {"a": "3", "region": "north"}},
        {"topic": topic, "body": "9 south last", "props": {"a": "9", "region": "south"}}])
    for index, (expression, wanted) in enumerate(SQL_BODIES.items()):
        name, all_wanted = f"c{index}", sorted(wanted + ["3 north last" if index == 0 else "9 south last"])
        remoting.wait_until(lambda n=name, w=all_wanted: len(driver.messages(n)) >= len(w), 40, f"the last for {expression}")
        got = sorted(m["body"] for m in driver.messages(name))
        assert got == all_wanted, f"{expression}: {got}"


def sql_check(context):
    """An expression that is wrong is refused before the consumer starts; pulls bring theirs along."""
    driver = context.driver()
    producer = context.producer(driver)
    topic = context.topic(queues=1)
    _send_for_sql(context, driver, producer, topic)
    # A group of its own for each: a client whose start failed keeps its group taken.
    for number, wrong in enumerate(("a >", "a > 'x'", "a IN (1)", "a != 1")):
        try:
            driver.call("push.start", name="wrong", group=context.name(f"W{number}"), topic=topic, expression=wrong, sql=True)
        except DriverError as refused:
            assert "CODE: 23" in str(refused), f"{wrong}: {refused}"
            continue
        raise AssertionError(f"{wrong} was taken for an expression")
    driver.call("pull.start", name="p", group=context.name("P"), topic=topic)
    broker = driver.call("pull.queues", name="p", topic=topic)[0][0]

    def ready():
        # The client asks the broker for nothing by SQL92 before a heartbeat told it the broker's version.
        try:
            driver.call("pull.pull", name="p", topic=topic, broker=broker, queue=0, offset=0, max=1, expression="TRUE", sql=True)
        except DriverError as refused:
            assert "does not upgrade" in str(refused), refused
            return False
        return True
    remoting.wait_until(ready, 60, "the client knows the broker's version", 0.5)
    for expression, wanted in SQL_BODIES.items():
        got = driver.call("pull.pull", name="p", topic=topic, broker=broker, queue=0, offset=0, max=32,
                          expression=expression, sql=True)
        assert [m["body"] for m in got["messages"]] == wanted, f"{expression}: {got}"
        assert got["next"] == len(SQL_PROPS), got
    none = driver.call("pull.pull", name="p", topic=topic, broker=broker, queue=0, offset=0, max=32,
                       expression="a = 99", sql=True)
    assert (none["status"], none["next"]) == ("NO_MATCHED_MSG", len(SQL_PROPS)), none


def conflict(context):
    """Two members want one topic by different tags: the newer wish counts for both, and RaptorMQ tells who disagrees."""
    topic, group = context.topic(), context.name("G")
    drivers = [context.driver("one"), context.driver("two")]
    for index, (driver, expression) in enumerate(zip(drivers, ("A", "B"))):
        driver.call("push.start", name=f"c{index}", group=group, topic=topic, expression=expression)
        remoting.wait_until(lambda n=index + 1: len(remoting.consumer_ids(context.cluster.broker, group)) == n, 40,
                            "the member is known")

    def wish():
        _, _, body = remoting.call(context.cluster.broker, remoting.GET_CONSUMER_CONNECTION_LIST, {"consumerGroup": group})
        return remoting.parse_java_json(body)["subscriptionTable"][topic]["subString"]
    remoting.wait_until(lambda: wish() == "B", 40, "the newer wish counts")
    if context.cluster.kind == "raptormq":
        def shown():
            _, _, body = remoting.call(context.cluster.broker, remoting.GET_BROKER_RUNTIME_INFO)
            return remoting.parse_java_json(body)["table"].get("subscriptionConflicts", "")
        remoting.wait_until(lambda: group in shown(), 20, "brokerStatus names the group")
        told = next(part for part in shown().split("; ") if part.startswith(group))
        for client in remoting.consumer_ids(context.cluster.broker, group):
            assert client in told, f"{client} is not named: {told}"
        assert "TAG A" in told and "TAG B" in told, told


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


def order_conf(context):
    """An order configuration decides which queues clients use; shards stay where they are when the broker restarts."""
    cluster, topic = context.cluster, context.name("T")
    broker = cluster.brokers[0]
    remoting.call(cluster.namesrv, remoting.UPDATE_NAMESRV_CONFIG, body=b"orderMessageEnable=true\n")
    remoting.call(cluster.namesrv, remoting.PUT_KV_CONFIG,
                  {"namespace": "ORDER_TOPIC_CONFIG", "key": topic, "value": f"{broker.broker_name}:2"})
    remoting.create_topic(cluster.namesrv, topic, 4, order=True)
    assert remoting.route(cluster.namesrv, topic)["orderTopicConf"] == f"{broker.broker_name}:2"
    driver = context.driver()
    producer = context.producer(driver)
    shards, each = 4, 6

    def send(first):
        driver.call("producer.send", name=producer, mode="ordered", messages=[
            {"topic": topic, "body": f"{shard}:{i}", "shard": shard} for i in range(first, first + each)
            for shard in range(shards)])
    send(0)
    broker.stop()
    broker.start()
    cluster.wait_ready(broker)

    def again():
        try:
            send(each)
        except DriverError:
            return False
        return True
    remoting.wait_until(again, 60, "the producer goes on after the restart", 0.5)
    stored = [(m.queue, m.body.decode()) for m in context.stored(topic)]
    for shard in range(shards):
        mine = [(queue, body) for queue, body in stored if body.startswith(f"{shard}:")]
        assert len({queue for queue, _ in mine}) == 1, f"shard {shard} lies in several queues: {mine}"
        numbers = [int(body.split(":")[1]) for _, body in mine]
        assert sorted(set(numbers)) == list(range(2 * each)) and numbers[:each] == list(range(each)), numbers
    assert {queue for queue, _ in stored} == {0, 1}, "queues beyond the order configuration were used"
    driver.call("push.start", name="c", group=context.name("G"), topic=topic, orderly=True)
    remoting.wait_until(lambda: len(driver.messages()) >= len(stored), 60, "every message is delivered")
    for queue in (0, 1):
        assert [m["body"] for m in driver.messages() if m["queue"] == queue] == \
            [body for where, body in stored if where == queue], f"order of queue {queue}"


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
