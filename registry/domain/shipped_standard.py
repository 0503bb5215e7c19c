"""The case standard as shipped: covers, grates and lamps, and what sensors say of themselves. Pure data.

Limits of covers and lamps follow the standard of Yuncheng (运城); what a text calls hours or days without 紧急 is
counted in working time. Securing a site under its own limit, then repairing, follows Daying (大英). Lines without a
source are CoverCode's own. A city changes all of it: this is where it starts from.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.case_standard import CaseLine, LineLimit, Pattern, Step
from registry.domain.kinds import Family, Severity
from registry.domain.working_time import TimeUnit

_YUNCHENG = "运城市数字化城管立案、处置与结案标准"
_DAYING = "大英县数字化城管立案、处置与结案标准"
_HANGZHOU = "杭州市城市照明设施养护要求"

UH, WH, WD = TimeUnit.URGENT_HOUR, TimeUnit.WORK_HOUR, TimeUnit.WORK_DAY

_PUBLIC = ("公用设施", "Public facilities")
_ROAD = ("道路交通设施", "Road facilities")
_SUDDEN = ("突发事件", "Sudden events")
_SENSING = ("物联感知设备", "Sensing devices")
_OTHER = ("其他", "Other")

_COVER = ("井盖", "Covers")
_GRATE = ("雨水箅子", "Rain grates")
_LAMP = ("路灯", "Street lamps")


@dataclass(frozen=True, slots=True)
class _Class:
    big: tuple[str, str]
    small: tuple[str, str]
    family: Family


_COVERS = _Class(_PUBLIC, _COVER, Family.COVER)
_GRATES = _Class(_PUBLIC, _GRATE, Family.COVER)
_TRENCHES = _Class(_PUBLIC, ("沟槽盖板", "Trench covers"), Family.COVER)
_LAMPS = _Class(_PUBLIC, _LAMP, Family.LIGHT)
_GROUND_LIGHTS = _Class(_PUBLIC, ("地灯", "Ground lights"), Family.LIGHT)
_LANDSCAPE_LIGHTS = _Class(_PUBLIC, ("景观灯", "Landscape lights"), Family.LIGHT)
_COMM_POLES = _Class(_PUBLIC, ("通信立杆", "Communication poles"), Family.OTHER)
_POWER_POLES = _Class(_PUBLIC, ("电力立杆", "Power poles"), Family.OTHER)
_SURFACE = _Class(_ROAD, ("路面", "Road surface"), Family.OTHER)
_EVENTS = _Class(_SUDDEN, ("道路险情", "Dangers on the road"), Family.OTHER)
_DEVICES = _Class(_SENSING, ("传感器", "Sensors"), Family.OTHER)
_ANYTHING = _Class(_OTHER, ("其他", "Other"), Family.OTHER)


def _line(
    key: str,
    of: _Class,
    severity: Severity,
    name: tuple[str, str],
    repair: tuple[float, TimeUnit],
    *,
    filing: tuple[str, str],
    closing: tuple[str, str],
    secure: tuple[float, TimeUnit] | None = None,
    more: tuple[LineLimit, ...] = (),
    unit: str = "",
    source: str = "",
) -> CaseLine:
    limits = [LineLimit(step=Step.REPAIR, amount=repair[0], unit=repair[1])]
    if secure is not None:
        limits.insert(0, LineLimit(step=Step.SECURE, amount=secure[0], unit=secure[1]))
    return CaseLine(
        key=key,
        family=of.family,
        severity=severity,
        name_zh=name[0],
        name_en=name[1],
        big_zh=of.big[0],
        big_en=of.big[1],
        small_zh=of.small[0],
        small_en=of.small[1],
        filing_zh=filing[0],
        filing_en=filing[1],
        closing_zh=closing[0],
        closing_en=closing[1],
        pattern=Pattern.ONE_STEP if secure is None else Pattern.SECURE_REPAIR,
        limits=(*limits, *more),
        quantity_unit=unit,
        source=source,
    )


def _in_season(season: str, amount: float, unit: TimeUnit) -> LineLimit:
    return LineLimit(step=Step.REPAIR, amount=amount, unit=unit, season=season)


_LEVEL = ("井盖齐全，与路面齐平，踩踏无晃动", "The cover is there, level with the road, and does not move under a foot")
_FIXED = ("现场恢复完好，安全隐患消除", "The place is whole again and the danger gone")
_LIT = ("灯具完好，按时亮灯", "The lamp is whole and lit on time")
_UPRIGHT = ("灯杆扶正稳固，无裸露线缆", "The pole stands upright and firm, with no bare wire")
_HEARD = ("平台重新收到正常读数", "Good readings arrive again")

_NOTICE, _ALARM, _CRITICAL = Severity

COVER_LINES: tuple[CaseLine, ...] = (
    _line(
        "cover_displaced",
        _COVERS,
        _CRITICAL,
        ("井盖移位或缺失", "Cover displaced or missing"),
        (2, UH),
        filing=("井盖离开井座或与井座错位，行人、车辆有坠落危险", "The cover has left its seat; people may fall"),
        closing=_LEVEL,
        unit="座",
        source=_YUNCHENG,
    ),
    _line(
        "cover_missing",
        _COVERS,
        _CRITICAL,
        ("井盖缺失（需补装）", "Cover gone, a new one needed"),
        (8, UH),
        secure=(2, UH),
        filing=("井盖不在，井口敞开", "The cover is gone and the well open"),
        closing=("已补装同规格井盖，与路面齐平", "A cover of the same size is fitted, level with the road"),
        unit="座",
        source=f"{_YUNCHENG}；{_DAYING}",
    ),
    _line(
        "cover_cracked",
        _COVERS,
        _CRITICAL,
        ("井盖开裂", "Cover cracked"),
        (8, UH),
        secure=(2, UH),
        filing=("井盖开裂、塌陷，存在安全隐患", "The cover is cracked or has sunk in: a danger"),
        closing=("已更换井盖，与路面齐平", "The cover is replaced, level with the road"),
        unit="座",
        source=f"{_YUNCHENG}；{_DAYING}",
    ),
    _line(
        "cover_damaged",
        _COVERS,
        _ALARM,
        ("井盖破损（上水、污水、雨水、不明）", "Cover damaged (water, sewer, rain, unknown)"),
        (4, WH),
        filing=("井盖破损面积大于 25 cm²", "More than 25 cm² of the cover are damaged"),
        closing=_LEVEL,
        unit="座",
        source=_YUNCHENG,
    ),
    _line(
        "cover_damaged_service",
        _COVERS,
        _ALARM,
        ("井盖破损（路灯、热力、燃气、园林）", "Cover damaged (lamp, heat, gas, garden)"),
        (1, WD),
        filing=("井盖破损面积大于 25 cm²", "More than 25 cm² of the cover are damaged"),
        closing=_LEVEL,
        unit="座",
        source=_YUNCHENG,
    ),
    _line(
        "cover_loose",
        _COVERS,
        _ALARM,
        ("井盖松动异响", "Cover loose and rattling"),
        (2, WD),
        filing=("车辆经过时井盖弹跳、翻动或有异响", "The cover jumps, tips or rattles under traffic"),
        closing=("井盖稳固，车辆经过无异响", "The cover is firm and silent under traffic"),
        unit="座",
        source=_YUNCHENG,
    ),
    _line(
        "cover_sunken",
        _COVERS,
        _ALARM,
        ("井周沉陷", "Road sunken around a cover"),
        (5, WD),
        filing=("井盖周边 150 cm × 150 cm 内路面沉陷", "The road has sunk within 150 cm × 150 cm of the cover"),
        closing=("井周路面平整", "The road around the cover is even"),
        unit="m²",
        source=_YUNCHENG,
    ),
    _line(
        "cover_step",
        _COVERS,
        _ALARM,
        ("井框与路面高差", "Step between frame and road"),
        (5, WD),
        filing=("井框与路面高差大于 2 cm", "The frame stands more than 2 cm above or below the road"),
        closing=("井框与路面齐平", "The frame is level with the road"),
        unit="座",
        source=_YUNCHENG,
    ),
    _line(
        "water_high",
        _COVERS,
        _ALARM,
        ("井内水位过高", "Water high in the well"),
        (4, UH),
        more=(_in_season("flood", 2, UH), _in_season("typhoon", 2, UH)),
        filing=("井内水位超过报警线", "The water in the well stands above the alarm line"),
        closing=("水位回落到报警线以下", "The water is below the alarm line again"),
        unit="座",
    ),
    _line(
        "grate_missing",
        _GRATES,
        _CRITICAL,
        ("雨水箅子缺失", "Rain grate missing"),
        (8, UH),
        secure=(2, UH),
        filing=("雨水箅子不在、移位或断裂，存在安全隐患", "The grate is gone, displaced or broken: a danger"),
        closing=("已补装雨水箅子，稳固平整", "The grate is fitted, firm and level"),
        unit="块",
        source=f"{_YUNCHENG}；{_DAYING}",
    ),
    _line(
        "grate_blocked",
        _GRATES,
        _ALARM,
        ("雨水箅子堵塞", "Rain grate blocked"),
        (1, WD),
        filing=("雨水箅子堵塞三分之一及以上", "A third of the grate or more is blocked"),
        closing=("雨水箅子清理干净，排水通畅", "The grate is clean and drains"),
        unit="块",
        source=_YUNCHENG,
    ),
    _line(
        "trench_cover_missing",
        _TRENCHES,
        _CRITICAL,
        ("沟槽盖板缺失", "Trench cover missing"),
        (4, UH),
        filing=("沟槽盖板缺失或移位", "A trench cover is missing or displaced"),
        closing=("盖板齐全稳固", "The covers are complete and firm"),
        unit="块",
        source=_YUNCHENG,
    ),
)

LIGHT_LINES: tuple[CaseLine, ...] = (
    _line(
        "pole_leaning",
        _LAMPS,
        _ALARM,
        ("灯杆倾斜", "Pole leaning"),
        (1, WD),
        # no day of the calendar knows a typhoon; while it lasts a leaning pole is no matter of a working day
        more=(_in_season("typhoon", 4, UH),),
        filing=("路灯灯杆倾斜", "A lamp pole leans"),
        closing=_UPRIGHT,
        unit="根",
        source=_YUNCHENG,
    ),
    _line(
        "pole_fallen",
        _LAMPS,
        _CRITICAL,
        ("灯杆倒地、折断", "Pole fallen or broken"),
        (1, WD),
        secure=(2, UH),
        filing=("路灯灯杆倒地或折断", "A lamp pole lies on the ground or is broken"),
        closing=_UPRIGHT,
        unit="根",
        source=_YUNCHENG,
    ),
    _line(
        "lamp_broken",
        _LAMPS,
        _ALARM,
        ("灯具破损、线缆裸露", "Lamp broken, wires bare"),
        (1, WD),
        filing=("灯具破损，或检修门缺失、线缆裸露", "The lamp is broken, its door missing or its wires bare"),
        closing=("灯具完好，无裸露线缆", "The lamp is whole, with no bare wire"),
        unit="盏",
        source=_YUNCHENG,
    ),
    _line(
        "lamp_out",
        _LAMPS,
        _ALARM,
        ("路灯单盏不亮", "One lamp out"),
        (2, WD),
        filing=("开灯时段单盏路灯不亮", "A single lamp is dark while the others are lit"),
        closing=_LIT,
        unit="盏",
        source=_YUNCHENG,
    ),
    _line(
        "lamps_out",
        _LAMPS,
        _CRITICAL,
        ("路灯成片不亮", "Many lamps out"),
        (24, UH),
        filing=("开灯时段连续多盏路灯不亮", "Several lamps in a row are dark"),
        closing=_LIT,
        unit="盏",
        source=_HANGZHOU,
    ),
    _line(
        "lamp_hours",
        _LAMPS,
        _ALARM,
        ("路灯未按时启闭", "Lamps lit or dark at the wrong time"),
        (2, WH),
        filing=("路灯未按规定时间开启或关闭", "Lamps are not switched on or off on time"),
        closing=("路灯按规定时间启闭", "Lamps are switched on time"),
        unit="盏",
        source=_YUNCHENG,
    ),
    _line(
        "lamp_rust",
        _LAMPS,
        _NOTICE,
        ("灯杆锈蚀", "Pole rusted"),
        (2, WD),
        filing=("灯杆、灯具锈蚀", "The pole or lamp is rusted"),
        closing=("除锈刷漆完好", "Cleaned of rust and painted"),
        unit="根",
        source=_YUNCHENG,
    ),
    _line(
        "lamp_stump",
        _LAMPS,
        _ALARM,
        ("灯杆残桩", "Stump of a pole"),
        (3, WD),
        filing=("灯杆拆除后残桩、基座或裸露钢筋未清理", "A stump, base or bare bolts were left behind"),
        closing=("残桩清除，路面恢复", "The stump is removed and the ground made good"),
        unit="处",
        source=_YUNCHENG,
    ),
    _line(
        "ground_light_out",
        _GROUND_LIGHTS,
        _NOTICE,
        ("地灯缺亮", "Ground light out"),
        (2, WD),
        filing=("地灯不亮或破损", "A ground light is dark or broken"),
        closing=_LIT,
        unit="盏",
        source=_YUNCHENG,
    ),
    _line(
        "landscape_light_out",
        _LANDSCAPE_LIGHTS,
        _NOTICE,
        ("景观灯缺亮", "Landscape light out"),
        (3, WD),
        filing=("景观灯不亮或破损", "A landscape light is dark or broken"),
        closing=_LIT,
        unit="盏",
        source=_YUNCHENG,
    ),
)

OTHER_LINES: tuple[CaseLine, ...] = (
    _line(
        "comm_pole_leaning",
        _COMM_POLES,
        _CRITICAL,
        ("通信立杆倾斜", "Communication pole leaning"),
        (4, UH),
        filing=("通信立杆倾斜，存在安全隐患", "A communication pole leans dangerously"),
        closing=_FIXED,
        unit="根",
        source=_YUNCHENG,
    ),
    _line(
        "power_pole_leaning",
        _POWER_POLES,
        _ALARM,
        ("电力立杆倾斜", "Power pole leaning"),
        (2, WD),
        filing=("电力立杆倾斜", "A power pole leans"),
        closing=_FIXED,
        unit="根",
        source=_YUNCHENG,
    ),
    _line(
        "road_damaged",
        _SURFACE,
        _ALARM,
        ("道路破损", "Road damaged"),
        (5, WD),
        filing=("路面破损面积不小于 0.5 m²", "0.5 m² of the road or more are damaged"),
        closing=("路面修复平整", "The road is even again"),
        unit="m²",
        source=_YUNCHENG,
    ),
    _line(
        "road_collapsed",
        _EVENTS,
        _CRITICAL,
        ("路面塌陷", "Road collapsed"),
        (3, TimeUnit.URGENT_DAY),
        secure=(2, UH),
        filing=("路面塌陷", "The road has collapsed"),
        closing=("塌陷修复，恢复通行", "Mended and open to traffic"),
        unit="m²",
        source=_YUNCHENG,
    ),
    _line(
        "road_flooded",
        _EVENTS,
        _CRITICAL,
        ("道路积水", "Road flooded"),
        (2, UH),
        filing=("积水面积大于 100 m² 且深度大于 15 cm", "More than 100 m² are under more than 15 cm of water"),
        closing=("积水排除", "The water is drained"),
        unit="m²",
        source=_YUNCHENG,
    ),
    _line(
        "cable_down",
        _EVENTS,
        _CRITICAL,
        ("架空线缆脱落", "Overhead cable down"),
        (2, WH),
        filing=("架空线缆脱落、下垂", "An overhead cable has come down or hangs low"),
        closing=("线缆恢复，无下垂", "The cable is back in its place"),
        unit="处",
        source=_YUNCHENG,
    ),
    _line(
        "battery_low",
        _DEVICES,
        _NOTICE,
        ("传感器电量低", "Sensor battery low"),
        (5, WD),
        filing=("传感器电量低于下限", "The battery of a sensor is low"),
        closing=("已更换电池", "The battery is changed"),
        unit="台",
    ),
    _line(
        "device_silent",
        _DEVICES,
        _NOTICE,
        ("传感器无数据", "Sensor silent"),
        (2, WD),
        filing=("传感器超过规定时间没有数据", "A sensor has been silent for too long"),
        closing=_HEARD,
        unit="台",
    ),
    _line(
        "device_stuck",
        _DEVICES,
        _NOTICE,
        ("传感器读数不变", "Sensor stuck"),
        (2, WD),
        filing=("传感器读数长时间不变", "The readings of a sensor do not change"),
        closing=_HEARD,
        unit="台",
    ),
    _line(
        "device_suspect",
        _DEVICES,
        _NOTICE,
        ("传感器存疑", "Sensor suspect"),
        (5, WD),
        filing=("传感器读数与相邻设备或现场不符", "A sensor disagrees with its neighbours or with the site"),
        closing=_HEARD,
        unit="台",
    ),
    _line(
        "external_event",
        _ANYTHING,
        _ALARM,
        ("其他平台事件", "Told by another platform"),
        (1, WD),
        filing=("其他平台推送的事件", "An event that another platform told"),
        closing=_FIXED,
    ),
    _line(
        "reported",
        _ANYTHING,
        _ALARM,
        ("公众上报", "Reported by the public"),
        (1, WD),
        filing=("公众上报，尚未归类", "Reported by the public and not classed yet"),
        closing=_FIXED,
    ),
)

SHIPPED_LINES: tuple[CaseLine, ...] = COVER_LINES + LIGHT_LINES + OTHER_LINES
