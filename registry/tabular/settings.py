"""How one file is to be read: chosen by a person, guessed for a person, saved as a profile. Plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from registry.domain.codes import read_class_code, read_division
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.shapes import shaped
from registry.tabular.fields import ALIAS, FIELDS, is_target

HOLD, KEEP, MERGE = "hold", "keep", "merge"


class ImportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an import needs to know beside the file itself.

    ``columns``: column name to target (a key of ``fields.FIELDS``, ``alias:KIND``, ``details``, ``details.NAME`` or ""
    to leave it out); several text columns of one target are joined by a blank. ``constants``: target to value, for
    what no column holds (division, class, state, owner …). ``crs``: one of ``Crs``, "" when nobody has said it yet.
    ``swapped``: longitude and latitude stand in each other's column throughout. ``key``: how a row is known again:
    "" (never), "code" or ``alias:KIND``. ``duplicates``: what becomes of a row whose class stands within
    ``duplicates_m`` metres already: "hold" (for a person), "keep" (with a remark), "merge". ``details``: unmapped
    columns go there ("rest"), all columns do ("all"), only mapped ones ("none"). ``name_pattern``: with {class},
    {road}, {serial}, {key}; "" is the class and the serial. ``far_km``: a place farther from the middle of the file
    was not measured there; 0 switches that off. Rows count from 1 in ``header_row`` (0: found).
    """

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int = 0
    header_rows: int = 0
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    scheme: str = "cjt214-2007"
    crs: str = ""
    swapped: bool = False
    depth_unit: str = "mm"
    key: str = ""
    duplicates: str = HOLD
    duplicates_m: float = 2.0
    details: str = "rest"
    name_pattern: str = ""
    add_units: bool = False
    warn_no_road: bool = False
    far_km: float = 200.0

    def target_columns(self, target: str) -> list[str]:
        """The columns mapped to ``target``."""
        return [column for column, mapped in self.columns.items() if mapped == target]

    def has(self, target: str) -> bool:
        """Whether a column or a constant gives ``target``."""
        return bool(self.constants.get(target)) or target in self.columns.values()


def read_settings(given: Any) -> ImportSettings:
    """Settings from their JSON form; raises ``InvalidInput`` naming the first field that is wrong."""
    try:
        return shaped(given, ImportSettings)
    except msgspec.ValidationError as error:
        raise InvalidInput("settings", "{why}", why=error) from error


def check_settings(settings: ImportSettings) -> None:
    """Raises ``InvalidInput`` for what can't be imported by: unknown targets, no place, no class, no system stated."""
    _check_words(settings)
    _check_targets(settings)
    if settings.key and settings.key != "code" and not settings.key.startswith(ALIAS):
        raise InvalidInput("key", "{given!r} must be 'code' or 'alias:KIND'", given=settings.key)
    if settings.key and settings.key not in settings.columns.values():
        raise InvalidInput("key", "no column is mapped to {key!r}; map one, or choose another key", key=settings.key)
    placed = settings.has("place") or (settings.has("lon") and settings.has("lat"))
    if not placed and not settings.key:
        raise InvalidInput("columns", "map a column to longitude and one to latitude (or one to both)")
    if placed and not settings.crs:
        raise InvalidInput(
            "crs", "say in which coordinate system the file is: wgs84, cgcs2000, gcj02 (Amap, Tencent) or bd09 (Baidu)"
        )
    if not settings.key and not settings.has("class") and "code" not in settings.columns.values():
        raise InvalidInput("class", "map a column to the class, or give one class for the whole file")
    if not settings.key and not settings.has("division") and "code" not in settings.columns.values():
        raise InvalidInput("division", "give the division (six digits) for the whole file, or map a column to it")


def _check_words(settings: ImportSettings) -> None:
    for name, value, words in (
        ("format", settings.format, ("", "csv", "xlsx", "geojson")),
        ("crs", settings.crs, ("", *(crs.value for crs in Crs))),
        ("depth_unit", settings.depth_unit, ("mm", "cm", "m")),
        ("duplicates", settings.duplicates, (HOLD, KEEP, MERGE)),
        ("details", settings.details, ("rest", "all", "none")),
    ):
        if value not in words:
            raise InvalidInput(
                name, "{given!r} must be one of {known}", given=value, known=", ".join(word for word in words if word)
            )
    if not 0.0 <= settings.duplicates_m <= 50.0:
        raise InvalidInput(
            "duplicates_m", "{given} must be between 0 (don't look) and 50 metres", given=settings.duplicates_m
        )
    if not 0 <= settings.header_row <= 1000 or not 0 <= settings.header_rows <= 5:
        raise InvalidInput("header_row", "the header must begin in the first 1000 rows and have at most 5 rows")


def _check_targets(settings: ImportSettings) -> None:
    for column, target in settings.columns.items():
        if not is_target(target):
            raise InvalidInput(
                "columns", "{given!r} is mapped to {target!r}, which is no field", given=column, target=target
            )
    joined = ("road", "address", "name", "size", "details")
    for target in {*settings.columns.values()} - {"", *joined}:
        columns = settings.target_columns(target)
        if len(columns) > 1:
            raise InvalidInput(
                "columns", "{known}: only one column can be the {target}", known=", ".join(columns), target=target
            )
    for target, value in settings.constants.items():
        if target not in FIELDS or target in ("code", "lon", "lat", "place"):
            raise InvalidInput("constants", "{given!r} can't be the same for a whole file", given=target)
        if value and target == "division":
            read_division(value)
        if value and target == "class" and value.isascii() and value.isdigit():
            read_class_code(value)
