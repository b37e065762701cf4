#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How late messages with a delay are delivered, by the broker's own clock.

    tools/bench/delays.py timers [--pending 1000000] [--rate 1000] [--seconds 20] [--restarts 3]
    tools/bench/delays.py levels [--rate 5000] [--levels 1,2,3] [--seconds 20]

`timers` first stores `--pending` timer messages due in hours, prints the memory they take, then measures others that
are due in 1 to 10 s; kills the broker and starts it, `--restarts` times, prints how long each start takes, and measures
again. It ends with what is promised and "N passed, N failed": never early, at most 1 s late, started within 2 s. `levels`
sends at `--rate` to each of the levels at once. Lateness is the store time of the delivered record less the time asked for: never
negative. For a level that time counts from when the waiting record was stored. Both need a built binary (--binary),
both run against the original with --server oracle.
"""

import argparse
import json
import multiprocessing
import os
import random
import struct
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "compat-tests"))

from harness import remoting, servers  # noqa: E402

LEVEL_SECONDS = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200]
SETTINGS = {"mappedFileSizeCommitLog": 1 << 30, "defaultsProfile": "raptormq", "waitTimeMillsInSendQueue": 60000}
BODY = b"x" * 256
LATENESS_MS, RESTART_SECONDS = 1000, 2.0  # promised with a million pending


def now_ms() -> int:
    return int(time.time() * 1000)


def frame(opaque: int, topic: str, properties: str, queue: int) -> bytes:
    """A send (310) as a Java client frames it."""
    fields = {"a": "bench", "b": topic, "c": "TBW102", "d": "4", "e": str(queue), "f": "0", "g": str(now_ms()),
              "h": "0", "i": f"UNIQ_KEY\x017F00000100002A139A55{opaque:012X}\x02{properties}", "j": "0"}
    header = json.dumps({"code": 310, "extFields": fields, "flag": 0, "language": "JAVA", "opaque": opaque,
                         "serializeTypeCurrentRPC": "JSON", "version": 513}).encode()
    return struct.pack(">ii", 4 + len(header) + len(BODY), len(header)) + header + BODY


class Sender:
    """Sends without waiting for answers, which a thread reads and counts."""

    def __init__(self, address: str):
        self._connection = remoting.Connection(address, timeout=60)
        self._socket = self._connection._socket  # noqa: SLF001 - the same protocol, without one request at a time
        self.sent = self.failed = self.answered = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                header, _ = self._connection._read_frame()  # noqa: SLF001
            except OSError:
                return
            self.failed += header["code"] != 0
            self.answered += 1

    def send(self, frames: list) -> None:
        self._socket.sendall(b"".join(frames))
        self.sent += len(frames)

    def finish(self) -> None:
        remoting.wait_until(lambda: self.answered >= self.sent, 600, "every send is answered", 0.02)
        assert self.failed == 0, f"{self.failed} of {self.sent} sends failed"


def paced(sender: Sender, rate: int, seconds: float, make) -> int:
    """Sends make(number) at a rate; returns how many."""
    start, number = time.monotonic(), 0
    while (elapsed := time.monotonic() - start) < seconds:
        due = int(elapsed * rate)
        if due > number:
            sender.send([make(i) for i in range(number, due)])
            number = due
        time.sleep(0.002)
    sender.finish()
    return number


def lateness(broker: str, topic: str, count: int, asked, deadline: float) -> list:
    """Waits for `count` messages of a topic (queue 0) and returns store time less asked(message), sorted."""
    remoting.wait_until(lambda: remoting.max_offset(broker, topic, 0) >= count, deadline, f"{count} are delivered", 0.5)
    return sorted(m.store_timestamp - asked(m) for m in remoting.read_queue(broker, topic, 0))


def show(name: str, values: list) -> None:
    early = sum(value < 0 for value in values)
    percentiles = " ".join(f"p{label}={values[int(len(values) * part)]}" for label, part in
                           (("50", 0.5), ("90", 0.9), ("99", 0.99), ("99.9", 0.999)))
    print(f"{name:34} messages={len(values)} early={early} lateness_ms {percentiles} max={values[-1]}", flush=True)


def memory_mib(pid: int) -> str:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return " ".join(f"{label}={int(fields[key].split()[0]) // 1024}MiB"
                    for label, key in (("own", "RssAnon"), ("mapped_files", "RssFile")))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_taken_in(broker: str, step: float = 0.5) -> None:
    def behind() -> bool:
        _, _, body = remoting.call(broker, 28)
        return json.loads(body)["table"]["timerOffsetBehind"] == "0"
    remoting.wait_until(behind, 900, "every timer message is in the wheel", step)


def preload(broker: str, topic: str, count: int) -> None:
    base = now_ms()
    sender = Sender(broker)
    for first in range(0, count, 500):
        sender.send([frame(i, topic, f"TIMER_DELIVER_MS\x01{base + 7_200_000 + i * 7}\x02", 0)
                     for i in range(first, min(first + 500, count))])
    sender.finish()
    wait_taken_in(broker)


def probe_timers(broker: str, topic: str, name: str, options) -> list:
    sender = Sender(broker)
    count = paced(sender, options.rate, options.seconds, lambda i: frame(
        500_000_000 + i, topic, f"TIMER_DELIVER_MS\x01{now_ms() + random.randrange(1000, 10_000)}\x02", 0))
    values = lateness(broker, topic, count, lambda m: int(m.properties["TIMER_DELIVER_MS"]), 120)
    show(name, values)
    return values


def restart(cluster) -> float:
    """Kills the broker and starts it; seconds until it answers and has taken in every timer message."""
    process = cluster.brokers[0]
    process.kill()
    start = time.monotonic()
    process.start()
    remoting.wait_until(lambda: servers._answers(process.address), 60, "the broker answers", 0.01)  # noqa: SLF001
    answers = time.monotonic() - start
    wait_taken_in(process.address, 0.01)
    taken_in = time.monotonic() - start
    print(f"kill -9 and start: answers after {answers:.2f} s, serves timers after {taken_in:.2f} s "
          f"(processor: {cpu_seconds(process.pid):.2f} s): {memory_mib(process.pid)}", flush=True)
    cluster.wait_ready(process)
    return taken_in


def timers(cluster, options) -> int:
    process, broker = cluster.brokers[0], cluster.broker
    for topic in ("far", "probe1", "probe2"):
        remoting.create_topic(cluster.namesrv, topic, 1)
    print(f"empty: {memory_mib(process.pid)}")
    start = time.monotonic()
    preload(broker, "far", options.pending)
    print(f"{options.pending} pending after {time.monotonic() - start:.1f} s: {memory_mib(process.pid)}", flush=True)
    values = probe_timers(broker, "probe1", "before restarts", options)
    restarts = [restart(cluster) for _ in range(options.restarts)]
    values += probe_timers(broker, "probe2", "after restarts", options)
    return verdict({f"no message early, the earliest {min(values)} ms": min(values) >= 0,
                    f"at most {LATENESS_MS} ms late, the latest {max(values)} ms": max(values) <= LATENESS_MS,
                    f"started within {RESTART_SECONDS} s, the slowest {max(restarts):.2f} s":
                        max(restarts) <= RESTART_SECONDS})


def verdict(kept: dict) -> int:
    for what, good in kept.items():
        print(f"{'ok  ' if good else 'FAIL'} {what}")
    failed = list(kept.values()).count(False)
    print(f"{len(kept) - failed} passed, {failed} failed")
    return 1 if failed else 0


def send_level(broker: str, topic: str, level: int, options, counts) -> None:
    sender = Sender(broker)
    counts[level] = paced(sender, options.rate, options.seconds,
                          lambda i: frame(i, topic, f"DELAY\x01{level}\x02", 0))


def levels(cluster, options) -> int:
    wanted = [int(level) for level in options.levels.split(",")]
    for level in wanted:
        remoting.create_topic(cluster.namesrv, f"level{level}", 1)
    with multiprocessing.Manager() as manager:
        counts = manager.dict()
        workers = [multiprocessing.Process(target=send_level,
                                           args=(cluster.broker, f"level{level}", level, options, counts))
                   for level in wanted]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for level in wanted:
            delay = LEVEL_SECONDS[level - 1]
            stored = {m.properties["UNIQ_KEY"]: m.store_timestamp
                      for m in remoting.read_queue(cluster.broker, "SCHEDULE_TOPIC_XXXX", level - 1)}
            values = lateness(cluster.broker, f"level{level}", counts[level],
                              lambda m, d=delay, at=stored: at[m.properties["UNIQ_KEY"]] + d * 1000, delay + 120)
            show(f"level {level} ({delay} s), {options.rate}/s", values)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["timers", "levels"])
    parser.add_argument("--server", choices=["raptormq", "oracle"], default="raptormq")
    parser.add_argument("--binary", default=str(ROOT / "build" / "release" / "bin" / "raptormq"))
    parser.add_argument("--pending", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--levels", default="1,2,3")
    options = parser.parse_args()
    options.rate = options.rate or (1000 if options.what == "timers" else 5000)
    servers.RaptorCluster.binary = options.binary
    settings = {"timerMaxDelaySec": 31_622_400, **SETTINGS}
    cluster = servers.cluster_class(options.server)(settings=settings).start()
    try:
        return (timers if options.what == "timers" else levels)(cluster, options)
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
