"""The intake's own end of MQTT, on a real Mosquitto: in bulk, over TLS, refused, and left alone by the broker."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt import publish

from gateway.broker import BrokerDown
from gateway.bulk_mqtt import BulkConnection, Message
from gateway.settings import BrokerSettings
from tests.mosquitto import Mosquitto, free_port

pytestmark = pytest.mark.network


@contextmanager
def connected(settings: BrokerSettings, messages: list[Message], *, clean: bool = True) -> Iterator[BulkConnection]:
    line = BulkConnection(settings, client_id="bulk", clean=clean)
    try:
        line.open(("up/#",), messages)
        yield line
    finally:
        line.close()


def take_until(line: BulkConnection, messages: list[Message], count: int) -> None:
    deadline = time.monotonic() + 60
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} messages came"
        select.select([line], [line] if line.unsent else [], [], 1.0)
        line.take(messages)
        line.keep_alive()


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    making += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(making, check=True, capture_output=True)
    return key, certificate


def at(broker: Mosquitto, **more: object) -> BrokerSettings:
    return BrokerSettings(host=broker.host, port=broker.port, **more)


def test_many_small_and_few_large_messages_come_whole_and_in_order(tmp_path: Path):
    sent = [("up/a", f"{number}".encode(), 1, False) for number in range(2_000)]
    sent += [("up/b", bytes((number,)) * 300_000, 1, False) for number in range(3)]
    messages: list[Message] = []
    with Mosquitto(tmp_path) as broker, connected(at(broker), messages) as line:
        publish.multiple(sent, hostname=broker.host, port=broker.port)
        take_until(line, messages, len(sent))
    assert messages == [(topic, payload) for topic, payload, _, _ in sent]


def test_what_was_confirmed_does_not_come_again_and_what_waited_comes_with_the_session(tmp_path: Path):
    messages: list[Message] = []
    with Mosquitto(tmp_path) as broker:
        with connected(at(broker), messages, clean=False) as line:
            publish.single("up/a", b"first", qos=1, hostname=broker.host, port=broker.port)
            take_until(line, messages, 1)
        publish.single("up/a", b"second", qos=1, hostname=broker.host, port=broker.port)
        with connected(at(broker), messages, clean=False) as line:
            take_until(line, messages, 2)
            publish.single("up/a", b"third", qos=1, hostname=broker.host, port=broker.port)
            take_until(line, messages, 3)
    assert [payload for _, payload in messages] == [b"first", b"second", b"third"]


def test_what_it_publishes_reaches_others(tmp_path: Path):
    messages: list[Message] = []
    with Mosquitto(tmp_path) as broker, connected(at(broker), messages) as line:
        for number in range(300):
            line.publish("up/井盖", str(number).encode() * 100)
        take_until(line, messages, 300)
    assert messages == [("up/井盖", str(number).encode() * 100) for number in range(300)]


def test_a_wrong_password_is_said_in_words(tmp_path: Path):
    words = tmp_path / "passwords"
    words.touch(mode=0o644)
    subprocess.run(["mosquitto_passwd", "-b", str(words), "city", "right"], check=True, capture_output=True)
    with Mosquitto(tmp_path, extra=f"user root\npassword_file {words}\nallow_anonymous false") as broker:
        with connected(at(broker, username="city", password="right"), []):
            pass
        with (
            pytest.raises(BrokerDown, match=r"look at \[broker\] username"),
            connected(at(broker, username="city", password="wrong"), []),
        ):
            pass


def test_it_speaks_tls_and_trusts_nobody_else(tmp_path: Path):
    (key, certificate), (_, other), port = make_certificate(tmp_path, "a"), make_certificate(tmp_path, "b"), free_port()
    listener = f"user root\nlistener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}"
    messages: list[Message] = []
    with Mosquitto(tmp_path, extra=listener) as broker:
        secure = BrokerSettings(host="localhost", port=port, tls_ca=str(certificate))
        with connected(secure, messages) as line:
            publish.single("up/a", b"x" * 200_000, qos=1, hostname=broker.host, port=broker.port)
            take_until(line, messages, 1)
        stranger = BrokerSettings(host="localhost", port=port, tls_ca=str(other))
        with pytest.raises(BrokerDown, match="certificate"), connected(stranger, []):
            pass
    assert messages == [("up/a", b"x" * 200_000)]


def test_a_broker_that_falls_silent_is_given_up(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet_and_fall_silent() -> None:
            client, _ = server.accept()
            client.recv(1000)
            client.sendall(b"\x20\x02\x00\x00")
            client.recv(1000)
            client.sendall(b"\x90\x03\x00\x01\x01")
            while client.recv(1000):
                pass
            client.close()

        broker = threading.Thread(target=greet_and_fall_silent, daemon=True)
        broker.start()
        settings = BrokerSettings(host="127.0.0.1", port=server.getsockname()[1], keepalive_s=1)
        with connected(settings, []) as line, pytest.raises(BrokerDown, match="silent"):
            take_until(line, [], 1)
        broker.join(60)


def test_a_broker_that_is_not_there_and_one_that_goes_are_told_apart_from_silence(tmp_path: Path):
    with pytest.raises(BrokerDown, match="refused"), connected(BrokerSettings(host="127.0.0.1", port=free_port()), []):
        pass
    with Mosquitto(tmp_path) as broker, connected(at(broker), []) as line:
        broker.kill()
        with pytest.raises(BrokerDown, match=r"closed|reset"):
            take_until(line, [], 1)
