# SPDX-License-Identifier: Apache-2.0
"""Scenarios about lite topics: what stock peers reach by remoting, request by request."""

import time

from .. import lite, pop, remoting


def _bodies(popped: list) -> list:
    return [body for _, body, _ in popped]


def lite_topics(context):
    """Lite topics of a parent: order, receipts, waits, subscriptions and their models, resets, administration."""
    broker, parent = context.cluster.broker, context.topic(queues=1, attributes=lite.PARENT_TYPE)
    group = context.name("G")
    lite.create_group(broker, group, parent)
    one = lite.Client(broker, parent, group, context.name("c1"))
    try:
        _order(broker, parent, one)
        _waits(broker, parent, one)
        _administration(broker, parent, one)
        _refusals(broker, parent, one)
    finally:
        one.close()
    _models(context, broker, parent)
    _wildcard(context, broker, parent)


def _order(broker, parent, one):
    one.subscribe(["a", "b"])
    lite.send(broker, parent, "a", ["a0", "a1", "a2"])
    lite.send(broker, parent, "b", ["b0"])
    lite.send(broker, parent, "nobody's", ["x"])
    popped = {body: message for message in one.wait_pop(4) for body in [message[1]]}
    assert sorted(popped) == ["a0", "a1", "a2", "b0"], popped
    assert one.pop() == []
    stored = remoting.read_queue(broker, parent, 0)
    assert [m.properties["INNER_MULTI_DISPATCH"] for m in stored][:1] == [lite.queue_name(parent, "a")], stored

    queue = lite.queue_name(parent, "a")
    one.ack(popped["a1"])
    assert remoting.committed_offset(broker, one.group, queue, 0) == 0, "the first is open"
    one.ack(popped["a0"])
    assert remoting.committed_offset(broker, one.group, queue, 0) == 2
    changed = one.change(popped["a2"], 1000)
    assert changed["reviveQid"] == "999", changed
    again = one.wait_pop(1)
    assert _bodies(again) == ["a2"] and one.last["orderCountInfo"] == "0 qo0%2 1", one.last
    one.ack(again[0])
    assert remoting.committed_offset(broker, one.group, queue, 0) == 3
    assert one.ack(popped["a0"]) == 0, "a late receipt succeeds"
    assert one.ack(again[0], offset=9, ok=(pop.NO_MESSAGE,))
    assert one.ack(popped["b0"], queueId=1, ok=(13, 29))
    assert one.ack(popped["b0"], consumerGroup="other", ok=(29,))
    one.ack(popped["b0"])


def _waits(broker, parent, one):
    start = time.monotonic()
    assert one.pop(pollTime=1500) == []
    assert 1 < time.monotonic() - start < 10
    lite.send(broker, parent, "b", ["b1"])
    woken = one.wait_pop(1)
    assert _bodies(woken) == ["b1"]
    one.ack(woken[0])


def _administration(broker, parent, one):
    lite.send(broker, parent, "a", ["a3", "a4"])
    info = lite.ask(broker, lite.GET_BROKER_LITE_INFO, {})
    assert info["storeType"] == "default" and info["topicMeta"][parent] == -1, info
    assert info["groupMeta"][parent] == [one.group], info
    of_parent = lite.ask(broker, lite.GET_PARENT_TOPIC_INFO, {"topic": parent})
    assert (of_parent["ttl"], of_parent["liteTopicCount"], of_parent["groups"]) == (-1, 3, [one.group]), of_parent
    of_topic = lite.ask(broker, lite.GET_LITE_TOPIC_INFO, {"parentTopic": parent, "liteTopic": "a"})
    assert (of_topic["topicOffset"]["minOffset"], of_topic["topicOffset"]["maxOffset"]) == (0, 5), of_topic
    assert of_topic["subscriber"] == [{"clientId": one.client_id, "group": one.group}], of_topic
    assert of_topic["shardingToBroker"] is True, of_topic
    of_client = lite.ask(broker, lite.GET_LITE_CLIENT_INFO,
                         {"parentTopic": parent, "group": one.group, "clientId": one.client_id, "maxCount": 100})
    assert of_client["liteTopicCount"] == 2, of_client
    assert sorted(of_client["liteTopicSet"]) == [lite.queue_name(parent, name) for name in "ab"], of_client
    of_lag = lite.ask(broker, lite.GET_LITE_GROUP_INFO, {"group": one.group, "liteTopic": "a"})
    wrapper = of_lag["liteTopicOffsetWrapper"]
    assert (of_lag["totalLagCount"], wrapper["brokerOffset"], wrapper["consumerOffset"]) == (2, 5, 3), of_lag
    top = lite.ask(broker, lite.GET_LITE_GROUP_INFO, {"group": one.group, "topK": 5})
    assert top["totalLagCount"] == 2 and top["lagCountTopK"][0]["liteTopic"] == "a", top
    remoting.call(broker, lite.TRIGGER_LITE_DISPATCH, {"group": one.group, "clientId": one.client_id})
    for message in one.wait_pop(2):
        one.ack(message)


def _refusals(broker, parent, one):
    """Malformed requests get the same codes everywhere."""
    fields = one.fields()

    def popped(**changes):
        return lite.code_of(broker, lite.POP_LITE_MESSAGE, one.fields(**changes))

    assert popped(maxMsgNum=33) == 29
    assert popped(maxMsgNum="many") == pop.POLLING_TIMEOUT
    assert popped(bornTime=1) == pop.POLLING_TIMEOUT
    assert popped(topic="nothing") == 17
    assert popped(topic="TBW102") == 29
    assert popped(consumerGroup="unbound") == 29
    for name in ("clientId", "consumerGroup", "topic"):
        assert popped(**{name: None}) == 1, name
    assert popped(pollTime="soon") == pop.POLLING_TIMEOUT
    for body, code in ((b"", 604), (b"{}", 604), (b'{"subscriptionSet":[]}', 604), (b"no json", 1)):
        assert lite.code_of(broker, lite.LITE_SUBSCRIPTION_CTL, {}, body) == code, body
    assert one.subscribe(["a"], "NO_ACTION", ok=(1,)) == 1
    for code, wrong, expected in (
            (lite.GET_PARENT_TOPIC_INFO, {"topic": "nothing"}, 17),
            (lite.GET_PARENT_TOPIC_INFO, {"topic": "TBW102"}, 29),
            (lite.GET_PARENT_TOPIC_INFO, {}, 1),
            (lite.GET_LITE_TOPIC_INFO, {"parentTopic": parent}, 1),
            (lite.GET_LITE_TOPIC_INFO, {"parentTopic": "nothing", "liteTopic": "a"}, 17),
            (lite.GET_LITE_CLIENT_INFO, {"parentTopic": parent, "group": one.group, "clientId": "c", "maxCount": 0}, 1),
            (lite.GET_LITE_CLIENT_INFO, {"parentTopic": parent, "group": "unbound", "clientId": "c"}, 29),
            (lite.GET_LITE_CLIENT_INFO, {"parentTopic": parent, "group": one.group}, 1),
            (lite.GET_LITE_GROUP_INFO, {"group": "unbound", "topK": 5}, 29),
            (lite.GET_LITE_GROUP_INFO, {"group": one.group, "topK": 0}, 1),
            (lite.TRIGGER_LITE_DISPATCH, {"group": "unbound"}, 29),
            (lite.TRIGGER_LITE_DISPATCH, {}, 1)):
        got = lite.code_of(broker, code, wrong)
        assert got == expected, f"{code} {wrong}: {got}, {expected} expected"
    assert lite.code_of(broker, 200072, fields) == 3, "ACK_LITE_MESSAGE is no request"


def _models(context, broker, parent):
    """Exclusive: a second client takes the lite topic over, from the start when the group says so."""
    group = context.name("Exclusive")
    lite.create_group(broker, group, parent, lite_sub_model="Exclusive", lite_sub_reset_offset_exclusive="true")
    first, second = (lite.Client(broker, parent, group, context.name(name)) for name in ("e1", "e2"))
    try:
        first.subscribe(["e"])
        lite.send(broker, parent, "e", ["e0", "e1"])
        for message in first.wait_pop(2):
            first.ack(message)
        second.subscribe(["e"], "PARTIAL_ADD")
        assert _bodies(second.wait_pop(2)) == ["e0", "e1"]
        info = lite.ask(broker, lite.GET_LITE_TOPIC_INFO, {"parentTopic": parent, "liteTopic": "e"})
        assert [each["clientId"] for each in info["subscriber"]] == [second.client_id], info
        second.subscribe([], "COMPLETE_REMOVE")
        info = lite.ask(broker, lite.GET_LITE_TOPIC_INFO, {"parentTopic": parent, "liteTopic": "e"})
        assert info["subscriber"] == [], info
    finally:
        first.close()
        second.close()


def _wildcard(context, broker, parent):
    group = context.name("Wildcard")
    lite.create_group(broker, group, parent, lite_sub_wildcard="true")
    client = lite.Client(broker, parent, group, context.name("w1"))
    try:
        assert client.subscribe(["w"], ok=(604,)) == 604, "a wildcard group names no lite topics"
        client.subscribe([], "COMPLETE_ADD")
        lite.send(broker, parent, "w1", ["w1"])
        lite.send(broker, parent, "w2", ["w2"])
        popped = client.wait_pop(2)
        assert sorted(_bodies(popped)) == ["w1", "w2"], popped
    finally:
        client.close()


def lite_quota(context):
    """More lite subscriptions than the broker allows."""
    broker, parent = context.cluster.broker, context.topic(queues=1, attributes=lite.PARENT_TYPE)
    group = context.name("G")
    lite.create_group(broker, group, parent)
    client = lite.Client(broker, parent, group, context.name("c"))
    try:
        assert client.subscribe(["a", "b", "c"]) == 0, "the quota is looked at before, not behind"
        assert client.subscribe(["d"], ok=(2018,)) == 2018
        client.subscribe(["a", "b"], "PARTIAL_REMOVE")
        assert client.subscribe(["d"]) == 0
    finally:
        client.close()
