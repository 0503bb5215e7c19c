"""A short year, from the sensors to the cases: everything that is wrong is found, and nothing else is called wrong.

The long form is ``covercode bench year``. The seed is none of those on which numbers may be chosen.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.year import TUNING_SEEDS, play_year
from firmware_sim.year.plan import SHORT

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400), pytest.mark.xdist_group("journey")]

SEED = 7


def test_in_a_short_year_every_real_fault_has_its_case_and_hardly_a_case_has_none(tmp_path: Path):
    assert SEED not in TUNING_SEEDS
    played = play_year(tmp_path, SHORT, SEED)
    figures, details = played["figures"], played["details"]
    assert details["misses"] == details["late"] == []
    assert figures["recall"] == figures["recall_urgent"] == 1.0
    assert figures["urgent_latency_s_max"] <= 30.0
    assert figures["precision"] >= 0.95, details["false_cases"]
    assert figures["open_twice"] == 0
    assert played["config"]["rejected"] == {}
    assert played["config"]["permits_refused"] == []
    (storm,) = details["storms"]
    assert storm["wells_over"] >= 20
    assert storm["groups"] == 1, storm
    assert storm["cases"] <= storm["most"], storm
