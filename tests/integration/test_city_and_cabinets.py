"""The city and its cabinets on a real Mosquitto with TLS and ACL, as shipped in ``deploy/mosquitto``: enrolment by a
one-time code, commands there and back, rotation, revocation, and that no cabinet reaches what is another's."""

from __future__ import annotations

import json
import re
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select, update
from werkzeug.serving import make_server

from dashboards.app import create_app
from dashboards.cabinet_door import CabinetDoor
from dashboards.settings import WebSettings
from gateway.command_post import CommandPost
from gateway.settings import BrokerSettings
from operate.remote_jobs import RegistryOutbox, configuration_faults, own_users
from registry.domain.commands import CommandKind, CommandState, ConfigurationState
from registry.queries.cabinets import cabinet_file, command
from registry.services import commands, configurations, credentials
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.classes import load_classes
from registry.storage.database import open_database, reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import cabinet_credential, device, metadata, point
from tests.city import City, build_city
from tests.mosquitto import free_port
from tests.serial_bus import SerialBus, TestUnit

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "mosquitto"
CITY = "city"


def wait_until(happened: Callable[[], object], what: str, *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, f"did not happen in time: {what}"
        threading.Event().wait(0.05)


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, broker.pem and broker.key for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    new_key = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new_key, "-x509", "-days", 2, "-subj", "/CN=test", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    (folder / "broker.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(*new_key, "-subj", "/CN=localhost", "-keyout", folder / "broker.key", "-out", folder / "broker.csr")
    openssl(
        *("x509", "-req", "-in", folder / "broker.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key"),
        *("-CAcreateserial", "-days", 2, "-extfile", folder / "broker.ext", "-out", folder / "broker.pem"),
    )
    return folder


class Broker:
    """Mosquitto with the shipped configuration, its paths and ports put to this test's."""

    def __init__(self, folder: Path, authority: Path) -> None:
        self.inside, self.outside = free_port(), free_port()
        self.users, self._log = folder / "users", folder / "mosquitto.log"
        shipped = (SHIPPED / "covercode.conf").read_text()
        for old, new in (
            ("/var/lib/covercode/broker/users", str(self.users)),
            ("/etc/mosquitto/covercode.acl", str(folder / "covercode.acl")),
            ("/etc/mosquitto/certs", str(authority)),
            ("listener 1883 ", f"listener {self.inside} "),
            ("listener 8883", f"listener {self.outside} 127.0.0.1"),
        ):
            assert old in shipped
            shipped = shipped.replace(old, new)
        shutil.copy(SHIPPED / "covercode.acl", folder)
        self._config = folder / "mosquitto.conf"
        # "user root": started by root, Mosquitto would read the keys as another user; started by others it is ignored
        self._config.write_text(f"user root\nlog_type all\n{shipped}")
        self.city = BrokerSettings(host="127.0.0.1", port=self.inside, username=CITY, password="word of the city")
        self._seen = ""

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stdout=log, stderr=log)
        wait_until(lambda: "running" in self._log.read_text() or self.process.poll() is not None, "the broker")
        assert self.process.poll() is None, self._log.read_text()

    def keep(self, lines: list[str]) -> None:
        """What the worker and covercode-broker-users.path do: the file, and a reload when it says something else."""
        if credentials.write_password_file(self.users, lines) and hasattr(self, "process"):
            self.process.send_signal(signal.SIGHUP)


class RunningCity:
    """The registry with its pages over HTTP and the post of commands, on this test's broker."""

    def __init__(self, folder: Path, broker: Broker, authority: Path) -> None:
        self.broker = broker
        engine = open_database(f"sqlite:///{folder}/records.db")
        metadata.create_all(engine)
        with writing(engine) as tx:
            load_classes(tx)
        self.records: City = build_city(engine, self.now())
        self.engine = engine
        self._store = SqliteSeries(folder / "series.db")
        door = CabinetDoor(
            broker_host="localhost",
            broker_port=broker.outside,
            broker_ca=(authority / "ca.pem").read_text(),
            check=configuration_faults,
        )
        place = PlainCity(folder)
        web = WebSettings(secret_file=folder / "secret")
        app = create_app(web, place, engine, self._store, cabinets=door, testing=True)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._ends = threading.Event()
        self._post = CommandPost(broker.city, RegistryOutbox(engine))

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    def start(self) -> None:
        self.keep_users()
        self.broker.start()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, daemon=True),
            threading.Thread(target=self._post.run, args=(self._ends.is_set,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(60)
        self._server.server_close()
        self._store.close()
        self.engine.dispose()
        self.broker.process.kill()
        self.broker.process.wait()

    def keep_users(self) -> None:
        self.broker.keep(credentials.password_lines(self.engine, own_users(self.broker.city)))

    def code_for(self, cabinet: str) -> str:
        issued = credentials.issue_code(self.engine, cabinet, by=self.records.administrator, now=self.now())
        return issued.text

    def order(self, kind: CommandKind, cabinet: str, **more: Any) -> int:
        new = commands.NewCommand(kind=kind, cabinet_id=cabinet, **more)
        return commands.order_command(self.engine, new, by=self.records.administrator, now=self.now())

    def ended(self, number: int) -> Any:
        wait_until(lambda: not command(self.engine, number).open, "the end of a command")
        return command(self.engine, number)


class PlainCity:
    """What the pages are told about the city."""

    name, name_en, division, timezone, demo = "示范市", "Demo", "440803", "Asia/Shanghai", False
    public_url = "http://city.example"

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"


@pytest.fixture
def city(tmp_path: Path, authority: Path) -> Iterator[RunningCity]:
    if shutil.which("mosquitto") is None or shutil.which("openssl") is None:
        pytest.fail("these tests need Mosquitto and openssl: apt-get install mosquitto openssl")
    folder = tmp_path / "city"
    folder.mkdir()
    made = RunningCity(folder, Broker(folder, authority), authority)
    made.start()
    yield made
    made.stop()


def enrol(folder: Path, city: RunningCity, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "covercode", "edge", "--config", str(folder / "cabinet.toml")),
            *("enrol", "--city", city.url, "--code", code),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@contextmanager
def running_cabinet(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "edge.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "covercode", "edge", "--config", str(folder / "cabinet.toml")],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def logged(folder: Path, event: str) -> int:
    return (folder / "edge.log").read_text().count(event)


def enrolled(folder: Path, city: RunningCity, cabinet: str) -> str:
    """The password that ``cabinet`` has after enrolling in ``folder``."""
    folder.mkdir()
    told = enrol(folder, city, city.code_for(cabinet))
    assert told.returncode == 0, told.stderr
    city.keep_users()
    return json.loads((folder / "remote" / "credentials.json").read_text())["passwords"][0]


class Client:
    """A plain MQTT client over TLS under a cabinet's name, as somebody with its password could write one."""

    def __init__(self, city: RunningCity, authority: Path, name: str, password: str, *, client_id: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answer: list[str] = []
        self.lost = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id or f"test-{name}")
        self._client.username_pw_set(name, password)
        self._client.tls_set_context(ssl.create_default_context(cafile=str(authority / "ca.pem")))
        self._client.on_connect = lambda _c, _d, _f, code, _p: self.answer.append(str(code))
        self._client.on_disconnect = lambda *_: self.lost.set()
        self._client.on_message = lambda _c, _d, message: self.heard.append((message.topic, message.payload))
        self._client.connect("localhost", city.broker.outside)
        self._client.loop_start()
        wait_until(lambda: self.answer, "the broker's answer")

    def subscribe(self, topic: str) -> None:
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        self._client.subscribe(topic, 1)
        assert done.wait(60)

    def publish(self, topic: str, text: str) -> None:
        self._client.publish(topic, text, qos=1, retain=False).wait_for_publish(20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def city_ears(city: RunningCity) -> Iterator[Client]:
    """Everything below covercode/, heard and sent as the city's own user."""
    ears = Client.__new__(Client)
    ears.heard, ears.answer, ears.lost = [], [], threading.Event()
    ears._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="ears")
    ears._client.username_pw_set(CITY, city.broker.city.password)
    ears._client.on_connect = lambda _c, _d, _f, code, _p: ears.answer.append(str(code))
    ears._client.on_message = lambda _c, _d, message: ears.heard.append((message.topic, message.payload))
    ears._client.connect("127.0.0.1", city.broker.inside)
    ears._client.loop_start()
    wait_until(lambda: ears.answer, "the broker's answer to the city")
    ears.subscribe("covercode/v1/#")
    yield ears
    ears.close()


def test_a_cabinet_can_neither_send_as_another_nor_hear_what_is_another_s(city, authority, tmp_path):
    first, second = enrolled(tmp_path / "a", city, "c1"), enrolled(tmp_path / "b", city, "c2")
    with city_ears(city) as ears:
        one, two = Client(city, authority, "c1", first), Client(city, authority, "c2", second)
        assert (one.answer, two.answer) == (["Success"], ["Success"])
        one.subscribe("covercode/v1/c1/#")
        two.subscribe("covercode/v1/#")
        for tail in ("up/urgent", "up/routine", "state", "cmd/reply", "ack/urgent", "cmd"):
            two.publish(f"covercode/v1/c1/{tail}", "forged")
        two.publish("covercode/v1/c2/cmd", "forged")
        two.publish("covercode/v1/c2/up/other", "forged")
        two.publish("other/topic", "forged")
        two.publish("covercode/v1/c2/up/urgent", "own")
        wait_until(lambda: ("covercode/v1/c2/up/urgent", b"own") in ears.heard, "what c2 may send")
        assert not [topic for topic, body in ears.heard if body == b"forged"]
        ears.publish("covercode/v1/c1/ack/urgent", "for c1")
        ears.publish("covercode/v1/c1/cmd", "for c1")
        ears.publish("covercode/v1/c1/state", "about c1")
        ears.publish("covercode/v1/c2/cmd", "for c2")
        wait_until(lambda: len(one.heard) == 2 and two.heard, "what each may hear")
        assert one.heard == [("covercode/v1/c1/ack/urgent", b"for c1"), ("covercode/v1/c1/cmd", b"for c1")]
        assert two.heard == [("covercode/v1/c2/cmd", b"for c2")]
        # nor can it throw another one out by borrowing its client id
        thief = Client(city, authority, "c2", second, client_id="test-c1")
        assert thief.answer == ["Success"]
        one.publish("covercode/v1/c1/up/urgent", "still here")
        wait_until(lambda: ("covercode/v1/c1/up/urgent", b"still here") in ears.heard, "a word of c1")
        assert not one.lost.is_set()
        for client in (one, two, thief):
            client.close()


def test_strangers_and_revoked_cabinets_do_not_get_in_and_one_that_is_in_is_put_out(city, authority, tmp_path):
    password = enrolled(tmp_path / "a", city, "c1")
    for name, word in (("c1", "wrong"), ("c9", password), ("", "")):
        stranger = Client(city, authority, name, word)
        assert stranger.answer == ["Not authorized"]
        stranger.close()
    inside = Client(city, authority, "c1", password)
    credentials.revoke_cabinet(city.engine, "c1", by=city.records.administrator, now=city.now())
    city.keep_users()
    assert inside.lost.wait(60), "the broker kept a revoked cabinet"
    inside.close()
    again = Client(city, authority, "c1", password)
    assert again.answer[0] == "Not authorized"
    again.close()


def test_a_cabinet_enrols_obeys_rotates_and_is_rolled_back_through_the_whole_city(city, tmp_path):
    folder = tmp_path / "cabinet"
    folder.mkdir()
    code = city.code_for("c1")
    told = enrol(folder, city, code)
    assert told.returncode == 0, told.stderr
    city.keep_users()
    kept = folder / "remote" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    secret = json.loads(kept.read_text())["passwords"][0]
    with reading(city.engine) as tx:
        assert secret not in str(tx.execute(select(cabinet_credential)).all())
    assert "unknown, was used, or has expired" in enrol(tmp_path, city, code).stderr
    unit = TestUnit()
    with SerialBus({1: unit}) as bus:
        config = folder / "cabinet.toml"
        config.write_text(
            config.read_text()
            + f'[remote]\nrollback_after_s = 2\n[[bus]]\nname = "b1"\nport = "{bus.port}"\nbaud = 115200\n'
            "poll_every_s = 0.3\n"
            '  [[bus.unit]]\n  address = 1\n  serial = "CV-000001"\n  profile = "cc-cover-1"\n'
        )
        with writing(city.engine) as tx:
            tx.execute(update(device).values(cabinet_id="c1"))
        note_cabinet(city.engine, CabinetState(cabinet="c1", online=True, at=time.time()), now=city.now())
        with running_cabinet(folder):
            obeys(city)
            is_rolled_back(city)
            rotates(city, kept, secret)
            assert logged(folder, "cabinet_started") == 4  # at first, for each trial, and for the one taken back


def obeys(city: RunningCity) -> None:
    assert city.ended(city.order(CommandKind.DESCRIBE, "c1")).state is CommandState.DONE
    own = cabinet_file(city.engine, "c1", now=city.now()).own
    assert own is not None
    assert own["bus"][0]["unit"][0]["serial"] == "CV-000001"
    number = city.order(CommandKind.REZERO, "", device_id=city.records.device_id, arguments={"reason": "fitted"})
    assert city.ended(number).state is CommandState.DONE
    with reading(city.engine) as tx:
        zero = tx.execute(select(point.c.baseline).where(point.c.name == "tilt_z")).scalar_one()
    assert zero in (0.0, 1.23)  # whether this point has a zero is the registry's to say
    configurations.change_period(
        city.engine,
        city.records.device_id,
        0.5,
        check=configuration_faults,
        by=city.records.administrator,
        now=city.now(),
    )
    wait_until(lambda: cabinet_file(city.engine, "c1", now=city.now()).applied, "the first configuration in use")


def is_rolled_back(city: RunningCity) -> None:
    new = configurations.NewConfiguration(cabinet_id="c1", text=f"[broker]\nport = {free_port()}\n", follows=1)
    configurations.publish_configuration(
        city.engine, new, check=configuration_faults, by=city.records.administrator, now=city.now()
    )

    def newest() -> Any:
        return cabinet_file(city.engine, "c1", now=city.now()).configurations[0]

    wait_until(lambda: newest().state is not ConfigurationState.WAITING, "the end of the trial")
    assert newest().state is ConfigurationState.ROLLED_BACK
    assert re.search("not heard through it within 2 s", newest().reason)
    applied = cabinet_file(city.engine, "c1", now=city.now()).applied
    assert applied is not None
    assert applied.version == 1


def rotates(city: RunningCity, kept: Path, secret: str) -> None:
    assert city.ended(city.order(CommandKind.ROTATE, "c1")).state is CommandState.DONE
    both = json.loads(kept.read_text())["passwords"]
    assert both[1:] == [secret]
    city.keep_users()  # the broker puts the old password out, and the cabinet comes back with the new one
    wait_until(lambda: json.loads(kept.read_text())["passwords"] == both[:1], "the old password's end")
    assert city.ended(city.order(CommandKind.POLL, "c1")).state is CommandState.DONE
