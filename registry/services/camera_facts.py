"""When and where a staff member's phone says it took a picture: read before the picture's metadata is thrown away.

Never used for a citizen's picture. Whatever can't be read is simply not known; nothing here refuses a picture.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from PIL import ExifTags, Image

from registry.domain.errors import InvalidInput
from registry.domain.geo import Place, check_place

# what Pillow raises for broken metadata
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, struct.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFacts:
    """What a picture says of itself; None where it says nothing that makes sense. The place is WGS-84."""

    taken_at: datetime | None = None
    place: Place | None = None


def read_camera_facts(content: bytes, zone: tzinfo) -> CameraFacts:
    """The EXIF time and place of a picture. A time without its own offset is of ``zone``."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            exif = opened.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
            satellites = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except _UNREADABLE:  # a camera's metadata can be broken in any way, and is worth no refusal
        return CameraFacts()
    return CameraFacts(taken_at=_time(details, zone), place=_place(satellites))


def _time(details: Mapping[int, Any], zone: tzinfo) -> datetime | None:
    written = str(details.get(ExifTags.Base.DateTimeOriginal, "")).strip("\x00 ")
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\x00 ")
    try:
        if offset:
            return datetime.strptime(f"{written} {offset}", "%Y:%m:%d %H:%M:%S %z").astimezone(UTC)
        return datetime.strptime(written, "%Y:%m:%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _place(satellites: Mapping[int, Any]) -> Place | None:
    try:
        lat = _degrees(satellites[ExifTags.GPS.GPSLatitude], str(satellites[ExifTags.GPS.GPSLatitudeRef]))
        lon = _degrees(satellites[ExifTags.GPS.GPSLongitude], str(satellites[ExifTags.GPS.GPSLongitudeRef]))
        return check_place(lon, lat)
    except (KeyError, TypeError, ValueError, ArithmeticError, InvalidInput):
        return None


def _degrees(parts: Any, side: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    found = math.fsum((degrees, minutes / 60.0, seconds / 3600.0))
    return -found if side.strip("\x00 ").upper() in ("S", "W") else found
