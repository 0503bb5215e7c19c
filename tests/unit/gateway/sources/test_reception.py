"""From frames to the spool: whose they are, what they mean, which lane they take, and what becomes of the rest."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from gateway.device_profiles import load_profiles
from gateway.senml import Item, Reading, Undecoded
from gateway.settings import SourceDevice, SourceSettings
from gateway.sources.frames import Frame, Unreadable
from gateway.sources.reception import Reception, normal_id, serial_of
from gateway.spool import SpoolFull

AT_MS = 1_767_600_000_123
NOW_S = 1_767_600_002.5
CALM = bytes.fromhex("01755703CFBBFED204E21D00")
TILTED = bytes.fromhex("01755703CFBBFED204E21D02")


class Kept:
    def __init__(self) -> None:
        self.puts: list[Mapping[str, Sequence[Item]]] = []
        self.refuse = 0

    def __call__(self, items_by_lane: Mapping[str, Sequence[Item]]) -> None:
        if self.refuse:
            self.refuse -= 1
            raise SpoolFull("no room")
        self.puts.append(items_by_lane)

    def lanes(self) -> list[str]:
        return [lane for put in self.puts for lane in put]

    def letters(self) -> list[Undecoded]:
        return [item for put in self.puts for items in put.values() for item in items if isinstance(item, Undecoded)]

    def readings(self) -> list[Reading]:
        return [item for put in self.puts for items in put.values() for item in items if isinstance(item, Reading)]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


profiles = cache(load_profiles)


def reception(kept: Kept, **changes: object) -> Reception:
    device = SourceDevice(id="24-E1-24-78-5B-12-34-56", serial="TILT-7", profile="milesight-em310-tilt")
    values: dict[str, object] = {"name": "lora", "kind": "chirpstack", "device": (device,)}
    return Reception(SourceSettings(**(values | changes)), profiles(), kept, clock=lambda: NOW_S)


def frame(payload: bytes = CALM, **changes: object) -> Frame:
    values: dict[str, object] = {
        "device": "24e124785b123456", "payload": payload, "port": 85, "measured_ms": AT_MS,
    }  # fmt: skip
    return Frame(**(values | changes))


def test_a_frame_of_a_listed_device_becomes_readings_under_its_serial_at_its_own_time(kept, stop):
    taken = reception(kept)
    assert taken.take([frame()], stop)
    assert {(one.serial, one.measured_ms, one.received_ms, one.quality) for one in kept.readings()} == {
        ("TILT-7", AT_MS, 1_767_600_002_500, 0)
    }
    assert {one.point: one.value for one in kept.readings()}["tilt_y"] == 12.34
    assert kept.lanes() == ["routine"]
    health = taken.health()
    assert (health.messages, health.readings, health.undecoded) == (1, 7, {})


def test_a_broken_limit_and_the_first_frame_after_it_go_the_fast_way(kept, stop):
    taken = reception(kept)
    for payload in (CALM, TILTED, CALM, CALM):
        assert taken.take([frame(payload)], stop)
    assert kept.lanes() == ["routine", "urgent", "urgent", "routine"]


def test_a_devices_own_limit_stands_before_the_profiles(kept, stop):
    own = SourceDevice(
        id="24e124785b123456", serial="T", profile="milesight-em310-tilt",
        urgent_above={"tilt_alarm_y": 5.0, "tilt_z": 70.0},
    )  # fmt: skip
    assert reception(kept, device=(own,)).take([frame(TILTED)], stop)
    assert kept.lanes() == ["urgent"]
    quiet = SourceDevice(
        id="24e124785b123456", serial="T", profile="milesight-em310-tilt", urgent_above={"tilt_alarm_y": 5.0}
    )  # fmt: skip
    assert reception(kept, device=(quiet,)).take([frame(TILTED)], stop)
    assert kept.lanes() == ["urgent", "routine"]


def test_an_unknown_device_is_kept_with_its_bytes_so_that_it_can_be_read_once_it_is_fitted(kept, stop):
    taken = reception(kept)
    assert taken.take([frame(device="24e124785b999999")], stop)
    (letter,) = kept.letters()
    assert (letter.device, letter.port, bytes.fromhex(letter.payload)) == ("24e124785b999999", 85, CALM)
    assert letter.received_ms == AT_MS
    assert letter.reason.startswith("unknown_device: ")
    assert taken.health().undecoded == {"unknown_device": 1}


def test_a_source_with_a_profile_for_all_names_devices_by_their_identity(kept, stop):
    assert reception(kept, profile="milesight-em310-tilt").take([frame(device="24E124785B999999")], stop)
    assert {one.serial for one in kept.readings()} == {"24e124785b999999"}


def test_a_frame_that_its_decoder_rejects_is_kept_with_the_reason(kept, stop):
    assert reception(kept).take([frame(CALM[:5]), frame(b"\x99\x99\x01"), frame()], stop)
    assert [letter.reason.partition(":")[0] for letter in kept.letters()] == ["too_short", "unknown_tag"]
    assert {letter.device for letter in kept.letters()} == {"TILT-7"}, "under the serial, so that it can be read again"
    assert len(kept.readings()) == 7


def test_what_no_envelope_could_read_is_kept_too_and_cut_to_a_bearable_length(kept, stop):
    taken = reception(kept)
    assert taken.take([Unreadable(reason="not_json: \x00\ud800 odd", body=b"x" * 100_000)], stop)
    (letter,) = kept.letters()
    assert len(letter.payload) == 2 * 8192
    assert "of 100000 bytes" in letter.reason
    assert letter.reason.isprintable()
    assert letter.device == "lora"


def test_an_empty_uplink_is_counted_and_is_no_error(kept, stop):
    taken = reception(kept)
    assert taken.take([frame(b"", port=0)], stop)
    assert (kept.puts, taken.health().empty) == ([], 1)


def test_a_repeat_is_dropped_but_only_once_the_first_was_kept(kept, stop):
    taken = reception(kept)
    kept.refuse = 1
    assert not taken.take([frame(key="k1")], stop, within_s=0.0)
    assert taken.health().messages == 0
    assert taken.take([frame(key="k1"), frame(key="k1")], stop)
    assert taken.take([frame(key="k1")], stop)
    assert len(kept.readings()) == 7
    assert taken.health().repeats == 2


def test_a_spool_without_room_is_asked_again_and_the_connection_kept_alive_meanwhile(kept, stop):
    kept.refuse = 2
    alive: list[int] = []
    assert reception(kept).take([frame()], stop, meanwhile=lambda: alive.append(1))
    assert len(kept.readings()) == 7
    assert len(alive) == 2


def test_nothing_counts_as_taken_when_the_end_comes_while_the_spool_refuses(kept, stop):
    kept.refuse = 10**6
    stop.set()
    assert not reception(kept).take([frame()], stop)


def test_simulated_uplinks_are_marked_in_every_reading(kept, stop):
    assert reception(kept).take([frame(simulated=True)], stop)
    assert {one.quality for one in kept.readings()} == {3}


def test_what_the_network_decoded_serves_a_json_profile_and_no_other(kept, stop):
    assert reception(kept).take([frame(b"", document=b'{"battery":87}')], stop)
    assert kept.letters()[0].reason.startswith("no_payload: ")


def test_a_frame_without_a_time_takes_the_time_it_came(kept, stop):
    assert reception(kept).take([frame(measured_ms=None)], stop)
    assert {one.measured_ms for one in kept.readings()} == {1_767_600_002_500}


@pytest.mark.parametrize(
    ("identity", "same"),
    [("24-E1-24-78-5B-12-34-56", "24e124785b123456"), (" 24e124785b123456 ", "24e124785b123456"),
     ("Plant/Node-1/Dev:2", "plant/node-1/dev:2")],
)  # fmt: skip
def test_identities_are_compared_without_case_and_separators(identity, same):
    assert normal_id(identity) == same


@pytest.mark.parametrize(
    ("identity", "serial"),
    [
        ("TILT-7", "TILT-7"),
        ("24-E1-24-78-5B-12-34-56", "24e124785b123456"),
        ("plant/node 1", "plant-node-1"),
        ("井盖7", "x--7"),
        ("-a", "x-a"),
        ("a" * 99, "a" * 64),
    ],
)
def test_an_identity_becomes_a_serial_that_senml_allows(identity, serial):
    assert serial_of(identity) == serial
