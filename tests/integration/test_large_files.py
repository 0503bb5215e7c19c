"""A CSV of two hundred megabytes: looked at, walked through and checked with the memory of a small one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOOK = """
import json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from registry.domain.people import SYSTEM
from registry.queries.imports import import_file
from registry.services import imports
from registry.services.classes import load_classes
from registry.services.import_files import file_of
from registry.storage.database import open_database, writing
from registry.storage.tables import metadata
from registry.tabular.sources import open_table

source, home = Path(sys.argv[1]), Path(sys.argv[2])
clock = lambda: datetime.now(UTC)
engine = open_database(f"sqlite:///{home}/records.db")
metadata.create_all(engine)
with writing(engine) as tx:
    load_classes(tx)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with source.open("rb") as stream:
    run_id = imports.keep_upload(engine, home, stream, source.name, by=SYSTEM, now=clock())
look = imports.look_at(engine, home, run_id, division="320508")
settings = imports.with_choices(look.guessed, crs="wgs84")
batches = []
imports.check_import(
    engine, home, run_id, settings, by=SYSTEM, clock=clock,
    progress=lambda done, expected: batches.append(done), stop=lambda: len(batches) >= 1,
)
path, _ = file_of(engine, home, run_id)
rows = sum(1 for _ in open_table(path, settings).rows())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "rows": rows, "estimate": look.rows_estimate, "checked": import_file(engine, run_id).done_rows,
    "more_mb": (peak - before) / 1000, "columns": len(look.columns),
}))
"""


def test_a_csv_of_two_hundred_megabytes_needs_little_memory(tmp_path: Path):
    source = tmp_path / "全市普查.csv"
    note = "备注" * 330
    block = "".join(f"N-%d-{n},雨水井盖,120.6,31.{n:04d},人民路,{note}\n" for n in range(1_000))
    with source.open("w", encoding="utf-8-sig") as file:
        file.write("井盖编号,部件名称,经度,纬度,道路,备注\n")
        for part in range(100):
            file.write(block.replace("%d", str(part)))
    assert source.stat().st_size > 200_000_000
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, str(source), str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["rows"], seen["columns"], seen["checked"]) == (100_000, 6, 2_500)
    assert abs(seen["estimate"] - 100_000) < 2_000
    assert seen["more_mb"] < 80
