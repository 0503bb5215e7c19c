"""Keeping the catalogue of map layers (图层目录): entries with source, day, owner and access, and uploaded files."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.geo import Crs, Place, from_wgs84, to_wgs84
from registry.domain.map_layers import (
    MOST_LAYERS,
    WITH_FILE,
    LayerAccess,
    LayerKind,
    check_address,
    check_colour,
    check_key,
)
from registry.domain.people import Actor
from registry.queries.tile_archive import BadArchive, TileArchive
from registry.services import audit
from registry.shapes import shaped_json
from registry.storage.database import reading, writing
from registry.storage.tables import map_layer, unit

MOST_SHAPES = 100_000
MOST_BYTES = 60_000_000
_ENDINGS = {LayerKind.GEOJSON: "geojson", LayerKind.PMTILES: "pmtiles"}
BASE_SYSTEMS = (Crs.WGS84, Crs.GCJ02)
"""The systems of base maps: shapes are kept in each."""
_DEEPEST = 5
_NO_SHAPES = (msgspec.DecodeError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading shapes ends in where there are none."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLayer:
    """An entry as it is to be.

    ``content`` is a file that was sent with it, in ``crs``, open at its beginning; None keeps the one there is.
    """

    key: str
    kind: LayerKind
    name_zh: str
    name_en: str = ""
    address: str = ""
    inner_layer: str = ""
    source: str = ""
    dated_on: date
    unit_id: int | None = None
    access: LayerAccess = LayerAccess.STAFF
    colour: str = "#2f6f9f"
    content: IO[bytes] | None = None
    crs: Crs = Crs.WGS84


def save_layer(
    engine: Engine, folder: Path, key: str | None, new: NewLayer, *, version: int | None, by: Actor, now: datetime
) -> str:
    """Add a layer (``key`` None, at the end of the catalogue) or change one; its key. ``folder`` keeps its file.

    Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict`` (a namesake, or changed meanwhile).
    """
    values = _checked(new) | {"updated_at": now, "updated_by": by.user_id}
    sent = "" if new.content is None else _kept_file(folder, new, new.content)
    before = ""
    try:
        with writing(engine) as tx:
            was = None if key is None else _row(tx, key)
            before = "" if was is None else was.file
            if was is not None and version is not None and was.version != version:
                raise Conflict(f"the layer {was.name_zh} has changed meanwhile; load it again and decide anew")
            values |= {"file": _file_of(tx, new, values, was, sent)}
            if was is None:
                _add(tx, values)
            else:
                kept_key = {name: value for name, value in values.items() if name != "key"}
                changed = update(map_layer).where(map_layer.c.id == was.id)
                tx.execute(changed.values(**kept_key, version=was.version + 1))
            said = key or new.key
            detail = {name: values[name] for name in ("kind", "access", "dated_on")}
            audit.record(tx, by=by, action="map_layer.set", subject=f"map_layer:{said}", detail=detail, now=now)
    finally:
        # what was refused, or what another file took the place of
        for file in (sent, before):
            _forget(engine, folder, file)
    return said


def _file_of(tx: Connection, new: NewLayer, values: dict[str, Any], was: Any, sent: str) -> str:
    """The file that the layer is to have: the one that was ``sent``, or the one it has."""
    if new.unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
        raise InvalidInput("unit_id", "is no unit on file; choose one of the list")
    if values["address"]:
        return ""
    file = sent or ("" if was is None or was.kind != new.kind else str(was.file))
    if not file:
        raise InvalidInput("address", "give an address, or upload a file")
    return file


def remove_layer(engine: Engine, folder: Path, key: str, *, by: Actor, now: datetime) -> None:
    """Take a layer out of the catalogue, and its file with it. Raises ``NotFound``."""
    with writing(engine) as tx:
        was = _row(tx, key)
        tx.execute(delete(map_layer).where(map_layer.c.id == was.id))
        audit.record(tx, by=by, action="map_layer.remove", subject=f"map_layer:{key}", now=now)
    _forget(engine, folder, was.file)


def move_layer(engine: Engine, key: str, up: bool, *, by: Actor, now: datetime) -> None:
    """One place up or down in the catalogue, which is the order in which layers lie on the map. Raises ``NotFound``."""
    with writing(engine) as tx:
        own = _row(tx, key)
        rows = list(tx.execute(select(map_layer.c.id).order_by(map_layer.c.position, map_layer.c.id)).scalars())
        here = rows.index(own.id)
        there = max(here - 1, 0) if up else min(here + 1, len(rows) - 1)
        rows[here], rows[there] = rows[there], rows[here]
        for position, layer_id in enumerate(rows):
            tx.execute(update(map_layer).where(map_layer.c.id == layer_id).values(position=position))
        audit.record(tx, by=by, action="map_layer.move", subject=f"map_layer:{key}", detail={"to": there}, now=now)


def packed_shapes(file: str, crs: Crs) -> str:
    """The compressed file that holds the shapes of the layer's ``file`` in the system of a base map."""
    return f"{file}.{crs.value}.gz"


def _checked(new: NewLayer) -> dict[str, Any]:
    name = new.name_zh.strip()
    if not name:
        raise InvalidInput("name_zh", "a layer needs a name, such as 2026 年排水管网")
    if new.content is not None and new.kind not in WITH_FILE:
        raise InvalidInput("file", "only GeoJSON and PMTiles can be uploaded; give an address for the others")
    if new.kind is LayerKind.PMTILES and new.address.strip():
        raise InvalidInput("address", "a PMTiles file is read here: upload it")
    return {
        "key": check_key(new.key),
        "kind": new.kind.value,
        "name_zh": name,
        "name_en": new.name_en.strip(),
        "address": check_address(new.kind, new.address) if new.address.strip() and new.content is None else "",
        "inner_layer": new.inner_layer.strip(),
        "source": new.source.strip(),
        "dated_on": new.dated_on.isoformat(),
        "unit_id": new.unit_id,
        "access": new.access.value,
        "colour": check_colour(new.colour),
    }


def _add(tx: Connection, values: dict[str, Any]) -> None:
    many, last = tx.execute(select(func.count(), func.max(map_layer.c.position))).one()
    if many >= MOST_LAYERS:
        raise InvalidInput("key", "the catalogue holds {most} layers at most; remove one first", most=MOST_LAYERS)
    if tx.scalar(select(map_layer.c.id).where(map_layer.c.key == values["key"])) is not None:
        raise Conflict(f"a layer {values['key']!r} exists; choose another key")
    tx.execute(insert(map_layer).values(**values, position=0 if last is None else last + 1))


def _row(tx: Connection, key: str) -> Any:
    row = tx.execute(select(map_layer).where(map_layer.c.key == key).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("map layer", key)
    return row


def _kept_file(folder: Path, new: NewLayer, content: IO[bytes]) -> str:
    """The uploaded file, checked and under a name of its own; that name."""
    digest = hashlib.sha256()
    while piece := content.read(_PIECE):
        digest.update(piece)
    digest.update(new.crs.value.encode())
    name = f"{new.key}-{digest.hexdigest()[:16]}.{_ENDINGS[new.kind]}"
    content.seek(0)
    folder.mkdir(parents=True, exist_ok=True)
    if new.kind is LayerKind.PMTILES:
        _put(folder / name, content, check=_check_archive)
        return name
    # once, and not for everybody who looks at the map: shifting and compressing a large file takes seconds
    read = _checked_shapes(content.read(MOST_BYTES + 1), new.crs)
    _put(folder / packed_shapes(name, Crs.WGS84), _packed(read))
    _for_each_place(read, lambda place: _on_earth(from_wgs84(place, Crs.GCJ02)))
    _put(folder / packed_shapes(name, Crs.GCJ02), _packed(read))
    return name


def _packed(shapes: dict[str, Any]) -> IO[bytes]:
    return io.BytesIO(gzip.compress(msgspec.json.encode(shapes), mtime=0))


def _put(path: Path, content: IO[bytes], *, check: Callable[[Path], None] = lambda _path: None) -> None:
    """The whole file, or none; an archive may be larger than the memory."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            shutil.copyfileobj(content, file)
        check(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _forget(engine: Engine, folder: Path, file: str) -> None:
    """Remove a file that no layer has any more."""
    if not file:
        return
    with reading(engine) as tx:
        if tx.scalar(select(map_layer.c.id).where(map_layer.c.file == file)) is not None:
            return
    for name in (file, *(packed_shapes(file, crs) for crs in BASE_SYSTEMS)):
        (folder / name).unlink(missing_ok=True)


def _check_archive(path: Path) -> None:
    try:
        with closing(TileArchive(path)) as archive:
            archive.check()
    except BadArchive as error:
        raise InvalidInput("file", "can't be read: {reason}", reason=error) from error


def _checked_shapes(content: bytes, crs: Crs) -> dict[str, Any]:
    """GeoJSON in WGS-84. Raises ``InvalidInput`` for what maps can't draw."""
    if len(content) > MOST_BYTES:
        raise InvalidInput("file", "is larger than {most} MB; make a PMTiles file of it", most=MOST_BYTES // 1_000_000)
    try:
        read = shaped_json(content, dict[str, Any])
        kind = read["type"]
        shapes = read.get("features", []) if kind == "FeatureCollection" else [read]
        if kind not in ("FeatureCollection", "Feature") or not isinstance(shapes, list):
            raise InvalidInput("file", "must be a FeatureCollection or a Feature of GeoJSON")
        if len(shapes) > MOST_SHAPES:
            raise InvalidInput(
                "file", "holds more than {most} shapes; make a PMTiles file of it", most=f"{MOST_SHAPES:,}"
            )
        _for_each_place(read, lambda place: _on_earth(to_wgs84(place, crs)))
    except _NO_SHAPES as error:
        raise InvalidInput("file", "is no GeoJSON in degrees: look at its first lines") from error
    return read


def _on_earth(place: Place) -> Place:
    if not (abs(place.lon) <= 180.0 and abs(place.lat) <= 90.0):
        raise ValueError("beyond the globe: metres, or swapped")
    return Place(round(place.lon, 7), round(place.lat, 7))


def _for_each_place(read: Any, moved: Callable[[Place], Place]) -> None:
    """Put every position of GeoJSON elsewhere, in place."""
    for shape in read["features"] if read["type"] == "FeatureCollection" else [read]:
        _move_geometry(shape.get("geometry"), moved)


def _move_geometry(geometry: Any, moved: Callable[[Place], Place]) -> None:
    if geometry is None:
        return
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            _move_geometry(part, moved)
        return
    geometry["coordinates"] = _moved(geometry["coordinates"], moved, 0)


def _moved(coordinates: Any, moved: Callable[[Place], Place], depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("nested deeper than any geometry")
    if coordinates and not isinstance(coordinates[0], list):
        return [*moved(Place(float(coordinates[0]), float(coordinates[1]))), *coordinates[2:3]]
    return [_moved(each, moved, depth + 1) for each in coordinates]
