"""Who answers for what: the most exact line, then the unit of the area."""

from __future__ import annotations

from datetime import date

import pytest

from registry.domain.duties import Absence, DutyBook, DutyLine, Holder, PostPerson, StandIn, Subject, on_duty
from registry.domain.kinds import Party

COVER = Subject(scheme="s", class_code="0101", family="cover", area_code="320508001002003")
DAY = date(2026, 3, 2)


def line(unit_id: int, area_code: str = "", **more: str) -> DutyLine:
    return DutyLine(party=Party.MAINTAINER, unit_id=unit_id, area_code=area_code, **more)


def maintainer(*lines: DutyLine, territories: dict[str, int] | None = None, subject: Subject = COVER) -> int | None:
    answer = DutyBook.of(lines, territories).answer(Party.MAINTAINER, subject)
    return None if answer is None else answer.unit_id


def test_a_class_goes_before_a_family_before_anything_and_only_then_the_smaller_area():
    any_cell = line(1, "320508001002003")
    family_street = line(2, "320508001", family="cover")
    family_city = line(3, family="cover")
    of_class = line(4, scheme="s", class_code="0101")
    assert maintainer(any_cell, family_street, family_city, of_class) == 4
    assert maintainer(any_cell, family_street, family_city) == 2
    assert maintainer(any_cell, family_city) == 3
    assert maintainer(any_cell, line(5, "320508")) == 1
    assert maintainer(line(6, "320508002"), line(7, family="light"), line(8, scheme="t", class_code="0101")) is None


def test_the_areas_own_unit_stands_in_for_a_maintainer_nobody_named_and_for_nobody_else():
    territories = {"320508": 1, "320508001": 2}
    assert maintainer(territories=territories) == 2
    assert maintainer(line(3), territories=territories) == 2
    assert maintainer(line(3, "320508001002"), territories=territories) == 3
    assert maintainer(line(3, "320508001"), territories=territories) == 3
    assert maintainer(line(3, family="cover"), territories=territories) == 3
    assert set(DutyBook.of([], territories).parties_of(COVER)) == {Party.MAINTAINER}


def test_an_asset_in_no_area_gets_the_lines_of_the_whole_city_only():
    nowhere = Subject(scheme="s", class_code="0101", family="cover", area_code="")
    assert maintainer(line(1, "320508"), line(2), subject=nowhere) == 2


ANN, BEN, NOBODY = PostPerson(name="甲"), PostPerson(name="乙"), PostPerson()
GONE = PostPerson(name="丙", user_id=3, active=False)


@pytest.mark.parametrize(
    ("a", "b", "absence", "expected"),
    [
        (ANN, BEN, Absence(), (Holder.A, StandIn.NONE)),
        (ANN, BEN, Absence(first=DAY, last=DAY), (Holder.B, StandIn.AWAY)),
        (ANN, BEN, Absence(first=DAY), (Holder.B, StandIn.AWAY)),
        (ANN, BEN, Absence(last=date(2026, 3, 1)), (Holder.A, StandIn.NONE)),
        (ANN, NOBODY, Absence(first=DAY), (Holder.A, StandIn.NOBODY)),
        (ANN, GONE, Absence(first=DAY), (Holder.A, StandIn.NOBODY)),
        (GONE, BEN, Absence(), (Holder.B, StandIn.ACCOUNT_CLOSED)),
        (NOBODY, BEN, Absence(), (Holder.B, StandIn.NO_A)),
        (NOBODY, NOBODY, Absence(), (Holder.A, StandIn.NOBODY)),
    ],
)
def test_b_is_on_duty_when_a_can_not_be_there_and_a_gap_is_told(
    a: PostPerson, b: PostPerson, absence: Absence, expected: tuple[Holder, StandIn]
):
    assert on_duty(a, b, absence, today=DAY) == expected
