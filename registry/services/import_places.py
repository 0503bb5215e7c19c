"""Where the first rows of a file would lie, beside what is on file there: a wrong coordinate system is seen at once.

Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Engine, select

from registry.domain.errors import InvalidInput
from registry.domain.geo import Box, Place, place_cells
from registry.services.import_files import file_of
from registry.storage.database import reading
from registry.storage.tables import asset
from registry.tabular.guesses import sample_of
from registry.tabular.rows import RowReader, Unusable
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import called, open_table

MOST_ON_FILE = 1_500
_MARGIN_DEG = 0.01
_TOO_WIDE_DEG = 2.0
_PLACES = ("lon", "lat", "place")
_ANY_CLASS = "0101"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One place in WGS-84, with what to call it; ``road`` is known of assets on file only."""

    place: Place
    name: str
    road: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlaces:
    """The first places of a file, and assets on file around them (at most ``MOST_ON_FILE``)."""

    in_file: list[Spot]
    on_file: list[Spot]


def places_of_file(
    engine: Engine, data_dir: Path, run_id: int, settings: ImportSettings, *, scope: str = ""
) -> FilePlaces:
    """The first 200 places of the file of a run, read by ``settings``, in WGS-84; rows without a usable one left out.

    Of the assets on file only those in the area ``scope`` (a prefix; "": the whole city) are given.

    Raises ``NotFound``, and ``InvalidInput`` for a file that can't be read, or a system that nobody has chosen yet.
    """
    path, file_name = file_of(engine, data_dir, run_id)
    if not settings.crs:
        raise InvalidInput("crs", "choose the coordinate system, and the places are shown")
    with called(path, file_name):
        table = open_table(path, settings)
        sample = sample_of(table)
    reader = RowReader(_places_only(settings), table.columns, {_ANY_CLASS: _ANY_CLASS}, None)
    spots: list[Spot] = []
    for row in sample:
        try:
            place = reader.read(row).place
        except Unusable:
            continue
        if place is not None:
            spots.append(Spot(place=place, name=str(row.number)))
    return FilePlaces(in_file=spots, on_file=_around(engine, [spot.place for spot in spots], scope))


def _places_only(settings: ImportSettings) -> ImportSettings:
    """The same file with nothing but its places read: a row without a class has a place all the same."""
    return replace(
        settings,
        columns={column: target for column, target in settings.columns.items() if target in _PLACES},
        constants={"class": _ANY_CLASS, "division": "100000"},
        key="",
        details="none",
        far_km=0.0,
        warn_no_road=False,
    )


def _around(engine: Engine, places: list[Place], scope: str) -> list[Spot]:
    if not places:
        return []
    # between the tenths: one place on another continent must not ask for the whole world
    lons, lats = sorted(place.lon for place in places), sorted(place.lat for place in places)
    cut = len(places) // 10
    box = Box(
        west=max(-180.0, lons[cut] - _MARGIN_DEG),
        south=max(-90.0, lats[cut] - _MARGIN_DEG),
        east=min(180.0, lons[-1 - cut] + _MARGIN_DEG),
        north=min(90.0, lats[-1 - cut] + _MARGIN_DEG),
    )
    if box.east - box.west > _TOO_WIDE_DEG or box.north - box.south > _TOO_WIDE_DEG:
        return []
    cells = place_cells(box)
    query = select(asset.c.lon, asset.c.lat, asset.c.name, asset.c.road).where(
        asset.c.place_cell.between(cells[0][0], cells[-1][1]),
        asset.c.lat.between(box.south, box.north),
        asset.c.lon.between(box.west, box.east),
    )
    if scope:
        query = query.where(asset.c.area_code.startswith(scope, autoescape=True))
    with reading(engine) as tx:
        rows = tx.execute(query.limit(MOST_ON_FILE)).all()
    return [Spot(place=Place(row.lon, row.lat), name=row.name, road=row.road) for row in rows]
