# SPDX-License-Identifier: Apache-2.0
"""What producers and consumers saw of one store, and whether what is stored agrees with it."""

import threading
from dataclasses import dataclass

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def body_of(producer: int, number: int) -> bytes:
    """The body of a producer's message: who sent it, and filler that makes records straddle pages."""
    filler = LETTERS[number % 26] * ((number * 7919 + producer * 104729) % 6000)
    return f"{producer}:{number}:{filler}".encode()


@dataclass(frozen=True)
class Seen:
    """One message at one place: told by the answer to its send, or found in a pull."""

    key: tuple  # (producer, number)
    queue: int
    offset: int
    position: int  # in the CommitLog, bytes


class History:
    """Sends begun, sends acknowledged, messages received. Thread safety: the recording methods, any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._begun, self._known, self._faults = set(), {}, []
        self.acknowledged = self.received = self.lost = 0

    def begin_send(self, producer: int, number: int) -> None:
        with self._lock:
            self._begun.add((producer, number))

    def acknowledge(self, seen: Seen) -> None:
        with self._lock:
            self.acknowledged += 1
            self._learn(seen, "acknowledged")

    def receive(self, message) -> None:
        """Takes a pulled message; what nobody sent, or not like this, is a fault."""
        with self._lock:
            self.received += 1
            self._learn(self._identify(message), "received")

    def check(self, queues: dict, synced=None) -> list:
        """Compares with everything that is stored: queue to messages in the order of their offsets.

        `synced(position, size)` tells what the disk had when power was lost; with it, what it had not may be missing,
        but only from one place of the log on. Without it nothing may be missing. Returns the faults, and from then on
        takes what is stored for the truth.
        """
        with self._lock:
            stored = {}
            for queue, messages in queues.items():
                self._check_queue(queue, messages, stored)
            self._check_missing(stored, synced)
            faults, self._faults = self._faults, []
            self._known = stored
            return faults

    def _identify(self, message):
        producer, number, _ = message.body.split(b":", 2) if message.body.count(b":") == 2 else (b"", b"", b"")
        where = f"{message.queue}/{message.offset}"
        if not (producer.isdigit() and number.isdigit()):
            self._faults.append(f"{where} holds what nobody sent: {message.body[:40]!r}")
            return None
        key = (int(producer), int(number))
        if key not in self._begun:
            self._faults.append(f"{where} holds message {key}, which nobody sent")
        elif message.body != body_of(*key):
            self._faults.append(f"{where} holds message {key} with another body")
        return Seen(key, message.queue, message.offset, message.physical)

    def _learn(self, seen, how: str) -> None:
        if seen is None:
            return
        place = (seen.queue, seen.offset)
        former = self._known.setdefault(place, seen)
        if former != seen:
            self._faults.append(f"{place} was {former}, {how} as {seen}")

    def _check_queue(self, queue: int, messages: list, stored: dict) -> None:
        newest, keys = {}, set()
        for index, message in enumerate(messages):
            if message.offset != index:
                self._faults.append(f"queue {queue} has offset {message.offset} where {index} is due")
                return
            seen = self._identify(message)
            if seen is None:
                continue
            producer, number = seen.key
            if seen.key in keys:
                self._faults.append(f"queue {queue} holds message {seen.key} twice")
            elif newest.get(producer, -1) >= number:
                self._faults.append(f"queue {queue} has message {seen.key} behind {newest[producer]}")
            keys.add(seen.key)
            newest[producer] = number
            stored[(queue, index)] = seen

    def _check_missing(self, stored: dict, synced) -> None:
        missing = [seen for place, seen in self._known.items() if stored.get(place) != seen]
        self.lost += len(missing)
        if not missing:
            return
        first = min(missing, key=lambda seen: seen.position)
        if synced is None:
            self._faults.append(f"{len(missing)} messages are missing, the first is {first}")
            return
        on_disk = [seen for seen in missing if synced(seen.position, len(body_of(*seen.key)))]
        if on_disk:
            self._faults.append(f"{len(on_disk)} messages are missing that the disk had, the first is {on_disk[0]}")
        behind = [seen for seen in stored.values() if seen.position > first.position]
        if behind:
            self._faults.append(f"no clean prefix: {first} is missing, {behind[0]} behind it is there")
