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

# A shard is a week or a day unless told otherwise, and a chart of a year opens each of them for each curve and field:
# fifty curves by the day took twice as long from 53 shards as from one. Raw readings stay in weeks.
_SHARD_DAYS = {"hours": 56, "days": 364}


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
    there = {row[0]: (row[1], row[2]) for series in answer for row in series["values"]}
    for level in LEVELS:
        days, shard = keep.of(level), _shard_days(level, keep)
        duration = f"DURATION {days}d" if days else "DURATION INF"
        name = f'RETENTION POLICY "{level}" ON "{database}"'
        wide = f" SHARD DURATION {shard}d" if shard else ""
        if level not in there:
            default = " DEFAULT" if level == "raw" else ""
            connection.query(f"CREATE {name} {duration} REPLICATION 1{wide}{default}")
            continue
        kept, in_shards = there[level]
        if kept != (_hours(days) if days else "0s") or (shard and in_shards != _hours(shard)):
            # what is there stays in the shards it lies in; what comes goes into wider ones
            connection.query(f"ALTER {name} {duration}{wide}")


def _shard_days(level: str, keep: SeriesKeep) -> int:
    """How many days lie in a shard, where the server's own choice is not ours; never more than are kept."""
    wide, days = _SHARD_DAYS.get(level, 0), keep.of(level)
    return min(wide, days) if days else wide


def _hours(days: int) -> str:
    return f"{days * 24}h0m0s"


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
    shard = _shard_days(level, keep)
    wide = f" --shard-group-duration {shard}d" if shard else ""
    return f"influx bucket create --name {database}/{level} --retention {days}d{wide}"
