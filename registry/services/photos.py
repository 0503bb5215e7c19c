"""Photos from phones: decoded, turned upright, stripped of all metadata, written again as JPEG, kept by their sha256.

A phone's picture carries where its owner lives in its metadata; what is kept here carries pixels only. The file is
whole on disk before its row is committed, and a refused picture leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import InvalidInput, NotAllowed, NotFound, StoreDown
from registry.domain.geo import Place, check_place, distance_m
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import asset_changes
from registry.services.camera_facts import CameraFacts, read_camera_facts
from registry.storage.database import reading, writing
from registry.storage.tables import asset, case, photo

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
_LONGEST_SIDE_PX = 2560  # enough to read a plate on it; a 12 MP original would be five times the bytes
_SMALLEST_SIDE_PX = 16
_QUALITY = 85
# what Pillow raises for broken files, by its readers' own code and by its decoders
_UNDECODABLE = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, struct.error)
_FORMATS = ("JPEG", "PNG", "WEBP")

PHOTO_KINDS = ("near", "far", "reference", "before", "after")
"""What a picture shows: 近景, 远景, 参照物, 处置前, 处置后."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhoto:
    """What a photo shows: an asset, perhaps one of its cases, who took it and where the phone said it was (WGS-84).

    ``asset_id`` None: a place where nothing of the register stands, or nobody knows yet what.
    ``kind`` is "" or one of ``PHOTO_KINDS``. ``taken_at`` None: not known. ``camera_zone``: take time and place from
    the picture's metadata where they were not given, its clock being in this zone; never set it for a citizen's.
    """

    asset_id: int | None
    case_id: int | None = None
    taken_by: int | None = None
    kind: str = ""
    taken_at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    camera_zone: tzinfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPhoto:
    """Where a photo is and what it belongs to."""

    id: int
    asset_id: int | None
    case_id: int | None
    path: Path
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it will be kept."""

    jpeg: bytes
    sha256: str
    width_px: int
    height_px: int


def keep_photo(engine: Engine, data_dir: Path, content: bytes | IO[bytes], new: NewPhoto, *, now: datetime) -> int:
    """Keep a picture (at most 10 MB and 40 megapixels; JPEG, PNG or WebP); returns the photo's id.

    Raises ``InvalidInput("photo", …)`` for anything that is not one, ``NotFound`` for the asset or the case, and
    ``StoreDown`` when the folder can't be written.
    """
    with reading(engine) as tx:
        place = _place_of(tx, new)
    whole = _all_of(content)
    picture = redraw(whole)
    if new.camera_zone is not None:
        new = _with_camera_facts(new, read_camera_facts(whole, new.camera_zone), now=now)
    path = _write(data_dir, picture)
    taken_there = None if new.lon is None or new.lat is None else check_place(new.lon, new.lat)
    away = None if taken_there is None or place is None else distance_m(taken_there, place)
    try:
        with writing(engine) as tx:
            photo_id = int(
                tx.execute(
                    insert(photo)
                    .values(
                        asset_id=new.asset_id,
                        case_id=new.case_id,
                        sha256=picture.sha256,
                        width_px=picture.width_px,
                        height_px=picture.height_px,
                        size_bytes=len(picture.jpeg),
                        taken_by=new.taken_by,
                        kind=new.kind,
                        taken_at=new.taken_at,
                        recorded_at=now,
                        lon=new.lon,
                        lat=new.lat,
                        distance_m=away,
                    )
                    .returning(photo.c.id)
                ).scalar_one()
            )
            # an upload of the same content that failed meanwhile may have taken the file back
            _write(data_dir, picture)
            return photo_id
    except BaseException:
        _forget_if_unused(engine, path, picture.sha256)
        raise


def find_photo(engine: Engine, data_dir: Path, photo_id: int) -> KeptPhoto:
    """The photo's file and what it belongs to; raises ``NotFound`` when its row or its file is gone."""
    with reading(engine) as tx:
        row = tx.execute(select(photo).where(photo.c.id == photo_id)).first()
    if row is None or row.removed_at is not None:
        raise NotFound("photo", photo_id)
    path = photo_path(data_dir, row.sha256)
    if not path.is_file():
        raise NotFound("photo file", photo_id)
    return KeptPhoto(
        id=row.id,
        asset_id=row.asset_id,
        case_id=row.case_id,
        path=path,
        width_px=row.width_px,
        height_px=row.height_px,
    )


def remove_photo(engine: Engine, photo_id: int, *, by: Actor, now: datetime) -> int:
    """Take a photo off the file; it can be put back. Returns the asset's id.

    Crew may only take back what they took themselves. Raises ``NotFound``, ``NotAllowed``.
    """
    return _show_photo(engine, photo_id, shown=False, by=by, now=now)


def restore_photo(engine: Engine, photo_id: int, *, by: Actor, now: datetime) -> int:
    """Put a removed photo back. Returns the asset's id. Raises ``NotFound``, ``NotAllowed``."""
    return _show_photo(engine, photo_id, shown=True, by=by, now=now)


def _show_photo(engine: Engine, photo_id: int, *, shown: bool, by: Actor, now: datetime) -> int:
    with writing(engine) as tx:
        row = tx.execute(
            select(photo.c.asset_id, photo.c.taken_by, photo.c.removed_at, asset.c.area_code)
            .join_from(photo, asset, asset.c.id == photo.c.asset_id)
            .where(photo.c.id == photo_id)
        ).first()
        if row is None:
            raise NotFound("photo", photo_id)
        check_area(by, row.area_code)
        if by.role is Role.CREW and row.taken_by != by.user_id:
            raise NotAllowed("this photo is somebody else's; a registrar or a dispatcher can take it off")
        if (row.removed_at is None) == shown:
            return int(row.asset_id)
        tx.execute(update(photo).where(photo.c.id == photo_id).values(removed_at=None if shown else now))
        note_photos(tx, row.asset_id, [photo_id], action="photo" if shown else "photo_off", by=by.user_id, now=now)
        return int(row.asset_id)


def note_new_photos(engine: Engine, asset_id: int, ids: Sequence[int], *, by: Actor, now: datetime) -> None:
    """Write into the asset's history that a person added photos to its file."""
    with writing(engine) as tx:
        note_photos(tx, asset_id, ids, action="photo", by=by.user_id, now=now)


def note_photos(
    tx: Connection, asset_id: int, ids: Sequence[int], *, action: str, by: int | None, now: datetime
) -> None:
    """Write into the asset's history that photos came or went."""
    listed = list(ids)
    pair = [listed, None] if action == "photo_off" else [None, listed]
    asset_changes.record(tx, asset_id, action=action, changes={"photos": pair}, by=by, now=now)


def photo_path(data_dir: Path, sha256: str) -> Path:
    """Where the picture of that content is; 256 folders keep each one short."""
    return data_dir / "photos" / sha256[:2] / f"{sha256}.jpg"


def _with_camera_facts(new: NewPhoto, facts: CameraFacts, *, now: datetime) -> NewPhoto:
    """What the picture says of itself, where nobody said it better. A time to come is a camera's wrong clock."""
    taken_at = new.taken_at or (facts.taken_at if facts.taken_at is not None and facts.taken_at <= now else None)
    if new.lon is not None or facts.place is None:
        return replace(new, taken_at=taken_at)
    return replace(new, taken_at=taken_at, lon=facts.place.lon, lat=facts.place.lat)


def _place_of(tx: Connection, new: NewPhoto) -> Place | None:
    of_asset = select(asset.c.lon, asset.c.lat).where(asset.c.id == new.asset_id)
    row = None if new.asset_id is None else tx.execute(of_asset).first()
    if row is None and new.asset_id is not None:
        raise NotFound("asset", new.asset_id)
    if new.kind not in ("", *PHOTO_KINDS):
        raise InvalidInput(
            "kind", "{given!r} must be one of {known}, or empty", given=new.kind, known=", ".join(PHOTO_KINDS)
        )
    if (new.lon is None) != (new.lat is None):
        raise InvalidInput("lon", "give longitude and latitude, or neither")
    if new.lon is not None and new.lat is not None:
        check_place(new.lon, new.lat)
    if new.case_id is not None:
        owner = tx.execute(select(case.c.asset_id).where(case.c.id == new.case_id)).first()
        if owner is None or owner.asset_id != new.asset_id:
            raise NotFound("case of this asset", new.case_id)
    return None if row is None else Place(row.lon, row.lat)


def _all_of(content: bytes | IO[bytes]) -> bytes:
    whole = content if isinstance(content, bytes) else content.read(MAX_BYTES + 1)
    if not whole:
        raise InvalidInput("photo", "the file is empty; take the picture again")
    if len(whole) > MAX_BYTES:
        raise InvalidInput(
            "photo", "is larger than {most} MB; choose a smaller size in the camera", most=MAX_BYTES // 1024 // 1024
        )
    return whole


def redraw(content: bytes) -> Picture:
    """Pixels only: whatever else was in the file does not survive. Raises ``InvalidInput`` for what is no picture."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            _check_size(opened.width, opened.height)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
    except UnidentifiedImageError as error:
        raise InvalidInput("photo", "is not a picture; send a JPEG, PNG or WebP as the camera made it") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except _UNDECODABLE as error:
        raise InvalidInput("photo", "is damaged or cut off on the way; send it again") from error
    upright.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX))
    drawn = io.BytesIO()
    _on_white(upright).save(drawn, "JPEG", quality=_QUALITY, optimize=True)
    jpeg = drawn.getvalue()
    return Picture(jpeg=jpeg, sha256=hashlib.sha256(jpeg).hexdigest(), width_px=upright.width, height_px=upright.height)


def _check_size(width: int, height: int) -> None:
    # Before decoding: a few hundred bytes can claim a picture that fills the memory.
    if width * height > MAX_PIXELS:
        raise _too_many_pixels()
    if min(width, height) < _SMALLEST_SIDE_PX:
        raise InvalidInput(
            "photo",
            "is only {width}×{height} pixels; take a picture on which something can be seen",
            width=width,
            height=height,
        )


def _too_many_pixels() -> InvalidInput:
    return InvalidInput(
        "photo", "has more than {most} megapixels; choose a smaller size in the camera", most=MAX_PIXELS // 1000000
    )


def _on_white(picture: Image.Image) -> Image.Image:
    """RGB without alpha and without the metadata that ``save`` would carry over."""
    plain = Image.new("RGB", picture.size, "white")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        plain.paste(layer, mask=layer)
    else:
        plain.paste(picture.convert("RGB"))
    return plain


def _write(data_dir: Path, picture: Picture) -> Path:
    """Whole or not at all, and on the disk before anybody is told that it was kept."""
    path = photo_path(data_dir, picture.sha256)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, picture.jpeg)
    except OSError as error:
        raise StoreDown(f"photo folder {path.parent}: {error.strerror}") from error
    return path


def _write_whole(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget_if_unused(engine: Engine, path: Path, sha256: str) -> None:
    """Take the file away again unless an earlier photo has the same content."""
    with suppress(Exception), reading(engine) as tx:  # the refusal that brought us here matters more than a stray file
        if tx.execute(select(photo.c.id).where(photo.c.sha256 == sha256).limit(1)).first() is None:
            path.unlink(missing_ok=True)
