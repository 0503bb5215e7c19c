"""Envelopes of networks and platforms: what they hold, with fields left out, fields nobody knows, and damage."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources import chirpstack, ctwing, onenet, things_stack
from gateway.sources.frames import Frame, Refused, Unreadable, time_ms
from gateway.sources.plain_json import JsonEnvelope

EM310 = bytes.fromhex("01755703CFBBFED204E21D02")
UP = "application/0f3c/device/24e124785b123456/event/up"
TTS_UP = "v3/covers@city/devices/cover-7/up"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def chirpstack_up(**changes: object) -> dict[str, object]:
    """As ChirpStack v4 writes it: zeros (fCnt, dr, rssi of one gateway) and false (confirmed) are left out."""
    event: dict[str, object] = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-01-05T08:00:00.123456789+00:00",
        "deviceInfo": {
            "tenantId": "52f14cd4", "tenantName": "city", "applicationId": "0f3c", "applicationName": "covers",
            "deviceProfileName": "EM310", "deviceName": "cover 7", "devEui": "24e124785b123456", "tags": {"road": "x"},
        },
        "devAddr": "00189440", "adr": True, "fPort": 85, "data": base64.b64encode(EM310).decode(),
        "object": {"battery": 87}, "aFieldOfTheNextRelease": {"a": [1]},
        "rxInfo": [
            {"gatewayId": "0016c001f153a14c", "uplinkId": 4217106255, "gwTime": "2026-01-05T07:59:58.5+00:00",
             "snr": -3.5, "location": {}, "crcStatus": "CRC_OK"},
            {"gatewayId": "0016c001f153a14d", "gwTime": "2026-01-05T08:00:00.050Z", "rssi": -35, "snr": 11.5,
             "metadata": {"region": "eu868"}},
        ],
        "txInfo": {"frequency": 868500000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7}}},
    }  # fmt: skip
    return {key: value for key, value in (event | changes).items() if value is not None}


def tts_up(**changes: object) -> dict[str, object]:
    """As The Things Stack v3 writes it: f_port 85 is there, f_cnt 0 is left out."""
    uplink: dict[str, object] = {
        "session_key_id": "AXA50tHUQvvdvJzuh2qhCQ==", "f_port": 85, "frm_payload": base64.b64encode(EM310).decode(),
        "decoded_payload": {"battery": 87}, "received_at": "2026-01-05T08:00:00.123456789Z",
        "rx_metadata": [{"gateway_ids": {"gateway_id": "gw1", "eui": "B827EBFFFE000001"},
                         "time": "2026-01-05T08:00:01Z",
                         "rssi": -40, "snr": 9.2, "uplink_token": "x"}],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}},
                     "frequency": "868500000"},
        "consumed_airtime": "0.056576s", "a_later_field": {},
    }  # fmt: skip
    uplink = {key: value for key, value in (uplink | changes).items() if value is not None}
    return {
        "end_device_ids": {
            "device_id": "cover-7", "application_ids": {"application_id": "covers"}, "dev_eui": "24E124785B123456",
            "join_eui": "24E124C0002A0001", "dev_addr": "260B9BA4",
        },
        "correlation_ids": ["as:up:01F"], "received_at": "2026-01-05T08:00:00.9Z", "uplink_message": uplink,
    }  # fmt: skip


def test_a_chirpstack_uplink_is_a_frame_with_the_time_of_the_gateway_that_heard_it_best():
    (frame,) = chirpstack.read(UP, json.dumps(chirpstack_up()).encode())
    assert frame == Frame(
        device="24e124785b123456",
        payload=EM310,
        port=85,
        document=b'{"battery":87}',
        measured_ms=ms("2026-01-05T08:00:00.050"),
        key="3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    )


def test_a_chirpstack_uplink_with_its_zeros_left_out_is_still_a_frame():
    event = {"deviceInfo": {"devEui": "24E124785B123456"}, "data": "AQ==", "time": "2026-01-05T08:00:00Z"}
    (frame,) = chirpstack.read(UP, json.dumps(event).encode())
    assert frame == Frame(device="24e124785b123456", payload=b"\x01", measured_ms=ms("2026-01-05T08:00:00"))


def test_a_gateway_whose_clock_was_never_set_is_not_believed():
    heard = [{"gwTime": "1980-01-06T00:00:10Z", "nsTime": "2026-01-05T08:00:00.2Z", "snr": 1}]
    (frame,) = chirpstack.read(UP, json.dumps(chirpstack_up(rxInfo=heard)).encode())
    assert frame.measured_ms == ms("2026-01-05T08:00:00.200")
    heard = [{"gwTime": "2026-01-05T09:00:00Z", "snr": 1}]
    (frame,) = chirpstack.read(UP, json.dumps(chirpstack_up(rxInfo=heard)).encode())
    assert frame.measured_ms == ms("2026-01-05T08:00:00.123")


def test_a_things_stack_uplink_is_a_frame_with_the_time_of_the_network_server():
    (frame,) = things_stack.read(TTS_UP, json.dumps(tts_up()).encode())
    assert frame == Frame(
        device="24e124785b123456",
        payload=EM310,
        port=85,
        document=b'{"battery":87}',
        measured_ms=ms("2026-01-05T08:00:00.123"),
        key="24e124785b123456/AXA50tHUQvvdvJzuh2qhCQ==/0",
    )


def test_a_things_stack_uplink_without_its_own_time_takes_the_next_best():
    (frame,) = things_stack.read(TTS_UP, json.dumps(tts_up(received_at=None)).encode())
    assert frame.measured_ms == ms("2026-01-05T08:00:00.900")
    message = tts_up(received_at=None)
    del message["received_at"]
    (frame,) = things_stack.read(TTS_UP, json.dumps(message).encode())
    assert frame.measured_ms == ms("2026-01-05T08:00:01")


def test_a_simulated_uplink_is_marked():
    (frame,) = things_stack.read(TTS_UP, json.dumps(tts_up() | {"simulated": True}).encode())
    assert frame.simulated


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (b"{", "not_json"),
        (b"[]", "bad_envelope"),
        (json.dumps(chirpstack_up(data="%%")).encode(), "bad_envelope: data is no base64"),
        (json.dumps(chirpstack_up(fPort="x")).encode(), "bad_envelope: fPort"),
        (json.dumps(chirpstack_up(deviceInfo={"devEui": "7"})).encode(), "bad_envelope: '7' is no DevEUI"),
    ],
)
def test_a_chirpstack_event_that_is_damaged_says_why_and_whose_it_is(event, reason):
    (found,) = chirpstack.read(UP, event)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith(reason)
    assert found.body == event


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["deviceInfo", "devEui", "data", "fPort", "rxInfo", "time", "object", "end_device_ids",
                         "uplink_message", "dev_eui", "payload", "IMEI", "timestamp", "APPdata", "msg"])
        | st.text(max_size=4),
        inner, max_size=5),
    max_leaves=12,
).map(lambda document: json.dumps(document).encode()))  # fmt: skip
def test_any_message_is_read_or_kept_with_a_reason(body):
    envelope = JsonEnvelope(topics=("a/{device}/b",), id_path="a.b")
    for found in (
        *chirpstack.read(UP, body), *things_stack.read(TTS_UP, body), *ctwing.read(body), *envelope.read("a/x/b", body),
    ):  # fmt: skip
        assert isinstance(found, Frame | Unreadable)
    with suppress(Refused):
        onenet.read(body, "token")


# --- pushes ---------------------------------------------------------------------------------------------------------


def test_ctwing_reports_come_alone_or_as_a_list_transparent_or_by_a_products_profile():
    report = {
        "messageType": "dataReport", "productId": "10001", "deviceId": "d1", "IMEI": "867725030000001",
        "IMSI": "undefined", "serviceId": 1, "timestamp": 1767600000123, "upPacketSN": -1,
        "payload": {"APPdata": base64.b64encode(EM310).decode()},
    }  # fmt: skip
    transparent = Frame(device="867725030000001", payload=EM310, measured_ms=1767600000123)
    assert ctwing.read(json.dumps(report).encode()) == [transparent]
    by_profile = report | {"payload": {"serviceId": "1", "serviceData": {"level": 5}}}
    plain = report | {"payload": {"level": 6}, "IMEI": ""}
    assert ctwing.read(json.dumps([report, by_profile, plain]).encode()) == [
        transparent,
        Frame(device="867725030000001", document=b'{"level":5}', measured_ms=1767600000123),
        Frame(device="d1", document=b'{"level":6}', measured_ms=1767600000123),
    ]
    assert ctwing.read(b'{"messageType":"deviceOnlineOfflineReport","deviceId":"d1"}') == []


def signed(message: str, token: str = "t0ken", nonce: str = "n1") -> bytes:
    # By hand, so that a mistake in ours can't cancel itself out.
    digest = base64.b64encode(hashlib.md5((token + nonce + message).encode()).digest()).decode()
    return f'{{"msg":{message},"msg_signature":"{digest}","nonce":"{nonce}"}}'.encode()


def test_onenet_takes_signed_messages_whatever_blanks_stand_in_them():
    message = (
        '{ "type":1, "dev_id": 4711, "imei":"867725030000001","ds_id":"3200_0_5505","at":1767600000123,"value":"0175"}'
    )
    assert onenet.read(signed(message), "t0ken") == [
        Frame(device="867725030000001", payload=b"\x01\x75", document=b'{"3200_0_5505":"0175"}',
              measured_ms=1767600000123),
    ]  # fmt: skip


def test_onenet_batches_put_the_resources_of_one_time_into_one_document():
    one = {"type": 1, "imei": "8", "ds_id": "3330_0_5700", "at": 1767600000123, "value": 812}
    two = one | {"ds_id": "3303_0_5700", "value": -3.5}
    later = one | {"at": 1767600060123, "value": 813}
    offline = {"type": 2, "imei": "8", "status": 0, "at": 1767600070123}
    frames = onenet.read(signed(json.dumps([one, two, later, offline])), "t0ken")
    assert [(frame.device, json.loads(frame.document), frame.measured_ms) for frame in frames] == [
        ("8", {"3330_0_5700": 812, "3303_0_5700": -3.5}, 1767600000123),
        ("8", {"3330_0_5700": 813}, 1767600060123),
    ]


@pytest.mark.parametrize(
    "body",
    [
        signed('{"type":1}', token="other"),
        signed('{"type":1}').replace(b'"type":1', b'"type":2'),
        b'{"msg":{"type":1}}',
        b'{"enc_msg":"abc","msg_signature":"x","nonce":"y"}',
        b"no json",
    ],
)
def test_onenet_refuses_what_the_platform_did_not_sign(body):
    with pytest.raises(Refused):
        onenet.read(body, "t0ken")


def test_onenet_checks_our_address_and_gets_its_message_back():
    digest = base64.b64encode(hashlib.md5(b"t0ken" + b"n1" + b"hello").digest()).decode()
    assert onenet.greet({"msg": "hello", "nonce": "n1", "signature": digest}, "t0ken") == "hello"
    assert onenet.greet({"msg": "hello", "nonce": "n1", "signature": digest.replace("+", " ")}, "t0ken") == "hello"
    with pytest.raises(Refused):
        onenet.greet({"msg": "hello", "nonce": "n2", "signature": digest}, "t0ken")


def test_plain_json_names_its_device_in_the_topic_or_in_the_document():
    in_topic = JsonEnvelope(topics=("city/{device}/data",))
    assert in_topic.filters() == ("city/+/data",)
    assert in_topic.read("city/w-7/data", b'{"level":5}') == [
        Frame(device="w-7", payload=b'{"level":5}', document=b'{"level":5}')
    ]
    inside = JsonEnvelope(topics=("city/all",), id_path="meta[0].sn")
    found = inside.read("city/all", b'[{"meta":[{"sn":77}],"level":1},{"level":2}]')
    assert isinstance(found[0], Frame)
    assert found[0].device == "77"
    assert isinstance(found[1], Unreadable)
    assert found[1].reason.startswith("bad_envelope: no device is named at 'meta[0].sn'")


@pytest.mark.parametrize(
    ("told", "is_ms"),
    [
        ("2026-01-05T08:00:00.123456789+00:00", 1767600000123), ("2026-01-05T16:00:00+08:00", 1767600000000),
        ("2026-01-05T08:00:00.57Z", 1767600000570),
        ("2026-01-05t08:00:00z", 1767600000000), (1767600000, 1767600000000), (1767600000123, 1767600000123),
        ("yesterday", None),
        (True, None), (None, None), ("1970-01-01T00:00:05Z", None), (5, None), (float("inf"), None),
        ("2026-13-05T08:00:00Z", None), ("2026-01-05T08:00:00+99:00", None),
    ],
)  # fmt: skip
def test_times_are_read_as_they_come_and_never_guessed(told, is_ms):
    assert time_ms(told) == is_ms
