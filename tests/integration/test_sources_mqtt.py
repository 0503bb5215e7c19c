"""Networks over a real Mosquitto: every uplink is in the spool before the broker may forget it."""

from __future__ import annotations

import base64
import json
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from gateway.cabinet import run
from gateway.device_profiles import load_profiles
from gateway.settings import (
    BrokerSettings,
    CabinetIdentity,
    CabinetSettings,
    SourceDevice,
    SourceSettings,
    SpoolSettings,
)
from tests.mosquitto import Mosquitto
from tests.source_running import KeptItems, cabinet, end_process, running, spooled, start_process, wait_until
from tests.toy_city import ToyCity

pytestmark = pytest.mark.network

EUI = "24e124785b123456"
CALM = bytes.fromhex("01755703CFBBFED204E21D00")
TILTED = bytes.fromhex("01755703CFBBFED204E21D02")
CHIRPSTACK_TOPIC = f"application/0f3c/device/{EUI}/event/up"
TTS_TOPIC = "v3/covers@city/devices/cover-7/up"
DEVICE = SourceDevice(id=EUI.upper(), serial="TILT-7", profile="milesight-em310-tilt")


def lora(mosquitto: Mosquitto, kind: str = "chirpstack", **changes: object) -> SourceSettings:
    broker = BrokerSettings(host=mosquitto.host, port=mosquitto.port, keepalive_s=5)
    values: dict[str, object] = {"name": "lora", "kind": kind, "broker": broker, "device": (DEVICE,)}
    return SourceSettings(**(values | changes))


def chirpstack_up(second: int, payload: bytes = CALM, **changes: object) -> bytes:
    """ChirpStack v4 leaves out what is zero or false, and has fields we don't know."""
    at = f"2026-01-05T08:{second // 60:02}:{second % 60:02}.5+00:00"
    event = {
        "deduplicationId": f"3ac7e3c4-4401-4b8d-9386-{second:012}",
        "time": at,
        "deviceInfo": {"tenantName": "city", "deviceName": "cover 7", "devEui": EUI, "tags": {}},
        "fPort": 85,
        "data": base64.b64encode(payload).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "gwTime": at, "rssi": -35, "newInTheNextRelease": [1]}],
        "txInfo": {"frequency": 868500000},
        "regionConfigId": "eu868",
    }
    return json.dumps(event | changes).encode()


def tts_up() -> bytes:
    """The Things Stack v3, f_cnt 0 left out, with fields we don't know."""
    return json.dumps({
        "end_device_ids": {"device_id": "cover-7", "dev_eui": EUI.upper(), "join_eui": "24E124C0002A0001"},
        "correlation_ids": ["as:up:01F"],
        "uplink_message": {
            "session_key_id": "AXA50tHUQvvdvJzuh2qhCQ==", "f_port": 85,
            "frm_payload": base64.b64encode(TILTED).decode(), "received_at": "2026-01-05T08:00:00.123456789Z",
            "rx_metadata": [{"gateway_ids": {"gateway_id": "gw1"}, "rssi": -40}], "a_later_field": {"x": 1},
        },
    }).encode()  # fmt: skip


@contextmanager
def publisher(mosquitto: Mosquitto) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="network-server")
    client.connect(mosquitto.host, mosquitto.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(mosquitto: Mosquitto, *messages: tuple[str, bytes], qos: int = 1) -> None:
    with publisher(mosquitto) as client:
        for topic, body in messages:
            client.publish(topic, body, qos=qos).wait_for_publish(30)


def test_a_chirpstack_and_a_things_stack_document_go_through_to_readings(mosquitto):
    kept = KeptItems()
    settings = cabinet(lora(mosquitto), lora(mosquitto, "things_stack", name="tts", profile="milesight-em310-tilt",
                                             device=()))  # fmt: skip
    with running(settings, kept) as sources:
        wait_until(lambda: all(health.up for health in sources.health()))
        publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(0)), (TTS_TOPIC, tts_up()))
        wait_until(lambda: len(kept.readings()) == 14)
    by_serial = {one.serial: one for one in kept.readings() if one.point == "tilt_y"}
    assert set(by_serial) == {"TILT-7", EUI}
    assert {one.value for one in by_serial.values()} == {12.34}
    assert by_serial["TILT-7"].measured_ms == 1_767_600_000_500
    assert by_serial[EUI].measured_ms == 1_767_600_000_123
    assert sorted(kept.lanes) == ["routine", "urgent"]


def test_what_cannot_be_used_is_kept_with_its_reason_and_stops_nothing(mosquitto):
    kept = KeptItems()
    other = CHIRPSTACK_TOPIC.replace(EUI, "24e124785b999999")
    with running(cabinet(lora(mosquitto)), kept) as sources:
        wait_until(lambda: sources.health()[0].up)
        publish(
            mosquitto,
            (CHIRPSTACK_TOPIC, b"\xff\xfe no json"),
            (other, chirpstack_up(1, deviceInfo={"devEui": "24e124785b999999"})),
            (CHIRPSTACK_TOPIC, chirpstack_up(2, b"\x99\x99\x99")),
            (CHIRPSTACK_TOPIC, chirpstack_up(3)),
            (CHIRPSTACK_TOPIC, chirpstack_up(3)),
        )
        wait_until(lambda: sources.health()[0].messages == 5)
        health = sources.health()[0]
    assert health.undecoded == {"not_json": 1, "unknown_device": 1, "unknown_tag": 1}
    assert health.repeats == 1
    assert len(kept.letters()) == 3
    unknown = next(letter for letter in kept.letters() if letter.device == "24e124785b999999")
    assert bytes.fromhex(unknown.payload) == CALM
    assert len(kept.readings()) == 7


def test_what_comes_while_we_are_away_and_what_the_spool_refused_comes_again(mosquitto):
    kept = KeptItems()
    settings = cabinet(lora(mosquitto))
    with running(settings, kept) as sources:
        wait_until(lambda: sources.health()[0].up)
        kept.full = True
        publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(0)))
        wait_until(lambda: kept.refused > 0)
    assert kept.items == []
    publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(1)))
    kept.full = False
    with running(settings, kept):
        wait_until(lambda: len(kept.readings()) == 14)
    assert len({(one.point, one.measured_ms) for one in kept.readings()}) == 14


def test_a_broker_that_goes_away_is_said_once_and_its_return_once(mosquitto):
    kept = KeptItems()
    with capture_logs() as logs, running(cabinet(lora(mosquitto)), kept) as sources:
        wait_until(lambda: sources.health()[0].up)
        mosquitto.kill()
        wait_until(lambda: not sources.health()[0].up)
        tries = len(logs)
        wait_until(lambda: len(logs) == tries)
        mosquitto.start()
        wait_until(lambda: sources.health()[0].up)
        publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(0)))
        wait_until(lambda: len(kept.readings()) == 7)
    assert [entry["event"] for entry in logs] == ["source_up", "source_down", "source_up"]


def test_a_broker_that_is_not_there_yet_is_said_once(mosquitto):
    mosquitto.kill()
    with capture_logs() as logs, running(cabinet(lora(mosquitto)), KeptItems()) as sources:
        wait_until(lambda: any(entry["event"] == "source_down" for entry in logs))
        mosquitto.start()
        wait_until(lambda: sources.health()[0].up)
    assert [entry["event"] for entry in logs] == ["source_down", "source_up"]


def test_two_clients_of_one_name_are_an_outage_said_once_and_not_a_flood(mosquitto):
    with capture_logs() as logs, running(cabinet(lora(mosquitto)), KeptItems()) as sources:
        wait_until(lambda: sources.health()[0].up)
        for _ in range(2):
            rival = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="covercode-c1-lora", clean_session=False)
            rival.connect(mosquitto.host, mosquitto.port)
            wait_until(lambda rival=rival: rival.loop(0.05) != 0)  # until we have thrown it out in our turn
        wait_until(lambda: sources.health()[0].up)
    assert [entry["event"] for entry in logs] == ["source_up", "source_down", "source_up"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_before_or_after_the_spool_has_it_an_uplink_is_there_in_the_end(tmp_path: Path, mosquitto, moment):
    config = tmp_path / "cabinet.toml"
    spool = tmp_path / "spool.db"
    config.write_text(
        f'[cabinet]\nid = "c1"\n[broker]\nhost = "{mosquitto.host}"\n[spool]\npath = "{spool}"\n'
        f'[[source]]\nname = "lora"\nkind = "chirpstack"\n'
        f'broker = {{ host = "{mosquitto.host}", port = {mosquitto.port} }}\n'
        f'[[source.device]]\nid = "{EUI}"\nserial = "TILT-7"\nprofile = "milesight-em310-tilt"\n'
    )
    # The broker keeps a session's messages only once the session has been there.
    first = start_process(config, kill=moment)
    try:
        while first.poll() is None:
            publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(0)))
    finally:
        assert end_process(first) == -signal.SIGKILL
    publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(1)))
    second = start_process(config)
    try:
        publish(mosquitto, (CHIRPSTACK_TOPIC, chirpstack_up(2)))
        wait_until(lambda: _times_in(spool, tmp_path) >= {0, 1, 2})
    finally:
        end_process(second)
    found = spooled(spool)
    identities = {(one.serial, one.point, one.measured_ms) for one in found}
    assert len(identities) == 21
    assert all(len({one.value for one in found if one.point == point}) == 1 for point in ("tilt_y", "battery"))


def _times_in(spool: Path, folder: Path) -> set[int]:
    """Which of our uplinks a running process has in its spool, looked at without touching it."""
    with sqlite3.connect(f"file:{spool}?mode=ro", uri=True) as look:
        tables = [name for (name,) in look.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        text = "".join(str(row) for table in tables for row in look.execute(f'SELECT * FROM "{table}"'))
    return {second for second in range(3) if f"17676000{second:02}.5" in text}


LEVEL = """
version = 1
kind = "json"
title = "our level sensor"
point = [
  { name = "water_level", unit = "mm", sane = [0, 5000], path = "level", urgent = { above = 2000 } },
  { name = "temperature", unit = "Cel", sane = [-50, 90], path = "sensor.temp" },
]
[json.time]
path = "at"
format = "unix-s"
"""


def test_plain_json_is_read_by_its_profile_and_a_retained_message_is_passed_over(tmp_path: Path, mosquitto):
    (tmp_path / "our-level.toml").write_text(LEVEL)
    kept = KeptItems()
    settings = cabinet(lora(mosquitto, "json_mqtt", name="own", topics=("city/{device}/data",), profile="our-level",
                            device=()))  # fmt: skip
    with publisher(mosquitto) as client:
        client.publish("city/W-6/data", b'{"at": 1767500000, "level": 1}', qos=1, retain=True).wait_for_publish(30)
    with running(settings, kept, load_profiles(tmp_path)) as sources:
        wait_until(lambda: sources.health()[0].up)
        documents = [{"at": 1767600000, "level": 812, "sensor": {"temp": -3.5}}, {"at": 1767600060, "level": 2100}]
        publish(mosquitto, ("city/W-7/data", json.dumps(documents).encode()), ("city/W-7/data", b'{"other": 1}'))
        wait_until(lambda: len(kept.readings()) == 3 and len(kept.letters()) == 1)
    assert [(one.serial, one.point, one.measured_ms, one.value) for one in kept.readings()] == [
        ("W-7", "water_level", 1_767_600_000_000, 812), ("W-7", "temperature", 1_767_600_000_000, -3.5),
        ("W-7", "water_level", 1_767_600_060_000, 2100),
    ]  # fmt: skip
    assert "urgent" in kept.lanes
    assert kept.letters()[0].reason.startswith("nothing_in_it: ")


SPARKPLUG = "spBv1.0/plant/{}/node1"


def test_sparkplug_asks_a_node_it_never_saw_born_to_be_born_again_and_reads_it_then(tmp_path: Path, mosquitto):
    kept = KeptItems()
    (tmp_path / "our-level.toml").write_text(LEVEL)
    node = SourceDevice(id="plant/node1", serial="N-1", profile="our-level")
    settings = cabinet(lora(mosquitto, "sparkplug", name="plant", device=(node,)))
    commands: list[str] = []
    with running(settings, kept, load_profiles(tmp_path)) as sources, publisher(mosquitto) as client:
        client.on_message = lambda _client, _data, message: commands.append(message.topic)
        client.subscribe(SPARKPLUG.format("NCMD"))
        wait_until(lambda: sources.health()[0].up)
        # one metric with alias 5 and no name, seq 7
        client.publish(SPARKPLUG.format("NDATA"), bytes.fromhex("08fbb6a5c1b8331204 10055001 1807".replace(" ", "")))
        wait_until(lambda: commands == ["spBv1.0/plant/NCMD/node1"])
        # born: seq 0, metric "level", alias 5, Double 812.0; then seq 1, alias 5 alone, 2100.0
        head, born, data = (
            "08fbb6a5c1b833",
            "12140a056c6576656c1005200a690000000000608940",
            "120b100569000000000068a040",
        )
        client.publish(SPARKPLUG.format("NBIRTH"), bytes.fromhex(head + born + "1800"))
        client.publish(SPARKPLUG.format("NDATA"), bytes.fromhex(head + data + "1801"))
        wait_until(lambda: len(kept.readings()) == 2)
    assert kept.letters()[0].reason.startswith("unknown_alias: ")
    assert [(one.serial, one.point, one.value) for one in kept.readings()] == [
        ("N-1", "water_level", 812), ("N-1", "water_level", 2100),
    ]  # fmt: skip


def test_an_uplink_goes_through_the_whole_cabinet_and_the_state_tells_of_its_source(tmp_path: Path, mosquitto):
    settings = CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host=mosquitto.host, port=mosquitto.port),
        spool=SpoolSettings(path=str(tmp_path / "spool.db")),
        source=(lora(mosquitto),),
    )
    stop = threading.Event()
    edge = threading.Thread(target=run, args=(settings,), kwargs={"stop": stop})
    with ToyCity(mosquitto.host, mosquitto.port) as city:
        edge.start()
        try:
            wait_until(lambda: any(state["sources"][0]["up"] for state in city.states))
            publish(mosquitto, (CHIRPSTACK_TOPIC, b"[]"), (CHIRPSTACK_TOPIC, chirpstack_up(0, TILTED)))
            wait_until(lambda: len(city.readings) == 7)
        finally:
            stop.set()
            edge.join(60)
        wait_until(lambda: city.states[-1]["online"] is False)
    assert city.values["urgent"]
    source = city.states[-1]["sources"][0]
    assert (source["name"], source["kind"], source["readings"]) == ("lora", "chirpstack", 7)
    assert source["undecoded"] == {"bad_envelope": 1}
