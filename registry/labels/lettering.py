"""Words drawn as pixels: each letter once, to a quarter of a pixel, then copied wherever it comes again."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from registry.labels import fonts
from registry.labels.plate import Words

STEPS = 16
"""Shades between paper and ink along the edge of a letter."""

_PHASES = 4
_SMOOTH_TURNED = 2
_TURNS = 2  # directions a degree for letters on an arc
Pixels = NDArray[np.uint8]


def draw_words(numbers: Pixels, words: Words, scale: float, ramp: int) -> None:
    """Draw ``words`` at ``scale`` pixels a millimetre into ``numbers`` of colours; those of its ink start at ``ramp``.

    The numbers of inks must be above those of everything under them.
    """
    if words.arc is None:
        _draw_line(numbers, words, scale, ramp)
        return
    size_px = _size_px(words.size_mm * scale)
    for letter, x, y, lean in words.letters():
        tile = _tile(words.font, letter, size_px, 0, round(lean * _TURNS) / _TURNS, ramp)
        _put(numbers, tile, round(x * scale), round(y * scale))


def _draw_line(numbers: Pixels, words: Words, scale: float, ramp: int) -> None:
    """A straight line, group by group: "320508 0118" comes again in the codes of a run, only the serials differ."""
    widths = fonts.widths(words.font)
    size, spacing, top = words.size_mm * scale, words.spacing_mm * scale, round(words.y_mm * scale)
    along = words.x_mm * scale
    for group in words.text.split(" "):
        if group:
            left, phase = divmod(round(along * _PHASES), _PHASES)
            _put(numbers, _group(words.font, group, size, spacing, phase, ramp), left, top)
        along += sum(map(widths.__getitem__, group), widths[" "]) * size + spacing * (len(group) + 1)


def _size_px(size: float) -> float:
    return round(max(size, 4.0) * 4) / 4


def _put(numbers: Pixels, tile: _Tile | None, left: int, top: int) -> None:
    """Draw ``tile`` where its pen comes to ``left``, ``top``, as far as it lies on the label.

    A tile is 0 where there is no letter.
    """
    if tile is None:
        return
    left, top = left + tile.left, top + tile.top
    first, above = max(-left, 0), max(-top, 0)
    place = numbers[
        top + above : max(top + tile.numbers.shape[0], 0), left + first : max(left + tile.numbers.shape[1], 0)
    ]
    drawn = tile.numbers[above : above + place.shape[0], first : first + place.shape[1]]
    np.maximum(place, drawn, out=place)


class _Tile(NamedTuple):
    numbers: Pixels
    left: int
    top: int


@lru_cache(maxsize=512)
def _group(font: fonts.FontFile, text: str, size: float, spacing: float, phase: int, ramp: int) -> _Tile | None:
    """Some letters of a line in numbers of colours."""
    size_px = _size_px(size)
    widths = fonts.widths(font)
    placed: list[tuple[_Tile, int]] = []
    along = phase / _PHASES
    for letter in text:
        left, part = divmod(round(along * _PHASES), _PHASES)
        tile = _tile(font, letter, size_px, part, 0.0, ramp)
        if tile is not None:
            placed.append((tile, left + tile.left))
        along += widths[letter] * size + spacing
    if not placed:
        return None
    left, top = min(x for _, x in placed), min(tile.top for tile, _ in placed)
    right = max(x + tile.numbers.shape[1] for tile, x in placed)
    bottom = max(tile.top + tile.numbers.shape[0] for tile, _ in placed)
    group = _Tile(np.zeros((bottom - top, right - left), dtype=np.uint8), left, top)
    for tile, x in placed:
        _put(group.numbers, tile._replace(left=0, top=0), x - left, tile.top - top)
    return group


@lru_cache(maxsize=8192)
def _tile(font: fonts.FontFile, letter: str, size_px: float, phase: int, lean: float, ramp: int) -> _Tile | None:
    """A letter in numbers of colours, its pen at ``left``, ``top`` of the tile; None for a blank one."""
    smooth = _SMOOTH_TURNED if lean else 1
    drawn = fonts.sized(font, size_px * smooth)
    reach = (int(size_px * 1.4) + 4) * smooth
    mask = Image.new("L", (2 * reach, 2 * reach), 0)
    ImageDraw.Draw(mask).text((reach + phase / _PHASES, reach), letter, fill=255, font=drawn, anchor="ls")
    if lean:
        mask = mask.rotate(-lean, Image.Resampling.BICUBIC, center=(reach, reach)).reduce(smooth)
        reach //= smooth
    box = mask.getbbox()
    if box is None:
        return None
    steps = np.asarray(mask.crop(box), dtype=np.uint16) * (STEPS - 1) // 255
    return _Tile(np.where(steps > 0, steps + ramp, 0).astype(np.uint8), box[0] - reach, box[1] - reach)
