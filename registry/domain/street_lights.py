"""Reading a street light inventory in GeoJSON (one Point per post): what can be used, what can't and how to mend it.

Pure: takes the decoded document, gives posts and problems. A row's number counts the features from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from registry.domain.errors import InvalidInput
from registry.domain.geo import Place, check_place, distance_m

ALIAS_KIND = "PoleID"
_LONGEST_POLE_ID = 120
_LONGEST_ROAD = 120
_LONGEST_VALUE_SHOWN = 120
# A county is smaller; what is farther from the middle of the file was not measured there.
_FARTHEST_M = 200_000.0
_ENOUGH_FOR_A_MIDDLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """What is wrong with one row: which column, what stands there, and how to mend it."""

    row: int
    column: str
    value: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One usable row: its id as painted on the post, WGS-84 place, name, road, and everything the row said."""

    row: int
    pole_id: str
    place: Place
    name: str
    road: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A whole file sorted out. ``rejected`` rows are not in ``posts``; rows with ``warnings`` are."""

    rows: int
    posts: list[Post] = field(default_factory=list)
    rejected: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)


class _Unusable(Exception):
    def __init__(self, column: str, value: object, problem: str) -> None:
        self.column, self.value, self.problem = column, value, problem


def read_inventory(document: object) -> Inventory:
    """Sort out a decoded GeoJSON document. Raises ``InvalidInput("file", …)`` when it is not a feature collection."""
    features = _features_of(document)
    inventory = Inventory(rows=len(features))
    first_row: dict[str, int] = {}
    near: list[Post] = []
    for row, feature in enumerate(features, start=1):
        try:
            post = _read_post(row, feature)
            if post.pole_id in first_row:
                earlier = first_row[post.pole_id]
                raise _Unusable("PoleID", post.pole_id, f"stands in row {earlier} already; give each post its own id")
        except _Unusable as reason:
            inventory.rejected.append(_problem(row, reason.column, reason.value, reason.problem))
        else:
            first_row[post.pole_id] = row
            near.append(post)
    _keep_near(near, inventory)
    _warn(inventory)
    inventory.rejected.sort(key=lambda problem: problem.row)
    return inventory


def _features_of(document: object) -> Sequence[object]:
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise InvalidInput("file", "is not GeoJSON: the top level must be an object of type FeatureCollection")
    features = document.get("features")
    if not isinstance(features, list):
        raise InvalidInput("file", "is not GeoJSON: its member 'features' must be a list")
    crs = document.get("crs")
    if crs is not None and not any(known in str(crs) for known in ("CRS84", "EPSG::4326", "EPSG:4326")):
        raise InvalidInput("file", f"is in {_shown(crs)}; export it in WGS 84 longitude and latitude (EPSG:4326)")
    return features


def _read_post(row: int, feature: object) -> Post:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise _Unusable("type", feature, "must be an object of type Feature")
    properties = feature.get("properties")
    if not isinstance(properties, dict):
        raise _Unusable("properties", properties, "must be an object with at least a PoleID")
    pole_id = _pole_id_of(properties)
    place = _place_of(feature.get("geometry"))
    road = " ".join(part for part in (_text(properties, "StreetName"), _text(properties, "StreetSuffix")) if part)
    return Post(
        row=row,
        pole_id=pole_id,
        place=place,
        name=f"{road[: 119 - len(pole_id)]} {pole_id}" if road else f"路灯 {pole_id}"[:120],
        road=road[:_LONGEST_ROAD],
        details=properties,
    )


def _pole_id_of(properties: Mapping[str, Any]) -> str:
    given = properties.get("PoleID")
    # Some exporters write ids of digits as numbers; a fraction or a truth value was never painted on a post.
    pole_id = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if given is None or (isinstance(pole_id, str) and not pole_id.strip()):
        raise _Unusable("PoleID", given, "is missing; give the id that is painted on the post")
    if not isinstance(pole_id, str):
        raise _Unusable("PoleID", given, "must be text; export the column as text")
    if len(pole_id.strip()) > _LONGEST_POLE_ID:
        raise _Unusable("PoleID", given, f"is longer than {_LONGEST_POLE_ID} characters; is the column shifted?")
    return pole_id.strip()


def _place_of(geometry: object) -> Place:
    if geometry is None:
        raise _Unusable("geometry", None, "is missing; survey the post and give its point")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        raise _Unusable("geometry", kind, "must be a Point; a post has one place")
    given = geometry.get("coordinates")
    if not isinstance(given, list) or len(given) < 2 or not all(_is_number(number) for number in given[:2]):
        raise _Unusable("coordinates", given, "must be [longitude, latitude], two numbers")
    try:
        return check_place(float(given[0]), float(given[1]))
    except InvalidInput as error:
        raise _Unusable("coordinates", given, f"{error.field}: {error.problem}") from error


def _keep_near(posts: list[Post], inventory: Inventory) -> None:
    """Posts far from all others were typed wrongly; swapped values can be told, since the other rows show the order."""
    if len(posts) < _ENOUGH_FOR_A_MIDDLE:
        inventory.posts.extend(posts)
        return
    middle = Place(median(post.place.lon for post in posts), median(post.place.lat for post in posts))
    for post in posts:
        lon, lat = post.place
        away = distance_m(post.place, middle)
        if away <= _FARTHEST_M:
            inventory.posts.append(post)
        elif abs(lon) <= 90.0 and distance_m(Place(lat, lon), middle) <= _FARTHEST_M:
            problem = "longitude and latitude are swapped; write longitude first, as the other rows do"
            inventory.rejected.append(_problem(post.row, "coordinates", [lon, lat], problem))
        else:
            problem = f"is {away / 1000:.0f} km from the middle of the other rows; survey the post again"
            inventory.rejected.append(_problem(post.row, "coordinates", [lon, lat], problem))


def _warn(inventory: Inventory) -> None:
    at: dict[Place, Post] = {}
    for post in inventory.posts:
        there = at.setdefault(post.place, post)
        if there is not post:
            problem = (
                f"is exactly where {there.pole_id} (row {there.row}) stands; kept, but one of the two may be wrong"
            )
            inventory.warnings.append(_problem(post.row, "coordinates", list(post.place), problem))
        if not _text(post.details, "StreetName"):
            problem = "is missing; kept, but it can't be found by its road"
            inventory.warnings.append(_problem(post.row, "StreetName", post.details.get("StreetName"), problem))


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    return value.strip() if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _problem(row: int, column: str, value: object, problem: str) -> RowProblem:
    return RowProblem(row=row, column=column, value=_shown(value), problem=problem)


def _shown(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_VALUE_SHOWN else text[: _LONGEST_VALUE_SHOWN - 1] + "…"
