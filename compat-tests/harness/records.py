# SPDX-License-Identifier: Apache-2.0
"""The record of the CommitLog, which is also what a pull answers. Source: MessageDecoder, CommitLog (5.5.0)."""

import struct
import zlib
from dataclasses import dataclass

MAGIC_V1, MAGIC_V2, MAGIC_BLANK = 0xDAA320A7, 0xDAA320AB, 0xCBD43194
COMPRESSED, BORN_HOST_V6, STORE_HOST_V6 = 0x1, 0x10, 0x20
_HEAD = struct.Struct(">iIiiiqqiq")
_TAIL = struct.Struct(">iqi")


@dataclass
class Record:
    """One record; the members that end in `_at` are positions in what it was parsed from."""

    at: int
    size: int
    magic: int
    body_crc: int
    queue: int
    flag: int
    offset: int
    physical: int
    sys_flag: int
    born_timestamp: int
    born_host: bytes  # address, and the port in 4 bytes
    store_timestamp: int
    store_host: bytes
    reconsume_times: int
    prepared: int
    stored_body: bytes
    topic: str
    properties_text: str
    born_host_at: int
    store_timestamp_at: int
    store_host_at: int
    body_at: int
    properties_at: int

    @property
    def properties(self) -> dict:
        return dict(pair.split("\x01", 1) for pair in self.properties_text.split("\x02") if "\x01" in pair)

    @property
    def body(self) -> bytes:
        """Inflated when the record says zlib."""
        return zlib.decompress(self.stored_body) if self.sys_flag & COMPRESSED else self.stored_body


def parse(data, at: int) -> Record:
    """The record at `at`, which is a whole one: struct.error or IndexError when there is none."""
    size, magic, crc, queue, flag, offset, physical, sys_flag, born = _HEAD.unpack_from(data, at)
    born_host_at = at + _HEAD.size
    store_timestamp_at = born_host_at + (20 if sys_flag & BORN_HOST_V6 else 8)
    store_host_at = store_timestamp_at + 8
    tail_at = store_host_at + (20 if sys_flag & STORE_HOST_V6 else 8)
    reconsume_times, prepared, body_length = _TAIL.unpack_from(data, tail_at)
    body_at = tail_at + _TAIL.size
    topic_at = body_at + body_length
    length_size = 2 if magic == MAGIC_V2 else 1
    topic_length = int.from_bytes(data[topic_at:topic_at + length_size], "big")
    topic_at += length_size
    properties_at = topic_at + topic_length + 2
    properties_length, = struct.unpack_from(">h", data, properties_at - 2)
    return Record(at, size, magic, crc, queue, flag, offset, physical, sys_flag, born,
                  bytes(data[born_host_at:store_timestamp_at]), *struct.unpack_from(">q", data, store_timestamp_at),
                  bytes(data[store_host_at:tail_at]), reconsume_times, prepared,
                  bytes(data[body_at:body_at + body_length]), bytes(data[topic_at:topic_at + topic_length]).decode(),
                  bytes(data[properties_at:properties_at + properties_length]).decode(),
                  born_host_at, store_timestamp_at, store_host_at, body_at, properties_at)
