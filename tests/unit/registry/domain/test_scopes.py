"""How far rights reach: areas nest by their codes, tokens by their holder's role."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.errors import InvalidInput, NotAllowed
from registry.domain.kinds import Role
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area, covers, read_area_code
from registry.domain.token_scopes import MAY_HOLD, TokenScope, open_to, read_scopes

digits = st.text("0123456789", max_size=15)


def bound_to(area_code: str) -> Actor:
    return Actor(user_id=1, name="x", role=Role.CREW, unit_id=None, area_code=area_code)


@pytest.mark.parametrize(
    ("own", "area_code", "covered"),
    [
        ("", "", True),
        ("", "440803001", True),
        ("440803", "440803", True),
        ("440803", "440803001002", True),
        ("440803", "440804001", False),
        ("440803001", "440803", False),  # known less exactly than one's own street: it may lie next door
        ("440803", "", False),
    ],
)
def test_an_area_covers_what_lies_in_it_and_nothing_else(own: str, area_code: str, covered: bool):
    assert covers(bound_to(own), area_code) is covered


@given(digits, digits)
def test_who_may_go_to_a_place_may_go_to_every_part_of_it(own: str, area_code: str):
    if covers(bound_to(own), area_code):
        assert covers(bound_to(own), area_code + "001")
        check_area(bound_to(own), area_code)
    else:
        with pytest.raises(NotAllowed, match="outside yours"):
            check_area(bound_to(own), area_code)


def test_the_system_is_bound_to_nothing():
    assert covers(SYSTEM, "440803")


@pytest.mark.parametrize("text", ["44080", "4408o3", "440803001002003004", "四四"])
def test_what_can_not_be_an_area_code_is_refused(text: str):
    with pytest.raises(InvalidInput, match="area_code"):
        read_area_code(text)


def test_an_area_code_is_read_without_its_blanks():
    assert [read_area_code(text) for text in ("", " 440803 ", "440803 001")] == ["", "440803", "440803001"]


def test_everybody_may_hold_a_token_that_reads_and_only_administrators_one_for_people():
    assert all(TokenScope.READ in open_to(role) for role in Role)
    assert [role for role in Role if TokenScope.PEOPLE_ADMIN in open_to(role)] == [Role.ADMINISTRATOR]
    assert open_to(Role.ADMINISTRATOR) == list(MAY_HOLD) == list(TokenScope)
    assert open_to(None) == []


def test_scopes_are_read_in_the_tables_order_and_never_above_the_role():
    assert read_scopes(["imports", "read", "read"], Role.REGISTRAR) == (TokenScope.READ, TokenScope.IMPORTS)
    for words, told in ((["imports"], "role crew"), ([], "at least one"), (["everything"], "no scope")):
        with pytest.raises(InvalidInput, match=told):
            read_scopes(words, Role.CREW)
