"""Reading tiles out of a PMTiles file on this machine: one file for a whole base map, nothing to unpack, no server."""

from __future__ import annotations

import gzip
import io
import os
import threading
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple
from weakref import finalize

import msgspec
import numpy as np
from numpy.typing import NDArray
from pmtiles.tile import (
    Compression,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_header,
    zxy_to_tileid,
)

from registry.domain.geo import Box
from registry.domain.vector_tile import MEDIA_TYPE, Spot
from registry.shapes import shaped_json

_KEPT_DIRECTORIES = 64
_HEADER = 127
_DEEPEST = 4
_MOST_TOLD = 8 * 1024 * 1024
_MOST_LISTED = 2 * 1024 * 1024
"""Bytes, unpacked, of the description and of one list of tiles: what packers write is far smaller."""
_LONGEST_NUMBER = 10  # bytes of 64 bits, seven in each
_MEDIA_TYPES = {
    TileType.MVT: MEDIA_TYPE,
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
_BROKEN = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zlib.error, msgspec.DecodeError)
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


class _Directory:
    """One list of tiles. Raises ``ValueError`` for bytes that are none."""

    def __init__(self, raw: bytes) -> None:
        numbers = _numbers(raw)
        many = int(numbers[0]) if len(numbers) else 0
        if len(numbers) < 1 + 4 * many:
            raise ValueError("it ends too early")
        steps, self._runs, self._lengths, places = numbers[1 : 1 + 4 * many].astype(np.int64).reshape(4, many)
        self._ids = np.cumsum(steps)
        # a place of 0 says: where the one before ends
        follows = places == 0
        follows[:1] = False
        before = np.cumsum(self._lengths) - self._lengths
        told = np.maximum.accumulate(np.where(follows, 0, np.arange(many)))
        self._places = (places - 1 - before)[told] + before

    def find(self, tile: int) -> tuple[int, int, bool] | None:
        """Place, length, and whether the tile itself lies there (else a further list); None: it has no such tile."""
        at = int(np.searchsorted(self._ids, tile, side="right")) - 1
        if at < 0:
            return None
        run = int(self._runs[at])
        if run and tile - int(self._ids[at]) >= run:
            return None
        return int(self._places[at]), int(self._lengths[at]), run > 0


def _numbers(raw: bytes) -> NDArray[np.uint64]:
    """The numbers of a list, seven bits a byte, lowest first. Raises ``ValueError``."""
    read = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(read < 128)
    lengths = np.diff(ends, prepend=-1)
    if len(read) and (not len(ends) or ends[-1] != len(read) - 1 or lengths.max() > _LONGEST_NUMBER):
        raise ValueError("a number in it has no end")
    starts = ends - lengths + 1
    shifts = 7 * (np.arange(len(read)) - np.repeat(starts, lengths))
    parts = (read & 127).astype(np.uint64) << shifts.astype(np.uint64)
    return np.add.reduceat(parts, starts) if len(starts) else parts


class TileArchive:
    """One open file; tiles can be asked for by many threads at once. Raises ``BadArchive``, ``OSError``.

    ``facts`` is what a map has to know of it. The file is read, never mapped into memory: a process whose map of a file
    became shorter than it was, because somebody copied another one over it, would be ended by the system.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._file = os.dup(file.fileno())
        self._close = finalize(self, os.close, self._file)
        self._lock = threading.Lock()
        self._directories: OrderedDict[tuple[int, int], _Directory] = OrderedDict()
        try:
            self._size = os.fstat(self._file).st_size
            if not self._size:
                raise BadArchive("the file is empty")
            self._header = _header_in(self._read(0, _HEADER))
            kind, packed = self._header["tile_type"], self._header["tile_compression"]
            if kind not in _MEDIA_TYPES or packed not in _ENCODINGS:
                raise BadArchive("its tiles are of a kind that maps can't read")
            self._media_type, self._encoding = _MEDIA_TYPES[kind], _ENCODINGS[packed]
            self.facts = self._read_facts()
        except (BadArchive, OSError):
            self.close()
            raise

    def _read_facts(self) -> ArchiveFacts:
        header = self._header
        try:
            raw = self._plain(header["metadata_offset"], header["metadata_length"], _MOST_TOLD)
            told = shaped_json(raw, dict[str, Any])
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
            found = self._directory(offset, length).find(wanted)
            if found is None:
                return None
            offset, length, is_tile = found
            if is_tile:
                body = self._read(self._header["tile_data_offset"] + offset, length)
                if len(body) < length:
                    raise BadArchive("it ends before its last tile: copy it again")
                return ArchivedTile(body, self._media_type, self._encoding)
            offset += self._header["leaf_directory_offset"]
        return None

    def check(self) -> None:
        """Look at what opening leaves alone: its end, and the list of its tiles. Raises ``BadArchive``."""
        header = self._header
        if header["tile_data_offset"] + header["tile_data_length"] > self._size:
            raise BadArchive("it ends before its last tile: copy it again")
        self._directory(header["root_offset"], header["root_length"])

    @property
    def is_removed(self) -> bool:
        """Whether the file has no name any more: its room on the disk is free once it is closed."""
        return os.fstat(self._file).st_nlink == 0

    def close(self) -> None:
        """Let go of the file; so does whoever forgets the archive."""
        self._close()

    def _read(self, offset: int, length: int) -> bytes:
        """As much of it as there is."""
        length = min(length, self._size - offset)
        return os.pread(self._file, length, offset) if offset >= 0 and length > 0 else b""

    def _directory(self, offset: int, length: int) -> _Directory:
        """Read once: unpacking one takes longer than all the rest."""
        key = (offset, length)
        with self._lock:
            kept = self._directories.get(key)
            if kept is not None:
                self._directories.move_to_end(key)
                return kept
        try:
            read = _Directory(self._plain(offset, length, _MOST_LISTED))
        except _BROKEN as error:
            raise BadArchive(f"the list of its tiles can't be read: {error}") from error
        with self._lock:
            self._directories[key] = read
            while len(self._directories) > _KEPT_DIRECTORIES:
                self._directories.popitem(last=False)
        return read

    def _plain(self, offset: int, length: int, most: int) -> bytes:
        """What the file says of itself there, unpacked.

        Raises ``ValueError`` where that is so much that it can only be meant to fill the memory.
        """
        raw = self._read(offset, min(length, most + 1))
        packing = self._header["internal_compression"]
        if packing is Compression.GZIP:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                raw = file.read(most + 1)
        elif packing is not Compression.NONE:
            raise ValueError("it is packed in a way that is not known here")
        if len(raw) > most:
            raise ValueError(f"it unpacks to more than {most // 1024**2} MB")
        return raw


def _header_in(raw: bytes) -> HeaderDict:
    try:
        return deserialize_header(raw)
    except (MagicNumberNotFound, SpecVersionUnsupported, ValueError, IndexError) as error:
        raise BadArchive(f"not a PMTiles file of version 3: {error}") from error
