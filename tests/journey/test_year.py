"""A short year, from the sensors to the cases: everything that is wrong is found, and nothing else is called wrong.

The long form is ``covercode bench year``. The seed is none of those on which numbers may be chosen.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._year_city import found_city
from benchmarks._year_judge import Judge
from benchmarks.year import TUNING_SEEDS, play_year
from firmware_sim.year.plan import plan_year
from firmware_sim.year.readings import Uplink
from firmware_sim.year.sizes import SHORT
from firmware_sim.year.truth import Truth
from registry.domain.kinds import Severity, Source
from registry.services.case_opening import open_or_attach
from registry.storage.database import writing

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


def test_the_judge_tells_what_was_missed_what_was_late_and_what_was_called_wrong_for_nothing(tmp_path: Path):
    """No reading is sent here: the cases are opened by hand, one true and late, one for nothing."""
    year = plan_year(SEED, replace(SHORT, assets=60, storms=0, works={}, upkeep={}, outages={}))
    city = found_city(tmp_path, year)
    truth = Truth(year)
    opened, stolen = (next(each for each in year.troubles if each.kind == kind) for kind in ("opened", "stolen"))
    well = next(u.serial for u in year.units if u.kind == "cover" and u.serial not in year.troubles_of)
    seen_ms = round(opened.start_s * 1000) + 2000
    truth.note(Uplink(seen_ms, opened.serial, seen_ms, seen_ms, (), True, (opened.number,)))
    with writing(city.engine) as tx:
        for serial, at_ms in ((opened.serial, seen_ms + 45_000), (well, 1000)):
            open_or_attach(
                tx,
                asset_id=city.assets[serial],
                kind="cover_displaced",
                severity=Severity.ALARM,
                source=Source.SENSOR,
                now=city.at(at_ms),
            )
    figures, details = Judge(city, truth).report()
    city.close()
    assert (figures["cases"], figures["precision"]) == (2, 0.5)
    assert figures["recall_by_kind"]["opened"] == "1 of 2"
    assert figures["recall_urgent"] == 0.0
    assert details["late"] == [{"kind": "opened", "serial": opened.serial, "latency_s": 45.0}]
    assert [(each["serial"], each["why"]) for each in details["false_cases"]] == [(well, "nothing was wrong")]
    missed = {each["serial"]: each["why"] for each in details["misses"]}
    assert len(missed) == len(year.troubles) - 1
    assert missed[stolen.serial] == "no reading shows it"
