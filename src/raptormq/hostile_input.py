# SPDX-License-Identifier: Apache-2.0
"""What a hostile peer can put on the wire: frames, header fields and bodies. Everything random comes from one seed."""

import json
import random
import re
import struct
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "remoting" / "protocol"
LARGE = 900_000  # bytes; the bound of a header is 1 MiB
DEEP = 100_000
NO_SUCH_CODE = 9999

# Values that let a request get past the first checks. None of them names what the well-behaved client uses.
BELIEVABLE = {
    "topic": "hostile", "b": "hostile", "originTopic": "hostile", "topicList": "hostile", "defaultTopic": "TBW102",
    "c": "TBW102", "consumerGroup": "hostile_group", "group": "hostile_group", "groupName": "hostile_group",
    "producerGroup": "hostile_group", "a": "hostile_group", "srcGroup": "hostile_group", "destGroup": "hostile_other",
    "clientID": "hostile@1", "clientId": "hostile@1", "queueId": "0", "e": "0", "d": "4", "defaultTopicQueueNums": "4",
    "f": "0", "sysFlag": "0", "g": "1", "bornTimestamp": "1", "h": "0", "flag": "0", "i": "KEYS\1k\2", "j": "0",
    "k": "false", "l": "16", "m": "false", "n": "nobody", "properties": "KEYS\1k\2", "queueOffset": "0", "offset": "0",
    "commitOffset": "0", "maxMsgNums": "32", "maxNum": "32", "suspendTimeoutMillis": "0", "subscription": "*",
    "subVersion": "1", "expressionType": "TAG", "key": "k", "msgId": "7F000001000000010000000000000000",
    "beginTimestamp": "0", "endTimestamp": "9999999999999", "timestamp": "0", "index": "0", "count": "10",
    "readQueueNums": "4", "writeQueueNums": "4", "perm": "6", "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0",
    "order": "false", "isForce": "true", "brokerName": "nobody", "bname": "nobody", "brokerId": "0",
    "brokerAddr": "127.0.0.1:1", "haServerAddr": "127.0.0.1:1", "clusterName": "Nowhere", "cluster": "Nowhere",
    "namespace": "hostile", "value": "v", "statsName": "TOPIC_PUT_NUMS", "statsKey": "hostile", "delayLevel": "1",
    "reconsumeTimes": "0", "maxReconsumeTimes": "16", "offline": "false", "bodyCrc32": "0", "compressed": "false",
    "force": "false", "unitMode": "false", "batch": "false",
}
VALUES = [
    "", "-1", "0", "1", "-2147483648", "2147483647", "2147483648", "-9223372036854775808", "9223372036854775807",
    "9223372036854775808", "1" * 400, "1e308", "NaN", "0x10", " 7", "true", "null", "[]", "{\"a\":1}", "\0", "\n", "a\1b\2c\1",
    "../../../hostile_escape", "%RETRY%", "%RETRY%../../hostile_escape", "%DLQ%hostile_group", "\ud83e\udd96" * 40, "x" * 128,
    "x" * 256, "x" * 40_000, "hostile", "hostile_group", "||", "TagA || " * 500, ";", "127.0.0.1", "127.0.0.1:99999",
]
WRONG_TYPES = [None, 0, -1, 10 ** 30, 1.5, True, [], {}, [[]], {"deep": [{"er": []}]}, "text", ""]


def request_codes() -> list:
    """Every request code of the original, served or not."""
    text = (SOURCES / "request_code.h").read_text()
    return [int(code) for code in re.findall(r"^    [A-Z0-9_]+ = (\d+),$", text, re.M)]


def field_names() -> list:
    """Every extField that any header of the protocol knows."""
    names = set(BELIEVABLE)
    for header in (SOURCES / "header").glob("*.h"):
        names.update(re.findall(r'\bv\("(\w+)"', header.read_text()))
    # After a short one the NameServer closes the connection, as it should: its own tests have it.
    return sorted(names - {"heartbeatTimeoutMillis"})


def body_names() -> list:
    """Every key that any JSON body of the protocol knows."""
    names = set()
    for source in (SOURCES / "body").glob("*.cc"):
        if not source.name.endswith("_test.cc"):
            names.update(re.findall(r'"([a-zA-Z]\w+)"', source.read_text()))
    return sorted(names)


def words(*values: int) -> bytes:
    return b"".join(struct.pack(">I", value & 0xFFFFFFFF) for value in values)


def frame(header: bytes, body: bytes = b"", serialize_type: int = 0) -> bytes:
    return words(4 + len(header) + len(body), serialize_type << 24 | len(header)) + header + body


def request(code: int, fields=None, body: bytes = b"", opaque: int = 1, flag: int = 0) -> bytes:
    header = {"code": code, "language": "JAVA", "version": 513, "opaque": opaque, "flag": flag,
              "serializeTypeCurrentRPC": "JSON", "extFields": fields or {}}
    return frame(json.dumps(header).encode(), body)


def deep(depth: int = DEEP, opening: bytes = b'{"a":[', closing: bytes = b"") -> bytes:
    return opening * depth + closing * depth


class Mutator:
    """Requests to one code at a time, the largest of about `large` bytes. The same seed gives the same requests."""

    def __init__(self, seed: int, large: int):
        self.random, self.large = random.Random(seed), large
        self.fields = {name: BELIEVABLE.get(name, "1") for name in field_names()}
        self.names = list(self.fields)
        self.keys = body_names()

    def requests(self, code: int) -> list:
        """Frames that are whole and whose headers are JSON objects: none may cost the connection."""
        every = [request(code), request(code, self.fields)]
        every += [request(code, self.fields, body) for body in self.bodies()]
        every += [request(code, {name: value for name in self.names}) for value in VALUES if len(value) < 1000]
        every += [request(code, self.some_fields(VALUES), self.json_body()) for _ in range(15)]
        every += [request(code, self.some_fields(WRONG_TYPES), self.json_body()) for _ in range(7)]
        every.append(request(code, {**self.fields, self.random.choice(["topic", "group", *self.names]): "x" * self.large}))
        self.random.shuffle(every)
        return every

    def some_fields(self, values: list) -> dict:
        """The believable fields, one to three of them spoiled and a few missing."""
        fields = dict(self.fields)
        for name in self.random.sample(self.names, self.random.randint(1, 3)):
            fields[name] = self.random.choice(values)
        for name in self.random.sample(self.names, self.random.choice([0, 0, 3, 30])):
            del fields[name]
        return fields

    def bodies(self) -> list:
        depth = self.large // 9
        large = [b'"' + b"x" * self.large + b'"', b"x" * self.large, deep(depth // 5),
                 b'{"topic":' + deep(depth, b"[", b"]") + b"}"]
        return [b"null", b"[]", b"{}", b"7", b'"text"', b"{", b"\xff\xfe\0", deep(depth, b"[", b"]"),
                b"nonsense=1\nmaxMessageSize=99999999999999999999\nbrokerPermission=abc\n=\n\n",
                self.random.randbytes(300), words(-1, 7, 0x7FFFFFFF), words(0), words(20, 0, 0, 0, 0),
                *self.random.sample(large, 2)]

    def json_body(self) -> bytes:
        """An object of known keys with wrong values, two levels deep."""
        return json.dumps(self._object(2)).encode()

    def _object(self, levels: int) -> dict:
        table = {}
        for key in self.random.sample(self.keys, 25):
            kind = self.random.randrange(4)
            if kind < 2 or levels == 0:
                table[key] = self.random.choice(WRONG_TYPES if kind else VALUES)
            else:
                inner = self._object(levels - 1)
                table[key] = [inner] if kind == 2 else inner
        return table
