"""A line of a device's own frames, on a real pseudo-terminal: found behind noise, asked for, and never made up."""

from __future__ import annotations

import os
import random
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.settings import SourceDevice, SourceSettings
from tests.source_running import KeptItems, cabinet, running, wait_until

pytestmark = pytest.mark.network

ASK = bytes.fromhex("770500000409")


def angles(x_mdeg: int, y_mdeg: int) -> bytes:
    """An answer of the BWM826: sign, three digits, three digits, 0, for three axes; its sum at the end."""

    def packed(mdeg: int) -> bytes:
        return bytes.fromhex(f"{1 if mdeg < 0 else 0}{abs(mdeg) // 1000:03}{abs(mdeg) % 1000:03}0")

    inner = bytes((0x11, 0, 0, 0x84)) + packed(x_mdeg) + packed(y_mdeg) + bytes(4)
    return b"\x77" + inner + bytes((sum(inner) & 0xFF,))


def read(kept: KeptItems, point: str = "tilt_x") -> list[float]:
    return [one.value for one in kept.readings() if one.point == point]


@contextmanager
def wire(path: Path) -> Iterator[int]:
    """The device's end of a line whose other end is the tty at ``path``."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path.symlink_to(os.ttyname(theirs))
    try:
        yield ours
    finally:
        os.close(ours)
        os.close(theirs)
        path.unlink()


def line(path: Path, **changes: object) -> SourceSettings:
    device = SourceDevice(id="b1", serial="TILT-9", profile="bwsensing-bwm826")
    values: dict[str, object] = {"name": "line", "kind": "serial_frames", "port": str(path), "device": (device,)}
    return SourceSettings(**(values | changes))


def test_the_worked_example_is_read_and_every_frame_found_behind_noise_exactly_once(tmp_path):
    chance = random.Random(4)
    kept = KeptItems()
    with wire(tmp_path / "tty") as device, running(cabinet(line(tmp_path / "tty")), kept) as sources:
        wait_until(lambda: sources.health()[0].up)
        os.write(device, bytes.fromhex("77110000841004567000012340000000 00D3".replace(" ", "")))
        wait_until(lambda: len(read(kept)) == 1)
        assert (read(kept), read(kept, "tilt_y")) == ([-4.567], [1.234])
        sent, damaged, stream = [], 0, b""
        for number in range(60):
            frame = angles(-1000 - number, number)
            if number % 3 == 2:
                spoilt = bytearray(frame)
                spoilt[chance.randrange(5, len(frame) - 1)] ^= 1 << chance.randrange(8)
                frame, damaged = bytes(spoilt), damaged + 1
            else:
                sent.append(-(1000 + number) / 1000)
            stream += frame + bytes(chance.choice((0x00, 0xFF, 0x55, 0x13)) for _ in range(number % 4))
        os.write(device, stream)
        wait_until(lambda: len(read(kept)) >= 1 + len(sent))
        wait_until(lambda: sources.health()[0].damaged == damaged)
    assert read(kept)[1:] == sent
    times = [one.measured_ms for one in kept.readings() if one.point == "tilt_x"]
    assert times == sorted(set(times))


def test_a_device_that_only_answers_is_asked_again_and_again(tmp_path):
    kept, asked, stop = KeptItems(), [], threading.Event()
    asking = line(tmp_path / "tty", ask=ASK.hex(" "), ask_every_s=0.05)
    with wire(tmp_path / "tty") as device:

        def answer() -> None:
            while not stop.is_set():
                if select.select([device], [], [], 0.05)[0]:
                    asked.append(os.read(device, 64))
                    os.write(device, angles(1234, -10 * len(asked)))

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with running(cabinet(asking), kept):
                wait_until(lambda: len(read(kept)) >= 5)
        finally:
            stop.set()
            thread.join(60)
    # on a busy machine two questions may be read at once
    heard = b"".join(asked)
    assert heard == ASK * (len(heard) // len(ASK))
    assert len(heard) >= 5 * len(ASK)
    assert set(read(kept)) == {1.234}


def test_a_line_that_is_not_there_is_said_once_and_opened_when_it_comes(tmp_path):
    kept = KeptItems()
    with capture_logs() as logs, running(cabinet(line(tmp_path / "tty")), kept) as sources:
        wait_until(lambda: any(entry["event"] == "source_down" for entry in logs))
        with wire(tmp_path / "tty") as device:
            wait_until(lambda: sources.health()[0].up)
            os.write(device, angles(1, 2))
            wait_until(lambda: len(read(kept)) == 1)
    assert [entry["event"] for entry in logs][:2] == ["source_down", "source_up"]


def test_a_frame_that_means_nothing_to_its_profile_is_kept_as_it_came(tmp_path):
    kept = KeptItems()
    inner = bytes((0x05, 0, 0, 0x99))
    odd = b"\x77" + inner + bytes((sum(inner) & 0xFF,))
    with wire(tmp_path / "tty") as device, running(cabinet(line(tmp_path / "tty")), kept) as sources:
        wait_until(lambda: sources.health()[0].up)
        os.write(device, odd)
        wait_until(lambda: len(kept.letters()) >= 1)
    assert kept.letters()[0].reason.startswith(("unknown_type: ", "bad_length: "))
    assert kept.letters()[0].device == "TILT-9"
