"""Building the demo's city in an empty folder: settings, tables, assets with sensors and plates, fleet and cabinets."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import msgspec
from sqlalchemy import Connection, Engine, insert, select

from operate.city_file import Place, read_city_file
from operate.demo_areas import demo_areas
from operate.demo_faults import APART_S, BadWish, PlannedFault, SensorSpot, chosen_faults, plan_faults
from operate.demo_street import demo_assets
from registry.domain.kinds import Family
from registry.services.boards import install_shipped_boards
from registry.services.classes import load_classes
from registry.services.demo_people import seed_demo_people
from registry.services.devices import NewDevice, put_on
from registry.services.imports import ImportReport, import_street_lights
from registry.services.label_templates import ship_templates
from registry.services.rules import install_shipped_rules, rule_row, rules_in_force
from registry.services.seasons import install_shipped_seasons
from registry.services.tags import issue_tags
from registry.storage.database import open_database, writing
from registry.storage.schema import upgrade
from registry.storage.tables import asset, rule

__all__ = ["BadWish", "DemoCity", "Wishes", "build_demo"]

_MARK = ".covercode-demo"
HEARTBEAT_S = 2.0
UNITS_PER_BUS = 25
CABINETS = 2
COMPANY_S = 2.0
"""How long alerts of a run with a duration wait for company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line asked for; of a play with a duration, faults begin ``apart_s`` seconds after each other."""

    duration: float | None
    sensors: int
    seed: int
    faults: str
    inventory: Path | None
    home: Path
    port: int
    apart_s: float = APART_S


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCity:
    """A city ready to be started."""

    home: Path
    place: Place
    spots: list[SensorSpot]
    faults: list[PlannedFault]
    assets: int
    cabinets: list[Path]
    imported: ImportReport | None
    sample_token: str

    @property
    def config(self) -> Path:
        """The city's settings file."""
        return self.home / "covercode.toml"

    @property
    def fleet(self) -> Path:
        """The simulator's fleet file."""
        return self.home / "fleet.toml"

    @property
    def truth(self) -> Path:
        """What the simulator says it answered."""
        return self.home / "truth.jsonl"


def build_demo(wishes: Wishes, *, now: datetime, broker_port: int | None = None, more: str = "") -> DemoCity:
    """A fresh city for ``wishes`` in its home folder, its broker on a free port unless one is given.

    ``more``: further sections of its ``covercode.toml``, such as ``[records]`` with other stores. Raises
    ``BadWish`` and ``InvalidInput``.
    """
    planned_faults = chosen_faults(wishes.faults)
    home = _fresh_home(wishes.home)
    rng = Random(wishes.seed)  # noqa: S311 - a reproducible play, not a secret
    broker_port = broker_port or _free_port()
    (home / "covercode.toml").write_text(_city_toml(wishes.port, broker_port) + more, encoding="utf-8")
    place = read_city_file(home / "covercode.toml", {})
    engine = open_database(place.records_url)
    upgrade(engine)
    imported = _furnish(engine, wishes, rng, now)
    spots, assets, token = _fit(engine, wishes, rng, now)
    engine.dispose()
    faults = plan_faults(planned_faults, spots, rng, wishes.duration, wishes.apart_s)
    (home / "fleet.toml").write_text("\n".join(_fleet_toml(home, wishes.seed, spots, faults)) + "\n", encoding="utf-8")
    cabinets = [_write_cabinet(home, number, spots, broker_port) for number in range(1, CABINETS + 1)]
    return DemoCity(
        home=home,
        place=place,
        spots=spots,
        faults=faults,
        assets=assets,
        cabinets=cabinets,
        imported=imported,
        sample_token=token,
    )


def _fresh_home(home: Path) -> Path:
    home = home.resolve()
    if home.exists() and any(home.iterdir()):
        if not (home / _MARK).exists():
            raise BadWish(f"--home: {home} has files that no demo made; give an empty folder")
        shutil.rmtree(home)
    (home / "logs").mkdir(parents=True, exist_ok=True)
    (home / _MARK).touch()
    return home


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _furnish(engine: Engine, wishes: Wishes, rng: Random, now: datetime) -> ImportReport | None:
    with writing(engine) as tx:
        load_classes(tx)
        install_shipped_rules(tx, now=now)
        if wishes.duration is not None:
            _wait_less(tx, now)
        install_shipped_seasons(tx)
        install_shipped_boards(tx, now=now)
        ship_templates(tx, now=now)
        seed_demo_people(tx, now=now)
        if wishes.inventory is None:
            demo_assets(tx, wishes.sensors, rng, now=now)
    if wishes.inventory is None:
        demo_areas(engine, now=now)
        return None
    return import_street_lights(engine, wishes.inventory, division="320508", now=now)


def _wait_less(tx: Connection, now: datetime) -> None:
    """A run that ends within the minute can't let its alerts wait half of that for company before they have cases."""
    for kept in rules_in_force(tx):
        if kept.grouping is not None:
            hurried = msgspec.structs.replace(kept.grouping, wait_s=COMPANY_S)
            shorter = msgspec.structs.replace(kept, version=kept.version + 1, grouping=hurried)
            tx.execute(insert(rule).values(rule_row(shorter, now=now, note="demo")))


def _fit(engine: Engine, wishes: Wishes, rng: Random, now: datetime) -> tuple[list[SensorSpot], int, str]:
    with writing(engine) as tx:
        sites = tx.execute(
            select(asset.c.id, asset.c.family, asset.c.name, asset.c.lon, asset.c.lat)
            .where(asset.c.family.in_([Family.COVER, Family.LIGHT]))
            .order_by(asset.c.id)
        ).all()
        if len(sites) < 2:
            raise BadWish("--inventory: has no row that can be used; see the report above")
        chosen = sorted(rng.sample(range(len(sites)), min(wishes.sensors, len(sites))))
        spots: list[SensorSpot] = []
        taken: dict[str, int] = {}
        for number, index in enumerate(chosen):
            site = sites[index]
            cabinet, bus = _line_of(number, len(chosen))
            spot = SensorSpot(
                serial=f"{'CV' if site.family == Family.COVER else 'PL'}-{number + 1:06d}",
                family=site.family,
                asset_id=site.id,
                asset_name=site.name,
                lon=site.lon,
                lat=site.lat,
                bus=bus,
            )
            taken[bus] = taken.get(bus, 0) + 1
            _fit_one(tx, spot, cabinet, taken[bus], now)
            spots.append(spot)
        tokens = issue_tags(tx, [site.id for site in sites], now=now, rng=rng)
    token_of = {site.id: token for site, token in zip(sites, tokens, strict=True)}
    return spots, len(sites), token_of[spots[0].asset_id]


def _line_of(number: int, total: int) -> tuple[str, str]:
    buses = max(CABINETS, -(-total // UNITS_PER_BUS))
    bus = number * buses // total
    return f"c{bus % CABINETS + 1}", f"c{bus % CABINETS + 1}-b{bus // CABINETS + 1}"


def _fit_one(tx: Connection, spot: SensorSpot, cabinet: str, address: int, now: datetime) -> None:
    profile = "cc-cover-1" if spot.family == Family.COVER else "cc-pole-1"
    device = NewDevice(
        serial=spot.serial,
        profile=profile,
        asset_id=spot.asset_id,
        heartbeat_s=HEARTBEAT_S,
        cabinet_id=cabinet,
        bus=spot.bus,
        bus_address=address,
    )
    put_on(tx, device, now=now)


def _city_toml(web_port: int, broker_port: int) -> str:
    return f"""# A demo city, made by `covercode demo`; thrown away when it is started again.
[city]
name = "示范市"
name_en = "Demo City"
division = "320508"
timezone = "Asia/Shanghai"
public_url = "http://127.0.0.1:{web_port}"
demo = true

[broker]
host = "127.0.0.1"
port = {broker_port}

[web]
port = {web_port}
secret_file = "web-secret"
"""


def _by_bus(spots: list[SensorSpot]) -> dict[str, list[SensorSpot]]:
    lines: dict[str, list[SensorSpot]] = {}
    for spot in spots:
        lines.setdefault(spot.bus, []).append(spot)
    return lines


def _fleet_toml(home: Path, seed: int, spots: list[SensorSpot], faults: list[PlannedFault]) -> Iterator[str]:
    yield f"seed = {seed}"
    for bus, units in _by_bus(spots).items():
        yield f'\n[[bus]]\nname = "{bus}"\nlink = "{home / bus}.tty"\nbaud = 9600'
        for address, spot in enumerate(units, start=1):
            cover = spot.family == Family.COVER
            size = "depth_mm = 2400" if cover else "height_m = 8.0"
            yield (
                f'  [[bus.unit]]\n  address = {address}\n  serial = "{spot.serial}"\n'
                f'  kind = "{"cover" if cover else "pole"}"\n  lon = {spot.lon:.6f}\n  lat = {spot.lat:.6f}\n  {size}'
            )
    for fault in faults:
        yield ""
        yield from fault.table()


def _write_cabinet(home: Path, number: int, spots: list[SensorSpot], broker_port: int) -> Path:
    folder = home / f"cabinet-{number}"
    folder.mkdir(exist_ok=True)
    lines = [
        f'[cabinet]\nid = "c{number}"\nname = "{number} 号机柜"\n',
        f'[broker]\nhost = "127.0.0.1"\nport = {broker_port}\n',
        '[spool]\npath = "spool.db"\n',
    ]
    for bus, units in _by_bus(spots).items():
        if not bus.startswith(f"c{number}-"):
            continue
        lines.append(f'[[bus]]\nname = "{bus}"\nport = "{home / bus}.tty"\npoll_every_s = {HEARTBEAT_S}')
        lines += [
            f'  [[bus.unit]]\n  address = {address}\n  serial = "{spot.serial}"\n'
            f'  profile = "{"cc-cover-1" if spot.family == Family.COVER else "cc-pole-1"}"'
            for address, spot in enumerate(units, start=1)
        ]
    path = folder / "cabinet.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
