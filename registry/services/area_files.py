"""Reading a GeoJSON file of areas: its features, and which of their properties mean what. Judges nothing.

Files come from many surveys: properties are called ``BGID``, ``code`` or 网格编码; the text is UTF-8 or GBK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.kinds import AreaLevel
from registry.shapes import shaped_json

MAX_BYTES = 60_000_000
MAX_FEATURES = 200_000

# The names under which surveys keep a field, best first; compared without case, blanks, hyphens and underscores.
FIELD_NAMES: Mapping[str, Sequence[str]] = {
    "code": (
        *("bgid", "bgcode", "gridcode", "cellcode", "wgbm", "wgdm", "单元网格编码", "网格编码", "网格代码", "区域编码"),
        *("code", "编码", "代码", "objcode", "areacode", "xzqdm", "adcode", "sqbm", "jdbm", "bm", "dm", "gridid"),
        *("网格编号", "objid", "id"),
    ),
    "name": (
        *("name", "名称", "bgname", "gridname", "wgmc", "网格名称", "社区名称", "街道名称", "区域名称", "objname"),
        *("xzqmc", "sqmc", "jdmc", "mc", "namezh", "title"),
    ),
    "name_en": ("nameen", "ename", "englishname", "英文名称", "英文名"),
    "level": ("level", "级别", "层级", "arealevel"),
    "grade": ("grade", "管理等级", "等级", "gldj", "管理级别"),
    "unit": ("unit", "责任单位", "责任主体", "主管单位", "管理单位", "deptname", "dept"),
    "first_on": ("ordate", "firston", "初始日期", "初始时间", "起始日期", "startdate", "普查日期"),
    "ended_on": ("endedon", "enddate", "终止日期", "终止时间", "结束日期"),
    "cells": ("cells", "单元网格", "网格列表", "包含网格", "单元网格列表"),
}

LEVEL_NAMES: Mapping[str, AreaLevel] = {
    **{level.value: level for level in AreaLevel},
    "市": AreaLevel.CITY,
    "市级": AreaLevel.CITY,
    "区": AreaLevel.DISTRICT,
    "区县": AreaLevel.DISTRICT,
    "区级": AreaLevel.DISTRICT,
    "街道": AreaLevel.STREET,
    "街办": AreaLevel.STREET,
    "乡镇": AreaLevel.STREET,
    "镇": AreaLevel.STREET,
    "社区": AreaLevel.COMMUNITY,
    "村": AreaLevel.COMMUNITY,
    "单元网格": AreaLevel.CELL,
    "网格": AreaLevel.CELL,
    "grid": AreaLevel.CELL,
    "责任网格": AreaLevel.DUTY,
}

_CRS_BY_EPSG = {"4326": Crs.WGS84, "CRS84": Crs.WGS84, "84": Crs.WGS84, "4490": Crs.CGCS2000}


class Feature(msgspec.Struct, frozen=True):
    """One feature as it stands in the file."""

    properties: dict[str, Any] | None = None
    geometry: dict[str, Any] | None = None


class _Collection(msgspec.Struct, frozen=True):
    type: str = ""
    features: list[Feature] | None = None
    crs: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaFile:
    """A file that was read. ``crs`` and ``foreign_crs``: what the file itself says its coordinates are, if anything."""

    features: list[Feature]
    properties: list[str]
    crs: Crs | None
    foreign_crs: str

    def guess(self) -> dict[str, str]:
        """Field → property, for every field that has a likely one."""
        by_plain = {plain(name): name for name in reversed(self.properties)}
        found: dict[str, str] = {}
        for field, names in FIELD_NAMES.items():
            name = next((by_plain[plain(each)] for each in names if plain(each) in by_plain), None)
            if name is not None:
                found[field] = name
        return found


def plain(name: str) -> str:
    """A property's name without what people write differently."""
    return "".join(name.lower().split()).replace("_", "").replace("-", "")


def read_area_file(content: bytes) -> AreaFile:
    """The features in ``content``. Raises ``InvalidInput`` (field ``file``) when it is no GeoJSON that can be used."""
    if len(content) > MAX_BYTES:
        raise InvalidInput("file", "is larger than {most} MB; split it by district", most=MAX_BYTES // 1000000)
    found = _decoded(content)
    features = found.features
    if found.type != "FeatureCollection" or features is None:
        raise InvalidInput(
            "file", "is no GeoJSON FeatureCollection (its type is {type!r})", type=found.type or "missing"
        )
    if not features:
        raise InvalidInput("file", "has no features; export the layer again")
    if len(features) > MAX_FEATURES:
        raise InvalidInput("file", "has more than {most} features; split it by district", most=MAX_FEATURES)
    properties: dict[str, None] = {}
    for feature in features[:200]:
        properties.update(dict.fromkeys(feature.properties or {}))
    crs, foreign = _stated_crs(found.crs)
    return AreaFile(features=features, properties=list(properties), crs=crs, foreign_crs=foreign)


def _decoded(content: bytes) -> _Collection:
    # Chinese GIS programs write GBK when nobody told them otherwise.
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return shaped_json(content.decode(encoding), _Collection)
        except UnicodeDecodeError:
            continue
        except msgspec.ValidationError as error:
            raise InvalidInput("file", "is no GeoJSON FeatureCollection: {why}", why=error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidInput("file", "is no JSON: {why}; export the layer as GeoJSON", why=error) from error
    raise InvalidInput("file", "is neither UTF-8 nor GBK text; export the layer as GeoJSON in UTF-8")


def _stated_crs(member: Any) -> tuple[Crs | None, str]:
    """GeoJSON before RFC 7946 names its system: ``urn:ogc:def:crs:EPSG::4490``."""
    name = member.get("properties", {}).get("name", "") if isinstance(member, dict) else ""
    if not isinstance(name, str) or not name:
        return None, ""
    number = name.replace("/", ":").split(":")[-1]
    known = _CRS_BY_EPSG.get(number)
    return known, "" if known else name[:60]
