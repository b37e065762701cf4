#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checker must see what it is there for: each kind of fault is planted and found, and nothing else is."""

import random
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from disk import PAGE, SECTOR, Disk
from history import History, Seen, body_of


def stored(queue, offset, key, body=None):
    return SimpleNamespace(queue=queue, offset=offset, physical=1000 * offset + queue, body=body or body_of(*key))


def seen(queue, offset, key):
    return Seen(key, queue, offset, 1000 * offset + queue)


class Checking(unittest.TestCase):
    def setUp(self):
        self.history = History()
        for number in range(5):
            self.history.begin_send(1, number)
        for number in range(4):
            self.history.acknowledge(seen(0, number, (1, number)))
        self.log = [stored(0, number, (1, number)) for number in range(4)]

    def only_fault(self, pattern, messages, synced=None):
        faults = self.history.check({0: messages}, synced)
        self.assertEqual(len(faults), 1, faults)
        self.assertRegex(faults[0], pattern)

    def test_what_was_acknowledged_is_right(self):
        self.assertEqual(self.history.check({0: self.log}), [])

    def test_a_send_without_an_answer_may_be_there(self):
        self.assertEqual(self.history.check({0: self.log + [stored(0, 4, (1, 4))]}), [])

    def test_a_loss_is_found(self):
        self.only_fault("1 messages are missing", self.log[:3])

    def test_a_received_message_must_stay(self):
        self.history.receive(stored(0, 4, (1, 4)))
        self.only_fault("1 messages are missing", self.log)

    def test_what_the_disk_had_not_may_be_missing_at_the_end(self):
        self.assertEqual(self.history.check({0: self.log[:2]}, lambda position, size: position < 2000), [])
        self.assertEqual(self.history.lost, 2)
        self.assertEqual(self.history.check({0: self.log[:2]}), [], "what is stored is the truth from then on")

    def test_what_the_disk_had_must_stay(self):
        self.only_fault("the disk had", self.log[:2], lambda position, size: position < 3000)

    def test_a_hole_is_no_clean_prefix(self):
        self.history.acknowledge(seen(1, 9, (1, 4)))
        faults = self.history.check({0: self.log[:2], 1: []}, lambda position, size: False)
        self.assertEqual(faults, [])
        other = History()
        for number in range(3):
            other.begin_send(1, number)
            other.acknowledge(Seen((1, number), number, 0, number * 100))
        queues = {number: [SimpleNamespace(queue=number, offset=0, physical=number * 100, body=body_of(1, number))]
                  for number in (0, 2)}
        faults = other.check({**queues, 1: []}, lambda position, size: False)
        self.assertEqual(len(faults), 1)
        self.assertRegex(faults[0], "no clean prefix")

    def test_a_phantom_is_found(self):
        self.only_fault("nobody sent", self.log + [stored(0, 4, (1, 77))])

    def test_bytes_that_are_no_message_are_found(self):
        self.only_fault("holds what nobody sent", self.log + [stored(0, 4, (1, 4), b"\x00\x00")])

    def test_another_body_is_found(self):
        self.only_fault("another body", self.log + [stored(0, 4, (1, 4), b"1:4:x")])

    def test_a_repeat_is_found(self):
        self.only_fault("twice", self.log + [stored(0, 4, (1, 3))])

    def test_a_gap_is_found(self):
        gap = SimpleNamespace(queue=0, offset=5, physical=5000, body=body_of(1, 4))
        self.only_fault("offset 5 where 4 is due", self.log + [gap])

    def test_disorder_is_found(self):
        history = History()
        for number in range(2):
            history.begin_send(1, number)
        faults = history.check({0: [stored(0, 0, (1, 1)), stored(0, 1, (1, 0))]})
        self.assertEqual(len(faults), 1)
        self.assertRegex(faults[0], "behind 1")

    def test_a_message_at_another_place_is_found(self):
        self.history.receive(stored(0, 3, (1, 4)))
        self.only_fault("was Seen", self.log)


class PowerLoss(unittest.TestCase):
    def test_each_sector_is_old_or_new_and_synced_pages_stay(self):
        with tempfile.TemporaryDirectory() as home:
            root = Path(home) / "store"
            root.mkdir()
            disk = Disk(root, Path(home) / "shadow", Path("no model"))
            (root / "log").write_bytes(b"n" * (40 * PAGE))
            self.assertGreater(disk.lose_power(random.Random(1)), 10)
            after = (root / "log").read_bytes()
            sectors = {after[at:at + SECTOR] for at in range(0, len(after), SECTOR)}
            self.assertEqual(sectors, {b"n" * SECTOR, bytes(SECTOR)})
            self.assertEqual(disk.lose_power(random.Random(2)), 0, "what was found is on the disk")
            self.assertEqual((root / "log").read_bytes(), after)


if __name__ == "__main__":
    unittest.main()
