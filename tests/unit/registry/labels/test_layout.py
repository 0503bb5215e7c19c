"""Facts in their places: long ones shrink, then are cut and remarked upon; nothing leaves its room."""

from __future__ import annotations

from math import hypot

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.kinds import Family
from registry.labels import fonts, make_labels, shipped_templates, standard_plate
from registry.labels.layout import draw, fit
from registry.labels.plate import Remark

SHIPPED = {template.key: template for template in shipped_templates()}
names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=60)


@settings(deadline=None)
@given(names, st.floats(5, 60), st.floats(1, 9), st.floats(-0.2, 1))
def test_a_line_never_takes_more_room_than_it_has(text, room, size, spacing):
    font = fonts.find_font("regular")
    shown, fitted = fit(text, font, room, size, 1.5, spacing)
    long = fonts.width_em(font, shown) * fitted + spacing * max(0, len(shown) - 1)
    assert long <= room + 1e-6 or not shown.strip()
    assert fitted <= size


def test_a_long_line_shrinks_to_its_least_size_and_is_then_cut_with_a_remark(facts_of):
    little = draw(standard_plate(), facts_of(name_zh="特殊雨水污水合流井盖"))
    assert little.words[0].text == "特殊雨水污水合流井盖"
    assert 3 <= little.words[0].size_mm < 7
    assert little.remarks == ()
    much = draw(standard_plate(), facts_of(name_zh="长" * 40))
    assert much.words[0].text.endswith("长…")
    assert much.words[0].size_mm == 3
    assert much.remarks == (Remark(kind="cut", field="name", detail=much.words[0].text),)


def test_letters_that_the_font_lacks_are_left_out_with_a_remark(facts_of):
    plate = draw(standard_plate(), facts_of(maintainer="养护😀处"))
    assert "养护处" in [words.text for words in plate.words]
    assert plate.remarks == (Remark(kind="letters", field="maintainer", detail="😀"),)


def test_the_remarks_and_the_symbol_come_back_with_each_label(facts_of):
    (made,) = make_labels(standard_plate(), [facts_of(maintainer="处" * 90)], "svg")
    assert [remark.field for remark in made.remarks] == ["maintainer"]
    assert (made.qr_version, made.error_level) == (3, "Q")


def test_one_label_that_can_not_be_made_stops_no_other(facts_of):
    made = list(make_labels(standard_plate(), [facts_of(1), facts_of(2, code="12"), facts_of(3)], "svg"))
    assert [bool(each.content) for each in made] == [True, False, True]
    assert made[1].problem.startswith("code: ")


def test_letters_on_an_arc_stand_on_its_circle_and_lean_with_it(facts_of):
    arcs = {words.arc.at: words for words in draw(SHIPPED["cover-disc-60"], facts_of()).words if words.arc}
    for at, words in arcs.items():
        assert words.arc is not None
        letters = words.letters()
        for _, x, y, _ in letters:
            assert hypot(x - 30, y - 30) == pytest.approx(words.arc.radius_mm, abs=0.2)
            assert (y < 30) == (at == "top")
        leans = [lean for *_, lean in letters]
        assert leans == sorted(leans, reverse=at == "bottom")
        assert leans[0] == pytest.approx(-leans[-1], abs=1)


@pytest.mark.parametrize(("family", "colour"), [(Family.COVER, "#0f4c75"), (Family.LIGHT, "#8a4b08")])
def test_the_family_decides_the_colour_of_the_ground(family, colour, facts_of):
    assert draw(standard_plate(), facts_of(family=family)).ground.shapes[0].fill == colour  # type: ignore[union-attr]


def test_without_a_chinese_font_the_plate_speaks_english(facts_of):
    said = [words.text for words in draw(standard_plate(), facts_of(), chinese=False).words]
    assert said[0] == "Storm drain cover"
    assert all(text.isprintable() and ord(max(text)) < 0x2E80 for text in said)
