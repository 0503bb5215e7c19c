"""Many open pages on the real server: each event reaches each of them once, and who stops reading is told."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

import pytest

from benchmarks import _generated as generated
from benchmarks._web import one_process_app, served
from benchmarks.live import Load, measure


@pytest.mark.network
def test_each_event_reaches_each_page_once_and_who_stops_reading_is_told_to_load_again(tmp_path: Path) -> None:
    database = generated.registry_of(20, tmp_path / "kept")
    copyfile(database, tmp_path / "covercode.db")
    # More than a page's buffers hold, so that who does not read falls behind; and so slowly that a server which a busy
    # machine lets wait for a second does not take the others for slow.
    load = Load(viewers=40, slow=2, per_minute=6_000, body_bytes=1_500, seconds=4.0)
    with served(one_process_app, str(tmp_path)) as port:
        told, _ = measure(str(tmp_path), port, load)
    assert told.repeated == 0
    assert told.missing == 0
    assert told.slow_told == load.slow
    assert told.resyncs == 0
    assert told.delivered == load.events * load.viewers
