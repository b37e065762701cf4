# SPDX-License-Identifier: Apache-2.0
"""Charts as SVG text, with nothing but the standard library."""

import math
from xml.sax.saxutils import escape

COLOURS = {"original": "#b0413e", "raptormq": "#1f6f8b", "bare loop": "#9aa5b1"}
_FONT = 'font-family="sans-serif" font-size="12"'


def _text(x: float, y: float, words: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {_FONT} {extra}>{escape(words)}</text>'


def _page(width: int, height: int, title: str, parts: list) -> str:
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                      f'viewBox="0 0 {width} {height}">', f'<rect width="{width}" height="{height}" fill="white"/>',
                      _text(12, 20, title, extra='font-weight="bold"'), *parts, "</svg>", ""])


def _powers(low: float, high: float) -> list:
    return [10.0 ** power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(title: str, groups: list) -> str:
    """Horizontal bars on a logarithmic axis. `groups`: (name, {series: value}); every value is above 0."""
    left, width, bar = 300, 560, 13
    values = [value for _, series in groups for value in series.values()]
    marks = _powers(min(values), max(values))
    low, high = math.log10(marks[0]), math.log10(marks[-1])

    def x(value: float) -> float:
        return left + width * (math.log10(value) - low) / max(high - low, 1)

    parts, y = [], 36.0
    for name, series in groups:
        parts.append(_text(left - 8, y + bar * len(series) / 2 + 4, name, "end"))
        for which, value in series.items():
            parts.append(f'<rect x="{left}" y="{y:.1f}" width="{max(x(value) - left, 1):.1f}" height="{bar - 2}" '
                         f'fill="{COLOURS[which]}"/>')
            parts.append(_text(max(x(value), left) + 4, y + bar - 3, _label(value)))
            y += bar
        y += 8
    for mark in marks:
        parts.insert(0, f'<line x1="{x(mark):.1f}" y1="30" x2="{x(mark):.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(x(mark), y + 14, _label(mark), "middle"))
    return _page(left + width + 80, int(y) + 48, title, parts + _legend(left, y + 36, groups))


def _legend(x: float, y: float, groups: list) -> list:
    parts = []
    for which in dict.fromkeys(name for _, series in groups for name in series):
        parts.append(f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="12" height="12" fill="{COLOURS[which]}"/>')
        parts.append(_text(x + 16, y, which))
        x += 120
    return parts


def percentiles(title: str, series: dict) -> str:
    """Latency by percentile, both axes logarithmic (the horizontal one in nines). `series`: name to [(us, count)]."""
    left, top, width, height = 80, 36, 680, 300
    curves = {name: _curve(histogram) for name, histogram in series.items()}
    values = [us for curve in curves.values() for _, us in curve]
    marks = _powers(min(values), max(values))
    low, high = math.log10(marks[0]), math.log10(marks[-1])
    parts = []
    for mark in marks:
        y = top + height - height * (math.log10(mark) - low) / max(high - low, 1)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(left - 6, y + 4, f"{_label(mark / 1000)} ms", "end"))
    for share, name in ((0, "0"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")):
        x = left + width * _nines(share) / 5
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}" stroke="#eeeeee"/>')
        parts.append(_text(x, top + height + 16, name, "middle"))
    for name, curve in curves.items():
        points = " ".join(
            f"{left + width * _nines(share) / 5:.1f},"
            f"{top + height - height * (math.log10(us) - low) / max(high - low, 1):.1f}" for share, us in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
    legend = _legend(left, top + height + 40, [("", {name: 1 for name in series})])
    return _page(left + width + 40, top + height + 56, title, parts + legend)


def _nines(share: float) -> float:
    """0 for nothing, 1 for 90 %, 2 for 99 %, at most 5."""
    return min(5.0, -math.log10(max(1 - share, 1e-5)))


def _curve(histogram: list) -> list:
    """(share of all, us) at about a hundred places."""
    total, seen, curve, last = sum(count for _, count in histogram), 0, [], -1.0
    for us, count in histogram:
        share = seen / total
        if _nines(share) - last >= 0.05:
            curve.append((share, max(us, 0.1)))
            last = _nines(share)
        seen += count
    return curve + [(1 - 1e-5, max(histogram[-1][0], 0.1))] if total >= 1e5 else curve
