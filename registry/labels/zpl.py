"""A label for label printers that speak ZPL II: one picture of black dots (``^GFA``), and nothing else.

The printer's own QR code and fonts are not used: what was decoded here is dot for dot what is printed, Chinese letters
included, on every make of printer.
"""

from __future__ import annotations

import re

import numpy as np

from registry.domain.errors import InvalidInput
from registry.labels.lettering import Pixels
from registry.labels.png import Picture

_COUNTS = "GHIJKLMNOPQRSTUVWXY"  # 1 to 19
_TWENTIES = "ghijklmnopqrstuvwxyz"  # 20 to 400
_WORTH = {letter: number for number, letter in enumerate(_COUNTS, 1)} | {
    letter: number * 20 for number, letter in enumerate(_TWENTIES, 1)
}
# lengths that we count by: runs between them are put together, shorter ones written out, which readers take faster
_USED = (160, 80, 40, 20, 10)
_LETTERS = {number: letter for letter, number in _WORTH.items()}
_REPEATS = tuple(
    (digit * count, chr(place), _LETTERS[count] + digit)  # a stand-in, so that no count is taken for digits to count
    for place, (digit, count) in enumerate(((digit, count) for digit in "0F" for count in _USED), 1)
)
_FIELD = re.compile(r"\^GFA,(\d+),(\d+),(\d+),([0-9A-Za-z,!:]*)\^FS")
_COUNTED = re.compile(r"[G-Yg-z]+[0-9A-F]")
_ENDS = re.compile(r"([:,!])")


def to_zpl(picture: Picture) -> str:
    """The print job of one label: as wide and long as the picture, printed once."""
    height, width = picture.numbers.shape
    rows = picture.ink()
    step = rows.shape[1]
    fresh = np.ones(height, dtype=np.bool_)
    (rows[1:] != rows[:-1]).any(axis=1, out=fresh[1:])
    digits = iter(rows[fresh].tobytes().hex("\n", step).upper().split("\n"))
    coded = "".join([_ended(next(digits)) if new else ":" for new in fresh.tolist()])
    for run, mark, _ in _REPEATS:
        coded = coded.replace(run, mark)
    for _, mark, counted in _REPEATS:
        coded = coded.replace(mark, counted)
    total = step * height
    return f"^XA^LH0,0^LS0^LT0^PW{width}^LL{height}^PON^FO0,0^GFA,{total},{total},{step},{coded}^FS^PQ1^XZ\n"


def _ended(row: str) -> str:
    """A row of hex digits; ``,`` and ``!`` fill its rest with nothing or with ink, and end it."""
    if row[-1] == "0":
        return row.rstrip("0") + ","
    return row.rstrip("F") + "!" if row[-1] == "F" else row


class _Expanded(dict[str, str]):
    """What counts of a digit stand for; the same few come again and again."""

    def __missing__(self, counted: str) -> str:
        digits = self[counted] = counted[-1] * sum(_WORTH[letter] for letter in counted[:-1])
        return digits


def zpl_dots(job: str) -> Pixels:
    """What a printer makes of ``job``: its one graphic as rows of bits, set where ink goes.

    Written after Zebra's description of the format, not after ``to_zpl``. Raises ``InvalidInput`` if it is none.
    """
    found = _FIELD.search(job)
    if found is None:
        raise InvalidInput("zpl", "holds no ^GFA graphic")
    total, step = int(found[2]), int(found[3])
    known = _Expanded()
    digits = _COUNTED.sub(lambda counted: known[counted[0]], found[4])
    rows: list[str] = []
    row, wide = "", 2 * step
    for piece in _ENDS.split(digits):
        if piece == ":":
            rows.append(rows[-1])
        elif piece in (",", "!"):
            rows.append(row.ljust(wide, "0" if piece == "," else "F"))
            row = ""
        elif piece:
            whole = len(piece) // wide * wide
            rows += [piece[start : start + wide] for start in range(0, whole, wide)]
            row = piece[whole:]
    rows.append(row)
    dots = bytes.fromhex("".join(rows))
    if len(dots) != total or int(found[1]) != total:
        raise InvalidInput("zpl", "the graphic has {count} bytes instead of {total}", count=len(dots), total=total)
    return np.frombuffer(dots, dtype=np.uint8).reshape(-1, step)
