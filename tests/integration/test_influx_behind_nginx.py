"""Debian's InfluxDB reached by the newer write path, through the rewrite in the shipped nginx configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from operate.city_file import read_city_file
from operate.finding import Finding
from operate.series_doctor import look_at_series_access
from registry.domain.errors import StoreDown
from registry.storage.series import SeriesKeep
from registry.storage.series.influx_http import InfluxConnection
from registry.storage.series.opening import open_series
from tests.influx import Influx
from tests.mosquitto import free_port
from tests.nginx import Nginx

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]


def looked_at(address: str, folder: Path) -> list[Finding]:
    """What doctor finds of who may reach the series at ``address``."""
    file = folder / "covercode.toml"
    file.write_text(f'[records]\nseries = "{address}"\nseries_token = "city:a secret"\n')
    return list(look_at_series_access(read_city_file(file, {})))


def test_the_front_turns_newer_writes_into_those_of_an_old_server(influx_server: Influx, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    at_ms = int(now.timestamp() * 1000) - 60_000
    with Nginx(tmp_path, influx=influx_server.bare_port) as nginx:
        address = f"influxdb+http://{nginx.host}:{nginx.series}/behind_nginx"
        store = open_series(address, home=tmp_path, keep=SeriesKeep(), clock=lambda: now)
        try:
            assert store.append([(7, at_ms + each, float(each), 0, at_ms) for each in range(100)]) == []
            assert store.count() == 100
            assert [reading.value for reading in store.window(7, at_ms + 10, at_ms + 12)] == [10.0, 11.0]
        finally:
            store.close()


def test_an_old_server_that_asks_who_comes_takes_the_name_and_password_of_the_settings(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    at_ms = int(now.timestamp() * 1000) - 60_000
    with Influx(tmp_path / "influx", asks=True) as influx, Nginx(tmp_path, influx=influx.bare_port) as nginx:
        address = f"http://{nginx.host}:{nginx.series}"
        first = InfluxConnection(address, "city")
        first.query("CREATE USER \"city\" WITH PASSWORD 'a secret' WITH ALL PRIVILEGES")
        first.close()
        store = open_series(f"influxdb+{address}/city", home=tmp_path, token="city:a secret", clock=lambda: now)
        stranger = open_series(f"influxdb+{address}/city", home=tmp_path, token="city:a guess", clock=lambda: now)
        try:
            assert store.append([(7, at_ms + each, float(each), 0, at_ms) for each in range(10)]) == []
            assert store.count() == 10
            with pytest.raises(StoreDown, match="series_token"):
                stranger.append([(7, at_ms, 1.0, 0, at_ms)])
            with pytest.raises(StoreDown, match="series_token"):
                stranger.count()
            assert [found.well for found in looked_at(f"influxdb+{address}/city", tmp_path)] == [True]
        finally:
            store.close()
            stranger.close()


def test_doctor_says_what_to_do_about_a_server_that_asks_nobody(influx_server: Influx, tmp_path: Path) -> None:
    (found,) = looked_at(influx_server.address("city"), tmp_path)
    assert not found.well
    assert "set-up-stores.sh" in found.advice
    assert "a secret" not in str(found)
    # of a file of this machine, and of a server that is away, there is nothing to say
    for silent in ("series.db", f"influxdb+http://127.0.0.1:{free_port()}/city"):
        assert looked_at(silent, tmp_path) == []
