# SPDX-License-Identifier: Apache-2.0
"""A running raptormq process for the tests of the whole program."""

import os
import re
import signal
import subprocess
import threading
from pathlib import Path

DEADLINE = 60
# What a server built with a sanitizer says; its exit status is lost when a test kills it.
SANITIZER_REPORT = r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: "


class Server:
    """A running server; its standard output is read line by line, its standard error is kept in `errors`."""

    def __init__(self, binary: Path, home: str, *arguments: str):
        self.process = subprocess.Popen([str(binary), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, errors="replace", env={**os.environ, "HOME": home})
        self.errors = []
        self.drain = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self.drain.start()

    def ready(self, role: str) -> int:
        """The port of the role, once it is ready."""
        watchdog = threading.Timer(DEADLINE, self.process.kill)
        watchdog.start()
        for line in self.process.stdout:
            found = re.match(rf"raptormq_ready role={role} port=(\d+) ms=\d+$", line)
            if found:
                watchdog.cancel()
                return int(found.group(1))
        watchdog.cancel()
        raise AssertionError(f"{role} did not get ready: {''.join(self.errors)}")

    def stop(self, how=signal.SIGTERM) -> int:
        self.process.send_signal(how)
        status = self.process.wait(DEADLINE)
        self.close()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.drain.join()
        self.process.stdout.close()
        self.process.stderr.close()
        found = [at for at, line in enumerate(self.errors) if re.search(SANITIZER_REPORT, line)]
        if found:
            raise AssertionError("".join(self.errors[found[0]:found[0] + 40]))
