"""A label for label printers that speak ZPL II: one picture of black dots (``^GFA``), and nothing else.

The printer's own QR code and fonts are not used: what was decoded here is dot for dot what is printed, Chinese letters
included, on every make of printer.
"""

from __future__ import annotations

import re

import numpy as np

from registry.domain.errors import InvalidInput
from registry.labels.png import Picture, Pixels

_COUNTS = "GHIJKLMNOPQRSTUVWXY"  # 1 to 19
_TWENTIES = "ghijklmnopqrstuvwxyz"  # 20 to 400
_WORTH = {letter: number for number, letter in enumerate(_COUNTS, 1)} | {
    letter: number * 20 for number, letter in enumerate(_TWENTIES, 1)
}
_MOST_COUNTED = 419
_FIELD = re.compile(r"\^GFA,(\d+),(\d+),(\d+),([0-9A-Za-z,!:]*)\^FS")
_RUN = re.compile(r"([0-9A-F])\1{5,}")
_COUNTED = re.compile(r"([G-Yg-z]+)([0-9A-F])")
_ROW = re.compile(r"(:)|([0-9A-FG-Yg-z]*)([,!])")


def to_zpl(picture: Picture) -> str:
    """The print job of one label: as wide and long as the picture, printed once."""
    height, width = picture.numbers.shape
    rows = picture.ink()
    step = rows.shape[1]
    again = np.zeros(height, dtype=np.bool_)
    again[1:] = (rows[1:] == rows[:-1]).all(axis=1)
    digits = rows.tobytes().hex().upper()
    coded = [
        ":" if same else _packed(digits[2 * step * number : 2 * step * (number + 1)])
        for number, same in enumerate(again.tolist())
    ]
    total = step * height
    return f"^XA^LH0,0^LS0^LT0^PW{width}^LL{height}^PON^FO0,0^GFA,{total},{total},{step},{''.join(coded)}^FS^PQ1^XZ\n"


def _packed(row: str) -> str:
    """A row of hex digits with repeats counted; ``,`` and ``!`` fill its rest with nothing or with ink, and end it."""
    last = row[-1]
    if last in "0F":
        return _RUN.sub(_count, row.rstrip(last)) + ("," if last == "0" else "!")
    return _RUN.sub(_count, row)


def _count(run: re.Match[str]) -> str:
    times, digit, counted = len(run[0]), run[1], ""
    while times:
        part = min(times, _MOST_COUNTED)
        twenties, ones = divmod(part, 20)
        counted += (_TWENTIES[twenties - 1] if twenties else "") + (_COUNTS[ones - 1] if ones else "") + digit
        times -= part
    return counted


def zpl_dots(job: str) -> Pixels:
    """What a printer makes of ``job``: its one graphic as rows of bits, set where ink goes.

    Written after Zebra's description of the format, not after ``to_zpl``. Raises ``InvalidInput`` if it is none.
    """
    found = _FIELD.search(job)
    if found is None:
        raise InvalidInput("zpl", "holds no ^GFA graphic")
    total, step = int(found[2]), int(found[3])
    digits = _COUNTED.sub(lambda piece: piece[2] * sum(_WORTH[letter] for letter in piece[1]), found[4])
    rows: list[str] = []
    for piece in re.split("([:,!])", digits):
        if piece == ":":
            rows.append(rows[-1])
        elif piece in (",", "!"):
            rows.append(_rest(rows, step) + ("0" if piece == "," else "F") * 2 * step)
            rows[-1] = rows[-1][: 2 * step]
        elif piece:
            rows += [piece[start : start + 2 * step] for start in range(0, len(piece), 2 * step)]
    dots = bytes.fromhex("".join(rows))
    if len(dots) != total or int(found[1]) != total:
        raise InvalidInput("zpl", f"the graphic has {len(dots)} bytes instead of {total}")
    return np.frombuffer(dots, dtype=np.uint8).reshape(-1, step)


def _rest(rows: list[str], step: int) -> str:
    """The row that has begun and is not full yet, taken off ``rows``."""
    return rows.pop() if rows and len(rows[-1]) < 2 * step else ""
