"""Indicators, schemes and places: the arithmetic of a month's end, worked out by hand beside what comes out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from registry.domain.errors import InvalidInput
from registry.domain.indicators import INDICATORS, fraction_of, percent, read_formula, rounded, value
from registry.domain.month_counts import Count, counts_of, mask_of, tally
from registry.domain.months import Month, month_of, read_month
from registry.domain.ranking import Scored, growth_percent, ranked, streak
from registry.domain.schemes import Scheme, check_scheme, grade_of, score
from registry.domain.shipped_schemes import JINHUA, JINNIU, ON_TIME_60, SHIPPED_SCHEMES, YANGZHOU

CHINA = timezone(timedelta(hours=8))
FEBRUARY = Month(2023, 2)


def test_a_month_begins_and_ends_at_midnight_of_the_city():
    assert FEBRUARY.starts(CHINA) == datetime(2023, 1, 31, 16, tzinfo=UTC)
    assert FEBRUARY.ends(CHINA) == datetime(2023, 2, 28, 16, tzinfo=UTC)
    assert month_of(datetime(2023, 1, 31, 16, tzinfo=UTC), CHINA) == FEBRUARY
    assert month_of(datetime(2023, 1, 31, 15, 59, tzinfo=UTC), CHINA) == Month(2023, 1)


def test_months_are_counted_over_new_year():
    assert FEBRUARY.later(-2) == Month(2022, 12)
    assert FEBRUARY.later(-12) == Month(2022, 2)
    assert FEBRUARY.later(11) == Month(2024, 1)
    assert str(FEBRUARY) == "2023-02"
    assert read_month(" 2023-02 ") == FEBRUARY


@pytest.mark.parametrize("text", ["2023-13", "2023-00", "2023-2", "23-02", "", "1999-12", "2023-02-01"])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(InvalidInput, match="is no month"):
        read_month(text)


def test_the_bits_of_the_counts_stay_what_they_were():
    # closed months are kept with these numbers: a count may be added at the end, none may move
    assert [mask_of([count]) for count in (Count.FOUND, Count.FILED, Count.HANDLED, Count.HOTLINE_ON_TIME)] == [
        1,
        1 << 5,
        1 << 19,
        1 << 46,
    ]
    assert len(Count) <= 62, "a mask is a signed number of 64 bits"


def test_a_mask_gives_back_its_counts_and_masks_are_counted():
    late = {Count.DUE_HANDLING, Count.HANDLED, Count.HANDLED_LATE}
    assert counts_of(mask_of(late)) == late
    totals = tally(Counter({mask_of(late): 3, mask_of([Count.DUE_HANDLING]): 2}))
    assert (totals[Count.DUE_HANDLING], totals[Count.HANDLED_LATE], totals[Count.FOUND]) == (5, 3, 0)


def test_every_formula_of_the_table_is_made_of_counts():
    for line in INDICATORS.values():
        assert read_formula(line.part).terms
        assert not line.whole or read_formula(line.whole).terms


@pytest.mark.parametrize("text", ["", "handled late", "handled *2", "handld", "handled + ", "+ + handled"])
def test_a_formula_that_is_no_sum_of_counts_is_refused(text):
    with pytest.raises(InvalidInput, match="formula"):
        read_formula(text)


def test_an_indicator_is_an_exact_fraction_and_opens_to_its_two_numbers():
    totals = {Count.CLOSED: 2, Count.DUE_CLOSING: 4, Count.SUSPENDED: 1}
    assert value("closing_without_suspended", totals) == Fraction(2, 3)
    assert fraction_of("closing_without_suspended", totals) == (2, 3)
    assert percent(value("closing_without_suspended", totals)) == Decimal("66.67")


def test_nothing_due_is_no_rate_rather_than_nought():
    assert value("handling", {}) is None
    assert percent(value("handling", {})) is None


@pytest.mark.parametrize(
    ("exact", "shown"),
    [("92.345", "92.35"), ("92.3449999", "92.34"), ("-0.005", "-0.01"), ("99.995", "100.00"), ("0", "0.00")],
)
def test_figures_are_rounded_half_away_from_nought(exact, shown):
    assert str(rounded(Fraction(exact))) == shown


def test_an_exempt_case_counts_as_on_time_and_stays_late():
    totals = {Count.DUE_HANDLING: 10, Count.HANDLED_ON_TIME: 8, Count.HANDLED_LATE: 2, Count.EXEMPT: 1}
    assert percent(value("handling_on_time", totals)) == Decimal("90.00")
    assert percent(value("handling_late", totals)) == Decimal("20.00")


JINNIU_TOTALS = {
    Count.DUE_HANDLING: 200,
    Count.HANDLED: 190,  # 95 % × 30 = 28.5
    Count.HANDLED_ON_TIME: 150,  # 75 % × 20 = 15
    Count.DUE_CLOSING: 160,
    Count.REWORKED: 4,  # 97.5 % × 20 = 19.5
    Count.OPEN_OVERDUE: 10,  # 95 % × 20 = 19
    Count.EXTENDED: 5,  # 97.5 % × 10 = 9.75
}


def test_jinniu_adds_its_five_rates():
    result = score(JINNIU, JINNIU_TOTALS)
    assert {row.key: row.points for row in result.rows} == {
        "handling": Fraction("28.5"),
        "handling_on_time": 15,
        "rework": Fraction("19.5"),
        "open_overdue": 19,
        "extension": Fraction("9.75"),
    }
    assert rounded(result.exact) == Decimal("91.75")


def test_jinhua_takes_a_point_for_every_percent_below_its_targets():
    totals = {
        Count.DUE_CLOSING: 110,
        Count.SUSPENDED: 10,
        Count.CLOSED: 85,  # 85 % of 90 %: 20 − 5
        Count.CLOSED_ON_TIME: 72,  # above 70 %: 50
        Count.URGENT_DUE: 10,
        Count.URGENT_CLOSED: 9,  # 10 points below × 0.5
        Count.URGENT_ON_TIME: 9,  # 5 points below × 0.5: 10 − 7.5
        Count.REWORKED: 3,
        Count.FAILED_THRICE: 1,  # 2 × 0.2 + 0.5: 5 − 0.9
    }
    result = score(JINHUA, totals, {"organisation": Decimal("9.5")})
    assert [row.points for row in result.rows] == [50, 15, Fraction("2.5"), Fraction("4.1"), Fraction("9.5"), 5]
    assert rounded(result.exact) == Decimal("86.10")


def test_no_row_gives_less_than_nothing_or_more_than_its_weight():
    bad = {Count.DUE_CLOSING: 100, Count.CLOSED: 1, Count.CLOSED_ON_TIME: 1, Count.REWORKED: 90}
    result = score(JINHUA, bad, {"supervision": Decimal(7)})
    assert [row.points for row in result.rows] == [0, 0, 10, 0, 10, 5]


def test_yangzhou_can_give_more_than_a_hundred():
    totals = {Count.DUE_CLOSING: 4, Count.CLOSED_ON_TIME: 4}
    assert YANGZHOU.full == 100
    assert rounded(score(YANGZHOU, totals).exact) == Decimal("100.00")
    assert rounded(score(YANGZHOU, totals, {"events": Decimal(5)}).exact) == Decimal("105.00")


def test_who_had_nothing_due_is_not_ranked():
    assert not score(ON_TIME_60, {Count.FOUND: 3}).ranked
    assert score(ON_TIME_60, {Count.DUE_CLOSING: 1}).ranked


@pytest.mark.parametrize(("points", "word"), [("90.00", "优秀"), ("89.99", "良好"), ("75", "合格"), ("12", "不合格")])
def test_a_grade_begins_at_its_limit(points, word):
    grade = grade_of(JINNIU, Decimal(points))
    assert grade is not None
    assert grade.zh == word


@pytest.mark.parametrize("scheme", SHIPPED_SCHEMES, ids=lambda scheme: scheme.key)
def test_a_shipped_scheme_is_sound_and_survives_being_kept_as_json(scheme):
    assert check_scheme(scheme) is scheme
    assert msgspec.json.decode(msgspec.json.encode(scheme), type=Scheme) == scheme
    assert scheme.full == 100


def test_a_scheme_that_cannot_be_counted_with_is_refused_by_row():
    row = JINNIU.rows[0]
    for wrong, said in (
        ({"rows": ()}, "between 1 and"),
        ({"rows": (row, row)}, "stands twice"),
        ({"rows": (msgspec.structs.replace(row, indicator="speed"),)}, "is no indicator"),
        ({"rows": (msgspec.structs.replace(row, indicator="volume"),)}, "is a number of cases"),
        ({"rows": (msgspec.structs.replace(row, weight=Decimal(0)),)}, "weight above 0"),
        ({"groups": ()}, "say who is ranked"),
        ({"recurring_days": 0}, "between 1 and 366"),
    ):
        with pytest.raises(InvalidInput, match=said):
            check_scheme(msgspec.structs.replace(JINNIU, **wrong))


def test_equal_scores_share_a_place_and_the_next_is_left_out():
    scores = [("a", "91.20"), ("b", "93.46"), ("c", "91.20"), ("d", "88.00"), ("e", None)]
    standings = ranked([Scored(subject=s, name=s, points=p and Decimal(p)) for s, p in scores])
    assert [(one.subject, one.place) for one in standings] == [("b", 1), ("a", 2), ("c", 2), ("d", 4), ("e", None)]


def test_zhanjiang_keeps_the_first_place_for_26_months_and_a_missing_month_ends_it():
    june = Month(2023, 6)
    places = {june.later(-back): 1 for back in range(26)} | {june.later(-26): 2}
    assert streak(places, june) == 26
    del places[june.later(-3)]
    assert streak(places, june) == 3
    assert streak({june: 2}, june) == 0


def test_growth_is_in_percent_of_what_was():
    assert growth_percent(586, 100) == Decimal("486.0")
    assert growth_percent(5, 0) is None
