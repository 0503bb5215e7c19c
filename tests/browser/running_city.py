"""The city that the browser tests look at: real processes on a real Mosquitto, with a street where things go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import Engine

from operate.demo_faults import PlannedFault
from operate.processes import open_records
from registry.domain.kinds import Family, Source, Stage
from registry.queries.asset_views import AssetFile
from registry.queries.assets import asset_file
from registry.queries.case_views import CaseFile
from registry.queries.cases import case_file, list_cases
from tests.killable_city import KillableCity, wait_until

# The first comes 25 s after the street's start, then one every 20 s: long enough to sit down at the desk before.
FAULTS = "cover_opened,pole_hit,water_rising,unit_dead,battery_running_out"
SENSORS = 24
# These end after a while, as if somebody had mended them: their alerts clear, the bands on the chart have an end.
MENDED = ("cover_opened", "pole_hit")
MENDED_AFTER_S = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCity:
    """Where it answers, what its script holds, and its records as the queries tell them."""

    address: str
    faults: list[PlannedFault]
    data_dir: Path
    engine: Engine

    def asset(self, asset_id: int) -> AssetFile:
        """One asset's file."""
        return asset_file(self.engine, asset_id, now=datetime.now(UTC))

    def plate(self, asset_id: int) -> str:
        """The address that the plate on this asset carries."""
        tag = self.asset(asset_id).tag
        assert tag is not None, f"asset {asset_id} has no plate"
        return f"{self.address}/Q/{tag.token}"

    def case(self, case_id: int) -> CaseFile:
        """One case with its story."""
        found = case_file(self.engine, case_id)
        assert found is not None, f"no case {case_id}"
        return found

    def waiting_case(self) -> CaseFile:
        """A case that nobody has been sent to; the script sees to it that there is one soon."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [row.id for row in list_cases(self.engine, stage=Stage.FILED).items]
            return bool(found)

        wait_until(look, seconds=120, what="a case that waits for somebody")
        return self.case(found[0])

    def sensor_case(self) -> CaseFile:
        """The oldest case that a sensor raised, open or closed: it has the longest story."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [row.id for row in list_cases(self.engine).items if row.source is Source.SENSOR]
            return bool(found)

        wait_until(look, seconds=120, what="a case that a sensor raised")
        return self.case(found[-1])

    def calm_asset(self, family: Family) -> AssetFile:
        """An asset with a sensor on it to which nothing happens for a long while."""
        late = (fault.asset_id for fault in reversed(self.faults) if fault.asset_id is not None)
        return next(file for file in map(self.asset, late) if file.family == family)


@contextmanager
def running_city(folder: Path) -> Iterator[RunningCity]:
    """Start it, wait until its pages answer, stop every process at the end."""
    killable = KillableCity(folder, sensors=SENSORS, faults=FAULTS, duration_s=None, web=True)
    _mend(killable.city.fleet)
    with killable as city:
        address = city.city.place.settings.city.public_url
        wait_until(lambda: _answers(f"{address}/healthz"), seconds=60, what="the city's pages answer")
        engine, store = open_records(city.city.place)
        store.close()
        try:
            yield RunningCity(
                address=address, faults=city.city.faults, data_dir=city.city.place.data_dir, engine=engine
            )
        finally:
            engine.dispose()


def _mend(fleet: Path) -> None:
    text = fleet.read_text("utf-8")
    for kind in MENDED:
        begins = f'kind = "{kind}"\n'
        text = text.replace(begins, f"{begins}duration_s = {MENDED_AFTER_S}\n")
    fleet.write_text(text, "utf-8")


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
