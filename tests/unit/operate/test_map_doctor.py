"""What doctor finds of the base map: its file is there, whole, and a map; or what to do."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

from operate.city_file import read_city_file
from operate.finding import Finding
from operate.map_doctor import look_at_base_map


def base_map(folder: Path, *lines: str) -> Finding:
    (folder / "covercode.toml").write_text("\n".join(("[web]", *lines)))
    return look_at_base_map(read_city_file(folder / "covercode.toml", {}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A base map with one picture, beside the settings."""
    path = tmp_path / "city.pmtiles"
    with write(str(path)) as writer:
        writer.write_tile(zxy_to_tileid(0, 0, 0), b"\x89PNG" * 100)
        edges = {"min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 1, "max_lat_e7": 1}
        center = {"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
        kind = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE}
        writer.finalize({**edges, **center, **kind}, {})
    return path


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def spoil_the_list(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[127:140] = bytes(13)
    file.write_bytes(content)


def fill_the_memory(file: Path) -> None:
    content = bytearray(file.read_bytes())
    bomb = gzip.compress(bytes(9 * 1024 * 1024))
    content[8:24] = len(content).to_bytes(8, "little") + len(bomb).to_bytes(8, "little")
    file.write_bytes(content + bomb)


def folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


WRONG: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda file: file.unlink(), "No such file", "put the PMTiles file there"),
    "not to be read": (folder_instead, "Is a directory", "let the user of `covercode serve` read it"),
    "empty": (lambda file: file.write_bytes(b""), "the file is empty", "a whole PMTiles file"),
    "something else": (lambda file: file.write_bytes(b"PK" * 400), "not a PMTiles file", "a whole PMTiles file"),
    "cut off": (cut_off, "it ends before its last tile", "a whole PMTiles file"),
    "a list without an end": (fill_the_memory, "it unpacks to more than 2 MB", "a whole PMTiles file"),
    "no list of tiles": (spoil_the_list, "the list of its tiles can't be read", "a whole PMTiles file"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_no_map_is_named_with_what_to_do(tmp_path: Path, file: Path, wrong: str) -> None:
    spoil, said, advice = WRONG[wrong]
    spoil(file)
    found = base_map(tmp_path, 'base_map = "pmtiles"', 'base_map_file = "city.pmtiles"')
    assert (found.part, found.well) == ("base map", False)
    assert f"{file}: " in found.said
    assert said in found.said
    assert advice in found.advice


def test_a_file_that_is_a_map_is_told_with_what_it_holds(tmp_path: Path, file: Path) -> None:
    found = base_map(tmp_path, 'base_map = "pmtiles"', 'base_map_file = "city.pmtiles"')
    assert found == Finding("base map", True, f"{file}: pictures of zoom 0 to 0")


def test_what_lies_elsewhere_is_named_and_not_asked_for(tmp_path: Path) -> None:
    assert base_map(tmp_path).said == "none: the city is drawn on a plain ground"
    assert base_map(tmp_path, 'base_map = "amap"').said == "amap: browsers ask its host"
    tiles = base_map(tmp_path, 'tile_url = "https://tiles.example/{z}/{x}/{y}.png"')
    assert tiles.said == "tiles: browsers ask its host"
