"""What other platforms tell: how it is read, and which readings it becomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.external_events import Occurrence, fingerprint, read_event, readings_of, serial_of, severity_of
from registry.domain.kinds import Severity

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LABELS = {"alertname": "RoadFlooded", "asset_code": "4408030101000001", "severity": "critical"}


def occurrence(severity: int = 2, *, starts: int = 0, heard: int = 100, ends: int | None = None, **more) -> Occurrence:
    return Occurrence(severity, starts, heard, ends, more.get("fresh", True), more.get("waiting", True))


def test_an_alert_is_read_with_its_times_and_the_labels_that_name_the_asset():
    event = read_event(LABELS | {"tag": "X"}, {}, starts_at="2026-03-02T11:58:00.123456789+08:00", now=NOON)
    assert (event.name, event.severity, event.ends_at) == ("RoadFlooded", Severity.CRITICAL, None)
    assert event.starts_at == datetime(2026, 3, 2, 3, 58, 0, 123456, tzinfo=UTC)
    assert event.names == (("asset_code", "4408030101000001"), ("tag", "X"))


@pytest.mark.parametrize("ends_at", ["", "0001-01-01T00:00:00Z"])
def test_go_s_zero_time_is_no_end(ends_at: str):
    assert read_event(LABELS, {}, ends_at=ends_at, now=NOON).ends_at is None


def test_what_is_resolved_is_over_now_whatever_its_end_says():
    ahead = (NOON + timedelta(hours=1)).isoformat()
    assert read_event(LABELS, {}, ends_at=ahead, resolved=True, now=NOON).ends_at == NOON
    assert read_event(LABELS, {}, resolved=True, now=NOON).ends_at == NOON


@pytest.mark.parametrize(
    ("labels", "times", "field"),
    [
        ({}, {}, "labels"),
        ({"alertname": "x"}, {}, "labels"),
        (LABELS, {"starts_at": "noon"}, "startsAt"),
        (LABELS, {"starts_at": "2026-03-02T04:00:00"}, "startsAt"),
        (LABELS, {"starts_at": "2026-03-02T05:00:00Z"}, "startsAt"),
        (LABELS, {"ends_at": "9999-12-31T23:59:59-23:00"}, "endsAt"),
    ],
)
def test_what_can_t_be_used_is_named(labels: dict[str, str], times: dict[str, str], field: str):
    with pytest.raises(InvalidInput) as refused:
        read_event(labels, {}, **times, now=NOON)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("word", "severity"),
    [("Critical", 3), ("page", 3), ("紧急", 3), ("warning", 2), ("info", 1), ("P3", 1), ("", 2), ("weird", 2)],
)
def test_the_words_of_others_for_how_bad_it_is(word: str, severity: int):
    assert severity_of(word) == severity


def test_a_fingerprint_does_not_depend_on_the_order_of_the_labels():
    assert fingerprint(LABELS) == fingerprint(dict(reversed(LABELS.items())))
    assert fingerprint(LABELS) != fingerprint(LABELS | {"camera": "7"})


def test_each_name_of_alert_has_a_serial_of_its_own_that_fits():
    names = ["RoadFlooded", "road flooded", "road-flooded", "积水", "x" * 100, "x" * 101]
    serials = {serial_of(name, 17) for name in names}
    assert len(serials) == len(names)
    assert max(map(len, serials)) <= 60
    assert "external:17:RoadFlooded" in serials


def test_a_new_occurrence_begins_when_its_sender_says_and_is_fresh_when_it_was_heard():
    assert readings_of([occurrence(3, starts=40, heard=100)], newest_ms=0, now_ms=120) == [(40, 3), (100, 3)]


def test_a_beginning_before_the_newest_reading_is_told_when_it_was_heard():
    assert readings_of([occurrence(starts=40, heard=100)], newest_ms=60, now_ms=120) == [(100, 2)]


def test_an_end_ahead_comes_by_itself():
    one = occurrence(starts=40, heard=100, ends=500, fresh=False, waiting=False)
    assert readings_of([one], newest_ms=100, now_ms=499) == []
    assert readings_of([one], newest_ms=100, now_ms=500) == [(500, 0)]


def test_the_worst_that_goes_on_counts_until_the_last_one_is_over():
    mild = occurrence(1, heard=100, fresh=False, waiting=False)
    over = occurrence(3, heard=90, ends=200, fresh=False)
    assert readings_of([mild, over], newest_ms=150, now_ms=300) == [(200, 1)]
    assert readings_of([over], newest_ms=250, now_ms=300) == [(251, 0)]


def test_a_second_occurrence_does_not_begin_the_whole_again():
    old = occurrence(2, heard=100, fresh=False, waiting=False)
    assert readings_of([old, occurrence(2, starts=120, heard=200)], newest_ms=100, now_ms=300) == [(200, 2)]


def test_nothing_new_is_no_reading():
    assert readings_of([occurrence(fresh=False, waiting=False)], newest_ms=0, now_ms=10**6) == []
