"""Reading a place that somebody typed: two numbers in any of the ways people write coordinates. Pure."""

from __future__ import annotations

import re
import unicodedata

from registry.domain.geo import Crs, Place, to_wgs84

_PREFIX = re.compile(r"^(wgs|wgs84|gcj|gcj02|bd|bd09)\s*[::]\s*", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?P<before>[NSEW北南东西][纬经]?)?\s*(?P<deg>[+-]?\d{1,3}(?:\.\d+)?)(?:\s*[°度])?"
    r"(?:\s*(?P<min>\d{1,2}(?:\.\d+)?)\s*['′分](?:\s*(?P<sec>\d{1,2}(?:\.\d+)?)\s*(?:[\"″秒]|''))?)?"
    r"(?:\s*(?P<after>[NSEW](?![A-Z])))?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[\s,;,;、/]*")
_SYSTEMS = {"wgs": Crs.WGS84, "gcj": Crs.GCJ02, "bd": Crs.BD09}
_NORTH_SOUTH = frozenset("NS北南")
_LESS = frozenset("SW南西")


def read_place(text: str) -> Place | None:
    """The WGS-84 place that ``text`` is, or None where it is no pair of coordinates.

    Longitude comes first unless letters (23.1N 113.3E, 北纬23.1 东经113.3) or a value beyond 90 say otherwise; degrees
    may have minutes and seconds. ``gcj:`` and ``bd:`` before them say that they come from Amap, Tencent or Baidu.
    """
    words = unicodedata.normalize("NFKC", text).strip()
    system = _PREFIX.match(words)
    crs = Crs.WGS84 if system is None else _SYSTEMS[system[1].lower().rstrip("0123456789")]
    read = _two(words[system.end() :] if system else words)
    if read is None:
        return None
    (one, one_lies), (other, other_lies) = read
    swapped = one_lies == "lat" or other_lies == "lon" or (not one_lies and abs(one) <= 90.0 < abs(other))
    lon, lat = (other, one) if swapped else (one, other)
    if one_lies and one_lies == other_lies:
        return None
    if abs(lon) > 180.0 or abs(lat) > 90.0:
        return None
    return to_wgs84(Place(lon, lat), crs)


def _two(words: str) -> tuple[tuple[float, str], tuple[float, str]] | None:
    one = _NUMBER.match(words)
    if one is None:
        return None
    gap = _BETWEEN.match(words, one.end())
    other = _NUMBER.match(words, gap.end() if gap else one.end())
    if other is None or other.end() != len(words):
        return None
    # two numbers need something between them, if only a letter
    if other.start() == one.end() and not (one["after"] or other["before"]):
        return None
    return _value(one), _value(other)


def _value(found: re.Match[str]) -> tuple[float, str]:
    """Degrees, and whether letters make it a "lat" or a "lon"."""
    letter = (found["before"] or found["after"] or "")[:1].upper()
    degrees = float(found["deg"])
    part = float(found["min"] or 0) / 60.0 + float(found["sec"] or 0) / 3600.0
    degrees += -part if degrees < 0 else part
    if letter in _LESS:
        degrees = -degrees
    return degrees, "" if not letter else "lat" if letter in _NORTH_SOUTH else "lon"
