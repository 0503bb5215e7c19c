"""Who should get a case, and why: owner first, then territory; then the post, the nearest, the one with least."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from registry.domain.dispatch_people import MOST_IN_HAND, SEEN_FOR, Mate, Post, Seen, Staff
from registry.domain.dispatch_reasons import Matter, Why
from registry.domain.dispatch_table import About, Applies, DispatchLine, DispatchTable, Whom
from registry.domain.dispatching import Proposal, UnitChoice, choose_unit, propose
from registry.domain.duties import Absence, DutyBook, DutyLine, PostPerson
from registry.domain.geo import Place
from registry.domain.kinds import Party

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
ABOUT = About(
    kind="cover_displaced", family="cover", scheme="cjt214-2007", class_code="0101", area_code="320508001002003"
)
HERE = Place(120.62, 31.31)
MATTER = Matter(about=ABOUT, place=HERE)
WATER, ROADS, STREET, LAMPS = 1, 2, 3, 4
TERRITORY = {"320508001": STREET, "320508": LAMPS}


def unit_of(
    matter: Matter = MATTER,
    *lines: DispatchLine,
    duties: tuple[DutyLine, ...] = (),
    territories: dict[str, int] | None = None,
) -> UnitChoice:
    return choose_unit(matter, DispatchTable.of(lines), DutyBook.of(duties, territories))


def whys(found: UnitChoice | Proposal) -> list[Why]:
    return [reason.why for reason in found.reasons]


# ---- the unit


def test_the_maintainer_on_file_goes_before_the_owner_and_both_before_the_duty_list_and_the_territory():
    listed = DutyLine(party=Party.MAINTAINER, unit_id=LAMPS, family="cover")
    named = replace(MATTER, named={Party.MAINTAINER: WATER, Party.OWNER: ROADS})
    everything = {"duties": (listed,), "territories": TERRITORY}
    assert (unit_of(named, **everything).unit_id, whys(unit_of(named, **everything))) == (WATER, [Why.MAINTAINER])
    owned = replace(MATTER, named={Party.OWNER: ROADS})
    assert (unit_of(owned, **everything).unit_id, whys(unit_of(owned, **everything))) == (ROADS, [Why.OWNER])
    found = unit_of(**everything)
    assert (found.unit_id, whys(found)) == (LAMPS, [Why.LISTED_MAINTAINER])
    by_owner = unit_of(duties=(DutyLine(party=Party.OWNER, unit_id=WATER, family="cover"),), territories=TERRITORY)
    assert (by_owner.unit_id, whys(by_owner)) == (WATER, [Why.LISTED_OWNER])


def test_without_an_owner_the_unit_of_the_smallest_area_answers_for_its_territory():
    found = unit_of(territories=TERRITORY)
    assert (found.unit_id, whys(found)) == (STREET, [Why.TERRITORY])
    assert found.reasons[0].values == {"unit_id": STREET, "area": "320508001"}


def test_an_ownerless_cover_goes_to_the_fallback_before_the_territory():
    fallback = DispatchLine(id=9, applies=Applies.OWNERLESS, family="cover", unit_id=ROADS)
    found = unit_of(MATTER, fallback, territories=TERRITORY)
    assert (found.unit_id, whys(found), found.line) == (ROADS, [Why.OWNERLESS], fallback)
    owned = unit_of(replace(MATTER, named={Party.OWNER: WATER}), fallback, territories=TERRITORY)
    assert owned.unit_id == WATER
    lamp = replace(MATTER, about=replace(ABOUT, family="light", class_code="0118"))
    assert unit_of(lamp, fallback, territories=TERRITORY).unit_id == STREET


def test_a_line_that_names_a_unit_goes_before_the_owner():
    line = DispatchLine(id=5, kind="cover_displaced", unit_id=ROADS)
    found = unit_of(replace(MATTER, named={Party.OWNER: WATER}), line)
    assert (found.unit_id, whys(found)) == (ROADS, [Why.LINE])
    assert found.reasons[0].values["line_id"] == 5


def test_a_case_of_a_place_goes_to_its_territory_first():
    place = replace(MATTER, has_asset=False, about=replace(ABOUT, family="", scheme="", class_code=""))
    anything = DutyLine(party=Party.MAINTAINER, unit_id=WATER)
    found = unit_of(place, duties=(anything,), territories=TERRITORY)
    assert (found.unit_id, whys(found)) == (STREET, [Why.NO_ASSET])
    assert unit_of(place, duties=(anything,)).unit_id == WATER


def test_a_unit_that_gave_the_case_back_is_passed_over_and_the_reason_says_so():
    named = replace(MATTER, named={Party.MAINTAINER: WATER, Party.OWNER: WATER}, returned_by=frozenset({WATER}))
    found = unit_of(named, territories=TERRITORY)
    assert (found.unit_id, whys(found)) == (STREET, [Why.GAVE_IT_BACK, Why.TERRITORY])
    everybody = replace(named, returned_by=frozenset({WATER, STREET, LAMPS}))
    nobody = unit_of(everybody, territories=TERRITORY)
    assert nobody.unit_id is None
    assert whys(nobody)[-1] is Why.NOBODY_NAMED


# ---- whether a person has to say so


def proposed(matter: Matter = MATTER, staff: Staff | None = None, **line: object) -> Proposal:
    rule = DispatchLine(**{"id": 1, "unit_id": ROADS, "automatic": True, **line})  # type: ignore[arg-type]
    choice = UnitChoice(unit_id=rule.unit_id, reasons=(), line=rule)
    return propose(matter, choice, staff or Staff(), now=NOW, today=TODAY)


def test_the_worker_dispatches_what_a_line_says_and_nothing_that_came_back():
    assert proposed().automatic
    assert proposed(automatic=False).held is Why.NO_AUTOMATIC_LINE
    assert proposed(replace(MATTER, returned_by=frozenset({WATER}))).held is Why.RETURNED
    assert proposed(replace(MATTER, recalled=True)).held is Why.RECALLED
    without = propose(MATTER, unit_of(), Staff(), now=NOW, today=TODAY)
    assert (without.unit_id, without.held) == (None, Why.NO_UNIT)


def test_a_line_without_a_unit_lets_the_worker_follow_the_records():
    line = DispatchLine(id=1, automatic=True)
    owned = replace(MATTER, named={Party.OWNER: WATER})
    found = propose(owned, unit_of(owned, line), Staff(), now=NOW, today=TODAY)
    assert (found.unit_id, found.automatic, found.line_id) == (WATER, True, 1)


# ---- whom of the unit


def seen(east_m: float, ago: timedelta = timedelta(minutes=5)) -> Seen:
    return Seen(place=Place(HERE.lon + east_m / 95_000, HERE.lat), at=NOW - ago, by="scan")


NEAR, FAR = Mate(user_id=1, name="近", seen=seen(100)), Mate(user_id=2, name="远", seen=seen(2000))


def test_the_nearest_on_duty_goes_and_the_others_hear_why_not():
    unseen = Mate(user_id=3, name="未见")
    found = proposed(staff=Staff(mates=(FAR, unseen, NEAR)))
    assert (found.assignee_id, whys(found)) == (1, [Why.NEAREST])
    assert found.reasons[0].values["distance_m"] == pytest.approx(100, abs=2)
    assert [(one.user_id, one.why_not) for one in found.candidates] == [
        (1, None),
        (2, Why.FARTHER),
        (3, Why.PLACE_UNKNOWN),
    ]


@pytest.mark.parametrize(
    ("near", "why_not"),
    [
        (replace(NEAR, on_shift=False), Why.OFF_SHIFT),
        (replace(NEAR, area_code="320509"), Why.OTHER_AREA),
        (replace(NEAR, open_cases=MOST_IN_HAND), Why.FULL),
    ],
)
def test_nobody_is_sent_who_is_off_shift_bound_elsewhere_or_has_too_much(near: Mate, why_not: Why):
    found = proposed(staff=Staff(mates=(near, FAR)))
    assert found.assignee_id == 2
    assert (found.candidates[-1].user_id, found.candidates[-1].why_not) == (1, why_not)


def test_nobody_is_sent_who_is_away_today():
    found = proposed(staff=Staff(mates=(NEAR,), away=frozenset({1})))
    assert (found.assignee_id, whys(found)) == (None, [Why.NOBODY_ON_DUTY])
    assert found.unit_id == ROADS


def test_having_much_in_hand_is_no_reason_where_everybody_has():
    full = Staff(mates=(replace(NEAR, open_cases=MOST_IN_HAND + 3), replace(FAR, open_cases=MOST_IN_HAND)))
    assert proposed(staff=full).assignee_id == 1


def test_a_place_from_hours_ago_says_nothing():
    old = Staff(mates=(replace(NEAR, seen=seen(100, SEEN_FOR)),))
    assert whys(proposed(staff=old)) == [Why.UNIT_CHOOSES]
    assert whys(proposed(replace(MATTER, place=None), Staff(mates=(NEAR,)))) == [Why.UNIT_CHOOSES]


def test_the_one_with_least_in_hand_goes_where_the_line_says_so():
    found = proposed(staff=Staff(mates=(replace(NEAR, open_cases=4), FAR)), whom=Whom.LEAST)
    assert (found.assignee_id, whys(found)) == (2, [Why.LEAST])
    assert found.candidates[0].why_not is Why.HAS_MORE


def test_the_unit_chooses_where_the_line_says_so():
    found = proposed(staff=Staff(mates=(NEAR,)), whom=Whom.QUEUE)
    assert (found.assignee_id, whys(found)) == (None, [Why.UNIT_CHOOSES])


ANN = PostPerson(name="甲", user_id=2, phone="13800000001")
BEN = PostPerson(name="乙", user_id=1)
ROAD_POST = Post(name="道路岗", area_code="", family="cover", a=ANN, b=BEN)


def test_who_is_on_the_post_goes_before_the_nearest():
    found = proposed(staff=Staff(mates=(NEAR, FAR), posts=(ROAD_POST,)))
    assert (found.assignee_id, whys(found)) == (2, [Why.POST_A])
    assert found.candidates[0].why_not is Why.NOT_ON_POST


@pytest.mark.parametrize(
    ("post", "away"),
    [(replace(ROAD_POST, absence=Absence(first=TODAY)), frozenset()), (ROAD_POST, frozenset({2}))],
)
def test_b_stands_in_while_a_is_away_from_the_post_or_altogether(post: Post, away: frozenset[int]):
    found = proposed(staff=Staff(mates=(NEAR, FAR), posts=(post,), away=away))
    assert (found.assignee_id, whys(found)) == (1, [Why.POST_B])


def test_an_empty_post_leaves_it_to_the_nearest_and_says_so():
    everybody_of_it = Staff(mates=(NEAR, FAR, Mate(user_id=7, name="丁", seen=seen(50))), posts=(ROAD_POST,))
    found = proposed(staff=replace(everybody_of_it, away=frozenset({1, 2})))
    assert (found.assignee_id, whys(found)) == (7, [Why.POST_EMPTY, Why.NEAREST])
    only_post = proposed(staff=replace(everybody_of_it, away=frozenset({1, 2})), whom=Whom.POST)
    assert (only_post.assignee_id, whys(only_post)) == (None, [Why.POST_EMPTY])
    assert whys(proposed(staff=Staff(mates=(NEAR,)), whom=Whom.POST)) == [Why.NO_POST]


def test_a_post_that_is_only_a_name_with_a_phone_is_called_and_the_nearest_goes():
    by_phone = replace(ROAD_POST, a=PostPerson(name="丙", phone="13900000000"))
    found = proposed(staff=Staff(mates=(NEAR,), posts=(by_phone,)))
    assert (found.assignee_id, whys(found)) == (1, [Why.POST_BY_PHONE, Why.NEAREST])
    assert found.reasons[0].values["phone"] == "13900000000"


def test_the_post_of_the_smaller_area_is_asked_and_one_of_another_family_is_not():
    here = replace(ROAD_POST, name="街道岗", area_code="320508001", a=BEN, b=PostPerson())
    lamps = replace(ROAD_POST, family="light", area_code="320508001002")
    found = proposed(staff=Staff(mates=(NEAR, FAR), posts=(ROAD_POST, lamps, here)))
    assert (found.assignee_id, found.reasons[0].values["post"]) == (1, "街道岗")


def test_somebody_on_a_post_who_is_off_shift_is_not_sent():
    found = proposed(staff=Staff(mates=(NEAR, replace(FAR, on_shift=False)), posts=(ROAD_POST,)))
    assert (found.assignee_id, whys(found)) == (1, [Why.OFF_SHIFT, Why.NEAREST])


def test_the_same_question_always_has_the_same_answer_whatever_the_order_of_the_people():
    twins = (replace(NEAR, user_id=5), replace(NEAR, user_id=4), replace(NEAR, user_id=6))
    assert proposed(staff=Staff(mates=twins)).assignee_id == proposed(staff=Staff(mates=twins[::-1])).assignee_id == 4
