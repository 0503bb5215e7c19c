"""Vector tiles, read again by the decoder of the map's own library."""

from __future__ import annotations

import math

import pytest

from registry.domain.geo import Crs, Place, wgs84_to_gcj02
from registry.domain.vector_tile import EXTENT, Layer, Spot, TileFrame, tile_of, varint, within, zigzag
from tests.vector_tiles import decoded, spot_at

BEIJING = Place(116.391, 39.907)


def test_what_is_written_is_what_an_independent_decoder_reads() -> None:
    points, areas, empty = Layer("points"), Layer("areas"), Layer("empty")
    words = {"n": "井盖 甲", "big": 2**40, "small": -7, "none": 0, "blank": ""}
    tags = b"".join(points.tag(key, value) for key, value in words.items())
    points.add_point(-64, 4160, tags, feature_id=2**45)
    points.add_point(0, 0, points.tag("n", "井盖 甲") + points.tag_once("id", 128))
    for number in range(300):  # more values than one byte can count
        points.add_point(number, number, points.tag_once("id", number))
    outer, hole = [(0, 0), (100, 0), (100, 100), (0, 100)], [(20, 20), (20, 40), (40, 40), (40, 20)]
    areas.add_polygon([outer, hole], areas.tag("code", "440803"), feature_id=7)
    read = decoded(tile_of(points, areas, empty))
    assert list(read) == ["points", "areas"]
    first, second, *others = read["points"]
    assert (first["id"], first["properties"], first["x"], first["y"]) == (2**45, words, -64, 4160)
    assert second["properties"] == {"n": "井盖 甲", "id": 128}
    assert "id" not in second
    assert [each["properties"]["id"] for each in others] == list(range(300))
    (area,) = read["areas"]
    rings = [[(point["x"], point["y"]) for point in ring] for ring in area["rings"]]
    assert (area["type"], rings) == (3, [[*outer, outer[0]], [*hole, hole[0]]])


def test_nothing_to_show_is_an_empty_tile() -> None:
    assert tile_of(Layer("assets")) == b""


@pytest.mark.parametrize(
    ("number", "written"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**35, "808080808001")]
)
def test_numbers_take_seven_bits_a_byte(number: int, written: str) -> None:
    assert varint(number).hex() == written


@pytest.mark.parametrize(("number", "written"), [(0, "00"), (-1, "01"), (1, "02"), (-64, "7f"), (64, "8001")])
def test_numbers_with_a_sign_alternate(number: int, written: str) -> None:
    assert zigzag(number).hex() == written


@pytest.mark.parametrize("z", [0, 5, 14, 20])
def test_a_place_lies_in_its_tile_and_comes_back_from_it(z: int) -> None:
    frame = TileFrame(spot_at(*BEIJING, z))
    x, y = frame.exactly(*BEIJING)
    assert 0 <= x < EXTENT
    assert 0 <= y < EXTENT
    assert frame.place(x, y) == pytest.approx(BEIJING, abs=1e-9)
    assert frame.box().holds(BEIJING)
    assert not frame.box(-EXTENT // 2 - 1).holds(BEIJING)


def test_the_poles_and_the_edge_of_the_world_do_no_harm() -> None:
    world = TileFrame(Spot(0, 0, 0))
    assert all(math.isfinite(each) for lat in (90.0, -90.0) for each in world.exactly(180.0, lat))
    assert within(*world.point(-180.0, 85.0))
    for spot, there in (
        (Spot(1, 1, 1), True),
        (Spot(1, 2, 0), False),
        (Spot(23, 0, 0), False),
        (Spot(0, 0, -1), False),
    ):
        assert spot.exists is there


@pytest.mark.parametrize("z", [4, 11, 12, 16, 19])
def test_a_tile_of_a_shifted_map_holds_what_that_map_shows_there(z: int) -> None:
    shifted = wgs84_to_gcj02(BEIJING)
    frame = TileFrame(spot_at(*shifted, z), Crs.GCJ02)
    assert frame.box().holds(BEIJING)
    assert frame.place(*frame.exactly(*BEIJING)) == pytest.approx(shifted, abs=1e-9)
