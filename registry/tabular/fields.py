"""What a column can be, and how files name it: the fields of an asset with the header words in use for them.

Words are compared without case, blanks, marks and units in brackets. The attribute names are those of CJ/T 214 and
GB/T 30428.2 implementations (ObjID, BGID, DeptName1 …).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

ALIAS = "alias:"
ALIAS_HEADER = "别名:"
DETAILS = "details."
IGNORE = ""


class Field(NamedTuple):
    """One target of a column: its name in both languages and the header words that mean it."""

    zh: str
    en: str
    words: tuple[str, ...]
    longest: int = 120


FIELDS: Mapping[str, Field] = {
    "code": Field(
        "部件编码", "component code", ("部件编码", "部件标识码", "标识码", "component code", "code", "objid")
    ),
    "class": Field(
        "分类（代码或名称）",
        "class (code or name)",
        (
            *("分类", "分类代码", "小类", "小类代码", "小类名称", "部件分类", "部件类型", "部件名称", "类型", "类别"),
            *("井盖类型", "class", "class_code", "type", "objname", "category"),
        ),
    ),
    "division": Field("区划代码", "division", ("区划", "行政区划", "区划代码", "行政区划代码", "division", "adcode")),
    "lon": Field(
        "经度", "longitude", ("经度", "东经", "lon", "lng", "long", "longitude", "x", "x坐标", "坐标x", "geometry.lon")
    ),
    "lat": Field("纬度", "latitude", ("纬度", "北纬", "lat", "latitude", "y", "y坐标", "坐标y", "geometry.lat")),
    "place": Field(
        "经纬度（同一列）", "longitude, latitude in one", ("坐标", "经纬度", "位置坐标", "coordinates", "location")
    ),
    "name": Field("名称", "name", ("名称", "井盖名称", "资产名称", "name", "title")),
    "road": Field(
        "道路",
        "road",
        ("道路", "路名", "街道名称", "所在道路", "道路名称", "road", "street", "streetname", "road name"),
    ),
    "address": Field(
        "地址", "address", ("地址", "位置", "详细地址", "位置描述", "所在位置", "设置位置", "setloc", "address"), 200
    ),
    "state": Field("状态", "state", ("状态", "部件状态", "现状", "objstate", "state", "status")),
    "grid_cell": Field(
        "单元网格", "grid cell", ("单元网格", "网格", "网格编码", "所在单元网格", "bgid", "bgcode", "grid_cell"), 16
    ),
    "supervisor": Field(
        "主管单位",
        "supervisor",
        ("主管单位", "主管部门", "主管部门名称", "deptname1", "supervisor", "supervising dept"),
        80,
    ),
    "owner": Field(
        "权属单位", "owner", ("权属单位", "权属", "产权单位", "权属单位名称", "deptname2", "owner", "owner unit"), 80
    ),
    "maintainer": Field(
        "养护单位",
        "maintainer",
        ("养护单位", "养护", "维护单位", "管护单位", "养护单位名称", "deptname3", "maintainer", "maintenance unit"),
        80,
    ),
    "depth": Field("井深", "depth", ("井深", "深度", "埋深", "depth", "depth_mm", "井深mm", "well depth")),
    "material": Field("材质", "material", ("材质", "材料", "井盖材质", "material"), 40),
    "size": Field("尺寸", "size", ("尺寸", "规格", "规格尺寸", "直径", "size", "dimension", "dimensions"), 60),
    "installed_on": Field(
        "安装日期",
        "installed on",
        ("安装日期", "安装时间", "建成日期", "初始日期", "ordate", "installed_on", "install date", "installed"),
    ),
    "warranty_until": Field(
        "质保到期", "warranty until", ("质保到期", "质保期至", "质保期", "warranty_until", "warranty")
    ),
    "details_json": Field("附加信息（JSON）", "details (JSON)", ("附加信息", "details_json")),
    "accuracy": Field("定位精度等级", "accuracy class", ("定位精度", "精度等级", "精度", "accuracy"), 1),
}

ID_WORDS = frozenset(
    {
        *("poleid", "rfid", "nfc", "uid", "objid", "id", "assetid", "facilityid"),
        *("编号", "原编号", "旧编号", "井盖编号", "部件编号", "资产编号", "灯杆编号", "设施编号", "电子标签", "标签号"),
    }
)
CRS_WORDS: Mapping[str, str] = {
    "wgs84": "wgs84",
    "gps": "wgs84",
    "cgcs2000": "cgcs2000",
    "国家2000": "cgcs2000",
    "2000坐标": "cgcs2000",
    "大地2000": "cgcs2000",
    "gcj02": "gcj02",
    "高德": "gcj02",
    "火星": "gcj02",
    "腾讯": "gcj02",
    "amap": "gcj02",
    "bd09": "bd09",
    "百度": "bd09",
    "baidu": "bd09",
}
_UNIT = re.compile(r"[(\[（【][^)\]）】]*[)\]）】]")
_MARKS = re.compile(r"[\s_\-*:：.、#]+")


def folded(name: str) -> str:
    """A header word for comparing."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return _MARKS.sub("", _UNIT.sub("", text))


def by_word() -> dict[str, str]:
    """Each folded header word and the field it means."""
    return {folded(word): key for key, field in FIELDS.items() for word in field.words}


def is_target(target: str) -> bool:
    """Whether a column may be mapped to ``target``."""
    if target in (IGNORE, "details") or target in FIELDS:
        return True
    for prefix, most in ((ALIAS, 40), (DETAILS, 60)):
        if target.startswith(prefix):
            return 0 < len(target) - len(prefix) <= most
    return False
