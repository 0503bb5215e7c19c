"""Numbers out of bytes: integers of one to four bytes, IEEE-754 single precision, bfloat16. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from gateway.decoders.outcome import Refusal
from gateway.decoders.profile import ByteOrder, NumberType

WIDTH: Mapping[str, int] = MappingProxyType(
    {"u8": 1, "s8": 1, "u16": 2, "s16": 2, "u24": 3, "s24": 3, "u32": 4, "s32": 4, "f32": 4, "bf16": 2}
)
"""How many bytes a number of each type takes."""

_SINGLE_DIGITS = 7  # what IEEE-754 single precision can tell apart
_BRAIN_DECIMALS = 6
_FINER = 2  # decimals kept below a resolution that is no round number, as 180/32768


def number(data: bytes, at: int, kind: NumberType, order: ByteOrder = "big") -> float:
    """The number of type ``kind`` at ``at``; floats are rounded to the digits that they hold, and may be NaN.

    Raises ``Refusal`` (``too_short``) where ``data`` ends before it.
    """
    piece = data[at : at + WIDTH[kind]]
    if len(piece) < WIDTH[kind]:
        raise Refusal("too_short", f"{kind} at byte {at} needs {WIDTH[kind]} bytes; {max(len(data) - at, 0)} are left")
    if kind == "f32":
        return _digits(struct.unpack(">f" if order == "big" else "<f", piece)[0], _SINGLE_DIGITS)
    if kind == "bf16":
        upper = piece if order == "big" else piece[::-1]
        return round(float(struct.unpack(">f", upper + b"\0\0")[0]), _BRAIN_DECIMALS)
    return int.from_bytes(piece, order, signed=kind[0] == "s")


def integer(data: bytes, at: int, kind: NumberType = "u8", order: ByteOrder = "big") -> int:
    """The same for the types that are whole numbers."""
    return int(number(data, at, kind, order))


def cut(raw: float, mask: int | None, shift: int) -> float:
    """The bits of ``raw`` that ``mask`` keeps, shifted right; a negative number keeps its sign."""
    if mask is None and not shift:
        return raw
    return (int(raw) if mask is None else int(raw) & mask) >> shift


def scaled(raw: float, scale: float, offset: float = 0.0) -> float:
    """``raw * scale + offset``, rounded to the resolution of the two: 123 * 0.01 is 1.23, not 1.2300000000000002."""
    if scale == 1.0 and not offset:
        return float(raw)
    value = raw * scale + offset
    return round(value, max(_decimals(scale), _decimals(offset))) if float(raw).is_integer() else value


def masked(byte: int, mask: int) -> int:
    """1 where ``byte`` has any of the bits of ``mask``, else 0."""
    return int(byte & mask != 0)


def is_missing(raw: float, missing: int | tuple[int, ...] | None) -> bool:
    """Whether ``raw`` is the code for "nothing is fitted here"."""
    return raw in missing if isinstance(missing, tuple) else raw == missing


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


@lru_cache(maxsize=256)
def _decimals(scale: float) -> int:
    """How many decimals a multiple of ``scale`` needs."""
    exponent = Decimal(repr(scale)).as_tuple().exponent
    exact = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return min(exact, max(0, _FINER - math.floor(math.log10(abs(scale))))) if scale else 0
