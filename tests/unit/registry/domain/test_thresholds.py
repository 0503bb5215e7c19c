"""A number out of a thing's own past: outside what it does in quiet times, tried, and explained in one sentence."""

from __future__ import annotations

import random

import pytest

from registry.domain.thresholds import Quiet, Suggestion, quiet_of, suggest


def levels(count: int = 5_000, *, knocks: int = 0) -> list[float]:
    chance = random.Random(3)
    return [chance.gauss(1.0, 0.3) for _ in range(count - knocks)] + [40.0] * knocks


def suggested(
    quiet: Quiet | None, found: list[float], *, above: bool = True, present: float = 12.0, unit: str = "deg"
) -> Suggestion:
    assert quiet is not None

    def fires(fire: float, clear: float) -> int:
        assert clear < fire or not above
        return sum(each >= fire if above else each <= fire for each in found)

    return suggest(quiet, above=above, least=0.02, unit=unit, present=present, fires=fires)


def test_the_suggestion_lies_outside_all_that_happens_in_quiet_times():
    quiet = quiet_of(levels(), above=True, days=90.0)
    got = suggested(quiet, levels())
    assert quiet is not None
    assert quiet.farthest < got.fire < 5.0
    assert quiet.usual < got.clear < got.fire
    assert (got.fires, got.now_fires) == (0, 0)
    assert "90 quiet days" in got.en
    assert "would never have fired, the present 12° 0 times." in got.en
    assert "一次也不会触发，现在的 12° 会触发 0 次。" in got.zh


def test_one_knock_in_a_thousand_does_not_make_the_figures_but_is_not_fired_at():
    quiet = quiet_of(levels(knocks=3), above=True, days=90.0)
    assert quiet is not None
    assert quiet.usual < 5.0
    assert quiet.farthest == 40.0
    assert suggested(quiet, levels(knocks=3)).fire > 40.0


def test_where_low_is_bad_everything_is_turned_round():
    charge = [100.0 - each for each in levels()]
    got = suggested(quiet_of(charge, above=False, days=9.5), charge, above=False, present=20.0, unit="%EL")
    assert got.fire < got.clear < min(charge) + 2.0
    assert "stayed above" in got.en
    assert "20 %" in got.en
    assert got.fires == 0


def test_a_share_of_full_scale_is_said_in_percent():
    shares = [each / 100 for each in levels()]
    got = suggested(quiet_of(shares, above=True, days=30.0), shares, present=0.9, unit="%")
    assert "90%" in got.zh


def test_what_never_moves_gets_the_smallest_distance_that_means_anything():
    got = suggested(quiet_of([2.0] * 300, above=True, days=3.0), [2.0] * 300)
    assert (got.clear, got.fire) == (pytest.approx(2.03, abs=0.01), pytest.approx(2.04, abs=0.01))


def test_of_too_few_readings_nothing_is_said():
    assert quiet_of(levels(100), above=True, days=90.0) is None
