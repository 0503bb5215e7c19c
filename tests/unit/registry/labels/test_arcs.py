"""Letters on an arc read from left to right, whether they stand on the top of a circle or hang in its bottom."""

from __future__ import annotations

import pytest

from registry.domain.kinds import Family
from registry.labels import LabelFacts
from registry.labels.layout import draw
from registry.labels.shipped import cover_disc

FACTS = LabelFacts(
    token="K7M2Q9XWB4",
    code="3205080101000001",
    name_zh="上水井盖",
    name_en="Water supply cover",
    public_url="https://covers.example.cn",
    family=Family.COVER,
)


@pytest.mark.parametrize(("field", "below"), [("name", False), ("code", True)])
def test_letters_on_an_arc_follow_each_other_from_left_to_right(field: str, below: bool) -> None:
    plate = draw(cover_disc(), FACTS)
    words = next(each for each in plate.words if each.field == field and each.arc is not None)
    letters = words.letters()
    rights = [x for _, x, _, _ in letters]
    assert rights == sorted(rights)
    assert all((y > 30.0) is below for _, _, y, _ in letters)
    # heads outwards at the top: the first letter leans to the left; heads inwards at the bottom: to the right
    assert (letters[0][3] < 0 < letters[-1][3]) is not below
    assert (letters[0][3] > 0 > letters[-1][3]) is below
