"""The rules for what the public tells: what is similar, what a reward comes to, who is one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.errors import InvalidInput
from registry.domain.geo import Place
from registry.domain.public_rules import (
    SHIPPED,
    PublicRules,
    Sighted,
    capped,
    month_of,
    plain_contact,
    read_rules,
    similar_m,
    tariff,
)
from registry.domain.report_numbers import read_report_number, report_number

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HERE = Place(113.3, 23.1)


def seen(kind: str = "cover_loose", *, east_m: float = 0.0, **later: float) -> Sighted:
    # at this latitude a degree of longitude is 102.28 km on the mean sphere
    return Sighted(kind=kind, place=Place(HERE.lon + east_m / 102_280, HERE.lat), at=NOON + timedelta(**later))


@pytest.mark.parametrize(
    ("other", "is_similar"),
    [
        (seen(), True),
        (seen(east_m=49.5), True),
        (seen(east_m=50.5), False),
        (seen(hours=24), True),
        (seen(hours=-24), True),
        (seen(hours=24, seconds=1), False),
        (seen("pole_leaning"), False),
        (seen("reported", east_m=20), True),
    ],
)
def test_similar_is_the_same_kind_within_fifty_metres_and_a_day(other: Sighted, is_similar: bool):
    assert (similar_m(seen(), other, SHIPPED) is not None) == is_similar
    assert (similar_m(other, seen(), SHIPPED) is not None) == is_similar


def test_both_bounds_are_the_citys_to_choose():
    wide = PublicRules(similar_m=100, similar_h=48)
    assert similar_m(seen(), seen(east_m=80, hours=40), wide) == pytest.approx(80, abs=0.5)


@pytest.mark.parametrize("written", ["13912345678", "139-1234-5678", "+86 139 1234 5678", "0086 139 1234 5678"])
def test_one_telephone_is_one_person_however_it_is_written(written: str):
    assert plain_contact(written) == "13912345678"


def test_a_mail_address_is_compared_in_small_letters_and_nothing_is_guessed_of_other_words():
    assert plain_contact(" A.Li@Example.org ") == plain_contact("a.li@example.org")
    assert plain_contact("微信 li_min") == "微信li_min"


@given(
    tariffs=st.lists(st.integers(0, 5_000), max_size=30),
    person=st.integers(0, 20_000),
    month=st.integers(0, 60_000),
)
def test_caps_are_never_passed_and_never_left_unused(tariffs: list[int], person: int, month: int):
    rules = PublicRules(per_person_month_fen=person, per_month_fen=month)
    promised = 0
    for due in tariffs:
        amount, cap = capped(due, person_fen=promised, month_fen=promised, rules=rules)
        assert 0 <= amount <= due
        assert (cap == "") == (amount == due)
        promised += amount
    assert promised == min(sum(tariffs), person, month)


def test_a_kind_without_a_tariff_of_its_own_earns_the_usual_one():
    rules = PublicRules(tariff_fen={"*": 2000, "cover_displaced": 5000})
    assert (tariff("cover_displaced", rules), tariff("water_high", rules)) == (5000, 2000)
    assert tariff("water_high", PublicRules(tariff_fen={})) == 0


def test_a_month_is_the_citys():
    assert month_of(datetime(2026, 2, 28, 16, 30, tzinfo=UTC), timezone(timedelta(hours=8))) == "2026-03"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"similar_m": 501}, "similar_m"),
        ({"similar_h": float("nan")}, "similar_h"),
        ({"per_address_day": 0}, "per_address_day"),
        ({"tariff_fen": {"*": -1}}, "tariff_fen"),
        ({"tariff_fen": {"井盖": 1}}, "tariff_fen"),
        ({"unknown": 1}, "rules"),
    ],
)
def test_rules_that_can_not_be_kept_are_refused_by_field(changes: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as refused:
        read_rules(changes)
    assert refused.value.field == field


@given(st.integers(1, 10**12))
def test_a_reports_number_is_read_back(report_id: int):
    assert read_report_number(report_number(report_id)) == report_id
    assert read_report_number(str(report_id)) == report_id


@pytest.mark.parametrize("text", ["", "R", "R0", "X12", "R1 2", "-1", "١٢x"])
def test_what_is_no_reports_number_names_none(text: str):
    assert read_report_number(text) is None
