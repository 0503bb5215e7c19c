"""Schemes that cities have published, as examples to start from; a city keeps its own versions.

Sources: registry of public rules gathered for this project. Where a rule's numbers were not published, the row is one
that people fill in by hand, and its name says so. Grade limits are not published by any of them: ours.
"""

from __future__ import annotations

from decimal import Decimal

from registry.domain.month_counts import Count
from registry.domain.schemes import (
    AwardKind,
    AwardRule,
    Deduction,
    Grade,
    GroupBy,
    RankGroup,
    RowKind,
    Scheme,
    SchemeRow,
    Target,
)

_GROUPS = (
    RankGroup(key="districts", zh="县(市、区)", en="Districts", by=GroupBy.DISTRICT),
    RankGroup(key="units", zh="责任单位", en="Responsible units", by=GroupBy.UNIT),
    RankGroup(key="streets", zh="街道(镇)", en="Streets and towns", by=GroupBy.STREET),
)
_GRADES = (
    Grade(at=Decimal(90), zh="优秀", en="Excellent"),
    Grade(at=Decimal(85), zh="良好", en="Good"),
    Grade(at=Decimal(75), zh="合格", en="Passed"),
    Grade(at=Decimal(0), zh="不合格", en="Failed"),
)
_AWARDS = (
    AwardRule(group="units", place=1, kind=AwardKind.REWARD, amount_yuan=0, zh="第一名通报表扬", en="First: commended"),
    AwardRule(group="units", place=-1, kind=AwardKind.PENALTY, amount_yuan=0, zh="末位通报批评", en="Last: criticised"),
)


def _rate(key: str, zh: str, en: str, weight: int, indicator: str, *, less: bool = False) -> SchemeRow:
    points = Decimal(weight)
    return SchemeRow(key=key, zh=zh, en=en, kind=RowKind.RATE, weight=points, indicator=indicator, less_is_better=less)


def _by_hand(key: str, zh: str, en: str, weight: int, *, extra: bool = False) -> SchemeRow:
    points = Decimal(weight)
    usual = Decimal(0) if extra else points
    return SchemeRow(key=key, zh=zh, en=en, kind=RowKind.BY_HAND, weight=points, usual=usual, extra=extra)


def _targets(key: str, zh: str, en: str, weight: int, per_point: str, *targets: tuple[str, str]) -> SchemeRow:
    return SchemeRow(
        key=key,
        zh=zh,
        en=en,
        kind=RowKind.TARGETS,
        weight=Decimal(weight),
        per_point=Decimal(per_point),
        targets=tuple(Target(indicator=name, at=Decimal(at)) for name, at in targets),
    )


def _deduction(key: str, zh: str, en: str, weight: int, *deductions: tuple[Count, str]) -> SchemeRow:
    return SchemeRow(
        key=key,
        zh=zh,
        en=en,
        kind=RowKind.DEDUCTION,
        weight=Decimal(weight),
        deductions=tuple(Deduction(count=count, each=Decimal(each)) for count, each in deductions),
    )


JINNIU = Scheme(
    key="jinniu",
    name_zh="成都金牛式(百分制)",
    name_en="As in Jinniu, Chengdu (100 points)",
    source="处置率×30 + 按期处置率×20 + (1−返工率)×20 + (1−超期待处置率)×20 + (1−延期率)×10",
    rows=(
        _rate("handling", "处置率", "Handled", 30, "handling"),
        _rate("handling_on_time", "按期处置率", "Handled on time", 20, "handling_on_time"),
        _rate("rework", "返工率", "Rework", 20, "rework", less=True),
        _rate("open_overdue", "超期待处置率", "Open and overdue", 20, "open_overdue", less=True),
        _rate("extension", "延期率", "Extensions", 10, "extension", less=True),
    ),
    groups=_GROUPS,
    grades=_GRADES,
    awards=_AWARDS,
)

JINHUA = Scheme(
    key="jinhua",
    name_zh="金华式(百分制, 扣分)",
    name_en="As in Jinhua (100 points, deductions)",
    source=(
        "按期结案率≥70%得50分, 每低1个百分点扣1分; 结案率≥90%得20分, 每低1个百分点扣1分; "
        "紧急案件10分(结案100%, 按期≥95%, 每低1个百分点扣0.5分); 返工5分, 每件扣0.2分, 第三次核查未通过每件扣0.5分; "
        "组织保障与督办的分值未公布, 由人工评定"
    ),
    rows=(
        _targets(
            "closing_on_time", "按期结案率", "Closed on time", 50, "1", ("closing_on_time_without_suspended", "70")
        ),
        _targets("closing", "结案率", "Closed", 20, "1", ("closing_without_suspended", "90")),
        _targets("urgent", "紧急案件", "Urgent cases", 10, "0.5", ("urgent_closing", "100"), ("urgent_on_time", "95")),
        # a case that failed three times is in both counts: 0.2 and 0.3 are the 0.5 of the rule
        _deduction("rework", "返工", "Rework", 5, (Count.REWORKED, "0.2"), (Count.FAILED_THRICE, "0.3")),
        _by_hand("organisation", "组织保障(人工评定)", "Organisation (given by hand)", 10),
        _by_hand("supervision", "督办(人工评定)", "Supervision (given by hand)", 5),
    ),
    groups=_GROUPS,
    grades=_GRADES,
    awards=_AWARDS,
)

ON_TIME_60 = Scheme(
    key="on_time_60",
    name_zh="按时结案为主(百分制)",
    name_en="Mostly closed on time (100 points)",
    source="按时结案率×60 + 督办按时完成10 + 其他30(未公布, 由人工评定)",
    rows=(
        _rate("closing_on_time", "按时结案率", "Closed on time", 60, "closing_on_time"),
        _rate("supervised", "督办按时完成", "Supervised and done on time", 10, "supervised_on_time"),
        _by_hand("other", "其他(人工评定)", "Other (given by hand)", 30),
    ),
    groups=_GROUPS,
    grades=_GRADES,
    awards=_AWARDS,
)

YANGZHOU = Scheme(
    key="yangzhou",
    name_zh="扬州式(100+5分)",
    name_en="As in Yangzhou (100 + 5 points)",
    source="常规案件70 + 返工5 + 12319热线5 + 专项10 + 基础10 + 重大活动保障附加5; 专项、基础与附加由人工评定",
    rows=(
        _rate("usual", "常规案件", "Usual cases", 70, "closing_on_time"),
        _rate("rework", "返工", "Rework", 5, "rework", less=True),
        _rate("hotline", "12319热线", "Hotline", 5, "hotline_on_time"),
        _by_hand("campaigns", "专项(人工评定)", "Campaigns (given by hand)", 10),
        _by_hand("basics", "基础(人工评定)", "Basics (given by hand)", 10),
        _by_hand("events", "重大活动保障(附加)", "Great events (on top)", 5, extra=True),
    ),
    groups=_GROUPS,
    grades=_GRADES,
    awards=_AWARDS,
)

SHIPPED_SCHEMES: tuple[Scheme, ...] = (JINNIU, JINHUA, ON_TIME_60, YANGZHOU)
