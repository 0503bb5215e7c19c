"""The city's end of the line on a real Mosquitto: good packs are acked, bad ones kept with their reason."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from gateway.ingest import Ingest
from gateway.settings import BrokerSettings
from registry.intake import Intake, note_cabinet
from registry.services.assets import NewAsset, register_asset
from registry.services.devices import NewDevice, put_on
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.series.opening import is_server, open_series
from registry.storage.tables import cabinet, case, dead_letter
from tests.killable_city import wait_until
from tests.mosquitto import Mosquitto

pytestmark = [pytest.mark.network, pytest.mark.timeout(400)]


def pack(seq: int, *records: dict, after: int | None = None, epoch: str = "e1") -> bytes:
    head = [
        {"bn": "c1/", "n": "pack_epoch", "vs": epoch},
        {"n": "pack_seq", "v": seq},
        {"n": "pack_after", "v": seq - 1 if after is None else after},
    ]
    return json.dumps([*head, *records], separators=(",", ":")).encode()


def tilt(value: float, *, serial: str = "CV-1", at: float | None = None) -> dict:
    return {"bn": f"{serial}/", "bt": round(at or time.time(), 3), "n": "tilt_z", "u": "deg", "v": value}


class BreakableIntake(Intake):
    """The registry's intake, but for a fault of ours: a pack of suspect readings makes it fail when ``break_next``."""

    def __init__(self, city: RunningCity) -> None:
        super().__init__(city.engine, city.store, clock=lambda: datetime.now(UTC))
        self._city = city

    def accept(self, packs, *, now):
        if self._city.break_next and any(reading[5] == 1 for pack in packs for reading in pack.readings):
            raise ZeroDivisionError("a fault of ours")
        return super().accept(packs, now=now)


class RunningCity:
    """Ingest in a thread on the given broker, and a client that plays the cabinet."""

    def __init__(self, broker: Mosquitto, folder: Path, url: str, series: str = "series.db") -> None:
        self.broker, self.folder = broker, folder
        self.engine = open_database(url)
        now = datetime.now(UTC)
        with writing(self.engine) as tx:
            install_shipped_rules(tx, now=now)
            asset_id = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=now)
            put_on(tx, NewDevice(serial="CV-1", profile="cc-cover-1", asset_id=asset_id, heartbeat_s=2), now=now)
        self.store = open_series(series, home=folder)
        self.beside = is_server(series)
        self.acks: list[tuple[str, dict]] = []
        self.break_next = False
        self.start_ingest()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="c1", protocol=mqtt.MQTTv311)
        self.client.on_message = lambda _c, _d, m: self.acks.append((m.topic.split("/")[-1], json.loads(m.payload)))
        self.client.on_connect = lambda c, *_: c.subscribe("covercode/v1/c1/ack/+", 1)

    def __enter__(self) -> RunningCity:
        self.client.connect(self.broker.host, self.broker.port)
        self.client.loop_start()
        # a first pack, sent until it is acked: ingest has subscribed
        deadline = time.monotonic() + 60
        while ("routine", {"epoch": "hello", "seq": 1}) not in self.acks:
            assert time.monotonic() < deadline
            self.send(pack(1, tilt(1.0), epoch="hello"))
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_ingest()
        self.client.disconnect()
        self.client.loop_stop()
        self.store.close()
        self.engine.dispose()

    def start_ingest(self) -> None:
        self.stop = threading.Event()
        intake = BreakableIntake(self)
        settings = BrokerSettings(host=self.broker.host, port=self.broker.port)
        ingest = Ingest(settings, intake, note_cabinet=partial(note_cabinet, self.engine), beside=self.beside)
        self.thread = threading.Thread(target=ingest.run, args=(self.stop,))
        self.thread.start()

    def stop_ingest(self) -> None:
        self.stop.set()
        self.thread.join(60)

    def send(self, body: bytes, lane: str = "routine") -> None:
        self.client.publish(f"covercode/v1/c1/up/{lane}", body, qos=1)

    def acked(self, seq: int, lane: str = "routine", epoch: str = "e1") -> Callable[[], bool]:
        return lambda: (lane, {"epoch": epoch, "seq": seq}) in self.acks

    def rows(self, table):
        with reading(self.engine) as connection:
            return connection.execute(select(table)).all()


@pytest.fixture(params=["embedded", "one server"])
def city(request: pytest.FixtureRequest, mosquitto: Mosquitto, tmp_path: Path) -> Iterator[RunningCity]:
    one_server = request.param == "one server"
    records, series = ("filled_postgres_url", "influx_address") if one_server else ("filled_sqlite_url", "")
    address = (request.getfixturevalue(records), request.getfixturevalue(series) if series else "series.db")
    with RunningCity(mosquitto, tmp_path, *address) as running:
        yield running


def test_a_breach_sent_as_urgent_is_acked_after_its_case_is_committed(city: RunningCity):
    city.send(pack(1, tilt(70.0)), lane="urgent")
    wait_until(city.acked(1, "urgent"), seconds=20, what="the ack")
    (opened,) = city.rows(case)
    assert (opened.kind, opened.stage) == ("cover_displaced", "filed")


def test_bad_packs_and_readings_are_kept_with_their_reason_and_the_good_go_on(city: RunningCity):
    before = city.store.count()
    whole = pack(1, tilt(1.0))
    city.send(whole[: len(whole) // 2 + 30])  # cut off in the middle; its number can still be read
    wait_until(city.acked(1), seconds=20, what="the ack of the truncated pack: it must not block its lane")
    city.send(pack(2, tilt(1.0, serial="XX-9"), tilt(999.0), tilt(1.0, at=5.0), tilt(1.0, at=time.time() + 90_000)))
    city.send(pack(3, {"bn": "CV-1/", "bt": time.time(), "n": "tilt_z", "v": "steep"}, tilt(2.5)))
    wait_until(city.acked(3), seconds=20, what="the ack of the last pack")
    letters = {letter.reason: letter for letter in city.rows(dead_letter)}
    assert set(letters) == {"undecodable", "unknown_device", "out_of_range", "too_old", "in_future"}
    assert "fit it to an asset" in letters["unknown_device"].detail
    assert "outside -180…180" in letters["out_of_range"].detail
    assert "never set" in letters["too_old"].detail
    assert "NTP" in letters["in_future"].detail
    assert city.store.count() == before + 1


def test_rubbish_and_foreign_topics_disturb_nobody(city: RunningCity):
    city.send(b"\x00\xff\x13")
    city.client.publish("covercode/v1/c1/state", b"not json", qos=1)
    city.client.publish("covercode/v1/c1/up/express", b"[]", qos=1)
    city.send(pack(1, tilt(1.0)))
    wait_until(city.acked(1), seconds=20, what="the ack of the good pack")
    assert [letter.reason for letter in city.rows(dead_letter)] == ["undecodable"]


def test_a_hole_is_answered_with_the_last_ack(city: RunningCity):
    city.send(pack(1, tilt(1.0)))
    wait_until(city.acked(1), seconds=20, what="the first ack")
    seen = city.acks.count(("routine", {"epoch": "e1", "seq": 1}))
    city.send(pack(3, tilt(1.0)))
    wait_until(
        lambda: city.acks.count(("routine", {"epoch": "e1", "seq": 1})) > seen, seconds=20, what="the ack of 1 again"
    )


def test_ingest_started_again_says_where_to_go_on(city: RunningCity):
    city.send(pack(1, tilt(1.0)))
    wait_until(city.acked(1), seconds=20, what="the first ack")
    city.stop_ingest()
    city.acks.clear()
    city.start_ingest()
    wait_until(city.acked(1), seconds=20, what="the ack repeated by itself")


def test_after_a_broker_outage_the_lane_goes_on(city: RunningCity):
    city.send(pack(1, tilt(1.0)))
    wait_until(city.acked(1), seconds=20, what="the first ack")
    city.broker.kill()
    city.broker.start()
    deadline = time.monotonic() + 60
    while not city.acked(2)():
        assert time.monotonic() < deadline
        city.send(pack(2, tilt(1.0)))
        time.sleep(0.2)


def test_a_pack_that_makes_the_registry_fail_is_set_aside_and_the_rest_goes_on(city: RunningCity):
    before = city.store.count()
    city.break_next = True
    city.send(pack(1, {**tilt(1.0), "q": 1}))
    city.send(pack(2, tilt(1.0)))
    wait_until(city.acked(2), seconds=20, what="the ack of the good pack")
    (letter,) = city.rows(dead_letter)
    assert "could not take it" in letter.detail
    assert city.store.count() == before + 1


def test_a_cabinet_s_state_and_last_will_are_kept(city: RunningCity):
    state = {"online": True, "at": time.time(), "epoch": "e1", "version": "0.1", "oldest_unsent_s": 3, "queued": 9}
    city.client.publish("covercode/v1/c1/state", json.dumps({**state, "dropped": 0, "buses": []}), qos=1, retain=True)
    wait_until(lambda: [row.queued for row in city.rows(cabinet)] == [9], seconds=20, what="the state")
    city.client.publish("covercode/v1/c1/state", json.dumps({"online": False, "at": 0}), qos=1, retain=True)
    wait_until(lambda: [row.online for row in city.rows(cabinet)] == [False], seconds=20, what="the last will")
    assert [row.queued for row in city.rows(cabinet)] == [9]
