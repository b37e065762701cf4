# SPDX-License-Identifier: Apache-2.0
"""What a scenario is given: one client, one cluster, its own names, and everything closed afterwards."""

import itertools
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from . import remoting, servers
from .drivers import Driver

_numbers = itertools.count(1)
_run = format(int(time.time()) % 36 ** 5, "x")


def kills(usually: int) -> int:
    """How often a scenario kills its broker: RMQ_COMPAT_KILLS makes all of them long."""
    return int(os.environ.get("RMQ_COMPAT_KILLS", usually))


class Context:
    """One client in one scenario. Drivers started here end with the scenario."""

    def __init__(self, client: str, lacks: dict, cluster, scenario: str):
        self.client, self.cluster, self.scenario = client, cluster, scenario
        self._lacks = lacks
        self._drivers = []
        self._tag = f"{scenario}_{client.replace('.', '_')}_{_run}{next(_numbers)}".replace("-", "_")

    def offers(self, feature: str) -> bool:
        return feature not in self._lacks

    def name(self, what: str) -> str:
        """A topic or group name that no other scenario, client or run uses."""
        return f"{what}_{self._tag}"

    def topic(self, what: str = "T", queues: int = 4, attributes: str = "") -> str:
        """A new topic, already visible to clients."""
        topic = self.name(what)
        remoting.create_topic(self.cluster.namesrv, topic, queues, attributes=attributes)
        return topic

    def driver(self, label: str = "main") -> Driver:
        driver = Driver(self.client, self.cluster.address, f"{self._tag}-{label}")
        self._drivers.append(driver)
        return driver

    def producer(self, driver: Driver, **options) -> str:
        name = f"p{next(_numbers)}"
        driver.call("producer.start", name=name, group=self.name("PG"), **options)
        return name

    def admin(self, *words: str) -> list:
        """What one command of `raptormq admin` prints, line by line. It works against either server."""
        done = subprocess.run([servers.RaptorCluster.binary, "admin", *words, "-n", self.cluster.address],
                              capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def stored(self, topic: str) -> list:
        """Everything in a topic over all brokers and queues, read by the independent observer."""
        found = []
        data = remoting.route(self.cluster.namesrv, topic)
        if data is None:
            return found
        addresses = {broker["brokerName"]: broker["brokerAddrs"]["0"] for broker in data["brokerDatas"]}
        for queues in data["queueDatas"]:
            for queue in range(queues["readQueueNums"]):
                found += remoting.read_queue(addresses[queues["brokerName"]], topic, queue)
        return found

    def wait_stored(self, topic: str, count: int, deadline: float = 15) -> list:
        """Waits until a topic holds exactly `count` messages and returns them."""
        found = []

        def enough():
            found[:] = self.stored(topic)
            return len(found) >= count

        try:
            remoting.wait_until(enough, deadline, "stored", step=0.2)
        except AssertionError:
            bodies = [m.body[:40] for m in found[:12]]
            raise AssertionError(f"{len(found)} of {count} messages stored in {topic}: {bodies}") from None
        assert len(found) == count, f"{len(found)} messages stored in {topic}, {count} expected"
        return list(found)

    def close(self, keep: bool = False) -> None:
        for driver in self._drivers:
            driver.close(keep)


class Group:
    """Several clients in one scenario that disturbs the cluster for all of them at once."""

    def __init__(self, contexts: list, cluster):
        self.contexts, self.cluster = contexts, cluster
        self.failures = {}
        self._lock = threading.Lock()

    def each(self, action) -> None:
        """Runs action(context) for every client that has not failed yet, side by side, and notes failures."""
        def guarded(context):
            try:
                action(context)
            except Exception as failure:  # noqa: BLE001 - one client's failure must not end the others
                with self._lock:
                    self.failures[context.client] = f"{type(failure).__name__}: {failure}"
        healthy = [context for context in self.contexts if context.client not in self.failures]
        if healthy:
            with ThreadPoolExecutor(len(healthy)) as pool:
                list(pool.map(guarded, healthy))


def settle_two_consumers(driver, producer: str, topic: str, members: list, deadline: float = 90) -> int:
    """Sends probes until two consumers share each round, with no probe at both, twice in a row.

    `members` are (driver, consumer name) pairs. Returns how many probe messages were sent; every one was delivered.
    """
    end, sent, good = time.monotonic() + deadline, 0, 0
    while good < 2:
        if time.monotonic() > end:
            raise AssertionError(f"two consumers did not share the queues within {deadline:g} s")
        before = [len(member.messages(name)) for member, name in members]
        driver.call("producer.send_many", name=producer, topic=topic, first=90000000 + sent, count=16, size=64)
        sent += 16
        bodies = {f"{number:08d}" for number in range(90000000 + sent - 16, 90000000 + sent)}

        def all_there(wanted=bodies):
            seen = {m["body"][:8] for member, name in members for m in member.messages(name)}
            return wanted <= seen
        remoting.wait_until(all_there, 40, "probe messages are delivered", step=0.1)
        gained = [len(member.messages(name)) - count for (member, name), count in zip(members, before)]
        good = good + 1 if all(gained) and sum(gained) == 16 else 0
        if not good:
            time.sleep(0.5)
    return sent
