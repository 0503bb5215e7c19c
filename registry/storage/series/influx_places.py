"""Where an InfluxDB keeps each level: ``database/level``.

That is a retention policy in 1.x, a bucket of that name in 2.x and a database of that name in 3.x.
1.x can be told to make them in plain InfluxQL. The newer servers have programs of their own for it, whose right a token
for reading and writing doesn't have; there the message says which commands to run.
"""

from __future__ import annotations

from registry.domain.errors import StoreDown
from registry.storage.series.influx_http import InfluxConnection
from registry.storage.series.port import SeriesKeep
from registry.storage.series.rollups import LEVELS


def prepare(connection: InfluxConnection, keep: SeriesKeep) -> None:
    """Make what is missing and set how long each level is kept. Raises ``StoreDown`` with what a person has to do."""
    version = connection.version()
    if version.startswith("1."):
        _prepare_first(connection, keep)
        return
    missing = [level for level in LEVELS if not _there(connection, level)]
    if missing:
        commands = "; ".join(_command(version, connection.database, level, keep) for level in missing)
        raise StoreDown(f"series store {connection.url} (InfluxDB {version or 'of unknown version'}) lacks: {commands}")


def _prepare_first(connection: InfluxConnection, keep: SeriesKeep) -> None:
    database = connection.database
    connection.query(f'CREATE DATABASE "{database}"')
    (answer,) = connection.query(f'SHOW RETENTION POLICIES ON "{database}"')
    there = {row[0]: row[1] for series in answer for row in series["values"]}
    for level in LEVELS:
        days = keep.of(level)
        duration = f"{days}d" if days else "INF"
        if level not in there:
            connection.query(
                f'CREATE RETENTION POLICY "{level}" ON "{database}" DURATION {duration} REPLICATION 1'
                + (" DEFAULT" if level == "raw" else "")
            )
        elif there[level] != (f"{days * 24}h0m0s" if days else "0s"):
            connection.query(f'ALTER RETENTION POLICY "{level}" ON "{database}" DURATION {duration}')


def _there(connection: InfluxConnection, level: str) -> bool:
    try:
        connection.query(f'SELECT * FROM "{connection.database}"."{level}"."touched" LIMIT 1')  # noqa: S608
    except StoreDown as error:
        if "not found" in str(error):
            return False
        raise
    return True


def _command(version: str, database: str, level: str, keep: SeriesKeep) -> str:
    days = keep.of(level)
    if version.startswith("3."):
        return f"influxdb3 create database {database}/{level}" + (f" --retention-period {days}d" if days else "")
    return f"influx bucket create --name {database}/{level} --retention {days}d"
