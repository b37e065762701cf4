# SPDX-License-Identifier: Apache-2.0
"""The disk below a server that runs with disk_model.cc preloaded: what it has, and what a loss of power leaves of it."""

import subprocess
from pathlib import Path

PAGE, SECTOR = 4096, 512


class Disk:
    """The files below `root` and their shadows. `root` need not exist yet."""

    def __init__(self, root: Path, shadow: Path, model: Path):
        self.root, self._shadow, self._model = root, shadow, model
        shadow.mkdir()
        self._syncs = shadow / "syncs"

    def environment(self, lies: bool = False) -> dict:
        return {"LD_PRELOAD": str(self._model), "RMQ_DISK_ROOT": str(self.root), "RMQ_DISK_SHADOW": str(self._shadow),
                "RMQ_DISK_LIES": "1" if lies else "0"}

    def begin_run(self) -> None:
        self._syncs.write_text("")

    def synced_log(self):
        """A function of (position, size): whether the disk took these bytes of the CommitLog during this run."""
        ranges = []
        for line in self._syncs.read_text().splitlines():
            path, begin, end = line.rsplit(" ", 2)
            if Path(path).parent.name == "commitlog":
                first = int(Path(path).name)
                ranges.append((first + int(begin), first + int(end)))
        return lambda position, size: any(begin <= position and position + size <= end for begin, end in ranges)

    def lose_power(self, random) -> int:
        """Puts every file together from what the disk has and what it had not yet; returns the pages that went back.

        Each page that differs is as new as it was in memory, as old as on the disk, or torn between two sectors.
        """
        files = [path for path in sorted(self.root.rglob("*")) if path.is_file()]
        if not files:
            return 0
        names = subprocess.run(["stat", "--printf", "%i-%.9W\\n", *files], capture_output=True, text=True,
                               check=True).stdout.split()
        return sum(self._lose(path, self._shadow / name, random) for path, name in zip(files, names))

    @staticmethod
    def _lose(path: Path, shadow: Path, random) -> int:
        memory = path.read_bytes()
        disk = shadow.read_bytes()[:len(memory)] if shadow.exists() else b""
        disk += bytes(len(memory) - len(disk))
        if disk == memory:
            return 0
        lost, pages = 0, []
        for at in range(0, len(memory), PAGE):
            new, old = memory[at:at + PAGE], disk[at:at + PAGE]
            if new != old:
                fate = random.randrange(3)
                lost += fate != 0
                if fate == 1:
                    new = old
                elif fate == 2:
                    new = b"".join((new if random.randrange(2) else old)[s:s + SECTOR] for s in range(0, PAGE, SECTOR))
            pages.append(new)
        with open(path, "r+b") as file:  # the same inode: the shadow stays
            file.write(b"".join(pages))
        Path(shadow).write_bytes(b"".join(pages))
        return lost
