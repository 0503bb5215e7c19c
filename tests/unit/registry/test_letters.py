"""Dead letters: the worst causes first, replayed through the intake once the cause is mended, let go of on order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import InvalidInput, NotFound, StoreDown
from registry.domain.kinds import Lane, Quality, Reject
from registry.domain.people import SYSTEM
from registry.intake import Intake, Pack
from registry.queries.letters import LetterFilter, count_letters, letter_causes, list_letters, one_letter
from registry.services.assets import NewAsset, register_asset
from registry.services.devices import NewDevice, fit_device
from registry.services.letters import ask_replay, drop_letters, waiting
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.series import Refused, SeriesRow, SqliteSeries
from registry.storage.tables import alert, audit, dead_letter, latest
from registry.storage.times import to_ms


class PickyStore(SqliteSeries):
    """A series store that takes nothing above ``most``, as one does that was told to keep little."""

    most = 1e9

    def append(self, rows):
        bad = [SeriesRow(*row) for row in rows if row[2] > self.most]
        refused = super().append([row for row in rows if row[2] <= self.most])
        return [*refused, *(Refused(row, "too much for this store") for row in bad)]


class Room:
    """An intake over an empty city; sensors are fitted as a test goes."""

    def __init__(self, engine: Engine, store: PickyStore, now: datetime) -> None:
        self.engine, self.store, self.now = engine, store, now
        with writing(engine) as tx:
            new = NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3, depth_mm=2000)
            self.asset_id = register_asset(tx, new, now=now)
            install_shipped_rules(tx, now=now)
        self.intake = Intake(engine, store, clock=lambda: self.now)
        self.seq = 0

    def take(self, *readings: tuple[str, str, float, float], cabinet: str = "c1", bad=()) -> None:
        """A pack of (serial, point, seconds after now, value)."""
        self.seq += 1
        base = to_ms(self.now)
        rows = [(serial, name, base + round(s * 1000), base + 7, value, 0) for serial, name, s, value in readings]
        pack = Pack(cabinet, Lane.ROUTINE, "e1", self.seq, self.seq - 1, rows, bad)
        self.intake.accept([pack], now=self.now)

    def fit(self, serial: str) -> int:
        new = NewDevice(serial=serial, profile="cc-cover-1", asset_id=self.asset_id, heartbeat_s=2.0)
        return fit_device(self.engine, new, by=SYSTEM, now=self.now)

    def replay(self, wanted=LetterFilter()) -> int:  # noqa: B008
        asked = ask_replay(self.engine, wanted, by=SYSTEM, now=self.now)
        self.intake.tick(now=self.now)
        assert waiting(self.engine) == 0
        return asked

    def rows(self, table):
        with reading(self.engine) as tx:
            return tx.execute(select(table)).all()


@pytest.fixture
def room(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[Room]:
    store = PickyStore(tmp_path / "series.db")
    yield Room(engine, store, now)
    store.close()


def test_readings_of_an_unknown_device_become_readings_once_it_is_fitted_and_they_are_replayed(room: Room):
    room.take(*(("CV-9", "tilt_z", -60 + i, 1.0 + i) for i in range(5)))
    assert (room.store.count(), count_letters(room.engine)) == (0, 5)
    room.fit("CV-9")
    assert room.replay(LetterFilter(device="CV-9")) == 5
    assert (room.store.count(), count_letters(room.engine)) == (5, 0)
    (newest,) = room.rows(latest)
    assert newest.value == 5.0
    kept = room.store.window(newest.point_id, 0, 2**62)
    assert [(row.value, row.quality) for row in kept] == [(1.0 + i, Quality.GOOD) for i in range(5)]


def test_what_fails_again_stays_with_the_reason_of_now_and_how_often_it_was_tried(room: Room):
    room.take(("CV-9", "tilt_z", 0, 999.0), ("CV-8", "tilt_z", 0, 1.0))
    room.fit("CV-9")
    assert room.replay() == 2
    letters = {letter.device: letter for letter in list_letters(room.engine).items}
    assert (letters["CV-9"].reason, letters["CV-9"].attempts) == (Reject.OUT_OF_RANGE, 1)
    assert "outside -180…180" in letters["CV-9"].detail
    assert (letters["CV-8"].reason, letters["CV-8"].attempts) == (Reject.UNKNOWN_DEVICE, 1)
    assert letters["CV-8"].tried_at == room.now
    room.replay()
    assert {letter.attempts for letter in list_letters(room.engine).items} == {2}


def test_replaying_twice_and_after_a_crash_stores_once(room: Room, monkeypatch: pytest.MonkeyPatch):
    room.take(("CV-9", "tilt_z", -9, 1.0))
    room.fit("CV-9")
    (letter,) = list_letters(room.engine).items
    assert ask_replay(room.engine, [letter.id], by=SYSTEM, now=room.now) == 1
    assert ask_replay(room.engine, [letter.id], by=SYSTEM, now=room.now + timedelta(hours=1)) == 1
    assert one_letter(room.engine, letter.id).asked_at == room.now
    # the series has it, then the records are away: nothing is settled, and the next round does it again
    kept = room.store.append

    def die(rows):
        kept(rows)
        raise StoreDown("the process died here")

    with monkeypatch.context() as patch:
        patch.setattr(room.store, "append", die)
        with pytest.raises(StoreDown):
            room.intake.tick(now=room.now)
    assert (room.store.count(), count_letters(room.engine), waiting(room.engine)) == (1, 1, 1)
    room.intake.tick(now=room.now)
    assert (room.store.count(), count_letters(room.engine)) == (1, 0)


def test_a_replayed_reading_that_is_late_by_now_leaves_what_is_newer_alone(room: Room):
    room.take(("CV-9", "tilt_z", -60, 80.0))
    room.fit("CV-9")
    room.take(("CV-9", "tilt_z", 0, 1.0))
    room.replay()
    (newest,) = room.rows(latest)
    assert (newest.value, room.rows(alert)) == (1.0, [])
    kept = room.store.window(newest.point_id, 0, 2**62)
    assert [(row.value, row.quality) for row in kept] == [(80.0, Quality.LATE), (1.0, Quality.GOOD)]


def test_a_replayed_reading_that_is_the_newest_is_judged(room: Room):
    room.take(("CV-9", "tilt_z", -5, 80.0))
    room.fit("CV-9")
    room.replay()
    assert len(room.rows(alert)) == 1


def test_what_the_series_store_can_never_take_becomes_a_letter_and_the_rest_is_kept(room: Room):
    room.fit("CV-9")
    room.store.most = 50.0
    room.take(("CV-9", "tilt_z", -3, 1.0), ("CV-9", "tilt_z", -2, 60.0), ("CV-9", "tilt_z", -1, 2.0))
    (letter,) = list_letters(room.engine).items
    assert (letter.reason, letter.device) == (Reject.STORE_REFUSED, "CV-9")
    assert "too much for this store" in letter.detail
    assert room.store.count() == 2
    room.store.most = 1e9
    room.replay()
    assert (room.store.count(), count_letters(room.engine)) == (3, 0)


def test_a_letter_of_several_readings_leaves_only_the_bad_ones(room: Room):
    body = json.dumps([["CV-9", "tilt_z", to_ms(room.now), to_ms(room.now), v, 0] for v in (1.0, 999.0)])
    room.take(bad=[(body, "the registry could not take it")])
    room.fit("CV-9")
    room.replay()
    (letter,) = list_letters(room.engine).items
    assert (letter.reason, letter.attempts, room.store.count()) == (Reject.OUT_OF_RANGE, 1, 1)


def test_a_frame_is_read_by_the_decoder_of_the_device_that_is_fitted_now(room: Room):
    frame = json.dumps({"device": "EUI-1", "port": 85, "payload": "01ff", "reason": "unknown_device: x"})
    room.take(bad=[(frame, "undecodable: unknown_device: x")])
    room.replay()
    (letter,) = list_letters(room.engine).items
    assert (letter.device, letter.detail) == ("EUI-1", "this intake knows no decoders")
    asked_for: list[str] = []

    def read(body, profile_of):
        profile = profile_of(json.loads(body)["device"])
        asked_for.append(profile)
        if not profile:
            raise ValueError("device EUI-1 is not fitted")
        return [("EUI-1", "tilt_z", to_ms(room.now), to_ms(room.now), 3.0, 0)]

    room.intake = Intake(room.engine, room.store, clock=lambda: room.now, read_letter=read)
    room.replay()
    assert list_letters(room.engine).items[0].detail == "device EUI-1 is not fitted"
    room.fit("EUI-1")
    room.replay()
    assert (asked_for, room.store.count(), count_letters(room.engine)) == (["", "cc-cover-1"], 1, 0)


def test_the_worst_cause_stands_first_and_each_filter_narrows(room: Room):
    room.take(*(("CV-9", "tilt_z", -i, 1.0) for i in range(3)))
    room.take(("CV-8", "tilt_z", 0, 1.0), bad=[('{"bn":"CV-7/","v":"steep"}', "not_a_number: v is steep")])
    causes = letter_causes(room.engine)
    assert [(each.reason, each.device, each.letters) for each in causes] == [
        ("unknown_device", "CV-9", 3),
        ("undecodable", "CV-7", 1),
        ("unknown_device", "CV-8", 1),
    ]
    assert count_letters(room.engine, LetterFilter(reason=Reject.UNKNOWN_DEVICE)) == 4
    assert count_letters(room.engine, LetterFilter(q="STEEP")) == 1
    assert count_letters(room.engine, LetterFilter(cabinet="c2")) == 0
    first = list_letters(room.engine, LetterFilter(device="CV-9"), limit=2)
    rest = list_letters(room.engine, LetterFilter(device="CV-9"), limit=2, after=first.next)
    assert (len(first.items), len(rest.items), rest.next) == (2, 1, None)


def test_a_letter_says_how_many_it_stands_for_and_causes_add_them_up(room: Room):
    for count in (1, 300, 299):
        frame = f'{{"device":"CV-9","port":0,"payload":"00","reason":"bad_value: x","stands_for":{count}}}'
        room.take(bad=[(frame, "undecodable: bad_value: x")])
    assert [letter.stands_for for letter in list_letters(room.engine).items] == [299, 300, 1]
    (cause,) = letter_causes(room.engine)
    assert (cause.letters, cause.frames) == (3, 600)


def test_letters_can_be_let_go_of_and_who_did_so_is_on_record(room: Room):
    room.take(("CV-9", "tilt_z", 0, 1.0), ("CV-8", "tilt_z", 0, 1.0))
    assert drop_letters(room.engine, LetterFilter(device="CV-9"), by=SYSTEM, now=room.now) == 1
    (left,) = list_letters(room.engine).items
    assert drop_letters(room.engine, [left.id], by=SYSTEM, now=room.now) == 1
    assert drop_letters(room.engine, LetterFilter(), by=SYSTEM, now=room.now) == 0
    said = [(row.action, json.loads(row.detail)) for row in room.rows(audit)][-2:]
    assert said == [
        ("letters.drop", {"letters": 1, "filter": {"device": "CV-9"}}),
        ("letters.drop", {"letters": 1, "ids": [left.id]}),
    ]


def test_a_letter_that_does_not_exist_is_said_to(room: Room):
    with pytest.raises(NotFound):
        ask_replay(room.engine, [4711], by=SYSTEM, now=room.now)
    with pytest.raises(NotFound):
        one_letter(room.engine, 4711)
    with pytest.raises(InvalidInput, match="ids"):
        drop_letters(room.engine, [], by=SYSTEM, now=room.now)


def test_more_letters_than_one_round_takes_are_all_replayed(room: Room):
    row = {"cabinet_id": "c1", "reason": "unknown_device", "detail": "-", "at": room.now}
    base = to_ms(room.now)
    with writing(room.engine) as tx:
        bodies = [json.dumps(["CV-9", "tilt_z", base - i, base, 1.0, 0]) for i in range(1_200)]
        tx.execute(insert(dead_letter), [row | {"body": body, "device": "CV-9"} for body in bodies])
    room.fit("CV-9")
    assert ask_replay(room.engine, LetterFilter(), by=SYSTEM, now=room.now) == 1_200
    for _ in range(3):
        room.intake.tick(now=room.now)
    assert (count_letters(room.engine), room.store.count()) == (0, 1_200)
