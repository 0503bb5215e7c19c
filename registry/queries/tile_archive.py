"""Reading tiles out of a PMTiles file on this machine: one file for a whole base map, nothing to unpack, no server."""

from __future__ import annotations

import gzip
import io
import mmap
import threading
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from pmtiles.tile import (
    Compression,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
    find_tile,
    zxy_to_tileid,
)

from registry.domain.geo import Box
from registry.domain.vector_tile import MEDIA_TYPE, Spot
from registry.shapes import shaped_json

_KEPT_DIRECTORIES = 256
_HEADER = 127
_DEEPEST = 4
_MOST_UNPACKED = 8 * 1024 * 1024
"""Bytes of a list of tiles, or of the description: what packers write is far smaller."""
_MEDIA_TYPES = {
    TileType.MVT: MEDIA_TYPE,
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
_BROKEN = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zlib.error)
"""What reading bytes that are not what they should be ends in."""
_ENCODINGS = {Compression.NONE: "", Compression.GZIP: "gzip", Compression.BROTLI: "br", Compression.ZSTD: "zstd"}


class BadArchive(ValueError):
    """The file is no PMTiles archive that maps can read; the message says why."""


class ArchivedTile(NamedTuple):
    """One tile as it lies in the file; ``encoding`` as the header Content-Encoding names it, "" for none."""

    body: bytes
    media_type: str
    encoding: str


class ArchiveFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of itself; ``layers`` are the names in its vector tiles."""

    vector: bool
    media_type: str
    min_zoom: int
    max_zoom: int
    box: Box
    attribution: str
    layers: list[str]


class TileArchive:
    """One open file; tiles can be asked for by many threads at once. Raises ``BadArchive``, ``OSError``.

    ``facts`` is what a map has to know of it.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            try:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise BadArchive("the file is empty") from None
        try:
            self._header = deserialize_header(self._bytes[:_HEADER])
        except (MagicNumberNotFound, SpecVersionUnsupported, ValueError, IndexError) as error:
            self._bytes.close()
            raise BadArchive(f"not a PMTiles file of version 3: {error}") from error
        kind, packed = self._header["tile_type"], self._header["tile_compression"]
        if kind not in _MEDIA_TYPES or packed not in _ENCODINGS:
            self._bytes.close()
            raise BadArchive("its tiles are of a kind that maps can't read")
        self._media_type, self._encoding = _MEDIA_TYPES[kind], _ENCODINGS[packed]
        self._lock = threading.Lock()
        self._directories: OrderedDict[tuple[int, int], list[Any]] = OrderedDict()
        try:
            self.facts = self._read_facts()
        except BadArchive:
            self._bytes.close()
            raise

    def _read_facts(self) -> ArchiveFacts:
        header = self._header
        start = header["metadata_offset"]
        raw = self._bytes[start : start + header["metadata_length"]]
        try:
            packed = header["internal_compression"] == Compression.GZIP
            told = shaped_json(_unpacked(raw) if packed else raw, dict[str, Any])
            inner = [str(each["id"]) for each in told.get("vector_layers", [])]
            attribution = str(told.get("attribution", ""))
        except _BROKEN as error:
            raise BadArchive(f"its description can't be read: {error}") from error
        edges = (header["min_lon_e7"], header["min_lat_e7"], header["max_lon_e7"], header["max_lat_e7"])
        return ArchiveFacts(
            vector=self._media_type == MEDIA_TYPE,
            media_type=self._media_type,
            min_zoom=header["min_zoom"],
            max_zoom=header["max_zoom"],
            box=Box(*(edge / 1e7 for edge in edges)),
            attribution=attribution,
            layers=inner,
        )

    def tile(self, spot: Spot) -> ArchivedTile | None:
        """The tile; None where the file has none there. Raises ``BadArchive`` where the file is broken."""
        if not spot.exists or not self._header["min_zoom"] <= spot.z <= self._header["max_zoom"]:
            return None
        wanted = zxy_to_tileid(*spot)
        offset, length = self._header["root_offset"], self._header["root_length"]
        for _ in range(_DEEPEST):
            entry = find_tile(self._directory(offset, length), wanted)
            if entry is None:
                return None
            if entry.run_length:
                start = self._header["tile_data_offset"] + entry.offset
                body = self._bytes[start : start + entry.length]
                if len(body) < entry.length:
                    raise BadArchive("it ends before its last tile: copy it again")
                return ArchivedTile(body, self._media_type, self._encoding)
            offset, length = self._header["leaf_directory_offset"] + entry.offset, entry.length
        return None

    def check(self) -> None:
        """Look at what opening leaves alone: its end, and the list of its tiles. Raises ``BadArchive``."""
        header = self._header
        if header["tile_data_offset"] + header["tile_data_length"] > len(self._bytes):
            raise BadArchive("it ends before its last tile: copy it again")
        self._directory(header["root_offset"], header["root_length"])

    def close(self) -> None:
        """Let go of the file."""
        self._bytes.close()

    def _directory(self, offset: int, length: int) -> list[Any]:
        """Read once: unpacking one takes longer than all the rest."""
        key = (offset, length)
        with self._lock:
            kept = self._directories.get(key)
            if kept is not None:
                self._directories.move_to_end(key)
                return kept
        try:
            raw = self._bytes[offset : offset + length]
            _unpacked(raw)
            read: list[Any] = deserialize_directory(raw)
        except _BROKEN as error:
            raise BadArchive(f"the list of its tiles can't be read: {error}") from error
        with self._lock:
            self._directories[key] = read
            while len(self._directories) > _KEPT_DIRECTORIES:
                self._directories.popitem(last=False)
        return read


def _unpacked(raw: bytes) -> bytes:
    """What was packed. Raises ``ValueError`` where that is so much that it can only be meant to fill the memory."""
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        found = file.read(_MOST_UNPACKED + 1)
    if len(found) > _MOST_UNPACKED:
        raise ValueError(f"it unpacks to more than {_MOST_UNPACKED // 1024**2} MB")
    return found
