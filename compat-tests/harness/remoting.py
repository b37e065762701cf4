# SPDX-License-Identifier: Apache-2.0
"""A raw remoting client: the independent observer beside the stock clients.

It speaks JSON frames only, one request at a time on one connection. The scenarios use it to prepare topics and groups,
to look at what is stored, and to ask whether a server is ready; what is under test always goes through a stock client.
"""

import itertools
import json
import re
import socket
import struct
import time

from . import records

# Source: RequestCode
PULL_MESSAGE = 11
QUERY_CONSUMER_OFFSET = 14
UPDATE_AND_CREATE_TOPIC = 17
UPDATE_BROKER_CONFIG = 25
GET_BROKER_RUNTIME_INFO = 28
GET_MAX_OFFSET = 30
HEART_BEAT = 34
GET_CONSUMER_LIST_BY_GROUP = 38
PUT_KV_CONFIG = 100
GET_ROUTEINFO_BY_TOPIC = 105
GET_BROKER_CLUSTER_INFO = 106
UPDATE_AND_CREATE_SUBSCRIPTIONGROUP = 200
GET_CONSUMER_CONNECTION_LIST = 203
DELETE_SUBSCRIPTIONGROUP = 207
INVOKE_BROKER_TO_RESET_OFFSET = 222
UPDATE_NAMESRV_CONFIG = 318

_opaques = itertools.count(1)
_PULL_MAY_WAIT = 2
_PULL_WITH_SUBSCRIPTION = 4
_BARE_KEY = re.compile(r"\s*(-?\d+):")


class RemotingError(Exception):
    """A response whose code is not 0 (SUCCESS)."""

    def __init__(self, code: int, remark):
        super().__init__(f"code {code}: {remark}")
        self.code = code


def decode_messages(data: bytes) -> list:
    """The records of a pull answer."""
    messages, at = [], 0
    while at < len(data):
        messages.append(records.parse(data, at))
        at += messages[-1].size
    return messages


class Connection:
    """One TCP connection to a NameServer or Broker. Not thread-safe."""

    def __init__(self, address: str, timeout: float = 5.0):
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._socket.close()

    def request(self, code: int, fields=None, body: bytes = b"", ok=(0,), language: str = "JAVA"):
        """Sends one request; returns (code, extFields, body) or raises RemotingError when code is not in `ok`."""
        header = {"code": code, "language": language, "version": 513, "opaque": next(_opaques), "flag": 0,
                  "serializeTypeCurrentRPC": "JSON",
                  "extFields": {key: _text(value) for key, value in (fields or {}).items()}}
        raw = json.dumps(header).encode()
        self._socket.sendall(struct.pack(">ii", 4 + len(raw) + len(body), len(raw)) + raw + body)
        while True:
            answer, answer_body = self._read_frame()
            if answer.get("opaque") == header["opaque"] and answer.get("flag", 0) & 1:
                break
        if answer["code"] not in ok:
            raise RemotingError(answer["code"], answer.get("remark"))
        return answer["code"], answer.get("extFields") or {}, answer_body

    def _read_frame(self):
        length = struct.unpack(">i", self._read_exactly(4))[0]
        payload = self._read_exactly(length)
        header_length = struct.unpack(">i", payload[:4])[0] & 0xFFFFFF
        return json.loads(payload[4:4 + header_length]), payload[4 + header_length:]

    def _read_exactly(self, count: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < count:
            chunk = self._socket.recv(count - len(chunks))
            if not chunk:
                raise ConnectionError("the server closed the connection")
            chunks += chunk
        return bytes(chunks)


def _text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def call(address: str, code: int, fields=None, body: bytes = b"", ok=(0,), language: str = "JAVA"):
    """One request on its own connection."""
    with Connection(address) as connection:
        return connection.request(code, fields, body, ok, language)


def parse_java_json(text: bytes):
    """Parses JSON whose integer object keys may be unquoted, as the original writes them."""
    out, source, in_string, i = [], text.decode(), False, 0
    while i < len(source):
        char = source[i]
        out.append(char)
        if in_string:
            if char == "\\":
                i += 1
                out.append(source[i])
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{,":
            key = _BARE_KEY.match(source, i + 1)
            if key:
                out.append(f'"{key[1]}":')
                i = key.end() - 1
        i += 1
    return json.loads("".join(out))


def brokers(namesrv: str) -> dict:
    """Broker names to {id: address}, as one NameServer knows them; empty when it cannot be reached."""
    try:
        _, _, body = call(namesrv, GET_BROKER_CLUSTER_INFO)
    except (OSError, RemotingError):
        return {}
    table = parse_java_json(body).get("brokerAddrTable") or {}
    return {name: data["brokerAddrs"] for name, data in table.items()}


def route(namesrv: str, topic: str):
    """The route of `topic`, or None when the NameServer does not know it."""
    code, _, body = call(namesrv, GET_ROUTEINFO_BY_TOPIC, {"topic": topic}, ok=(0, 17))
    return parse_java_json(body) if code == 0 else None


def create_topic(namesrv: str, topic: str, queues: int = 4, deadline: float = 15.0, order: bool = False,
                 attributes: str = "") -> None:
    """Creates `topic` on every master and returns once every NameServer route shows all of them."""
    masters = {name: addresses["0"] for name, addresses in brokers(namesrv).items() if "0" in addresses}
    for address in masters.values():
        call(address, UPDATE_AND_CREATE_TOPIC, {
            "topic": topic, "defaultTopic": "TBW102", "readQueueNums": queues, "writeQueueNums": queues, "perm": 6,
            "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": order,
            **({"attributes": attributes} if attributes else {})})

    def visible():
        found = route(namesrv, topic)
        return found is not None and len(found["queueDatas"]) == len(masters)

    wait_until(visible, deadline, f"topic {topic} in the route")


def create_group(broker: str, group: str, **settings) -> None:
    """Creates or updates a subscription group on one broker."""
    config = {"groupName": group, "consumeEnable": True, "consumeFromMinEnable": True, "consumeBroadcastEnable": True,
              "retryQueueNums": 1, "retryMaxTimes": 16, "brokerId": 0, "whichBrokerWhenConsumeSlowly": 1,
              "notifyConsumerIdsChangedEnable": True}
    config.update(settings)
    call(broker, UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, json.dumps(config).encode())


def consumer_ids(broker: str, group: str) -> list:
    """Client ids that the broker counts as members of `group`."""
    code, _, body = call(broker, GET_CONSUMER_LIST_BY_GROUP, {"consumerGroup": group}, ok=(0, 1))
    return json.loads(body).get("consumerIdList") or [] if code == 0 and body else []


def committed_offset(broker: str, group: str, topic: str, queue: int) -> int:
    """The stored position of one queue; -1 when there is none."""
    code, fields, _ = call(broker, QUERY_CONSUMER_OFFSET,
                           {"consumerGroup": group, "topic": topic, "queueId": queue, "setZeroIfNotFound": False},
                           ok=(0, 22))
    return int(fields["offset"]) if code == 0 else -1


def max_offset(broker: str, topic: str, queue: int) -> int:
    """One past the last entry of a queue."""
    _, fields, _ = call(broker, GET_MAX_OFFSET, {"topic": topic, "queueId": queue})
    return int(fields["offset"])


def pull(connection, topic: str, queue: int, offset: int, group: str, wait_ms: int = 0) -> tuple:
    """One pull (code 11) of up to 32 messages: the messages, and the offset to go on from."""
    code, fields, body = connection.request(PULL_MESSAGE, {
        "consumerGroup": group, "topic": topic, "queueId": queue, "queueOffset": offset, "maxMsgNums": 32,
        "sysFlag": _PULL_WITH_SUBSCRIPTION | (_PULL_MAY_WAIT if wait_ms else 0), "commitOffset": 0,
        "suspendTimeoutMillis": wait_ms, "subscription": "*", "subVersion": int(time.time() * 1000),
        "expressionType": "TAG"}, ok=(0, 19, 20, 21))
    # PULL_NOT_FOUND (19) gives no other offset than the one asked for.
    return decode_messages(body) if code == 0 else [], offset if code == 19 else int(fields["nextBeginOffset"])


def read_queue(broker: str, topic: str, queue: int, group: str = "compat_observer", offset: int = 0) -> list:
    """Every message of one queue from a position on, oldest first, read with plain pulls."""
    messages = []
    with Connection(broker) as connection:
        while True:
            found, following = pull(connection, topic, queue, offset, group)
            messages += found
            if following == offset:
                return messages
            offset = following


def heartbeat(connection, client_id: str, group: str, topic: str, *, expression: str = "*", expression_type: str = "TAG",
              consume_type: str = "CONSUME_PASSIVELY") -> None:
    """Makes the connection's client a clustering member of `group`, until the connection is closed."""
    connection.request(HEART_BEAT, {}, json.dumps({
        "clientID": client_id, "producerDataSet": [], "consumerDataSet": [{
            "groupName": group, "consumeType": consume_type, "messageModel": "CLUSTERING",
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "unitMode": False, "subscriptionDataSet": [{
                "topic": topic, "subString": expression, "tagsSet": [], "codeSet": [], "subVersion": 1,
                "expressionType": expression_type, "classFilterMode": False}]}]}).encode())


def wait_until(condition, deadline: float, what: str, step: float = 0.05):
    """Polls `condition` until it is true and returns its value; AssertionError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what}")
        time.sleep(step)
