"""What other programs may read of PostgreSQL: the views, their reader, and what an upgrade leaves of both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Engine, inspect, make_url, text

from operate.view_docs import views_page
from registry.services.classes import load_classes
from registry.storage import read_views
from registry.storage.database import open_database, writing
from registry.storage.read_view_columns import VIEWS
from registry.storage.read_views import READER, SCHEMA, install_views
from registry.storage.schema import upgrade
from tests.city import City, build_city

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("read views")]  # its city is made once for all

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PRIVATE = ("phone", "login", "password", "contact", "note", "by_user_id", "assignee", "token", "address")


@pytest.fixture(scope="module")
def engine(module_postgres_url: str) -> Iterator[Engine]:
    opened = open_database(module_postgres_url)
    upgrade(opened)
    with writing(opened) as tx:
        load_classes(tx)
        if not tx.exec_driver_sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{READER}'").first():
            tx.exec_driver_sql(f"CREATE ROLE {READER} LOGIN")
        # as deploy/set-up-stores.sh does for a database that is there already
        tx.exec_driver_sql(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {READER}")
        tx.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {READER}")
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def city(engine: Engine) -> City:
    found = build_city(engine, NOW)
    opened = found.open_case(NOW)
    found.add_alert(opened.case_id, NOW)
    return found


@pytest.fixture
def reader(engine: Engine) -> Iterator[psycopg.Connection]:
    """A connection of Grafana's role."""
    url = make_url(str(engine.url)).set(drivername="postgresql", username=READER)
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        yield connection


def test_the_reader_sees_every_view_and_what_the_city_holds(city: City, reader: psycopg.Connection):
    for view in VIEWS:
        reader.execute(f"SELECT * FROM {SCHEMA}.{view.name} LIMIT 3".encode()).fetchall()
    case = reader.execute(
        f"SELECT asset_id, stage, is_open, family, opened_at, opened_at_ms FROM {SCHEMA}.cases".encode()
    ).fetchone()
    alert = reader.execute(f"SELECT asset_id, state, severity, fired_at FROM {SCHEMA}.alerts".encode()).fetchone()
    assert case == (city.asset_id, "filed", True, "cover", NOW, int(NOW.timestamp() * 1000))
    assert alert == (city.asset_id, "firing", 2, NOW)


@pytest.mark.usefixtures("city")
def test_the_reader_reads_no_table_and_writes_nothing(engine: Engine, reader: psycopg.Connection):
    tables = inspect(engine).get_table_names()
    assert len(tables) > 80
    for table in tables:
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute(f'SELECT * FROM public."{table}" LIMIT 1'.encode())
    for statement in (
        f"UPDATE {SCHEMA}.units SET name = 'x'",
        f"DELETE FROM {SCHEMA}.case_entries",
        f"INSERT INTO {SCHEMA}.units (id, name, name_en) VALUES (99, 'x', 'x')",
        f"CREATE TABLE {SCHEMA}.mine (id integer)",
        f"DROP VIEW {SCHEMA}.units",
    ):
        with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)):
            reader.execute(statement.encode())


def test_an_upgrade_that_finds_nothing_to_do_leaves_the_views_and_one_that_makes_them_anew_keeps_the_reader(
    engine: Engine, reader: psycopg.Connection
):
    with writing(engine) as tx:
        assert not install_views(tx)
        tx.exec_driver_sql(f"DROP VIEW {SCHEMA}.units")
        tx.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS 'of an earlier release'")
    upgrade(engine)
    assert reader.execute(f"SELECT count(*) FROM {SCHEMA}.units".encode()).fetchone() is not None


def test_an_account_that_may_not_make_a_schema_gets_its_tables_all_the_same(postgres_url: str):
    owner = open_database(postgres_url)
    with writing(owner) as tx:
        tx.exec_driver_sql("DROP ROLE IF EXISTS without_schemas")
        tx.exec_driver_sql("CREATE ROLE without_schemas LOGIN")
        tx.exec_driver_sql("GRANT CREATE ON SCHEMA public TO without_schemas")
    poor = open_database(make_url(postgres_url).set(username="without_schemas").render_as_string(hide_password=False))
    upgrade(poor)
    with poor.connect() as connection:
        assert connection.execute(text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}).scalar_one() is None
    poor.dispose()
    with writing(owner) as tx:
        tx.exec_driver_sql("DROP OWNED BY without_schemas")
        tx.exec_driver_sql("DROP ROLE without_schemas")
    owner.dispose()


def test_the_views_have_the_documented_columns_and_none_of_people(engine: Engine):
    told = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = :name"
    with engine.connect() as connection:
        found = {tuple(row) for row in connection.execute(text(told), {"name": SCHEMA})}
    page = views_page()
    assert found == {(view.name, column.name) for view in VIEWS for column in view.columns}
    assert [name for _, name in sorted(found) if f"| `{name}` |" not in page] == []
    assert {name for view, name in found if name in PRIVATE} == {"address"}  # of assets


def test_open_cases_are_found_along_their_own_index(engine: Engine):
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = connection.exec_driver_sql(f"EXPLAIN SELECT count(*) FROM {SCHEMA}.cases WHERE is_open").scalars()
        found = "\n".join(plan)
        assert "Seq Scan on case_file" not in found
        assert "ix_case_file_" in found


def test_sqlite_has_no_views():
    engine = open_database("sqlite://")
    with engine.connect() as connection:
        assert not install_views(connection)
        read_views.drop_views(connection)
    engine.dispose()
