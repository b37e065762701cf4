# SPDX-License-Identifier: Apache-2.0
"""Where things are. Everything that is built or downloaded lives under build/compat."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPAT = ROOT / "compat-tests"
BUILD = Path(os.environ.get("RMQ_COMPAT_BUILD", ROOT / "build" / "compat"))
SCENARIOS = COMPAT / "scenarios.json"
CLIENTS = COMPAT / "clients.json"
LEDGER = COMPAT / "ledger.csv"
EXAMPLES = BUILD / "results-examples.json"
COMPATIBILITY = ROOT / "docs" / "compatibility.md"


def results_file(server: str) -> Path:
    """The machine-readable results of the last run against `server` (oracle or raptormq)."""
    return BUILD / f"results-{server}.json"
