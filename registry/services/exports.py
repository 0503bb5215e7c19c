"""The registry as files: CSV, XLSX, GeoJSON, with the columns an import knows, so that an export imports as unchanged.

Streamed: a million assets need the memory of one batch (XLSX: of one row; the zip is written as it grows). A cell that
a spreadsheet would run as a formula is written with an apostrophe before it, which an import takes away again.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, Select, select

from registry.domain.errors import InvalidInput
from registry.domain.geo import PLACE_DECIMALS, Crs, Place, from_wgs84
from registry.domain.kinds import AssetState, Family
from registry.domain.people import Actor
from registry.storage.database import reading
from registry.storage.tables import asset, asset_alias, asset_class, map_selection_item, unit
from registry.tabular.cells import guarded
from registry.tabular.fields import ALIAS_HEADER, FIELDS

FORMATS = ("csv", "xlsx", "geojson")
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
}
_BATCH = 2_000
_MOST_SHEET_ROWS = 1_048_575
_SHARED = ("code", "class", "class_name", "division", "name", "state", "lon", "lat", "road", "address", "grid_cell")
_FACTS = (
    "supervisor",
    "owner",
    "maintainer",
    "depth",
    "material",
    "size",
    "installed_on",
    "warranty_until",
    "accuracy",
)
_STATES = {"intact": "完好", "damaged": "破损", "lost": "丢失", "abandoned": "废弃"}
_PARTIES = ("supervisor", "owner", "maintainer")
ALIASES, DETAILS = "aliases", "details"
COLUMNS = (*_SHARED, *_FACTS, ALIASES, DETAILS)
"""What can be a column; the identifiers have one for each kind."""
_HEADERS = {"class": "分类代码", "class_name": "分类名称", "depth": "井深(mm)", DETAILS: "附加信息"}
_SHORTEST_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWish:
    """Which assets, and how. ``area_code`` takes in every area that begins with it; ``encoding`` is that of a CSV.

    ``import_id``: only what that import made. ``selection_id``: only what somebody drew a line around on the map; whose
    it is, is for the caller to check. ``columns``: some of ``COLUMNS``, in their order there; empty: all.
    """

    format: str = "csv"
    crs: Crs = Crs.WGS84
    encoding: str = "utf-8-sig"
    family: Family | None = None
    class_code: str = ""
    area_code: str = ""
    state: AssetState | None = None
    import_id: int | None = None
    selection_id: int | None = None
    columns: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """The columns of the file, but for the identifiers."""
        return [key for key in COLUMNS if key != ALIASES and (not self.columns or key in self.columns)]


def export_assets(engine: Engine, wish: ExportWish, *, by: Actor) -> Iterator[bytes]:
    """The file in pieces. What lies outside the person's own area is left out. Raises ``InvalidInput`` at once."""
    if wish.format not in FORMATS:
        raise InvalidInput("format", "{given!r} must be one of {known}", given=wish.format, known=", ".join(FORMATS))
    if wish.encoding not in ("utf-8-sig", "gb18030"):
        raise InvalidInput("encoding", "{given!r} must be utf-8-sig or gb18030", given=wish.encoding)
    if wish.format == "geojson" and wish.crs in (Crs.GCJ02, Crs.BD09):
        raise InvalidInput("crs", "GeoJSON is in WGS-84 by its standard; choose CSV or XLSX for another system")
    if wish.area_code and not wish.area_code.isdigit():
        raise InvalidInput("area_code", "{given!r} must be digits", given=wish.area_code)
    if unknown := set(wish.columns) - set(COLUMNS):
        raise InvalidInput(
            "column", "{given}: must be among {known}", given=", ".join(sorted(unknown)), known=", ".join(COLUMNS)
        )
    kinds = _alias_kinds(engine) if not wish.columns or ALIASES in wish.columns else []
    rows = _rows(engine, wish, by, kinds)
    if wish.format == "csv":
        return _csv(rows, kinds, wish)
    if wish.format == "geojson":
        return _geojson(rows, kinds, wish)
    return _xlsx(rows, kinds, wish)


def export_to(path: Path, pieces: Iterator[bytes]) -> int:
    """Write an export to ``path``, whole or not at all; its size in bytes."""
    partial = path.with_name(f".{path.name}.part")
    size = 0
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                size += file.write(piece)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return size


def _alias_kinds(engine: Engine) -> list[str]:
    with reading(engine) as tx:
        return list(tx.execute(select(asset_alias.c.kind).distinct().order_by(asset_alias.c.kind)).scalars())


def headers(kinds: Sequence[str], wish: ExportWish) -> list[str]:
    """The column names of a table: those an import guesses right, the coordinate system among them."""
    aliases = [f"{ALIAS_HEADER}{kind}" for kind in kinds]
    names = [header_of(key, wish.crs) for key in wish.keys]
    # the details stand last, after the identifiers
    return [*names[:-1], *aliases, names[-1]] if DETAILS in wish.keys else [*names, *aliases]


def header_of(key: str, crs: Crs) -> str:
    """The name of one of ``COLUMNS`` in a file."""
    named = _HEADERS | {"lon": f"经度({crs.value})", "lat": f"纬度({crs.value})"}
    return named.get(key) or FIELDS[key].zh


def _query(wish: ExportWish, by: Actor, after: int) -> Select[Any]:
    query = select(asset).where(asset.c.id > after, asset.c.merged_into_id.is_(None))
    for area in {wish.area_code, by.area_code} - {""}:
        query = query.where(asset.c.area_code >= area, asset.c.area_code < f"{area}:")
    if wish.family is not None:
        query = query.where(asset.c.family == wish.family.value)
    if wish.class_code:
        query = query.where(asset.c.class_code == wish.class_code)
    if wish.state is not None:
        query = query.where(asset.c.state == wish.state.value)
    if wish.import_id is not None:
        query = query.where(asset.c.import_id == wish.import_id)
    if wish.selection_id is not None:
        item = map_selection_item.c
        stretch = select(item.asset_id).where(item.selection_id == wish.selection_id, item.asset_id > after)
        query = query.where(asset.c.id.in_(stretch))
    return query.order_by(asset.c.id).limit(_BATCH)


def _rows(engine: Engine, wish: ExportWish, by: Actor, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each asset as one flat mapping, in the order of their ids; each batch is read by itself."""
    with reading(engine) as tx:
        units = {row.id: row.name for row in tx.execute(select(unit.c.id, unit.c.name))}
        names = {(row.scheme, row.code): row.name_zh for row in tx.execute(select(asset_class))}
    after = 0
    while True:
        with reading(engine) as tx:
            found = tx.execute(_query(wish, by, after)).all()
            ids = [row.id for row in found]
            aliases: dict[int, dict[str, str]] = {}
            if ids and kinds:
                query = select(asset_alias).where(asset_alias.c.asset_id.in_(ids))
                for alias in tx.execute(query.order_by(asset_alias.c.value.desc())):
                    aliases.setdefault(alias.asset_id, {})[alias.kind] = alias.value
        for row in found:
            yield _flat(row, wish.crs, units, names, aliases.get(row.id, {}))
        if len(found) < _BATCH:
            return
        after = ids[-1]


def _flat(
    row: Row[Any],
    crs: Crs,
    units: Mapping[int, str],
    names: Mapping[tuple[str, str], str],
    aliases: Mapping[str, str],
) -> dict[str, Any]:
    place = from_wgs84(Place(row.lon, row.lat), crs)
    flat: dict[str, Any] = {
        "code": row.code,
        "class": row.class_code,
        "class_name": names.get((row.scheme, row.class_code), ""),
        "division": row.code[:6],
        "name": row.name,
        "state": _STATES[row.state],
        "lon": round(place.lon, PLACE_DECIMALS),
        "lat": round(place.lat, PLACE_DECIMALS),
        "road": row.road,
        "address": row.address,
        "grid_cell": row.grid_cell,
        "depth": row.depth_mm,
        "material": row.material,
        "size": row.size,
        "installed_on": row.installed_on,
        "warranty_until": row.warranty_until,
        "accuracy": row.accuracy,
        "aliases": aliases,
        "details": row.details,
    }
    return flat | {party: units.get(getattr(row, f"{party}_unit_id"), "") for party in _PARTIES}


def _cells(flat: Mapping[str, Any], kinds: Sequence[str], keys: Sequence[str]) -> list[Any]:
    """The values under ``headers``; ``keys`` are those of the wish."""
    cells = [flat[key] for key in keys if key != DETAILS]
    cells += [flat["aliases"].get(kind, "") for kind in kinds]
    if DETAILS in keys:
        cells.append(json.dumps(flat["details"], ensure_ascii=False) if flat["details"] else "")
    return cells


def _csv(rows: Iterator[dict[str, Any]], kinds: Sequence[str], wish: ExportWish) -> Iterator[bytes]:
    keys, text = wish.keys, io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    first = True

    def taken() -> bytes:
        nonlocal first
        # the mark goes before the first piece only
        piece = text.getvalue().encode(wish.encoding if first else wish.encoding.removesuffix("-sig"), "replace")
        first = False
        text.seek(0)
        text.truncate()
        return piece

    writer.writerow(headers(kinds, wish))
    for flat in rows:
        writer.writerow([guarded(cell) for cell in _cells(flat, kinds, keys)])
        if text.tell() > _SHORTEST_PIECE:
            yield taken()
    yield taken()


def _geojson(rows: Iterator[dict[str, Any]], kinds: Sequence[str], wish: ExportWish) -> Iterator[bytes]:
    keys, names = wish.keys, headers(kinds, wish)
    places = {header_of("lon", wish.crs), header_of("lat", wish.crs)}
    yield b'{"type":"FeatureCollection","features":[\n'
    pieces: list[str] = []
    comma = ""
    for flat in rows:
        said = zip(names, _cells(flat, kinds, keys), strict=True)
        feature = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [flat["lon"], flat["lat"]]},
            "properties": {name: cell for name, cell in said if cell not in ("", None) and name not in places},
        }
        pieces.append(f"{comma}{json.dumps(feature, ensure_ascii=False)}\n")
        comma = ","
        if len(pieces) >= 200:
            yield "".join(pieces).encode()
            pieces.clear()
    yield "".join(pieces).encode()
    yield b"]}\n"


def _xlsx(rows: Iterator[dict[str, Any]], kinds: Sequence[str], wish: ExportWish) -> Iterator[bytes]:
    """openpyxl writes rows to a temporary file as they come; the zip is read back in pieces."""
    from openpyxl import Workbook  # takes a quarter of a second to load, and few processes ever write a sheet
    from openpyxl.cell import WriteOnlyCell

    keys, book = wish.keys, Workbook(write_only=True)
    sheet = book.create_sheet("资产")
    new_cell = partial(WriteOnlyCell, sheet)
    sheet.append(headers(kinds, wish))
    for count, flat in enumerate(rows, start=1):
        if count > _MOST_SHEET_ROWS:
            raise InvalidInput("format", "a sheet holds 1,048,575 rows; export as CSV, or a part of the city")
        sheet.append([_cell(new_cell, value) for value in _cells(flat, kinds, keys)])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(1 << 20):
            yield piece


def _cell(new_cell: Callable[..., Any], value: Any) -> Any:
    """Text stays text: openpyxl would make a formula of one that begins with "="."""
    if not isinstance(value, str):
        return value
    cell = new_cell(value=_without_control(value))
    cell.data_type = "s"
    return cell


def _without_control(text: str) -> str:
    return "".join(mark for mark in text if mark >= " " or mark in "\t\n\r")
