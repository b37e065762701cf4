#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps docs/configuration.md equal to the tables in the program.

    config_docs.py BINARY            exits with 1 when the page is out of date
    config_docs.py BINARY --write    writes the page
"""

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
HEAD = """# Configuration

Written by `tools/tidy/config_docs.py` from the tables in the program; do not edit. Files are Java properties with the
keys of RocketMQ 5.5.0; one file is applied to all classes of a program. Stronger beats weaker: command line options,
`--set key=value`, the file, `NAMESRV_ADDR` and `ROCKETMQ_HOME`, defaults.

- *live*: may be changed while the server runs, with `mqadmin updateBrokerConfig` or `updateNamesrvConfig`.
- *restart*: a change is kept and takes effect at the next start.
- *known only*: accepted, kept and returned, but not acted on; setting it to another value gives a warning by name.

A value that does not parse or is out of its range keeps the default, with a warning by name; for the ranges that the
original clamps, the nearest bound is taken. `(java: …)` is the default with `defaultsProfile=java`.
"""


def page(binary: str) -> str:
    text = HEAD
    for program, title in (("broker", "Broker"), ("namesrv", "NameServer")):
        # A fixed home, so that defaults below it do not depend on who runs this.
        done = subprocess.run([binary, program, "--dump-config-docs"], capture_output=True, text=True, check=True,
                              env={**os.environ, "HOME": "/root"})
        text += f"\n## {title}\n{done.stdout}"
    return text


def main() -> int:
    wanted = page(sys.argv[1])
    if "--write" in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        print(f"{PAGE} is out of date: run tools/tidy/config_docs.py {sys.argv[1]} --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
