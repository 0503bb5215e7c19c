"""Compressing the rows of a picture that is mostly rows like the one above (a label is): fast, and still plain zlib.

After PNG's filter "up" such rows are zeros. A run of them always compresses to the same bytes, which are kept; so are
those of stretches that come again in every label of a run, such as its title. Only what is new is compressed.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_PRIME = 65521
_UP = 2
_HEAD = b"\x78\x01"
_LAST = b"\x03\x00"  # an empty last block
_LEAST_KEPT, _MOST_KEPT = 8_000, 200_000  # shorter stretches are seldom the same, longer ones take too much memory
_SMALL_MEMORY = 5  # zlib's memLevel: a flush forgets what was seen, and there is less to forget


def whole_words(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same rows in memory that has room up to whole 64-bit words, so that they compare eight bytes at once."""
    height, width = rows.shape
    roomy = np.zeros((height, (width + 7) // 8 * 8), dtype=np.uint8)
    roomy[:, :width] = rows
    return roomy[:, :width]


def deflated(rows: NDArray[np.uint8]) -> bytes:
    """A zlib stream of ``rows`` (height × bytes) with PNG's filter "up" before each."""
    height, width = rows.shape
    new = np.ones(height + 1, dtype=np.bool_)  # which rows are not like the one above
    roomy = rows.base
    if roomy is not None and roomy.dtype == np.uint8 and roomy.shape == (height, (width + 7) // 8 * 8):
        words = roomy.view(np.uint64)
        (words[1:] != words[:-1]).any(axis=1, out=new[1:-1])
    else:
        (rows[1:] != rows[:-1]).any(axis=1, out=new[1:-1])
    new[-1] = not new[-2]
    filtered, taken, step = _filtered(rows, np.flatnonzero(new[:-1])), 0, width + 1
    packer = zlib.compressobj(1, zlib.DEFLATED, -12, _SMALL_MEMORY, zlib.Z_FIXED)
    parts, check, at = [_HEAD], 1, 0
    for turn in (np.flatnonzero(new[1:] != new[:-1]) + 1).tolist():
        if new[at]:
            content = filtered[taken : taken + (turn - at) * step]
            taken += len(content)
            if len(content) < _LEAST_KEPT:
                packed = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
                sum_of_part = zlib.adler32(content)
            else:
                packed, sum_of_part = _kept(content) if len(content) <= _MOST_KEPT else _packed(content)
        else:
            packed, sum_of_part = _idle(turn - at, width)
        parts.append(packed)
        check = _joined(check, sum_of_part, (turn - at) * step)
        at = turn
    return b"".join([*parts, _LAST, check.to_bytes(4, "big")])


def _filtered(rows: NDArray[np.uint8], chosen: NDArray[np.intp]) -> bytes:
    """The ``chosen`` rows, the first of all among them: each less the one above it, after the number of this filter."""
    out = np.full((len(chosen), rows.shape[1] + 1), _UP, dtype=np.uint8)
    np.subtract(rows[chosen], rows[chosen - 1], out=out[:, 1:])
    out[0, 1:] = rows[0]
    return out.tobytes()


def _packed(content: bytes) -> tuple[bytes, int]:
    """``content`` as blocks that stand alone, and its Adler-32."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH), zlib.adler32(content)


_kept = lru_cache(maxsize=128)(_packed)


@lru_cache(maxsize=256)
def _idle(count: int, width: int) -> tuple[bytes, int]:
    """Rows like the one above."""
    return _packed((bytes([_UP]) + bytes(width)) * count)


def _joined(first: int, second: int, length: int) -> int:
    """The Adler-32 of two pieces from theirs; ``length`` is the second's."""
    low, high = first & 0xFFFF, first >> 16
    sum_low = (low + (second & 0xFFFF) - 1) % _PRIME
    sum_high = (high + (second >> 16) + length * (low - 1)) % _PRIME
    return sum_high << 16 | sum_low
