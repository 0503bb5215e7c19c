"""The servers that benchmarks start do start, with the settings that the set-up script ships."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine, text

from benchmarks._stores import one_server
from registry.storage.series.opening import open_series

T0 = 1_767_225_600_000


@pytest.mark.network
def test_the_servers_of_the_one_server_size_take_and_give() -> None:
    # PostgreSQL, under an account of its own, may not enter pytest's folders
    with TemporaryDirectory() as folder, one_server(Path(folder)) as stores:
        with closing(open_series(stores.series, home=Path(folder))) as store:
            store.append([(1, T0, 1.5, 0, T0)])
            assert [row.value for row in store.window(1, T0, T0 + 1)] == [1.5]
        engine = create_engine(stores.records)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()
