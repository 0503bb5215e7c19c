from __future__ import annotations

from datetime import UTC, datetime

import pytest
from werkzeug.datastructures import MultiDict

from dashboards import forms
from registry.domain.errors import InvalidInput
from registry.domain.geo import Box


@pytest.mark.parametrize(
    "written", ["2026-03-02T12:00:00+08:00", "2026-03-02T12:00:00 08:00", "2026-03-02T04:00:00Z", "1772424000000"]
)
def test_a_moment_is_iso_with_its_zone_or_milliseconds(written: str) -> None:
    assert forms.moment({"since": written}, "since") == datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def test_a_moment_left_out_is_none() -> None:
    assert forms.moment({}, "since") is None
    assert forms.moment({"since": " "}, "since") is None


@pytest.mark.parametrize("written", ["yesterday", "9" * 30, "2026-13-01T00:00:00Z", "--5", "²"])
def test_a_moment_that_is_none_names_its_field(written: str) -> None:
    with pytest.raises(InvalidInput, match="ISO 8601") as refused:
        forms.moment({"since": written}, "since")
    assert refused.value.field == "since"


def test_a_moment_without_a_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidInput, match=r"append \+08:00"):
        forms.moment({"since": "2026-03-02T12:00:00"}, "since")


@pytest.mark.parametrize(
    "written", ["1,2,3", "a,b,c,d", "10,0,5,1", "0,10,1,5", "-200,0,1,1", "nan,0,1,1", "inf,0,1,1"]
)
def test_a_box_that_encloses_nothing_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="west"):
        forms.bounding_box({"bbox": written})


def test_a_box_is_west_south_east_north() -> None:
    assert forms.bounding_box({"bbox": "120.5,31.2,120.7,31.4"}) == Box(west=120.5, south=31.2, east=120.7, north=31.4)


def test_a_move_needs_the_version_of_the_page_it_was_made_on() -> None:
    with pytest.raises(InvalidInput, match="load the case again"):
        forms.read_move(MultiDict({"move": "accept"}))
    with pytest.raises(InvalidInput, match="whole number"):
        forms.read_move(MultiDict({"move": "accept", "version": "two"}))


def test_a_move_carries_the_photos_of_an_earlier_try_once() -> None:
    order = forms.read_move(MultiDict([("move", "note"), ("version", "2"), ("photo_ids", "7"), ("photo_ids", "7")]))
    assert order.photo_ids == (7,)


def test_a_move_leads_back_to_this_site_only() -> None:
    order = forms.read_move(MultiDict({"move": "note", "version": "1", "next": "https://evil.example/"}))
    assert order.next == ""


def test_a_note_that_is_too_long_says_how_long_it_may_be() -> None:
    with pytest.raises(InvalidInput, match="2000"):
        forms.read_move(MultiDict({"move": "note", "version": "1", "note": "x" * 2001}))


def test_line_ends_of_a_browser_count_once() -> None:
    assert forms.text({"note": "a\r\nb"}, "note", most=3) == "a\nb"


def test_a_report_without_words_says_so() -> None:
    with pytest.raises(InvalidInput, match="few words"):
        forms.read_report({"text": "  "})


def test_a_choice_that_is_none_lists_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="filed, closed"):
        forms.choice({"stage": "lost"}, "stage", ["filed", "closed"])


def test_a_form_shown_again_never_holds_the_password() -> None:
    state = forms.state_of({"login": "anna", "password": "secret", "csrf_token": "x"}, errors={"login": "no"})
    assert state.value("login") == "anna"
    assert state.value("password") == ""
    assert state.error("login") == "no"
