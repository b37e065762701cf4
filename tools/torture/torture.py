#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a broker under load and takes its power away, again and again, and checks the history of every send and receive.

    tools/torture/torture.py                                # a minute: what ./test.sh runs
    tools/torture/torture.py --kills 1000 --power 500       # the long run
    tools/torture/torture.py --seed 7 --jobs 1              # repeats the choices of a run (not its timing)
    tools/torture/torture.py --blind                        # on a disk that lies about syncs: faults must be found

After kill -9 nothing acknowledged or received is missing, under either way of flushing. After a loss of power (every page
that was not synced is new, old or torn) the same holds with SYNC_FLUSH; with ASYNC_FLUSH only what the disk had not yet
may be missing, from one place of the log on. Never is there anything that nobody sent, at another place, or out of order,
and consumers' positions are not behind the end. Each life of a store ends with a clean stop and `raptormq store check`.

Needs the release build. Prints a line for each life and ends with "N passed, N failed", in lives.
"""

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "compat-tests"))

from disk import Disk  # noqa: E402
from harness import remoting, servers  # noqa: E402
from history import History, Seen, body_of  # noqa: E402

TOPIC, GROUP, QUEUES, PRODUCERS = "Torture", "G", 3, 4
CYCLES = 10  # of one store
FLUSH_INTERVALS = (10, 50, 500)  # milliseconds
MODEL = ROOT / "build" / "release" / "lib" / "rmq_disk_model.so"
SETTINGS = {"mappedFileSizeCommitLog": 1 << 20, "mappedFileSizeConsumeQueue": 20 * 500, "flushConsumerOffsetInterval": 100,
            "maxHashSlotNum": 1000, "maxIndexNum": 4000, "autoCreateTopicEnable": "false"}


class Load:
    """Producers with one send in flight each and a consumer of each queue, until the server is gone or they are told to."""

    def __init__(self, address: str, history: History, numbers: list, positions: list):
        self._address, self._history, self._numbers, self._positions = address, history, numbers, positions
        self._stopping = threading.Event()
        self.acknowledged = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._guard, args=(self._produce, each)) for each in range(PRODUCERS)]
        self._threads += [threading.Thread(target=self._guard, args=(self._consume, each)) for each in range(QUEUES)]
        self.failures = []
        for thread in self._threads:
            thread.start()

    def wait(self, acknowledgements: int, deadline: float = 60) -> None:
        for _ in range(acknowledgements):
            if not self.acknowledged.acquire(timeout=deadline):
                raise AssertionError(f"no acknowledgement within {deadline:g} s: {self.failures}")

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _guard(self, action, which: int) -> None:
        try:
            with remoting.Connection(self._address) as connection:
                action(connection, which)
        except OSError:
            pass  # the server was killed
        except Exception as problem:  # noqa: BLE001 - told to the one who waits
            self.failures.append(f"{type(problem).__name__}: {problem}")

    def _produce(self, connection, producer: int) -> None:
        queue = producer % QUEUES
        while not self._stopping.is_set():
            number = self._numbers[producer]
            self._numbers[producer] += 1
            self._history.begin_send(producer, number)
            _, fields, _ = connection.request(310, {
                "a": "PG", "b": TOPIC, "c": "TBW102", "d": QUEUES, "e": queue, "f": 0, "g": int(time.time() * 1000), "h": 0,
                "i": f"KEYS\x01k{producer}-{number}\x02", "j": 0, "k": False, "m": False}, body_of(producer, number))
            self._history.acknowledge(Seen((producer, number), int(fields["queueId"]), int(fields["queueOffset"]),
                                           int(fields["msgId"][-16:], 16)))
            self.acknowledged.release()

    def _consume(self, connection, queue: int) -> None:
        while not self._stopping.is_set():
            messages, following = remoting.pull(connection, TOPIC, queue, self._positions[queue], GROUP, wait_ms=100)
            for message in messages:
                self._history.receive(message)
            self._positions[queue] = following
            connection.request(15, {"consumerGroup": GROUP, "topic": TOPIC, "queueId": queue, "commitOffset": following})


class Life:
    """One store from its first start to its last stop."""

    def __init__(self, index: int, seed: int, ends: list, lies: bool):
        self._name, self._ends, self._lies = f"life {index}", ends, lies
        self._random = random.Random(seed)
        self._is_sync = index % 2 == 0 or lies
        self._history, self._numbers = History(), [0] * PRODUCERS
        self._cluster = servers.RaptorCluster(1, 1, {
            **SETTINGS, "flushDiskType": "SYNC_FLUSH" if self._is_sync else "ASYNC_FLUSH",
            "flushIntervalCommitLog": self._random.choice(FLUSH_INTERVALS)})
        self._broker, self._store = self._cluster.brokers[0], self._cluster.directory / "store-0"
        self._disk = Disk(self._store, self._cluster.directory / "shadow", MODEL)
        self._pages = 0

    def run(self) -> list:
        """Faults, in words."""
        try:
            if "power" in self._ends:
                self._broker.env = self._disk.environment(self._lies)
            self._cluster.start()
            remoting.create_topic(self._cluster.namesrv, TOPIC, QUEUES)
            remoting.create_group(self._broker.address, GROUP)
            faults = []
            for cycle, end in enumerate(self._ends):
                faults += [f"cycle {cycle} ({end}): {fault}" for fault in self._cycle(end)]
                if faults:
                    break
            return faults or self._last_stop()
        except Exception as problem:  # noqa: BLE001 - a life that could not be lived has failed
            return [f"{type(problem).__name__}: {problem}\n{self._broker.log_tail()}"]

    def close(self, keep: bool) -> str:
        self._cluster.close(keep=keep)
        flush = "SYNC_FLUSH " if self._is_sync else "ASYNC_FLUSH"
        ends = f"{self._ends.count('kill')} kills, {self._ends.count('power')} losses of power"
        history = self._history
        return (f"{self._name} {flush} {ends}: {history.acknowledged} acknowledged, {history.received} received, "
                f"{self._pages} pages and {history.lost} messages lost" + (f", in {self._cluster.directory}" if keep else ""))

    def _cycle(self, end: str) -> list:
        positions = [self._committed(queue) for queue in range(QUEUES)]
        self._disk.begin_run()
        load = Load(self._broker.address, self._history, self._numbers, positions)
        try:
            load.wait(self._random.randrange(1, 400))
        finally:
            self._broker.kill()
            load.stop()
        if load.failures:
            return load.failures
        synced = self._disk.synced_log()
        self._take_power(end)
        while self._random.randrange(4) == 0:  # once more, in the middle of its recovery
            self._broker.start()
            time.sleep(self._random.random() * 0.02)
            self._broker.kill()
            self._take_power(end)
        self._broker.start()
        self._cluster.wait_ready(self._broker)
        queues = {queue: remoting.read_queue(self._broker.address, TOPIC, queue) for queue in range(QUEUES)}
        faults = self._history.check(queues, synced if end == "power" and not self._is_sync else None)
        for queue, messages in queues.items():
            committed = self._committed(queue)
            if committed > len(messages):
                faults.append(f"position {committed} of queue {queue} is behind its end {len(messages)}")
        return faults

    def _take_power(self, end: str) -> None:
        if end == "power":
            self._pages += self._disk.lose_power(self._random)

    def _committed(self, queue: int) -> int:
        return max(0, remoting.committed_offset(self._broker.address, GROUP, TOPIC, queue))

    def _last_stop(self) -> list:
        status = self._broker.stop()
        if status != 0:
            return [f"the broker ended with status {status}"]
        check = subprocess.run([servers.RaptorCluster.binary, "store", "check", str(self._store)], capture_output=True,
                               text=True, check=False)
        return [] if check.returncode == 0 else [f"store check: {check.stdout}{check.stderr}"]


def _ends(kills: int, power: int, chooser) -> list:
    """The ends of all cycles, in lives of one kind each or of both: the model of the disk slows its lives down."""
    ends = ["kill"] * kills
    lives = [ends[at:at + CYCLES] for at in range(0, kills, CYCLES)]
    mixed = ["power"] * power
    lives += [mixed[at:at + CYCLES] for at in range(0, power, CYCLES)]
    for life in lives:
        if "power" in life:
            life.insert(chooser.randrange(len(life) + 1), "kill")
    return lives


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="times kill -9")
    parser.add_argument("--power", type=int, default=20, help="losses of power")
    parser.add_argument("--seed", type=int, help="of all choices; default: a new one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="stores side by side")
    parser.add_argument("--blind", action="store_true",
                        help="the disk lies about the CommitLog under SYNC_FLUSH: every life must end with a fault")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    chooser = random.Random(seed)
    print(f"seed {seed}", flush=True)
    counts, lock = {"passed": 0, "failed": 0}, threading.Lock()

    def live(index, life_seed, ends):
        life = Life(index, life_seed, ends, options.blind)
        faults = life.run()
        good = bool(faults) if options.blind else not faults
        summary = life.close(keep=not good)
        with lock:
            counts["passed" if good else "failed"] += 1
            print(("ok   " if good else "FAIL ") + summary, flush=True)
            if not good:
                for fault in faults or ["a disk that lies was not noticed"]:
                    print(f"differs: life {index}: {fault}", flush=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(live, index, chooser.randrange(1 << 31), ends)
                   for index, ends in enumerate(_ends(options.kills, options.power, chooser))]
        for future in futures:
            future.result()
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
