# SPDX-License-Identifier: Apache-2.0
"""A raw client of lite topics: what the official proxy asks of a broker for a lite push consumer.

Source: MQClientAPIExt.popLiteMessageAsync, syncLiteSubscriptionAsync, LiteUtil, ExtraInfoUtil (5.5.0).
"""

import json
import time

from . import pop, raw_producer, remoting

POP_LITE_MESSAGE = 200070
LITE_SUBSCRIPTION_CTL = 200071
NOTIFY_UNSUBSCRIBE_LITE = 200073
GET_BROKER_LITE_INFO = 200074
GET_PARENT_TOPIC_INFO = 200075
GET_LITE_TOPIC_INFO = 200076
GET_LITE_CLIENT_INFO = 200077
GET_LITE_GROUP_INFO = 200078
TRIGGER_LITE_DISPATCH = 200079

PARENT_TYPE = "+message.type=LITE"


def queue_name(parent: str, lite_topic: str) -> str:
    return f"%LMQ%${parent}${lite_topic}"


def create_group(broker: str, group: str, parent: str, **attributes) -> None:
    """A group bound to a parent; attributes such as lite_sub_model="Exclusive"."""
    remoting.create_group(broker, group, attributes={
        "+lite.bind.topic": parent, **{f"+{name.replace('_', '.')}": value for name, value in attributes.items()}})


def send(broker: str, parent: str, lite_topic: str, bodies: list) -> None:
    producer = raw_producer.Producer(broker, "PG", f"{int(time.time() * 1e6):020X}"[-16:])
    for body in bodies:
        producer.send(parent, body, {"__LITE_TOPIC": lite_topic})
    queue = queue_name(parent, lite_topic)
    remoting.wait_until(lambda: remoting.max_offset(broker, queue, 0) >= len(bodies), 15, f"messages in {lite_topic}")


class Client:
    """One client of a group. Its subscription connection stays open, so that the broker can tell it what it loses."""

    def __init__(self, broker: str, parent: str, group: str, client_id: str):
        self.broker, self.parent, self.group, self.client_id = broker, parent, group, client_id
        self._connection = remoting.Connection(broker, 30)
        self.last = {}  # the fields of the last pop's answer

    def close(self) -> None:
        self._connection.__exit__()

    def subscribe(self, lite_topics: list, action: str = "PARTIAL_ADD", ok=(0,), **more) -> int:
        change = {"action": action, "clientId": self.client_id, "group": self.group, "topic": self.parent,
                  "liteTopicSet": lite_topics, "version": int(time.time() * 1000), **more}
        return self._connection.request(LITE_SUBSCRIPTION_CTL, {},
                                        json.dumps({"subscriptionSet": [change]}).encode(), ok=ok)[0]

    def fields(self, **options) -> dict:
        fields = {"clientId": self.client_id, "consumerGroup": self.group, "topic": self.parent, "maxMsgNum": 32,
                  "invisibleTime": 60000, "pollTime": 0, "bornTime": int(time.time() * 1000), **options}
        return {name: value for name, value in fields.items() if value is not None}

    def pop(self, **options) -> list:
        """One POP_LITE_MESSAGE: (lite topic, body, receipt fields) of each message."""
        fields = self.fields(**options)
        code, self.last, body = remoting.call(self.broker, POP_LITE_MESSAGE, fields, ok=(0, pop.POLLING_TIMEOUT))
        return [self._popped(message) for message in remoting.decode_messages(body)] if code == 0 else []

    def _popped(self, message) -> tuple:
        lite_topic = message.properties["__LITE_TOPIC"]
        offset = message.properties["INNER_MULTI_QUEUE_OFFSET"]
        handle = " ".join([offset, self.last["popTime"], self.last["invisibleTime"], self.last["reviveQid"], "0",
                           "broker-a", "0", offset])
        return lite_topic, message.body.decode(), {
            "consumerGroup": self.group, "topic": self.parent, "queueId": 0, "extraInfo": handle, "offset": offset,
            "liteTopic": lite_topic}

    def wait_pop(self, count: int, deadline: float = 20, **options) -> list:
        """Pops until so many messages came."""
        found = []

        def enough():
            found.extend(self.pop(pollTime=1000, **options))
            return len(found) >= count

        remoting.wait_until(enough, deadline, f"{count} messages of lite topics")
        assert len(found) == count, found
        return found

    def ack(self, popped: tuple, ok=(0,), **changes) -> int:
        return remoting.call(self.broker, pop.ACK_MESSAGE, {**popped[2], **changes}, ok=ok)[0]

    def change(self, popped: tuple, invisible_ms: int, **more) -> dict:
        return remoting.call(self.broker, pop.CHANGE_INVISIBLE_TIME,
                             {**popped[2], "invisibleTime": invisible_ms, **more})[1]


def ask(broker: str, code: int, fields: dict) -> dict:
    return remoting.parse_java_json(remoting.call(broker, code, fields)[2])


def code_of(broker: str, code: int, fields: dict, body: bytes = b"") -> int:
    """The code of an answer, whatever it is."""
    try:
        return remoting.call(broker, code, fields, body)[0]
    except remoting.RemotingError as refusal:
        return refusal.code
