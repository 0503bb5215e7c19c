"""A small curve as SVG, drawn by the server: no script, prints, and fits into a line of a list. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

_PAD = 3.0
_FOOT = 20
_APART = 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What to draw: slices (start in ms, least, greatest, mean) over ``since_ms`` … ``until_ms``.

    ``lines`` are levels drawn across (limits), ``marks`` moments in ms drawn down (fired, cleared). A picture that has
    room for words has ``levels``, one for each line, and ``ends``: when it begins and when it ends.
    """

    since_ms: int
    until_ms: int
    slices: Sequence[tuple[int, float, float, float]]
    lines: Sequence[float] = ()
    marks: Sequence[int] = ()
    levels: Sequence[str] = ()
    ends: tuple[str, str] | None = None


def draw(curve: Curve, *, width: int, height: int, title: str) -> str:
    """The picture; ``title`` is what it says to those who can't see it. Colours come from the style sheet inside."""
    low, high = _span(curve)
    foot = height - (_FOOT if curve.ends else 0)

    def x(at_ms: float) -> float:
        part = (at_ms - curve.since_ms) / max(1, curve.until_ms - curve.since_ms)
        return round(_PAD + (width - 2 * _PAD) * min(1.0, max(0.0, part)), 1)

    def y(value: float) -> float:
        return round(foot - _PAD - (foot - 2 * _PAD) * (value - low) / (high - low), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img"><title>{escape(title)}</title><style>{_STYLE}</style>'
    ]
    parts += [f'<path class="limit" d="M0 {y(level)}H{width}"/>' for level in curve.lines if low <= level <= high]
    parts += [f'<path class="mark" d="M{x(at_ms)} 0V{foot}"/>' for at_ms in curve.marks]
    if curve.slices:
        there = [f"{x(at)} {y(top)}" for at, _, top, _ in curve.slices]
        back = [f"{x(at)} {y(least)}" for at, least, _, _ in reversed(curve.slices)]
        parts.append(f'<path class="band" d="M{"L".join([*there, *back])}Z"/>')
        middle = "L".join(f"{x(at)} {y(mean)}" for at, _, _, mean in curve.slices)
        parts.append(f'<path class="mean" d="M{middle}"/>')
        last = curve.slices[-1]
        parts.append(f'<circle class="last" cx="{x(last[0])}" cy="{y(last[3])}" r="2"/>')
    drawn = [(y(level), words) for level, words in zip(curve.lines, curve.levels, strict=False) if low <= level <= high]
    return "".join([*parts, *_words(drawn, curve.ends, width, height), "</svg>"])


def _words(drawn: Sequence[tuple[float, str]], ends: tuple[str, str] | None, width: int, height: int) -> list[str]:
    """What levels say, above their lines; one too close to another would stand on it, and is left out."""
    parts: list[str] = []
    taken: list[float] = []
    for at, words in drawn:
        if all(abs(at - other) >= _APART for other in taken):
            taken.append(at)
            above = at - 4 if at > _APART else at + _APART - 6
            parts.append(f'<text x="{_PAD}" y="{round(above, 1)}">{escape(words)}</text>')
    if ends:
        parts.append(f'<text x="{_PAD}" y="{height - 4}">{escape(ends[0])}</text>')
        parts.append(f'<text class="end" x="{width - _PAD}" y="{height - 4}">{escape(ends[1])}</text>')
    return parts


# a picture of its own has no part in the page's theme; the browser tells it which one the device prefers
_STYLE = (
    ".band{fill:#0b5394;opacity:.18}.mean{fill:none;stroke:#0b5394;stroke-width:1.5;stroke-linejoin:round}"
    ".last{fill:#0b5394}.limit{fill:none;stroke:#b42318;stroke-width:1;stroke-dasharray:4 3}"
    ".mark{fill:none;stroke:#b54708;stroke-width:1;opacity:.7}"
    # the picture is as wide as its page allows: its words are read on a phone, and do not shout on a wide screen
    "text{font:12px system-ui,sans-serif;fill:#47525e;stroke:#fff;stroke-width:3px;paint-order:stroke}"
    ".end{text-anchor:end}@media(max-width:520px){text{font-size:21px}}@media(min-width:900px){text{font-size:10px}}"
)


def _span(curve: Curve) -> tuple[float, float]:
    values = [value for _, least, top, _ in curve.slices for value in (least, top)] + list(curve.lines)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    room = (high - low) * 0.08 or max(1.0, abs(high) * 0.1)
    return low - room, high + room
