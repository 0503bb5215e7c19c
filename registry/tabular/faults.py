"""What can be wrong with a row of a file, as data: a code with arguments, said in Chinese and in English with the fix.

Reports keep the code and its arguments, so that each reader gets them in a language of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

LONGEST_SHOWN = 120
_BLANK = re.compile(r"\{[^}]*\}")


class Fault(NamedTuple):
    """One thing wrong with one row: which column, what stands there, which of ``FAULTS``, and its arguments."""

    column: str
    value: str
    code: str
    args: Mapping[str, Any] = {}


class BadValue(Exception):
    """A cell that can't be used; ``code`` is a key of ``FAULTS``."""

    def __init__(self, code: str, **args: Any) -> None:
        super().__init__(code)
        self.code = code
        self.args_of: dict[str, Any] = args


class Words(NamedTuple):
    """A fault in both languages: the problem and how to mend it."""

    zh: str
    zh_fix: str
    en: str
    en_fix: str


FAULTS: Mapping[str, Words] = {
    "missing": Words("缺少此项", "请补填", "is missing", "fill it in"),
    "not_a_number": Words("不是数字", "请只填一个数字", "is not a number", "give one number"),
    "not_degrees": Words(
        "不是经纬度",
        "请填十进制度（120.61）或度分秒（120°36′36″）",
        "is not a longitude or latitude",
        "give decimal degrees (120.61) or degrees-minutes-seconds (120°36′36″)",
    ),
    "metres": Words(
        "像是平面坐标（米），不是经纬度",
        "请先在 GIS 软件中转换为 CGCS2000 经纬度（EPSG:4490）再导出",
        "looks like metres of a projection, not degrees",
        "convert the layer to CGCS2000 degrees (EPSG:4490) in a GIS and export it again",
    ),
    "swapped": Words(
        "经度和纬度似乎颠倒",
        "请核对；如整个文件都如此，请勾选“经纬度颠倒”",
        "longitude and latitude look swapped",
        "check them; if the whole file is so, import it with latitude and longitude exchanged",
    ),
    "lat_range": Words(
        "纬度超出 ±90 度", "请核对此值及坐标系", "latitude is beyond ±90 degrees", "check the value and the system"
    ),
    "lon_range": Words(
        "经度超出 ±180 度", "请核对此值及坐标系", "longitude is beyond ±180 degrees", "check the value and the system"
    ),
    "nowhere": Words(
        "坐标 0, 0 是占位值", "请补测实际位置", "0, 0 is a placeholder in the sea", "give the surveyed place"
    ),
    "far": Words(
        "距文件中其他位置 {km} 公里",
        "请核对坐标",
        "is {km} km from the middle of the file's places",
        "check the longitude and the latitude",
    ),
    "far_swapped": Words(
        "距文件中其他位置 {km} 公里；经纬度似乎颠倒",
        "请对调此行的经度和纬度",
        "is {km} km from the middle of the file's places; longitude and latitude look swapped",
        "exchange them in this row",
    ),
    "not_a_date": Words(
        "不是日期",
        "请填 2024-05-17 这样的日期",
        "is not a date",
        "write it as 2024-05-17",
    ),
    "number_of_unit": Words(
        "数值或单位无法识别",
        "请填毫米数，或写明单位（2.4 m）",
        "is not a length",
        "give millimetres, or write the unit (2.4 m)",
    ),
    "too_large": Words(
        "超出允许范围 {low} 至 {high}",
        "请核对数值及单位",
        "is outside {low} to {high}",
        "check the value and its unit",
    ),
    "too_long": Words(
        "超过 {most} 个字符",
        "请缩短；列是否错位？",
        "is longer than {most} characters",
        "shorten it; is the column shifted?",
    ),
    "formula": Words(
        "是没有计算结果的公式",
        "请在表格软件中打开并保存，或粘贴为数值",
        "is a formula without its result",
        "open the file in a spreadsheet and save it, or paste the column as values",
    ),
    "error_value": Words(
        "是表格的错误值",
        "请在表格软件中改正公式",
        "is a spreadsheet's error value",
        "mend the formula in the spreadsheet",
    ),
    "shortened": Words(
        "长数字被表格软件改成了科学计数法，末尾数字已丢失",
        "请把该列设为文本后重新导出",
        "is a long number that a spreadsheet shortened; its last digits are lost",
        "format the column as text and export it again",
    ),
    "unknown_class": Words(
        "部件分类表 {scheme} 中没有此分类",
        "请更正，或先导入分类表",
        "is not in the class table {scheme}",
        "correct it, or load the class table first",
    ),
    "bad_division": Words(
        "不是六位县级行政区划代码", "请填六位数字，如 320508", "is no county division", "give six digits, e.g. 320508"
    ),
    "bad_code": Words(
        "不是有效的部件编码：{why}；已作为别名保存",
        "请核对编码",
        "is not a component code ({why}); kept as an alias",
        "check the code",
    ),
    "code_elsewhere": Words(
        "编码与本行的区划或分类不符；已作为别名保存",
        "请核对区划、分类或编码",
        "is a code of another division or class than the row says; kept as an alias",
        "check the division, the class or the code",
    ),
    "code_retired": Words(
        "此编码曾经使用过，不能再用；已作为别名保存",
        "将发给新编码",
        "was used before and is never used again; kept as an alias",
        "a new code is given",
    ),
    "code_taken": Words(
        "此编码已属于资产 {asset}",
        "如要更新该资产，请选择“编码”作为更新依据",
        "belongs to asset {asset} already",
        "to update that asset, choose the code as the key",
    ),
    "alias_taken": Words(
        "此编号已属于资产 {asset}",
        "如是同一资产，请以此编号作为更新依据；否则请更正",
        "belongs to asset {asset} already",
        "if it is the same asset, choose this column as the key; else correct it",
    ),
    "repeated": Words(
        "与第 {row} 行重复",
        "请给每个部件各自的编号，或删去其中一行",
        "stands in row {row} already",
        "give each asset its own id, or remove one of the rows",
    ),
    "unknown_unit": Words(
        "没有此责任单位；该项未填入，原文保存在附加项",
        "请先登记该单位，或在导入时选择自动登记",
        "is no unit on file; left empty, the text is kept in the details",
        "add the unit first, or let the import add units",
    ),
    "unknown_state": Words(
        "不是部件状态；原文保存在附加项",
        "请填 完好、破损、丢失 或 废弃",
        "is no state; left as it was, the text is kept in the details",
        "write 完好, 破损, 丢失 or 废弃 (intact, damaged, lost, abandoned)",
    ),
    "bad_cell_code": Words(
        "不是 15 位单元网格代码；原文保存在附加项",
        "请填 15 位数字",
        "is no 15-digit grid cell code; the text is kept in the details",
        "give 15 digits",
    ),
    "bad_accuracy": Words(
        "不是定位精度等级；原文保存在附加项",
        "请填 A、B 或 C",
        "is no accuracy class; the text is kept in the details",
        "write A, B or C",
    ),
    "not_json": Words(
        "不是 JSON 对象；原文保存在附加项",
        "请改正，或将此列作为普通附加项",
        "is no JSON object; the text is kept in the details",
        "mend it, or map the column to plain details",
    ),
    "no_road": Words(
        "没有道路；已导入，但不能按道路查找", "请补填道路", "is empty; kept, but not found by its road", "name the road"
    ),
    "same_place": Words(
        "与资产 {asset} 相距 {metres} 米；已导入",
        "请核对两者是否同一部件",
        "is {metres} m from asset {asset}; kept",
        "check whether the two are the same thing",
    ),
    "other_class": Words(
        "资产 {asset} 的分类是 {is_now}，导入不能更改分类",
        "请在资产页更正分类",
        "asset {asset} is of class {is_now}; an import does not change a class",
        "correct the class on the asset's page, or in the file",
    ),
    "state_move": Words(
        "资产 {asset} 不能由导入从 {is_now} 改为此状态",
        "请在资产页更改状态并填写原因",
        "an import may not move asset {asset} from {is_now} to this state",
        "change the state on the asset's page and give the reason",
    ),
    "outside_area": Words(
        "位于您负责的区域（{own}）之外",
        "请由负责该区域的人员导入",
        "lies outside your area ({own})",
        "let somebody who is bound to that area import it",
    ),
    "not_on_file": Words(
        "登记簿中没有此编号，本行缺少新建所需的位置、分类或区划",
        "请更正编号，或补充位置、分类和区划",
        "is not on file, and the row lacks the place, class or division of a new asset",
        "correct the id, or give place, class and division",
    ),
    "other_cell": Words(
        "位置落在网格 {found} 内",
        "请核对网格或坐标；已按文件登记",
        "the place lies in cell {found}",
        "check the cell or the place; the file's cell was kept",
    ),
    "merged_away": Words(
        "资产 {asset} 已并入另一资产",
        "请更正此行的编号",
        "asset {asset} was merged into another",
        "correct the id in this row",
    ),
    "not_a_point": Words(
        "不是点（Point）", "每个部件只有一个位置", "is not a Point", "an asset has one place: give its point"
    ),
    "not_a_feature": Words("不是 Feature 对象", "请重新导出 GeoJSON", "is not a Feature", "export the GeoJSON again"),
    "class_full": Words(
        "{division} {class_code} 的顺序号已用完",
        "请使用扩展分类",
        "{division} {class_code} has no serials left",
        "use an extension class",
    ),
    "wrong_width": Words(
        "本行有 {cells} 列，表头有 {columns} 列",
        "请检查引号和分隔符",
        "has {cells} cells under {columns} columns",
        "check quotes and separators in this line",
    ),
}


def say(code: str, args: Mapping[str, Any], lang: str = "zh") -> tuple[str, str]:
    """The problem and its fix in ``lang`` ("zh" or "en"); a code of an older release is shown as it is."""
    words = FAULTS.get(code)
    if words is None:
        return code, ""
    problem, fix = (words.zh, words.zh_fix) if lang == "zh" else (words.en, words.en_fix)
    try:
        return problem.format(**args), fix.format(**args)
    except (KeyError, IndexError):
        return problem, fix


def say_of_all(code: str, lang: str = "zh") -> str:
    """The problem of every row that has it; what differs from row to row is left open."""
    return _BLANK.sub("…", say(code, {}, lang)[0])


def shown(value: object) -> str:
    """A cell as reports show it: shortened."""
    text = "" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
