"""The QR symbol of an address: version, error level and mask are chosen here, and stated with the modules.

The library ``qrcode`` makes the symbols, but takes milliseconds for one and ten for choosing its mask. A QR symbol is
linear over GF(2): changing one data bit always flips the same modules, whatever the other bits are. So the library is
asked once per bit position; after that a symbol is a few exclusive-ors of whole symbols kept as integers. The mask is
chosen by the scoring of ISO/IEC 18004, done on those integers. Tests hold both against the library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import qrcode
from numpy.typing import NDArray
from qrcode import constants
from qrcode.util import BIT_LIMIT_TABLE, MODE_ALPHA_NUM, BitBuffer

from registry.domain.errors import InvalidInput
from registry.labels.template import ErrorLevel

MOST_VERSION = 10  # 57 modules a side; longer addresses would make plates that phones read only from close by
_WORTH = {character: worth for worth, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")}
_COUNT_BITS = 9  # of the length field, in versions up to 9; 11 from there on
_COUNT_BITS_FROM_10 = 11
_LEVELS: dict[ErrorLevel, int] = {
    "L": constants.ERROR_CORRECT_L,
    "M": constants.ERROR_CORRECT_M,
    "Q": constants.ERROR_CORRECT_Q,
    "H": constants.ERROR_CORRECT_H,
}
_FINDER_LIKE = ("10111010000", "00001011101")


@dataclass(frozen=True, slots=True, kw_only=True)
class QrSymbol:
    """The modules of a symbol without quiet zone: bit ``row * side + column`` of ``bits`` is set where it is dark."""

    address: str
    version: int
    level: ErrorLevel
    mask: int
    side: int
    bits: int

    def rows(self) -> list[str]:
        """Each row as a string of 0 and 1, from top to bottom."""
        line = f"{self.bits:0{self.side * self.side}b}"[::-1]
        return [line[start : start + self.side] for start in range(0, len(line), self.side)]

    def modules(self) -> NDArray[np.uint8]:
        """The same as numbers 0 and 1, side × side."""
        count = self.side * self.side
        packed = np.frombuffer(self.bits.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
        return np.unpackbits(packed, count=count, bitorder="little").reshape(self.side, self.side)

    def runs(self) -> list[tuple[int, int, int]]:
        """Dark modules that follow each other in a row: column, row and length of each run, from top to bottom."""
        turns = np.diff(np.pad(self.modules(), ((0, 0), (1, 1))).view(np.int8), axis=1)
        rows, columns = np.nonzero(turns == 1)
        lengths = np.nonzero(turns == -1)[1] - columns
        return list(zip(columns.tolist(), rows.tolist(), lengths.tolist(), strict=True))


def version_needed(characters: int, level: ErrorLevel, least: int = 1) -> int:
    """The smallest version from ``least`` on that holds an address of this many characters.

    Raises ``InvalidInput`` when that would be more than ``MOST_VERSION``.
    """
    for version in range(least, MOST_VERSION + 1):
        bits = 4 + _count_bits(version) + characters // 2 * 11 + characters % 2 * 6
        if bits <= BIT_LIMIT_TABLE[_LEVELS[level]][version]:
            return version
    raise InvalidInput(
        "public_url",
        "an address of {characters} characters is too long for a plate; use a shorter host name",
        characters=characters,
    )


def make_symbol(address: str, level: ErrorLevel, least_version: int = 1) -> QrSymbol:
    """The symbol of ``address`` in alphanumeric mode, its mask the best of the eight by ISO/IEC 18004's scoring."""
    version = version_needed(len(address), level, least_version)
    kit = _kit(version, level, len(address))
    payload = _payload(address)
    bits, mask = _best_mask(kit.modules(payload), kit.side, kit.masks(payload))
    return QrSymbol(address=address, version=version, level=level, mask=mask, side=kit.side, bits=bits)


def _count_bits(version: int) -> int:
    return _COUNT_BITS if version < MOST_VERSION else _COUNT_BITS_FROM_10


def _payload(address: str) -> int:
    """The data bits of alphanumeric mode: pairs of characters as 11 bits, a last single one as 6."""
    value = 0
    for start in range(0, len(address) - 1, 2):
        first, second = address[start], address[start + 1]
        value = value << 11 | _WORTH[first] * 45 + _WORTH[second]
    if len(address) % 2:
        value = value << 6 | _WORTH[address[-1]]
    return value


class _RawBits:
    """A piece of data as the library wants it, holding bits instead of characters."""

    mode = MODE_ALPHA_NUM

    def __init__(self, characters: int, value: int) -> None:
        self._characters = characters
        self._value = value

    def __len__(self) -> int:
        return self._characters

    def write(self, buffer: BitBuffer) -> None:
        buffer.put(self._value, self._characters // 2 * 11 + self._characters % 2 * 6)


class _Kit:
    """All symbols of one version, level and length: one made by the library, and what each data bit flips in it."""

    def __init__(self, version: int, level: ErrorLevel, characters: int) -> None:
        self.side = version * 4 + 17
        self._version = version
        self._level = level
        self._characters = characters
        # the library can't divide blocks of nothing but zeros, so it is asked about this pattern with one bit changed
        self._bits = characters // 2 * 11 + characters % 2 * 6
        self._carrier = int(("10" * self._bits)[: self._bits], 2)
        self._carried: int | None = None
        self._flips: dict[int, int] = {}
        self._masks: tuple[int, ...] | None = None

    def modules(self, payload: int) -> int:
        """The symbol of ``payload`` under mask 0."""
        if not self._carried:
            self._carrier, self._carried = payload, self._by_library(payload, 0)
        modules = self._carried
        changed = payload ^ self._carrier
        while changed:
            low = changed & -changed
            flip = self._flips.get(low)
            if flip is None:
                flip = self._flips[low] = self._by_library(self._carrier ^ low, 0) ^ self._carried
            modules ^= flip
            changed ^= low
        return modules

    def masks(self, payload: int) -> tuple[int, ...]:
        """What each mask, its format information included, flips in a symbol of mask 0, whatever its ``payload``."""
        if self._masks is None:
            layers = [self._by_library(payload, mask) for mask in range(8)]
            self._masks = tuple(layer ^ layers[0] for layer in layers)
        return self._masks

    def _by_library(self, payload: int, mask: int) -> int:
        symbol = qrcode.QRCode(version=self._version, error_correction=_LEVELS[self._level], border=0)
        symbol.data_list = [_RawBits(self._characters, payload)]
        symbol.makeImpl(False, mask)
        line = "".join("1" if dark else "0" for row in symbol.modules for dark in row)
        return int(line[::-1], 2)


@lru_cache(maxsize=32)
def _kit(version: int, level: ErrorLevel, characters: int) -> _Kit:
    return _Kit(version, level, characters)


def _best_mask(modules: int, side: int, masks: tuple[int, ...]) -> tuple[int, int]:
    symbols = [modules ^ flip for flip in masks]
    points = penalties(symbols, side)
    number = points.index(min(points))
    return symbols[number], number


def penalties(symbols: Sequence[int], side: int) -> list[int]:
    """How hard each symbol is to read by ISO/IEC 18004 (7.8.3): long runs, blocks, finder-like patterns, uneven shade.

    All are looked at together, one after the other in one integer: what takes time is the number of steps, not of bits.
    """
    area = side * side
    grid = _grid(side, len(symbols))
    bits = sum(symbol << number * area for number, symbol in enumerate(symbols))
    same_right = ~(bits ^ bits >> 1) & grid.not_last_column
    same_below = ~(bits ^ bits >> side) & grid.not_last_row
    marks = [*_runs(same_right, 1), *_runs(same_below, side)]
    marks.append((3, same_right & same_right >> side & same_below))
    light = bits ^ grid.everywhere
    for pattern in _FINDER_LIKE:
        across, down = grid.room_right, grid.room_below
        for place, kind in enumerate(pattern):
            layer = bits if kind == "1" else light
            across &= layer >> place
            down &= layer >> place * side
        marks += [(40, across), (40, down)]
    found = []
    for start in range(0, area * len(symbols), area):
        shade = int(abs((bits >> start & grid.one).bit_count() / area * 100 - 50) / 5) * 10
        found.append(shade + sum(worth * (mark >> start & grid.one).bit_count() for worth, mark in marks))
    return found


def _runs(same: int, step: int) -> Iterator[tuple[int, int]]:
    """Three points for five alike in a row and one for each more; ``same`` marks modules like their next one."""
    pairs = same & same >> step
    windows = pairs & pairs >> 2 * step
    yield 1, windows
    yield 2, windows & ~(windows << step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    one: int  # a whole symbol, the first; the others mark places in all of them
    everywhere: int
    not_last_column: int
    not_last_row: int
    room_right: int
    room_below: int


@lru_cache(maxsize=16)
def _grid(side: int, symbols: int) -> _Grid:
    def columns(until: int) -> int:
        row = (1 << until) - 1
        return sum(row << side * number for number in range(side * symbols))

    def rows(until: int) -> int:
        block = (1 << side * until) - 1
        return sum(block << side * side * number for number in range(symbols))

    return _Grid(
        one=(1 << side * side) - 1,
        everywhere=rows(side),
        not_last_column=columns(side - 1),
        not_last_row=rows(side - 1),
        room_right=columns(side - 10),
        room_below=rows(side - 10),
    )
