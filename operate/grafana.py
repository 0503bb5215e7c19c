"""``covercode grafana write``: the files that Grafana reads, for this city's addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from operate.settings import BadSettings

if TYPE_CHECKING:
    from dashboards.grafana.files import Wish
    from operate.city_file import Place
    from registry.domain.boards import Board

SERIES_SCHEME = "influxdb+"


def write_grafana(config: Path | None, to: Path, *, plain: bool, languages: tuple[str, ...]) -> Iterator[str]:
    """Writes the files, those alone, and tells what to do with them. ``plain``: with example addresses.

    Raises ``BadSettings`` when the city keeps its records or series where Grafana can't read them.
    """
    from dashboards.grafana.files import LANGUAGES, Wish, grafana_files
    from operate.processes import city

    wanted = languages or LANGUAGES
    wish = Wish(languages=wanted) if plain else wish_of(city(config), wanted)
    files = grafana_files(shipped_boards(), wish)
    for path, text in files.items():
        file = to / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        yield str(file)
    if not plain:
        yield f"next: docs/grafana.md; the boards go to {wish.boards_folder}, {to / 'provisioning'} to /etc/grafana"


def shipped_boards() -> tuple[Board, ...]:
    """The boards of this release."""
    from registry.services.boards import SHIPPED_KEYS, shipped_board

    found = (shipped_board(key) for key in SHIPPED_KEYS)
    return tuple(board for board in found if board is not None)


def wish_of(place: Place, languages: tuple[str, ...]) -> Wish:
    """What the city's settings say of its addresses. Raises ``BadSettings``."""
    from sqlalchemy import make_url

    from dashboards.grafana.files import Wish

    records, series = make_url(place.records_url), place.settings.records.series
    if not records.drivername.startswith("postgresql") or not series.startswith(SERIES_SCHEME):
        problem = (
            "Grafana reads PostgreSQL and InfluxDB; this city keeps its records or series in SQLite (records.url, "
            "records.series). With --plain the files are written with example addresses"
        )
        raise BadSettings("covercode.toml", [problem])
    influx = make_url(series.removeprefix(SERIES_SCHEME))
    token = place.settings.records.series_token
    return Wish(
        address=place.settings.city.public_url,
        zone=place.settings.city.timezone,
        languages=languages,
        # over the socket the city itself signs in by its system user; Grafana is somebody else and comes by a password
        postgres=f"{records.host or '127.0.0.1'}:{records.port or 5432}",
        database=records.database or "covercode",
        influx_url=f"{influx.drivername}://{influx.host}:{influx.port or 8086}",
        influx_database=influx.database or "covercode",
        # NAME:PASSWORD is of 1.x, an organisation of 2.x
        by_token="org" in influx.query or bool(token and ":" not in token),
    )
