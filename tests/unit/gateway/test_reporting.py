"""Which readings are worth sending: what is urgent always, the rest by the point's rule."""

from __future__ import annotations

import pytest

from gateway.device_profiles import load_profiles
from gateway.reporting import Reporter, ReportRule, report_problems, report_rules
from gateway.senml import Reading, Undecoded
from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    ReportSettings,
    UnitSettings,
)
from gateway.spool import SpoolFull

T0 = 1_795_000_000_000
LETTER = Undecoded(device="d", port=1, payload="00", reason="unknown_port: 1", received_ms=T0)


class Sink:
    """Keeps what is put, or refuses it."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.full = False

    def put(self, readings_by_lane, *, soon):
        if self.full:
            raise SpoolFull("full")
        self.taken += [item for items in readings_by_lane.values() for item in items]
        return {}


@pytest.fixture
def sink() -> Sink:
    return Sink()


def values(sink: Sink) -> list[float]:
    return [item.value for item in sink.taken if isinstance(item, Reading)]


def at(second: float, value: float, *, quality: int = 0) -> Reading:
    return Reading(
        serial="CV-1",
        point="tilt_x",
        unit="deg",
        measured_ms=T0 + round(second * 1000),
        value=value,
        quality=quality,
    )


def put(sink: Sink, rule: ReportRule, *readings: Reading) -> Reporter:
    reporter = Reporter({("CV-1", "tilt_x"): rule}, sink.put)
    for reading in readings:
        reporter.put({"routine": [reading]})
    return reporter


def test_without_a_rule_everything_is_reported(sink):
    reporter = put(sink, ReportRule(), at(0, 1), at(1, 1), at(2, 1))
    assert (values(sink), reporter.suppressed) == ([1, 1, 1], 0)


def test_on_change_reports_only_what_differs(sink):
    reporter = put(sink, ReportRule(on_change=True), at(0, 1), at(1, 1), at(2, 1.01), at(3, 1.01))
    assert (values(sink), reporter.suppressed) == ([1, 1.01], 2)


def test_within_the_deadband_nothing_is_reported_and_slow_drift_adds_up(sink):
    put(sink, ReportRule(deadband=0.5), at(0, 1), at(1, 1.3), at(2, 1.5), at(3, 1.6), at(4, 1.2), at(5, 1.0))
    assert values(sink) == [1, 1.6, 1.0]


def test_a_heartbeat_reports_what_has_not_changed(sink):
    put(sink, ReportRule(deadband=0.5, every_s=60), *(at(second, 1) for second in range(0, 200, 20)))
    assert [item.measured_ms - T0 for item in sink.taken] == [0, 60_000, 120_000, 180_000]


def test_a_period_alone_thins_whatever_the_value(sink):
    put(sink, ReportRule(every_s=60), *(at(second, second) for second in range(0, 130, 20)))
    assert values(sink) == [0, 60, 120]


def test_a_change_of_quality_is_news(sink):
    put(sink, ReportRule(on_change=True), at(0, 1), at(1, 1, quality=1), at(2, 1, quality=1), at(3, 1))
    assert len(sink.taken) == 3


def test_a_clock_that_was_set_back_stops_no_heartbeat(sink):
    put(sink, ReportRule(every_s=60), at(3600, 1), at(0, 1), at(10, 1), at(70, 1))
    assert len(sink.taken) == 3


def test_urgent_readings_and_what_could_not_be_decoded_always_pass(sink):
    reporter = put(sink, ReportRule(on_change=True), at(0, 1))
    reporter.put({"urgent": [at(1, 1)], "routine": [LETTER, LETTER]})
    assert len(sink.taken) == 4
    reporter.put({"routine": [at(2, 1)]})
    assert reporter.suppressed == 1


def test_what_the_spool_refused_does_not_count_as_reported(sink):
    sink.full = True
    reporter = Reporter({("CV-1", "tilt_x"): ReportRule(on_change=True)}, sink.put)
    with pytest.raises(SpoolFull):
        reporter.put({"routine": [at(0, 1)]})
    sink.full = False
    reporter.put({"routine": [at(0, 1)]})
    assert (values(sink), reporter.suppressed) == ([1], 0)


def settings(**report: ReportSettings) -> CabinetSettings:
    unit = UnitSettings(address=1, serial="CV-1", profile="cc-cover-1", report=report)
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host="h"),
        bus=(BusSettings(name="b", port="/dev/null", unit=(unit,)),),
    )


def test_a_unit_s_rule_goes_before_its_profile_s():
    profiles = load_profiles()
    cover = profiles["cc-cover-1"]
    ruled = tuple(_with_rule(point) for point in cover.point)
    profiles["cc-cover-1"] = type(cover)(**{**_fields(cover), "point": ruled})
    rules = report_rules(settings(tilt_x=ReportSettings(deadband=0.2, every_s=600.0)), profiles)
    assert rules["CV-1", "tilt_x"] == ReportRule(deadband=0.2, every_s=600)
    assert rules["CV-1", "tilt_y"] == ReportRule(every_s=60)


def _with_rule(point):
    return type(point)(**{**_fields(point), "report": ReportRule(every_s=60)})


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"tilt_q": ReportSettings(every_s=5.0)}, "bus[0].unit[0].report.tilt_q: cc-cover-1 has no such point"),
        ({"tilt_x": ReportSettings(on_change=True)}, "report.tilt_x: needs every_s too"),
        ({"tilt_x": ReportSettings(deadband=-1.0, every_s=5.0)}, "must not be negative"),
    ],
)
def test_a_rule_that_cannot_work_is_explained(report, said):
    (problem,) = report_problems(settings(**report), load_profiles())
    assert said in problem


def test_a_good_rule_is_no_problem():
    good = settings(tilt_x=ReportSettings(deadband=0.2, every_s=600.0))
    assert list(report_problems(good, load_profiles())) == []
