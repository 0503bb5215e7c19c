"""The daily board of a campaign: its pace, what is left, and when it is likely to be done."""

from __future__ import annotations

from datetime import date

import pytest

from registry.domain.campaigns import CampaignPhase, board, phase_of

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 11)


def test_the_board_counts_up_day_by_day_beside_an_even_pace():
    shown = board(100, FIRST, LAST, {FIRST: 5, date(2026, 3, 3): 20}, today=date(2026, 3, 4))
    assert [(day.done, day.total, day.planned) for day in shown.days] == [
        (5, 5, 10.0),
        (20, 25, 20.0),
        (0, 25, 30.0),
    ]
    assert (shown.done, shown.today, shown.behind, shown.share) == (25, 0, 5, 0.25)
    assert shown.needed_per_day == 11  # 75 in the seven days that are left, rounded up
    assert shown.likely_on == date(2026, 3, 25)  # 25 in the last seven days: 21 more days


def test_a_reached_quota_needs_nothing_more_and_its_share_stops_at_one():
    shown = board(10, FIRST, LAST, {FIRST: 12}, today=FIRST)
    assert (shown.share, shown.needed_per_day, shown.likely_on, shown.behind) == (1.0, None, None, 0)


def test_nobody_knows_the_end_of_what_has_no_pace():
    shown = board(10, FIRST, LAST, {}, today=LAST)
    assert (shown.likely_on, shown.needed_per_day, shown.behind) == (None, None, 10)


def test_before_the_first_day_the_board_has_no_days_and_says_what_each_must_do():
    shown = board(100, FIRST, LAST, {}, today=date(2026, 2, 20))
    assert (shown.days, shown.needed_per_day, shown.behind) == ((), 10, 0)


def test_beyond_its_last_day_the_board_goes_on_at_the_whole_quota():
    shown = board(100, FIRST, LAST, {FIRST: 50}, today=date(2026, 3, 13))
    assert len(shown.days) == 12
    assert shown.days[-1].planned == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("today", "ended", "phase"),
    [
        (date(2026, 3, 1), False, CampaignPhase.PLANNED),
        (FIRST, False, CampaignPhase.RUNNING),
        (LAST, False, CampaignPhase.RUNNING),
        (date(2026, 3, 12), False, CampaignPhase.OVERTIME),
        (FIRST, True, CampaignPhase.ENDED),
    ],
)
def test_a_campaign_is_where_its_days_say(today: date, ended: bool, phase: CampaignPhase):
    assert phase_of(FIRST, LAST, ended=ended, today=today) is phase
