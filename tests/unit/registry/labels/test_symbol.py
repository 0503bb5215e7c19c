"""Our quick symbols are the library's symbols, and the mask is the one the standard's scoring prefers."""

from __future__ import annotations

import numpy as np
import pytest
import qrcode
from hypothesis import given, settings
from hypothesis import strategies as st
from qrcode.util import MODE_ALPHA_NUM, QRData, lost_point

from registry.domain.errors import InvalidInput
from registry.labels.contour import contours
from registry.labels.symbol import QrSymbol, make_symbol, penalties, version_needed

_LEVELS = {"L": 1, "M": 0, "Q": 3, "H": 2}
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
# real addresses begin so; the library itself can't make symbols with blocks of nothing but zeros
addresses = st.text(_LETTERS, min_size=3, max_size=60).map(lambda rest: f"HTTPS://{rest}")


def by_library(symbol: QrSymbol, mask: int | None = None) -> list[list[bool]]:
    made = qrcode.QRCode(
        version=symbol.version,
        error_correction=_LEVELS[symbol.level],
        border=0,
        mask_pattern=symbol.mask if mask is None else mask,
    )
    made.add_data(QRData(symbol.address, mode=MODE_ALPHA_NUM))
    made.make(fit=False)
    return [[bool(module) for module in row] for row in made.modules]


@settings(deadline=None, max_examples=40)  # the library takes its time for a new length
@given(addresses, st.sampled_from(["L", "M", "Q", "H"]))
def test_a_symbol_is_module_for_module_what_the_library_makes(address, level):
    symbol = make_symbol(address, level)
    expected = ["".join("1" if dark else "0" for dark in row) for row in by_library(symbol)]
    assert symbol.rows() == expected
    assert penalties([symbol.bits], symbol.side) == [lost_point(by_library(symbol))]


@pytest.mark.parametrize("level", ["L", "M", "Q", "H"])
def test_no_other_mask_scores_better(level):
    symbol = make_symbol("HTTPS://COVERS.EXAMPLE.CN/Q/K7M2Q9XWBA", level)
    others = [by_library(symbol, mask) for mask in range(8)]
    points = [lost_point(each) for each in others]
    assert points[symbol.mask] == min(points)
    bits = [int("".join("01"[dark] for row in each for dark in row)[::-1], 2) for each in others]
    assert penalties(bits, symbol.side) == points


def test_the_version_is_the_smallest_that_holds_the_address_but_not_below_the_one_wished_for():
    assert version_needed(38, "Q") == 3
    assert version_needed(38, "H") == 4
    assert version_needed(38, "Q", 5) == 5
    with pytest.raises(InvalidInput, match="public_url: an address of 400 characters is too long"):
        version_needed(400, "H")


@settings(deadline=None, max_examples=50)
@given(
    st.integers(2, 12).flatmap(
        lambda side: st.lists(st.text("01", min_size=side, max_size=side), min_size=side, max_size=side)
    )
)
def test_the_lines_around_the_dark_modules_enclose_exactly_them(rows):
    lines = contours(np.array([[int(module) for module in row] for row in rows], dtype=np.uint8))
    for line in lines:
        assert all((x1 == x2) != (y1 == y2) for (x1, y1), (x2, y2) in zip(line, [*line[1:], line[0]], strict=True))
    for y, row in enumerate(rows):
        for x, module in enumerate(row):
            assert (_crossed(lines, x + 0.5, y + 0.5) % 2 == 1) == (module == "1")


def _crossed(lines: list[list[tuple[int, int]]], x: float, y: float) -> int:
    """How many lines lie between a point and the left edge."""
    count = 0
    for line in lines:
        for (x1, y1), (x2, y2) in zip(line, [*line[1:], line[0]], strict=True):
            if x1 == x2 and x1 < x and min(y1, y2) < y < max(y1, y2):
                count += 1
    return count
