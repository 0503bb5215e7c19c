"""The cabinet on the simulated street: what the units say they answered is what the city has, each answer once."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.run import run as play_street
from gateway.cabinet import run
from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
    UplinkSettings,
)
from tests.mosquitto import Mosquitto
from tests.toy_city import ToyCity

pytestmark = pytest.mark.network

FAULTS = """
[[event]]
at_s = 1.0
kind = "bus_crc_errors"
bus = "b0"
duration_s = 30.0
strength = 0.3
[[event]]
at_s = 1.0
kind = "bus_noise"
bus = "b1"
duration_s = 30.0
[[event]]
at_s = 2.0
kind = "unit_dead"
target = "CV-000002"
duration_s = 3.0
[[event]]
at_s = 2.0
kind = "cover_opened"
target = "CV-000003"
duration_s = 3.0
"""


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.05)


def fleet(folder: Path) -> Path:
    lines = ["seed = 7"]
    for bus in range(2):
        lines += [f'[[bus]]\nname = "b{bus}"\nlink = "{folder}/b{bus}.tty"\nbaud = 9600\npaced = false']
        for address in range(1, 7):
            kind = "cover" if address < 5 else "pole"
            size = "depth_mm = 2400" if kind == "cover" else "height_m = 8.0"
            lines.append(
                f'[[bus.unit]]\naddress = {address}\nserial = "CV-{6 * bus + address:06}"\nkind = "{kind}"\n'
                f"lon = 113.3\nlat = 23.1\n{size}"
            )
    path = folder / "fleet.toml"
    path.write_text("\n".join(lines) + FAULTS)
    return path


def cabinet(folder: Path, mosquitto: Mosquitto) -> CabinetSettings:
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host=mosquitto.host, port=mosquitto.port),
        spool=SpoolSettings(path=str(folder / "spool.db")),
        uplink=UplinkSettings(resend_after_s=2.0),
        bus=tuple(
            BusSettings(
                name=f"b{bus}",
                port=f"{folder}/b{bus}.tty",
                poll_every_s=0.3,
                unit=tuple(
                    UnitSettings(
                        address=address,
                        serial=f"CV-{6 * bus + address:06}",
                        profile="cc-cover-1" if address < 5 else "cc-pole-1",
                    )
                    for address in range(1, 7)
                ),
            )
            for bus in range(2)
        ),
    )


def test_every_settled_answer_is_in_the_city_once_with_its_values_and_nothing_else_is(tmp_path, mosquitto):
    truth = tmp_path / "truth.jsonl"
    stop_street, stop_cabinet = threading.Event(), threading.Event()
    street = threading.Thread(
        target=play_street, args=(fleet(tmp_path), truth), kwargs={"seed": None, "stop": stop_street}
    )
    with ToyCity(mosquitto.host, mosquitto.port) as city:
        edge = threading.Thread(target=run, args=(cabinet(tmp_path, mosquitto),), kwargs={"stop": stop_cabinet})
        edge.start()
        street.start()
        try:
            wait_until(lambda: sum(reading[1] == "sample_count" for reading in city.readings) >= 250)
            wait_until(lambda: bool(city.states) and city.states[-1]["buses"][0]["crc_errors"] > 0)
        finally:
            stop_cabinet.set()
            edge.join(60)
            stop_street.set()
            street.join(60)

    said = [json.loads(line) for line in truth.read_text().splitlines()]
    settled = {key(line["answer"]): line["answer"]["values"] for line in said if "answer" in line}
    in_doubt = {key(line["in_doubt"]): line["in_doubt"]["values"] for line in said if "in_doubt" in line}
    stored = answers(city.readings)
    assert len(settled) >= 150
    assert settled.keys() - stored.keys() == set(), "lost"
    assert stored.keys() - settled.keys() - in_doubt.keys() == set(), "from nowhere"
    assert stored == {name: (settled | in_doubt)[name] for name in stored}
    assert len({(serial, point, at) for serial, point, at, *_ in city.readings}) == len(city.readings), "doubled"
    assert city.values["urgent"], "an opened cover is urgent"


def key(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["serial"], answer["n"]


def answers(readings: list[Any]) -> dict[tuple[str, int], dict[str, float]]:
    """The values of each answer, by serial and sample count."""
    by_time: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for serial, point, measured_ms, _, value, _ in readings:
        by_time[serial, measured_ms][point] = value
    return {(serial, int(values["sample_count"])): values for (serial, _), values in by_time.items()}
