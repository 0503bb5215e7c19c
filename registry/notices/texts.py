"""What a notice says, in Chinese and in English: what, how bad, where, since when, which value against which limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from registry.domain.kinds import NoticeKind

MOST_LINES = 30
"""So many alerts a digest names one by one; the rest it counts."""

_WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "1": "提示",
        "2": "一般",
        "3": "紧急",
        "escalation": "无人确认",
        "all_clear": "已解除",
        "digest": "汇总",
        "trial": "测试",
        "where": "位置：{where}",
        "since": "开始：{at}",
        "ended": "解除：{at}",
        "value": "数值：{point} {value}，限值 {limit}",
        "value_alone": "数值：{point} {value}",
        "case": "案件：{number}",
        "cabinet": "机柜：{cabinet}",
        "link": "详情：{link}",
        "flapping": "读数在限值附近反复，告警保持，稳定后解除。",
        "overrun": "作业许可已结束，仍未复位。",
        "step_up": "程度加重：{severity}。",
        "waited": "发出 {minutes} 分钟仍无人确认。",
        "group": "{rule}：一组 {count} 处",
        "group_line": "{count} 处同类告警合并为一组，范围约 {radius}。",
        "digest_title": "{count} 条告警",
        "digest_mixed": "{count} 条通知",
        "more_cases": "另有 {count} 条，见案件列表。",
        "digest_limit": "其中 {count} 条超过每小时上限，合并于此。",
        "digest_quiet": "其中 {count} 条来自免打扰时段。",
        "digest_over": "（已解除）",
        "more": "另有 {count} 条，见告警列表。",
        "trial_title": "测试通知",
        "trial_body": "这是 {city} 一盖一码的测试通知。收到即表示渠道可用，无需处理。",
        "sep": "：",
        "comma": "，",
        "open": "（",
        "close": "）",
    },
    "en": {
        "1": "Notice",
        "2": "Alarm",
        "3": "Critical",
        "escalation": "nobody has it",
        "all_clear": "Over",
        "digest": "Digest",
        "trial": "Trial",
        "where": "Where: {where}",
        "since": "Since: {at}",
        "ended": "Over: {at}",
        "value": "Value: {point} {value}, limit {limit}",
        "value_alone": "Value: {point} {value}",
        "case": "Case: {number}",
        "cabinet": "Cabinet: {cabinet}",
        "link": "More: {link}",
        "flapping": "The readings hang about the limit; the alert is held until they are steady.",
        "overrun": "The permit to open it is over and it is not back in place.",
        "step_up": "It has become worse: {severity}.",
        "waited": "Nobody has acknowledged it for {minutes} minutes.",
        "group": "{rule}: a group of {count}",
        "group_line": "{count} alerts of one kind were joined into one group, about {radius} around.",
        "digest_title": "{count} alerts",
        "digest_mixed": "{count} notices",
        "more_cases": "{count} more are in the list of cases.",
        "digest_limit": "{count} of them were beyond your limit an hour and are gathered here.",
        "digest_quiet": "{count} of them are from your quiet hours.",
        "digest_over": " (over)",
        "more": "{count} more are in the list of alerts.",
        "trial_title": "Trial notice",
        "trial_body": "A trial notice of CoverCode in {city}. If you can read it, the channel works; do nothing.",
        "sep": ": ",
        "comma": ", ",
        "open": " (",
        "close": ")",
    },
}

# Those that rules look at most; the others are called as sensors call them.
_POINTS_ZH = {
    "tilt_x": "X 轴倾角",
    "tilt_y": "Y 轴倾角",
    "tilt_z": "倾角",
    "displacement": "位移",
    "vibration": "振动",
    "water_level": "水位",
    "temperature": "温度",
    "battery": "电量",
    "battery_voltage": "电池电压",
    "fill_level": "液位",
    "distance": "距离",
    "pressure": "压力",
}
_UNITS = {"deg": "°", "Cel": " °C", "%EL": " %", "%": " %", "%RH": " %", "1": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """What is said of an alert. ``value`` and ``limit`` are in the rule's terms: shares where ``of_full_scale``.

    Of a whole cabinet or bus that is silent there is no asset; ``cabinet`` names it.
    """

    alert_id: int
    rule_key: str
    severity: int
    began_at: datetime
    rule_zh: str = ""
    rule_en: str = ""
    asset_id: int | None = None
    asset_name: str = ""
    asset_code: str = ""
    road: str = ""
    area_code: str = ""
    area_name: str = ""
    cabinet: str = ""
    device: str = ""
    point: str = ""
    unit: str = ""
    value: float | None = None
    limit: float | None = None
    of_full_scale: bool = False
    case_number: str = ""
    cleared_at: datetime | None = None

    def rule_name(self, language: str) -> str:
        """What people call the rule."""
        return (self.rule_en if language == "en" else self.rule_zh) or self.rule_zh or self.rule_key


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """What is said of a group of alerts."""

    group_id: int
    rule_key: str
    severity: int
    began_at: datetime
    members: int
    rule_zh: str = ""
    rule_en: str = ""
    radius_m: float = 0.0
    area_code: str = ""
    area_name: str = ""
    case_number: str = ""
    ended_at: datetime | None = None

    def rule_name(self, language: str) -> str:
        """What people call the rule."""
        return (self.rule_en if language == "en" else self.rule_zh) or self.rule_zh or self.rule_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the notice is from: the city's name, its zone, and the address at which its pages are reached."""

    zone: tzinfo
    public_url: str
    name_zh: str = ""
    name_en: str = ""

    def link(self, path: str) -> str:
        """The address of a page."""
        return f"{self.public_url.rstrip('/')}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A notice's words."""

    title: str
    body: str


def of_alert(
    facts: AlertFacts, kind: NoticeKind, language: str, place: Place, *, why: str = "", minutes: int = 0
) -> Text:
    """What is said of one alert. ``why``: flapping, overrun, step_up; ``minutes``: how long nobody acknowledged it."""
    words = _WORDS[language]
    rule = facts.rule_name(language)
    where = _where(facts, words)
    lines = [_head(words, kind, facts.severity, why, minutes), words["where"].format(where=where)]
    lines.append(words["since"].format(at=_at(facts.began_at, place)))
    if kind is NoticeKind.ALL_CLEAR and facts.cleared_at is not None:
        lines.append(words["ended"].format(at=_at(facts.cleared_at, place)))
    elif facts.value is not None and facts.point:
        lines.append(_value(facts, words, language))
    if facts.cabinet:
        lines.append(words["cabinet"].format(cabinet=facts.cabinet))
    if facts.case_number:
        lines.append(words["case"].format(number=facts.case_number))
    lines.append(words["link"].format(link=place.link(f"/alerts/{facts.alert_id}")))
    title = f"{_mark(words, kind, facts.severity, language)}{rule}{words['sep']}{where}"
    return Text(title=title, body="\n".join([rule, *(line for line in lines if line)]))


def of_group(facts: GroupFacts, kind: NoticeKind, language: str, place: Place, *, minutes: int = 0) -> Text:
    """What is said of a group of alerts: once, not for each of its members."""
    words = _WORDS[language]
    named = words["group"].format(rule=facts.rule_name(language), count=facts.members)
    lines = [_head(words, kind, facts.severity, "", minutes)]
    lines.append(words["group_line"].format(count=facts.members, radius=_far(facts.radius_m)))
    if facts.area_name or facts.area_code:
        lines.append(words["where"].format(where=facts.area_name or facts.area_code))
    lines.append(words["since"].format(at=_at(facts.began_at, place)))
    if kind is NoticeKind.ALL_CLEAR and facts.ended_at is not None:
        lines.append(words["ended"].format(at=_at(facts.ended_at, place)))
    if facts.case_number:
        lines.append(words["case"].format(number=facts.case_number))
    lines.append(words["link"].format(link=place.link(f"/alert-groups/{facts.group_id}")))
    area = f"{words['open']}{facts.area_name}{words['close']}" if facts.area_name else ""
    title = f"{_mark(words, kind, facts.severity, language)}{named}{area}"
    return Text(title=title, body="\n".join([named, *(line for line in lines if line)]))


def of_digest(
    lines: Sequence[AlertFacts | GroupFacts],
    language: str,
    place: Place,
    *,
    quiet: int = 0,
    limited: int = 0,
    cases: Sequence[str] = (),
) -> Text:
    """Many alerts in one message, the worst first, and what was told of cases, in its order.

    ``quiet`` and ``limited``: how many were held for which reason. ``cases``: titles in that language.
    """
    words = _WORDS[language]
    worst = max((line.severity for line in lines), default=1)
    titled = words["digest_mixed" if cases else "digest_title"]
    counted = titled.format(count=len(lines) + len(cases))
    told = [words["digest_quiet"].format(count=quiet)] if quiet else []
    told += [words["digest_limit"].format(count=limited)] if limited else []
    for line in sorted(lines, key=lambda one: (-one.severity, one.began_at))[:MOST_LINES]:
        told.append(_digest_line(line, words, language, place))
    if len(lines) > MOST_LINES:
        told.append(words["more"].format(count=len(lines) - MOST_LINES))
    told += cases[:MOST_LINES]
    if len(cases) > MOST_LINES:
        told.append(words["more_cases"].format(count=len(cases) - MOST_LINES))
    told.append(words["link"].format(link=place.link("/alerts" if lines else "/tasks")))
    title = f"{_mark(words, NoticeKind.DIGEST, worst, language)}{counted}"
    return Text(title=title, body="\n".join([counted, *told]))


def of_trial(language: str, place: Place) -> Text:
    """A message that somebody sends to see whether a channel works."""
    words = _WORDS[language]
    city = (place.name_en if language == "en" else place.name_zh) or place.name_zh or "CoverCode"
    title = f"{_bracket(words['trial'], language)}{words['trial_title']}"
    return Text(title=title, body=words["trial_body"].format(city=city))


def _digest_line(line: AlertFacts | GroupFacts, words: dict[str, str], language: str, place: Place) -> str:
    bracket = _bracket(words[str(line.severity)], language)
    if isinstance(line, GroupFacts):
        what = words["group"].format(rule=line.rule_name(language), count=line.members)
        where, over = line.area_name, line.ended_at is not None
    else:
        what, where, over = line.rule_name(language), _where(line, words), line.cleared_at is not None
    ended = words["digest_over"] if over else ""
    return f"{bracket}{what}{words['sep']}{where}{words['comma']}{_at(line.began_at, place)}{ended}"


def _mark(words: dict[str, str], kind: NoticeKind, severity: int, language: str) -> str:
    """What a title begins with, so that it can be judged on a lock screen: 【紧急】, 【紧急·无人确认】, 【已解除】."""
    level = words[str(severity)]
    if kind is NoticeKind.ALARM:
        return _bracket(level, language)
    if kind is NoticeKind.ESCALATION:
        return _bracket(
            f"{level}·{words['escalation']}" if language == "zh" else f"{level}, {words['escalation']}", language
        )
    return _bracket(words[kind.value], language)


def _bracket(text: str, language: str) -> str:
    return f"【{text}】" if language == "zh" else f"[{text}] "


def _head(words: dict[str, str], kind: NoticeKind, severity: int, why: str, minutes: int) -> str:
    if kind is NoticeKind.ESCALATION:
        return words["waited"].format(minutes=minutes)
    if kind is not NoticeKind.ALARM or not why:
        return ""
    return words[why].format(severity=words[str(severity)])


def _where(facts: AlertFacts, words: dict[str, str]) -> str:
    if facts.asset_id is None:
        return facts.cabinet or "–"
    road = facts.road if facts.road and not facts.asset_name.startswith(facts.road) else ""
    around = words["comma"].join(part for part in (road, facts.area_name) if part)
    return f"{facts.asset_name}{words['open']}{around}{words['close']}" if around else facts.asset_name


def _value(facts: AlertFacts, words: dict[str, str], language: str) -> str:
    point = _POINTS_ZH.get(facts.point, facts.point) if language == "zh" else facts.point.replace("_", " ")
    shown = _number(facts.value or 0.0, facts)
    if facts.limit is None:
        return words["value_alone"].format(point=point, value=shown)
    return words["value"].format(point=point, value=shown, limit=_number(facts.limit, facts))


def _number(value: float, facts: AlertFacts) -> str:
    if facts.of_full_scale:
        return f"{value * 100:.0f} %"
    return f"{value:.4g}{_UNITS.get(facts.unit, ' ' + facts.unit)}"


def _at(moment: datetime, place: Place) -> str:
    return f"{moment.astimezone(place.zone):%Y-%m-%d %H:%M:%S}"


def _far(metres: float) -> str:
    return f"{metres / 1000:.1f} km" if metres >= 1000 else f"{metres:.0f} m"
