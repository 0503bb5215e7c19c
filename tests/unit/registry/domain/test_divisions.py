"""County divisions: named where the list has them, never refused where it has not."""

from __future__ import annotations

import pytest

from registry.domain.divisions import find_division


@pytest.mark.parametrize(
    ("code", "name", "ended"),
    [
        ("320508", "江苏省苏州市姑苏区", None),
        ("440803", "广东省湛江市霞山区", None),
        ("110101", "北京市东城区", None),
        ("110103", "北京市崇文区", 2010),
        ("320583", "江苏省苏州市昆山市", None),
        ("469001", "海南省五指山市", None),
    ],
)
def test_a_division_is_named_as_an_address_begins(code: str, name: str, ended: int | None):
    division = find_division(code)
    assert division is not None
    assert (division.full_name, division.ended) == (name, ended)


@pytest.mark.parametrize("code", ["999999", "440800", "440000", "32050", "", "３２０５０８", "32050a"])
def test_what_is_no_county_has_no_name(code: str):
    assert find_division(code) is None
