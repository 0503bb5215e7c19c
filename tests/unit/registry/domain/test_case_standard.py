"""The case standard: which limit counts where, what a line may not be, and limits as people write them."""

from __future__ import annotations

import msgspec
import pytest

from registry.domain.case_standard import (
    DESK_LIMITS,
    CaseLine,
    LineLimit,
    Pattern,
    Standard,
    Step,
    check_line,
    read_limit,
    written,
)
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, Severity
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.domain.seasons import SHIPPED_SEASONS
from registry.domain.shipped_standard import SHIPPED_LINES
from registry.domain.working_time import Limit, TimeUnit

UH, WD = TimeUnit.URGENT_HOUR, TimeUnit.WORK_DAY


def repair(amount: float, *, season: str = "", grade: str = "", unit: TimeUnit = UH) -> LineLimit:
    return LineLimit(step=Step.REPAIR, amount=amount, unit=unit, season=season, grade=grade)


def line(*limits: LineLimit) -> CaseLine:
    return CaseLine(
        key="lamp_out", family=Family.LIGHT, severity=Severity.ALARM, name_zh="路灯不亮", limits=limits or (repair(8),)
    )


@pytest.mark.parametrize(
    ("grade", "seasons", "amount"),
    [
        ("", (), 8),
        ("一级", (), 4),
        ("二级", (), 8),
        ("", ("flood",), 6),
        ("一级", ("flood",), 3),
        ("一级", ("typhoon",), 2),
        # the season that counts more is last
        ("一级", ("flood", "typhoon"), 2),
        ("", ("typhoon", "flood"), 6),
        ("一级", ("frost",), 4),
    ],
)
def test_the_most_exact_row_counts_the_season_before_the_grade(
    grade: str, seasons: tuple[str, ...], amount: float
) -> None:
    kept = line(
        repair(8),
        repair(4, grade="一级"),
        repair(6, season="flood"),
        repair(3, season="flood", grade="一级"),
        repair(2, season="typhoon"),
    )
    assert kept.repair_limit(grade=grade, seasons=seasons).amount == amount


def test_a_step_that_a_line_does_not_have_has_no_limit() -> None:
    assert line().limit(Step.SECURE) is None


def test_every_shipped_line_can_be_worked_with() -> None:
    for each in SHIPPED_LINES:
        check_line(each)
    assert len({each.key for each in SHIPPED_LINES}) == len(SHIPPED_LINES)


def test_shipped_covers_and_lamps_have_lines_of_two_steps() -> None:
    two = {each.family for each in SHIPPED_LINES if each.pattern is Pattern.SECURE_REPAIR}
    assert {Family.COVER, Family.LIGHT} <= two


def test_what_shipped_rules_raise_has_a_line_of_their_family_or_of_any() -> None:
    families = {each.key: each.family for each in SHIPPED_LINES}
    raised = {rule.key: rule for rule in SHIPPED_RULES if rule.case_kind is not None}
    for rule in raised.values():
        assert families[str(rule.case_kind)] in (Family.OTHER, rule.family)


def test_shipped_lines_name_seasons_that_are_shipped() -> None:
    named = {limit.season for each in SHIPPED_LINES for limit in each.limits if limit.season}
    assert named <= {season.key for season in SHIPPED_SEASONS}


def test_every_step_is_limited_by_the_line_or_by_the_desk() -> None:
    assert set(Step) == {Step.SECURE, Step.REPAIR} | set(DESK_LIMITS)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "Lamp Out"}, "key"),
        ({"name_zh": " "}, "name_zh"),
        ({"filing_zh": "长" * 501}, "filing_zh"),
        ({"limits": ()}, "repair"),
        ({"limits": (repair(2, season="flood"),)}, "repair"),
        ({"limits": (repair(0),)}, "repair"),
        ({"limits": (repair(2), repair(3))}, "limits"),
        ({"limits": (repair(2, grade="x" * 21), repair(3))}, "limits"),
        ({"limits": (repair(2), LineLimit(step=Step.CHECK, amount=1, unit=UH))}, "limits"),
        ({"limits": (repair(2), LineLimit(step=Step.SECURE, amount=1, unit=UH))}, "secure"),
        ({"pattern": Pattern.SECURE_REPAIR}, "secure"),
    ],
)
def test_a_line_that_could_not_be_worked_with_is_refused_at_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_line(msgspec.structs.replace(line(), **changes))
    assert refused.value.field == field


def test_an_unknown_kind_is_refused_with_those_that_may_be_opened() -> None:
    retired = msgspec.structs.replace(line(), key="lamp_rust", retired=True)
    standard = Standard.of([line(), retired])
    assert standard.line("lamp_rust").retired
    assert standard.open_kinds() == ("lamp_out",)
    with pytest.raises(InvalidInput, match=r"known are lamp_out$"):
        standard.line("dog")


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("2 紧急工作时", 2, TimeUnit.URGENT_HOUR),
        ("2个紧急工作时", 2, TimeUnit.URGENT_HOUR),
        (" 1.5工作时 ", 1.5, TimeUnit.WORK_HOUR),
        ("15工作日", 15, TimeUnit.WORK_DAY),
        ("1 紧急工作日", 1, TimeUnit.URGENT_DAY),
        ("7 自然日", 7, TimeUnit.CALENDAR_DAY),
        ("2 urgent hours", 2, TimeUnit.URGENT_HOUR),
        ("3 Work Days", 3, TimeUnit.WORK_DAY),
        ("1 calendar_day", 1, TimeUnit.CALENDAR_DAY),
    ],
)
def test_a_limit_is_read_as_people_write_it_and_written_so_that_it_is_read(
    text: str, amount: float, unit: TimeUnit
) -> None:
    found = read_limit(text, "repair")
    assert found == Limit(amount=amount, unit=unit)
    assert read_limit(written(found), "repair") == found


@pytest.mark.parametrize(
    "text", ["", "2", "两天", "2 天", "4 小时", "-1 工作时", "0 工作日", "2 fortnights", "99999 工作日"]
)
def test_a_limit_that_does_not_say_which_clock_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_limit(text, "repair")
    assert refused.value.field == "repair"
