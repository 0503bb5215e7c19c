"""The simulated bus read by Modbus masters that are not ours: libmodbus (Debian's mbpoll) and pymodbus' client."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException

from firmware_sim.fleet import FleetProblem
from firmware_sim.run import Played, run

UNITS = {1: "CV-000001", 2: "CV-000002", 5: "PL-000001"}

# The register map of the issue, written out once more by hand: neither the simulator's table nor the gateway's profile.
SCALED = {"tilt_x": (6, 100), "tilt_y": (7, 100), "tilt_z": (8, 100), "displacement": (9, 10), "temperature": (12, 10)}
PLAIN = {"water_level": 11, "battery": 14}

mbpoll_needed = pytest.mark.skipif(shutil.which("mbpoll") is None, reason="needs mbpoll: apt-get install mbpoll")


def meaning(registers: list[int]) -> dict[str, float]:
    values: dict[str, float] = {
        "sample_count": registers[2] * 65536 + registers[3],
        "uptime": registers[4] * 65536 + registers[5],
        "vibration": registers[10] / 10,
    }
    for point, (register, steps) in SCALED.items():
        raw = registers[register]
        values[point] = (raw - 65536 if raw > 32767 else raw) / steps
    for point, register in PLAIN.items():
        if registers[register] != 0xFFFF:
            values[point] = registers[register]
    return values


def wait_until(met: Callable[[], object], what: str, *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not met():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        pause.wait(0.02)


class Simulated:
    """A street of one bus, played in a thread of this process."""

    def __init__(self, folder: Path, events: str, *, paced: bool) -> None:
        self.link = folder / "bus.tty"
        self.truth_path = folder / "truth.jsonl"
        self.fleet_path = folder / "fleet.toml"
        self.played: Played | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)
        text = f'seed = 7\n[[bus]]\nname = "b1"\nlink = "{self.link}"\npaced = {str(paced).lower()}\n'
        for address, serial in UNITS.items():
            kind = "cover" if serial.startswith("CV") else "pole"
            text += (
                f'[[bus.unit]]\naddress = {address}\nserial = "{serial}"\nkind = "{kind}"\nlon = 113.3\nlat = 23.1\n'
            )
        self.fleet_path.write_text(text + events, encoding="utf-8")

    def _play(self) -> None:
        self.played = run(self.fleet_path, self.truth_path, seed=None, stop=self._stop)

    def start(self) -> None:
        self._thread.start()
        wait_until(self.link.is_symlink, "the link")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def told(self, word: str) -> list[dict]:
        lines = self.truth_path.read_text(encoding="utf-8").splitlines(keepends=True)
        bodies = [json.loads(line) for line in lines if line.endswith("\n")]
        return [body[word] for body in bodies if word in body]

    def mbpoll(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        rtu = ("-m", "rtu", "-b", "9600", "-P", "none", "-0", "-o", "1", "-q", "-1")
        return subprocess.run(
            ["mbpoll", *rtu, *arguments, str(self.link)], capture_output=True, text=True, timeout=120, check=False
        )

    def answered_mbpoll(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The first one that was answered: questions that waited while this computer stalled are left alone."""
        deadline = time.monotonic() + 60
        while (got := self.mbpoll(*arguments)).returncode != 0:
            assert time.monotonic() < deadline, got.stderr
        return got


@contextmanager
def street(folder: Path, events: str = "", *, paced: bool = False) -> Iterator[Simulated]:
    simulated = Simulated(folder, events, paced=paced)
    simulated.start()
    try:
        yield simulated
    finally:
        simulated.stop()


@contextmanager
def pymodbus_master(simulated: Simulated, *, timeout_s: float = 0.5, retries: int = 0) -> Iterator[ModbusSerialClient]:
    client = ModbusSerialClient(str(simulated.link), baudrate=9600, timeout=timeout_s, retries=retries)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


def read_all(client: ModbusSerialClient, address: int) -> dict[str, float] | None:
    """The values of one unit; None when it gave no usable answer."""
    try:
        answer = client.read_input_registers(0, count=16, device_id=address)
    except ModbusException:
        return None
    return None if answer.isError() else meaning(answer.registers)


def ask_until_answered(client: ModbusSerialClient, address: int) -> dict[str, float]:
    """A unit leaves a question alone that waited while this computer stalled; a master asks again."""
    deadline = time.monotonic() + 60
    while (values := read_all(client, address)) is None:
        assert time.monotonic() < deadline, f"unit {address} never answered"
    return values


def printed_registers(output: str) -> list[int]:
    return [int(raw) for raw in re.findall(r"^\[\d+\]:\s+(\d+)", output, re.MULTILINE)]


@mbpoll_needed
@pytest.mark.parametrize("type_", ["3", "4"])
def test_mbpoll_reads_every_unit_by_both_read_functions(tmp_path, type_):
    seen = {}
    with street(tmp_path) as simulated:
        for address, serial in UNITS.items():
            got = simulated.answered_mbpoll("-a", str(address), "-t", type_, "-r", "0", "-c", "16")
            seen[serial] = printed_registers(got.stdout)
    assert [registers[0] for registers in seen.values()] == [1, 1, 2]
    # Each mbpoll ends by closing the line, so its one answer stays in doubt, unless the next one is there at once and
    # its question settles it. Either way, what it saw is what was sent.
    told = simulated.told("in_doubt") + simulated.told("answer")
    assert {one["serial"]: one["values"] for one in told} == {
        serial: meaning(registers) for serial, registers in seen.items()
    }


@mbpoll_needed
def test_mbpoll_is_told_what_it_may_not_do(tmp_path):
    with street(tmp_path) as simulated:
        beyond = simulated.mbpoll("-a", "1", "-t", "3", "-r", "10", "-c", "7")
        assert "Illegal data address" in beyond.stderr
        coils = simulated.mbpoll("-a", "1", "-t", "0", "-r", "0", "-c", "1")
        assert "Illegal function" in coils.stderr
        written = subprocess.run(
            ["mbpoll", "-m", "rtu", "-b", "9600", "-P", "none", "-0", "-r", "256", "-q", str(simulated.link), "1"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Illegal function" in written.stderr
    assert simulated.told("answer") == simulated.told("in_doubt") == []


def test_truth_holds_exactly_what_a_pymodbus_master_saw(tmp_path):
    seen: list[tuple[str, dict[str, float]]] = []
    with street(tmp_path) as simulated, pymodbus_master(simulated, timeout_s=2.0) as client:
        for _ in range(20):
            for address, serial in UNITS.items():
                values = ask_until_answered(client, address)
                seen.append((serial, values))
        simulated.stop()  # the line is still open: the last answer settles too
    told = simulated.told("answer")
    assert [(answer["serial"], answer["values"]) for answer in told] == seen
    assert [answer["n"] for answer in told if answer["serial"] == "CV-000001"] == list(range(1, 21))
    assert all(answer["n"] == answer["values"]["sample_count"] for answer in told)
    assert all(abs(answer["at"] - time.time()) < 60 for answer in told)
    assert simulated.told("in_doubt") == []
    assert simulated.played is not None
    assert simulated.played.answers == len(seen)


def test_a_unit_that_is_not_there_times_out_while_the_others_answer(tmp_path):
    with street(tmp_path) as simulated, pymodbus_master(simulated, timeout_s=0.3) as client:
        ask_until_answered(client, 1)
        assert read_all(client, 3) is None
        ask_until_answered(client, 5)


def test_a_dead_unit_falls_silent_and_comes_back(tmp_path):
    event = '[[event]]\nkind="unit_dead"\ntarget="CV-000001"\nat_s=0.0\nduration_s=4.0\n'
    with street(tmp_path, event) as simulated, pymodbus_master(simulated, timeout_s=0.2) as client:
        assert read_all(client, 1) is None
        ask_until_answered(client, 2)
        ask_until_answered(client, 1)
    phases = [(told["phase"], told["targets"], told["id"]) for told in simulated.told("event")]
    assert phases == [("start", ["CV-000001"], 0), ("end", ["CV-000001"], 0)]


def test_a_damaged_answer_is_refused_by_the_master_and_is_not_in_the_truth(tmp_path):
    event = '[[event]]\nkind="bus_crc_errors"\nbus="b1"\nat_s=0\nstrength=0.5\n'
    seen: list[tuple[str, float]] = []
    refused = 0
    with street(tmp_path, event) as simulated, pymodbus_master(simulated, timeout_s=0.5) as client:
        for turn in range(30):
            address = list(UNITS)[turn % 3]
            values = read_all(client, address)
            if values is None:
                refused += 1
            else:
                seen.append((UNITS[address], values["sample_count"]))
        simulated.stop()
    assert refused > 3
    assert len(seen) > 3
    told = [(answer["serial"], answer["n"]) for answer in simulated.told("answer")]
    assert told == seen
    assert simulated.played is not None
    # On a busy machine the simulator leaves a request unanswered rather than answer it late: a refusal of its own kind.
    assert simulated.played.damaged + simulated.played.dropped_late == refused
    assert simulated.played.damaged > 3


def test_noise_on_the_line_costs_no_answer_that_counts_as_given(tmp_path):
    event = '[[event]]\nkind="bus_noise"\nbus="b1"\nat_s=0\nstrength=0.4\n'
    seen = set()
    # the simulator can not know that a master on a busy machine had given up before an answer that was in time
    with street(tmp_path, event) as simulated, pymodbus_master(simulated, timeout_s=0.75, retries=2) as client:
        for turn in range(60):
            address = list(UNITS)[turn % 3]
            if (values := read_all(client, address)) is not None:
                seen.add((UNITS[address], values["sample_count"]))
        simulated.stop()
    sure = {(told["serial"], told["n"]) for told in simulated.told("answer")}
    perhaps = {(told["serial"], told["n"]) for told in simulated.told("in_doubt")}
    assert len(seen) > 40
    assert sure <= seen
    assert seen <= sure | perhaps


@mbpoll_needed
def test_a_killed_master_leaves_its_last_answer_in_doubt(tmp_path):
    with street(tmp_path) as simulated:
        rtu = ["mbpoll", "-m", "rtu", "-b", "9600", "-P", "none", "-0", "-q", "-o", "1", "-l", "100"]
        with subprocess.Popen(
            [*rtu, "-a", "1,2,5", "-t", "3", "-r", "0", "-c", "16", str(simulated.link)], stdout=subprocess.DEVNULL
        ) as master:
            wait_until(lambda: len(simulated.told("answer")) >= 5, "two rounds of answers")
            master.kill()
            master.wait(60)
        wait_until(lambda: simulated.told("in_doubt"), "the doubt")
    (doubt,) = simulated.told("in_doubt")
    answered = [(told["serial"], told["n"]) for told in simulated.told("answer")]
    assert (doubt["serial"], doubt["n"]) not in answered
    assert len(answered) == len(set(answered))


def test_a_paced_line_takes_its_time(tmp_path):
    with street(tmp_path, paced=True) as simulated, pymodbus_master(simulated, timeout_s=2.0) as client:
        ask_until_answered(client, 1)
        begun = time.monotonic()
        for _ in range(10):
            ask_until_answered(client, 2)
        # 8 bytes there, 3.5 of silence, 37 bytes back, at 9,600 Bd
        assert time.monotonic() - begun > 10 * 48.5 * 10 / 9600


def test_an_opened_cover_is_seen_by_the_master_and_told_in_the_truth(tmp_path):
    event = '[[event]]\nkind="cover_opened"\ntarget="CV-000002"\nat_s=0.5\n'
    with street(tmp_path, event) as simulated, pymodbus_master(simulated) as client:
        wait_until(lambda: (read_all(client, 2) or {"tilt_z": 0})["tilt_z"] >= 55, "the tilt")
        assert ask_until_answered(client, 2)["displacement"] >= 40
        assert ask_until_answered(client, 1)["tilt_z"] < 3
    (told,) = simulated.told("event")
    assert (told["kind"], told["targets"], told["phase"]) == ("cover_opened", ["CV-000002"], "start")


def test_the_end_leaves_no_link_and_a_second_run_uses_no_number_twice(tmp_path):
    for _ in range(2):
        with street(tmp_path) as simulated, pymodbus_master(simulated, timeout_s=2.0) as client:
            ask_until_answered(client, 1)
            ask_until_answered(client, 2)
        assert not simulated.link.is_symlink()
    numbers = [told["n"] for told in simulated.told("answer") if told["serial"] == "CV-000001"]
    assert len(numbers) == len(set(numbers)) == 2


def test_a_link_that_can_not_be_made_is_a_problem_with_a_cure(tmp_path):
    simulated = Simulated(tmp_path, "", paced=False)
    simulated.link.write_text("something of somebody's", encoding="utf-8")
    with pytest.raises(FleetProblem, match=r"bus\[0\]\.link: .* exists and is not a symlink; name another path"):
        run(simulated.fleet_path, simulated.truth_path, seed=None, stop=threading.Event())
    assert simulated.link.read_text(encoding="utf-8") == "something of somebody's"
