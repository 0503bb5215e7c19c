"""Where lines of Chinese text end: anywhere between two Chinese letters, but no line begins with a closing mark.

The rules are those of GB/T 15834-2011, 5.1: full stops, commas and the like, closing brackets and quotes never begin a
line, opening ones never end it. Latin words and numbers stay whole. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

_NEVER_FIRST = frozenset("。？！，、；：）》〉」』】〕”’…—％%,.;:!?)]}·")
_NEVER_LAST = frozenset("（《〈「『【〔“‘([{￥¥")
_WIDE_FROM = 0x2E80  # from here on letters are Chinese, Japanese or Korean, or their punctuation


def broken(text: str, width_mm: float, measure: Callable[[str], float], *, first_mm: float = 0.0) -> list[str]:
    """``text`` in lines of at most ``width_mm``; the first is ``first_mm`` shorter. Line ends in it are kept.

    ``measure`` says how long a text is, in millimetres. A word that is longer than a line is cut.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, room = "", width_mm - (first_mm if not lines else 0.0)
        for piece in _pieces(paragraph):
            for part in _cut(piece, width_mm, measure):
                if line and measure((line + part).rstrip()) > room:
                    lines.append(line.rstrip())
                    line, room = part.lstrip(), width_mm
                else:
                    line += part
        lines.append(line.rstrip())
    return lines


def _pieces(text: str) -> Iterator[str]:
    """What may not be torn apart: a Chinese letter with its punctuation, a Latin word with the blank after it."""
    held = ""
    for letter in text:
        if not held:
            held = letter
        elif letter in _NEVER_FIRST or held[-1] in _NEVER_LAST or not _may_part(held[-1], letter):
            held += letter
        else:
            yield held
            held = letter
    if held:
        yield held


def _may_part(before: str, after: str) -> bool:
    if after == " ":
        return False
    return before == " " or ord(before) >= _WIDE_FROM or ord(after) >= _WIDE_FROM


def _cut(piece: str, width_mm: float, measure: Callable[[str], float]) -> Iterator[str]:
    while len(piece) > 1 and measure(piece.rstrip()) > width_mm:
        fits = next((count for count in range(len(piece) - 1, 1, -1) if measure(piece[:count]) <= width_mm), 1)
        yield piece[:fits]
        piece = piece[fits:]
    if piece:
        yield piece
