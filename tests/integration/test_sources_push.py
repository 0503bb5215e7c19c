"""Platforms that push over a real socket: 200 means on the disk, and everything else says what to do."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import signal
import socket
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from structlog.testing import capture_logs

from gateway.settings import PushSettings, SourceDevice, SourceSettings
from tests.mosquitto import free_port
from tests.source_running import KeptItems, cabinet, end_process, running, spooled, start_process, wait_until

pytestmark = pytest.mark.network

IMEI = "867725030000001"
CALM = bytes.fromhex("01755703CFBBFED204E21D00")
SECRET_PATH = "/push/ctwing/k3J9-not-to-be-guessed-1c"
DEVICE = SourceDevice(id=IMEI, serial="TILT-7", profile="milesight-em310-tilt")
CTWING = SourceSettings(name="aep", kind="ctwing", path=SECRET_PATH, device=(DEVICE,))
ONENET = SourceSettings(
    name="onenet", kind="onenet", path="/push/onenet", token="t0ken",
    device=(SourceDevice(id=IMEI, serial="TILT-8", profile="milesight-em310-tilt"),),
)  # fmt: skip


def report(second: int = 0, payload: bytes = CALM, **changes: object) -> dict[str, object]:
    return {
        "messageType": "dataReport", "productId": "1", "deviceId": "d1", "IMEI": IMEI, "protocol": "lwm2m",
        "timestamp": 1_767_600_000_000 + 1000 * second, "upPacketSN": -1,
        "payload": {"APPdata": base64.b64encode(payload).decode()},
    } | changes  # fmt: skip


def ask(
    port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of the answer; retried until the server listens."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body=raw, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def port() -> int:
    return free_port()


def push(port: int, **changes: object) -> PushSettings:
    return PushSettings(port=port, **changes)


def test_a_push_is_answered_once_its_readings_are_kept_and_a_repeat_is_the_same_reading(port):
    kept = KeptItems()
    with running(cabinet(CTWING, push=push(port)), kept):
        wait_until(lambda: listening(port))
        status, text = ask(port, "POST", SECRET_PATH, report())
        assert (status, json.loads(text)) == (200, {"ok": True, "taken": 1, "unusable": []})
        assert len(kept.readings()) == 7
        ask(port, "POST", SECRET_PATH, report())
        ask(port, "POST", SECRET_PATH, [report(1), report(2)])
    assert len({(one.serial, one.point, one.measured_ms) for one in kept.readings()}) == 21


def test_a_body_that_cannot_be_read_is_kept_named_in_the_answer_and_not_sent_again(port):
    kept = KeptItems()
    with running(cabinet(CTWING, push=push(port)), kept) as sources:
        wait_until(lambda: listening(port))
        status, text = ask(port, "POST", SECRET_PATH, b"{odd")
        assert status == 200
        assert json.loads(text)["unusable"][0].startswith("not_json: ")
        assert ask(port, "POST", SECRET_PATH, [report(0, b"\x99\x99"), report(1, IMEI="1")])[0] == 200
        assert sources.health()[0].undecoded == {"not_json": 1, "unknown_tag": 1, "unknown_device": 1}
    assert len(kept.letters()) == 3


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("POST", "/push/ctwing/k3J9-not-to-be-guessed-1d", 404, "unknown_path"), ("GET", SECRET_PATH, 405, "wrong_method"),
     ("POST", "/", 404, "unknown_path"), ("PUT", SECRET_PATH, 405, "wrong_method")],
)  # fmt: skip
def test_a_stranger_gets_an_error_that_says_what_is_wrong_and_nothing_is_kept(port, method, path, status, code):
    kept = KeptItems()
    with running(cabinet(CTWING, push=push(port)), kept):
        wait_until(lambda: listening(port))
        given, text = ask(port, method, path, report())
    assert given == status
    assert json.loads(text)["error"]["code"] == code
    assert kept.items == []


def test_json_over_http_wants_its_token(port):
    source = SourceSettings(
        name="own", kind="json_http", path="/push/own", token="t0ken", id_path="sn", profile="milesight-em310-tilt"
    )
    kept = KeptItems()
    with running(cabinet(source, push=push(port)), kept), capture_logs() as logs:
        wait_until(lambda: listening(port))
        for headers in (
            {},
            {"Authorization": "Bearer other"},
            {"Authorization": "Bearer tökén".encode().decode("latin-1")},
        ):
            assert ask(port, "POST", "/push/own", {"sn": "a"}, headers)[0] == 401
        assert ask(port, "POST", "/push/own", {"sn": "a"}, {"Authorization": "Bearer t0ken"})[0] == 200
    assert len(kept.letters()) == 1
    assert [entry["event"] for entry in logs].count("push_refused") == 1


def test_onenet_checks_our_address_and_its_signature_is_checked(port):
    def signature(text: str) -> str:
        return base64.b64encode(hashlib.md5(b"t0ken" + b"n1" + text.encode()).digest()).decode()

    kept = KeptItems()
    with running(cabinet(ONENET, push=push(port)), kept):
        wait_until(lambda: listening(port))
        query = f"msg=hello&nonce=n1&signature={quote_plus(signature('hello'))}"
        assert ask(port, "GET", f"/push/onenet?{query}") == (200, "hello")
        assert ask(port, "GET", "/push/onenet?msg=hello&nonce=n1&signature=x")[0] == 403
        message = json.dumps([
            {"type": 1, "imei": IMEI, "ds_id": "3200_0_5505", "at": 1_767_600_000_000 + ms, "value": CALM.hex()}
            for ms in (0, 1000)
        ])  # fmt: skip
        body = f'{{"msg": {message}, "nonce": "n1", "msg_signature": "{signature(message)}"}}'.encode()
        assert ask(port, "POST", "/push/onenet", body)[0] == 200
        assert ask(port, "POST", "/push/onenet", body.replace(b"1767600001000", b"1767600002000"))[0] == 403
    assert {one.measured_ms for one in kept.readings()} == {1_767_600_000_000, 1_767_600_001_000}
    assert kept.letters() == []


def test_too_large_too_many_and_a_spool_that_refuses_are_told_apart(port):
    kept = KeptItems()
    limits = push(port, max_bytes=2000, per_second=1.0, answer_within_s=0.0)
    with running(cabinet(CTWING, push=limits), kept):
        wait_until(lambda: listening(port))
        assert ask(port, "POST", SECRET_PATH, b"x" * 5000)[0] == 413
        kept.full = True
        status, text = ask(port, "POST", SECRET_PATH, report())
        assert (status, json.loads(text)["error"]["code"]) == (503, "not_kept")
        kept.full = False
        seen = set()
        wait_until(lambda: seen.add(ask(port, "POST", SECRET_PATH, report())[0]) or seen == {200, 429})
    assert len({(one.point, one.measured_ms) for one in kept.readings()}) == 7


def test_senders_that_say_nothing_do_not_keep_others_waiting(port):
    kept = KeptItems()
    with running(cabinet(CTWING, push=push(port)), kept):
        wait_until(lambda: listening(port))
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        try:
            for one in idle:
                one.sendall(f"POST {SECRET_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode())
            assert ask(port, "POST", SECRET_PATH, report())[0] == 200
        finally:
            for one in idle:
                one.close()


def test_a_port_that_is_taken_is_said_once_and_served_when_it_is_free(port):
    kept = KeptItems()
    with capture_logs() as logs:
        taken = socket.create_server(("127.0.0.1", port))
        with running(cabinet(CTWING, push=push(port)), kept) as sources:
            wait_until(lambda: any(entry["event"] == "push_down" for entry in logs))
            taken.close()
            wait_until(lambda: sources.health()[0].up)
            assert ask(port, "POST", SECRET_PATH, report())[0] == 200
    assert [entry["event"] for entry in logs] == ["push_down", "push_up"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_before_or_after_the_disk_has_it_no_answered_push_is_lost(tmp_path: Path, port, moment):
    spool = tmp_path / "spool.db"
    config = tmp_path / "cabinet.toml"
    config.write_text(
        f'[cabinet]\nid = "c1"\n[broker]\nhost = "127.0.0.1"\n[spool]\npath = "{spool}"\n[push]\nport = {port}\n'
        f'[[source]]\nname = "aep"\nkind = "ctwing"\npath = "{SECRET_PATH}"\n'
        f'[[source.device]]\nid = "{IMEI}"\nserial = "TILT-7"\nprofile = "milesight-em310-tilt"\n'
    )
    first = start_process(config, kill=moment)
    try:
        wait_until(lambda: listening(port))
        with pytest.raises((OSError, http.client.HTTPException)):  # killed with the answer not given
            ask(port, "POST", SECRET_PATH, report(0))
    finally:
        assert end_process(first) == -signal.SIGKILL
    second = start_process(config)
    try:
        wait_until(lambda: listening(port))
        for second_of_hour in (0, 1):  # the platform sends again what was not answered
            assert ask(port, "POST", SECRET_PATH, report(second_of_hour))[0] == 200
    finally:
        end_process(second)  # killed right after its answer
    found = spooled(spool)
    assert len({(one.serial, one.point, one.measured_ms) for one in found}) == 14
    assert len(found) == (21 if moment == "after" else 14)


def test_pushes_at_once_are_all_kept(port):
    kept = KeptItems()
    answers: list[int] = []
    with running(cabinet(CTWING, push=push(port, per_second=1000.0)), kept):
        wait_until(lambda: listening(port))

        def send(first: int) -> None:
            answers.extend(ask(port, "POST", SECRET_PATH, report(first + n))[0] for n in range(10))

        threads = [threading.Thread(target=send, args=(100 * number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == [200] * 80
    assert len({(one.point, one.measured_ms) for one in kept.readings()}) == 7 * 80
