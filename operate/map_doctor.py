"""What ``covercode doctor`` says of the base map: whether the file that the settings name is there, and a map."""

from __future__ import annotations

from pathlib import Path

from operate.city_file import Place
from operate.finding import Finding
from registry.queries.tile_archive import BadArchive, TileArchive

_PART = "base map"


def look_at_base_map(place: Place) -> Finding:
    """The base map of the settings. What lies with other hosts is named and not asked for."""
    web, path = place.settings.web, place.base_map_file
    if web.base_map != "pmtiles" or path is None:
        from_there = web.base_map or ("tiles" if web.tile_url else "")
        said = f"{from_there}: browsers ask its host" if from_there else "none: the city is drawn on a plain ground"
        return Finding(_PART, True, said)
    try:
        said = _said_of(path)
    except OSError as problem:
        advice = "put the PMTiles file there and let the user of `covercode serve` read it, or mend web.base_map_file"
        return Finding(_PART, False, f"{path}: {problem.strerror or problem}", advice)
    except BadArchive as problem:
        return Finding(_PART, False, f"{path}: {problem}", "put a whole PMTiles file of version 3 there (docs/map.md)")
    return Finding(_PART, True, said)


def _said_of(path: Path) -> str:
    """What the file holds. Raises ``OSError``, ``BadArchive``."""
    archive = TileArchive(path)
    try:
        archive.check()
        facts = archive.facts
    finally:
        archive.close()
    return f"{path}: {'vector tiles' if facts.vector else 'pictures'} of zoom {facts.min_zoom} to {facts.max_zoom}"
