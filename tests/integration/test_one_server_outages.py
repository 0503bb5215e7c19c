"""The one-server size while its servers die: broker, PostgreSQL and InfluxDB killed with -9 during writes, and back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from gateway.ingest import Ingest
from gateway.settings import BrokerSettings
from registry.intake import Intake, note_cabinet
from registry.services.assets import NewAsset, register_asset
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.series.influx import InfluxSeries
from registry.storage.series.influx_http import InfluxConnection, Patience
from registry.storage.tables import lane, latest, point
from tests.influx import Influx
from tests.killable_city import wait_until
from tests.mosquitto import Mosquitto
from tests.postgres import Postgres

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

PER_PACK = 20
START_MS = int(time.time() * 1000) - 3_600_000


class Cabinet:
    """Sends packs in order and again from the last ack on, as a cabinet does: nothing counts that was not acked."""

    def __init__(self, broker: Mosquitto) -> None:
        self.acked = self.sent = 0
        self._stop = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="c1", protocol=mqtt.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe("covercode/v1/c1/ack/+", 1)
        self._client.on_message = self._on_ack
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_ack(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        said = json.loads(message.payload)
        if said["epoch"] == "e1":
            self.acked = max(self.acked, said["seq"])

    def _run(self) -> None:
        following, told, silent_since = 1, 0, time.monotonic()
        while not self._stop.wait(0.01):
            if self.acked != told:
                told, silent_since = self.acked, time.monotonic()
            if following <= self.acked or time.monotonic() - silent_since > 1.0:
                following, silent_since = self.acked + 1, time.monotonic()
            if following - self.acked <= 16:
                self._client.publish("covercode/v1/c1/up/routine", pack(following), qos=0)
                self.sent = max(self.sent, following)
                following += 1


def pack(seq: int) -> bytes:
    at_s = (START_MS + seq * PER_PACK) / 1000
    head = [
        {"bn": "c1/", "n": "pack_epoch", "vs": "e1"},
        {"n": "pack_seq", "v": seq},
        {"n": "pack_after", "v": seq - 1},
    ]
    first = {"bn": "CV-1/", "bt": at_s, "n": "tilt_z", "u": "deg", "v": seq % 10}
    rest = [{"n": "tilt_z", "t": i / 1000, "v": seq % 10} for i in range(1, PER_PACK)]
    return json.dumps([*head, first, *rest], separators=(",", ":")).encode()


@pytest.fixture
def servers(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[dict[str, Mosquitto | Postgres | Influx]]:
    with Postgres() as postgres, Influx(tmp_path / "influx") as influx:
        yield {"broker": mosquitto, "records": postgres, "series": influx}


def test_every_acked_reading_is_stored_once_whatever_server_died_meanwhile(
    servers: dict[str, Mosquitto | Postgres | Influx],
) -> None:
    broker, postgres, influx = servers["broker"], servers["records"], servers["series"]
    with psycopg.connect(f"postgresql://{postgres.address}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE city")
    engine = open_database(f"postgresql+psycopg://{postgres.address}/city")
    upgrade(engine)
    now = datetime.now(UTC)
    with writing(engine) as tx:
        load_classes(tx)
        install_shipped_rules(tx, now=now)
        asset_id = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=now)
        put_on(tx, NewDevice(serial="CV-1", profile="cc-cover-1", asset_id=asset_id, heartbeat_s=2), now=now)
    # impatient, so that ingest itself sees the outage
    connection = InfluxConnection(influx.url, "city", patience=Patience(total_s=1.0, request_s=5.0))
    store = InfluxSeries(connection, clock=lambda: datetime.now(UTC))
    intake = Intake(engine, store, clock=lambda: datetime.now(UTC))
    ingest = Ingest(
        BrokerSettings(host=broker.host, port=broker.port),
        intake,
        note_cabinet=partial(note_cabinet, engine),
        beside=True,
    )
    stop = threading.Event()
    running = threading.Thread(target=ingest.run, args=(stop,))
    running.start()
    cabinet = Cabinet(broker)
    try:
        for name in ("series", "records", "broker", "series"):
            goal = cabinet.acked + 25
            wait_until(lambda goal=goal: cabinet.acked >= goal, seconds=60, what=f"acks before the {name} dies")
            servers[name].kill()
            sent = cabinet.sent
            if name != "broker":
                wait_until(
                    lambda sent=sent: cabinet.sent > sent or cabinet.sent - cabinet.acked >= 16,
                    seconds=30,
                    what="writes",
                )
            servers[name].start()
            goal = cabinet.acked + 25
            wait_until(lambda goal=goal: cabinet.acked >= goal, seconds=60, what=f"acks after the {name} is back")
    finally:
        cabinet.stop()
        stop.set()
        running.join(60)
    with reading(engine) as tx:
        done = tx.execute(select(lane.c.seq).where(lane.c.epoch == "e1")).scalar_one()
        tilt_z = tx.execute(select(point.c.id).where(point.c.name == "tilt_z")).scalar_one()
        newest = tx.execute(select(latest.c.measured_at).where(latest.c.point_id == tilt_z)).scalar_one()
    assert done >= cabinet.acked >= 200
    stored = [row.measured_ms for row in store.window(tilt_z, 0, 2**62, 1_000_000)]
    promised = [START_MS + PER_PACK + at for at in range(done * PER_PACK)]
    assert stored[: len(promised)] == promised  # none is missing, none is there twice
    assert newest.timestamp() * 1000 == pytest.approx(promised[-1], abs=0.5)
    store.close()
    engine.dispose()
