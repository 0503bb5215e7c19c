"""Whatever people do to cases in whatever order: state and timeline agree, and a refusal changes nothing.

``COVERCODE_LIVES=2000 pytest tests/property/test_case_lives.py`` walks as many lives on each database.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from registry.storage.database import open_database
from registry.storage.tables import metadata
from tests.property.case_lives import CaseLives, found_city

LIVES = int(os.environ.get("COVERCODE_LIVES", "6"))

SHORT = settings(
    max_examples=LIVES,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


def walk(url: str, how: settings) -> None:
    engine = open_database(url)
    metadata.create_all(engine)
    try:
        walks = type("Walks", (CaseLives,), {"city": found_city(engine)})
        run_state_machine_as_test(walks, settings=how)
    finally:
        engine.dispose()


def test_lives_of_cases_on_sqlite_hold_together(tmp_path: Path):
    walk(f"sqlite:///{tmp_path / 'records.db'}", SHORT)


@pytest.mark.network
def test_lives_of_cases_on_postgresql_hold_together(postgres_url: str):
    walk(postgres_url, SHORT)
