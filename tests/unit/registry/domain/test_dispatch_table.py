"""The dispatch table: the most exact line decides, and what is empty means any."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.dispatch_table import About, Applies, DispatchLine, DispatchTable

CELL = "320508001002003"
COVER = About(
    kind="cover_displaced", family="cover", scheme="cjt214-2007", class_code="0101", area_code=CELL, grade="一级"
)


def chosen(*lines: DispatchLine, about: About = COVER, applies: Applies = Applies.ALWAYS) -> int | None:
    line = DispatchTable.of(lines).line_for(applies, about)
    return None if line is None else line.id


def test_the_kind_goes_before_the_thing_and_the_thing_before_the_place():
    anything = DispatchLine(id=1)
    here = DispatchLine(id=2, area_code=CELL)
    family = DispatchLine(id=3, family="cover")
    of_class = DispatchLine(id=4, scheme="cjt214-2007", class_code="0101")
    kind = DispatchLine(id=5, kind="cover_displaced")
    assert chosen(anything, here, family, of_class, kind) == 5
    assert chosen(anything, here, family, of_class) == 4
    assert chosen(anything, here, family) == 3
    assert chosen(anything, here) == 2
    assert chosen(anything) == 1


def test_among_equals_the_smaller_area_wins_and_then_the_grade_of_the_street():
    street = DispatchLine(id=1, family="cover", area_code="320508001")
    district = DispatchLine(id=2, family="cover", area_code="320508")
    first_grade = DispatchLine(id=3, family="cover", area_code="320508", grade="一级")
    assert chosen(street, district, first_grade) == 1
    assert chosen(district, first_grade) == 3
    assert chosen(DispatchLine(id=4, grade="二级"), DispatchLine(id=5, area_code="320509")) is None


def test_a_line_for_ownerless_things_is_asked_by_itself():
    fallback = DispatchLine(id=1, applies=Applies.OWNERLESS, family="cover", unit_id=7)
    assert chosen(fallback) is None
    assert chosen(fallback, applies=Applies.OWNERLESS) == 1


def test_a_case_of_a_place_without_a_thing_finds_the_lines_of_its_kind_and_area():
    place = About(kind="reported", area_code="320508001")
    assert chosen(DispatchLine(id=1, kind="reported"), DispatchLine(id=2, family="cover"), about=place) == 1
    assert chosen(DispatchLine(id=2, family="cover"), about=place) is None


def test_the_worker_looks_only_where_a_line_lets_it_decide():
    assert not DispatchTable.of([DispatchLine(id=1)]).decides_alone
    assert DispatchTable.of([DispatchLine(id=1), DispatchLine(id=2, kind="reported", automatic=True)]).decides_alone


KINDS = st.sampled_from(["", "cover_displaced", "reported"])
AREAS = st.sampled_from(["", "3205", "320508", "320508001", CELL, "320509"])


@given(
    st.lists(st.tuples(KINDS, st.sampled_from(["", "cover", "light"]), AREAS), unique=True, max_size=20), st.randoms()
)
def test_the_order_of_the_lines_changes_nothing(keys: list[tuple[str, str, str]], order: random.Random):
    lines = [
        DispatchLine(id=number, kind=kind, family=family, area_code=area)
        for number, (kind, family, area) in enumerate(keys)
    ]
    shuffled = list(lines)
    order.shuffle(shuffled)
    assert chosen(*lines) == chosen(*shuffled)
