"""Real servers for the tests that need them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mosquitto import Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto on a free port, with ``host``, ``port``, ``kill()`` (-9) and ``start()``."""
    if shutil.which("mosquitto") is None:
        pytest.fail("these tests need Mosquitto: apt-get install mosquitto")
    with Mosquitto(tmp_path) as broker:
        yield broker
