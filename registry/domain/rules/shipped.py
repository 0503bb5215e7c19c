"""The rules a new city starts with, each with the reason for its numbers; every number can be changed.

There is no national alarm angle for covers or poles. Vendors of cover sensors use 5° to 15°; they ignore shocks under
2 s; a pole's erection tolerance is about 3 ‰ (0.2°). A case must mean that somebody has to go. What changes
here comes with the upgrade, as the next version of the rule, to every city that has not edited it
(``services.rules.install_shipped_rules`` compares what they say; the version here is that of a new city).
"""

from __future__ import annotations

from registry.domain.kinds import Family, Severity
from registry.domain.permits import SEAT_RULE, SEAT_SHIFT_MM, SEAT_TILT_DEG
from registry.domain.rules.conditions import (
    AnyCondition,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    LimitCondition,
    NoDataCondition,
    Part,
    StuckCondition,
)
from registry.domain.rules.rule import GroupPolicy, Rule, Step

CABINET_RULE = "cabinet_silent"
BUS_RULE = "bus_silent"
WHOLE_RULES = frozenset({CABINET_RULE, BUS_RULE})
"""These look at a whole cabinet or bus, whatever hangs on it."""

# Eight within 2 km and ten minutes are no coincidence of single faults.
_STORM = GroupPolicy(at_least=8, within_s=600.0, radius_m=2000.0, wait_s=30.0)

# A storm fills the wells of a district one after the other: the first runs over up to half an hour before the eighth,
# the last hours later, and it is all one water. Nobody falls into a full well, so a lonely one can wait for that long.
_FLOOD = GroupPolicy(at_least=8, within_s=4 * 3600.0, radius_m=2000.0, wait_s=1800.0)

# A cold night drops many batteries of one delivery below the line within hours; one round changes them all.
_COLD = GroupPolicy(at_least=8, within_s=6 * 3600.0, radius_m=2000.0, wait_s=60.0)

_COVERS: tuple[Rule, ...] = (
    Rule(
        key="cover_tilt",
        version=1,
        family=Family.COVER,
        point="tilt_z",
        severity=Severity.ALARM,
        case_kind="cover_displaced",
        condition=LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
        ladder=(Step(severity=Severity.CRITICAL, fire=45.0, clear=30.0),),
        permit=True,
        name_zh="井盖倾斜",
        name_en="Cover tilted",
        reason_zh="相对安装基准15°保持5秒：车辆经过的冲击不足2秒，盖好的井盖不会如此，而被掀开的必然超过。超过45°井盖已脱离"
        "井座或悬于其中，随时可能有人跌入，立即紧急报警；回到30°以下降级，回到10°以下且保持10秒才解除。",
        reason_en="15° against how it was fitted, for 5 s: a lorry shakes a seated cover for less than 2 s, an opened"
        " one shows more. Past 45° it lies beside its frame or hangs in it, somebody can fall in now: there is nothing"
        " to wait for. Below 30° it is an alarm again; over when below 10° for 10 s.",
    ),
    Rule(
        key="cover_shift",
        version=1,
        family=Family.COVER,
        point="displacement",
        severity=Severity.CRITICAL,
        case_kind="cover_displaced",
        condition=LimitCondition(fire=30.0, clear=15.0, hold_s=2.0, relative=True, magnitude=True),
        permit=True,
        name_zh="井盖移位",
        name_en="Cover shifted",
        reason_zh="离开井座30毫米的井盖已承不住车轮；保持2秒可区分掀起与敲击。回到15毫米以内才算解除。",
        reason_en="30 mm out of its seat a cover no longer carries a wheel; 2 s tell a lift from a knock. Over when it"
        " is within 15 mm again.",
    ),
    # Judged once, when a permit to open the cover is over: intake leaves it out. registry.domain.permits says why these
    # numbers.
    Rule(
        key=SEAT_RULE,
        version=1,
        family=Family.COVER,
        point=None,
        severity=Severity.ALARM,
        case_kind="cover_displaced",
        condition=AnyCondition(
            parts=(
                Part(point="tilt_z", fire=SEAT_TILT_DEG, clear=2.0, relative=True, magnitude=True),
                Part(point="displacement", fire=SEAT_SHIFT_MM, clear=5.0, relative=True, magnitude=True),
            )
        ),
        name_zh="井盖未盖正",
        name_en="Cover not seated",
        reason_zh="开盖作业结束后判断一次：刚盖上却歪斜的井盖会松动异响，或被下一辆车压翻。",
        reason_en="Judged once, when a permit to open the cover is over: a cover that was just closed and sits crooked"
        " rattles loose, or tips under the next lorry.",
    ),
    Rule(
        key="cover_knock",
        version=1,
        family=Family.COVER,
        point="vibration",
        severity=Severity.ALARM,
        case_kind="cover_loose",
        condition=LimitCondition(fire=10.0, clear=8.0, hold_s=6.0, clear_after_s=30.0, gap_s=4.0),
        seasons={"night_market": {"hold_s": 30.0}},
        grouping=_STORM,
        permit=True,
        name_zh="井盖弹跳异响",
        name_en="Cover knocking",
        reason_zh="盖好的井盖在车流下不超过5毫米/秒。弹跳随车流一阵一阵：4秒以内的间歇不中断计时，一辆车（2秒）不足以报警。"
        "夜市期间推车和装卸会持续十几秒，故须保持30秒。",
        reason_en="Traffic on a seated cover stays below 5 mm/s. Rattling comes in bursts: calm spells of up to 4 s"
        " don't end it, one lorry (2 s) doesn't start it. At a night market carts and loading last for some ten"
        " seconds, hence 30 s then.",
    ),
    Rule(
        key="water_high",
        version=1,
        family=Family.COVER,
        point="water_level",
        severity=Severity.ALARM,
        case_kind="water_high",
        condition=LimitCondition(fire=0.9, clear=0.8, hold_s=10.0, of_full_scale=True),
        seasons={"flood": {"fire": 0.8, "clear": 0.7}, "typhoon": {"fire": 0.8, "clear": 0.7}},
        grouping=_FLOOD,
        name_zh="水位过高",
        name_en="Water high",
        reason_zh="水位达井深九成，再涨即溢出并顶起井盖；保持10秒排除浪涌。汛期和台风期泵与人手需要提前量，故改为八成。"
        "暴雨使许多井先后涨满：单井等半小时，无邻井同涨才单独立案。",
        reason_en="At nine tenths of the well's depth the next rise overflows and lifts the cover; 10 s rule out a"
        " surge. In the flood season and in a typhoon pumps and crews need a lead: eight tenths. A storm fills many"
        " wells one after the other: one waits half an hour for company before it has a case of its own.",
    ),
)

_POLES: tuple[Rule, ...] = (
    Rule(
        key="pole_lean",
        version=1,
        family=Family.LIGHT,
        point="tilt_z",
        severity=Severity.ALARM,
        case_kind="pole_leaning",
        condition=LimitCondition(fire=5.0, clear=4.0, hold_s=60.0, relative=True, magnitude=True),
        ladder=(Step(severity=Severity.CRITICAL, fire=10.0, clear=8.0, hold_s=5.0),),
        seasons={"typhoon": {"hold_s": 180.0}},
        grouping=_STORM,
        name_zh="灯杆倾斜",
        name_en="Pole leaning",
        reason_zh="相对安装基准5°保持一分钟，任何阵风都已过去；10°保持5秒则是被撞或正在倒下，紧急。台风中持续风更长，故须三分钟，"
        "紧急一级不变。",
        reason_en="5° against how it was erected, for a minute, is past any gust; 10° for 5 s is a pole that was hit"
        " or is coming down. In a typhoon the wind itself leans for longer: three minutes then, the critical step"
        " unchanged.",
    ),
)

_DEVICES: tuple[Rule, ...] = (
    Rule(
        key="battery_low",
        version=1,
        family=None,
        point="battery",
        severity=Severity.NOTICE,
        case_kind="battery_low",
        condition=LimitCondition(fire=20.0, clear=25.0, above=False, hold_s=2.0),
        seasons={"frost": {"fire": 15.0, "clear": 20.0}},
        grouping=_COLD,
        name_zh="电量低",
        name_en="Battery low",
        reason_zh="剩余20%尚有数周可安排更换；回到25%才解除，寒夜不会反复报警。冰冻期锂电池读数偏低、中午恢复，故改为15%。",
        reason_en="20 % leaves weeks to plan the visit; 25 % keeps a cold night from clearing and firing it again. In"
        " frost a lithium cell reads low and recovers at noon: 15 %.",
    ),
    Rule(
        key="battery_forecast",
        version=1,
        family=None,
        point="battery",
        severity=Severity.NOTICE,
        case_kind="battery_low",
        condition=ForecastCondition(level=10.0, within_days=14.0, clear_days=30.0),
        seasons={"frost": {"within_days": 7.0}},
        grouping=_COLD,
        name_zh="电量将尽",
        name_en="Battery running out",
        reason_zh="按每日最低值的趋势，两周内将降到10%（锂电池电压由此陡降）：比正常耗得快的电池，不等到20%就该安排。至少看7天；"
        "冰冻期趋势含低温影响，故只报一周内。",
        reason_en="By the trend of its daily lows it is at 10 % within two weeks, where the voltage of a lithium cell"
        " falls off: a battery that drains faster than it should is known before it is low. Seven days at least; in"
        " frost the trend holds the cold as well, so one week.",
    ),
    Rule(
        key="device_stuck",
        version=1,
        family=None,
        point="tilt_x",
        severity=Severity.NOTICE,
        case_kind="device_stuck",
        condition=StuckCondition(samples=12, for_s=20.0),
        name_zh="读数不变",
        name_en="Readings stuck",
        reason_zh="正常的倾角传感器读数总在百分之几度内抖动：连续十二个完全相同的读数即已冻结。分辨率粗于0.1°的型号请加大次数或排除。",
        reason_en="A live inclination sensor trembles by hundredths of a degree: a dozen equal readings in a row are a"
        " frozen one. For models coarser than 0.1° raise the number, or leave them out.",
    ),
    Rule(
        key="device_silent",
        version=1,
        family=None,
        point=None,
        severity=Severity.NOTICE,
        case_kind="device_silent",
        condition=NoDataCondition(heartbeats=5.0, min_s=10.0),
        grouping=_STORM,
        name_zh="设备无数据",
        name_en="Device silent",
        reason_zh="漏报五个周期：无线丢一两包、重发一次都属正常。机柜或总线整体中断时只报一条。",
        reason_en="Five periods missed: radio loses a packet or two and sends them again. A cabinet or a bus that is"
        " down as a whole is one alert.",
    ),
    Rule(
        key=BUS_RULE,
        version=1,
        family=None,
        point=None,
        severity=Severity.ALARM,
        case_kind="device_silent",
        condition=NoDataCondition(heartbeats=5.0, min_s=10.0),
        name_zh="总线无数据",
        name_en="Bus silent",
        reason_zh="同一总线上至少三台且八成设备同时漏报五个周期：是线路或供电，不是各台设备各自故障。过半设备恢复才解除。",
        reason_en="At least three devices of a bus, and four fifths of them, that miss five periods at once: the line"
        " or its power, not each device. Over when more than half of them speak again.",
    ),
    Rule(
        key=CABINET_RULE,
        version=1,
        family=None,
        point=None,
        severity=Severity.ALARM,
        case_kind="device_silent",
        condition=NoDataCondition(heartbeats=30.0, min_s=300.0),
        name_zh="机柜离线",
        name_en="Cabinet silent",
        reason_zh="离线五分钟：重启不足一分钟，换基站或重新拨号两三分钟，都会自行恢复；数据存在柜内，不会丢失。其间柜下设备不单独报警。",
        reason_en="Away for five minutes: a restart takes less than one, another base station or dialling again two or"
        " three, and both end by themselves; readings wait in the cabinet. Its devices raise nothing meanwhile.",
    ),
    Rule(
        key="tilt_drift",
        version=1,
        family=None,
        point="tilt_z",
        severity=Severity.NOTICE,
        case_kind="device_suspect",
        condition=DriftCondition(per_day=0.08, leap=1.0, days=14),
        name_zh="倾角缓慢漂移",
        name_en="Inclination drifting",
        reason_zh="每日中位数连续十四天以每天0.08°以上稳步移动且无一日跃变1°：胶层蠕变或器件老化，不是被撞或被掀。数月即达报警角，"
        "应先校准。每天只报两次的灯杆随风摆动，十天之内的走向还可能只是风。",
        reason_en="Daily medians that move by 0.08° a day for fourteen days without a leap of 1°: glue that creeps or a"
        " sensor that ages, no blow and no lift. In months it would reach the alarm angle; calibrate it before. A pole"
        " that speaks twice a day sways: what ten days show may be the wind.",
    ),
    Rule(
        key="tilt_disagree",
        version=1,
        family=None,
        point=None,
        severity=Severity.NOTICE,
        case_kind="device_suspect",
        condition=DisagreeCondition(
            axes=("tilt_x", "tilt_y", "tilt_z"), fire=3.0, clear=2.0, hold_s=60.0, clear_after_s=3600.0
        ),
        name_zh="倾角三轴矛盾",
        name_en="Axes contradict",
        reason_zh="三轴倾角互相推得出第三个：安装误差不超过1°，正常噪声0.1°，相差3°且保持一分钟的传感器不可信。",
        reason_en="Two inclinations give the third: mounting is off by less than 1°, noise by 0.1°. A sensor whose"
        " axes differ by 3° for a minute is not to be believed.",
    ),
    Rule(
        key="external_event",
        version=1,
        family=None,
        point="event",
        severity=Severity.NOTICE,
        case_kind="external_event",
        condition=EventCondition(expire_s=86_400.0),
        name_zh="其他平台事件",
        name_en="Event of another platform",
        reason_zh="视频分析或其他平台所报事件：其级别即报警级别，由其自身或其期限结束；"
        "一天没有再发（Alertmanager 默认每 4 小时重发）即视为结束：对方可能已停。",
        reason_en="What video analytics or another platform says: as severe as they say, until they or their own term"
        " end it, or until nobody has repeated it for a day (Alertmanager repeats every 4 hours): they may be dead.",
    ),
)

SHIPPED_RULES: tuple[Rule, ...] = (*_COVERS, *_POLES, *_DEVICES)
