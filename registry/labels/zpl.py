"""A label for label printers that speak ZPL II: one picture of black dots (``^GFA``), and nothing else.

The printer's own QR code and fonts are not used: what was decoded here is dot for dot what is printed, Chinese letters
included, on every make of printer.
"""

from __future__ import annotations

import re
from itertools import groupby

from PIL import Image, ImageChops

from registry.domain.errors import InvalidInput
from registry.labels.png import Picture

_COUNTS = "GHIJKLMNOPQRSTUVWXY"  # 1 to 19
_TWENTIES = "ghijklmnopqrstuvwxyz"  # 20 to 400
_FIELD = re.compile(r"\^GFA,(\d+),(\d+),(\d+),([0-9A-Za-z,!:]*)\^FS")
_PIECE = re.compile(r"([G-Yg-z]*)([0-9A-F,!:])")


def to_zpl(picture: Picture) -> str:
    """The print job of one label: as wide and long as the picture, printed once."""
    width, height = picture.numbers.size
    step = (width + 7) // 8
    rows = _dots(picture).tobytes()
    coded, above = [], ""
    for start in range(0, len(rows), step):
        row = rows[start : start + step].hex().upper()
        coded.append(":" if row == above else _packed(row))
        above = row
    return (
        f"^XA^LH0,0^LS0^LT0^PW{width}^LL{height}^PON^FO0,0"
        f"^GFA,{len(rows)},{len(rows)},{step},{''.join(coded)}^FS^PQ1^XZ\n"
    )


def _dots(picture: Picture) -> Image.Image:
    """One bit a dot, set where ink goes."""
    width, height = picture.numbers.size
    ink = picture.grey().point([255] * 128 + [0] * 128)
    padded = Image.new("L", ((width + 7) // 8 * 8, height), 0)
    padded.paste(ink, (0, 0))
    return padded.convert("1", dither=Image.Dither.NONE)


def _packed(row: str) -> str:
    """A row of hex digits with repeats counted; ``,`` and ``!`` fill its rest with nothing or with ink."""
    if row.strip("0") == "":
        return ","
    if row.strip("F") == "":
        return "!"
    body = row.rstrip("0")
    parts = [_repeated(digit, len(list(run))) for digit, run in groupby(body)]
    return "".join(parts) + ("," if len(body) < len(row) else "")


def _repeated(digit: str, times: int) -> str:
    counted = ""
    while times > 400:
        counted += f"z{digit}"
        times -= 400
    if times >= 20:
        counted += _TWENTIES[times // 20 - 1]
        times %= 20
        return counted + (_COUNTS[times - 1] if times else "") + digit
    return counted + (digit * times if times < 3 else _COUNTS[times - 1] + digit)


def zpl_picture(job: str) -> Image.Image:
    """What a printer makes of ``job``: its one graphic, black on white. Raises ``InvalidInput`` if it is none."""
    found = _FIELD.search(job)
    if found is None:
        raise InvalidInput("zpl", "holds no ^GFA graphic")
    total, step = int(found[2]), int(found[3])
    rows: list[str] = []
    row = ""
    for counted, what in _PIECE.findall(found[4]):
        if what == ":":
            rows.append(rows[-1])
        elif what in ",!":
            rows.append(row + ("0" if what == "," else "F") * (2 * step - len(row)))
            row = ""
        else:
            row += what * max(1, sum(map(_counted, counted)))
            if len(row) >= 2 * step:
                rows.append(row)
                row = ""
    dots = bytes.fromhex("".join(rows))
    if row or len(dots) != total or int(found[1]) != total:
        raise InvalidInput("zpl", f"the graphic has {len(dots)} bytes instead of {total}")
    return ImageChops.invert(Image.frombytes("1", (step * 8, total // step), dots).convert("L"))


def _counted(letter: str) -> int:
    return _COUNTS.index(letter) + 1 if letter in _COUNTS else (_TWENTIES.index(letter) + 1) * 20
