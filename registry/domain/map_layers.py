"""The catalogue of map layers (图层目录): what one may be, who sees it, and what an entry must hold. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import urlsplit

from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.kinds import Role

MOST_LAYERS = 100
LONGEST_ADDRESS = 1_000
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# it stands in a header of pages, where other letters mean something else or nothing at all
_HOST = re.compile(r"(?:[A-Za-z0-9.-]|\{s\})+(?::[0-9]{1,5})?")
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SHIFTED = "#gcj02"
# what {s} stands for goes by what is written around it; other servers call theirs as most do
_SUB_DOMAINS = (
    (re.compile(r"//t\{s\}\.tianditu\."), tuple("01234567")),
    (re.compile(r"//\{s\}\.tianditu\."), tuple(f"t{n}" for n in range(8))),
    (re.compile(r"0\{s\}\.is\.autonavi\."), tuple("1234")),
    (re.compile(r"[a-z]\{s\}\.is\.autonavi\."), tuple(f"0{n}" for n in range(1, 5))),
)
_USUAL_SUB_DOMAINS = ("a", "b", "c")


class LayerKind(StrEnum):
    """How a layer is read: a file of shapes, vector tiles, pictures by a WMTS-style address, one archive of tiles."""

    GEOJSON = "geojson"
    MVT = "mvt"
    WMTS = "wmts"
    PMTILES = "pmtiles"


class LayerAccess(StrEnum):
    """Who may see a layer."""

    PUBLIC = "public"
    STAFF = "staff"
    ADMINISTRATORS = "administrators"


WITH_FILE = frozenset({LayerKind.GEOJSON, LayerKind.PMTILES})
"""Kinds that can be uploaded; of these a copy is kept here."""
_TILED = frozenset({LayerKind.MVT, LayerKind.WMTS})


def may_see(access: LayerAccess, role: Role | None) -> bool:
    """Whether somebody of ``role`` (None: not signed in) sees such a layer."""
    if access is LayerAccess.PUBLIC:
        return True
    return role is Role.ADMINISTRATOR if access is LayerAccess.ADMINISTRATORS else role is not None


def check_key(key: str) -> str:
    """The key, if it can stand in an address. Raises ``InvalidInput``."""
    if not _KEY.fullmatch(key):
        raise InvalidInput("key", "{given!r} must be 1 to 40 small letters, digits and hyphens", given=key[:60])
    return key


def check_colour(colour: str) -> str:
    """A colour as #rrggbb in small letters. Raises ``InvalidInput``."""
    found = colour.strip().lower()
    if not _COLOUR.fullmatch(found):
        raise InvalidInput("colour", "{given!r} must be # and six digits, such as #2f6f9f", given=colour[:20])
    return found


def check_address(kind: LayerKind, address: str) -> str:
    """An address that a map can ask: https, or a path of this site; tiles with their {z}, {x} and {y}.

    Raises ``InvalidInput``.
    """
    found = address.strip()
    try:
        parts = urlsplit(found)
    except ValueError:  # brackets around what is no number of a host
        raise InvalidInput("address", "must begin with https:// or be a path of this site") from None
    here = found.startswith("/") and not found.startswith("//")
    if len(found) > LONGEST_ADDRESS or not (here or (parts.scheme in ("http", "https") and parts.hostname)):
        raise InvalidInput("address", "must begin with https:// or be a path of this site")
    if not here and not _HOST.fullmatch(parts.netloc):
        raise InvalidInput("address", "must name its server in plain letters and digits, such as tiles.example.com")
    if kind in _TILED and not all(part in found for part in ("{z}", "{x}", "{y}")):
        raise InvalidInput("address", "must hold {z}, {x} and {y}, which the map fills in")
    return found


def sub_domains(address: str) -> tuple[str, ...]:
    """What ``{s}`` in an address stands for, in turn; none where it holds no ``{s}``."""
    if "{s}" not in address:
        return ()
    return next((names for form, names in _SUB_DOMAINS if form.search(address)), _USUAL_SUB_DOMAINS)


def system_of(address: str) -> tuple[str, Crs]:
    """The address as browsers ask it, and the system of what lies there: GCJ-02 where it ends with ``#gcj02``."""
    asked = address.removesuffix(_SHIFTED)
    return asked, Crs.WGS84 if asked == address else Crs.GCJ02


def hosts_of(address: str) -> list[str]:
    """Schemes and hosts as a content security policy names them; none for a path of this site."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return []
    host = f"{parts.scheme}://{parts.netloc}"
    return [host.replace("{s}", name) for name in sub_domains(host)] or [host]
