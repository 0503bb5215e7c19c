"""What the InfluxDB store does with the answers a server may give: busy, away, refusing a part, refusing all."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from influxdb_client.rest import ApiException

from registry.domain.errors import StoreDown
from registry.storage.series import SeriesKeep
from registry.storage.series.influx import InfluxSeries
from registry.storage.series.influx_http import InfluxConnection, MissingBucket, Patience
from registry.storage.series.opening import open_series
from tests.influx import Influx

pytestmark = [pytest.mark.network, pytest.mark.timeout(90)]

NOW = datetime.now(UTC)
T0 = int(NOW.timestamp() * 1000) // 3_600_000 * 3_600_000 - 86_400_000
QUICK = Patience(total_s=0.6, first_pause_s=0.05, longest_pause_s=0.1, request_s=5)
PATIENT = Patience(total_s=30, first_pause_s=0.05, longest_pause_s=0.2, request_s=5)


def rows(n: int, first_ms: int = T0):
    return [(1, first_ms + i, float(i), 0, T0) for i in range(n)]


def open_store(address: str, patience: Patience = PATIENT, keep: SeriesKeep = SeriesKeep()) -> InfluxSeries:  # noqa: B008
    url, _, database = address.removeprefix("influxdb+").rpartition("/")
    return InfluxSeries(InfluxConnection(url, database, patience=patience), keep=keep, clock=lambda: NOW)


@pytest.fixture
def store(influx_address: str) -> Iterator[InfluxSeries]:
    opened = open_store(influx_address)
    opened.append(rows(1, T0 - 1000))  # the database is there
    yield opened
    opened.close()


def test_whoever_has_no_patience_hears_after_one_try_that_the_server_is_away(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        tries: list[bytes] = []

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    line, _ = door.accept()
                    tries.append(line.recv(100))
                    line.close()

        threading.Thread(target=hang_up, daemon=True).start()
        away = open_series(f"influxdb+http://127.0.0.1:{door.getsockname()[1]}/city", home=tmp_path, patience_s=0.0)
        with pytest.raises(StoreDown, match=r"127\.0\.0\.1"):
            away.count()
        away.close()
    assert len(tries) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_names(influx_server: Influx, store: InfluxSeries, status: int):
    influx_server.answers.extend([(status, {"Retry-After": "0.2"}, '{"error":"busy"}')] * 2)
    before = influx_server.writes
    assert store.append(rows(5)) == []
    assert influx_server.writes == before + 3
    assert store.count() == 6


def test_a_server_that_asks_for_more_patience_than_there_is_is_left_to_the_caller(
    influx_server: Influx, influx_address: str
):
    store = open_store(influx_address, QUICK)
    influx_server.answers.append((503, {"Retry-After": "3600"}, '{"error":"engine is closed"}'))
    with pytest.raises(StoreDown, match="503 engine is closed"):
        store.append(rows(5))
    store.append(rows(5))
    assert store.count() == 5
    store.close()


def test_only_the_lines_a_server_can_never_take_are_handed_back(influx_server: Influx, influx_address: str):
    """Older than the server keeps: 1.x says how many, not which."""
    store = open_store(influx_address, keep=SeriesKeep(raw=30))
    ancient = [(2, T0 - (400 + i) * 86_400_000, 1.0, 0, T0) for i in range(7)]
    before = influx_server.writes
    refused = store.append([*rows(2000), *ancient, *rows(2000, T0 + 5000)])
    assert sorted(each.row for each in refused) == sorted(ancient)
    assert all("beyond retention policy" in each.reason for each in refused)
    assert store.count() == 4000
    assert influx_server.writes - before < 60  # found by halving, not one by one
    before = influx_server.writes
    assert len(store.append(ancient)) == 7
    assert influx_server.writes - before < 12
    store.close()


def test_a_server_that_names_the_lines_is_believed(influx_server: Influx, store: InfluxSeries):
    said = {
        "error": "partial write of line protocol occurred",
        "data": [{"original_line": "x", "line_number": 2, "error_message": "invalid column type"}],
    }
    influx_server.answers.append((400, {"Content-Type": "application/json"}, json.dumps(said)))
    before = influx_server.writes
    (refused,) = store.append(rows(5))
    assert (refused.row.measured_ms, refused.reason) == (T0 + 1, "invalid column type")
    assert influx_server.writes == before + 2
    assert store.count() == 1 + 4


def test_a_retention_error_dressed_as_a_fault_of_the_server_is_not_waited_for(
    influx_server: Influx, store: InfluxSeries
):
    said = '{"error":"partial write: points beyond retention policy dropped=4"}'
    influx_server.answers.append((500, {}, said))  # two readings, the marks of their hour and day
    assert [each.row.measured_ms for each in store.append(rows(2))] == [T0, T0 + 1]


def test_a_batch_too_large_for_the_server_is_sent_in_halves(influx_server: Influx, store: InfluxSeries):
    influx_server.answers.extend([(413, {}, '{"error":"Request Entity Too Large"}')] * 2)
    assert store.append(rows(100)) == []
    assert store.count() == 101


@pytest.mark.parametrize(("status", "said"), [(401, "series_token"), (403, "right to write")])
def test_a_wrong_token_is_told_at_once_and_nothing_is_thrown_away(
    influx_server: Influx, store: InfluxSeries, status: int, said: str
):
    influx_server.answers.append((status, {}, '{"error":"authorization failed"}'))
    before = influx_server.writes
    with pytest.raises(StoreDown, match=said):
        store.append(rows(3))
    assert influx_server.writes == before + 1


def test_a_newer_server_without_its_buckets_says_which_commands_make_them(influx_server: Influx, influx_address: str):
    store = open_store(influx_address, QUICK, SeriesKeep(raw=730))
    influx_server.version = "v2.7.1"
    try:
        first = r"influx bucket create --name \S+/raw --retention 730d; "
        last = r"/days --retention 0d --shard-group-duration 364d"
        with pytest.raises(StoreDown, match=f"{first}.*{last}"):
            store.append(rows(1))
    finally:
        influx_server.version = ""
    store.close()


def test_a_write_outlives_a_killed_server_and_nothing_acked_is_lost(tmp_path: Path):
    with Influx(tmp_path / "influx") as server:
        store = open_store(server.address("city"))
        store.append(rows(500))
        server.kill()
        done: list[object] = []
        writer = threading.Thread(target=lambda: done.append(store.append(rows(500, T0 + 500))))
        writer.start()
        server.start()
        writer.join(60)
        assert done == [[]]
        assert store.count() == 1000
        store.close()


def test_a_closed_store_gives_up_waiting(tmp_path: Path):
    with Influx(tmp_path / "influx") as server:
        store = open_store(server.address("city"), Patience(total_s=600, first_pause_s=300, longest_pause_s=300))
        server.kill()
        problems: list[str] = []

        def write() -> None:
            try:
                store.append(rows(1))
            except StoreDown as problem:
                problems.append(str(problem))

        writer = threading.Thread(target=write)
        before = server.writes
        writer.start()
        while server.writes == before:  # it has been refused once and waits
            writer.join(0.01)
        store.close()
        writer.join(60)
        assert ["502" in problem for problem in problems] == [True]


def test_numbers_and_refusals_mean_the_same_once_they_come_packed(influx_server: Influx, influx_address: str):
    """1.x is asked for MessagePack from the second question on: nothing changes but how long it takes."""
    url, _, database = influx_address.removeprefix("influxdb+").rpartition("/")
    store = open_store(influx_address)
    store.append([(1, T0, 0.1, 0, T0), (1, T0 + 1, -3.0, 2, T0 + 5)])
    store.close()
    connection = InfluxConnection(url, database, patience=QUICK)
    nowhere = f'SELECT * FROM "{database}"."nowhere"."reading"'
    everything = (f'SELECT * FROM "{database}"."raw"."reading"', "SHOW DATABASES")
    before = influx_server.packed
    told = connection.query(*everything)
    assert influx_server.packed == before
    assert connection.query(*everything) == told
    with pytest.raises(MissingBucket, match="retention policy not found"):
        connection.query(nowhere)
    with pytest.raises(MissingBucket):
        connection.query(*everything, nowhere)
    with pytest.raises(ApiException) as refused:
        connection.query("SELECT FROM")
    assert json.loads(refused.value.body)["error"].startswith("error parsing query")
    assert influx_server.packed >= before + 4
    connection.close()
