# SPDX-License-Identifier: Apache-2.0
"""A raw pop consumer: what MQClientAPIImpl does with codes 200050 to 200055, without its threads.

Source: MQClientAPIImpl.processPopResponse, ExtraInfoUtil, KeyBuilder (5.5.0).
"""

import base64
import json
import time
from dataclasses import dataclass

from . import records, remoting

POP_MESSAGE = 200050
ACK_MESSAGE = 200051
PEEK_MESSAGE = 200052
CHANGE_INVISIBLE_TIME = 200053
NOTIFICATION = 200054
POLLING_INFO = 200055
BATCH_ACK_MESSAGE = 200151

POLLING_FULL, POLLING_TIMEOUT, PULL_NOT_FOUND, NO_MESSAGE = 209, 210, 19, 208


@dataclass
class Popped:
    """A message with its receipt handle and the topic to acknowledge it under."""

    message: records.Record
    topic: str
    handle: str
    order_count: int = 0

    @property
    def body(self) -> str:
        return self.message.body.decode()


def retry_topic(topic: str, group: str, kind: str) -> str:
    """The real name behind a kind of receipt handle: 0 normal, 1 retry V1, 2 retry V2."""
    return topic if kind == "0" else f"%RETRY%{group}{'_' if kind == '1' else '+'}{topic}"


class Consumer:
    """One group member on one broker. Not thread-safe."""

    def __init__(self, broker: str, topic: str, group: str, **defaults):
        self.broker, self.topic, self.group = broker, topic, group
        self._defaults = {"queueId": -1, "maxMsgNums": 32, "invisibleTime": 60000, "pollTime": 0, "initMode": 0,
                          **defaults}
        self.last = {}  # the fields of the last pop's answer

    def pop(self, **options) -> list:
        """One POP_MESSAGE; the popped messages, none after a wait that ended without one."""
        fields = {"consumerGroup": self.group, "topic": self.topic, "bornTime": int(time.time() * 1000),
                  **self._defaults, **options}
        with remoting.Connection(self.broker, fields["pollTime"] / 1000 + 15) as connection:
            code, self.last, body = connection.request(POP_MESSAGE, fields, ok=(0, POLLING_TIMEOUT))
        return self._popped(remoting.decode_messages(body)) if code == 0 else []

    def _popped(self, messages: list) -> list:
        starts = {tuple(entry.split(" ")[:2]): entry.split(" ")[2]
                  for entry in self.last["startOffsetInfo"].split(";")}
        counts = {tuple(entry.split(" ")[:2]): int(entry.split(" ")[2])
                  for entry in (self.last.get("orderCountInfo") or "").split(";") if entry}
        popped = []
        for message in messages:
            handle = message.properties.get("POP_CK")
            if handle is None:
                kind, queue = "0", str(message.queue)
                handle = " ".join([starts[kind, queue], self.last["popTime"], self.last["invisibleTime"],
                                   self.last["reviveQid"], kind, self._broker_name(), queue, str(message.offset)])
            kind = handle.split(" ")[4]
            count = counts.get((kind, f"qo{message.queue}%{message.offset}"), 0)
            popped.append(Popped(message, retry_topic(self.topic, self.group, kind), handle, count))
        return popped

    def _broker_name(self) -> str:
        return self._defaults.get("brokerName", "broker-a")

    def ack(self, popped: Popped, ok=(0,)):
        return remoting.call(self.broker, ACK_MESSAGE, {
            "consumerGroup": self.group, "topic": popped.topic, "queueId": popped.message.queue,
            "extraInfo": popped.handle, "offset": popped.message.offset}, ok=ok)

    def batch_ack(self, popped: list):
        """All of one pop in one request, a BatchAck for each check point."""
        points = {}
        for each in popped:
            start, pop_time, invisible, revive, kind, _, queue, offset = each.handle.split(" ")
            point = points.setdefault((kind, queue, start), {
                "c": self.group, "t": self.topic, "r": kind, "so": int(start), "q": int(queue), "rq": int(revive),
                "pt": int(pop_time), "it": int(invisible), "bits": 0})
            point["bits"] |= 1 << (int(offset) - int(start))
        for point in points.values():
            bits = point.pop("bits")
            point["b"] = base64.b64encode(bits.to_bytes((bits.bit_length() + 7) // 8, "little")).decode()
        body = json.dumps({"brokerName": self._broker_name(), "acks": list(points.values())}).encode()
        return remoting.call(self.broker, BATCH_ACK_MESSAGE, {}, body)

    def change(self, popped: Popped, invisible_ms: int) -> Popped:
        """Changes the invisible time; the message with its new handle."""
        _, fields, _ = remoting.call(self.broker, CHANGE_INVISIBLE_TIME, {
            "consumerGroup": self.group, "topic": popped.topic, "queueId": popped.message.queue,
            "extraInfo": popped.handle, "offset": popped.message.offset, "invisibleTime": invisible_ms})
        old = popped.handle.split(" ")
        handle = " ".join([str(popped.message.offset), fields["popTime"], fields["invisibleTime"],
                           fields["reviveQid"], *old[4:]])
        return Popped(popped.message, popped.topic, handle)

    def peek(self, queue: int = -1, count: int = 32) -> list:
        _, _, body = remoting.call(self.broker, PEEK_MESSAGE, {
            "topic": self.topic, "queueId": queue, "maxMsgNums": count, "consumerGroup": self.group},
            ok=(0, PULL_NOT_FOUND))
        return remoting.decode_messages(body)

    def notification(self, poll_ms: int, **options) -> bool:
        fields = {"consumerGroup": self.group, "topic": self.topic, "queueId": -1, "pollTime": poll_ms,
                  "bornTime": int(time.time() * 1000), **options}
        with remoting.Connection(self.broker, poll_ms / 1000 + 15) as connection:
            return connection.request(NOTIFICATION, fields)[1]["hasMsg"] == "true"

    def polling_count(self, queue: int = -1) -> int:
        return int(remoting.call(self.broker, POLLING_INFO, {
            "consumerGroup": self.group, "topic": self.topic, "queueId": queue})[1]["pollingNum"])

    def pop_until(self, count: int, deadline: float, **options) -> list:
        """Pops and acknowledges until `count` different bodies came; everything that came, in order."""
        came, end = [], time.monotonic() + deadline
        while len({each.body for each in came}) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{len({each.body for each in came})} of {count} popped within {deadline:g} s")
            for each in self.pop(**{"pollTime": 1000, **options}):
                self.ack(each)
                came.append(each)
        return came
