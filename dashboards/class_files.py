"""Taking a city's own class table out of an upload, for the page and the API."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage

from registry.domain.people import Actor
from registry.services.class_import import ClassReport, import_class_table
from registry.services.classes import Scheme

_LONGEST_NAME = 100


def load_class_file(
    engine: Engine, file: FileStorage, scheme: Scheme, *, by: Actor, now: datetime, check_only: bool
) -> ClassReport:
    """Load the uploaded CSV or XLSX as ``scheme``, or say what would happen. Raises as ``import_class_table`` does."""
    name = Path(file.filename or "").name.replace("\x00", "")[-_LONGEST_NAME:].lstrip(".")
    with tempfile.TemporaryDirectory(prefix="covercode-classes-") as folder:
        path = Path(folder) / (name or "classes")
        file.save(path)
        return import_class_table(engine, scheme, path, by=by, now=now, check_only=check_only)
