"""Imports: one run per file, what was wrong with its rows, likely duplicates, and saved column mappings."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from registry.domain.kinds import DuplicateDecision, ImportState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# rows = created + updated + unchanged + rejected + held (likely duplicates that wait for a decision) once it is done.
# ``next_row`` is the first row that is not committed yet: an import that was stopped or killed goes on there.
import_run = Table(
    "import_run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("state", String(10), nullable=False, server_default="done"),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("path", String(300), nullable=False, server_default=""),
    Column("sha256", String(64), nullable=False, server_default=""),
    Column("size_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("settings", JSON, nullable=False, server_default=text("'{}'")),
    Column("rows", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("held", Integer, nullable=False, server_default=text("0")),
    Column("remarks", Integer, nullable=False, server_default=text("0")),
    Column("next_row", Integer, nullable=False, server_default=text("0")),
    Column("problem", Text, nullable=False, server_default=""),
    Column("problems", JSON, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("undone_at", UtcTime),
    Column("undone_by", ForeignKey("app_user.id")),
    Column("holder", String(120), nullable=False, server_default=""),
    Column("held_until", UtcTime),
    one_of("state", ImportState),
    Index(None, "state", "id"),
)

# One line of the report: the row of the file (1 = the first row after the header), the column, its value, what is
# wrong, how to mend it. ``grave`` 1: the row was rejected; 0: it was taken with this remark.
import_problem = Table(
    "import_problem",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("import_run.id"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("grave", Integer, nullable=False),
    Column("column", String(120), nullable=False, server_default=""),
    Column("value", String(200), nullable=False, server_default=""),
    Column("problem", Text, nullable=False),
    Column("fix", Text, nullable=False, server_default=""),
    Index(None, "run_id", "row"),
)

# A row that looks like an asset on file (same class within a few metres), or like an earlier row of the same file that
# is not registered yet (``other_row``). ``row_values`` is the row as it would be registered; ``asset_id`` the asset on
# file; ``made_asset_id`` what came of it.
import_duplicate = Table(
    "import_duplicate",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("import_run.id"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("row_values", JSON, nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("other_row", Integer),
    Column("distance_m", Float, nullable=False),
    Column("decision", String(10), nullable=False, server_default="open"),
    Column("made_asset_id", ForeignKey("asset.id")),
    Column("decided_at", UtcTime),
    Column("decided_by", ForeignKey("app_user.id")),
    one_of("decision", DuplicateDecision),
    Index(None, "run_id", "decision", "id"),
    Index(None, "run_id", "row"),
    Index(None, "asset_id"),
    Index(None, "made_asset_id"),
)

# What an asset was before an import changed it, to be put back if the import is undone: ``before`` holds the changed
# columns (``version`` and ``updated_at`` too), ``aliases`` the [kind, value] that the import added.
import_before = Table(
    "import_before",
    metadata,
    Column("run_id", ForeignKey("import_run.id"), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("version_after", Integer, nullable=False),
    Column("before", JSON, nullable=False),
    Column("aliases", JSON, nullable=False),
    PrimaryKeyConstraint("run_id", "asset_id"),
    Index(None, "asset_id"),
)

# Roads and units that were not on file before an import, and serve nobody when it is undone.
import_made = Table(
    "import_made",
    metadata,
    Column("run_id", ForeignKey("import_run.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("key", String(120), nullable=False),
    PrimaryKeyConstraint("run_id", "kind", "key"),
)

import_profile = Table(
    "import_profile",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("settings", JSON, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", ForeignKey("app_user.id")),
)
