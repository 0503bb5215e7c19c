"""The small curve: it shows every extreme, stays within its frame, and draws something where there is nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from dashboards.spark import Curve, draw

SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def pieces(picture: str, kind: str) -> list[str]:
    return [
        each.get("d", "") for each in ElementTree.fromstring(picture).iter(f"{SVG}path") if each.get("class") == kind
    ]


def test_the_band_reaches_from_the_least_to_the_greatest_and_limits_lie_between_them():
    slices = [(0, 1.0, 1.0, 1.0), (50, 0.0, 20.0, 2.0), (100, 1.0, 1.0, 1.0)]
    curve = Curve(since_ms=0, until_ms=100, slices=slices, lines=[15.0], marks=[50])
    picture = draw(curve, width=100, height=50, title="倾角 <1>")
    heights = [float(each) for each in re.findall(r" ([\d.]+)", pieces(picture, "band")[0])]
    assert min(heights) < 8
    assert max(heights) > 42
    limit = float(re.findall(r"M0 ([\d.]+)H", pieces(picture, "limit")[0])[0])
    assert min(heights) < limit < max(heights)
    assert pieces(picture, "mark") == ["M50.0 0V50"]
    assert ElementTree.fromstring(picture).findtext(f"{SVG}title") == "倾角 <1>"


def test_without_readings_there_are_the_limits_alone():
    picture = draw(Curve(since_ms=0, until_ms=0, slices=[], lines=[15.0, 10.0]), width=120, height=32, title="")
    assert pieces(picture, "mean") == []
    assert len(pieces(picture, "limit")) == 2


def test_levels_say_what_they_are_unless_one_would_stand_on_another_and_the_ends_say_when():
    words = ["15°", "14.9°", "45°"]
    curve = Curve(since_ms=0, until_ms=100, slices=[], lines=[15.0, 14.9, 45.0], levels=words, ends=("a < b", "c"))
    picture = draw(curve, width=720, height=200, title="")
    told = [(each.text, float(each.get("y", ""))) for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert [text for text, _ in told] == ["15°", "45°", "a < b", "c"]
    assert all(10 <= at <= 200 for _, at in told)
    assert pieces(picture, "limit")[0] != pieces(picture, "limit")[2]


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=20), st.lists(VALUES, max_size=3))
def test_nothing_leaves_the_frame(values: list[tuple[float, float, float]], lines: list[float]):
    slices = [(at, *sorted((one, two)), three) for at, (one, two, three) in enumerate(values)]
    slices = [(at, low, high, min(max(mean, low), high)) for at, low, high, mean in slices]
    picture = draw(Curve(since_ms=0, until_ms=20, slices=slices, lines=lines), width=120, height=32, title="")
    for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", pieces(picture, "band")[0] + " " + pieces(picture, "mean")[0]):
        assert 0 <= float(x) <= 120
        assert 0 <= float(y) <= 32
