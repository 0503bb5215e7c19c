"""Migrations make exactly the tables of the program, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from registry.domain.geo import place_cell
from registry.domain.rules import read_memory
from registry.storage.database import open_database
from registry.storage.schema import WrongSchema, check_schema, upgrade
from registry.storage.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> str:
    """Of a database with nothing in it."""
    return f"sqlite:///{tmp_path}/empty.db" if database == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def whole_url(request: pytest.FixtureRequest, database: str) -> str:
    """Of one that was made from the tables at once."""
    return str(request.getfixturevalue(f"filled_{database}_url"))


@pytest.mark.network
def test_an_upgraded_database_is_what_the_tables_say_and_upgrading_twice_is_harmless(url: str, whole_url: str):
    engine, whole = open_database(url), open_database(whole_url)
    with pytest.raises(WrongSchema, match="covercode db upgrade"):
        check_schema(engine)
    upgrade(engine)
    upgrade(engine)
    check_schema(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    # which says nothing of checks, triggers and the conditions of partial indexes
    found, wanted = _rules_of(engine), _rules_of(whole)
    engine.dispose()
    whole.dispose()
    assert differences == []
    assert found == wanted


@pytest.mark.network
def test_a_filled_database_of_the_first_releases_keeps_its_rows_and_takes_its_live_alerts_along(url: str):
    """Live alerts of a rule that became a step go to the rule it is a step of."""
    engine = open_database(url)
    for revision, rows in (("0001", _FIRST_RELEASE), ("0003", _BEFORE_THE_LADDERS)):
        upgrade(engine, revision)
        with engine.execution_options(writes=True).begin() as connection:
            for statement in rows:
                connection.exec_driver_sql(statement)
    upgrade(engine)
    with engine.connect() as connection:
        asset = connection.exec_driver_sql("SELECT code, area_code, place_cell, version FROM asset").one()
        roads = connection.exec_driver_sql("SELECT name FROM road").scalars().all()
        events = connection.exec_driver_sql("SELECT event, asset_id FROM tag_event").all()
        role = connection.exec_driver_sql("SELECT role FROM app_user").scalar_one()
        alerts = connection.exec_driver_sql(
            "SELECT rule_key, point_id, state, severity, peak_severity, peak FROM alert ORDER BY id"
        ).all()
        memories = connection.exec_driver_sql(
            "SELECT rule_key, point_id, body FROM rule_memory ORDER BY point_id, rule_key"
        ).all()
        retired = connection.exec_driver_sql("SELECT key FROM rule WHERE retired").scalars().all()
    engine.dispose()
    assert tuple(asset) == ("3205080101000001", "320508", place_cell(120.61, 31.31), 1)
    assert roads == ["人民路"]
    assert [tuple(event) for event in events] == [("bound", 1)]
    assert role == "dispatcher"
    assert [tuple(row) for row in alerts] == [
        ("cover_tilt", 1, "firing", 3, 3, 60.0),
        ("cover_tilt_critical", 1, "cleared", 3, 3, 60.0),
        ("cover_tilt", 2, "firing", 3, 3, 70.0),
    ]
    assert [(row.rule_key, row.point_id) for row in memories] == [("cover_tilt", 1), ("cover_tilt", 2)]
    assert [(memory.phase, memory.step) for memory in (read_memory(row.body) for row in memories)] == [
        ("firing", 1),
        ("clearing", 1),
    ]
    assert retired == ["cover_tilt_critical"]


_FIRST_RELEASE = (
    "INSERT INTO app_user (id, login, name, role, password_hash, created_at) "
    "VALUES (1, 'chen', 'Chen', 'dispatcher', 'x', 1)",
    "INSERT INTO asset (id, code, scheme, class_code, family, name, state, lon, lat, road, details, created_at, "
    "updated_at) VALUES (1, '3205080101000001', 'cjt214-2007', '0101', 'cover', '上水井盖', 'intact', 120.61, 31.31, "
    "'人民路', '{}', 1, 1)",
    "INSERT INTO tag (id, token, asset_id, state, created_at, bound_at) VALUES (1, 'ABCDEFGHJK', 1, 'active', 1, 2)",
    "INSERT INTO device (id, serial, profile, asset_id, heartbeat_s, fitted_at) VALUES (1, 'CV-1', 'p', 1, 2.0, 3)",
)


_MEMORY = '{"phase": "%s", "since_ms": 5, "last_ms": 6, "level": 50.0, "samples": 1, "began_ms": 4}'
_BEFORE_THE_LADDERS = (
    "INSERT INTO point (id, device_id, name, unit) VALUES (1, 1, 'tilt_z', 'deg'), (2, 1, 'tilt_x', 'deg'), "
    "(3, 1, 'tilt_y', 'deg')",
    "INSERT INTO rule (key, version, kind, family, point, severity, case_kind, condition, enabled, created_at) VALUES "
    "('cover_tilt', 1, 'limit', 'cover', 'tilt_z', 2, 'cover_displaced', '{}', true, 1), "
    "('cover_tilt_critical', 1, 'limit', 'cover', 'tilt_z', 3, 'cover_displaced', '{}', true, 1)",
    "INSERT INTO alert (id, rule_key, rule_version, point_id, device_id, asset_id, severity, state, began_at, "
    "fired_at, recorded_at, value, peak) VALUES "
    "(1, 'cover_tilt', 1, 1, 1, 1, 2, 'firing', 4, 5, 6, 50.0, 51.0), "
    "(2, 'cover_tilt_critical', 1, 1, 1, 1, 3, 'firing', 4, 5, 6, 50.0, 60.0), "
    "(3, 'cover_tilt_critical', 1, 2, 1, 1, 3, 'firing', 4, 5, 6, 50.0, 70.0)",
    "INSERT INTO rule_memory (rule_key, point_id, body) VALUES "
    f"('cover_tilt', 1, '{_MEMORY % 'firing'}'), ('cover_tilt_critical', 1, '{_MEMORY % 'firing'}'), "
    f"('cover_tilt_critical', 2, '{_MEMORY % 'clearing'}'), ('cover_tilt_critical', 3, '{_MEMORY % 'pending'}')",
)


def _rules_of(engine: Engine) -> dict[str, object]:
    """Each table's CHECKs, and its indexes with their WHERE, as the database itself tells them."""
    looked = inspect(engine)
    return {
        table: (
            sorted(str(check["name"]) + _plain(str(check["sqltext"])) for check in looked.get_check_constraints(table)),
            sorted(
                (
                    str(index["name"]),
                    index["column_names"],
                    bool(index["unique"]),
                    _plain(str({key: str(value) for key, value in index.get("dialect_options", {}).items()})),
                )
                for index in looked.get_indexes(table)
            ),
            sorted((key["constrained_columns"], key["referred_table"]) for key in looked.get_foreign_keys(table)),
            _triggers_on(engine, table),
        )
        for table in looked.get_table_names()
        if table != "alembic_version"
    }


def _triggers_on(engine: Engine, table: str) -> list[str]:
    """What the database does by itself when the table is written to."""
    told = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    if engine.dialect.name == "postgresql":
        told = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = :table ::regclass AND NOT tgisinternal"
    with engine.connect() as connection:
        return sorted(connection.execute(text(told), {"table": table}).scalars())


def _plain(sql: str) -> str:
    return " ".join(sql.replace("(", " ").replace(")", " ").replace('"', " ").split())
