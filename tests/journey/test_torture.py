"""Everything that can be done to a city, within one run: nothing is lost, nothing doubled, the same cases come of it.

The long form is ``covercode bench torture``.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from operate.tally import SeriesTally
from tests.torture.city import Play
from tests.torture.plan import plan_torments
from tests.torture.playing import Account, Told, differences, play

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400), pytest.mark.xdist_group("journey")]

SEED = 11
LASTS_S = 22.0
STREET = "cover_opened,pole_hit,cover_stolen"


@pytest.mark.network
def test_a_tortured_city_of_either_size_keeps_every_reading_once_and_opens_the_same_cases(tmp_path: Path):
    """A seed makes the same street in every city, so one calm run serves both."""
    wanted = Play(size="embedded", seed=SEED, sensors=12, duration_s=LASTS_S, faults=STREET)
    torments = plan_torments(Random(SEED), LASTS_S)
    with ThreadPoolExecutor(3) as all_at_once:
        runs = [
            all_at_once.submit(play, tmp_path / "calm", replace(wanted, damage=False), []),
            all_at_once.submit(play, tmp_path / "embedded", wanted, torments),
            all_at_once.submit(play, tmp_path / "one-server", replace(wanted, size="one-server"), torments),
        ]
        calm, *tortured = (run.result() for run in runs)
    assert len(calm.cases) == 3
    for one in (calm, *tortured):
        assert one.delivered
        assert (one.tally.lost, one.tally.duplicates, one.tally.unexplained) == (0, 0, 0), one.tally.examples
        assert one.tally.taken > 500
        assert one.letters == 0
    for one in tortured:
        assert (sum(one.killed.values()), one.wires["cuts"]) == (7, 6)
        assert one.cases == calm.cases
        assert [each for each in differences(calm, one) if each["reason"] == "unexplained"] == []


@pytest.mark.parametrize("lasts_s", [24.0, 600.0])
def test_a_plan_holds_every_torment_and_comes_again_from_its_seed(lasts_s: float):
    plan = plan_torments(Random(3), lasts_s)
    assert plan == plan_torments(Random(3), lasts_s) != plan_torments(Random(4), lasts_s)
    kinds = {"kill", "cut", "silence", "repeat", "reorder", "fill", "clock_ahead", "clock_behind"}
    assert {torment.kind for torment in plan} == kinds
    killed = {torment.target for torment in plan if torment.kind == "kill"}
    assert killed == {"edge-1", "edge-2", "ingest", "worker", "broker", "database", "series"}
    assert all(torment.at_s > 0 and torment.at_s + torment.lasts_s <= lasts_s for torment in plan)
    for killed_one in killed:
        spans = [(each.at_s, each.at_s + each.lasts_s) for each in plan if each.target == killed_one]
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def account(alerts: list[Told], heard: list[tuple[float, bool]], lasted_s: float = 100.0) -> Account:
    nothing: Counter[str] = Counter()
    return Account(
        tally=SeriesTally(
            frames=0, in_doubt=0, taken=0, stored=0, lost=0, duplicates=0, unexplained=0, examples=[]
        ),
        cases=[], missing=[], extra=[], alerts=alerts, heard={"P1": heard}, letters=0, delivered=True,
        lasted_s=lasted_s, damaged=0, killed=nothing, by_itself=nothing, wires=nothing, refusals=0, jumps_noticed=0,
        disks="", befell=[],
    )  # fmt: skip


EVERY_2_S = [(float(at_s), False) for at_s in range(0, 200, 2)]


@pytest.mark.parametrize(
    ("heard", "lasted_s", "reason"),
    [
        (EVERY_2_S, 100.0, "unexplained"),
        ([(at_s, 50 < at_s < 55) for at_s, _ in EVERY_2_S], 100.0, "late"),
        ([each for each in EVERY_2_S if not 40 < each[0] < 60], 100.0, "not asked"),
        (EVERY_2_S, 50.0, "ended"),
    ],
)
def test_an_alert_that_only_the_calm_run_has_is_told_with_its_reason(
    heard: list[tuple[float, bool]], lasted_s: float, reason: str
):
    fired = Told(asset="P1", rule="pole_lean", point="tilt_z", fired_s=60.0)
    [told] = differences(account([fired], EVERY_2_S), account([], heard, lasted_s))
    assert (told["asset"], told["rule"], told["alert"]) == ("P1", "pole_lean", "missing")
    assert str(told["reason"]).startswith(reason)


def test_the_same_alerts_are_no_difference():
    fired = Told(asset="P1", rule="pole_lean", point="tilt_z", fired_s=60.0)
    assert differences(account([fired], EVERY_2_S), account([fired], EVERY_2_S)) == []
