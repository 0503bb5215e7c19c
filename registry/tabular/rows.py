"""From a record to a row of the register: every cell read by the target of its column, faults told, nothing lost.

Pure. What needs the registry (is the class on file, is the code free, is the unit known) is the import's work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from registry.domain.codes import ComponentCode, read_code, read_division
from registry.domain.errors import InvalidInput
from registry.domain.geo import PLACE_DECIMALS, Crs, Place, check_place, distance_m, to_wgs84
from registry.tabular import values
from registry.tabular.cells import Row, is_blank, plain, unguarded
from registry.tabular.census_row import COLUMN_OF, PARTIES, READERS, CensusRow, Unusable
from registry.tabular.faults import BadValue, Fault, say, shown
from registry.tabular.fields import ALIAS, DETAILS, FIELDS
from registry.tabular.settings import ImportSettings

__all__ = ["RowReader", "Unusable"]

_LONGEST_ALIAS = 120
_MOST_KNOWN = 20_000


class _Part(NamedTuple):
    """How one plain field is read: where it stands, by what, and what its texts were found to mean so far."""

    name: str
    at: int
    others: tuple[int, ...]
    read: Callable[[Any, ImportSettings], Any]
    known: dict[str, Any]


class RowReader:
    """Reads the records of one table by its settings. ``classes``: class codes and folded names to class codes."""

    def __init__(
        self,
        settings: ImportSettings,
        columns: Sequence[str],
        classes: Mapping[str, str],
        middle: Place | None = None,
    ) -> None:
        self._settings = settings
        self._columns = columns
        self._classes = classes
        self._middle = middle
        self._crs = Crs(settings.crs or Crs.WGS84)
        self._shifted = self._crs in (Crs.GCJ02, Crs.BD09)
        at = {name: index for index, name in enumerate(columns)}
        missing = [name for name, target in settings.columns.items() if target and name not in at]
        if missing:
            raise InvalidInput("columns", "the file has no column {known}", known=", ".join(map(repr, missing)))
        self._at: dict[str, list[int]] = {}
        for name, target in settings.columns.items():
            if target:
                self._at.setdefault(target, []).append(at[name])
        self._aliases = [
            (target.removeprefix(ALIAS), indexes[0]) for target, indexes in self._at.items() if target.startswith(ALIAS)
        ]
        self._parts = [
            _Part(COLUMN_OF.get(key, key), self._at[key][0], tuple(self._at[key][1:]), READERS[key], {})
            for key in READERS
            if key in self._at
        ]
        self._known_classes: dict[str, str] = {}
        self._known_units: dict[str, str] = {}
        self._parties = [(party, self._at[party][0]) for party in PARTIES if party in self._at]
        self._details = self._detail_columns(at)
        self._constants = self._constant_values()
        fixed = settings.constants.get("division", "")
        self._fixed_division = read_division(fixed) if fixed else ""
        self._fixed_units = {party: settings.constants[party] for party in PARTIES if settings.constants.get(party)}

    def _detail_columns(self, at: Mapping[str, int]) -> list[tuple[str, int]]:
        mapped = self._settings.columns
        named = [
            (target.removeprefix(DETAILS), at[name]) for name, target in mapped.items() if target.startswith(DETAILS)
        ]
        for name, index in at.items():
            target = mapped.get(name)
            wanted = target == "details" or (target is None and self._settings.details == "rest")
            if wanted or (self._settings.details == "all" and target != ""):
                named.append((name, index))
        return named

    def _constant_values(self) -> dict[str, Any]:
        fixed: dict[str, Any] = {}
        for key, value in self._settings.constants.items():
            if value and key in READERS:
                try:
                    fixed[COLUMN_OF.get(key, key)] = READERS[key](value, self._settings)
                except BadValue as bad:
                    why, _ = say(bad.code, bad.args_of, "en")
                    raise InvalidInput(
                        key, "{given!r} can't be used for the whole file ({why})", given=value, why=why
                    ) from bad
        return fixed

    def read(self, row: Row) -> CensusRow:
        """The record as a row of the register; raises ``Unusable``."""
        if row.fault is not None:
            raise Unusable(row.fault)
        cells = row.cells
        remarks: list[Fault] = []
        details = self._details_of(row)
        self._add_details_json(cells, details, remarks)
        code = self._code(cells, remarks, aliases := self._aliases_of(cells, remarks))
        class_code = self._class(cells, code)
        division = self._division(cells, code)
        if code is not None and (code.class_code != class_code or code.division != division):
            self._remark(remarks, "code", cells, "code_elsewhere")
            aliases.append((self._columns[self._at["code"][0]][:40], str(code)))
            code = None
        given, place = self._place(cells)
        read = dict(self._constants)
        for part in self._parts:
            self._take(part, cells, read, details, remarks)
        if self._settings.warn_no_road and not read.get("road"):
            remarks.append(Fault(self._name_of("road"), "", "no_road"))
        return CensusRow(
            number=row.number,
            class_code=class_code,
            division=division,
            code=code,
            place=place,
            given=given,
            values=read,
            units=self._units(cells, details, remarks),
            aliases=aliases,
            details=details,
            remarks=remarks,
        )

    def _take(
        self, part: _Part, cells: Sequence[Any], read: dict[str, Any], details: dict[str, Any], remarks: list[Fault]
    ) -> None:
        cell = cells[part.at]
        if part.others:
            cell = " ".join(text for index in (part.at, *part.others) if (text := plain(cells[index])))
        if cell is None or cell == "":
            return
        # columns say few things often: what a text means is worked out once
        if type(cell) is str and (known := part.known.get(cell)) is not None:
            read[part.name] = known
            return
        if is_blank(cell):
            return
        try:
            value = part.read(cell, self._settings)
        except BadValue as bad:
            column = self._columns[part.at]
            remarks.append(Fault(column, shown(plain(cell)), bad.code, bad.args_of))
            details[column] = plain(cell)
            return
        read[part.name] = value
        if type(cell) is str and len(part.known) < _MOST_KNOWN:
            part.known[cell] = value

    def _details_of(self, row: Row) -> dict[str, Any]:
        if row.raw is not None and self._settings.details == "all":
            return dict(row.raw)
        kept: dict[str, Any] = {}
        for name, index in self._details:
            cell = row.cells[index]
            if cell is None or cell == "" or is_blank(cell):
                continue
            kept[name] = cell if isinstance(cell, bool | int | float) else plain(cell)
        return kept

    def _add_details_json(self, cells: Sequence[Any], details: dict[str, Any], remarks: list[Fault]) -> None:
        """What an export wrote as one JSON object goes back to where it was."""
        if "details_json" not in self._at:
            return
        index = self._at["details_json"][0]
        text = cells[index]
        if is_blank(text):
            return
        try:
            given = json.loads(unguarded(str(text)))
        except ValueError:
            given = None
        if isinstance(given, dict):
            details.update(given)
        else:
            details[self._columns[index]] = plain(text)
            remarks.append(Fault(self._columns[index], shown(plain(text)), "not_json"))

    def _aliases_of(self, cells: Sequence[Any], remarks: list[Fault]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for kind, index in self._aliases:
            cell = cells[index]
            if is_blank(cell):
                if self._settings.key == f"{ALIAS}{kind}":
                    raise Unusable(Fault(self._columns[index], "", "missing"))
                continue
            try:
                value = plain(values.checked(cell))
                if isinstance(cell, float) and abs(cell) >= 1e15:
                    raise BadValue("shortened")
                if len(value) > _LONGEST_ALIAS:
                    raise BadValue("too_long", most=_LONGEST_ALIAS)
            except BadValue as bad:
                fault = Fault(self._columns[index], shown(plain(cell)), bad.code, bad.args_of)
                if self._settings.key == f"{ALIAS}{kind}":
                    raise Unusable(fault) from bad
                remarks.append(fault)
            else:
                found.append((kind, value))
        return found

    def _code(self, cells: Sequence[Any], remarks: list[Fault], aliases: list[tuple[str, str]]) -> ComponentCode | None:
        if "code" not in self._at:
            return None
        index = self._at["code"][0]
        cell = cells[index]
        if is_blank(cell):
            return None  # not numbered yet: a new one
        try:
            return read_code(values.digits(cell))
        except (BadValue, InvalidInput) as error:
            text = plain(cell)
            if isinstance(error, BadValue):
                fault = Fault(self._columns[index], shown(text), error.code, error.args_of)
                raise Unusable(fault) from error
            fault = Fault(self._columns[index], shown(text), "bad_code", {"why": error.problem})
            if self._settings.key == "code":
                raise Unusable(fault) from error
            remarks.append(fault)
            aliases.append((self._columns[index][:40], text[:_LONGEST_ALIAS]))
            return None

    def _class(self, cells: Sequence[Any], code: ComponentCode | None) -> str:
        cell = cells[self._at["class"][0]] if "class" in self._at else None
        if type(cell) is str and (known := self._known_classes.get(cell)) is not None:
            return known
        if is_blank(cell):
            cell = self._settings.constants.get("class")
        if is_blank(cell):
            if code is None:
                if self._settings.key:
                    return ""
                raise Unusable(Fault(self._name_of("class"), "", "missing"))
            cell = code.class_code
        text = plain(cell)
        found = self._classes.get(text) or self._classes.get(text.casefold())
        if found is None and text.isdigit() and len(text) == 3:
            found = self._classes.get(f"0{text}")  # a spreadsheet took the leading zero away
        if found is None:
            scheme = self._settings.scheme
            raise Unusable(Fault(self._name_of("class"), shown(text), "unknown_class", {"scheme": scheme}))
        if type(cell) is str:
            self._known_classes[cell] = found
        return found

    def _division(self, cells: Sequence[Any], code: ComponentCode | None) -> str:
        cell = cells[self._at["division"][0]] if "division" in self._at else None
        if is_blank(cell):
            if self._fixed_division:
                return self._fixed_division
            cell = None
        if is_blank(cell):
            if code is None:
                if self._settings.key:
                    return ""
                raise Unusable(Fault(self._name_of("division"), "", "missing"))
            return code.division
        text = plain(cell)
        try:
            return read_division(text)
        except InvalidInput as error:
            raise Unusable(Fault(self._name_of("division"), shown(text), "bad_division")) from error

    def _place(self, cells: Sequence[Any]) -> tuple[Place | None, Place | None]:
        """The place as given and in WGS-84."""
        if "place" in self._at:
            column = self._name_of("place")
            text = plain(cells[self._at["place"][0]]).strip("()[]")
            pair: Sequence[Any] = [
                part for part in text.replace(";", ",").replace("，", ",").split(",") if part.strip()
            ]
            if text and len(pair) != 2:
                pair = text.split() if len(text.split()) == 2 else pair
            if text and len(pair) != 2:
                raise Unusable(Fault(column, shown(text), "not_degrees"))
            x, y = pair if text else (None, None)
        elif "lon" in self._at and "lat" in self._at:
            x, y = cells[self._at["lon"][0]], cells[self._at["lat"][0]]
            column = self._columns[self._at["lon" if is_blank(x) else "lat"][0]]
        else:
            return None, None
        if x is None or y is None or x == "" or y == "" or is_blank(x) or is_blank(y):
            if is_blank(x) and is_blank(y) and self._settings.key:
                return None, None
            raise Unusable(Fault(column, "", "missing"))
        given = self._degrees(x, "lon"), self._degrees(y, "lat")
        lon, lat = (given[1], given[0]) if self._settings.swapped else given
        return self._checked_place(lon, lat)

    def _degrees(self, cell: Any, target: str) -> float:
        try:
            return values.degrees(cell)
        except BadValue as bad:
            name = self._name_of(target if target in self._at else "place")
            raise Unusable(Fault(name, shown(plain(cell)), bad.code, bad.args_of)) from bad

    def _checked_place(self, lon: float, lat: float) -> tuple[Place, Place]:
        if -180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0 and (lon or lat):
            given = Place(lon, lat)
        else:
            given = self._refused_place(lon, lat)
        wgs84 = to_wgs84(given, self._crs) if self._shifted else given
        place = Place(round(wgs84.lon, PLACE_DECIMALS), round(wgs84.lat, PLACE_DECIMALS))
        # degrees first: the distance itself costs more than the rest of the row
        middle = self._middle
        if middle is not None and (abs(place.lon - middle.lon) > 0.4 or abs(place.lat - middle.lat) > 0.4):
            self._check_near(place, lon, lat, middle)
        return given, place

    def _refused_place(self, lon: float, lat: float) -> Place:
        """Says what is wrong with a place that is none."""
        both = f"{lon}, {lat}"
        if abs(lon) > 360.0 or abs(lat) > 360.0:
            raise Unusable(Fault(self._name_of("lon"), both, "metres"))
        try:
            return check_place(lon, lat)
        except InvalidInput as error:
            code = "nowhere" if lon == 0.0 and lat == 0.0 else f"{error.field}_range"
            if abs(lat) > 90.0 and abs(lon) <= 90.0 and abs(lat) <= 180.0:
                code = "swapped"
            raise Unusable(Fault(self._name_of("lat" if error.field == "lat" else "lon"), both, code)) from error

    def _check_near(self, place: Place, lon: float, lat: float, middle: Place) -> None:
        """Refuse what is too far from the rest of the file to have been measured there."""
        away = distance_m(place, middle) / 1000.0
        if 0.0 < self._settings.far_km < away:
            other = abs(lon) <= 90.0 and distance_m(Place(lat, lon), middle) / 1000.0 <= self._settings.far_km
            code = "far_swapped" if other else "far"
            raise Unusable(Fault(self._name_of("lon"), f"{lon}, {lat}", code, {"km": round(away)}))

    def _units(self, cells: Sequence[Any], details: dict[str, Any], remarks: list[Fault]) -> dict[str, str]:
        units = dict(self._fixed_units)
        for party, index in self._parties:
            cell = cells[index]
            if type(cell) is str and cell in self._known_units:
                units[party] = self._known_units[cell]
                continue
            if is_blank(cell):
                continue
            try:
                units[party] = values.words(cell, FIELDS[party].longest)
            except BadValue as bad:
                remarks.append(Fault(self._columns[index], shown(plain(cell)), bad.code, bad.args_of))
                details[self._columns[index]] = plain(cell)
            else:
                if type(cell) is str and len(self._known_units) < _MOST_KNOWN:
                    self._known_units[cell] = units[party]
        return units

    def _name_of(self, target: str) -> str:
        """The column a fault is about; the field's own name when a constant gave it."""
        indexes = self._at.get(target) or self._at.get("place" if target in ("lon", "lat") else target)
        return self._columns[indexes[0]] if indexes else target

    def _remark(self, remarks: list[Fault], target: str, cells: Sequence[Any], code: str) -> None:
        index = self._at[target][0]
        remarks.append(Fault(self._columns[index], shown(plain(cells[index])), code))

    def party_column(self, party: str) -> str:
        """The column that names the units of ``party``."""
        return self._name_of(party)

    def key_column(self, key: str) -> str:
        """The column of the key or of another target."""
        return self._name_of(key)
