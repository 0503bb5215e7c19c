"""The embedded broker keeps cabinets apart by the same file and rules as Mosquitto, once it is told to ask."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gateway.credentials import password_hash
from operate.broker_access import may_use
from tests.mosquitto import free_port

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
ACL = ROOT / "deploy" / "mosquitto" / "covercode.acl"


def wait_until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, f"did not happen in time: {what}"
        threading.Event().wait(0.05)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port of a broker that asks for passwords; user ``city`` is the city's own."""
    port = free_port()
    (tmp_path / "covercode.toml").write_text(
        f'[broker]\nport = {port}\nusername = "city"\npassword = "word"\npassword_file = "users"\n'
    )
    users = {name: password_hash(f"word of {name}") for name in ("city", "c1", "c2")}
    (tmp_path / "users").write_text("".join(f"{name}:{hashed}\n" for name, hashed in users.items()))
    with (tmp_path / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "covercode", "broker", "--config", str(tmp_path / "covercode.toml")],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
    wait_until(lambda: "broker_open" in (tmp_path / "broker.log").read_text() or process.poll() is not None, "a broker")
    yield port
    process.terminate()
    process.wait(60)


class Client:
    """One MQTT client; ``answer`` is what the broker says to its name and password."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answer: list[bool] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{name}", reconnect_on_failure=False)
        self._client.username_pw_set(name, password)
        self._client.on_connect = lambda _c, _d, _f, code, _p: self.answer.append(not code.is_failure)
        self._client.on_disconnect = lambda *_: self.answer.append(False)
        self._client.on_message = lambda _c, _d, message: self.heard.append((message.topic, message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_until(lambda: self.answer, "the broker's answer")

    def subscribe(self, *topics: str) -> None:
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        self._client.subscribe([(topic, 1) for topic in topics])
        assert done.wait(60)

    def publish(self, topic: str, text: str) -> None:
        self._client.publish(topic, text, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_no_cabinet_gets_in_as_another_sends_as_another_or_hears_another(broker):
    for name, password in (("c1", "word of c2"), ("c9", "word of c1"), ("city", "")):
        stranger = Client(broker, name, password)
        assert stranger.answer[0] is False
        stranger.close()
    city, one, two = (Client(broker, name, f"word of {name}") for name in ("city", "c1", "c2"))
    city.subscribe("covercode/v1/#")
    one.subscribe("covercode/v1/c1/cmd", "covercode/v1/c1/ack/urgent")
    two.subscribe("covercode/v1/c2/cmd", "covercode/v1/c1/cmd", "covercode/v1/#", "covercode/v1/+/cmd")
    two.publish("covercode/v1/c1/up/urgent", "forged")
    two.publish("covercode/v1/c2/up/urgent", "own")
    city.publish("covercode/v1/c1/cmd", "for c1")
    city.publish("covercode/v1/c2/cmd", "for c2")
    wait_until(lambda: ("covercode/v1/c2/up/urgent", b"own") in city.heard and one.heard and two.heard, "their own")
    assert not [body for _, body in city.heard if body == b"forged"]
    assert one.heard == [("covercode/v1/c1/cmd", b"for c1")]
    assert set(two.heard) == {("covercode/v1/c2/cmd", b"for c2")}
    for client in (city, one, two):
        client.close()


def test_its_rules_are_those_shipped_for_mosquitto():
    shipped = [line.split() for line in ACL.read_text().splitlines() if line.startswith("pattern ")]
    assert len(shipped) == 7
    for _, right, pattern in shipped:
        topic = pattern.replace("%u", "c1")
        assert may_use("c1", topic, sends=right == "write")
        assert not may_use("c1", topic, sends=right != "write")
        assert not may_use("c2", topic, sends=right == "write")
