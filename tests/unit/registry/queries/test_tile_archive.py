"""Reading PMTiles files: every tile that a packer put in is found, and no file ends the process that reads it."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pmtiles.tile import (
    Compression,
    TileType,
    deserialize_header,
    serialize_header,
    tileid_to_zxy,
    zxy_to_tileid,
)
from pmtiles.writer import write

from registry.domain.vector_tile import Spot
from registry.queries.tile_archive import BadArchive, TileArchive

KIND: dict[str, Any] = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE}
ENTRY = bytes((1, 0, 1, 4, 1))  # one tile: number 0, for itself, four bytes, at the beginning


def crafted(path: Path, listed: bytes, told: bytes = b"{}", packing: Compression = Compression.NONE) -> Path:
    """A file whose list of tiles and description are these very bytes; its one tile is ``tile``."""
    parts = {"root": listed, "metadata": told, "tile_data": b"tile"}
    header: Any = {"clustered": True, "internal_compression": packing, "min_zoom": 0, "max_zoom": 0} | KIND
    start = 127
    for name, part in parts.items():
        header |= {f"{name}_offset": start, f"{name}_length": len(part)}
        start += len(part)
    path.write_bytes(b"".join((serialize_header(header), *parts.values())))
    return path


def test_every_tile_is_found_and_none_that_is_not_there(tmp_path: Path) -> None:
    rng = Random(7)
    first = zxy_to_tileid(9, 0, 0)
    # some alike one behind the other, which are kept once for all of them
    numbers = sorted(rng.sample(range(first, first + 90_000), 30_000))
    kept = {number: b"sea" if number % 5 < 2 else rng.randbytes(rng.randrange(1, 60)) for number in numbers}
    path = tmp_path / "city.pmtiles"
    with write(str(path)) as writer:
        for number, body in kept.items():
            writer.write_tile(number, body)
        writer.finalize(KIND | {"center_zoom": 9, "center_lon_e7": 0, "center_lat_e7": 0}, {})
    assert deserialize_header(path.read_bytes()[:127])["leaf_directory_length"] > 0
    archive = TileArchive(path)
    archive.check()
    for number in rng.sample(range(first, first + 90_000), 2_000):
        found = archive.tile(Spot(*tileid_to_zxy(number)))
        assert (None if found is None else found.body) == kept.get(number), number
    archive.close()


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (ENTRY[:-1], b"{}"),
        (b"", b"{}"),
        (b"\xff\xff\xff\xff\x7f" + ENTRY[1:], b"{}"),  # more tiles than there are bytes
        (b"\x80" * 1_000_000 + b"\x01", b"{}"),  # one number without an end
        (b"\x01" * 3_000_000, b"{}"),
        (ENTRY, b"{"),
        (ENTRY, b"[]"),
        (ENTRY, b'{"vector_layers":[{}]}'),
    ],
)
def test_a_file_that_says_no_sense_of_itself_is_refused(tmp_path: Path, listed: bytes, told: bytes) -> None:
    with pytest.raises(BadArchive):
        TileArchive(crafted(tmp_path / "bad.pmtiles", listed, told)).check()


def test_a_list_may_be_packed_or_plain_and_in_no_unknown_way(tmp_path: Path) -> None:
    found = TileArchive(crafted(tmp_path / "plain.pmtiles", ENTRY)).tile(Spot(0, 0, 0))
    assert found is not None
    assert found.body == b"tile"
    with pytest.raises(BadArchive):
        TileArchive(crafted(tmp_path / "odd.pmtiles", ENTRY, packing=Compression.ZSTD))


def test_a_file_that_grows_shorter_while_it_is_read_is_broken_and_nothing_worse(tmp_path: Path) -> None:
    path = crafted(tmp_path / "city.pmtiles", ENTRY)
    archive = TileArchive(path)
    assert archive.tile(Spot(0, 0, 0)) is not None
    os.truncate(path, 10)
    with pytest.raises(BadArchive):
        archive.tile(Spot(0, 0, 0))


def test_a_file_that_was_removed_is_known_as_such(tmp_path: Path) -> None:
    path = crafted(tmp_path / "city.pmtiles", ENTRY)
    archive = TileArchive(path)
    assert not archive.is_removed
    path.unlink()
    assert archive.is_removed
