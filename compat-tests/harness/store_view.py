# SPDX-License-Identifier: Apache-2.0
"""What a store directory holds, file by file, with all that no two runs share taken out field by field.

Each file becomes lines that can be read, and a digest of its bytes with those fields zeroed. What follows from clocks,
addresses and identifiers is not left out but checked against what it follows from: delivery times in queues, positions in
hash tables, slots of the timer wheel.
"""

import hashlib
import json
import re
import struct
from pathlib import Path

from . import records, remoting

# Messages whose born time and unique key were given by the test have these.
BORN, UNIQUE = 1600000000000, "C0DE"

_CLOCK = re.compile(r"(?<!\d)1[789]\d{11}(?!\d)")
_MADE_ID = re.compile(r"[0-9A-F]{32}")
# Properties that tell a moment, an address or an identifier, and how each is masked.
_CLOCKS = {"TIMER_OUT_MS", "TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS", "TIMER_DELIVER_MS", "1ST_POP_TIME", "BORN_TIMESTAMP",
           "ARRIVE_TIME", "PUSH_REPLY_TIME"}
_IDS = {"UNIQ_KEY", "__transactionId__", "ORIGIN_MESSAGE_ID", "DLQ_ORIGIN_MESSAGE_ID"}
_CONFIG_CLOCKS = {"timestamp", "l", "timeStamp", "stateVersion", "bornTime", "clientVersion", "deadTime", "popTime", "subVersion",
                  "version"}
_SCHEDULE = "SCHEDULE_TOPIC_XXXX"


def _digest(data) -> str:
    return hashlib.sha1(data).hexdigest()[:16]


def _mask_clock(text: str) -> str:
    return _CLOCK.sub(lambda match: "#" * len(match[0]), text)


def _mask_property(name: str, value: str) -> str:
    if name in _CLOCKS:
        return _mask_clock(value)
    if name in _IDS and not value.startswith(UNIQUE):
        # Made of the broker's address and a position, or of an address, a process and a count.
        if _MADE_ID.fullmatch(value):
            return f"{'#' * 16}{value[16:]}" if name == "ORIGIN_MESSAGE_ID" else "#" * 32
        return _mask_clock(value)
    return value


def _mask_properties(text: str) -> str:
    pairs = (pair.partition("\x01") for pair in text.split("\x02"))
    return "\x02".join(f"{name}{mark}{_mask_property(name, value)}" for name, mark, value in pairs)


class StoreView:
    """One stopped store. `kinds` are (name, position in the log behind its records), in order."""

    def __init__(self, root: Path, kinds: list, queue_sizes: dict):
        self.root, self.files = Path(root), {}
        self._kinds, self._sizes = kinds, queue_sizes
        self._by_position, self._problems = {}, []
        self._log()
        for path in sorted(self.root.rglob("*")):
            # A former text is there when the clock has had it written twice.
            if path.is_file() and path.parent.name != "commitlog" and path.suffix != ".bak":
                self._file(path)

    def _add(self, name: str, lines: list, data=None) -> None:
        self.files[name] = {"lines": lines + [f"wrong: {problem}" for problem in self._problems],
                            "digest": _digest(data) if data is not None else ""}
        self._problems = []

    def _require(self, condition: bool, problem: str) -> None:
        if not condition:
            self._problems.append(problem)

    # --- the log

    def _log(self) -> None:
        by_kind = {kind: [] for kind, _ in self._kinds}
        for path in sorted((self.root / "commitlog").iterdir()):
            data, at, lines = bytearray(path.read_bytes()), 0, []
            base, original = int(path.name), bytes(data)
            while at + 8 <= len(data):
                size, magic = struct.unpack_from(">iI", data, at)
                if magic == records.MAGIC_BLANK:
                    lines.append(f"{at} blank of {size}")
                    break
                if magic not in (records.MAGIC_V1, records.MAGIC_V2):
                    lines.append(f"{at} end")
                    break
                record = records.parse(original, at)
                self._require(record.physical == base + at, f"{at} says that it lies at {record.physical}")
                self._by_position[record.physical] = record
                text = self._mask_record(data, record)
                kind = next((kind for kind, end in self._kinds if record.physical < end), "at the stop")
                by_kind.setdefault(kind, []).append(text)
                at += size
            self._add(f"commitlog/{path.name}", [f"{len(data)} bytes", *lines], data)
        for kind, lines in by_kind.items():
            self._add(f"records: {kind}", lines)

    def _mask_record(self, data: bytearray, record: records.Record) -> str:
        """Masks a record in the file's bytes; the line that describes what is left of it."""
        def zero(at, count):
            data[at:at + count] = bytes(count)
        zero(record.store_timestamp_at, 8)
        zero(record.store_host_at + len(record.store_host) - 4, 4)
        zero(record.born_host_at + len(record.born_host) - 4, 4)
        given = record.born_timestamp - BORN in range(1000000)
        if not given:
            zero(record.born_host_at - 8, 8)
        properties = _mask_properties(record.properties_text)
        data[record.properties_at:record.properties_at + len(record.properties_text.encode())] = properties.encode()
        body = record.stored_body
        if record.topic.startswith("rmq_sys_") and body[:1] == b"{":
            body = _mask_clock(body.decode()).encode()
        elif record.topic.startswith("rmq_sys_wheel") and record.properties.get("REAL_TOPIC", "").startswith("rmq_sys_"):
            body = _mask_clock(body.decode()).encode()
        if body != record.stored_body:
            data[record.body_at:record.body_at + len(body)] = body
            zero(record.at + 8, 4)
        crc = struct.unpack_from(">I", data, record.at + 8)[0]
        shown = body.decode(errors="backslashreplace") if len(body) < 400 else f"{len(body)} bytes"
        return (f"{record.physical} {'v2' if record.magic == records.MAGIC_V2 else 'v1'} size={record.size} crc={crc:08x} "
                f"{record.topic}/{record.queue}/{record.offset} flag={record.flag} sys={record.sys_flag:#x} "
                f"born={record.born_timestamp if given else 'made'} born_host={record.born_host[:-4].hex()} "
                f"store_host={record.store_host[:-4].hex()} again={record.reconsume_times} prepared={record.prepared} "
                f"[{properties.replace(chr(1), '=').replace(chr(2), '; ')}] {shown}")

    def _record(self, physical: int, what: str):
        found = self._by_position.get(physical)
        self._require(found is not None, f"{what}: there is no record at {physical}")
        return found

    # --- what is made of it

    def _file(self, path: Path) -> None:
        name = str(path.relative_to(self.root))
        area, data = name.split("/")[0], path.read_bytes
        if area == "consumequeue":
            self._queue(name, bytearray(data()))
        elif area == "batchconsumequeue":
            self._batch_queue(name, bytearray(data()))
        elif area == "index":
            self._index(bytearray(data()))
        elif area == "timerlog":
            self._timer_log(name, bytearray(data()))
        elif area == "timerwheel":
            self._timer_wheel(data())
        elif area == "checkpoint":
            self._checkpoint(data())
        elif name == "config/timercheck":
            self._timer_check(data())
        elif area == "config":
            self._config(name, data())
        else:
            self._add(name, [repr(data())])

    def _queue(self, name: str, data: bytearray) -> None:
        topic, lines = name.split("/")[1], [f"{len(data)} bytes"]
        for at in range(0, len(data), 20):
            physical, size, tags = struct.unpack_from(">qiq", data, at)
            if size == 0:
                continue
            if topic == _SCHEDULE:
                record = self._record(physical, f"entry {at // 20}")
                shown = f"stored + {tags - record.store_timestamp} ms" if record else "?"
                data[at + 12:at + 20] = bytes(8)
            else:
                shown = tags
            lines.append(f"{at // 20}: {physical} {size} {shown}")
        self._add(name, lines, data)

    def _batch_queue(self, name: str, data: bytearray) -> None:
        lines = [f"{len(data)} bytes"]
        for at in range(0, len(data), 46):
            physical, size, tags, stored, base, count, compacted, reserved = struct.unpack_from(">qiqqqhii", data, at)
            if size == 0:
                break
            record = self._record(physical, f"unit {at // 46}")
            self._require(record is None or stored == record.store_timestamp, f"unit {at // 46}: another store time")
            data[at + 20:at + 28] = bytes(8)
            lines.append(f"{at // 46}: {physical} {size} {tags} base={base} count={count} {compacted} {reserved}")
        self._add(name, lines, data)

    def _index(self, data: bytearray) -> None:
        slots = self._sizes["maxHashSlotNum"]
        begin, end, begin_at, end_at, used, count = struct.unpack_from(">qqqqii", data, 0)
        lines = [f"{len(data)} bytes, {begin_at} to {end_at}, {used} slots, {count} entries"]
        for moment, position, what in ((begin, begin_at, "begin"), (end, end_at, "end")):
            record = self._record(position, what)
            self._require(record is None or moment == record.store_timestamp, f"{what} is another time")
        table, first = {}, 40 + 4 * slots
        for number in range(1, count):
            at = first + 20 * number
            key_hash, physical, difference, previous = struct.unpack_from(">iqii", data, at)
            record = self._record(physical, f"entry {number}")
            if record is None:
                continue
            self._require(difference == (record.store_timestamp - begin) // 1000, f"entry {number}: seconds {difference}")
            self._require(previous == table.get(key_hash % slots, 0), f"entry {number}: follows {previous}")
            table[key_hash % slots] = number
            key = next((key for key in _keys(record) if _index_hash(record.topic, key) == key_hash), None)
            self._require(key is not None, f"entry {number}: hash {key_hash} of no key of {physical}")
            lines.append(f"{number}: {physical} {_mask_property('UNIQ_KEY', key or '')}")
            if _mask_property("UNIQ_KEY", key or "") != key:
                data[at:at + 4] = bytes(4)
            data[at + 12:at + 20] = bytes(8)
        stored = {slot: struct.unpack_from(">i", data, 40 + 4 * slot)[0] for slot in range(slots)}
        self._require({slot: number for slot, number in stored.items() if number} == table, "slots do not say so")
        self._require(used == len(table), "slots in use")
        data[0:16] = bytes(16)
        data[32:36] = bytes(4)
        data[40:first] = bytes(first - 40)
        self._add("index/(time)", [re.sub(r"\d+ slots", "its slots", lines[0]), *lines[1:]], data)

    def _timer_log(self, name: str, data: bytearray) -> None:
        lines = [f"{len(data)} bytes"]
        for at in range(0, len(data) - 51, 52):
            size, previous, magic, written, delayed, physical, length, topic_hash, reserved = struct.unpack_from(
                ">iqiqiqiiq", data, at)
            if size != 52:
                break
            record = self._record(physical, f"unit {at // 52}")
            out = int(record.properties["TIMER_OUT_MS"]) if record else 0
            self._require(written + delayed == out, f"unit {at // 52}: due {written + delayed - out:+d} ms")
            data[at + 16:at + 28] = bytes(12)
            lines.append(f"{at // 52}: {physical} {length} after {previous} magic={magic} topic={topic_hash} {reserved}")
        self._add(name, lines, data)

    def _timer_wheel(self, data: bytes) -> None:
        count, slots, empty = len(data) // 32, [], bytes(4096)
        for page in range(0, len(data), 4096):
            if data[page:page + 4096] == empty[:len(data) - page]:
                continue
            for at in range(page, min(page + 4096, len(data)), 32):
                slot = struct.unpack_from(">qqqii", data, at)
                if any(slot):
                    slots.append(slot)
                    self._require(slot[0] % count == at // 32, f"slot {at // 32} is of {slot[0]}")
        self._add("timerwheel", [f"{len(data)} bytes"] + [f"first={first} last={last} num={num} magic={magic}"
                                                         for _, first, last, num, magic in sorted(slots)])

    def _checkpoint(self, data: bytes) -> None:
        """How far what was flushed when: that follows from the clock, and may only not be ahead of the log.

        From 48 to 64 RaptorMQ keeps fields of its own, where the original leaves zeros.
        """
        last = self._by_position[max(self._by_position)]
        times, positions = struct.unpack_from(">3q", data, 0), struct.unpack_from(">3q", data, 24)
        self._require(max(times) <= last.store_timestamp, f"times {times} ahead of the log")
        self._require(max(positions) <= last.physical + last.size, f"positions {positions} ahead of the log")
        self._add("checkpoint", [f"{len(data)} bytes, master flushed {positions[0]}, confirmed {positions[1]}"],
                  bytes(16) + data[64:])

    def _timer_check(self, data: bytes) -> None:
        _, flushed, queue, master, state, _, counter = struct.unpack_from(">7q", data, 0)
        self._add("config/timercheck", [f"{len(data)} bytes", f"timerlog flushed to {flushed}", f"queue offset {queue}",
                                        f"master's {master}", f"version {state} {bool(counter)}",
                                        f"the rest: {_digest(data[56:])}"])

    def _config(self, name: str, data: bytes) -> None:
        lines = []

        def walk(value, path):
            if isinstance(value, dict) and value:
                for key in sorted(value):
                    walk(value[key], f"{path}.{_mask_clock(key)}")
            else:
                if ".groupTopicMap." in path:
                    value = sorted(value)  # a set
                key = path.rsplit(".", 1)[-1]
                # How often a table was written follows from the clock, too.
                is_clock = key in _CONFIG_CLOCKS | {"counter"} and value
                shown = "(time)" if is_clock else _mask_clock(json.dumps(value, sort_keys=True))
                lines.append(f"{path[1:]}: {shown}")
        walk(remoting.parse_java_json(data), "")
        self._add(name, lines)


def java_hash(text: str) -> int:
    """Source: String.hashCode."""
    value = 0
    units = text.encode("utf-16-be")
    for high, low in zip(units[::2], units[1::2]):
        value = (value * 31 + (high << 8 | low)) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _index_hash(topic: str, key: str) -> int:
    """Source: IndexFile.indexKeyHashMethod."""
    return abs(java_hash(f"{topic}#{key}")) % (1 << 31)


def _keys(record: records.Record) -> list:
    """What a record is found by. Source: IndexService.buildIndex (5.5.0)."""
    properties = record.properties
    found = [properties["UNIQ_KEY"]] if "UNIQ_KEY" in properties else []
    found += [key for key in properties.get("KEYS", "").split(" ") if key]
    return found + ([f"T#{properties['TAGS']}"] if properties.get("TAGS") else [])
