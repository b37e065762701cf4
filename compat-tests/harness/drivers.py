# SPDX-License-Identifier: Apache-2.0
"""Client drivers: child processes that carry out requests with one stock client and report what it saw.

Requests and answers are JSON objects, one a line, over the driver's standard input and output; README.md has the list.
"""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import zlib
from pathlib import Path

from . import paths
from .servers import JAVA_COMMON


class DriverError(Exception):
    """The stock client reported an error."""


def command(client: str) -> list:
    """The command line that starts the driver of `client`, without its arguments."""
    build = paths.BUILD
    if client.startswith("java-"):
        version = client.split("-", 1)[1]
        classpath = f"{build / client}:{(build / f'java-{version}.cp').read_text().strip()}"
        return ["java", "-Xmx384m", *JAVA_COMMON, "-Drocketmq.client.logUseSlf4j=false", "-cp", classpath,
                "compat.Driver"]
    if client == "go":
        return [str(build / "go-driver")]
    if client == "cpp":
        return [str(build / "cpp-driver")]
    if client == "node":
        return ["node", str(build / "node" / "driver.js")]
    raise ValueError(f"unknown client {client}")


class Driver:
    """One driver process. Thread-safe."""

    def __init__(self, client: str, namesrv: str, label: str):
        self.client = client
        self._ids = itertools.count(1)
        self._answers = {}
        self._lock = threading.Condition()
        self._messages = []
        self.acked = 0
        self._dead = False
        self.home = Path(tempfile.mkdtemp(prefix=f"compat-client-{client}-"))
        self.log = self.home / "stderr.log"
        full = command(client)
        if full[0] == "java":
            full = [full[0], f"-Duser.home={self.home}", *full[1:]]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(full + [namesrv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=log, text=True, cwd=self.home, encoding="utf-8",
                                             env={**os.environ, "HOME": str(self.home), "NAMESRV_ADDR": ""})
        self._write_lock = threading.Lock()
        threading.Thread(target=self._read, name=f"driver-{label}", daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue  # some clients print banners
            parsed = json.loads(line)
            with self._lock:
                if parsed.get("event") == "message":
                    self._messages.append(parsed)
                elif parsed.get("event") == "acked":
                    self.acked = parsed["sequence"] + 1
                else:
                    self._answers[parsed["id"]] = parsed
                self._lock.notify_all()
        with self._lock:
            self._dead = True
            self._lock.notify_all()

    def send(self, op: str, **fields) -> int:
        """Sends a request without waiting; `result` collects the answer."""
        number = next(self._ids)
        with self._write_lock:
            self._process.stdin.write(json.dumps({"id": number, "op": op, **fields}) + "\n")
            self._process.stdin.flush()
        return number

    def result(self, number: int, timeout: float = 40.0):
        with self._lock:
            if not self._lock.wait_for(lambda: number in self._answers or self._dead, timeout):
                raise AssertionError(f"the {self.client} client did not answer within {timeout:g} s")
            if number not in self._answers:
                raise AssertionError(f"the {self.client} driver ended: {self.tail()}")
            answer = self._answers.pop(number)
        if not answer["ok"]:
            raise DriverError(answer["error"])
        return answer.get("result")

    def call(self, op: str, timeout: float = 40.0, **fields):
        return self.result(self.send(op, **fields), timeout)

    @property
    def received(self) -> int:
        with self._lock:
            return len(self._messages)

    def messages(self, consumer: str = None) -> list:
        """What was delivered so far, in order of arrival; each has consumer, at (ms), accepted and the message's members."""
        with self._lock:
            return [{**event["message"], "consumer": event["consumer"], "at": event["at"],
                     "accepted": event.get("accepted", True)}
                    for event in self._messages if consumer is None or event["consumer"] == consumer]

    def wait_messages(self, count: int, timeout: float, consumer: str = None) -> list:
        """Waits until at least `count` messages came; AssertionError names how many did not."""
        def have():
            return sum(1 for e in self._messages if consumer is None or e["consumer"] == consumer)
        with self._lock:
            if not self._lock.wait_for(lambda: have() >= count or self._dead, timeout):
                raise AssertionError(f"{have()} of {count} messages within {timeout:g} s")
            if have() < count:
                raise AssertionError(f"the {self.client} driver ended: {self.tail()}")
        return self.messages(consumer)

    def kill(self) -> None:
        """Ends the process at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Ends the process in good order, if it has not ended; what it reported stays known."""
        if self._process.poll() is None:
            try:
                self._process.stdin.close()
                self._process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
        self._process.wait()

    def close(self, keep: bool = False) -> None:
        """Ends the driver; its home with the log stays when `keep`."""
        self.end()
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)

    def tail(self, lines: int = 8) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def numbered_body(sequence: int, size: int) -> bytes:
    """The body that drivers generate for numbered messages."""
    head = b"%08d|" % sequence
    return head + bytes([ord("a") + sequence % 26]) * (size - len(head))


def numbered_crc(sequence: int, size: int) -> int:
    return zlib.crc32(numbered_body(sequence, size))
