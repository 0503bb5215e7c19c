"""The kinds of sensor that can be fitted: what each is called, what it measures, how often it speaks.

The same kinds as the cabinets' device profiles, which this room may not import; a test holds the two against each
other. A device of any other kind (a city's own profile) is fitted with the list of its points.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKind:
    """``points`` it measures every time, and ``occasional`` ones, of which never having heard means nothing."""

    name: str
    title: str
    title_zh: str
    heartbeat_s: float
    points: tuple[str, ...]
    occasional: tuple[str, ...] = ()


def _kind(name: str, title: str, title_zh: str, heartbeat_s: float, points: str, occasional: str = "") -> DeviceKind:
    return DeviceKind(
        name=name,
        title=title,
        title_zh=title_zh,
        heartbeat_s=heartbeat_s,
        points=tuple(points.split()),
        occasional=tuple(occasional.split()),
    )


DEVICE_KINDS: dict[str, DeviceKind] = {
    kind.name: kind
    for kind in (
        _kind(
            "bwsensing-bwm826", "BWSENSING BWM826", "北微传感 BWM826 双轴倾角仪", 60,
            "tilt_x tilt_y tilt_z",
        ),
        _kind(
            "cc-cover-1", "Cover unit", "井盖单元", 60,
            "sample_count uptime tilt_x tilt_y tilt_z displacement vibration water_level temperature battery",
        ),
        _kind(
            "cc-pole-1", "Pole unit", "灯杆单元", 60,
            "sample_count uptime tilt_x tilt_y tilt_z displacement vibration temperature battery",
        ),
        _kind(
            "decentlab-ctd10", "Decentlab DL-CTD10", "Decentlab DL-CTD10 水深温度电导率", 600,
            "water_level temperature conductivity freezing battery_voltage",
        ),
        _kind(
            "decentlab-lid", "Decentlab DL-LID", "Decentlab DL-LID 激光测距", 600,
            "distance distance_min distance_max distance_median valid_samples battery_voltage",
        ),
        _kind(
            "decentlab-lid2", "Decentlab DL-LID2", "Decentlab DL-LID2 激光测距", 600,
            "distance distance_min distance_max distance_median valid_samples battery_voltage",
        ),
        _kind(
            "decentlab-lpw", "Decentlab DL-LPW", "Decentlab DL-LPW 直线位移", 600,
            "extension battery_voltage",
            "displacement",
        ),
        _kind(
            "decentlab-mbx", "Decentlab DL-MBX", "Decentlab DL-MBX 超声波测距", 600,
            "distance valid_samples battery_voltage",
        ),
        _kind(
            "decentlab-pr26", "Decentlab DL-PR26 / DL-PR21", "Decentlab DL-PR26 / DL-PR21 压力液位", 600,
            "water_level pressure temperature battery_voltage",
        ),
        _kind(
            "decentlab-pr36", "Decentlab DL-PR36", "Decentlab DL-PR36 压力液位", 600,
            "water_level pressure temperature battery_voltage",
        ),
        _kind(
            "decentlab-rad", "Decentlab DL-RAD", "Decentlab DL-RAD 雷达测距", 600,
            "distance temperature reliability battery_voltage",
        ),
        _kind(
            "dingtek-df555", "Dingtek DF555", "Dingtek DF555 超声波液位传感器", 86400,
            "distance temperature level_alarm battery_low sample_count",
            "latitude longitude",
        ),
        _kind(
            "dingtek-df556", "Dingtek DF556", "Dingtek DF556 投入式液位传感器", 86400,
            "water_level level_alarm battery_low battery_voltage sample_count",
            "latitude longitude",
        ),
        _kind(
            "dingtek-df702", "Dingtek DF702 / DF703", "Dingtek DF702 / DF703 超声波满溢传感器", 86400,
            "distance temperature tilt_z level_alarm fire_alarm tilt_alarm battery_low sample_count",
            "latitude longitude",
        ),
        _kind(
            "dragino-ds03a", "Dragino DS03A-LB", "Dragino DS03A-LB 门磁传感器", 43200,
            "open open_count open_duration device_alarm",
            "battery_voltage",
        ),
        _kind(
            "dragino-ldds75", "Dragino LDDS75", "Dragino LDDS75 超声波测距传感器", 1200,
            "distance device_alarm battery_voltage",
            "external_temperature",
        ),
        _kind(
            "dragino-lds02", "Dragino LDS02", "Dragino LDS02 门磁水浸传感器", 86400,
            "device_alarm battery_voltage",
            "open open_count open_duration leak leak_count leak_duration",
        ),
        _kind(
            "dragino-wl03a", "Dragino WL03A-LB", "Dragino WL03A-LB 水浸传感器", 43200,
            "leak leak_count leak_duration device_alarm",
            "battery_voltage",
        ),
        _kind(
            "elsys", "ELSYS", "ELSYS 传感器", 900,
            "temperature battery_voltage",
            "humidity acceleration_x acceleration_y acceleration_z tilt_z distance contact open wetness "
            "external_temperature surface_temperature light motion_count co2 occupied pressure sound_peak "
            "sound_average analog pulses pulse_count contact_2 analog_2 external_temperature_2 pulses_2 "
            "pulse_count_2",
        ),
        _kind(
            "level-cm", "Level transmitter, cm", "液位变送器（厘米）", 60,
            "water_level",
        ),
        _kind(
            "milesight-em300-mcs", "Milesight EM300-MCS", "星纵 EM300-MCS 门磁传感器", 3600,
            "open temperature humidity battery",
        ),
        _kind(
            "milesight-em310-tilt", "Milesight EM310-TILT", "星纵 EM310-TILT 倾角传感器", 3600,
            "tilt_x tilt_y tilt_z tilt_alarm_x tilt_alarm_y tilt_alarm_z battery",
        ),
        _kind(
            "milesight-em310-udl", "Milesight EM310-UDL", "星纵 EM310-UDL 超声波液位传感器", 3600,
            "distance tilted battery",
        ),
        _kind(
            "milesight-em320-tilt", "Milesight EM320-TILT", "星纵 EM320-TILT 倾角传感器", 3600,
            "tilt_x tilt_y tilt_z tilt_alarm_x tilt_alarm_y tilt_alarm_z battery",
        ),
        _kind(
            "milesight-em400-nbiot",
            "Milesight EM400-MUD / EM400-UDL NB-IoT", "星纵 EM400-MUD / EM400-UDL 液位传感器（NB-IoT）", 3600,
            "distance temperature tilted battery",
            "level_alarm device_alarm latitude longitude moving outside rssi",
        ),
        _kind(
            "milesight-em400", "Milesight EM400-MUD / EM400-UDL", "星纵 EM400-MUD / EM400-UDL 液位传感器", 3600,
            "distance temperature tilted battery",
            "level_alarm device_alarm",
        ),
        _kind(
            "milesight-em410-rdl", "Milesight EM410-RDL", "星纵 EM410-RDL 雷达液位传感器", 3600,
            "distance temperature tilted echo battery",
            "distance_change level_alarm blind_zone",
        ),
        _kind(
            "milesight-em500-swl", "Milesight EM500-SWL", "星纵 EM500-SWL 投入式水位传感器", 3600,
            "water_level battery",
        ),
        _kind(
            "milesight-em500-udl", "Milesight EM500-UDL", "星纵 EM500-UDL 超声波液位传感器", 3600,
            "distance battery",
            "distance_change level_alarm",
        ),
        _kind(
            "netvox-r311a", "Netvox R311A", "Netvox R311A 门磁传感器", 3600,
            "contact battery_voltage battery_low",
            "open",
        ),
        _kind(
            "netvox-r718da", "Netvox R718DA", "Netvox R718DA 倾斜振动传感器", 3600,
            "tilted battery_voltage battery_low",
        ),
        _kind(
            "netvox-r718e", "Netvox R718E", "Netvox R718E 三轴加速度传感器", 3600,
            "acceleration_x acceleration_y acceleration_z velocity_x velocity_y velocity_z temperature "
            "battery_voltage battery_low",
            "tilt_z",
        ),
        _kind(
            "netvox-r718mba", "Netvox R718MBA", "Netvox R718MBA 活动检测传感器", 3600,
            "moving battery_voltage battery_low",
        ),
        _kind(
            "qdy30a", "QDY30A", "QDY30A 投入式液位变送器", 60,
            "water_level",
        ),
        _kind(
            "tilt-s16", "Tilt transmitter, 0.01 degree", "倾角变送器（0.01 度）", 60,
            "tilt_x tilt_y tilt_z",
        ),
        _kind(
            "tilt-s32", "Tilt transmitter, 0.001 degree", "倾角变送器（0.001 度）", 60,
            "tilt_x tilt_y tilt_z",
        ),
        _kind(
            "wilsen-sonic-level",
            "Pepperl+Fuchs WILSEN.sonic.level", "倍加福 WILSEN.sonic.level 超声波液位传感器", 21600,
            "distance fill_level temperature battery_voltage",
            "echo latitude longitude sample_count",
        ),
        _kind(
            "witmotion-wt901c", "WitMotion WT901C-485 family", "维特智能 WT901C-485 系列倾角传感器", 60,
            "acceleration_x acceleration_y acceleration_z rate_x rate_y rate_z tilt_x tilt_y tilt_z "
            "temperature",
        ),
        _kind(
            "wt53r-laser", "WitMotion WT53R-485 / DFRobot SEN0492", "维特智能 WT53R-485 激光测距", 60,
            "distance",
        ),
    )
}  # fmt: skip
"""By the name that a cabinet's profile has."""
