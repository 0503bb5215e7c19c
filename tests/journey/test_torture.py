"""Everything that can be done to a city, within one run: nothing is lost, nothing doubled, the same cases come of it.

The long form is ``covercode bench torture``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.torture.city import Play
from tests.torture.plan import plan_torments
from tests.torture.playing import differences, play

pytestmark = [
    pytest.mark.journey,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("journey"),
]

SEED = 11
LASTS_S = 24.0
STREET = "cover_opened,pole_hit,cover_stolen"


def test_a_tortured_city_keeps_every_reading_once_and_opens_the_same_cases(tmp_path: Path):
    wanted = Play(size="embedded", seed=SEED, sensors=12, duration_s=LASTS_S, faults=STREET)
    torments = plan_torments(Random(SEED), LASTS_S)
    with ThreadPoolExecutor(2) as both:
        runs = [
            both.submit(play, tmp_path / "calm", replace(wanted, damage=False), []),
            both.submit(play, tmp_path / "tortured", wanted, torments),
        ]
        calm, tortured = (run.result() for run in runs)
    assert {one.kind for one in tortured.befell} >= {"kill", "cut", "silence", "fill", "clock_ahead", "clock_behind"}
    for account in (calm, tortured):
        tally = account.tally
        assert account.delivered
        assert (tally.lost, tally.duplicates, tally.unexplained) == (0, 0, 0), tally.examples
        assert tally.taken > 500
        assert account.letters == 0
    assert tortured.cases == calm.cases
    assert len(calm.cases) == 3
    assert [one for one in differences(calm, tortured) if one["reason"] == "unexplained"] == []
