"""The whole city in real processes: what the units answered is what is stored, faults or not, killed or not."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operate.demo import drained
from operate.demo_plan import Wishes, build_demo
from operate.processes import open_records
from operate.tally import check_cases, tally_series
from tests.killable_city import KillableCity, wait_until
from tests.mosquitto import free_port

pytestmark = [
    pytest.mark.journey,
    pytest.mark.network,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("journey"),
]

FAST_FAULTS = "cover_opened,pole_hit,cover_stolen,cover_knocking,unit_dead,storm,bus_crc_errors"


def test_the_demo_loses_nothing_and_every_fault_finds_its_one_case(tmp_path: Path):
    command = [
        *(sys.executable, "-m", "covercode", "demo", "--duration", "32", "--sensors", "24", "--seed", "7"),
        *("--faults", FAST_FAULTS, "--home", str(tmp_path / "city"), "--port", str(free_port()), "--json"),
    ]
    told = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    tally = json.loads(told.stdout.splitlines()[-1])
    assert (tally["lost"], tally["duplicates"], tally["rejected"], tally["unexplained"]) == (0, 0, 0, 0)
    assert (tally["cases_missing"], tally["cases_extra"]) == ([], [])
    assert tally["cases"] == tally["faults"] == 5
    assert tally["frames_sent"] > 24 * 8
    assert tally["readings_stored"] >= tally["readings_taken"] > tally["frames_sent"] * 8
    assert 0 < tally["alert_latency_ms"]["p99"] < 2_000


def test_a_real_inventory_gets_its_sensors_and_its_faults(tmp_path: Path):
    rows = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-71.13 + n / 5000, 42.39]}}
        | {"properties": {"PoleID": f"{n}-1", "StreetName": "HARVEY", "StreetSuffix": "ST"}}
        for n in range(40)
    ]
    rows.append({"type": "Feature", "geometry": None, "properties": {"PoleID": "no-place"}})
    inventory = tmp_path / "posts.geojson"
    inventory.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    command = [
        *(sys.executable, "-m", "covercode", "demo", "--inventory", str(inventory), "--duration", "24"),
        *("--sensors", "10", "--faults", "pole_hit,storm", "--home", str(tmp_path / "city")),
        *("--port", str(free_port()), "--json"),
    ]
    told = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    assert "row 41: geometry" in told.stderr
    tally = json.loads(told.stdout.splitlines()[-1])
    assert (tally["assets"], tally["sensors"], tally["cases"]) == (40, 10, 1)
    assert (tally["lost"], tally["duplicates"]) == (0, 0)


def test_a_second_start_in_the_same_folder_is_a_fresh_city(tmp_path: Path):
    wishes = Wishes(
        duration=None, sensors=6, seed=3, faults="none", inventory=None, home=tmp_path / "c", port=free_port()
    )
    first = build_demo(wishes, now=datetime.now(UTC))
    again = build_demo(wishes, now=datetime.now(UTC))
    assert [spot.asset_name for spot in first.spots] == [spot.asset_name for spot in again.spots]


def test_killing_ingest_edge_and_broker_loses_and_doubles_nothing(tmp_path: Path):
    """On a Mosquitto; the embedded broker is killed with all else in ``test_torture``."""
    faults = "cover_opened,pole_hit,cover_knocking"
    with KillableCity(tmp_path, sensors=12, faults=faults, duration_s=40) as killable:
        killable.grows_by(100)
        killable.kill("ingest")
        killable.start_ingest()
        killable.grows_by(100)
        killable.kill("edge-1")
        killable.start_edge(1)
        killable.grows_by(100)
        killable.mosquitto.kill()
        killable.mosquitto.start()
        killable.grows_by(200)
        killable.kill("edge-2")
        killable.kill("ingest")
        killable.mosquitto.kill()
        killable.mosquitto.start()
        killable.start_edge(2)
        killable.start_ingest()
        killable.grows_by(300)

        city = killable.city
        engine, store = open_records(city.place)
        wait_until(lambda: not check_cases(engine, city.faults)["missing"], seconds=90, what="a case for every fault")
        killable.crew.stop("sim")
        wait_until(lambda: drained(city), seconds=90, what="spools empty")
        killable.crew.stop("edge-1", "edge-2", "ingest", "worker")
        tally = tally_series(city.truth, store, engine)
        found = check_cases(engine, city.faults)
        store.close()
        engine.dispose()
    assert (tally.lost, tally.duplicates, tally.unexplained) == (0, 0, 0), tally.examples
    assert tally.taken > 500
    assert found == {"missing": [], "extra": []}
