"""Tiles out of files on this machine: each opened once for a process, and anew when another one lies in its place."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog
from flask import Response, current_app

from registry.domain.errors import DomainError
from registry.domain.vector_tile import Spot
from registry.queries.tile_archive import BadArchive, TileArchive

log = structlog.get_logger(__name__)

KEPT_A_DAY = "private, max-age=86400"
_FILES = "covercode.tile_files"
_Stamp = tuple[Path, int, int, int]


class MapFileAway(DomainError):
    """A file with tiles can't be read; the message names it and says why."""


class TileFiles:
    """The open files by the names that people know them by; for all threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, tuple[_Stamp, TileArchive]] = {}
        self._said: set[tuple[str, str]] = set()

    def at(self, name: str, path: Path) -> TileArchive:
        """The file at ``path``. Raises ``MapFileAway``."""
        try:
            found = path.stat()
            stamp = (path, found.st_ino, found.st_size, found.st_mtime_ns)
            with self._lock:
                held = self._open.get(name)
                if held is None or held[0] != stamp:
                    # the one before is closed once no thread reads from it any more
                    held = self._open[name] = (stamp, TileArchive(path))
        except (OSError, BadArchive) as error:
            raise self.away(name, path, error) from error
        return held[1]

    def drop_removed(self) -> None:
        """Let go of files that were removed: as long as one is open, the disk keeps its room."""
        with self._lock:
            for name in [name for name, (_, archive) in self._open.items() if archive.is_removed]:
                del self._open[name]

    def away(self, name: str, path: Path, error: Exception) -> MapFileAway:
        """What to say of a file that can't be read; the log is told once."""
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        with self._lock:
            fresh = (name, why) not in self._said
            self._said.add((name, why))
        if fresh:
            log.warning("map_file_unreadable", name=name, file=str(path), error=why)
        return MapFileAway(f"{name} can't be read: {why}")


def _files() -> TileFiles:
    files: TileFiles = current_app.extensions.setdefault(_FILES, TileFiles())
    return files


def tile_archive(name: str, path: Path) -> TileArchive:
    """The file of that name, open. Raises ``MapFileAway``."""
    return _files().at(name, path)


def drop_removed_files() -> None:
    """Let go of files that were removed since they were opened."""
    _files().drop_removed()


def archived_tile(name: str, path: Path, spot: Spot) -> Response:
    """One tile out of a file; 204 where it has none. Raises ``MapFileAway``."""
    try:
        found = tile_archive(name, path).tile(spot)
    except (OSError, BadArchive) as error:
        raise _files().away(name, path, error) from error
    if found is None:
        return Response(status=204, headers={"Cache-Control": KEPT_A_DAY})
    response = Response(found.body, mimetype=found.media_type)
    response.headers["Cache-Control"] = KEPT_A_DAY
    if found.encoding:
        response.headers["Content-Encoding"] = found.encoding
    return response
