# SPDX-License-Identifier: Apache-2.0
"""Starts, stops and kills the servers under test on free loopback ports, each in its own directory."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from . import paths, remoting

# JDK 17 closes what the original reaches into.
JAVA_OPENS = [
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-exports=java.base/sun.security.action=ALL-UNNAMED",
]
JAVA_COMMON = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", *JAVA_OPENS]

_SANITIZER_REPORT = r"(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|: runtime error: "

_port_lock = threading.Lock()
_ports_taken = set()


def free_ports(count: int) -> list:
    """`count` adjacent loopback ports that nothing listens on and that no other server of this run was given."""
    with _port_lock:
        for _ in range(1000):
            first = random.randrange(20000, 32000 - count)
            block = list(range(first, first + count))
            if _ports_taken.isdisjoint(block) and all(_is_free(port) for port in block):
                _ports_taken.update(block)
                return block
    raise RuntimeError("no free block of loopback ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Process:
    """One server process that can be started again after a stop or a kill. Its log is `<dir>/<name>.log`."""

    def __init__(self, name: str, command: list, directory: Path, env: dict):
        self.name, self.command, self.directory, self.env = name, command, directory, env
        self.log = directory / f"{name}.log"
        self._process = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                             env={**os.environ, **self.env}, cwd=self.directory)

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ended(self):
        """How it ended, in words; None while it runs or before it was started."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return None
        return f"{self.name} was ended by signal {-status}" if status < 0 else f"{self.name} ended with status {status}"

    def signal(self, number: int, timeout: float = 40.0) -> int:
        """Sends a signal and waits for the end; returns the exit status."""
        if self.running():
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.name} did not end within {timeout:g} s of signal {number}") from None

    def stop(self) -> int:
        return self.signal(signal.SIGTERM) if self._process is not None else 0

    def kill(self) -> int:
        return self.signal(signal.SIGKILL)

    def sanitizer_reports(self) -> list:
        """The first lines of each report that a server built with a sanitizer left in its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        starts = [at for at, line in enumerate(lines) if re.search(_SANITIZER_REPORT, line)]
        return ["\n".join([self.name, *lines[at:at + 40]]) for at in starts]

    def log_tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


class Broker(Process):
    """A broker process with its address and the NameServers that it registers with."""

    broker_name: str
    address: str
    namesrvs: list
    own_command = None  # command and environment of the kind's own server while the original's is in its place


class Cluster:
    """NameServers and Brokers of one kind. Subclasses say how one of each is launched."""

    kind = "?"

    def __init__(self, namesrvs: int = 1, brokers: int = 1, settings=None, namesrv_ports=None, broker_ports=None):
        self.directory = Path(tempfile.mkdtemp(prefix=f"compat-{self.kind}-"))
        self.namesrvs, self.brokers = [], []
        self.reports = []  # of sanitizers, known after close()
        self._settings = dict(settings or {})
        ports = namesrv_ports or [free_ports(1)[0] for _ in range(namesrvs)]
        self.namesrv_addresses = [f"127.0.0.1:{port}" for port in ports]
        for index, port in enumerate(ports):
            self.namesrvs.append(self._namesrv(index, port))
        for index in range(brokers):
            port = broker_ports[index] if broker_ports else free_ports(5)[2]
            self.brokers.append(self._broker(index, port))

    @property
    def address(self) -> str:
        """All NameServers, as clients want them."""
        return ";".join(self.namesrv_addresses)

    @property
    def namesrv(self) -> str:
        return self.namesrv_addresses[0]

    @property
    def broker(self) -> str:
        return self.brokers[0].address

    def start(self) -> "Cluster":
        try:
            for process in self.namesrvs:
                process.start()
            for address in self.namesrv_addresses:
                remoting.wait_until(lambda a=address: _answers(a), 60, f"NameServer {address} answers")
            for broker in self.brokers:
                broker.start()
            for broker in self.brokers:
                self.wait_ready(broker)
        except BaseException:
            for process in self.namesrvs + self.brokers:
                print(f"--- {process.name}\n{process.log_tail()}")
            self.close()
            raise
        return self

    def wait_ready(self, broker: Broker, deadline: float = 60) -> None:
        """Returns once every running NameServer shows the broker and the broker itself answers."""
        def ready():
            if not broker.running():
                raise AssertionError(f"{broker.name} ended by itself: {broker.log_tail(5)}")
            # `_answers` first: after kill -9 a NameServer may still show the dead broker's registration.
            return _answers(broker.address) and all(
                broker.broker_name in remoting.brokers(address)
                for address, process in zip(self.namesrv_addresses, self.namesrvs) if process.running())
        remoting.wait_until(ready, deadline, f"{broker.name} is registered")

    def hand_over(self, broker: Broker, kill: bool = False, between=lambda: None) -> None:
        """Stops `broker`, or kills it, and starts the other server on the same settings and store directory.

        The other one is the original's broker, or, the next time, that of this cluster's kind again. `between` is
        called while none runs. Returns once the other one is ready.
        """
        (broker.kill if kill else broker.stop)()
        between()
        if broker.own_command:
            (broker.command, broker.env), broker.own_command = broker.own_command, None
        else:
            broker.own_command = (broker.command, broker.env)
            broker.command, broker.env = oracle_broker_command(self.directory, broker.name,
                                                               self.directory / f"{broker.name}.conf")
        broker.start()
        self.wait_ready(broker, 90)

    def ended(self) -> str:
        """Which servers do not run any more, and how they ended; empty when all run."""
        return "; ".join(filter(None, (process.ended() for process in self.namesrvs + self.brokers)))

    def close(self, keep: bool = False) -> None:
        for process in self.brokers + self.namesrvs:
            try:
                process.stop()
            except (AssertionError, OSError):
                pass
            self.reports += process.sanitizer_reports()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _write_properties(self, name: str, values: dict) -> Path:
        path = self.directory / name
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        return path

    def _namesrv_properties(self, index: int, port: int) -> Path:
        home = self.directory / f"namesrv-{index}"
        home.mkdir()
        return self._write_properties(f"namesrv-{index}.conf", {
            "listenPort": port, "bindAddress": "127.0.0.1", "kvConfigPath": home / "kvConfig.json",
            "configStorePath": home / "namesrv.properties"})

    def _broker_properties(self, index: int, port: int) -> Path:
        values = {
            "brokerClusterName": "DefaultCluster", "brokerName": f"broker-{chr(ord('a') + index)}", "brokerId": 0,
            "brokerIP1": "127.0.0.1", "brokerIP2": "127.0.0.1", "bindAddress": "127.0.0.1", "listenPort": port,
            "haListenPort": port + 1, "namesrvAddr": self.address,
            "storePathRootDir": self.directory / f"store-{index}",
            "autoCreateTopicEnable": "true", "defaultsProfile": "java",
            # Small files: many stores live side by side on one disk. Only sizes differ from the defaults.
            "mappedFileSizeCommitLog": 64 << 20, "mappedFileSizeConsumeQueue": 20 * 30000,
            "maxHashSlotNum": 100000, "maxIndexNum": 400000,
            # A machine with a nearly full disk must not fail the messaging scenarios.
            "diskMaxUsedSpaceRatio": 95,
            # Nor must a slow one: flow control has its own tests.
            "waitTimeMillsInSendQueue": 10000,
        }
        values.update(self._settings)
        return self._write_properties(f"broker-{index}.conf", values)

    def _namesrv(self, index: int, port: int) -> Process:
        raise NotImplementedError

    def _broker(self, index: int, port: int) -> Broker:
        raise NotImplementedError

    def _label(self, broker: Broker, index: int, port: int) -> Broker:
        broker.broker_name = f"broker-{chr(ord('a') + index)}"
        broker.address = f"127.0.0.1:{port}"
        broker.namesrvs = list(self.namesrv_addresses)
        return broker


def _answers(address: str) -> bool:
    try:
        # A code that neither server knows: any answer will do.
        remoting.call(address, 9999)
    except remoting.RemotingError:
        return True
    except OSError:
        return False
    return True


def _java_command(directory: Path, main: str, heap: str, arguments: list, name: str) -> tuple:
    classpath = (paths.BUILD / "oracle.cp").read_text().strip()
    home = directory / f"home-{name}"
    home.mkdir(exist_ok=True)
    command = ["java", f"-Xmx{heap}", f"-Duser.home={home}", *JAVA_COMMON,
               f"-Drocketmq.home.dir={home}", "-cp", classpath, main, *arguments]
    return command, {"ROCKETMQ_HOME": str(home)}


def oracle_broker_command(directory: Path, name: str, configuration: Path) -> tuple:
    """Command and environment of the original's broker."""
    command, env = _java_command(directory, "org.apache.rocketmq.broker.BrokerStartup", "700m",
                                 ["-c", str(configuration)], name)
    command.insert(1, "-XX:MaxDirectMemorySize=1g")
    return command, env


class OracleCluster(Cluster):
    """The original server, straight from its published jars."""

    kind = "oracle"

    def _namesrv(self, index: int, port: int) -> Process:
        name = f"namesrv-{index}"
        command, env = _java_command(self.directory, "org.apache.rocketmq.namesrv.NamesrvStartup", "128m",
                                     ["-c", str(self._namesrv_properties(index, port))], name)
        return Process(name, command, self.directory, env)

    def _broker(self, index: int, port: int) -> Broker:
        name = f"broker-{index}"
        command, env = oracle_broker_command(self.directory, name, self._broker_properties(index, port))
        return self._label(Broker(name, command, self.directory, env), index, port)


class RaptorCluster(Cluster):
    """The RaptorMQ binary, started the way operators start the original."""

    kind = "raptormq"
    binary = str(paths.ROOT / "build" / "release" / "bin" / "raptormq")

    def _namesrv(self, index: int, port: int) -> Process:
        command = [self.binary, "namesrv", "-c", str(self._namesrv_properties(index, port))]
        return Process(f"namesrv-{index}", command, self.directory, {})

    def _broker(self, index: int, port: int) -> Broker:
        command = [self.binary, "broker", "-n", self.address, "-c", str(self._broker_properties(index, port))]
        return self._label(Broker(f"broker-{index}", command, self.directory, {}), index, port)


def cluster_class(server: str) -> type:
    return {"oracle": OracleCluster, "raptormq": RaptorCluster}[server]
