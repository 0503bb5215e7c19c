"""Strangers look at each joint of the running city with their own tools, and see the same thing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.killable_city import KillableCity, wait_until

pytestmark = [
    pytest.mark.journey,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("journey"),
]


def senml_readings(pack: list[dict]) -> set[tuple[str, str, int, float]]:
    """A pack read as RFC 8428 says and no more: base name and base time carry on."""
    name = time_s = ""
    found = set()
    for record in pack:
        name = record.get("bn", name)
        time_s = record.get("bt", time_s)
        if "v" in record and time_s != "":
            serial, point = (name + record.get("n", "")).rsplit("/", 1)
            found.add((serial, point, round((time_s + record.get("t", 0)) * 1000), float(record["v"])))
    return found


def test_what_mosquitto_sub_sees_on_the_wire_is_what_sqlite3_finds_in_the_store(tmp_path: Path):
    with KillableCity(tmp_path, sensors=6, faults="none", duration_s=None) as city:
        watched = subprocess.run(
            [
                *("mosquitto_sub", "-p", str(city.mosquitto.port), "-q", "1", "-W", "150", "-C", "40"),
                *("-t", "covercode/v1/+/up/+"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        )
        packs = [json.loads(line) for line in watched.stdout.splitlines()]
        on_the_wire = set().union(*(senml_readings(pack) for pack in packs))
        assert len(packs) == 40
        assert len(on_the_wire) > 100
        records, series = city.city.home / "covercode.db", city.city.place.series_path

        def stored() -> set[tuple[str, str, int, float]]:
            told = subprocess.run(
                [
                    *("sqlite3", "-cmd", ".timeout 60000", "-cmd", f"ATTACH '{records}' AS records", str(series)),
                    "SELECT d.serial || '|' || p.name || '|' || r.measured_ms || '|' || r.value FROM reading r"
                    " JOIN records.point p ON p.id = r.point_id JOIN records.device d ON d.id = p.device_id",
                ],
                capture_output=True,
                text=True,
                check=True,
            )
            rows = (line.split("|") for line in told.stdout.splitlines())
            return {(serial, point, int(at), float(value)) for serial, point, at, value in rows}

        wait_until(lambda: on_the_wire <= stored(), seconds=90, what="every reading seen on the wire is stored")
