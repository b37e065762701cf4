# SPDX-License-Identifier: Apache-2.0
"""The rows of the comparison: what is measured, on which servers, and what it must show."""

from dataclasses import dataclass, field


@dataclass
class Row:
    """One workload. `must` maps a figure to the bound that any one of its alternatives keeps: see `holds`."""

    name: str
    arguments: list  # of `raptormq bench`
    setup: str = "default"  # which servers, see compare.SETTINGS
    bare: bool = False  # the bare loop serves it too
    prefill: int = 0  # messages sent before the first measurement
    beside: list = field(default_factory=list)  # a second load at the same time
    must: list = field(default_factory=list)  # of (figure, kind, bound)


# Kinds of bounds: "ratio" ours over the original's, at least; "share" ours over the original's, at most; "most" ours,
# at most. A list of alternatives holds when one of them does.
ROWS = [
    Row("send, 8 connections x 16 in flight", ["send", "-c", 8, "-i", 16], bare=True, must=[
        [("rate", "ratio", 8)], [("cpu_us", "most", 2), ("cpu_us", "share", 1 / 12)]]),
    Row("send, 64 connections x 1 in flight", ["send", "-c", 64, "-i", 1], bare=True, must=[
        [("cpu_us", "share", 1 / 5)], [("rate", "ratio", 3)]]),
    Row("send, open loop 10,000/s", ["send", "-c", 16, "-r", 10_000], must=[
        [("p99_us", "most", 500)], [("p99_us", "share", 1 / 20)], [("p99.9_us", "most", 2000)]]),
    Row("send, batches of 32", ["send", "-c", 4, "-i", 2, "--batch", 32], must=[[("cpu_us", "most", 0.4)]]),
    Row("pull of 32, hot", ["pull", "-c", 4, "-i", 1], prefill=400_000, must=[
        [("rate", "ratio", 2.5)], [("cpu_us", "most", 0.6)]]),
    Row("send to receive, long poll, 5,000/s", ["tail", "-c", 8, "-r", 5000, "--consumers", 4], must=[
        [("p99_us", "most", 1000)]]),
    Row("send, 500 connections, open loop 10,000/s", ["send", "-c", 500, "-r", 10_000]),
    Row("send, 100 bytes, 8 x 16", ["send", "-c", 8, "-i", 16, "-s", 100]),
    Row("send, 256 KiB, 4 x 1", ["send", "-c", 4, "-i", 1, "-s", 262_144]),
    Row("send with a key, 8 x 16", ["send", "-c", 8, "-i", 16, "--keys"]),
    Row("slow consumer (20 ms), 5,000/s", ["tail", "-c", 8, "-r", 5000, "--consumers", 4, "--consume-ms", 20]),
    Row("send 10,000/s beside a reader from the first message", ["send", "-c", 16, "-r", 10_000], prefill=400_000,
        beside=["pull", "-c", 1, "-i", 1]),
    Row("send, synchronous flush, 64 x 1", ["send", "-c", 64, "-i", 1], setup="flush", must=[
        [("rate", "ratio", 1)], [("cpu_us", "share", 1 / 5)]]),
    Row("send, 1,000 topics of 8 queues, 1,000 connections",
        ["send", "-c", 1000, "-i", 1, "--topics", 1000, "--queues", 8], setup="topics", must=[
            [("failures", "most", 0)], [("cpu_us", "share", 1 / 5)]]),
    Row("route query, 100 topics, 16 connections", ["route", "-c", 16, "-i", 1, "--topics", 100], setup="routes 100",
        must=[[("rate", "ratio", 8)]]),
    Row("route query, one topic among 10", ["route", "-c", 1, "-i", 16], setup="routes 10"),
    Row("route query, one topic among 10,000", ["route", "-c", 1, "-i", 16], setup="routes 10000"),
]

FIGURES = {"rate": "/s", "cpu_us": "µs CPU", "p50_us": "p50 µs", "p99_us": "p99 µs", "p99.9_us": "p99.9 µs",
           "failures": "failures", "own_mib": "MiB", "start_ms": "ms", "allocations": "allocations"}


def holds(alternatives: list, ours: dict, theirs: dict) -> bool:
    """Whether one of the bounds is kept."""
    def kept(figure: str, kind: str, bound: float) -> bool:
        if kind == "most":
            return ours[figure] <= bound
        if not theirs or figure not in theirs:
            return False
        ratio = ours[figure] / max(theirs[figure], 1e-9)
        return ratio >= bound if kind == "ratio" else ratio <= bound
    return any(kept(*bound) for bound in alternatives)


def in_words(alternatives: list) -> str:
    """The bounds as the table shows them."""
    def one(figure: str, kind: str, bound: float) -> str:
        unit = FIGURES[figure]
        if kind == "ratio":
            return f"rate at least {bound:g}x"
        return f"{unit} at most {bound:,g}" if kind == "most" else f"{unit} at most 1/{1 / bound:.0f}"
    return " or ".join(one(*bound) for bound in alternatives)
