"""What a selection of assets is narrowed to, in one vocabulary: the list, gaps of the census, exports and print runs.

``conditions`` says what belongs to a selection. How a page of a very large registry is found quickly is
``registry.queries.asset_walks``.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal_column, or_, select

from registry.domain.aliases import ways_to_write
from registry.domain.errors import InvalidInput
from registry.domain.kinds import AlertState, AssetState, Doubt, Family, ScanFlag, TagState
from registry.domain.tokens import read_token
from registry.storage.tables import alert, asset, asset_alias, asset_doubt, device, photo, road, scan, tag

CODE_LENGTH = 16
_EXACT = 200
_LAST = "\U0010ffff"  # no text sorts after it


class Gap(StrEnum):
    """What a file lacks; a census closes these. ``place`` stands for a position that is doubtful."""

    PLATE = "plate"
    SENSOR = "sensor"
    CELL = "cell"
    AREA = "area"
    SUPERVISOR = "supervisor"
    OWNER = "owner"
    MAINTAINER = "maintainer"
    ROAD = "road"
    PHOTO = "photo"
    PLACE = "place"


class AssetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which assets are meant; plain JSON. None or empty: not narrowed by it.

    ``q`` is what somebody typed: a code or its beginning, the token of a plate, an alias, part of a road's name, the
    beginning of a name or an address. ``area_code`` is a prefix; ``scopes`` are prefixes of which one must fit (what
    the visitor may see). ``lacks`` must all hold. Assets merged into another one are left out.
    """

    q: str = ""
    family: Family | None = None
    scheme: str = ""
    class_code: str = ""
    state: AssetState | None = None
    area_code: str = ""
    road: str = ""
    unit_id: int | None = None
    lacks: tuple[Gap, ...] = ()
    with_alert: bool | None = None
    import_id: int | None = None
    scopes: tuple[str, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Whether anything but the visitor's own scope is asked for."""
        return self != AssetFilter(scopes=self.scopes)


EVERYTHING = AssetFilter()
"""Every asset that was not merged into another."""


def conditions(tx: Connection, wanted: AssetFilter) -> list[ColumnElement[bool]]:
    """What ``asset`` must fulfil to belong to ``wanted``, the typed words included."""
    words = typed(wanted.q)
    return narrowing(wanted) + ([matches(tx, words)] if words else [])


def narrowing(wanted: AssetFilter) -> list[ColumnElement[bool]]:
    """What ``asset`` must fulfil, except for the typed words."""
    fits: list[ColumnElement[bool]] = [asset.c.merged_into_id.is_(None)]
    if wanted.family is not None:
        fits.append(asset.c.family == wanted.family.value)
    if wanted.scheme:
        fits.append(asset.c.scheme == wanted.scheme)
    if wanted.class_code:
        fits.append(asset.c.class_code == wanted.class_code)
    if wanted.state is not None:
        fits.append(of_state(wanted.state))
    if wanted.area_code:
        fits.append(digits_begin(asset.c.area_code, wanted.area_code))
    if wanted.road:
        fits.append(asset.c.road == wanted.road)
    if wanted.unit_id is not None:
        parties = (asset.c.supervisor_unit_id, asset.c.owner_unit_id, asset.c.maintainer_unit_id)
        fits.append(or_(*(party == wanted.unit_id for party in parties)))
    if wanted.import_id is not None:
        fits.append(asset.c.import_id == wanted.import_id)
    if wanted.with_alert is not None:
        fits.append(asset.c.id.in_(alerting()) if wanted.with_alert else asset.c.id.not_in(alerting()))
    fits += [lacking(gap) for gap in wanted.lacks]
    if wanted.scopes and "" not in wanted.scopes:
        fits.append(or_(*(digits_begin(asset.c.area_code, scope) for scope in wanted.scopes)))
    return fits


def lacking(gap: Gap) -> ColumnElement[bool]:
    """That an asset's file lacks ``gap``."""
    plates = select(tag.c.id).where(tag.c.asset_id == asset.c.id, tag.c.state == TagState.ACTIVE.value)
    fitted = select(device.c.id).where(device.c.asset_id == asset.c.id, device.c.removed_at.is_(None))
    photos = select(photo.c.id).where(photo.c.asset_id == asset.c.id, photo.c.removed_at.is_(None))
    told: dict[Gap, ColumnElement[bool]] = {
        Gap.PLATE: ~exists(plates),
        Gap.SENSOR: ~exists(fitted),
        Gap.PHOTO: ~exists(photos),
        Gap.CELL: asset.c.grid_cell == "",
        Gap.AREA: func.length(asset.c.area_code) <= 6,
        Gap.SUPERVISOR: asset.c.supervisor_unit_id.is_(None),
        Gap.OWNER: asset.c.owner_unit_id.is_(None),
        Gap.MAINTAINER: asset.c.maintainer_unit_id.is_(None),
        Gap.ROAD: asset.c.road == "",
        Gap.PLACE: doubted(),
    }
    return told[gap]


def doubted(doubt: Doubt | None = None) -> ColumnElement[bool]:
    """That the last count (``registry.services.census``) found the position doubtful, for one reason or for any.

    What is abandoned needs no position any more.
    """
    found = select(asset_doubt.c.asset_id)
    if doubt is not None:
        found = found.where(asset_doubt.c.doubt == doubt.value)
    return and_(asset.c.state != AssetState.ABANDONED.value, asset.c.id.in_(found))


def scanned_far() -> Select[Any]:
    """The ids of assets whose plate was scanned far from their place, until somebody has looked at the scan."""
    flagged = scan.c.flag != literal_column("''")  # word for word the condition of the partial index
    # A scan without an asset gives a NULL; asked to leave it out, SQLite reads every scan instead.
    return select(scan.c.asset_id).where(flagged, scan.c.flag == ScanFlag.FAR.value, scan.c.looked_at.is_(None))


def alerting() -> Select[tuple[int]]:
    """The ids of assets on which an alert is firing: few, found by the alerts' own index."""
    return select(alert.c.asset_id).where(alert.c.state == AlertState.FIRING.value)


def of_state(state: AssetState) -> ColumnElement[bool]:
    """That an asset is in ``state``. All but 完好 are few and have an index of their own, which must be named."""
    is_it: ColumnElement[bool] = asset.c.state == state.value
    return is_it if state is AssetState.INTACT else and_(is_it, unusual())


def unusual() -> ColumnElement[bool]:
    """Word for word the condition of the partial index ``ix_asset_unusual``: a bound value would not be recognised."""
    return asset.c.state != literal_column("'intact'")


def typed(q: str) -> str:
    """What somebody typed, with full-width digits and letters made plain."""
    return unicodedata.normalize("NFKC", q).strip()


def matches(tx: Connection, words: str) -> ColumnElement[bool]:
    """That an asset is what ``words`` mean."""
    exactly: ColumnElement[bool] = asset.c.id.in_(named_exactly(tx, words))
    if is_whole(words):
        return exactly
    ways = [exactly, asset.c.road.in_(roads_with(words))]
    digits = code_digits(words)
    if digits:
        ways.append(asset.c.code.between(*code_range(digits)))
    ways += [and_(*begins(tx, column, words)) for column in (asset.c.name, asset.c.address)]
    return or_(*ways)


def is_whole(words: str) -> bool:
    """Whether ``words`` are one whole code or one whole token, which mean that asset and no other."""
    if len(code_digits(words)) == CODE_LENGTH:
        return True
    with suppress(InvalidInput):
        return bool(read_token(words))
    return False


def code_digits(words: str) -> str:
    """The digits of a code or of its beginning; empty when ``words`` can't be one."""
    digits = "".join(words.split())
    return digits if digits.isascii() and digits.isdigit() and len(digits) <= CODE_LENGTH else ""


def code_range(digits: str) -> tuple[str, str]:
    """The lowest and the highest code that begin with ``digits``."""
    missing = CODE_LENGTH - len(digits)
    return digits + "0" * missing, digits + "9" * missing


def named_exactly(tx: Connection, words: str) -> list[int]:
    """Assets whose whole code, plate or alias was typed; what was merged leads to the asset that was kept."""
    digits = code_digits(words)
    found: set[int] = set()
    with suppress(InvalidInput):  # not a token: the other ways remain
        found.update(_ids(tx, select(tag.c.asset_id).where(tag.c.token == read_token(words))))
    if len(digits) == CODE_LENGTH:
        found.update(_ids(tx, select(asset.c.id).where(asset.c.code == digits)))
    spellings = {words.upper(), words.lower(), *ways_to_write(words)}
    of_alias = select(asset_alias.c.asset_id).where(asset_alias.c.value.in_(spellings)).limit(_EXACT)
    found.update(_ids(tx, of_alias))
    if not found:
        return []
    kept = select(func.coalesce(asset.c.merged_into_id, asset.c.id)).where(asset.c.id.in_(found))
    return sorted(set(_ids(tx, kept)))


def roads_with(words: str) -> Select[tuple[str]]:
    """The names of the roads that contain ``words``: roads are few, so every one may be looked at."""
    return select(road.c.name).where(road.c.name.icontains(words, autoescape=True))


def digits_begin(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """That a column of digits begins with ``prefix``, as a range of its index. Raises ``InvalidInput``."""
    if not (prefix.isascii() and prefix.isdigit()):
        raise InvalidInput(
            "area", "{given!r} must be digits: 6 for a district up to 15 for a grid cell", given=prefix[:20]
        )
    above = str(int(prefix) + 1).zfill(len(prefix))
    fits: ColumnElement[bool] = column >= prefix
    return fits if len(above) > len(prefix) else and_(fits, column < above)


def begins(tx: Connection, column: ColumnElement[str], words: str) -> tuple[ColumnElement[bool], ...]:
    """That a text begins with ``words``, so that the database can use the column's index: lower bound, then the rest.

    SQLite sorts by code point and takes a range; PostgreSQL sorts by language and has an index for LIKE beside it.
    """
    if tx.dialect.name == "sqlite":
        return column >= words, column < words + _LAST
    return column != "", column.startswith(words, autoescape=True)


def _ids(tx: Connection, query: Select[Any]) -> list[int]:
    return [each for each in tx.execute(query).scalars() if each is not None]
