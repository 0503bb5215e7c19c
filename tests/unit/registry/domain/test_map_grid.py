"""The grid whose cells are counted for the map."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.geo import Box
from registry.domain.map_grid import (
    KEPT_LEVELS,
    SINGLE_ZOOM,
    Cells,
    areas_of,
    box_of,
    cell_of,
    cells_in,
    finer,
    kept_level,
    shown_level,
    to_degrees,
    to_units,
)
from registry.domain.vector_tile import Spot, TileFrame

lons = st.floats(-180.0, 179.99)
lats = st.floats(-85.0, 85.0)


@given(lons, lats)
def test_a_place_lies_in_the_same_cells_however_coarsely_they_are_looked_at(lon: float, lat: float) -> None:
    x, y = cell_of(to_units(lon), to_units(lat), KEPT_LEVELS[0])
    for level in KEPT_LEVELS[1:]:
        down = level - KEPT_LEVELS[0]
        assert cell_of(to_units(lon), to_units(lat), level) == (x >> down, y >> down)
    assert abs(to_degrees(to_units(lon)) - lon) <= 5.1e-8


@given(lons, lats, st.integers(2, 16))
def test_a_cell_is_made_of_the_kept_ones_below_it(lon: float, lat: float, level: int) -> None:
    units, kept = (to_units(lon), to_units(lat)), kept_level(level)
    x, y = cell_of(*units, level)
    inner = finer(cells_in(Box(lon, lat, lon, lat), level), level, kept)
    own_x, own_y = cell_of(*units, kept)
    assert inner.west <= own_x <= inner.east
    assert inner.south <= own_y <= inner.north
    assert (inner.east >> (level - kept), inner.north >> (level - kept)) == (x, y)
    box = box_of(Cells(x, y, x, y), level)
    assert box.west <= to_degrees(units[0]) < box.east
    assert box.south <= to_degrees(units[1]) < box.north


def test_a_tile_reads_a_few_hundred_cells_at_every_zoom_where_cities_are() -> None:
    for zoom in range(5, SINGLE_ZOOM):
        spot = Spot(zoom, int((113.3 + 180) / 360 * (1 << zoom)), int(0.43 * (1 << zoom)))
        level = shown_level(zoom)
        shown = cells_in(TileFrame(spot).box(), level)
        read = finer(shown, level, kept_level(level))
        assert 16 <= (shown.east - shown.west + 1) * (shown.north - shown.south + 1) <= 72
        assert (read.east - read.west + 1) * (read.north - read.south + 1) <= 1_700


def test_an_asset_is_counted_for_the_city_its_district_and_its_street() -> None:
    assert areas_of("440803001002003") == ["", "440803", "440803001"]
    assert areas_of("440803") == ["", "440803"]
    assert areas_of("4408") == areas_of("") == [""]
