"""Debian's InfluxDB reached by the newer write path, through the rewrite in the shipped nginx configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.domain.errors import StoreDown
from registry.storage.series import SeriesKeep
from registry.storage.series.influx_http import InfluxConnection
from registry.storage.series.opening import open_series
from tests.influx import Influx
from tests.nginx import Nginx

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]


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
        finally:
            store.close()
            stranger.close()
