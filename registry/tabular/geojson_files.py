"""GeoJSON: the features of a collection, one at a time, so that a file of any size needs the memory of one piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from registry.domain.errors import InvalidInput
from registry.tabular.cells import LONGEST_NAME, Row
from registry.tabular.faults import Fault, shown

LON = "geometry.lon"
LAT = "geometry.lat"
_CHUNK = 1 << 20
_LONGEST_FEATURE = 8 << 20
_HEAD_FEATURES = 1_000
_MOST_COLUMNS = 2_000
_UNSOUND = ("\\ud", "\\uD", "\\u0000")
_KNOWN_CRS = {"CRS84": "", "4326": "", "4490": "cgcs2000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoJsonTable:
    """An opened collection. ``crs``: what its ``crs`` member says ("" when there is none, which means WGS-84)."""

    path: Path
    columns: tuple[str, ...]

    def rows(self, start: int = 1) -> Iterator[Row]:
        """Rows from number ``start`` on; nested properties stand under "outer.inner"."""
        names = self.columns[2:]
        for number, feature in enumerate(_features(self.path), start=1):
            if number < start:
                continue
            if not isinstance(feature, dict) or feature.get("type") != "Feature":
                yield Row(number, [None] * len(self.columns), {}, Fault("type", shown(feature), "not_a_feature"))
                continue
            properties = feature.get("properties")
            properties = properties if isinstance(properties, dict) else {}
            flat = _flat(properties)
            place, fault = _place_of(feature.get("geometry"))
            yield Row(number, [*place, *(flat.get(name) for name in names)], properties, fault)


def open_geojson(path: Path) -> GeoJsonTable:
    """The table of a feature collection; its columns are the properties that the first thousand features have.

    Raises ``InvalidInput`` for what is no feature collection.
    """
    names: dict[str, None] = {}
    for feature in islice(_features(path), _HEAD_FEATURES):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if isinstance(properties, dict):
            names.update(dict.fromkeys(_flat(properties)))
    if len(names) > _MOST_COLUMNS:
        raise InvalidInput(
            "file",
            "{file} has {count} properties; at most {most} can be read",
            file=path.name,
            count=len(names),
            most=_MOST_COLUMNS,
        )
    return GeoJsonTable(path=path, columns=(LON, LAT, *(name for name in names if name not in (LON, LAT))))


def _flat(properties: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in properties.items():
        name = f"{before}{key}"[:LONGEST_NAME]
        if isinstance(value, dict) and depth < 4:
            flat |= _flat(value, f"{name}.", depth + 1)
        elif isinstance(value, list):
            flat[name] = json.dumps(value, ensure_ascii=False)
        else:
            flat[name] = value
    return flat


def _place_of(geometry: Any) -> tuple[tuple[Any, Any], Fault | None]:
    if geometry is None:
        return (None, None), Fault("geometry", "", "missing")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        return (None, None), Fault("geometry", shown(kind), "not_a_point")
    given = geometry.get("coordinates")
    if not isinstance(given, list) or len(given) < 2 or not all(_is_number(part) for part in given[:2]):
        return (None, None), Fault("geometry", shown(given), "not_degrees")
    return (given[0], given[1]), None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _features(path: Path) -> Iterator[Any]:
    try:
        with path.open("r", encoding="utf-8-sig") as file:
            yield from _Reader(path.name, file).features()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "file", "{file} is not GeoJSON: not UTF-8; export it as GeoJSON in UTF-8", file=path.name
        ) from error


def _sound(value: Any) -> Any:
    """The value without what no database keeps as text: half of a surrogate pair, and the character zero."""
    text = json.dumps(value, ensure_ascii=False).replace("\\u0000", "")
    return json.loads(text.encode("utf-8", "replace"))


class _Reader:
    """Takes one JSON value after the other from a file that may be larger than memory."""

    def __init__(self, name: str, file: IO[str]) -> None:
        self._name = name
        self._file = file
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def features(self) -> Iterator[Any]:
        """The members of the top-level object; those of ``features`` one by one, the others checked on the way."""
        self._expect("{", "the top level must be an object of type FeatureCollection")
        kind, listed = None, False
        while self._next_mark() != "}":
            key = self._value()
            self._expect(":", "a colon is missing")
            if key == "features":
                listed = True
                self._expect("[", "its member 'features' must be a list")
                while self._next_mark() != "]":
                    yield self._value()
                    self._skip(",")
                self._expect("]", "its list of features is not closed")
            else:
                value = self._value()
                kind = value if key == "type" else kind
                if key == "crs":
                    self._check_crs(value)
            self._skip(",")
        if kind != "FeatureCollection":
            raise self._refused("the top level must be an object of type FeatureCollection")
        if not listed:
            raise self._refused("its member 'features' must be a list")

    def _check_crs(self, value: Any) -> None:
        if value is not None and not any(known in str(value) for known in _KNOWN_CRS):
            raise InvalidInput(
                "crs",
                "{file} is in {system}; export it in WGS 84 (EPSG:4326) or CGCS2000 (EPSG:4490)",
                file=self._name,
                system=shown(value),
            )

    def _next_mark(self) -> str:
        while True:
            while self._at < len(self._buffer):
                if not self._buffer[self._at].isspace():
                    return self._buffer[self._at]
                self._at += 1
            if not self._more():
                raise self._refused("it ends too early; was the export interrupted?")

    def _skip(self, mark: str) -> None:
        if self._next_mark() == mark:
            self._at += 1

    def _expect(self, mark: str, problem: str) -> None:
        if self._next_mark() != mark:
            raise self._refused(problem)
        self._at += 1

    def _value(self) -> Any:
        self._next_mark()
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if len(self._buffer) - self._at > _LONGEST_FEATURE or isinstance(error, RecursionError):
                    most = _LONGEST_FEATURE >> 20
                    raise InvalidInput(
                        "file",
                        "{file} is not GeoJSON: one value is broken or longer than {most} MB",
                        file=self._name,
                        most=most,
                    ) from error
                if not self._more():
                    raise self._refused(str(error)) from error
                continue
            # a number at the very end of the buffer may go on in the next piece
            if end == len(self._buffer) and self._more():
                continue
            text, self._at = self._buffer[self._at : end], end
            return _sound(value) if any(mark in text for mark in _UNSOUND) else value

    def _more(self) -> bool:
        piece = "" if self._ended else self._file.read(_CHUNK)
        self._ended = self._ended or not piece
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _refused(self, problem: str) -> InvalidInput:
        return InvalidInput("file", "{file} is not GeoJSON: {problem}", file=self._name, problem=problem)
