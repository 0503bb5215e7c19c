"""One bus on a real pseudo-terminal, with a clock that the test moves."""

from __future__ import annotations

import json
import os
import random
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim import rtu
from firmware_sim.bus import LATE_S, Bus
from firmware_sim.faults import Fault
from firmware_sim.physics import fit
from firmware_sim.terminal import Terminal
from firmware_sim.truth import Truth
from firmware_sim.units import SensorUnit


def read_of(address: int, start: int = 0, count: int = 16) -> bytes:
    return rtu.sealed(bytes((address, 4, start >> 8, start & 255, count >> 8, count & 255)))


class Line:
    """The bus, its clock, and a master's end of its line."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 100.0
        self.path = folder / "truth.jsonl"
        self.link = folder / "line.tty"
        self.truth = Truth(self.path)
        self.bus = Bus(
            name="b1",
            terminal=Terminal(self.link),
            units={
                address: SensorUnit(address=address, serial=f"CV-{address}", body=fit(1, f"CV-{address}", "cover"))
                for address in (1, 2)
            },
            truth=self.truth,
            clock=lambda: self.now_s,
            chance=random.Random(5),
            idle_s=self.now_s,
            connected=True,
        )
        self.fd = -1
        self.flush_s = 0.0

    def connect(self) -> None:
        self.fd = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def hang_up(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def say(self, request: bytes, *, after_s: float = 0.08) -> bytes:
        """Send a request ``after_s`` later, let the bus serve it, and give what came back."""
        self.now_s += after_s
        self.bus.idle_s = self.now_s
        os.write(self.fd, request)
        self.serve()
        return self.hear()

    def serve(self) -> None:
        select.select([self.bus.terminal.fd], [], [], 1)
        self.bus.serve()

    def hear(self) -> bytes:
        ready, _, _ = select.select([self.fd], [], [], 0.02)
        return os.read(self.fd, 4096) if ready else b""

    def told(self) -> list[tuple[str, str, int]]:
        """What the truth file says so far: (settled or in doubt, serial, n)."""
        self.flush_s += 1.0
        self.truth.flush_if_due(self.flush_s)
        lines = [json.loads(text) for text in self.path.read_text(encoding="utf-8").splitlines()]
        return [(word, body["serial"], body["n"]) for line in lines for word, body in line.items()]


@pytest.fixture
def line(tmp_path) -> Iterator[Line]:
    line = Line(tmp_path)
    line.bus.terminal.open()
    with line.truth:
        line.connect()
        yield line
    if line.fd >= 0:
        line.hang_up()
    line.bus.terminal.close()


def test_an_answer_is_settled_by_the_next_valid_request(line):
    answer = line.say(read_of(1))
    assert answer[:3] == bytes((1, 4, 32))
    assert rtu.crc(answer[:-2]) == int.from_bytes(answer[-2:], "little")
    assert line.told() == []
    line.say(read_of(2))
    assert line.told() == [("answer", "CV-1", 1)]


def test_a_request_to_a_unit_that_is_not_there_is_silence_but_settles_the_last_answer(line):
    line.say(read_of(1))
    assert line.say(read_of(9)) == b""
    assert line.told() == [("answer", "CV-1", 1)]


def test_a_broadcast_is_not_answered(line):
    assert line.say(read_of(0)) == b""


def test_writing_is_refused_and_counts_as_no_answer(line):
    assert line.say(rtu.sealed(bytes.fromhex("01 06 01 00 00 01"))) == rtu.sealed(bytes.fromhex("01 86 01"))
    assert line.say(read_of(1, count=17)) == rtu.sealed(bytes.fromhex("01 84 02"))
    line.say(read_of(1))
    line.say(read_of(2))
    assert line.told() == [("answer", "CV-1", 1)]


def test_a_line_that_is_hung_up_leaves_its_last_answer_in_doubt(line):
    line.say(read_of(1))
    line.hang_up()
    line.serve()
    assert not line.bus.connected
    assert line.told() == [("in_doubt", "CV-1", 1)]


def test_the_next_master_does_not_read_what_the_last_one_left(line):
    line.now_s += 0.1
    line.bus.idle_s = line.now_s
    os.write(line.fd, read_of(1))
    line.serve()
    line.hang_up()
    line.serve()
    line.connect()
    assert line.hear() == b""
    assert line.say(read_of(2))[:3] == bytes((2, 4, 32))


def test_a_line_that_is_still_open_at_the_end_settles_its_last_answer(line):
    line.say(read_of(1))
    line.bus.finish()
    assert line.told() == [("answer", "CV-1", 1)]


def test_at_the_end_a_request_is_proof_but_gets_no_answer(line):
    line.say(read_of(1))
    os.write(line.fd, read_of(2))
    select.select([line.bus.terminal.fd], [], [], 1)
    line.bus.listen()
    assert line.hear() == b""
    assert line.told() == [("answer", "CV-1", 1)]


def test_a_master_that_repeats_itself_at_once_did_not_take_the_first_answer(line):
    line.say(read_of(1))
    line.say(read_of(1), after_s=0.3)
    line.say(read_of(2))
    assert line.told() == [("in_doubt", "CV-1", 1), ("answer", "CV-1", 2)]


def test_the_same_request_a_whole_period_later_is_an_ordinary_poll(line):
    line.say(read_of(1))
    line.say(read_of(1), after_s=2.0)
    assert line.told() == [("answer", "CV-1", 1)]


def test_a_request_that_waited_too_long_is_not_answered(line):
    os.write(line.fd, read_of(1))
    line.now_s += LATE_S + 0.01
    line.serve()
    assert line.hear() == b""
    assert line.bus.counts.dropped_late == 1
    assert line.say(read_of(1))[:2] == bytes((1, 4))


def test_of_several_waiting_requests_only_the_last_is_answered(line):
    answer = line.say(read_of(1) + read_of(1) + read_of(2))
    assert answer[:2] == bytes((2, 4))
    assert len(answer) == 37


def test_a_request_in_two_parts_is_answered_but_a_part_alone_is_forgotten(line):
    request = read_of(1)
    assert line.say(request[:3]) == b""
    assert line.say(request[3:], after_s=0.004)[:2] == bytes((1, 4))
    assert line.say(request[:3]) == b""
    assert line.say(request, after_s=0.2)[:2] == bytes((1, 4))


def test_garbage_before_a_request_does_not_hide_it(line):
    assert line.say(b"\x01\x04\xff\x00\x13" + read_of(2))[:2] == bytes((2, 4))


def test_a_dead_unit_is_silent_and_does_not_count(line):
    line.bus.units[1].faults = (Fault(kind="unit_dead", key=1, start_s=0, end_s=101),)
    assert line.say(read_of(1)) == b""
    assert line.bus.units[1].sample_count == 0
    assert line.say(read_of(1), after_s=1.0) != b""


def test_damaged_answers_have_a_wrong_checksum_and_are_not_written_down(line):
    line.bus.faults = (Fault(kind="bus_crc_errors", key=1, start_s=0, end_s=110, strength=1.0),)
    for _ in range(30):
        answer = line.say(read_of(1))
        assert len(answer) == 37
        assert rtu.crc(answer[:-2]) != int.from_bytes(answer[-2:], "little")
    line.say(read_of(2), after_s=10.0)
    line.say(read_of(1))
    assert line.told() == [("answer", "CV-2", 1)]
    assert line.bus.units[1].sample_count == 31


def test_an_answer_with_noise_beside_it_is_in_doubt(line):
    line.bus.faults = (Fault(kind="bus_noise", key=1, start_s=0, strength=1.0),)
    heard = b""
    for turn in range(40):
        heard += line.say(read_of(1 + turn % 2), after_s=0.3)
        if (due_s := line.bus.next_due_s()) is not None:
            line.now_s = max(line.now_s, due_s)
            line.bus.act(line.now_s)
            heard += line.hear()
    words = [word for word, _, _ in line.told()]
    assert len(heard) > 40 * 37
    assert words.count("in_doubt") > 5
    assert words.count("answer") > 5


def test_a_paced_answer_takes_the_time_it_would_on_the_wire(line):
    line.bus.byte_s = 10 / 9600
    assert line.say(read_of(1)) == b""
    due_s = line.bus.next_due_s()
    assert due_s is not None
    assert due_s - line.now_s == pytest.approx((8 + 3.5 + 37) * 10 / 9600)
    line.bus.act(due_s - 0.001)
    assert line.hear() == b""
    line.now_s = due_s
    line.bus.act(due_s)
    assert line.hear()[:3] == bytes((1, 4, 32))


def test_the_link_leads_to_the_line_while_it_is_open(line):
    assert line.link.is_symlink()
    assert line.link.readlink().is_char_device()
    line.hang_up()
    line.bus.terminal.close()
    assert not line.link.is_symlink()


def test_a_link_that_another_simulator_took_over_is_left_alone(line, tmp_path):
    other = Terminal(line.link)
    other.open()
    line.bus.terminal.close()
    assert line.link.is_symlink()
    other.close()
    assert not line.link.is_symlink()


def test_whether_somebody_listens_can_be_asked_without_waiting(line):
    assert line.bus.terminal.is_open_elsewhere()
    line.hang_up()
    assert not line.bus.terminal.is_open_elsewhere()
