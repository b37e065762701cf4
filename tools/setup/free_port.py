#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the wanted port, or the next free one; says on standard error which is taken and by what."""

import argparse
import os
import socket
import sys
from pathlib import Path


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def listening_inodes(port: int) -> set:
    """Socket inodes that listen on the port. Source: proc(5), /proc/net/tcp."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in (line.split() for line in rows):
            if int(row[1].rsplit(":", 1)[1], 16) == port and row[3] == "0A":
                inodes.add(row[9])
    return inodes


def owner(port: int) -> str:
    """Process that listens on the port, as far as this user may see."""
    wanted = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = {os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")}
            if wanted & links:
                command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                return f"{command.strip()[:80]} (process {process})"
        except OSError:
            continue
    return "another user's process"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("--with-offset", type=int, default=0, help="a second port, relative, must be free as well")
    options = parser.parse_args()
    for port in range(options.port, min(options.port + 1000, 65536)):
        needed = {port, port + options.with_offset}
        taken = sorted(each for each in needed if not is_free(each))
        if not taken:
            if port != options.port:
                print(f"    {options.name}: taking port {port} instead", file=sys.stderr)
            print(port)
            return 0
        if port == options.port:
            print(f"    {options.name}: port {taken[0]} is taken by {owner(taken[0])}", file=sys.stderr)
    print(f"{options.name}: no free port from {options.port} on", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
