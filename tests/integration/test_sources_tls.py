"""Networks over a real Mosquitto with TLS and passwords: all kinds get in; what is wrong is said by its setting.

The broker asks for a password, behind a second door for a client certificate as well; a third shows an expired one.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from gateway.broker import BrokerConnection, BrokerDown
from gateway.bulk_mqtt import BulkConnection
from gateway.credentials import password_hash
from gateway.device_profiles import load_profiles
from gateway.settings import BrokerSettings, SourceDevice, SourceSettings
from tests.authority import Authority
from tests.integration.test_sources_mqtt import (
    CHIRPSTACK_TOPIC,
    DEVICE,
    EUI,
    LEVEL,
    SPARKPLUG,
    chirpstack_up,
    tts_up,
)
from tests.mosquitto import Mosquitto, free_port
from tests.source_running import KeptItems, cabinet, running, wait_until

pytestmark = pytest.mark.network

# Sparkplug: born with the metric "level", alias 5, Double 812.0; seq 0
BORN = bytes.fromhex("08fbb6a5c1b83312140a056c6576656c1005200a6900000000006089401800")


class City:
    """Two brokers behind TLS, with the files to get in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "ca")
        self.stranger = Authority(folder / "stranger", "somebody else")
        self.authority.issue("broker", "localhost")
        self.authority.issue("expired", "localhost", days=-1)
        for authority in (self.authority, self.stranger):
            authority.issue("cabinet", "c1")
        self.ports = {kind: free_port() for kind in ("password", "certificate", "expired")}
        self.users = folder / "users"
        self.users.write_text(f"lora:{password_hash('secret')}\n")
        self.users.chmod(0o600)

    def config(self) -> str:
        """Mosquitto's: started by root, it would read the keys as another user; by others the first line is ignored."""
        lines = ["user root", "allow_anonymous false", f"password_file {self.users}"]
        for kind, port in self.ports.items():
            shown = "expired" if kind == "expired" else "broker"
            lines += [
                f"listener {port} 127.0.0.1",
                f"cafile {self.authority.ca}",
                f"certfile {self.authority.folder / shown}.pem",
                f"keyfile {self.authority.key(shown)}",
                f"require_certificate {'true' if kind == 'certificate' else 'false'}",
            ]
        return "\n".join(lines)

    def broker(self, kind: str = "password", **changes: object) -> BrokerSettings:
        """How a source is told to get in."""
        values: dict[str, object] = {
            "host": "localhost",
            "port": self.ports[kind],
            "username": "lora",
            "password": "secret",
            "tls_ca": str(self.authority.ca),
            "keepalive_s": 5,
        }
        return BrokerSettings(**(values | changes))

    def shown(self, authority: Authority) -> dict[str, str]:
        """A client certificate."""
        return {"tls_cert": str(authority.folder / "cabinet.pem"), "tls_key": str(authority.key("cabinet"))}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("tls")
    made = City(folder)
    with Mosquitto(folder, extra=made.config()):
        yield made


def lora(broker: BrokerSettings, kind: str = "chirpstack", **changes: object) -> SourceSettings:
    values: dict[str, object] = {"name": kind, "kind": kind, "broker": broker, "device": (DEVICE,)}
    return SourceSettings(**(values | changes))


def publish(city: City, *messages: tuple[str, bytes]) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="network-server")
    client.username_pw_set("lora", "secret")
    client.tls_set_context(ssl.create_default_context(cafile=str(city.authority.ca)))
    client.connect("localhost", city.ports["password"])
    client.loop_start()
    try:
        for topic, body in messages:
            client.publish(topic, body, qos=1).wait_for_publish(30)
    finally:
        client.disconnect()
        client.loop_stop()


def test_all_four_kinds_get_in_with_name_and_password_and_their_readings_come_through(city: City, tmp_path: Path):
    (tmp_path / "our-level.toml").write_text(LEVEL)
    kept, broker = KeptItems(), city.broker()
    settings = cabinet(
        lora(broker),
        lora(broker, "things_stack", profile="milesight-em310-tilt", device=()),
        lora(broker, "json_mqtt", topics=("city/{device}/data",), profile="our-level", device=()),
        lora(broker, "sparkplug", device=(SourceDevice(id="plant/node1", serial="N-1", profile="our-level"),)),
    )
    with running(settings, kept, load_profiles(tmp_path)) as sources:
        wait_until(lambda: all(health.up for health in sources.health()))
        publish(
            city,
            (CHIRPSTACK_TOPIC, chirpstack_up(0)),
            ("v3/covers@city/devices/cover-7/up", tts_up()),
            ("city/W-7/data", json.dumps({"at": 1767600000, "level": 812}).encode()),
            (SPARKPLUG.format("NBIRTH"), BORN),
        )
        wait_until(lambda: {one.serial for one in kept.readings()} == {"TILT-7", EUI, "W-7", "N-1"})
    assert kept.letters() == []


def test_a_client_certificate_gets_in_where_one_is_asked_for(city: City):
    broker = city.broker("certificate", **city.shown(city.authority))
    with running(cabinet(lora(broker)), KeptItems()) as sources:
        wait_until(lambda: sources.health()[0].up)


WRONG = {
    "another authority": ("source.broker.tls_ca: the broker's certificate was not issued by", {"ca": "stranger"}),
    "another name": ("source.broker.host: the broker's certificate is for another name than '127.0.0.1'", {"ip": True}),
    "expired": ("the broker's certificate has expired; renew it", {"kind": "expired"}),
    "no such file": (
        "source.broker.tls_ca: /nowhere/ca.pem can't be read: No such file",
        {"tls_ca": "/nowhere/ca.pem"},
    ),
    "no certificate in it": ("source.broker.tls_ca: ", {"ca": "users"}),
    "a key of another": ("source.broker.tls_key: ", {"key": "broker"}),
    "no client certificate": ("source.broker.tls_cert (none was shown)", {"kind": "certificate"}),
    "no TLS where it is wanted": ("if its port is for TLS, set source.broker.tls_ca", {"tls_ca": ""}),
    "a client certificate of another authority": (
        "it may want another client certificate: source.broker.tls_cert (",
        {"kind": "certificate", "client": "stranger"},
    ),
    "a wrong password": ("check source.broker.username and source.broker.password", {"password": "guess"}),
    "no name": ("check source.broker.username and source.broker.password", {"username": "", "password": ""}),
}


def wrong_broker(city: City, wrong: dict[str, object]) -> BrokerSettings:
    given = dict(wrong)
    changes: dict[str, object] = {}
    if "ca" in given:
        files = {"stranger": city.stranger.ca, "users": city.users}
        changes["tls_ca"] = str(files[str(given.pop("ca"))])
    if given.pop("ip", False):
        changes["host"] = "127.0.0.1"
    if "key" in given:
        changes |= city.shown(city.authority) | {"tls_key": str(city.authority.key(str(given.pop("key"))))}
    if given.pop("client", ""):
        changes |= city.shown(city.stranger)
    return city.broker(str(given.pop("kind", "password")), **(changes | given))


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_once_with_its_setting_and_ends_nothing(city: City, wrong: str):
    said, changes = WRONG[wrong]
    broker = wrong_broker(city, changes)
    right = lora(city.broker(), name="right")
    with capture_logs() as logs, running(cabinet(lora(broker), right), KeptItems()) as sources:
        wait_until(lambda: any(line["event"] == "source_down" for line in logs))
        wait_until(lambda: {health.name: health.up for health in sources.health()}["right"])
        assert not {health.name: health.up for health in sources.health()}["chirpstack"]
    (line,) = [line for line in logs if line["event"] == "source_down"]
    assert line["source"] == "chirpstack"
    assert said in line["reason"], line["reason"]


def test_a_broker_without_tls_behind_the_port_is_told_by_the_port(city: City, mosquitto: Mosquitto):
    broker = replace(city.broker(), port=mosquitto.port)
    with capture_logs() as logs, running(cabinet(lora(broker)), KeptItems()):
        wait_until(lambda: any(line["event"] == "source_down" for line in logs))
    reason = next(line["reason"] for line in logs if line["event"] == "source_down")
    assert f"source.broker.port {mosquitto.port} may not be the one for TLS" in reason or "speaks no TLS" in reason


def test_the_uplink_and_the_city_name_their_own_settings(city: City):
    settings = replace(city.broker(), tls_ca=str(city.stranger.ca))
    connection = BrokerConnection(settings, client_id="x", will=None, subscribe=["a"], wake=lambda: None)
    with pytest.raises(BrokerDown, match=r"^broker\.tls_ca: the broker's certificate was not issued by"):
        connection.open()
    bulk = BulkConnection(settings, client_id="x", clean=True)
    with pytest.raises(BrokerDown, match=r"^broker\.tls_ca: the broker's certificate was not issued by"):
        bulk.open(["a"], [])
    bulk.close()
    refused = replace(city.broker(), password="guess")
    connection = BrokerConnection(refused, client_id="x", will=None, subscribe=["a"], wake=lambda: None)
    with pytest.raises(BrokerDown, match=r"'lora'\); check broker\.username and broker\.password"):
        connection.open()
