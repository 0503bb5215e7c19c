"""Places in a list survive the way through an address, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.errors import InvalidInput
from registry.queries.paging import decode, decode_id, encode, page_of


@given(st.integers(-(2**63), 2**63 - 1), st.text())
def test_a_place_survives_the_way_through_an_address(number: int, text: str):
    assert decode(encode(number, text), int, str) == (number, text)


@given(st.text())
def test_any_other_text_is_refused_by_name(text: str):
    with pytest.raises(InvalidInput) as refused:
        decode(text, int, int, int)
    assert refused.value.field == "after"


def test_a_place_of_another_list_is_refused():
    with pytest.raises(InvalidInput):
        decode_id(encode("word"))


def test_the_last_page_has_no_next():
    page = page_of([1, 2], 2, lambda row: (row,))
    assert (page.items, page.next) == ([1, 2], None)


def test_a_full_page_goes_on_after_its_last_row():
    page = page_of([1, 2, 3], 2, lambda row: (row,))
    assert page.items == [1, 2]
    assert decode_id(str(page.next)) == 2
