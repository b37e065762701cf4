# SPDX-License-Identifier: Apache-2.0
"""A raw producer: sends each kind of message with every byte given. Source: MQClientAPIImpl, MessageBatch (5.5.0)."""

import struct
import time
import zlib

from . import records, remoting

CONSUMER_SEND_MSG_BACK = 36
END_TRANSACTION = 37
QUERY_MESSAGE = 12
SEARCH_OFFSET_BY_TIMESTAMP = 29
VIEW_MESSAGE_BY_ID = 33
SEND_MESSAGE_V2 = 310
SEND_BATCH_MESSAGE = 320

PREPARED, COMMIT, ROLLBACK = 0x4, 0x8, 0xC


def encode_properties(properties: dict) -> str:
    return "".join(f"{name}\x01{value}\x02" for name, value in properties.items())


def physical_of(message_id: str) -> int:
    """The position in the CommitLog that an id made by the broker tells."""
    return int(message_id[-16:], 16)


class Producer:
    """One group on one broker; a connection for each request. Unique keys are `prefix` and a count."""

    def __init__(self, broker: str, group: str, prefix: str = "C0DE", born: int = None):
        self.broker, self.group = broker, group
        self._prefix, self._born, self._count = prefix, born, 0

    def unique_key(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count:0{32 - len(self._prefix)}d}"

    def send(self, topic: str, body, properties=None, *, code=SEND_MESSAGE_V2, ok=(0,), **options) -> dict:
        """The fields of the answer, with its code as `code`. Options: queue, flag, sys_flag, reconsume, max_reconsume,
        unique (False: no unique key), text (the properties as they are)."""
        properties = dict(properties or {})
        if options.get("unique", True) and "text" not in options:
            properties.setdefault("UNIQ_KEY", self.unique_key())
        body = body.encode() if isinstance(body, str) else body
        fields = {"a": self.group, "b": topic, "c": "TBW102", "d": 4, "e": options.get("queue", 0),
                  "f": options.get("sys_flag", 0), "g": self._born or int(time.time() * 1000),
                  "h": options.get("flag", 0), "i": options.get("text", encode_properties(properties)),
                  "j": options.get("reconsume", 0), "k": False, "m": code == SEND_BATCH_MESSAGE}
        if "max_reconsume" in options:
            fields["l"] = options["max_reconsume"]
        got, answer, _ = remoting.call(self.broker, code, fields, body, ok)
        return {**answer, "code": got}

    def send_batch(self, topic: str, messages: list, properties=None, **options) -> dict:
        """`messages` are pairs of body and properties."""
        parts = []
        for body, own in messages:
            text = encode_properties({**own, "UNIQ_KEY": self.unique_key()}).encode()
            body = body.encode()
            parts.append(struct.pack(f">iiiii{len(body)}sh", 22 + len(body) + len(text), 0, 0, 0, len(body), body,
                                     len(text)) + text)
        return self.send(topic, b"".join(parts), properties, code=SEND_BATCH_MESSAGE, **options)

    def send_compressed(self, topic: str, body: str, properties=None, **options) -> dict:
        return self.send(topic, zlib.compress(body.encode()), properties, sys_flag=records.COMPRESSED, **options)

    def send_half(self, topic: str, body, properties=None, **options) -> dict:
        """A half message. The answer is what `end` wants."""
        half = {**(properties or {}), "TRAN_MSG": "true", "PGROUP": self.group, "UNIQ_KEY": self.unique_key()}
        answer = self.send(topic, body, half, sys_flag=PREPARED, **options)
        return {**answer, "topic": topic, "unique": half["UNIQ_KEY"]}

    def end(self, half: dict, how: int, ok=(0,)) -> None:
        remoting.call(self.broker, END_TRANSACTION, {
            "producerGroup": self.group, "topic": half["topic"], "tranStateTableOffset": half["queueOffset"],
            "commitLogOffset": physical_of(half["msgId"]), "commitOrRollback": how, "fromTransactionCheck": False,
            "msgId": half["unique"], "transactionId": half["unique"]}, ok=ok)


def send_back(broker: str, group: str, message, level: int, max_reconsume: int = 16) -> None:
    """A consumer turns a message down."""
    remoting.call(broker, CONSUMER_SEND_MSG_BACK, {
        "offset": message.physical, "group": group, "delayLevel": level, "originTopic": message.topic,
        "originMsgId": message.properties.get("UNIQ_KEY", ""), "unitMode": False, "maxReconsumeTimes": max_reconsume})


def query(broker: str, topic: str, key: str, begin: int = 0, end: int = (1 << 63) - 1, unique: bool = False) -> list:
    """The messages that the index finds, oldest first."""
    code, _, body = remoting.call(broker, QUERY_MESSAGE, {
        "topic": topic, "key": key, "maxNum": 64, "beginTimestamp": begin, "endTimestamp": end,
        **({"_UNIQUE_KEY_QUERY": True} if unique else {})}, ok=(0, 22))
    return sorted(remoting.decode_messages(body), key=lambda m: m.physical) if code == 0 else []


def view(broker: str, physical: int):
    """The message at a position in the CommitLog."""
    _, _, body = remoting.call(broker, VIEW_MESSAGE_BY_ID, {"offset": physical})
    return records.parse(body, 0)


def search(broker: str, topic: str, queue: int, timestamp: int) -> int:
    """The position of the first message of a queue that was stored at `timestamp` or later."""
    _, fields, _ = remoting.call(broker, SEARCH_OFFSET_BY_TIMESTAMP,
                                 {"topic": topic, "queueId": queue, "timestamp": timestamp})
    return int(fields["offset"])
