"""Files with tiles that a process holds open: the newest of a name, and none that was removed."""

from __future__ import annotations

from pathlib import Path
from weakref import ref

import pytest
from pmtiles.tile import Compression, TileType
from pmtiles.writer import write

from dashboards.tile_files import MapFileAway, TileFiles
from registry.domain.vector_tile import Spot


def archive(path: Path, body: bytes) -> Path:
    with write(str(path)) as writer:
        writer.write_tile(0, body)
        kind = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE}
        writer.finalize(kind | {"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}, {})
    return path


def test_another_file_in_its_place_is_read_at_once(tmp_path: Path) -> None:
    files, path = TileFiles(), archive(tmp_path / "city.pmtiles", b"old")
    bodies = []
    for body in (b"old", b"copied over", b"renamed"):
        if body == b"copied over":
            path.write_bytes(archive(tmp_path / "copied", body).read_bytes())
        elif body == b"renamed":
            archive(tmp_path / "renamed", body).replace(path)
        found = files.at("the base map", path).tile(Spot(0, 0, 0))
        bodies.append(found and found.body)
    assert bodies == [b"old", b"copied over", b"renamed"]


def test_a_file_that_was_removed_is_let_go(tmp_path: Path) -> None:
    files, path = TileFiles(), archive(tmp_path / "pipes.pmtiles", b"tile")
    other = files.at("roads", archive(tmp_path / "roads.pmtiles", b"tile"))
    held = ref(files.at("pipes", path))
    files.drop_removed()
    assert held() is not None
    path.unlink()
    files.drop_removed()
    assert held() is None
    assert files.at("roads", tmp_path / "roads.pmtiles") is other
    with pytest.raises(MapFileAway):
        files.at("pipes", path)
