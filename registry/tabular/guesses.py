"""What a file most likely means: which column is what, in which system its places are, how its rows are known again.

Guesses are proposals with a confidence, and notes say what a person has to look at; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from msgspec.structs import replace

from registry.domain.errors import InvalidInput
from registry.domain.geo import CHINA, Crs, Place, to_wgs84
from registry.tabular import values
from registry.tabular.cells import Formula, Row, Table, is_blank, plain
from registry.tabular.faults import BadValue
from registry.tabular.fields import ALIAS, ALIAS_HEADER, CRS_WORDS, ID_WORDS, IGNORE, by_word, folded, is_target
from registry.tabular.geojson_files import GeoJsonTable
from registry.tabular.settings import ImportSettings

SURE, LIKELY, PERHAPS = 0.95, 0.7, 0.4
SAMPLE_ROWS = 200
_DISTINCT = 0.7
_DOUBTFUL = frozenset({"x", "y", "x坐标", "y坐标", "坐标x", "坐标y", "long"})
_SHOWN_SAMPLES = 4
_LONGEST_SAMPLE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLook:
    """One column: its first values, and what it most likely is (``target`` "" or "details": nothing known).

    ``confidence`` from 0 to 1.
    """

    name: str
    samples: tuple[str, ...]
    target: str
    confidence: float


@dataclass(slots=True, kw_only=True)
class Guess:
    """What was guessed of a file. ``notes``: (code, arguments) of what a person has to look at, see ``NOTES``."""

    columns: list[ColumnLook]
    settings: ImportSettings
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


NOTES: Mapping[str, tuple[str, str]] = {
    "swapped": (
        "经度和纬度看来颠倒了，建议勾选“经纬度颠倒”",
        "longitude and latitude look swapped in the whole file; exchanging them is proposed",
    ),
    "metres": (
        "坐标像是平面坐标（米），不能直接导入：请先在 GIS 软件中转换为 CGCS2000 经纬度（EPSG:4490）",
        "the coordinates look like metres of a projection: convert them to CGCS2000 degrees (EPSG:4490) first",
    ),
    "no_place": ("没有找到经纬度列", "no columns of longitude and latitude were found"),
    "no_class": (
        "没有找到分类列：请为整个文件指定一个分类",
        "no class column was found: choose one class for the file",
    ),
    "which_crs": (
        "文件没有写明坐标系：请选择。选错会使位置偏移 500 米以上",
        "the file does not say its coordinate system: choose it. A wrong one shifts places by 500 m and more",
    ),
    "no_key": (
        "没有可作为更新依据的编号：重复导入同一文件会产生疑似重复",
        "no column identifies the rows: importing the file again will make likely duplicates",
    ),
    "formulas": ("{count} 个单元格是没有计算结果的公式", "{count} cells are formulas without a result"),
}


def sample_of(table: Table, most: int = SAMPLE_ROWS) -> list[Row]:
    """The first rows of a table."""
    sample: list[Row] = []
    for row in table.rows():
        sample.append(row)
        if len(sample) == most:
            break
    return sample


def guess(table: Table, sample: Sequence[Row], classes: Collection[str], base: ImportSettings) -> Guess:
    """What ``table`` most likely means. ``classes``: class codes and folded class names."""
    taken: dict[str, int] = {}
    looks: list[ColumnLook] = []
    for index, name in enumerate(table.columns):
        cells = [row.cells[index] for row in sample if not is_blank(row.cells[index])]
        target, confidence = _target_of(name, cells, classes)
        if target and target != "details" and target in taken:
            if confidence > looks[taken[target]].confidence:
                looks[taken[target]] = replace_target(looks[taken[target]], "details", 0.0)
                taken[target] = index
            else:
                target, confidence = "details", 0.0
        elif target and target != "details":
            taken[target] = index
        samples = tuple(dict.fromkeys(plain(cell)[:_LONGEST_SAMPLE] for cell in cells))[:_SHOWN_SAMPLES]
        looks.append(ColumnLook(name=name, samples=samples, target=target, confidence=confidence))
    _drop_second_class(looks, sample, classes)
    found = Guess(columns=looks, settings=base)
    _settle(found, table, sample, base)
    _look_at_places(found, table, sample)
    if not found.settings.has("class") and not found.settings.has("code"):
        found.notes.append(("no_class", {}))
    formulas = sum(isinstance(cell, Formula) for row in sample for cell in row.cells)
    if formulas:
        found.notes.append(("formulas", {"count": formulas}))
    return found


def _drop_second_class(looks: list[ColumnLook], sample: Sequence[Row], classes: Collection[str]) -> None:
    """A column that only repeats the class in words, beside the one that holds it, is left out."""
    if all(look.target != "class" for look in looks):
        return
    for index, look in enumerate(looks):
        cells = [row.cells[index] for row in sample if not is_blank(row.cells[index])]
        if look.target == "details" and cells and all(_is_class(cell, classes) for cell in cells):
            looks[index] = replace_target(look, IGNORE, LIKELY)


def replace_target(look: ColumnLook, target: str, confidence: float) -> ColumnLook:
    """The same column with another target."""
    return ColumnLook(name=look.name, samples=look.samples, target=target, confidence=confidence)


def _target_of(name: str, cells: Sequence[Any], classes: Collection[str]) -> tuple[str, float]:
    words = by_word()
    if name.startswith(ALIAS_HEADER) and is_target(f"{ALIAS}{name.removeprefix(ALIAS_HEADER)}"):
        return f"{ALIAS}{name.removeprefix(ALIAS_HEADER)}", SURE
    for part, confidence in ((name, SURE), (name.rsplit("/", 1)[-1], SURE), (name.rsplit(".", 1)[-1], LIKELY)):
        target = words.get(folded(part))
        # nobody writes 经度 over anything else, whatever stands below; X may be a northing, a size, a mark
        plain_word = target in ("lon", "lat") and folded(part) not in _DOUBTFUL
        if target is not None and (plain_word or _agrees(target, cells, classes)):
            return target, confidence
    last = folded(name.rsplit("/", 1)[-1])
    if last in ID_WORDS or last.endswith(("编号", "编码", "number", "code")):
        distinct = {plain(cell) for cell in cells}
        # a few repeats are mistakes for the report; a column of many is no id
        if cells and len(distinct) >= _DISTINCT * len(cells) and max(map(len, distinct)) <= 120:
            return f"{ALIAS}{name.rsplit('/', 1)[-1][:40]}", SURE if last in ID_WORDS else LIKELY
    for word, target in words.items():
        if len(word) >= 2 and not word.isascii() and word in last and _agrees(target, cells, classes):
            return target, PERHAPS
    if cells and sum(_is_class(cell, classes) for cell in cells) >= 0.9 * len(cells) and len(cells) >= 3:
        return "class", PERHAPS
    return "details", 0.0


def _agrees(target: str, cells: Sequence[Any], classes: Collection[str]) -> bool:
    """Whether most of the values can be what the header says; an empty column agrees with anything."""
    tests = {
        "code": lambda cell: len(values.digits(cell)) == 16 and values.digits(cell).isdigit(),
        "class": lambda cell: _is_class(cell, classes),
        "division": lambda cell: len(plain(cell)) == 6 and plain(cell).isdigit(),
        "lon": lambda cell: values.degrees(cell) is not None,
        "lat": lambda cell: values.degrees(cell) is not None,
        "place": lambda cell: sum(mark.isdigit() for mark in plain(cell)) >= 4 and not plain(cell).isdigit(),
        "depth": lambda cell: bool(values.millimetres(cell, "mm")),
        "installed_on": lambda cell: bool(values.day(cell)),
        "warranty_until": lambda cell: bool(values.day(cell)),
        "state": lambda cell: bool(values.state(cell)),
        "grid_cell": lambda cell: 14 <= len(values.digits(cell)) <= 16 and values.digits(cell).isdigit(),
    }
    test = tests.get(target)
    if test is None or not cells:
        return True
    return sum(_holds(test, cell) for cell in cells) >= 0.5 * len(cells)


def _holds(test: Any, cell: Any) -> bool:
    try:
        return bool(test(cell))
    except (BadValue, KeyError):
        return False


def _is_class(cell: Any, classes: Collection[str]) -> bool:
    text = plain(cell).casefold()
    return text in classes or (text.isdigit() and len(text) == 3 and f"0{text}" in classes)


def _settle(found: Guess, table: Table, sample: Sequence[Row], base: ImportSettings) -> None:
    """Write what the columns say into the settings: mapping, key, unit of depths, system of coordinates."""
    columns = {look.name: look.target for look in found.columns if look.target != "details"}
    names = [target for target in columns.values() if target == "code" or target.startswith(ALIAS)]
    key = base.key or next((target for target in names if _is_unique(target, found.columns, sample)), "")
    crs = base.crs
    if isinstance(table, GeoJsonTable):
        crs = crs or Crs.WGS84.value
    if not crs:
        text = " ".join(table.columns).casefold().replace("-", "")
        crs = next((system for word, system in CRS_WORDS.items() if word in text), "")
    columns = {**columns, **base.columns}
    found.settings = replace(base, columns=columns, key=key, crs=crs, depth_unit=_depth_unit(found.columns, sample))
    if not key:
        found.notes.append(("no_key", {}))


def _is_unique(target: str, looks: Sequence[ColumnLook], sample: Sequence[Row]) -> bool:
    index = next(index for index, look in enumerate(looks) if look.target == target)
    cells = [plain(row.cells[index]) for row in sample]
    return all(cells) and len(set(cells)) >= _DISTINCT * len(cells)


def _depth_unit(looks: Sequence[ColumnLook], sample: Sequence[Row]) -> str:
    index = next((index for index, look in enumerate(looks) if look.target == "depth"), None)
    if index is None:
        return "mm"
    name = looks[index].name.casefold()
    for unit, words in (("mm", ("mm", "毫米")), ("cm", ("cm", "厘米")), ("m", ("(m)", "（m）", "米", "_m"))):
        if any(word in name for word in words):
            return unit
    sizes = list(_numbers(row.cells[index] for row in sample))
    return "m" if sizes and median(sizes) <= 30 else "mm"


def _numbers(cells: Iterable[Any]) -> Iterable[float]:
    for cell in cells:
        if not is_blank(cell):
            try:
                yield values.degrees(cell)
            except BadValue:
                continue


def _look_at_places(found: Guess, table: Table, sample: Sequence[Row]) -> None:
    at = {look.target: index for index, look in enumerate(found.columns) if look.target in ("lon", "lat")}
    if len(at) < 2:
        if not found.settings.has("place"):
            found.notes.append(("no_place", {}))
        elif not found.settings.crs:
            found.notes.append(("which_crs", {}))
        return
    lons = list(_numbers(row.cells[at["lon"]] for row in sample))
    lats = list(_numbers(row.cells[at["lat"]] for row in sample))
    if not lons or not lats:
        return
    lon, lat = median(lons), median(lats)
    if abs(lon) > 360 or abs(lat) > 360:
        found.notes.append(("metres", {}))
        return
    swapped = abs(lat) > 90 or (not CHINA.holds(Place(lon, lat)) and CHINA.holds(Place(lat, lon)))
    if swapped:
        found.settings = replace(found.settings, swapped=True)
        found.notes.append(("swapped", {}))
    if not found.settings.crs:
        # outside China every map shows places where they are: nothing to ask
        here = Place(lat, lon) if swapped else Place(lon, lat)
        if CHINA.holds(here):
            found.notes.append(("which_crs", {}))
        else:
            found.settings = replace(found.settings, crs=Crs.WGS84.value)


def middle_of(table: Table, settings: ImportSettings, most: int = 1_000) -> Place | None:
    """The middle of a file's places, by the medians of its first rows; None when there are too few to say."""
    index = {name: at for at, name in enumerate(table.columns)}
    lon_columns, lat_columns = settings.target_columns("lon"), settings.target_columns("lat")
    if not lon_columns or not lat_columns or not {lon_columns[0], lat_columns[0]} <= index.keys():
        return None
    lons: list[float] = []
    lats: list[float] = []
    for row in sample_of(table, most):
        try:
            lon = values.degrees(row.cells[index[lon_columns[0]]])
            lat = values.degrees(row.cells[index[lat_columns[0]]])
        except (BadValue, InvalidInput):
            continue
        lon, lat = (lat, lon) if settings.swapped else (lon, lat)
        if abs(lon) <= 180.0 and abs(lat) <= 90.0:
            lons.append(lon)
            lats.append(lat)
    if len(lons) < 5:
        return None
    return to_wgs84(Place(median(lons), median(lats)), Crs(settings.crs or Crs.WGS84))
